//! CP decompositions: recovery, options, diagnostics.

use tensegrity_decompose::{
    CpInit, CpOptions, CpTensor, Entry, Error, Note, StopReason, cp_als, khatri_rao, unfold,
};
use tensegrity_diagram::evaluate_naive;
use tensegrity_linalg::matmul;
use tensegrity_tensor::{Real, Scalar, SplitMix64, Tensor, c64, c128};

fn unit<T: Scalar>() -> f64 {
    <T::Real as Real>::EPSILON.to_f64()
}

fn model<T: Entry>(shape: &[usize], rank: usize, seed: u64) -> CpTensor<T> {
    let mut rng = SplitMix64::new(seed);
    let factors = shape
        .iter()
        .map(|&n| rng.normal_tensor(&[n, rank]))
        .collect();
    CpTensor::new((0..rank).map(|r| 1.0 + r as f64).collect(), factors).unwrap()
}

fn distance<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let pairs = a.as_slice().iter().zip(b.as_slice());
    let squared: f64 = pairs.map(|(&x, &y)| x.sub(y).abs2()).sum();
    squared.sqrt() / a.norm()
}

fn recovers<T: Entry>() {
    for shape in [&[6, 7, 8][..], &[5, 4, 6, 3], &[3, 4, 3, 2, 5]] {
        let truth = model::<T>(shape, 3, 1);
        let x = truth.to_tensor().unwrap();
        let best = (0..4)
            .map(|seed| {
                let options = CpOptions {
                    n_iter: 800,
                    tol: 0.1 * unit::<T>(),
                    seed,
                    init: if seed == 0 {
                        CpInit::Svd
                    } else {
                        CpInit::Random
                    },
                    ..Default::default()
                };
                cp_als(&x.view(), 3, &options).unwrap()
            })
            .min_by(|a, b| a.report.error.total_cmp(&b.report.error))
            .unwrap();
        assert!(
            best.report.error < 1e4 * unit::<T>(),
            "{}",
            best.report.error
        );
        let score = best.tensor.factor_match_score(&truth).unwrap();
        assert!(score > 1.0 - 1e5 * unit::<T>(), "{shape:?}: {score}");
        assert!(best.tensor.weights().windows(2).all(|w| w[0] >= w[1]));
        let measured = distance(&x, &best.tensor.to_tensor().unwrap());
        assert!((measured - best.report.error).abs() < 1e-2 * measured + 10.0 * unit::<T>());
    }
}

#[test]
fn recovers_in_f32() {
    recovers::<f32>();
}
#[test]
fn recovers_in_f64() {
    recovers::<f64>();
}
#[test]
fn recovers_in_c64() {
    recovers::<c64>();
}
#[test]
fn recovers_in_c128() {
    recovers::<c128>();
}

#[test]
fn the_unfolding_of_a_model_is_a_product_with_khatri_rao() {
    let truth = model::<f64>(&[3, 4, 5], 2, 2);
    let x = truth.to_tensor().unwrap();
    for mode in 0..3 {
        let others: Vec<_> = (0..3).filter(|&k| k != mode).collect();
        let views: Vec<_> = others.iter().map(|&k| truth.factors()[k].view()).collect();
        let right = khatri_rao(&views).unwrap();
        let mut left = truth.factors()[mode].clone();
        for row in left.as_mut_slice().chunks_exact_mut(2) {
            row.iter_mut()
                .zip(truth.weights())
                .for_each(|(v, w)| *v *= w);
        }
        let product = matmul(&left.view(), &right.view().permuted(&[1, 0]).unwrap()).unwrap();
        assert!(distance(&unfold(&x.view(), mode).unwrap(), &product) < 1e-14);
    }
}

