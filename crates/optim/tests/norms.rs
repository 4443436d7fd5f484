//! Norms, their descent methods and Prodigy against values computed
//! independently with NumPy (and optax where said), and the laws of duality.

mod support;

use proptest::prelude::*;
use support::*;
use tensegrity_optim::*;
use tensegrity_tensor::{SplitMix64, Tensor, View};

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

#[test]
fn duality_maps_match() {
    let g = wave(&[3, 4], 1.0).map(|x| 2.0 * x);
    let view = g.view();
    near(NormSpec::Spectral.norm(&view).unwrap(), 3.787369261, 1e-9);
    near(
        NormSpec::Spectral.dual_norm(&view).unwrap(),
        7.376285929530161,
        1e-13,
    );
    near(
        NormSpec::MaxAbs.dual_norm(&view).unwrap(),
        14.562925883413952,
        1e-13,
    );
    near(
        NormSpec::L1Lp(2.0).dual_norm(&view).unwrap(),
        9.463431173951127,
        1e-13,
    );
    let rms = 3f64.sqrt();
    near(
        NormSpec::L1Rms.dual_norm(&view).unwrap(),
        rms * 9.463431173951127,
        1e-13,
    );
    let linear = (3.0f64 / 4.0).sqrt();
    near(
        NormSpec::RmsRms.dual_norm(&view).unwrap(),
        linear * 7.376285929530161,
        1e-13,
    );
    let polar = NormSpec::Spectral.dualize(&view).unwrap();
    #[rustfmt::skip]
    assert_all(&polar, &[
        0.491360735, -0.114746831, 0.852905934, 0.13397485,
        0.728682583, -0.476755806, -0.454474479, -0.187559436,
        -0.333600408, -0.443408238, 0.256829378, -0.791289184,
    ], 1e-9);
    let first_row = |norm: NormSpec| {
        norm.dualize(&view)
            .unwrap()
            .view()
            .indexed(0, 0)
            .unwrap()
            .to_tensor()
    };
    let linear = [0.425530879, -0.099373671, 0.738638206, 0.116025623];
    assert_all(&first_row(NormSpec::RmsRms), &linear, 1e-9);
    let embedding = [1.121356324, -0.083357203, 1.484955418, 0.562705389];
    assert_all(&first_row(NormSpec::L1Rms), &embedding, 1e-9);
}

#[test]
fn the_modular_step_matches() {
    let (g1, g2) = (wave(&[2, 3], 1.0), wave(&[3, 2], 2.0));
    let gradients = [g1.view(), g2.view()];
    near(
        NormSpec::Spectral.dual_norm(&gradients[0]).unwrap(),
        2.586742667214018,
        1e-13,
    );
    near(
        NormSpec::Spectral.dual_norm(&gradients[1]).unwrap(),
        2.742676465467131,
        1e-13,
    );
    let modular = Modular::new(vec![(NormSpec::Spectral, 1.0), (NormSpec::Spectral, 0.5)]).unwrap();
    let (directions, rate, value) = modular.steepest(&gradients, 2.0).unwrap();
    near(rate, 4.03604779907414, 1e-13);
    near(value, -16.28968183641121, 1e-13);
    #[rustfmt::skip]
    let expected = [
        [-3.235766218, -0.253338554, -2.399024467, -1.597135934, -2.783108885, 2.448089781],
        [-5.366149785, 5.077666304, -5.595087723, -5.81644367, -2.249034727, 2.354785614],
    ];
    for (direction, expected) in directions.iter().zip(&expected) {
        assert_all(direction, expected, 1e-8);
    }
    let views: Vec<View<'_, f64>> = directions.iter().map(Tensor::view).collect();
    near(modular.norm(&views).unwrap(), rate, 1e-12);
    // The optimiser takes the same step.
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("one", &[2, 3])).unwrap();
    registry.add(ParameterSpec::new("two", &[3, 2])).unwrap();
    let method = NormDescent::spectral_descent(1.0)
        .scale("two", 0.5)
        .eta(Eta::Sharpness(2.0));
    let mut optimizer = optimizer(method, &registry);
    let mut w = [
        Tensor::zeros(&[2, 3]).unwrap(),
        Tensor::zeros(&[3, 2]).unwrap(),
    ];
    let stats = optimizer.step_tensors(&mut w, &[g1, g2]).unwrap();
    near(stats.rate, rate, 1e-13);
    for (w, direction) in w.iter().zip(&directions) {
        assert!(distance(w, direction) < 1e-13);
    }
}

