//! Tucker decompositions in every element type and at the edges of what is legal.

use tensegrity_decompose::{
    Entry, HooiOptions, Note, StopReason, SvdMethod, Tol, TuckerCurve, TuckerOptions, TuckerTensor,
    hooi, hosvd, st_hosvd,
};
use tensegrity_diagram::evaluate_naive;
use tensegrity_tensor::{Real, Scalar, SplitMix64, Tensor, c64, c128};

fn unit<T: Scalar>() -> f64 {
    <T::Real as Real>::EPSILON.to_f64()
}

fn low_rank<T: Entry>(shape: &[usize], ranks: &[usize], noise: f64, seed: u64) -> Tensor<T> {
    let mut rng = SplitMix64::new(seed);
    let core: Tensor<T> = rng.normal_tensor(ranks);
    let factors = shape
        .iter()
        .zip(ranks)
        .map(|(&n, &r)| rng.normal_tensor(&[n, r]))
        .collect();
    let x = TuckerTensor::new(core, factors)
        .unwrap()
        .to_tensor()
        .unwrap();
    let scale = noise * x.norm() / (x.len() as f64).sqrt();
    let white = rng.normal_tensor::<T>(shape);
    let data = x.as_slice().iter().zip(white.as_slice());
    let data = data
        .map(|(&a, &b)| a.add(b.mul(T::from_f64(scale, 0.0))))
        .collect();
    Tensor::from_vec(data, shape).unwrap()
}

fn distance<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let pairs = a.as_slice().iter().zip(b.as_slice());
    let squared: f64 = pairs.map(|(&x, &y)| x.sub(y).abs2()).sum();
    squared.sqrt() / a.norm()
}

fn orthonormal<T: Entry>(factor: &Tensor<T>) {
    let gram = tensegrity_linalg::gram_columns(&factor.view()).unwrap();
    let eye = Tensor::<T>::eye(gram.shape()[0]).unwrap();
    assert!(distance(&eye, &gram) < 30.0 * unit::<T>());
}

fn every_method<T: Entry>() {
    let (shape, ranks) = ([9, 7, 8, 3], [3, 2, 4, 2]);
    let x = low_rank::<T>(&shape, &ranks, 0.0, 1);
    let noisy = low_rank::<T>(&shape, &ranks, 0.05, 2);
    let options = TuckerOptions::default();
    let tol = Tol::Ranks(ranks.to_vec());
    for found in [
        st_hosvd(&x.view(), &tol, &options).unwrap(),
        hosvd(&x.view(), &tol, &options).unwrap(),
        hooi(&x.view(), &ranks, &HooiOptions::default()).unwrap(),
        st_hosvd(&x.view(), &Tol::Rel(1e-4), &options).unwrap(),
        hosvd(&x.view(), &Tol::Rel(1e-4), &options).unwrap(),
    ] {
        assert_eq!(found.tensor.ranks(), ranks);
        assert!(distance(&x, &found.tensor.to_tensor().unwrap()) < 200.0 * unit::<T>());
        assert!(found.report.error < 200.0 * unit::<T>());
        found.tensor.factors().iter().for_each(orthonormal);
    }
    let methods = [
        SvdMethod::Auto,
        SvdMethod::Gram,
        SvdMethod::Qr,
        SvdMethod::Full,
        SvdMethod::Randomized,
    ];
    let best = hooi(&noisy.view(), &ranks, &HooiOptions::default()).unwrap();
    assert_eq!(best.report.stop, StopReason::Converged);
    let history = &best.report.history;
    assert!(history.windows(2).all(|w| w[1] <= w[0] + 1e-6));
    for svd in methods {
        let options = TuckerOptions { svd, order: None };
        let found = st_hosvd(&noisy.view(), &tol, &options).unwrap();
        let dense = distance(&noisy, &found.tensor.to_tensor().unwrap());
        let slack = 1e3 * unit::<T>();
        assert!(
            (found.report.error - dense).abs() < slack.max(1e-3 * dense * slack),
            "{svd:?}"
        );
        assert!(best.report.error <= found.report.error + slack);
        assert!(found.report.error < 1.05 * best.report.error, "{svd:?}");
        let norm = found.tensor.norm().unwrap();
        assert!((norm - found.tensor.core().norm()).abs() < 1e2 * slack * norm);
    }
}

#[test]
fn every_method_in_f32() {
    every_method::<f32>();
}
#[test]
fn every_method_in_f64() {
    every_method::<f64>();
}
#[test]
fn every_method_in_c64() {
    every_method::<c64>();
}
#[test]
fn every_method_in_c128() {
    every_method::<c128>();
}

