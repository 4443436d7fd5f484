//! Shampoo and SOAP against trajectories computed independently with NumPy, and
//! against their identities.

mod support;

use proptest::prelude::*;
use support::*;
use tensegrity_linalg::{eigh, msign, qr};
use tensegrity_optim::*;
use tensegrity_tensor::{SplitMix64, Tensor};

fn plain() -> Shampoo {
    Shampoo::new(0.1).eps(1e-4).every(1)
}

#[test]
fn a_matrix_follows_its_trajectory() {
    let registry = alone(&[2, 3]);
    let mut optimizer = optimizer(plain(), &registry);
    let mut w = [wave(&[2, 3], 0.0)];
    let gradients = waves(&[2, 3], 3);
    optimizer.step_tensors(&mut w, &gradients[..1]).unwrap();
    #[rustfmt::skip]
    assert_all(&w[0], &[
        -0.080168021, 0.802220408, -0.142527495,
        -0.576142929, 0.613009161, -0.602979269,
    ], 1e-8);
    optimizer.step_tensors(&mut w, &gradients[1..2]).unwrap();
    let stats = optimizer.step_tensors(&mut w, &gradients[2..]).unwrap();
    #[rustfmt::skip]
    assert_all(&w[0], &[
        -0.137390593, 0.904160477, -0.176146107,
        -0.668230857, 0.624235265, -0.597612855,
    ], 1e-8);
    assert_eq!(
        (stats.step, stats.roots_computed, stats.roots_failed),
        (3, 2, 0)
    );
    let state = optimizer.state();
    let statistics = |mode: usize| match &state.entries[&format!("w/0/statistics/{mode}")] {
        Stored::F64(values) => values.clone(),
        other => panic!("{other:?}"),
    };
    // The state holds the sums; ε joins at the root.
    let (left, right) = (statistics(0), statistics(1));
    for (found, expected) in [
        (left[0] + 1e-4, 4.663016654),
        (left[1], 0.420278634),
        (left[3] + 1e-4, 4.464865117),
        (right[0] + 1e-4, 3.135627632),
        (right[4] + 1e-4, 2.984167272),
        (right[8] + 1e-4, 3.008186866),
        (right[1], -0.54715648),
        (right[2], 1.097911662),
        (right[5], -2.504706322),
    ] {
        assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
    }
}

#[test]
fn other_orders_and_diagonals_follow_theirs() {
    let cube = after(plain(), wave(&[2, 3, 2], 0.0), &waves(&[2, 3, 2], 2));
    #[rustfmt::skip]
    assert_all(&cube, &[
        -0.082642038, 0.845386496, -0.16460666, -0.610606427, 0.622726273, -0.592362314,
        0.664481478, 0.280600691, -0.931999009, 0.302003044, 0.674505704, -0.560461198,
    ], 1e-8);
    let vector = after(plain(), wave(&[3], 0.0), &waves(&[3], 2));
    assert_all(&vector, &[-0.106527987, 0.898480231, -0.192053832], 1e-8);
    // Dimensions of length one do not count, unless asked to.
    let row = after(
        plain(),
        wave(&[1, 3, 1], 0.0),
        &waves(&[3], 2).map_shape(&[1, 3, 1]),
    );
    assert_eq!(row.as_slice(), vector.as_slice());
    let counted = after(
        plain().squeeze(false),
        wave(&[1, 3], 0.0),
        &waves(&[3], 2).map_shape(&[1, 3]),
    );
    assert!(distance(&counted.reshaped(&[3]).unwrap(), &vector) > 1e-3);
    let diagonal = after(
        plain().diagonal_above(0),
        wave(&[2, 3], 0.0),
        &waves(&[2, 3], 3),
    );
    #[rustfmt::skip]
    assert_all(&diagonal, &[
        -0.138633589, 0.912991721, -0.212856229,
        -0.662993495, 0.60580874, -0.596420074,
    ], 1e-8);
}

trait MapShape {
    fn map_shape(self, shape: &[usize]) -> Self;
}

impl MapShape for Vec<Tensor<f64>> {
    fn map_shape(self, shape: &[usize]) -> Self {
        self.into_iter()
            .map(|tensor| tensor.reshaped(shape).unwrap())
            .collect()
    }
}