#[test]
fn modules_split_norms_by_mass_and_sensitivity() {
    let atom = || Module::atom(NormSpec::Spectral);
    // M2 has mass 3 and sensitivity 1/2; M1 mass 1: t·1/(4·½) and t·3/4.
    let inner = atom();
    let outer = Module::bond(0.5).after(atom()).tare(3.0);
    let whole = outer.after(inner);
    assert_eq!((whole.mass(), whole.sensitivity()), (4.0, 0.5));
    assert_eq!(whole.targets(2.0), [1.0, 3.0]);
    let pair = Module::tuple(vec![atom(), atom().tare(3.0)]);
    assert_eq!((pair.mass(), pair.sensitivity()), (4.0, 2.0));
    assert_eq!(pair.targets(1.0), [0.25, 0.75]);
    let scaled = pair.scaled(-4.0);
    assert_eq!((scaled.mass(), scaled.sensitivity()), (4.0, 8.0));
    assert_eq!(scaled.targets(1.0), [0.0625, 0.1875]);
    // A tree without mass moves nothing.
    assert_eq!(
        atom().tare(0.0).after(Module::bond(1.0)).targets(1.0),
        [0.0]
    );
    let (g1, g2) = (wave(&[2, 3], 1.0), wave(&[3, 2], 2.0));
    let changes = whole.normalize(&[g1.view(), g2.view()], 2.0).unwrap();
    near(
        NormSpec::Spectral.norm(&changes[0].view()).unwrap(),
        1.0,
        1e-13,
    );
    near(
        NormSpec::Spectral.norm(&changes[1].view()).unwrap(),
        3.0,
        1e-13,
    );
    let views: Vec<View<'_, f64>> = changes.iter().map(Tensor::view).collect();
    near(whole.modular().unwrap().norm(&views).unwrap(), 2.0, 1e-13);
    let dual = whole
        .modular()
        .unwrap()
        .dualize(&[g1.view(), g2.view()])
        .unwrap();
    near(
        NormSpec::Spectral.norm(&dual[1].view()).unwrap(),
        1.5,
        1e-13,
    );
}

#[test]
fn adam_without_averages_is_sign_descent() {
    let gradients = waves(&[3, 4], 10);
    let adam = after(
        Adam::new(0.1).betas(0.0, 0.0).eps(0.0),
        wave(&[3, 4], 0.0),
        &gradients,
    );
    let signs = after(NormDescent::sign_sgd(0.1), wave(&[3, 4], 0.0), &gradients);
    assert!(distance(&adam, &signs) < 1e-15);
    // Zero entries stand still under both.
    let zero = Tensor::zeros(&[2, 2]).unwrap();
    let still = after(
        Adam::new(0.1).betas(0.0, 0.0).eps(0.0),
        wave(&[2, 2], 0.0),
        &[zero],
    );
    assert_eq!(still.as_slice(), wave(&[2, 2], 0.0).as_slice());
}

#[test]
fn momentum_looks_ahead() {
    let g = waves(&[3, 4], 2);
    let mix = |a: f64, b: f64| {
        Tensor::from_fn(&[3, 4], |at| {
            a * g[0].get(at).unwrap() + b * g[1].get(at).unwrap()
        })
        .unwrap()
    };
    // b₂ = β(1 − β)g₁ + (1 − β)g₂, and the look-ahead (1 − β)g₂ + βb₂.
    let start = || wave(&[3, 4], 0.0);
    for (nesterov, second) in [(false, mix(0.25, 0.5)), (true, mix(0.125, 0.75))] {
        let method = NormDescent::new(0.1).momentum(0.5).nesterov(nesterov);
        let w = after(method, start(), &g);
        let by_hand = after(NormDescent::new(0.1), start(), &[g[0].clone(), second]);
        assert!(distance(&w, &by_hand) < 1e-14);
    }
}

#[test]
fn muon_matches_optax() {
    let method = Muon::new(0.1).variant(MuonVariant::Optax);
    let w = after(method, wave(&[3, 4], 0.0), &waves(&[3, 4], 2));
    // optax 0.2.8 computes in single precision.
    #[rustfmt::skip]
    assert_all(&w, &[
        -0.08380505, 0.84764493, -0.22471679, -0.5861002,
        0.5461271, -0.59545904, 0.69518026, 0.31568944,
        -0.87656499, 0.35635127, 0.65117548, -0.51872604,
    ], 2e-6);
}