#[test]
fn tolerances_are_met_and_ranks_minimal_for_the_cut() {
    let x = low_rank::<f64>(&[12, 11, 10], &[5, 5, 5], 0.1, 3);
    for eps in [0.5, 0.1, 0.05, 1e-3, 1e-9, 0.0] {
        for (name, found) in [
            (
                "st",
                st_hosvd(&x.view(), &Tol::Rel(eps), &TuckerOptions::default()).unwrap(),
            ),
            (
                "all",
                hosvd(&x.view(), &Tol::Rel(eps), &TuckerOptions::default()).unwrap(),
            ),
            (
                "abs",
                st_hosvd(
                    &x.view(),
                    &Tol::Abs(eps * x.norm()),
                    &TuckerOptions::default(),
                )
                .unwrap(),
            ),
        ] {
            let measured = distance(&x, &found.tensor.to_tensor().unwrap());
            assert!(measured <= eps + 1e-14, "{name} {eps}: {measured}");
            assert!((measured - found.report.error).abs() <= 1e-10 * measured + 1e-15);
        }
    }
}

#[test]
fn strided_input_gives_the_same_network() {
    let x = low_rank::<f64>(&[8, 9, 10], &[3, 4, 2], 0.1, 4);
    let options = TuckerOptions {
        order: Some(vec![1, 2, 0]),
        ..Default::default()
    };
    let tol = Tol::Ranks(vec![3, 3, 2]);
    let wanted = st_hosvd(&x.view(), &tol, &options).unwrap();
    // The same elements in Fortran order, and embedded in a larger array.
    let reversed = x.permuted(&[2, 1, 0]).unwrap();
    let fortran = reversed.view().permuted(&[2, 1, 0]).unwrap();
    let mut wide = Tensor::<f64>::full(&[8, 12, 10], 7.0).unwrap();
    let target = wide.view_mut().sliced(1, 2..11).unwrap();
    tensegrity_tensor::copy_into(&mut { target }, &x.view()).unwrap();
    let slice = wide.view().sliced(1, 2..11).unwrap();
    for view in [fortran, slice] {
        let found = st_hosvd(&view, &tol, &options).unwrap();
        assert_eq!(found.report.mode_order, [1, 2, 0]);
        let core = distance(wanted.tensor.core(), found.tensor.core());
        assert!(core < 1e-12, "{core}");
        for (a, b) in wanted.tensor.factors().iter().zip(found.tensor.factors()) {
            assert!(distance(a, b) < 1e-11);
        }
    }
}

#[test]
fn long_modes_use_shared_projections_and_warm_starts() {
    // Modes long enough for the iteration that starts from the last sweep.
    let x = low_rank::<f64>(&[60, 50, 70], &[4, 5, 3], 0.3, 5);
    let options = HooiOptions {
        n_iter: 40,
        tol: 1e-15,
        ..Default::default()
    };
    let warm = hooi(&x.view(), &[4, 5, 3], &options).unwrap();
    let direct = HooiOptions {
        svd: SvdMethod::Full,
        ..options
    };
    let direct = hooi(&x.view(), &[4, 5, 3], &direct).unwrap();
    assert!((warm.report.error - direct.report.error).abs() < 1e-12);
    assert!((warm.report.error - warm.tensor.error(&x.view()).unwrap()).abs() < 1e-12);
}

#[test]
fn low_orders_reduce_to_vectors_and_matrices() {
    let v = Tensor::from_vec(vec![3.0, 0.0, -4.0], &[3]).unwrap();
    let found = st_hosvd(&v.view(), &Tol::Rel(0.1), &TuckerOptions::default()).unwrap();
    assert_eq!(found.tensor.ranks(), [1]);
    assert!(distance(&v, &found.tensor.to_tensor().unwrap()) < 1e-15);
    assert!((found.tensor.core().as_slice()[0].abs() - 5.0).abs() < 1e-14);
    let m = low_rank::<f64>(&[8, 12], &[4, 4], 0.2, 6);
    let s = tensegrity_linalg::singular_values(&m.view()).unwrap();
    let found = hooi(&m.view(), &[3, 3], &HooiOptions::default()).unwrap();
    let best = s[3..].iter().map(|x| x * x).sum::<f64>().sqrt() / m.norm();
    assert!((found.report.error - best).abs() < 1e-12);
    let ones = Tensor::<f32>::full(&[1, 5, 1, 4], 2.5).unwrap();
    let found = st_hosvd(&ones.view(), &Tol::Rel(0.0), &TuckerOptions::default()).unwrap();
    assert!(distance(&ones, &found.tensor.to_tensor().unwrap()) < 1e-6);
}