#[test]
fn root_methods_agree() {
    let gradients = waves(&[5, 4], 6);
    let start = wave(&[5, 4], 0.0);
    let eigen = after(plain(), start.clone(), &gradients);
    let newton = after(
        plain().roots(RootMethod::coupled_newton()),
        start.clone(),
        &gradients,
    );
    assert!(distance(&newton, &eigen) < 1e-8);
    let warm = RootMethod::Orthogonal {
        sweeps: 300,
        tolerance: 1e-9,
    };
    let warm = after(plain().roots(warm), start.clone(), &gradients);
    assert!(distance(&warm, &eigen) < 1e-6);
    let single = after(plain().precision(Precision::Single), start, &gradients);
    assert!(distance(&single, &eigen) < 1e-5);
}

#[test]
fn the_first_step_is_the_polar_factor() {
    let g = wave(&[4, 4], 1.0);
    let w = after(
        Shampoo::new(1.0).eps(1e-13).every(1),
        Tensor::zeros(&[4, 4]).unwrap(),
        std::slice::from_ref(&g),
    );
    let polar = msign(&g.view(), &PolarMethod::Svd).unwrap().map(|x| -x);
    assert!(distance(&w, &polar) < 1e-9);
}

#[test]
fn fresh_statistics_are_spectral_descent() {
    // β₂ = 0 forgets everything but the present gradient.
    let fresh = Shampoo::new(0.1).betas(0.0, 0.0).eps(1e-14).every(1);
    let gradients = waves(&[4, 4], 5);
    let shampoo = after(fresh, wave(&[4, 4], 0.0), &gradients);
    let spectral = after(
        NormDescent::spectral_descent(0.1),
        wave(&[4, 4], 0.0),
        &gradients,
    );
    assert!(distance(&shampoo, &spectral) < 1e-9);
}

#[test]
fn turning_everything_turns_the_iterates() {
    let orthogonal = |n: usize, seed| {
        qr(&SplitMix64::new(seed).normal_tensor::<f64>(&[n, n]).view())
            .unwrap()
            .q
    };
    let (left, right) = (orthogonal(4, 1), orthogonal(3, 2));
    let turn = |x: &Tensor<f64>| product(&product(&left, x), &right);
    let gradients = waves(&[4, 3], 5);
    let turned: Vec<_> = gradients.iter().map(turn).collect();
    let method = plain().betas(0.9, 0.95).momentum(0.5).graft(Graft::Sgd);
    let w = after(method.clone(), wave(&[4, 3], 0.0), &gradients);
    let other = after(method, turn(&wave(&[4, 3], 0.0)), &turned);
    assert!(distance(&other, &turn(&w)) < 1e-10);
}

#[test]
fn a_rank_one_gradient_gives_rank_one_statistics() {
    // G = a⊗b⊗c: H_1 = ‖b‖²‖c‖²·a·aᵀ, and the step is G over its norm: each of
    // three modes contributes (‖G‖²)^(−1/6).
    let (a, b, c) = (wave(&[3], 1.0), wave(&[4], 2.0), wave(&[2], 3.0));
    let g = Tensor::from_fn(&[3, 4, 2], |at| {
        a.as_slice()[at[0]] * b.as_slice()[at[1]] * c.as_slice()[at[2]]
    })
    .unwrap();
    let w = after(
        Shampoo::new(1.0).eps(1e-12).every(1),
        Tensor::zeros(&[3, 4, 2]).unwrap(),
        std::slice::from_ref(&g),
    );
    let expected = g.map(|x| -x / g.norm());
    assert!(distance(&w, &expected) < 1e-9);
}

#[test]
fn blocks_are_separate_optimisers() {
    for graft in [Graft::None, Graft::adam(), Graft::AdaGrad { eps: 1e-8 }] {
        let method = plain()
            .betas(0.9, 0.99)
            .graft(graft)
            .squeeze(false)
            .momentum(0.5);
        let gradients = waves(&[5, 4], 4);
        let blocked = after(method.clone().block(3), wave(&[5, 4], 0.0), &gradients);
        for rows in [0..3usize, 3..5] {
            for columns in [0..3usize, 3..4] {
                let part = |x: &Tensor<f64>| {
                    let view = x.view().sliced(0, rows.clone()).unwrap();
                    view.sliced(1, columns.clone()).unwrap().to_tensor()
                };
                let slices: Vec<_> = gradients.iter().map(part).collect();
                let alone = after(method.clone(), part(&wave(&[5, 4], 0.0)), &slices);
                assert!(distance(&part(&blocked), &alone) < 1e-13, "{graft:?}");
            }
        }
    }
}

