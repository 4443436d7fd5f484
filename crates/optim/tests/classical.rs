//! The classical methods against their formulas and against each other.

mod support;

use support::*;
use tensegrity_optim::*;
use tensegrity_tensor::Tensor;

/// The formula of a method, element by element.
fn by_hand(count: usize, mut rule: impl FnMut(usize, f64, f64) -> f64) -> Tensor<f64> {
    let mut w = wave(&[3, 2], 0.0);
    for (t, g) in waves(&[3, 2], count).iter().enumerate() {
        for (i, (w, g)) in w.as_mut_slice().iter_mut().zip(g.as_slice()).enumerate() {
            *w = rule(6 * t + i, *w, *g);
        }
    }
    w
}

fn run(method: impl Into<Method>, count: usize) -> Tensor<f64> {
    after(method, wave(&[3, 2], 0.0), &waves(&[3, 2], count))
}

#[test]
fn gradient_descent_has_momentum() {
    assert!(distance(&run(Sgd::new(0.1), 4), &by_hand(4, |_, w, g| w - 0.1 * g)) < 1e-15);
    for nesterov in [false, true] {
        let mut v = [0.0; 6];
        let expected = by_hand(4, |i, w, g| {
            v[i % 6] = 0.9 * v[i % 6] + g;
            w - 0.1
                * if nesterov {
                    g + 0.9 * v[i % 6]
                } else {
                    v[i % 6]
                }
        });
        let found = run(Sgd::new(0.1).momentum(0.9).nesterov(nesterov), 4);
        assert!(distance(&found, &expected) < 1e-15);
    }
    let decayed = by_hand(4, |_, w, g| w * (1.0 - 0.1 * 0.3) - 0.1 * g);
    assert!(distance(&run(Sgd::new(0.1).weight_decay(0.3), 4), &decayed) < 1e-15);
}

#[test]
fn adagrad_divides_by_its_sums() {
    let mut s = [0.0; 6];
    let expected = by_hand(4, |i, w, g| {
        s[i % 6] += g * g;
        w - 0.1 * g / (s[i % 6].sqrt() + 1e-3)
    });
    assert!(distance(&run(AdaGrad::new(0.1).eps(1e-3), 4), &expected) < 1e-15);
}

#[test]
fn adam_corrects_its_averages() {
    for (coupled, decoupled) in [(0.0, 0.0), (0.2, 0.0), (0.0, 0.2)] {
        let (mut m, mut v) = ([0.0; 6], [0.0; 6]);
        let expected = by_hand(5, |i, w, g| {
            let (t, i) = ((i / 6 + 1) as i32, i % 6);
            let g = g + coupled * w;
            m[i] = 0.8 * m[i] + 0.2 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            let (m, v) = (
                m[i] / (1.0 - 0.8f64.powi(t)),
                v[i] / (1.0 - 0.95f64.powi(t)),
            );
            w * (1.0 - 0.1 * decoupled) - 0.1 * m / (v.sqrt() + 1e-4)
        });
        let decay = if coupled > 0.0 {
            WeightDecay::Coupled(coupled)
        } else {
            WeightDecay::Decoupled(decoupled)
        };
        let method = Adam::new(0.1)
            .betas(0.8, 0.95)
            .eps(1e-4)
            .weight_decay(decay);
        assert!(distance(&run(method, 5), &expected) < 1e-14);
    }
}

#[test]
fn lamb_steps_by_the_length_of_the_weights() {
    let g = waves(&[3, 2], 1);
    let w0 = wave(&[3, 2], 0.0);
    let w = after(Lamb::new(0.1).weight_decay(0.0), w0.clone(), &g);
    let step = Tensor::from_fn(&[3, 2], |at| w.get(at).unwrap() - w0.get(at).unwrap()).unwrap();
    assert!((step.norm() - 0.1 * w0.norm()).abs() < 1e-12);
    // The first direction of Adam is the sign.
    let sign = g[0].map(|g| -g.signum() * step.norm() / 6f64.sqrt());
    assert!(distance(&step, &sign) < 1e-4);
    // Weights of zero take the plain step.
    let w = after(
        Lamb::new(0.1).weight_decay(0.0),
        Tensor::zeros(&[3, 2]).unwrap(),
        &g,
    );
    assert!(distance(&w, &g[0].map(|g| -0.1 * g.signum())) < 1e-4);
}

#[test]
fn lbfgs_solves_an_ill_conditioned_quadratic() {
    // ½·Σ a_i·(w_i − 1)² over two parameters, a from 1 to 1e4.
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("u", &[2])).unwrap();
    registry.add(ParameterSpec::new("v", &[2, 1])).unwrap();
    let curvature = [1.0, 20.0, 500.0, 10_000.0];
    let run = |method: Method, steps: usize| {
        let mut optimizer = build::<f64>(&method, &registry, &Settings::default()).unwrap();
        let mut w = [
            Tensor::zeros(&[2]).unwrap(),
            Tensor::zeros(&[2, 1]).unwrap(),
        ];
        for _ in 0..steps {
            let g: Vec<Tensor<f64>> = (0..2)
                .map(|p| {
                    let values = w[p].as_slice().iter().enumerate();
                    let g = values
                        .map(|(i, w)| curvature[2 * p + i] * (w - 1.0))
                        .collect();
                    Tensor::from_vec(g, w[p].shape()).unwrap()
                })
                .collect();
            optimizer.step_tensors(&mut w, &g).unwrap();
        }
        w.iter()
            .flat_map(|w| w.as_slice())
            .map(|w| (w - 1.0).abs())
            .fold(0.0, f64::max)
    };
    assert!(run(Lbfgs::new(1.0).into(), 40) < 1e-10);
    assert!(run(Lbfgs::new(1.0).history(3).into(), 200) < 1e-10);
    assert!(run(Sgd::new(1e-4).into(), 60) > 0.9);
}