#[test]
fn zero_extreme_and_constant_tensors() {
    let zero = Tensor::<f64>::zeros(&[3, 4, 5]).unwrap();
    for found in [
        st_hosvd(&zero.view(), &Tol::Rel(0.1), &TuckerOptions::default()).unwrap(),
        hosvd(
            &zero.view(),
            &Tol::Ranks(vec![2, 2, 2]),
            &TuckerOptions::default(),
        )
        .unwrap(),
        hooi(&zero.view(), &[2, 2, 2], &HooiOptions::default()).unwrap(),
    ] {
        assert_eq!(found.tensor.ranks(), [1, 1, 1]);
        assert_eq!(found.report.error, 0.0);
        assert!(found.report.notes.contains(&Note::AllZero));
        assert_eq!(found.tensor.to_tensor().unwrap(), zero);
    }
    for size in [1e-300, 1e300, 1e-320] {
        let x = Tensor::from_fn(&[4, 5, 6], |i| size * (1.0 + (i[0] % 2) as f64)).unwrap();
        let found = st_hosvd(&x.view(), &Tol::Rel(1e-6), &TuckerOptions::default()).unwrap();
        assert_eq!(found.tensor.ranks(), [1, 1, 1], "{size}");
        let back = found.tensor.to_tensor().unwrap();
        for (a, b) in x.as_slice().iter().zip(back.as_slice()) {
            assert!((a - b).abs() <= 1e-6 * a.abs() + 1e-323);
        }
    }
}

#[test]
fn ranks_beyond_the_shape_are_clipped_with_a_note() {
    let x = low_rank::<f64>(&[4, 3, 20], &[2, 2, 2], 0.1, 7);
    let asked = Tol::Ranks(vec![100, 2, usize::MAX]);
    let found = st_hosvd(&x.view(), &asked, &TuckerOptions::default()).unwrap();
    assert_eq!(found.tensor.ranks(), [4, 2, 8]);
    let clipped = |note: &&Note| matches!(note, Note::RankClipped { .. });
    assert_eq!(found.report.notes.iter().filter(clipped).count(), 2);
}

#[test]
fn the_curve_predicts_errors_and_finds_the_cheapest_ranks() {
    let x = low_rank::<f64>(&[10, 9, 8], &[6, 6, 6], 0.2, 8);
    let curve = TuckerCurve::new(&x.view(), 0.0).unwrap();
    assert_eq!(curve.ranks(), [10, 9, 8]);
    for ranks in [[1, 1, 1], [3, 4, 2], [10, 9, 8], [6, 6, 6]] {
        let cut = curve.truncate(&ranks).unwrap();
        let measured = cut.error(&x.view()).unwrap();
        assert!(
            (curve.error(&ranks).unwrap() - measured).abs() < 1e-7,
            "{ranks:?}"
        );
    }
    let params = |ranks: &[usize]| -> f64 {
        let core: usize = ranks.iter().product();
        (core + 10 * ranks[0] + 9 * ranks[1] + 8 * ranks[2]) as f64
    };
    let found = curve.smallest(0.3, &params).unwrap();
    assert!(curve.error(&found).unwrap() <= 0.3);
    // No combination at all is both legal and cheaper.
    let mut least = f64::INFINITY;
    let mut closest = f64::INFINITY;
    for a in 1..=10 {
        for b in 1..=9 {
            for c in 1..=8 {
                let error = curve.error(&[a, b, c]).unwrap();
                if error <= 0.3 {
                    least = least.min(params(&[a, b, c]));
                }
                if params(&[a, b, c]) <= 150.0 {
                    closest = closest.min(error);
                }
            }
        }
    }
    assert_eq!(params(&found), least);
    let near = curve.closest(150.0, &params).unwrap();
    assert_eq!(curve.error(&near).unwrap(), closest);
    assert!(curve.closest(5.0, &params).is_none());
    let coarse = TuckerCurve::new(&x.view(), 0.4).unwrap();
    assert!(coarse.smallest(0.01, &params).is_none());
    assert!(coarse.smallest(0.5, &params).is_some());
}

#[test]
fn the_diagram_is_the_network() {
    let x = low_rank::<c128>(&[3, 4, 2], &[2, 2, 2], 0.3, 9);
    let found = st_hosvd(
        &x.view(),
        &Tol::Ranks(vec![2, 3, 2]),
        &TuckerOptions::default(),
    )
    .unwrap();
    let diagram = found.tensor.to_diagram().unwrap();
    let value = evaluate_naive(&diagram, &[]).unwrap();
    assert!(distance(&found.tensor.to_tensor().unwrap(), &value) < 1e-14);
}