#[test]
fn merging_is_reshaping() {
    let gradients = waves(&[2, 3, 4], 3);
    let merged = after(plain().merge(6), wave(&[2, 3, 4], 0.0), &gradients);
    let flat = after(plain(), wave(&[6, 4], 0.0), &gradients.map_shape(&[6, 4]));
    assert_eq!(merged.as_slice(), flat.as_slice());
}

#[test]
fn grafts_give_the_length_and_shampoo_the_direction() {
    let g = waves(&[3, 4], 3);
    let zero = || Tensor::zeros(&[3, 4]).unwrap();
    let bare = after(plain(), zero(), &g[..1]);
    // First steps of the diagonal methods, by their formulas.
    let lengths = [
        (Graft::Sgd, g[0].norm()),
        (Graft::AdaGrad { eps: 0.0 }, 12f64.sqrt()),
        (
            Graft::RmsProp {
                beta2: 0.75,
                eps: 0.0,
            },
            12f64.sqrt() / 0.25f64.sqrt(),
        ),
        (
            Graft::Adam {
                beta2: 0.75,
                eps: 0.0,
            },
            12f64.sqrt(),
        ),
    ];
    for (graft, length) in lengths {
        let w = after(plain().graft(graft), zero(), &g[..1]);
        assert!((w.norm() - 0.1 * length).abs() < 1e-12, "{graft:?}");
        let direction = bare.map(|x| x * w.norm() / bare.norm());
        assert!(distance(&w, &direction) < 1e-12, "{graft:?}");
    }
    // Before the start the graft acts alone: this one is Adam itself.
    let late = plain()
        .betas(0.9, 1.0)
        .graft(Graft::adam())
        .start_preconditioning_step(4);
    let w = after(late, wave(&[3, 4], 0.0), &g);
    let adam = after(Adam::new(0.1), wave(&[3, 4], 0.0), &g);
    assert!(distance(&w, &adam) < 1e-14);
}

#[test]
fn roots_are_refreshed_on_schedule() {
    let registry = alone(&[3, 3]);
    let mut optimizer = optimizer(plain().every(3).start_preconditioning_step(2), &registry);
    let mut w = [wave(&[3, 3], 0.0)];
    let computed: Vec<usize> = waves(&[3, 3], 8)
        .iter()
        .map(|g| {
            optimizer
                .step_tensors(&mut w, std::slice::from_ref(g))
                .unwrap()
                .roots_computed
        })
        .collect();
    assert_eq!(computed, [0, 2, 0, 0, 2, 0, 0, 2]);
}

/// Roots begun at steps 3 and 5 serve from steps 5 and 7 on; the first at once.
#[test]
fn roots_from_the_background_are_taken_at_their_step() {
    let method = plain().every(2).background(2);
    let registry = alone(&[3, 2]);
    let mut optimizer = optimizer(method.clone(), &registry);
    let mut w = [wave(&[3, 2], 0.0)];
    let mut by_hand = w[0].clone();
    let gradients = waves(&[3, 2], 8);
    let mut computed = Vec::new();
    for (number, g) in gradients.iter().enumerate() {
        let stats = optimizer
            .step_tensors(&mut w, std::slice::from_ref(g))
            .unwrap();
        computed.push(stats.roots_computed);
        let step = number + 1;
        let seen = match step {
            1..5 => 1,
            5..7 => 3,
            _ => 5,
        };
        let sum = |part: &dyn Fn(&Tensor<f64>) -> Tensor<f64>| {
            let mut parts = gradients[..seen].iter().map(part);
            let first = parts.next().unwrap();
            let sum = parts.fold(first.into_vec(), |mut sum, next| {
                sum.iter_mut()
                    .zip(next.as_slice())
                    .for_each(|(sum, next)| *sum += next);
                sum
            });
            let n = sum.len().isqrt();
            Tensor::from_vec(sum, &[n, n]).unwrap()
        };
        let root = |h: Tensor<f64>| {
            let ridge = Ridge::Absolute(1e-4);
            tensegrity_linalg::inverse_root(&h.view(), 4.0, ridge, RootMethod::Eigen)
                .unwrap()
                .root
        };
        let left = root(sum(&|g| product(g, &transposed(g))));
        let right = root(sum(&|g| product(&transposed(g), g)));
        let direction = product(&product(&left, g), &right);
        for (w, d) in by_hand.as_mut_slice().iter_mut().zip(direction.as_slice()) {
            *w -= 0.1 * d;
        }
        // Rounding of the singular side is magnified by 1/ε.
        assert!(distance(&w[0], &by_hand) < 1e-10, "step {step}");
    }
    assert_eq!(computed, [2, 0, 0, 0, 2, 0, 2, 0]);
    let plan = method.memory::<f64>(&registry).unwrap();
    assert_eq!(plan[0].background, plan[0].roots);
    let late = build::<f64>(
        &plain().background(2).into(),
        &registry,
        &Settings::default(),
    );
    assert!(late.err().unwrap().to_string().contains("background is 2"));
}

