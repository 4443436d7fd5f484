//! Transformations of functions, the laws between them, and their errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tensegrity_grad::{
    Error, Formula, Result, Variable, Window, checkpoint, concat, einsum, grad, gradients, hessian,
    hvp, jacobian, jvp, unrecorded, value_and_grad, vjp,
};
use tensegrity_tensor::{DType, SplitMix64, Tensor, c128};

fn random(seed: u64, shape: &[usize]) -> Variable {
    Variable::new(SplitMix64::new(seed).centred_tensor::<f64>(shape))
}

fn close(found: &Variable, expected: &Variable, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape());
    for (x, y) in found
        .values()
        .unwrap()
        .iter()
        .zip(expected.values().unwrap())
    {
        assert!(
            (x - y).abs() <= tolerance * y.abs().max(1.0),
            "{x} is not {y}"
        );
    }
}

/// A function of two tensors with all kinds of steps.
fn network(x: &[Variable]) -> Result<Variable> {
    let hidden = einsum("ij,jk->ik", &[&x[0], &x[1]])?.tanh()?;
    let attention = hidden.softmax(&[1])?;
    attention.mul(&hidden)?.square()?.sum_all()
}

#[test]
fn gradients_of_gradients_nest() {
    // d³/dx³ x⁵ = 60 x².
    let f = |x: &[Variable]| x[0].powf(5.0);
    let first = grad(f);
    let second = grad(|x: &[Variable]| Ok(first(x)?.remove(0)));
    let third = grad(|x: &[Variable]| Ok(second(x)?.remove(0)));
    let x = Variable::constant(Tensor::scalar(1.5_f64));
    let value = third(std::slice::from_ref(&x)).unwrap().remove(0);
    assert!((value.item().unwrap() - 60.0 * 2.25).abs() < 1e-12);
    let (value, g) = value_and_grad(f)(&[x]).unwrap();
    assert!((value.item().unwrap() - 1.5_f64.powi(5)).abs() < 1e-14);
    assert!((g[0].item().unwrap() - 5.0 * 1.5_f64.powi(4)).abs() < 1e-13);
}

#[test]
fn inner_derivatives_see_only_their_own_argument() {
    // d/dx [x · d/dy (x + y)] at y = x is 1: the inner derivative is one
    // whatever x is (the "perturbation confusion" of Siskind and Pearlmutter).
    let outer = grad(|x: &[Variable]| {
        let outer_x = x[0].clone();
        let inner = grad(move |y: &[Variable]| outer_x.add(&y[0]));
        x[0].mul(&inner(x)?.remove(0))
    });
    let x = Variable::new(Tensor::scalar(4.0_f64));
    assert_eq!(outer(&[x]).unwrap()[0].item().unwrap(), 1.0);
}

#[test]
fn jacobians_by_either_mode_agree_and_compose_to_hessians() {
    let wide = |x: &Variable| x.sin()?.mul(&x.gather(0, [1, 2, 0])?)?.slice(0, 0..2);
    let tall = |x: &Variable| concat(&[&x.sin()?, &x.square()?], 0);
    let x = random(1, &[3]);
    let j = jacobian(wide, &x).unwrap();
    assert_eq!(j.shape(), [2, 3]);
    let v = x.values().unwrap();
    let expected = [
        v[0].cos() * v[1],
        v[0].sin(),
        0.0,
        0.0,
        v[1].cos() * v[2],
        v[1].sin(),
    ];
    let expected = Variable::constant(Tensor::from_vec(expected.to_vec(), &[2, 3]).unwrap());
    close(&j, &expected, 1e-15);
    let j = jacobian(tall, &x).unwrap();
    assert_eq!(j.shape(), [6, 3]);
    assert_eq!(j.values().unwrap()[3 * 3], 2.0 * v[0]);
    assert_eq!(j.values().unwrap()[1], 0.0);

    let f = |x: &Variable| x.sin()?.prod(0)?.add(&x.square()?.sum_all()?);
    let h = hessian(f, &x).unwrap();
    let df = |x: &Variable| Ok(grad(|x: &[Variable]| f(&x[0]))(std::slice::from_ref(x))?.remove(0));
    close(&h, &jacobian(df, &x).unwrap(), 1e-14);
    let expected = -v[0].sin() * v[1].sin() * v[2].sin() + 2.0;
    assert!((h.values().unwrap()[0] - expected).abs() < 1e-15);
    // Of a matrix, and differentiable itself: the Hessian of Σ x³ is 6x on its diagonal.
    let x = random(2, &[2, 2]);
    let h = hessian(|x| x.powf(3.0)?.sum_all(), &x).unwrap();
    assert_eq!(h.shape(), [2, 2, 2, 2]);
    let g = gradients(&h.sum_all().unwrap(), &[&x]).unwrap().remove(0);
    close(
        &g,
        &Variable::constant(Tensor::full(&[2, 2], 6.0).unwrap()),
        1e-15,
    );
}

