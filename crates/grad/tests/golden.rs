//! Golden values: first and second derivatives of a CP least-squares loss,
//! computed independently by central differences and closed formulas in NumPy,
//! and derivatives of scalar functions known in closed form.

use tensegrity_grad::{Variable, einsum, gradients, hvp, jvp, unrecorded};
use tensegrity_tensor::{SplitMix64, Tensor, c128};

fn golden(case: u64, number: u64, shape: &[usize]) -> Variable {
    let mut seed = SplitMix64::new(1000 * case + number);
    Variable::new(seed.centred_tensor::<f64>(shape))
}

fn close(found: f64, expected: f64) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error < 1e-13, "{found} is not {expected}");
}

fn loss(x: &[Variable], target: &Variable) -> tensegrity_grad::Result<Variable> {
    let full = einsum("ir,jr,kr->ijk", &[&x[0], &x[1], &x[2]])?;
    full.sub(target)?.square()?.sum_all()?.scale(0.5)
}

#[test]
fn cp_loss_has_the_golden_first_and_second_derivatives() {
    let factors = [
        golden(12, 0, &[2, 5]),
        golden(12, 1, &[3, 5]),
        golden(12, 2, &[4, 5]),
    ];
    let target = golden(12, 3, &[2, 3, 4]).stop_gradient();
    let direction = golden(12, 4, &[2, 5]).stop_gradient();
    let [a, b, _] = &factors;
    let value = loss(&factors, &target).unwrap();
    close(value.item().unwrap(), 1.3895742278356942);
    let g = gradients(&value, &[a, b]).unwrap();
    let (ga, gb) = (g[0].values().unwrap(), g[1].values().unwrap());
    close(ga.iter().sum(), 0.336139374746716);
    close(ga[0], -0.110143974401862);
    close(ga[9], 0.128047935781802);
    close(gb.iter().sum(), -0.533663108545614);
    close(gb[0], -0.145085553510468);

    // Reverse over reverse: ∂⟨∂L/∂A, V⟩ with respect to A and B.
    let along = g[0].mul(&direction).unwrap().sum_all().unwrap();
    let second = unrecorded(|| gradients(&along, &[a, b])).unwrap();
    let (ha, hb) = (second[0].values().unwrap(), second[1].values().unwrap());
    // Forward over reverse.
    let zeros = |x: &Variable| Variable::zeros(x.shape(), x.dtype()).unwrap();
    let moving = [direction.clone(), zeros(&factors[1]), zeros(&factors[2])];
    let forward = hvp(|x| loss(x, &target), &factors, &moving).unwrap();
    // Forward mode on the recorded gradient alone.
    let tangent = jvp(&[&g[0]], &[a], &[&direction]).unwrap();
    for h in [
        ha,
        forward[0].values().unwrap(),
        tangent[0].values().unwrap(),
    ] {
        close(h.iter().sum(), -0.0319123402397352);
        close(h[0], 0.0868141382784316);
    }
    for h in [hb, forward[1].values().unwrap()] {
        close(h.iter().sum(), 0.616425468404544);
        close(h[0], 0.217373871616554);
        close(h[14], 0.110589140265723);
    }
}

#[test]
fn the_gradient_of_a_squared_modulus_is_twice_the_number() {
    let values = vec![c128::new(1.0, -2.0), c128::new(0.5, 3.0)];
    let z = Variable::new(Tensor::from_vec(values.clone(), &[2]).unwrap());
    let loss = z.abs2().unwrap().sum_all().unwrap();
    let g = gradients(&loss, &[&z]).unwrap().remove(0);
    let g = g.value().typed::<c128>().unwrap();
    assert_eq!(g.as_slice(), [values[0] * 2.0, values[1] * 2.0]);
    // The same by a contraction with the conjugate.
    let inner = einsum("i,i->", &[&z.conj().unwrap(), &z]).unwrap();
    let g = gradients(&inner.re().unwrap(), &[&z]).unwrap().remove(0);
    let g = g.value().typed::<c128>().unwrap();
    assert_eq!(g.as_slice(), [values[0] * 2.0, values[1] * 2.0]);
}

/// A tape that detaches gradients gives 0.8405 here.
#[test]
fn the_second_derivative_is_not_detached() {
    let x = Variable::new(Tensor::scalar(3.0_f64));
    let y = x
        .sin()
        .unwrap()
        .exp()
        .unwrap()
        .mul(&x.square().unwrap())
        .unwrap();
    let first = gradients(&y, &[&x]).unwrap().remove(0);
    let second = gradients(&first, &[&x]).unwrap().remove(0);
    let (s, c) = 3.0_f64.sin_cos();
    let exact = s.exp() * (9.0 * (c * c - s) + 12.0 * c + 2.0);
    close(second.item().unwrap(), exact);
}
