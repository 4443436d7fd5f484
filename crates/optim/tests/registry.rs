//! Parameters, groups, frozen tensors, policies and saved states, over every
//! method.

mod support;

use support::*;
use tensegrity_optim::*;
use tensegrity_tensor::{Tensor, View, ViewMut, set_threads};

/// Every method, with options that give each part of its state work.
fn methods() -> Vec<Method> {
    let warm = RootMethod::Orthogonal {
        sweeps: 2,
        tolerance: 0.5,
    };
    vec![
        Sgd::new(0.1).momentum(0.9).into(),
        AdaGrad::new(0.1).into(),
        Adam::decoupled(0.1, 0.01).into(),
        Lamb::new(0.1).into(),
        Lbfgs::new(0.1).history(3).into(),
        Shampoo::new(0.1)
            .every(2)
            .betas(0.9, 0.95)
            .graft(Graft::adam())
            .momentum(0.5)
            .block(3)
            .into(),
        Shampoo::new(0.1).every(2).roots(warm).into(),
        Shampoo::new(0.1).every(3).background(2).into(),
        Soap::new(0.1).every(2).into(),
        NormDescent::new(0.1).momentum(0.9).nesterov(true).into(),
        Muon::new(0.1).into(),
        Prodigy::new().into(),
        Prodigy::without_averages().into(),
    ]
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_group(Group::new("slow").rate(0.1)).unwrap();
    registry.add(ParameterSpec::new("matrix", &[4, 3])).unwrap();
    registry
        .add(ParameterSpec::new("bias", &[4]).group("slow"))
        .unwrap();
    registry
        .add(ParameterSpec::new("cube", &[2, 3, 2]))
        .unwrap();
    registry
}

fn start(registry: &Registry) -> Vec<Tensor<f64>> {
    registry
        .parameters()
        .iter()
        .map(|spec| wave(&spec.shape, 0.0))
        .collect()
}

fn gradients(registry: &Registry, step: usize) -> Vec<Tensor<f64>> {
    registry
        .parameters()
        .iter()
        .map(|spec| wave(&spec.shape, step as f64))
        .collect()
}

fn bits(tensors: &[Tensor<f64>]) -> Vec<u64> {
    tensors
        .iter()
        .flat_map(|t| t.as_slice())
        .map(|x| x.to_bits())
        .collect()
}

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let registry = registry();
    for method in methods() {
        let settings = Settings {
            schedule: Schedule::cosine(9, 0.1).warm_up(2),
            ..Settings::default()
        };
        let mut whole = build::<f64>(&method, &registry, &settings).unwrap();
        let mut w = start(&registry);
        let mut saved = None;
        for step in 1..=9 {
            if step == 6 {
                saved = Some((serde_json::to_string(&whole.state()).unwrap(), w.clone()));
            }
            whole
                .step_tensors(&mut w, &gradients(&registry, step))
                .unwrap();
        }
        let (text, mut again) = saved.unwrap();
        let state: State = serde_json::from_str(&text).unwrap();
        let mut rest = build::<f64>(&method, &registry, &settings).unwrap();
        rest.restore(&state).unwrap();
        assert_eq!(rest.state(), state, "{}", rest.name());
        for step in 6..=9 {
            rest.step_tensors(&mut again, &gradients(&registry, step))
                .unwrap();
        }
        assert_eq!(bits(&again), bits(&w), "{}", rest.name());
        assert_eq!(rest.state(), whole.state(), "{}", rest.name());
    }
}

