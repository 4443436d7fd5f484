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

/// Rosenbrock's function of both parameters, and the evaluations made.
type Evaluated =
    std::result::Result<(f64, Vec<Tensor<f64>>), Box<dyn std::error::Error + Send + Sync>>;

fn rosenbrock(w: &[tensegrity_tensor::View<'_, f64>]) -> Evaluated {
    let (x, y) = (
        w[0].to_tensor().as_slice()[0],
        w[1].to_tensor().as_slice()[0],
    );
    let (a, b) = (1.0 - x, y - x * x);
    let g = [-2.0 * a - 400.0 * x * b, 200.0 * b];
    Ok((
        a * a + 100.0 * b * b,
        vec![
            Tensor::from_vec(vec![g[0]], &[1])?,
            Tensor::from_vec(vec![g[1]], &[1, 1])?,
        ],
    ))
}

fn valley() -> (Registry, [Tensor<f64>; 2]) {
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("x", &[1])).unwrap();
    registry.add(ParameterSpec::new("y", &[1, 1])).unwrap();
    let start = [
        Tensor::from_vec(vec![-1.2], &[1]).unwrap(),
        Tensor::from_vec(vec![1.0], &[1, 1]).unwrap(),
    ];
    (registry, start)
}

fn search(
    optimizer: &mut dyn Optimizer<f64>,
    w: &mut [Tensor<f64>],
    function: &mut Evaluate<'_, f64>,
) -> Result<StepStats> {
    let mut views: Vec<_> = w.iter_mut().map(Tensor::view_mut).collect();
    optimizer.step_with(&mut views, function)
}

#[test]
fn lbfgs_searches_along_a_valley() {
    let (registry, mut w) = valley();
    let method = || Lbfgs::new(1.0).strong_wolfe(25);
    let mut lbfgs = build::<f64>(&method().into(), &registry, &Settings::default()).unwrap();
    let mut last = f64::INFINITY;
    let mut evaluations = 0;
    for step in 1..=40 {
        let stats = search(&mut *lbfgs, &mut w, &mut |w| rosenbrock(w)).unwrap();
        assert!(stats.value.unwrap() <= last, "step {step}");
        assert_eq!((stats.step, stats.skipped), (step, false));
        last = stats.value.unwrap();
        evaluations += stats.evaluations;
    }
    // SciPy's L-BFGS-B takes about 50 evaluations to the same accuracy.
    assert!(last < 1e-20 && evaluations < 150, "{last} in {evaluations}");
    assert!((w[0].as_slice()[0] - 1.0).abs() < 1e-9);
    // A saved state goes on bit for bit.
    let (_, mut w) = valley();
    let mut lbfgs = build::<f64>(&method().into(), &registry, &Settings::default()).unwrap();
    for _ in 0..6 {
        search(&mut *lbfgs, &mut w, &mut |w| rosenbrock(w)).unwrap();
    }
    let mut again = build::<f64>(&method().into(), &registry, &Settings::default()).unwrap();
    again.restore(&lbfgs.state()).unwrap();
    let mut copy = w.clone();
    search(&mut *lbfgs, &mut w, &mut |w| rosenbrock(w)).unwrap();
    search(&mut *again, &mut copy, &mut |w| rosenbrock(w)).unwrap();
    assert_eq!(w[0].as_slice(), copy[0].as_slice());
    assert_eq!(lbfgs.state(), again.state());
}

#[test]
fn a_search_that_fails_leaves_the_parameters() {
    let (registry, mut w) = valley();
    let method = Method::from(Lbfgs::new(1.0).strong_wolfe(25));
    let mut lbfgs = build::<f64>(&method, &registry, &Settings::default()).unwrap();
    let error = lbfgs.step_tensors(&mut w.clone(), &w).unwrap_err();
    assert!(error.to_string().contains("step_with"), "{error}");
    let start = w.clone();
    let mut calls = 0;
    let error = search(&mut *lbfgs, &mut w, &mut |w| {
        calls += 1;
        match calls {
            1 => rosenbrock(w),
            _ => Err("out of paper".into()),
        }
    })
    .unwrap_err();
    assert!(error.to_string().contains("out of paper"), "{error}");
    assert_eq!(w[0].as_slice(), start[0].as_slice());
    assert_eq!(w[1].as_slice(), start[1].as_slice());
    // Nothing lower anywhere: the point stays, and the step says so.
    let stats = search(&mut *lbfgs, &mut w, &mut |w| {
        let (_, g) = rosenbrock(w)?;
        Ok((
            if w[0].to_tensor().as_slice()[0] == -1.2 {
                0.0
            } else {
                1.0
            },
            g,
        ))
    })
    .unwrap();
    assert_eq!(stats.search_held, Some(false));
    assert_eq!(w[0].as_slice(), start[0].as_slice());
    // Values that are not finite are too far, and no start.
    let error = search(&mut *lbfgs, &mut w, &mut |w| {
        Ok((f64::NAN, rosenbrock(w)?.1))
    });
    assert!(error.unwrap_err().to_string().contains("NaN"));
    // A stationary point.
    let mut best = [
        Tensor::full(&[1], 1.0).unwrap(),
        Tensor::full(&[1, 1], 1.0).unwrap(),
    ];
    let stats = search(&mut *lbfgs, &mut best, &mut |w| rosenbrock(w)).unwrap();
    assert_eq!((stats.evaluations, stats.search_held), (1, Some(true)));
    // Other methods evaluate once.
    let mut adam = build::<f64>(&Adam::new(0.1).into(), &registry, &Settings::default()).unwrap();
    let stats = search(&mut *adam, &mut w, &mut |w| rosenbrock(w)).unwrap();
    assert_eq!((stats.evaluations, stats.search_held), (1, None));
    assert!((stats.value.unwrap() - 24.2).abs() < 1e-12);
}

#[test]
fn lbfgs_refuses_what_one_vector_cannot_have() {
    let refused = |group: Group, method: Lbfgs, clip: Option<Clip>| {
        let mut registry = Registry::new();
        registry.add_group(group).unwrap();
        registry
            .add(ParameterSpec::new("w", &[2]).group("g"))
            .unwrap();
        let settings = Settings {
            clip: clip.unwrap_or_default(),
            ..Settings::default()
        };
        let built = build::<f64>(&method.into(), &registry, &settings);
        built.err().map(|error| error.to_string())
    };
    let group = || Group::new("g");
    let search = || Lbfgs::new(1.0).strong_wolfe(10);
    let text = refused(group().weight_decay(0.1), Lbfgs::new(1.0), None).unwrap();
    assert!(text.contains("weight_decay"), "{text}");
    let text = refused(group().rate(0.5), search(), None).unwrap();
    assert!(text.contains("group rate"), "{text}");
    let text = refused(group(), search(), Some(Clip::Norm(1.0))).unwrap();
    assert!(text.contains("clip"), "{text}");
    let text = refused(group(), Lbfgs::new(1.0).strong_wolfe(0), None).unwrap();
    assert!(text.contains("strong_wolfe"), "{text}");
    assert!(refused(group().rate(0.5), Lbfgs::new(1.0), Some(Clip::Norm(1.0))).is_none());
}