#[test]
fn muon_leaves_the_rest_to_adam() {
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("hidden", &[4, 2])).unwrap();
    registry.add(ParameterSpec::new("bias", &[3])).unwrap();
    registry
        .add(ParameterSpec::new("table", &[2, 5]).role(Role::Embedding))
        .unwrap();
    registry
        .add(ParameterSpec::new("kernel", &[2, 3, 2, 2]).role(Role::Conv2d))
        .unwrap();
    let g: Vec<Tensor<f64>> = registry
        .parameters()
        .iter()
        .map(|spec| wave(&spec.shape, 1.0))
        .collect();
    let mut w: Vec<Tensor<f64>> = g
        .iter()
        .map(|g| Tensor::zeros(g.shape()).unwrap())
        .collect();
    let method = Muon::new(0.02).polar(PolarMethod::Svd);
    optimizer(method, &registry)
        .step_tensors(&mut w, &g)
        .unwrap();
    let polar = NormSpec::Spectral.dualize(&g[0].view()).unwrap();
    assert!(distance(&w[0], &polar.map(|x| -0.02 * 2f64.sqrt() * x)) < 1e-13);
    let flat = g[3].clone().reshaped(&[2, 12]).unwrap();
    let polar = NormSpec::Spectral
        .dualize(&flat.view())
        .unwrap()
        .reshaped(&[2, 3, 2, 2])
        .unwrap();
    assert!(distance(&w[3], &polar.map(|x| -0.02 * x)) < 1e-13);
    for i in [1, 2] {
        // The first step of Adam is the sign, but for ε.
        assert!(distance(&w[i], &g[i].map(|x| -3e-4 * x.signum())) < 1e-5);
    }
}

/// Runs on `½·Σ a_i·(w_i − 1)²`, a = (1, 4, 9), from zero; rates of the steps.
fn run_prodigy(method: Prodigy, steps: usize) -> (Vec<f64>, Tensor<f64>) {
    let mut optimizer = optimizer(method, &alone(&[3]));
    let mut w = [Tensor::zeros(&[3]).unwrap()];
    let mut rates = Vec::new();
    for _ in 0..steps {
        let g = Tensor::from_fn(&[3], |at| {
            [1.0, 4.0, 9.0][at[0]] * (w[0].get(at).unwrap() - 1.0)
        });
        rates.push(optimizer.step_tensors(&mut w, &[g.unwrap()]).unwrap().rate);
    }
    let [w] = w;
    (rates, w)
}

#[test]
fn prodigy_without_averages_doubles_until_it_escapes() {
    let (rates, _) = run_prodigy(Prodigy::without_averages(), 40);
    // 1e-6, 1e-6, 2e-6, 4e-6, … up to step 21, counted from one.
    near(rates[0], 1e-6, 1e-15);
    for (step, rate) in rates.iter().enumerate().skip(1) {
        let doublings = (step - 1).min(19) as i32;
        let expected = 1e-6 * 2f64.powi(doublings);
        assert!((rate / expected - 1.0).abs() < 1e-9, "step {step}: {rate}");
    }
    near(rates[20], 0.524288, 1e-9);
    near(rates[39], 0.524288, 1e-9);
}

#[test]
fn prodigy_finds_its_distance() {
    let (rates, w) = run_prodigy(Prodigy::new(), 60);
    // The distance after step k is the rate of step k + 1.
    for (step, distance) in [
        (1, 1e-6),
        (2, 1.58153e-6),
        (3, 4.82239e-6),
        (6, 8.85849e-5),
        (11, 0.00996028),
        (21, 0.419775),
    ] {
        let found: f64 = rates[step];
        assert!(
            (found / distance - 1.0).abs() < 1e-5,
            "after step {step}: {found}"
        );
    }
    assert_all(&w, &[0.954482279, 0.95448242, 0.954482446], 1e-8);
    let (slow, _) = run_prodigy(Prodigy::new().growth_rate(1.5), 60);
    assert!(
        slow.windows(2)
            .all(|pair| pair[1] <= 1.5 * pair[0] * (1.0 + 1e-12))
    );
}