#[test]
fn a_state_of_something_else_is_refused_and_changes_nothing() {
    let registry = registry();
    let mut shampoo = optimizer(Shampoo::new(0.1).every(1), &registry);
    let mut w = start(&registry);
    shampoo
        .step_tensors(&mut w, &gradients(&registry, 1))
        .unwrap();
    let state = shampoo.state();
    let refused = |changed: State, text: &str| {
        let mut shampoo = optimizer(Shampoo::new(0.1).every(1), &registry);
        let before = shampoo.state();
        let error = shampoo.restore(&changed).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert_eq!(shampoo.state(), before);
    };
    let mut other = state.clone();
    other.format = 99;
    refused(other, "format is 99");
    refused(optimizer(Adam::new(0.1), &registry).state(), "adam");
    let mut other = state.clone();
    other.parameters[1].0 = "gain".into();
    refused(other, "gain");
    let mut other = state.clone();
    other.entries.remove("cube/0/statistics/1");
    refused(other, "cube/0/statistics/1");
    let mut other = state.clone();
    other
        .entries
        .insert("cube/0/root/1".into(), Stored::F64(vec![1.0; 5]));
    refused(other, "cube/0/root/1");
    let mut other = state.clone();
    other
        .entries
        .insert("bias/0/statistics/0".into(), Stored::F32(vec![1.0; 16]));
    refused(other, "precision");
    let mut other = state;
    other.entries.insert("more".into(), Stored::Count(1));
    refused(other, "entries");
}

#[test]
fn frozen_parameters_leave_the_optimiser() {
    for method in methods() {
        let mut all = registry();
        all.freeze(|spec| spec.name == "bias");
        assert_eq!(all.counts(), (28, 24));
        let mut few = Registry::new();
        few.add(ParameterSpec::new("matrix", &[4, 3])).unwrap();
        few.add(ParameterSpec::new("cube", &[2, 3, 2])).unwrap();
        let (mut one, mut two) = (optimizer(method.clone(), &all), optimizer(method, &few));
        let mut w = start(&all);
        let mut v = start(&few);
        for step in 1..=4 {
            let mut g = gradients(&all, step);
            // Not even looked at.
            g[1] = Tensor::full(&[7], f64::NAN).unwrap();
            one.step_tensors(&mut w, &g).unwrap();
            two.step_tensors(&mut v, &gradients(&few, step)).unwrap();
        }
        assert_eq!(bits(&w[1..2]), bits(&[wave(&[4], 0.0)]));
        assert_eq!(
            bits(&[w[0].clone(), w[2].clone()]),
            bits(&v),
            "{}",
            one.name()
        );
        assert_eq!(one.state(), two.state());
    }
}

#[test]
fn gradients_that_are_not_finite_never_spread() {
    let registry = registry();
    for method in methods() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut optimizer = optimizer(method.clone(), &registry);
            let mut w = start(&registry);
            optimizer
                .step_tensors(&mut w, &gradients(&registry, 1))
                .unwrap();
            let (before, state) = (w.clone(), optimizer.state());
            let mut g = gradients(&registry, 2);
            g[2].as_mut_slice()[9] = bad;
            let Err(Error::NonFiniteGradient {
                parameter,
                position,
                ..
            }) = optimizer.step_tensors(&mut w, &g)
            else {
                panic!("{bad} passed");
            };
            assert_eq!((parameter.as_str(), position), ("cube", vec![1, 1, 1]));
            assert_eq!((bits(&w), optimizer.state()), (bits(&before), state));
        }
        let settings = Settings {
            non_finite: NonFinite::Skip,
            ..Settings::default()
        };
        let mut skipping = build::<f64>(&method, &registry, &settings).unwrap();
        let mut plain = optimizer(method.clone(), &registry);
        let (mut w, mut v) = (start(&registry), start(&registry));
        for step in 1..=4 {
            let mut bad = gradients(&registry, step);
            bad[0].as_mut_slice()[3] = f64::NAN;
            let stats = skipping.step_tensors(&mut w, &bad).unwrap();
            assert!(stats.skipped && stats.skipped_total == step as u64);
            let stats = skipping
                .step_tensors(&mut w, &gradients(&registry, step))
                .unwrap();
            assert!(!stats.skipped && stats.step == step as u64);
            plain
                .step_tensors(&mut v, &gradients(&registry, step))
                .unwrap();
        }
        assert_eq!(bits(&w), bits(&v));
    }
}