#[test]
fn averages_are_corrected_for_their_start() {
    // A constant gradient: the corrected average of GGᵀ is GGᵀ at every step.
    let g = wave(&[3, 3], 1.0);
    let method = plain().betas(0.5, 0.9).eps(1e-3);
    let one = after(
        method.clone(),
        Tensor::zeros(&[3, 3]).unwrap(),
        std::slice::from_ref(&g),
    );
    let four = after(method, Tensor::zeros(&[3, 3]).unwrap(), &vec![g; 4]);
    assert!(distance(&four, &one.map(|x| 4.0 * x)) < 1e-12);
}

#[test]
fn exponents_can_be_chosen() {
    let g = wave(&[3, 3], 1.0);
    let zero = || Tensor::zeros(&[3, 3]).unwrap();
    let half = after(
        plain().exponent_override(2.0),
        zero(),
        std::slice::from_ref(&g),
    );
    let doubled = after(
        plain().exponent_multiplier(2.0),
        zero(),
        std::slice::from_ref(&g),
    );
    assert!(distance(&half, &doubled) < 1e-15);
    // −1/2 on both sides of U·S·Vᵀ leaves U·S⁻¹·Vᵀ, the inverse transposed.
    let inverse = tensegrity_linalg::pinv(&g.view(), None).unwrap();
    let exact = after(plain().exponent_override(2.0).eps(1e-13), zero(), &[g]);
    assert!(distance(&exact, &transposed(&inverse).map(|x| -0.1 * x)) < 1e-8);
}

#[test]
fn decay_is_decoupled_or_coupled() {
    let g = waves(&[2, 3], 1);
    let w0 = wave(&[2, 3], 0.0);
    let bare = after(plain(), w0.clone(), &g);
    let w = after(
        plain().weight_decay(WeightDecay::Decoupled(0.5)),
        w0.clone(),
        &g,
    );
    let shift = Tensor::from_fn(&[2, 3], |at| w.get(at).unwrap() - bare.get(at).unwrap()).unwrap();
    assert!(distance(&shift, &w0.map(|x| -0.05 * x)) < 1e-13);
    let w = after(
        plain().weight_decay(WeightDecay::Coupled(0.5)),
        w0.clone(),
        &g,
    );
    let shifted = Tensor::from_fn(&[2, 3], |at| {
        g[0].get(at).unwrap() + 0.5 * w0.get(at).unwrap()
    })
    .unwrap();
    assert!(distance(&w, &after(plain(), w0, &[shifted])) < 1e-14);
}

#[test]
fn a_failed_root_keeps_the_previous_one() {
    // Without ε a gradient of low rank has no root; β₂ = 0 keeps it alone.
    let method = Shampoo::new(0.1).betas(0.0, 0.0).eps(0.0).every(1);
    let mut optimizer = optimizer(method, &alone(&[3, 3]));
    let zero = Tensor::zeros(&[3, 3]).unwrap();
    let mut w = [wave(&[3, 3], 0.0)];
    // No root yet and no graft: the block stands still.
    let stats = optimizer
        .step_tensors(&mut w, std::slice::from_ref(&zero))
        .unwrap();
    assert_eq!((stats.roots_failed, stats.roots_failed_total), (2, 2));
    assert_eq!(w[0].as_slice(), wave(&[3, 3], 0.0).as_slice());
    let stats = optimizer
        .step_tensors(&mut w, &[wave(&[3, 3], 1.0)])
        .unwrap();
    assert_eq!((stats.roots_computed, stats.roots_failed_total), (2, 2));
    let before = w[0].clone();
    let stats = optimizer.step_tensors(&mut w, &[zero]).unwrap();
    assert_eq!((stats.roots_failed, stats.roots_failed_total), (2, 4));
    assert_eq!(w[0].as_slice(), before.as_slice());
}