#[test]
fn hessian_products_agree_with_the_hessian_and_are_symmetric() {
    let x = [random(3, &[3, 4]), random(4, &[4, 5])];
    let v = [random(5, &[3, 4]), random(6, &[4, 5])].map(|v| v.stop_gradient());
    let w = [random(7, &[3, 4]), random(8, &[4, 5])].map(|w| w.stop_gradient());
    let dot = |a: &[Variable], b: &[Variable]| -> f64 {
        let parts = a.iter().zip(b);
        parts
            .map(|(a, b)| a.mul(b).unwrap().sum_all().unwrap().item().unwrap())
            .sum()
    };
    let hv = hvp(network, &x, &v).unwrap();
    let hw = hvp(network, &x, &w).unwrap();
    assert!((dot(&hv, &w) - dot(&hw, &v)).abs() < 1e-14);
    let frugal = unrecorded(|| hvp(network, &x, &v)).unwrap();
    assert!(!frugal[0].is_recorded() && hv[0].is_recorded());
    for (a, b) in frugal.iter().zip(&hv) {
        assert_eq!(a.values().unwrap(), b.values().unwrap());
    }
    // Against reverse over reverse.
    let y = network(&x).unwrap();
    let g = gradients(&y, &[&x[0], &x[1]]).unwrap();
    let back = vjp(&[&g[0], &g[1]], &[&v[0], &v[1]], &[&x[0], &x[1]]).unwrap();
    for (a, b) in back.iter().zip(&hv) {
        close(a, b, 1e-13);
    }
}

#[test]
fn forward_and_reverse_mode_are_adjoint_for_complex_numbers() {
    let mut seed = SplitMix64::new(11);
    let x = Variable::new(seed.centred_tensor::<c128>(&[3, 3]));
    let v = Variable::constant(seed.centred_tensor::<c128>(&[3, 3]));
    let w = Variable::constant(seed.centred_tensor::<c128>(&[3]));
    let y = einsum("ij,ji->i", &[&x.exp().unwrap(), &x.conj().unwrap()]).unwrap();
    let jv = jvp(&[&y], &[&x], &[&v]).unwrap().remove(0);
    let jtw = vjp(&[&y], &[&w], &[&x]).unwrap().remove(0);
    let inner = |a: &Variable, b: &Variable| {
        let product = a.conj().unwrap().mul(b).unwrap().re().unwrap();
        product.sum_all().unwrap().item().unwrap()
    };
    assert!((inner(&w, &jv) - inner(&jtw, &v)).abs() < 1e-14);
}

#[test]
fn checkpoints_compute_again_and_stay_differentiable() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = {
        let count = Arc::clone(&count);
        move |x: &[Variable]| {
            count.fetch_add(1, Ordering::Relaxed);
            network(x)
        }
    };
    let x = [random(3, &[3, 4]), random(4, &[4, 5])];
    let arguments = [&x[0], &x[1]];
    let y = checkpoint(counted, &x).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let plain = network(&x).unwrap();
    assert_eq!(y.item().unwrap(), plain.item().unwrap());
    let g = gradients(&y, &arguments).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 2);
    let expected = gradients(&plain, &arguments).unwrap();
    let mut second = Vec::new();
    for g in [&g, &expected] {
        let along = g[1].square().unwrap().sum_all().unwrap();
        second.push(gradients(&along, &arguments).unwrap());
    }
    for (a, b) in g
        .iter()
        .chain(&second[0])
        .zip(expected.iter().chain(&second[1]))
    {
        close(a, b, 1e-14);
    }
    let tangent = jvp(&[&y], &[&x[0]], &[&x[0].stop_gradient()]).unwrap();
    let expected = jvp(&[&plain], &[&x[0]], &[&x[0].stop_gradient()]).unwrap();
    close(&tangent[0], &expected[0], 1e-14);
    let hidden = x[1].clone();
    let error = checkpoint(move |x| x[0].matmul(&hidden), &x[..1]).unwrap_err();
    assert!(
        error.to_string().contains("pass it as an argument"),
        "{error}"
    );
}

