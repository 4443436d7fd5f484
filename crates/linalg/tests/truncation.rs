//! Truncated decompositions keep the right rank, project exactly and fall back
//! when squares lose the digits asked for.

mod support;

use support::*;
use tensegrity_linalg::*;
use tensegrity_tensor::{Tensor, View};

const METHODS: [SvdMethod; 5] = [
    SvdMethod::Auto,
    SvdMethod::Gram,
    SvdMethod::Qr,
    SvdMethod::Randomized,
    SvdMethod::Full,
];

/// A matrix with the given singular values.
fn with_spectrum<T: Field>(m: usize, n: usize, s: &[f64], seed: u64) -> Tensor<T> {
    let u = qr(&random::<T>(&[m, s.len()], seed).view()).unwrap().q;
    let v = qr(&random::<T>(&[n, s.len()], seed + 1).view()).unwrap().q;
    compose(&u, s, &adjoint(&v))
}

fn decay(count: usize, rate: f64) -> Vec<f64> {
    (0..count).map(|i| rate.powi(i as i32)).collect()
}

fn every_method_truncates<T: Field>() {
    let s = decay(12, 0.5);
    let tolerance = 0.06; // between the tails after 4 and 5 values
    for (m, n) in [(20, 90), (90, 20), (40, 41), (12, 12)] {
        let a = with_spectrum::<T>(m, n, &s, 3);
        for method in METHODS {
            for truncation in [
                Truncation::tolerance(tolerance),
                Truncation::rank(5),
                Truncation {
                    max_rank: Some(3),
                    tolerance,
                },
                Truncation {
                    max_rank: Some(9),
                    tolerance,
                },
            ] {
                let tail = |r: usize| s[r..].iter().map(|x| x * x).sum::<f64>().sqrt();
                let by_tolerance = (1..=12).find(|&r| tail(r) <= truncation.tolerance);
                let expected = by_tolerance
                    .unwrap_or(12)
                    .min(truncation.max_rank.unwrap_or(12));
                let what = format!("{m}x{n} {method:?} {truncation:?}");
                let result = truncated_svd(&a.view(), &truncation, method).unwrap();
                assert_eq!(result.s.len(), expected, "{what}");
                assert!(method == SvdMethod::Auto || result.method == method);
                let close = 300.0 * unit::<T>();
                assert_orthonormal(&result.u, close);
                assert_orthonormal(&adjoint(&result.vh), 4.0 * close);
                assert_signs(&result.u);
                let off = distance(&compose(&result.u, &result.s, &result.vh), &a);
                let slack = 1e-5 + 1e3 * unit::<T>();
                assert!(
                    (off - tail(expected)).abs() < slack,
                    "{what}: {off} {}",
                    tail(expected)
                );
                assert!((result.discarded - tail(expected)).abs() < slack, "{what}");
                let left = left_vectors(&a.view(), &truncation, method).unwrap();
                assert_eq!(left.u.shape(), [m, expected]);
                assert_orthonormal(&left.u, 4.0 * close);
                assert!(left.s.len() >= expected);
                let projected = naive(
                    &left.u.view(),
                    &naive(&adjoint(&left.u).view(), &a.view()).view(),
                );
                assert!(
                    (distance(&projected, &a) - tail(expected)).abs() < slack,
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn the_smallest_rank_meets_the_tolerance_with_equality() {
    let keep = |truncation: Truncation, s: &[f64]| truncation.kept(s, 0.0);
    let s = [4.0, 3.0, 2.0];
    assert_eq!(keep(Truncation::tolerance(2.0), &s), (2, 2.0));
    assert_eq!(
        keep(Truncation::tolerance(1.9999999999999998), &s),
        (3, 0.0)
    );
    assert_eq!(keep(Truncation::tolerance(13f64.sqrt()), &s).0, 1);
    assert_eq!(keep(Truncation::tolerance(1e9), &s).0, 1);
    assert_eq!(keep(Truncation::none(), &s), (3, 0.0));
    assert_eq!(keep(Truncation::none(), &[1.0, 0.0, 0.0]).0, 1);
    assert_eq!(keep(Truncation::none(), &[0.0, 0.0]).0, 1);
    assert_eq!(keep(Truncation::rank(2), &s), (2, 2.0));
    assert_eq!(keep(Truncation::rank(50), &s), (3, 0.0));
    assert_eq!(keep(Truncation::none(), &[]), (0, 0.0));
    // Squares of these vanish or overflow.
    let tiny = [4e-200, 3e-200, 2e-200];
    assert_eq!(keep(Truncation::none(), &tiny).0, 3);
    assert_eq!(keep(Truncation::tolerance(2.1e-200), &tiny).0, 2);
    let huge = [4e200, 3e200, 2e200];
    assert_eq!(keep(Truncation::tolerance(2.1e200), &huge).0, 2);
}

#[test]
fn cutoff_modes_agree_with_their_definition() {
    let s = [4.0, 2.0, 1.0, 0.5];
    let rank = |cutoff: Cutoff, max| cutoff.truncation(&s, max).kept(&s, 0.0).0;
    assert_eq!(rank(Cutoff::Absolute(1.0), None), 2);
    assert_eq!(rank(Cutoff::Absolute(0.9), None), 3);
    assert_eq!(rank(Cutoff::Relative(0.25), None), 2);
    assert_eq!(rank(Cutoff::SumSquares(1.25), None), 2);
    assert_eq!(rank(Cutoff::SumSquares(1.24), None), 3);
    assert_eq!(rank(Cutoff::RelativeSumSquares(1.25 / 21.25), None), 2);
    assert_eq!(rank(Cutoff::Absolute(100.0), None), 1);
    assert_eq!(rank(Cutoff::Absolute(0.1), Some(2)), 2);
}

#[test]
fn auto_chooses_by_shape_and_tolerance() {
    let a = with_spectrum::<f64>(30, 200, &decay(30, 0.3), 9);
    let method = |truncation| {
        truncated_svd(&a.view(), &truncation, SvdMethod::Auto)
            .unwrap()
            .method
    };
    assert_eq!(method(Truncation::tolerance(1e-3)), SvdMethod::Gram);
    assert_eq!(method(Truncation::tolerance(1e-9)), SvdMethod::Qr);
    assert_eq!(method(Truncation::none()), SvdMethod::Qr);
    assert_eq!(method(Truncation::rank(5)), SvdMethod::Gram);
    let square = random::<f64>(&[300, 300], 1);
    let method = |truncation| {
        truncated_svd(&square.view(), &truncation, SvdMethod::Auto)
            .unwrap()
            .method
    };
    assert_eq!(method(Truncation::rank(5)), SvdMethod::Randomized);
    assert_eq!(method(Truncation::rank(200)), SvdMethod::Gram);
    assert_eq!(method(Truncation::none()), SvdMethod::Full);
}

#[test]
fn small_tolerances_are_met_beyond_the_floor_of_the_gram_matrix() {
    let s = decay(13, 0.1);
    let a = with_spectrum::<f64>(25, 400, &s, 2);
    for tolerance in [2e-4, 2e-8, 2e-10] {
        let truncation = Truncation::tolerance(tolerance);
        let result = truncated_svd(&a.view(), &truncation, SvdMethod::Auto).unwrap();
        let expected = s.iter().take_while(|&&x| x > 0.99 * tolerance).count();
        assert_eq!(result.s.len(), expected, "{tolerance}");
        assert_orthonormal(&adjoint(&result.vh), 1e-12);
        let off = distance(&compose(&result.u, &result.s, &result.vh), &a);
        assert!(off <= tolerance, "{off:e} {tolerance:e}");
    }
}

#[test]
fn strided_views_give_the_same_as_copies() {
    let x = random::<f64>(&[12, 9, 30], 4);
    // The middle axis against the others: no common stride.
    let turned = x.view().permuted(&[1, 0, 2]).unwrap();
    let copy = turned.to_tensor().reshaped(&[9, 360]).unwrap();
    let every_other = x.view().permuted(&[0, 2, 1]).unwrap().to_tensor();
    let base = every_other.as_slice();
    // SAFETY: rows of stride 18 and columns of stride 2 stay inside 12·30·9.
    let strided = unsafe { View::from_raw(base.as_ptr(), &[9, 150], &[2, 18]) };
    for view in [copy.view(), copy.view().reversed(1).unwrap(), strided] {
        for method in METHODS {
            let direct = truncated_svd(&view, &Truncation::rank(4), method).unwrap();
            let copied = view.to_tensor();
            let again = truncated_svd(&copied.view(), &Truncation::rank(4), method).unwrap();
            assert_near(
                &compose(&direct.u, &direct.s, &direct.vh),
                &compose(&again.u, &again.s, &again.vh),
                1e-10,
            );
        }
    }
}

fn hostile_matrices<T: Field>() {
    let largest = if unit::<T>() > 1e-10 { 1e37 } else { 1e300 };
    for method in METHODS {
        let zero = Tensor::<T>::zeros(&[4, 9]).unwrap();
        let result = truncated_svd(&zero.view(), &Truncation::tolerance(0.1), method).unwrap();
        assert_eq!((result.s, result.discarded), (vec![0.0], 0.0));
        assert_orthonormal(&result.u, 1e-6);
        assert_orthonormal(&adjoint(&result.vh), 1e-6);
        for scale in [largest, 1.0 / largest] {
            let a = random::<T>(&[6, 30], 1).map(|x| x.mul(T::from_f64(0.1 * scale, 0.0)));
            let result = truncated_svd(&a.view(), &Truncation::rank(6), method).unwrap();
            assert_orthonormal(&result.u, 1e-4);
            let unscale = |x: &Tensor<T>| x.map(|x| x.mul(T::from_f64(1.0 / scale, 0.0)));
            let back = compose(&result.u, &result.s, &result.vh);
            assert_near(&unscale(&back), &unscale(&a), 1e-4);
        }
        for empty in [[0, 5], [5, 0], [0, 0]] {
            let a = Tensor::<T>::zeros(&empty).unwrap();
            let result = truncated_svd(&a.view(), &Truncation::none(), method).unwrap();
            assert_eq!(result.u.shape(), [empty[0], 0]);
            assert_eq!(result.vh.shape(), [0, empty[1]]);
        }
        for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut a = random::<T>(&[5, 8], 1);
            a.as_mut_slice()[2 * 8 + 3] = T::from_f64(poison, 0.0);
            let error = truncated_svd(&a.view(), &Truncation::rank(2), method).unwrap_err();
            assert!(
                matches!(&error, Error::NonFinite { position, .. } if position == &[2, 3]),
                "{error}"
            );
        }
    }
}

for_each_type! {
    every_method_keeps_the_rank_the_rule_asks_for => every_method_truncates;
    hostile_values_end_in_results_or_errors => hostile_matrices;
}