#[test]
fn the_memory_plan_is_what_the_state_takes() {
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("a", &[7, 1, 5])).unwrap();
    registry.add(ParameterSpec::new("b", &[9])).unwrap();
    registry
        .add(ParameterSpec::new("still", &[50, 50]).frozen(true))
        .unwrap();
    let method = Shampoo::new(0.1)
        .betas(0.9, 0.99)
        .graft(Graft::adam())
        .block(4)
        .diagonal_above(3)
        .every(1)
        .roots(RootMethod::Orthogonal {
            sweeps: 1,
            tolerance: 0.1,
        });
    let plan = method.memory::<f32>(&registry).unwrap();
    let mut optimizer = build::<f32>(&method.into(), &registry, &Settings::default()).unwrap();
    let tensor = |shape: &[usize]| wave(shape, 1.0).map(|x| x as f32);
    let gradients = [tensor(&[7, 1, 5]), tensor(&[9]), tensor(&[1])];
    let mut w = gradients.clone();
    optimizer.step_tensors(&mut w, &gradients).unwrap();
    for planned in plan {
        let prefix = format!("{}/", planned.parameter);
        let state = optimizer.state();
        let bytes = |keep: &dyn Fn(&str) -> bool| {
            let entries = state.entries.iter();
            let kept = entries.filter(|(key, _)| key.starts_with(&prefix) && keep(key));
            kept.map(|(_, stored)| match stored {
                Stored::F32(values) => 4 * values.len(),
                Stored::F64(values) => 8 * values.len(),
                _ => 0,
            })
            .sum::<usize>()
        };
        assert_eq!(bytes(&|key| key.contains("statistics")), planned.statistics);
        assert_eq!(
            bytes(&|key| key.contains("root") || key.contains("basis")),
            planned.roots
        );
        assert_eq!(bytes(&|_| true), planned.total());
    }
}

#[test]
fn soap_follows_its_trajectory() {
    let method = Soap::new(0.1).weight_decay(0.0).exact(true).every(1);
    let gradients = waves(&[3, 3], 3);
    let start = wave(&[3, 3], 0.0);
    assert_eq!(
        after(method.clone(), start.clone(), &gradients[..1]).as_slice(),
        start.as_slice()
    );
    #[rustfmt::skip]
    assert_all(&after(method.clone(), start.clone(), &gradients[..2]), &[
        -0.111560531, 0.94708878, -0.191438433,
        -0.740209302, 0.695397389, -0.639027891,
        0.601079588, 0.253588824, -0.943083657,
    ], 1e-8);
    #[rustfmt::skip]
    assert_all(&after(method, start, &gradients), &[
        -0.146244502, 1.083259514, -0.278151272,
        -0.884882102, 0.72048028, -0.670615097,
        0.673066669, 0.269844223, -1.057104063,
    ], 1e-8);
}

#[test]
fn soap_without_bases_is_adam_one_step_late() {
    let gradients = waves(&[3, 4], 5);
    let soap = after(
        Soap::new(0.1).weight_decay(0.0).max_dim(2),
        wave(&[3, 4], 0.0),
        &gradients,
    );
    // Both add ε to a root; SOAP's is of the uncorrected average, so none here.
    let soap_exact = after(
        Soap::new(0.1).weight_decay(0.0).max_dim(2).eps(0.0),
        wave(&[3, 4], 0.0),
        &gradients,
    );
    let adam = after(
        Adam::new(0.1).betas(0.95, 0.95).eps(0.0),
        wave(&[3, 4], 0.0),
        &gradients[1..],
    );
    assert!(distance(&soap_exact, &adam) < 1e-13);
    assert!(distance(&soap, &adam) < 1e-6);
}