#[test]
fn roles_choose_norms() {
    let spec = |shape: &[usize], role| ParameterSpec::new("w", shape).role(role);
    let method = NormDescent::new(0.1);
    assert_eq!(
        method.norm_of(&ParameterSpec::new("w", &[2, 3])),
        NormSpec::RmsRms
    );
    assert_eq!(
        method.norm_of(&ParameterSpec::new("b", &[2])),
        NormSpec::Rms
    );
    assert_eq!(
        method.norm_of(&spec(&[2, 3], Role::Embedding)),
        NormSpec::L1Rms
    );
    let own = Role::Custom(NormSpec::Frobenius);
    let method = method
        .everywhere(NormSpec::MaxAbs)
        .assign(Role::Head, NormSpec::Spectral);
    assert_eq!(method.norm_of(&spec(&[2, 3], own)), NormSpec::Frobenius);
    assert_eq!(
        method.norm_of(&spec(&[2, 3], Role::Head)),
        NormSpec::Spectral
    );
    assert_eq!(
        method.norm_of(&spec(&[2, 3], Role::Embedding)),
        NormSpec::MaxAbs
    );
    for name in [
        "max-abs",
        "spectral",
        "rms->rms",
        "l1->rms",
        "frobenius",
        "rms",
        "conv2d",
        "l1->l3",
        "l1.5->linf",
    ] {
        assert_eq!(NormSpec::by_name(name).unwrap().name(), name);
    }
    let text = NormSpec::by_name("l7->l2").unwrap_err().to_string();
    assert!(
        text.contains("l7->l2") && text.contains("rms->rms"),
        "{text}"
    );
    let mut registry = Registry::new();
    registry.add(spec(&[2, 3], Role::Conv2d)).unwrap();
    let refused = build::<f64>(
        &NormDescent::new(0.1).into(),
        &registry,
        &Settings::default(),
    );
    assert!(matches!(refused.err(), Some(Error::NormShape { .. })));
    let mut bad = wave(&[2, 3], 0.0);
    bad.as_mut_slice()[4] = f64::NAN;
    assert!(
        NormSpec::MaxAbs
            .dualize(&bad.view())
            .unwrap_err()
            .to_string()
            .contains("[1, 1]")
    );
}

fn all_norms() -> Vec<(NormSpec, &'static [usize])> {
    let matrix: &[usize] = &[3, 4];
    let mut norms: Vec<(NormSpec, &[usize])> = vec![
        (NormSpec::Rms, &[5]),
        (NormSpec::MaxAbs, &[5]),
        (NormSpec::Spectral, &[5]),
        (NormSpec::Conv2d, &[3, 2, 2, 2]),
        (NormSpec::RmsRms, &[3, 2, 2]),
        (NormSpec::L1Rms.transposed(), matrix),
        (NormSpec::Conv2d.scaled(0.3), &[2, 3, 1, 2]),
    ];
    for norm in [
        NormSpec::MaxAbs,
        NormSpec::Spectral,
        NormSpec::RmsRms,
        NormSpec::L1Rms,
        NormSpec::L1Lp(1.0),
        NormSpec::L1Lp(2.0),
        NormSpec::L1Lp(3.5),
        NormSpec::LpLinf(1.0),
        NormSpec::LpLinf(1.5),
        NormSpec::LpLinf(2.0),
        NormSpec::Frobenius,
        NormSpec::Rms,
        NormSpec::Spectral.scaled(2.5),
    ] {
        norms.push((norm, matrix));
    }
    norms
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn duality_holds_for_every_norm(seed in 0u64..10_000, sharpness in 0.1f64..10.0) {
        for (norm, shape) in all_norms() {
            let mut numbers = SplitMix64::new(seed);
            let g: Tensor<f64> = numbers.normal_tensor(shape);
            let dual = norm.dual_norm(&g.view()).unwrap();
            let best = norm.dualize(&g.view()).unwrap();
            let inner = |x: &Tensor<f64>| -> f64 {
                x.as_slice().iter().zip(g.as_slice()).map(|(x, y)| x * y).sum()
            };
            prop_assert!((inner(&best) - dual).abs() < 1e-11 * dual, "{}", norm.name());
            prop_assert!((norm.norm(&best.view()).unwrap() - 1.0).abs() < 1e-11, "{}", norm.name());
            // Random tensors, and tensors near the best one, of norm one.
            for spread in [1e9, 1.0, 0.1, 1e-3] {
                let noise: Tensor<f64> = numbers.normal_tensor(shape);
                let other = Tensor::from_fn(shape, |at| {
                    best.get(at).unwrap() + spread * noise.get(at).unwrap()
                }).unwrap();
                let size = norm.norm(&other.view()).unwrap();
                prop_assert!(inner(&other) / size <= dual * (1.0 + 1e-11), "{}", norm.name());
            }
            let step = norm.steepest(&g.view(), sharpness).unwrap();
            let size = norm.norm(&step.direction.view()).unwrap();
            let value = inner(&step.direction) + 0.5 * sharpness * size * size;
            prop_assert!((value - step.value).abs() < 1e-10 * step.value.abs(), "{}", norm.name());
            prop_assert!((step.value + dual * dual / (2.0 * sharpness)).abs() < 1e-10 * step.value.abs());
        }
    }
}