#[test]
fn derivatives_stop_where_they_are_told_to() {
    let x = random(9, &[3]);
    let y = x.mul(&x.stop_gradient()).unwrap().sum_all().unwrap();
    let g = gradients(&y, &[&x]).unwrap().remove(0);
    assert_eq!(g.values().unwrap(), x.values().unwrap());
    let other = random(10, &[2]);
    let g = gradients(&y, &[&other]).unwrap().remove(0);
    assert_eq!(g.values().unwrap(), [0.0, 0.0]);
    let tangent = jvp(&[&y], &[&other], &[&other]).unwrap().remove(0);
    assert_eq!(tangent.item().unwrap(), 0.0);
    assert!(!unrecorded(|| x.exp()).unwrap().is_recorded());
    assert!(x.exp().unwrap().is_recorded());
}

#[test]
fn long_chains_and_wide_sums_work() {
    let x = Variable::new(Tensor::scalar(1.0_f64));
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = y.scale(1.0).unwrap();
    }
    let g = gradients(&y, &[&x]).unwrap().remove(0);
    assert_eq!(g.item().unwrap(), 1.0);
    drop((y, g));
    let mut sum = x.exp().unwrap();
    for k in 0..50 {
        sum = sum.add(&x.scale(f64::from(k)).unwrap()).unwrap();
    }
    let g = gradients(&sum, &[&x]).unwrap().remove(0);
    assert_eq!(g.item().unwrap(), 1.0_f64.exp() + 1225.0);
}