#[test]
fn soap_refreshes_by_power_iteration() {
    // A constant gradient has one eigenbasis: both refreshes keep to it.
    let g = vec![wave(&[4, 3], 1.0); 12];
    let zero = || Tensor::zeros(&[4, 3]).unwrap();
    let method = Soap::new(0.1).weight_decay(0.1).every(2);
    let power = after(method.clone(), zero(), &g);
    let exact = after(method.exact(true), zero(), &g);
    assert!(power.as_slice().iter().all(|x| x.is_finite()));
    assert!(distance(&power, &exact) < 0.1);
    // On changing gradients orthogonality of the bases survives the refreshes.
    let mut optimizer = optimizer(Soap::new(0.01).every(1), &alone(&[5, 3]));
    let mut w = [wave(&[5, 3], 0.0)];
    for g in waves(&[5, 3], 20) {
        optimizer.step_tensors(&mut w, &[g]).unwrap();
    }
    let state = optimizer.state();
    for (mode, n) in [(0, 5), (1, 3)] {
        let Stored::F64(basis) = &state.entries[&format!("w/basis/{mode}")] else {
            panic!("the basis is in double precision");
        };
        let q = Tensor::from_vec(basis.clone(), &[n, n]).unwrap();
        assert!(distance(&product(&transposed(&q), &q), &Tensor::eye(n).unwrap()) < 1e-13);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// εI + (1/r)·Σ g·gᵀ ≤ (εI + ΣGGᵀ)^½ ⊗ (εI + ΣGᵀG)^½.
    #[test]
    fn the_preconditioner_bounds_full_adagrad(m in 1usize..4, n in 1usize..4, steps in 1usize..5, seed in 0u64..500) {
        let mut numbers = SplitMix64::new(seed);
        let rank = m.min(n) as f64;
        let eps = 0.1;
        let mut left = Tensor::<f64>::eye(m).unwrap().map(|x| eps * x);
        let mut right = Tensor::<f64>::eye(n).unwrap().map(|x| eps * x);
        let mut full = Tensor::<f64>::eye(m * n).unwrap().map(|x| eps * x);
        for _ in 0..steps {
            let g: Tensor<f64> = numbers.normal_tensor(&[m, n]);
            let add = |sum: &mut Tensor<f64>, more: &Tensor<f64>, factor: f64| {
                for (x, y) in sum.as_mut_slice().iter_mut().zip(more.as_slice()) {
                    *x += factor * y;
                }
            };
            add(&mut left, &product(&g, &transposed(&g)), 1.0);
            add(&mut right, &product(&transposed(&g), &g), 1.0);
            let flat = g.clone().reshaped(&[m * n, 1]).unwrap();
            add(&mut full, &product(&flat, &transposed(&flat)), 1.0 / rank);
        }
        // A square root is the matrix times its inverse square root.
        let root = |a: &Tensor<f64>| {
            let inverse = tensegrity_linalg::inverse_root(
                &a.view(), 2.0, Ridge::Absolute(0.0), RootMethod::Eigen).unwrap().root;
            product(a, &inverse)
        };
        let (left, right) = (root(&left), root(&right));
        let gap = Tensor::from_fn(&[m * n, m * n], |at| {
            let (i, j, k, l) = (at[0] / n, at[0] % n, at[1] / n, at[1] % n);
            left.get(&[i, k]).unwrap() * right.get(&[j, l]).unwrap() - full.get(at).unwrap()
        }).unwrap();
        let least = eigh(&gap.view()).unwrap().values[0];
        prop_assert!(least > -1e-9 * full.norm(), "{least}");
    }
}

#[test]
fn gradients_whose_squares_overflow_do_not_spread() {
    let huge = wave(&[3, 4], 1.0).map(|x| 1e200 * x);
    for method in [Method::from(plain()), Method::from(Soap::new(0.1))] {
        let mut optimizer = optimizer(method, &alone(&[3, 4]));
        let mut w = [wave(&[3, 4], 0.0)];
        for g in waves(&[3, 4], 3) {
            optimizer.step_tensors(&mut w, &[g]).unwrap();
        }
        let stats = optimizer
            .step_tensors(&mut w, std::slice::from_ref(&huge))
            .unwrap();
        assert_eq!(stats.roots_failed, 2);
        let state = optimizer.state();
        for (key, stored) in &state.entries {
            if key.contains("statistics") || key.contains("root/") {
                let Stored::F64(values) = stored else {
                    panic!("{key}")
                };
                assert!(values.iter().all(|x| x.is_finite()), "{key}");
            }
        }
    }
}