#[test]
fn strides_and_threads_do_not_matter() {
    let registry = registry();
    for method in methods() {
        let mut results = Vec::new();
        for threads in [1, 3] {
            set_threads(threads);
            let mut optimizer = optimizer(method.clone(), &registry);
            let mut w = start(&registry);
            for step in 1..=4 {
                optimizer
                    .step_tensors(&mut w, &gradients(&registry, step))
                    .unwrap();
            }
            results.push(w);
        }
        set_threads(1);
        assert_eq!(bits(&results[0]), bits(&results[1]));
        // The matrix and its gradient lie transposed in memory.
        let mut optimizer = optimizer(method.clone(), &registry);
        let mut w = start(&registry);
        w[0] = transposed(&w[0]);
        for step in 1..=4 {
            let mut g = gradients(&registry, step);
            g[0] = transposed(&g[0]);
            let mut values: Vec<ViewMut<'_, f64>> = w.iter_mut().map(Tensor::view_mut).collect();
            let first = values.remove(0).permuted(&[1, 0]).unwrap();
            values.insert(0, first);
            let mut slopes: Vec<View<'_, f64>> = g.iter().map(Tensor::view).collect();
            slopes[0] = g[0].view().permuted(&[1, 0]).unwrap();
            optimizer.step(&mut values, &slopes).unwrap();
        }
        w[0] = transposed(&w[0]);
        assert_eq!(bits(&results[0]), bits(&w));
    }
}

#[test]
fn groups_scale_the_rate_and_replace_the_decay() {
    let settings = Settings {
        measure_updates: true,
        ..Settings::default()
    };
    let method = Sgd::new(0.5).weight_decay(0.1).into();
    let mut registry = registry();
    let group = Group::new("slow").rate(0.1).weight_decay(0.5);
    registry.add_group(group).unwrap();
    let mut optimizer = build::<f64>(&method, &registry, &settings).unwrap();
    let mut w = start(&registry);
    let g = gradients(&registry, 1);
    let stats = optimizer.step_tensors(&mut w, &g).unwrap();
    let expected = |rate: f64, decay: f64, i: usize| {
        let w = wave(g[i].shape(), 0.0);
        Tensor::from_fn(g[i].shape(), |at| {
            (1.0 - rate * decay) * w.get(at).unwrap() - rate * g[i].get(at).unwrap()
        })
        .unwrap()
    };
    assert!(distance(&w[0], &expected(0.5, 0.1, 0)) < 1e-15);
    assert!(distance(&w[1], &expected(0.05, 0.5, 1)) < 1e-15);
    let norm = g.iter().map(|g| g.norm().powi(2)).sum::<f64>().sqrt();
    assert!((stats.gradient_norm - norm).abs() < 1e-12 && stats.rate == 0.5);
    let moved: f64 = w
        .iter()
        .zip(start(&registry))
        .map(|(w, s)| {
            w.as_slice()
                .iter()
                .zip(s.as_slice())
                .map(|(a, b)| (a - b) * (a - b))
                .sum::<f64>()
        })
        .sum();
    assert!((stats.update_norm.unwrap() - moved.sqrt()).abs() < 1e-12);
}