/// Noisy input: the history falls, and the last entry is the error of the result.
#[test]
fn history_falls_and_ends_at_the_error() {
    let mut rng = SplitMix64::new(3);
    let clean = model::<f64>(&[9, 10, 11], 4, 4).to_tensor().unwrap();
    let noise = 0.3 * clean.norm() / (clean.len() as f64).sqrt();
    let x = clean.map(|v| v + noise * rng.normal());
    for line_search in [false, true] {
        let options = CpOptions {
            init: CpInit::Uniform,
            n_iter: 200,
            tol: 1e-10,
            line_search,
            ..Default::default()
        };
        let found = cp_als(&x.view(), 4, &options).unwrap();
        let history = &found.report.history;
        assert_eq!(history.len(), found.report.n_iter);
        assert!(
            history.windows(2).all(|w| w[1] <= w[0] + 1e-12),
            "{line_search}"
        );
        let measured = found.tensor.error(&x.view()).unwrap();
        assert!((found.report.error - measured).abs() < 1e-11);
        assert!((history.last().unwrap() - measured).abs() < 1e-8);
        // Equal seeds give equal bits.
        assert_eq!(cp_als(&x.view(), 4, &options).unwrap().tensor, found.tensor);
    }
    let stopped = CpOptions {
        n_iter: 3,
        tol: 0.0,
        ..Default::default()
    };
    let found = cp_als(&x.view(), 4, &stopped).unwrap();
    assert_eq!(
        (found.report.stop, found.report.n_iter),
        (StopReason::MaxIterations, 3)
    );
}

#[test]
fn memory_order_does_not_matter() {
    let x = model::<f64>(&[6, 5, 7], 3, 5).to_tensor().unwrap();
    let stored = x.permuted(&[2, 0, 1]).unwrap();
    let view = stored.view().permuted(&[1, 2, 0]).unwrap();
    let options = CpOptions {
        init: CpInit::Random,
        n_iter: 2000,
        tol: 0.0,
        ..Default::default()
    };
    let a = cp_als(&x.view(), 3, &options).unwrap();
    let b = cp_als(&view, 3, &options).unwrap();
    assert!(a.report.error < 1e-10 && b.report.error < 1e-10);
    assert!(a.tensor.factor_match_score(&b.tensor).unwrap() > 1.0 - 1e-6);
    assert_eq!(b.tensor.shape(), [6, 5, 7]);
}

#[test]
fn given_models_fixed_modes_and_ridge() {
    let truth = model::<f64>(&[6, 7, 8], 3, 6);
    let x = truth.to_tensor().unwrap();
    // Starting from the truth, nothing is left to do.
    let options = CpOptions {
        init: CpInit::Given(truth.clone()),
        ..Default::default()
    };
    let found = cp_als(&x.view(), 3, &options).unwrap();
    assert!(found.report.error < 1e-14);
    assert_eq!(found.report.stop, StopReason::Converged);
    // With one factor of the truth fixed the others are found.
    let mut start = model::<f64>(&[6, 7, 8], 3, 7).into_parts().1;
    start[1] = truth.factors()[1].clone();
    let options = CpOptions {
        init: CpInit::Given(CpTensor::new(vec![1.0; 3], start).unwrap()),
        fixed: vec![1],
        n_iter: 500,
        tol: 0.0,
        ..Default::default()
    };
    let found = cp_als(&x.view(), 3, &options).unwrap();
    assert!(found.report.error < 1e-12);
    // Raising the rank from a smaller model never loses what it had.
    let two = cp_als(&x.view(), 2, &CpOptions::default()).unwrap();
    let options = CpOptions {
        init: CpInit::Given(two.tensor.clone()),
        n_iter: 50,
        ..Default::default()
    };
    let three = cp_als(&x.view(), 3, &options).unwrap();
    assert!(three.report.error <= two.report.error + 1e-12);
    // A ridge shrinks the model.
    let options = CpOptions {
        ridge: 0.5,
        ..Default::default()
    };
    let shrunk = cp_als(&x.view(), 3, &options).unwrap();
    assert!(shrunk.tensor.norm().unwrap() < 0.95 * x.norm());
    assert!((shrunk.report.error - shrunk.tensor.error(&x.view()).unwrap()).abs() < 1e-10);
}

#[test]
fn repeated_components_do_not_stop_the_iteration() {
    let x = model::<f64>(&[5, 6, 7], 1, 8).to_tensor().unwrap();
    let found = cp_als(&x.view(), 4, &CpOptions::default()).unwrap();
    assert!(found.report.error < 1e-6, "{}", found.report.error);
    assert!(found.tensor.weights().iter().all(|w| w.is_finite()));
    let constant = Tensor::<f32>::full(&[4, 4, 4], 3.0).unwrap();
    let found = cp_als(&constant.view(), 3, &CpOptions::default()).unwrap();
    assert!(found.report.error < 1e-3);
}