#[test]
fn extreme_values_keep_their_digits() {
    let x = Variable::new(Tensor::from_vec(vec![-800.0, -40.0, 0.0, 40.0, 800.0], &[5]).unwrap());
    let y = x.softplus().unwrap();
    let v = y.values().unwrap();
    assert_eq!(v[0], 0.0);
    assert!((v[1] / (-40.0_f64).exp() - 1.0).abs() < 1e-14);
    assert!((v[2] - 2.0_f64.ln()).abs() < 1e-15);
    assert_eq!((v[3], v[4]), (40.0, 800.0));
    let g = gradients(&y.sum_all().unwrap(), &[&x]).unwrap().remove(0);
    assert!(g.values().unwrap().iter().all(|g| g.is_finite()));
    let g = gradients(&x.logsumexp(&[0]).unwrap(), &[&x])
        .unwrap()
        .remove(0);
    assert_eq!(g.values().unwrap(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    // A product with zeros among its factors.
    let x = Variable::new(Tensor::from_vec(vec![2.0, 0.0, 3.0], &[3]).unwrap());
    let g = gradients(&x.prod(0).unwrap(), &[&x]).unwrap().remove(0);
    assert_eq!(g.values().unwrap(), [0.0, 6.0, 0.0]);
    // |x| and the share of equal extrema.
    let x = Variable::new(Tensor::from_vec(vec![0.0, 1.0, 1.0], &[3]).unwrap());
    let g = gradients(&x.abs().unwrap().sum_all().unwrap(), &[&x])
        .unwrap()
        .remove(0);
    assert_eq!(g.values().unwrap(), [0.0, 1.0, 1.0]);
    let g = gradients(&x.max(&[0]).unwrap(), &[&x]).unwrap().remove(0);
    assert_eq!(g.values().unwrap(), [0.0, 0.5, 0.5]);
}

#[test]
fn bad_requests_are_errors_in_plain_words() {
    let x = random(1, &[2, 3]);
    let y = random(2, &[4]);
    let cases: Vec<(Result<Variable>, &str)> = vec![
        (x.add(&y), "do not broadcast"),
        (x.matmul(&y), "must match the left operand"),
        (
            x.matmul(&Variable::scalar(1.0, DType::F64)),
            "one axis or more",
        ),
        (x.reshape(&[4]), "another number of elements"),
        (x.permute(&[0, 0]), "not distinct axes"),
        (x.permute(&[1]), "not distinct axes"),
        (x.sum(&[2]), "not distinct axes of a tensor of 2 axes"),
        (x.mean(&[5]), "not distinct axes"),
        (x.prod(2), "not distinct axes"),
        (x.slice(1, 1..4), "out of range"),
        (x.crop(&[]), "2 are needed"),
        (x.pad(&[(1, 1)]), "2 are needed"),
        (
            x.gather(1, [3]),
            "index 3 is out of range for axis 1 of length 3",
        ),
        (x.scatter_add(0, [0, 5], 5), "index 5"),
        (x.scatter_add(0, [0], 5), "2 are needed"),
        (x.broadcast_to(&[3, 2]), "must be equal or one"),
        (y.transpose(), "two axes or more"),
        (concat(&[&x, &y], 0), "all but axis 0"),
        (concat(&[], 0), "1 are needed"),
        (concat(&[&x, &x.cast(DType::F32).unwrap()], 0), "cast it"),
        (einsum("ij,jk->ik", &[&x, &x]), "j"),
        (einsum("", &[]), "1 are needed"),
        (Formula::input(2).apply(&[&x]), "3 are needed"),
        (
            x.cast(DType::C128).unwrap().cast(DType::F64),
            "take `re` first",
        ),
        (x.cast(DType::C128).unwrap().relu(), "not defined"),
        (
            x.cast(DType::C128).unwrap().max(&[0]),
            "only real numbers are ordered",
        ),
        (x.layer_norm(&[1], &y, &y, 1e-5), "do not broadcast"),
        (
            jacobian(|x| x.cast(DType::C128), &x),
            "only real numbers have one",
        ),
        (gradients(&x, &[&x]).map(|mut g| g.remove(0)), "sum_all"),
        (
            gradients(&x.sum_all().unwrap(), &[&y.stop_gradient()]).map(|mut g| g.remove(0)),
            "Variable::new",
        ),
        (
            vjp(&[&x], &[&y], &[&x]).map(|mut g| g.remove(0)),
            "needs the shape of its value",
        ),
        (jvp(&[&x], &[&x], &[]).map(|mut g| g.remove(0)), "0 seeds"),
        (
            einsum(
                "i->",
                &[&Variable::constant(
                    Tensor::from_vec(vec![1_i64], &[1]).unwrap(),
                )],
            ),
            "convert it first",
        ),
    ];
    for (number, (result, words)) in cases.into_iter().enumerate() {
        let error = match result {
            Ok(value) => panic!("case {number} gave {value:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(words), "case {number}: {error}");
    }
    assert!(matches!(x.item(), Err(Error::NotScalar { .. })));
}

#[test]
fn empty_tensors_have_empty_gradients() {
    let x = Variable::new(Tensor::<f64>::zeros(&[0, 3]).unwrap());
    let w = random(1, &[3, 2]);
    let y = x.matmul(&w).unwrap().exp().unwrap().sum_all().unwrap();
    let g = gradients(&y, &[&x, &w]).unwrap();
    assert_eq!(g[0].shape(), [0, 3]);
    assert_eq!(g[1].values().unwrap(), [0.0; 6]);
}

#[test]
fn factors_with_equal_values_have_finite_derivatives_of_what_is_defined() {
    // The trace of a symmetric matrix by its eigenvalues, all of them equal.
    let one = Variable::new(Tensor::<f64>::eye(3).unwrap());
    let (w, v) = one.eigh().unwrap();
    let scaled = v.mul(&w).unwrap().matmul(&v.transpose().unwrap()).unwrap();
    let g = gradients(&scaled.square().unwrap().sum_all().unwrap(), &[&one])
        .unwrap()
        .remove(0);
    assert!(g.values().unwrap().iter().all(|g| g.is_finite()));
    let g = gradients(&w.sum_all().unwrap(), &[&one]).unwrap().remove(0);
    close(&g, &one.stop_gradient(), 1e-14);
    let (_, s, _) = one.svd().unwrap();
    let g = gradients(&s.sum_all().unwrap(), &[&one]).unwrap().remove(0);
    close(&g, &one.stop_gradient(), 1e-14);
}

#[test]
fn a_convolution_is_the_sum_over_its_windows() {
    let x = Variable::new(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[1, 1, 4]).unwrap());
    let filter = Variable::new(Tensor::from_vec(vec![1.0, 10.0], &[1, 1, 2]).unwrap());
    let y = x.conv1d(&filter, Window::default()).unwrap();
    assert_eq!(y.values().unwrap(), [21.0, 32.0, 43.0]);
    let strided = Window {
        stride: 2,
        padding: 1,
        dilation: 1,
    };
    let y = x.conv1d(&filter, strided).unwrap();
    assert_eq!(y.values().unwrap(), [10.0, 32.0, 4.0]);
}

#[test]
fn the_exponential_of_a_rotation_turns() {
    let angle = 20.0_f64;
    let a = Variable::new(Tensor::from_vec(vec![0.0, -angle, angle, 0.0], &[2, 2]).unwrap());
    let r = a.expm().unwrap();
    let (s, c) = angle.sin_cos();
    let expected = Variable::constant(Tensor::from_vec(vec![c, -s, s, c], &[2, 2]).unwrap());
    close(&r, &expected, 1e-13);
}