#[test]
fn mistakes_are_named() {
    let registry = registry();
    let mut optimizer = optimizer(Adam::new(0.1), &registry);
    let mut w = start(&registry);
    let mut g = gradients(&registry, 1);
    g[2] = wave(&[3, 4], 0.0);
    let text = optimizer.step_tensors(&mut w, &g).unwrap_err().to_string();
    assert!(
        text.contains("cube") && text.contains("[3, 4]") && text.contains("[2, 3, 2]"),
        "{text}"
    );
    let text = optimizer
        .step_tensors(&mut w, &g[..2])
        .unwrap_err()
        .to_string();
    assert!(text.contains("2 gradients") && text.contains('3'), "{text}");
    let mut twice = Registry::new();
    twice.add(ParameterSpec::new("a", &[1])).unwrap();
    assert!(
        twice
            .add(ParameterSpec::new("a", &[1]))
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
    let lost = ParameterSpec::new("b", &[1]).group("nowhere");
    assert!(twice.add(lost).unwrap_err().to_string().contains("nowhere"));
    assert!(twice.add_group(Group::new("g").rate(-1.0)).is_err());
    let text = Method::by_name("adamm", 0.1).unwrap_err().to_string();
    assert!(text.contains("adamm") && text.contains("shampoo"), "{text}");
    for name in Method::NAMES {
        let method = Method::by_name(name, -0.1).unwrap();
        let text = build::<f32>(&method, &registry, &Settings::default())
            .err()
            .unwrap()
            .to_string();
        assert!(text.contains("rate is -0.1"), "{name}: {text}");
        let method = Method::by_name(name, 0.1).unwrap();
        assert!(build::<f32>(&method, &registry, &Settings::default()).is_ok());
    }
    let bad: Vec<(Method, &str)> = vec![
        (Adam::new(0.1).betas(1.0, 0.9).into(), "betas.0 is 1"),
        (Shampoo::new(0.1).every(0).into(), "every is 0"),
        (Shampoo::new(0.1).block(0).into(), "block is 0"),
        (Shampoo::new(0.1).eps(f64::NAN).into(), "eps is NaN"),
        (
            Shampoo::new(0.1).exponent_override(0.0).into(),
            "exponent_override is 0",
        ),
        (Soap::new(0.1).every(0).into(), "every is 0"),
        (Lbfgs::new(0.1).history(0).into(), "history is 0"),
        (Prodigy::new().start(0.0).into(), "start is 0"),
        (
            NormDescent::new(0.1).eta(Eta::Sharpness(0.0)).into(),
            "sharpness is 0",
        ),
    ];
    for (method, expected) in bad {
        let text = build::<f64>(&method, &registry, &Settings::default())
            .err()
            .unwrap()
            .to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn single_precision_follows_double() {
    let registry = registry();
    for method in methods() {
        let mut double = optimizer(method.clone(), &registry);
        let mut single = build::<f32>(&method, &registry, &Settings::default()).unwrap();
        let mut w = start(&registry);
        let narrow = |t: &Tensor<f64>| t.map(|x| x as f32);
        let mut v: Vec<Tensor<f32>> = w.iter().map(narrow).collect();
        for step in 1..=3 {
            let g = gradients(&registry, step);
            double.step_tensors(&mut w, &g).unwrap();
            single
                .step_tensors(&mut v, &g.iter().map(narrow).collect::<Vec<_>>())
                .unwrap();
        }
        for (v, w) in v.iter().zip(&w) {
            assert!(distance(&v.map(f64::from), w) < 2e-3, "{}", double.name());
        }
    }
}

/// As [`registry`], without a group.
fn plain_registry() -> Registry {
    let mut registry = Registry::new();
    for (name, shape) in [
        ("matrix", &[4, 3][..]),
        ("bias", &[4]),
        ("cube", &[2, 3, 2]),
    ] {
        registry.add(ParameterSpec::new(name, shape)).unwrap();
    }
    registry
}

#[test]
fn a_mask_can_change_during_a_run() {
    let registry = plain_registry();
    for method in methods() {
        let mut optimizer = build::<f64>(&method, &registry, &Settings::default()).unwrap();
        let mut w = start(&registry);
        let mut run = |optimizer: &mut Box<dyn Optimizer<f64>>, steps: std::ops::Range<usize>| {
            for step in steps {
                optimizer
                    .step_tensors(&mut w, &gradients(&registry, step))
                    .unwrap();
            }
            w.clone()
        };
        let before = run(&mut optimizer, 1..5);
        optimizer.freeze(&|spec| spec.name == "bias").unwrap();
        let state = optimizer.state();
        assert!(!state.entries.keys().any(|key| key.starts_with("bias/")));
        assert!(state.parameters.iter().all(|(name, _)| name != "bias"));
        let frozen = run(&mut optimizer, 5..9);
        assert_eq!(frozen[1].as_slice(), before[1].as_slice());
        assert_ne!(frozen[0].as_slice(), before[0].as_slice());
        optimizer.freeze(&|_| false).unwrap();
        let thawed = run(&mut optimizer, 9..13);
        let name = optimizer.name();
        assert_ne!(thawed[1].as_slice(), frozen[1].as_slice(), "{name}");
        assert!(
            thawed.iter().all(|w| w.first_non_finite().is_none()),
            "{name}"
        );
        assert_eq!(optimizer.state().parameters.len(), 3);
    }
    // The others go on as if they had always been alone.
    let mut both = optimizer(Adam::new(0.1), &registry);
    let mut w = start(&registry);
    let mut alone = start(&registry);
    let mut other = optimizer(Adam::new(0.1), &registry);
    for step in 1..9 {
        if step == 4 {
            both.freeze(&|spec| spec.name != "cube").unwrap();
        }
        both.step_tensors(&mut w, &gradients(&registry, step))
            .unwrap();
        other
            .step_tensors(&mut alone, &gradients(&registry, step))
            .unwrap();
    }
    assert_eq!(w[2].as_slice(), alone[2].as_slice());
    // What does not fit a norm cannot be thawed, and nothing changes.
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("w", &[2, 2])).unwrap();
    let odd = ParameterSpec::new("odd", &[3]).role(Role::Custom(NormSpec::Conv2d));
    registry.add(odd.frozen(true)).unwrap();
    let mut norms = optimizer(NormDescent::new(0.1), &registry);
    assert!(norms.freeze(&|_| false).is_err());
    assert_eq!(norms.state().parameters.len(), 1);
}

#[test]
fn gradients_are_clipped_by_norm_or_value() {
    let registry = plain_registry();
    let moved = |clip: Option<Clip>, scale: f64| {
        let settings = Settings {
            clip: clip.unwrap_or_default(),
            ..Settings::default()
        };
        let mut optimizer = build::<f64>(&Sgd::new(1.0).into(), &registry, &settings).unwrap();
        let mut w = start(&registry);
        let g: Vec<_> = gradients(&registry, 1)
            .iter()
            .map(|g| g.map(|g| g * scale))
            .collect();
        let stats = optimizer.step_tensors(&mut w, &g).unwrap();
        let change = start(&registry)
            .iter()
            .zip(&w)
            .flat_map(|(a, b)| {
                let pairs = a.as_slice().iter().zip(b.as_slice());
                pairs.map(|(a, b)| a - b).collect::<Vec<f64>>()
            })
            .collect::<Vec<f64>>();
        (stats.gradient_norm, change)
    };
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (size, free) = moved(None, 1.0);
    let (told, clipped) = moved(Some(Clip::Norm(0.5)), 1.0);
    assert_eq!(told, size);
    assert!((length(&clipped) - 0.5).abs() < 1e-14);
    for (clipped, free) in clipped.iter().zip(&free) {
        assert!((clipped - free * 0.5 / size).abs() < 1e-14);
    }
    assert_eq!(moved(Some(Clip::Norm(2.0 * size)), 1.0).1, free);
    // Norms whose squares leave the range of numbers.
    let (_, huge) = moved(Some(Clip::Norm(0.5)), 1e200);
    assert!((length(&huge) - 0.5).abs() < 1e-14);
    let (_, bounded) = moved(Some(Clip::Value(0.3)), 1.0);
    for (bounded, free) in bounded.iter().zip(&free) {
        assert!((bounded - free.clamp(-0.3, 0.3)).abs() < 1e-15);
    }
    for most in [0.0, -1.0, f64::NAN] {
        let settings = Settings {
            clip: Clip::Norm(most),
            ..Settings::default()
        };
        let error = build::<f64>(&Sgd::new(1.0).into(), &registry, &settings);
        assert!(error.err().unwrap().to_string().contains("clip"));
    }
}

#[test]
fn the_rate_can_change_during_a_run() {
    let mut sgd = optimizer(Sgd::new(1.0), &alone(&[1]));
    let mut w = [Tensor::zeros(&[1]).unwrap()];
    let one = [Tensor::full(&[1], 1.0).unwrap()];
    sgd.step_tensors(&mut w, &one).unwrap();
    sgd.set_rate(0.25).unwrap();
    assert_eq!(sgd.step_tensors(&mut w, &one).unwrap().rate, 0.25);
    assert_eq!(w[0].as_slice(), [-1.25]);
    let mut again = optimizer(Sgd::new(1.0), &alone(&[1]));
    again.restore(&sgd.state()).unwrap();
    assert_eq!(again.rate(), 0.25);
    assert!(again.set_rate(f64::NAN).is_err() && again.set_rate(-1.0).is_err());
    assert_eq!(again.rate(), 0.25);
}