#[test]
fn zero_vectors_and_clipped_ranks() {
    let zero = Tensor::<f64>::zeros(&[3, 4]).unwrap();
    let found = cp_als(&zero.view(), 5, &CpOptions::default()).unwrap();
    assert_eq!((found.tensor.rank(), found.report.error), (1, 0.0));
    assert!(found.report.notes.contains(&Note::AllZero));
    let vector = Tensor::from_vec(vec![3.0, 4.0], &[2]).unwrap();
    let found = cp_als(&vector.view(), 3, &CpOptions::default()).unwrap();
    assert!((found.tensor.weights()[0] - 5.0).abs() < 1e-14);
    assert!(matches!(
        found.report.notes[0],
        Note::RankClipped {
            asked: 3,
            used: 1,
            ..
        }
    ));
    let matrix: Tensor<f64> = SplitMix64::new(9).normal_tensor(&[5, 4]);
    let found = cp_als(&matrix.view(), usize::MAX, &CpOptions::default()).unwrap();
    assert_eq!(found.tensor.rank(), 4);
    assert!(found.report.error < 1e-10);
    for size in [1e-300, 1e300] {
        let x = Tensor::from_fn(&[3, 4, 5], |i| size * ((1 + i[0]) * (1 + i[2])) as f64).unwrap();
        let found = cp_als(&x.view(), 1, &CpOptions::default()).unwrap();
        assert!(found.report.error < 1e-12);
        assert!(found.tensor.error(&x.view()).unwrap() < 1e-12);
    }
}

#[test]
fn diagnostics() {
    let truth = model::<f64>(&[6, 7, 8], 3, 10);
    let x = truth.to_tensor().unwrap();
    assert!((truth.core_consistency(&x.view()).unwrap() - 100.0).abs() < 1e-8);
    let congruence = truth.congruence(&truth).unwrap();
    for (r, row) in congruence.iter().enumerate() {
        assert!((row[r] - 1.0).abs() < 1e-12);
    }
    assert!((truth.factor_match_score(&truth).unwrap() - 1.0).abs() < 1e-12);
    // Order, scale and paired signs of components mean nothing.
    let (weights, factors) = truth.clone().into_parts();
    let flipped = factors.iter().enumerate().map(|(k, factor)| {
        let sign = if k < 2 { -2.0 } else { 0.25 };
        let rows = factor.as_slice().chunks_exact(3);
        let data = rows
            .flat_map(|row| [2, 0, 1].map(|r| sign * row[r]))
            .collect();
        Tensor::from_vec(data, factor.shape()).unwrap()
    });
    let weights = [2, 0, 1].map(|r: usize| weights[r]).to_vec();
    let other = CpTensor::new(weights, flipped.collect()).unwrap();
    assert!((truth.factor_match_score(&other).unwrap() - 1.0).abs() < 1e-12);
    let unlike = model::<f64>(&[6, 7, 8], 3, 11);
    assert!(truth.factor_match_score(&unlike).unwrap() < 0.9);
    let value = evaluate_naive(&truth.to_diagram().unwrap(), &[]).unwrap();
    assert!(distance(&x, &value.map(|z| z.re)) < 1e-14);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let x = model::<f64>(&[3, 4, 5], 2, 12).to_tensor().unwrap();
    let run = |rank, options: CpOptions<f64>| cp_als(&x.view(), rank, &options).err();
    assert!(matches!(
        run(0, CpOptions::default()),
        Some(Error::ZeroRank { .. })
    ));
    let bad = |change: fn(&mut CpOptions<f64>)| {
        let mut options = CpOptions::default();
        change(&mut options);
        run(2, options)
    };
    assert!(matches!(
        bad(|o| o.tol = f64::NAN),
        Some(Error::Option { name: "tol", .. })
    ));
    assert!(matches!(
        bad(|o| o.ridge = -1.0),
        Some(Error::Option { name: "ridge", .. })
    ));
    assert!(matches!(
        bad(|o| o.fixed = vec![3]),
        Some(Error::Mode { .. })
    ));
    assert!(matches!(
        bad(|o| o.fixed = vec![0]),
        Some(Error::Option { name: "fixed", .. })
    ));
    let larger = |o: &mut CpOptions<f64>| o.init = CpInit::Given(model(&[3, 4, 5], 3, 1));
    assert!(matches!(
        bad(larger),
        Some(Error::Option { name: "init", .. })
    ));
    let other = |o: &mut CpOptions<f64>| o.init = CpInit::Given(model(&[3, 4, 4], 2, 1));
    assert!(matches!(
        bad(other),
        Some(Error::Option { name: "init", .. })
    ));
}
