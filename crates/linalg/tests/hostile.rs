//! Bad and extreme input ends in a named error or a correct result.

mod support;

use support::*;
use tensegrity_linalg::*;
use tensegrity_tensor::{Tensor, View};

fn poisoned<T: Field>(shape: &[usize], at: usize, value: f64) -> Tensor<T> {
    let mut a = random::<T>(shape, 1);
    a.as_mut_slice()[at] = T::from_f64(value, 0.0);
    a
}

/// The position in a `NonFinite` error.
#[track_caller]
fn position<R: std::fmt::Debug>(result: Result<R>) -> Vec<usize> {
    match result {
        Err(Error::NonFinite { position, .. }) => position,
        other => panic!("{other:?}"),
    }
}

fn non_finite_is_named<T: Field>() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let a = poisoned::<T>(&[6, 6], 4 * 6 + 2, value);
        let good = random::<T>(&[6, 6], 2);
        let (a, good) = (a.view(), good.view());
        let expected = vec![4, 2];
        assert_eq!(position(svd(&a)), expected);
        assert_eq!(position(singular_values(&a)), expected);
        assert_eq!(position(qr(&a)), expected);
        assert_eq!(position(eigh(&a)), expected);
        assert_eq!(position(cholesky(&a)), expected);
        assert_eq!(position(solve(&a, &good)), expected);
        assert_eq!(position(solve(&good, &a)), expected);
        assert_eq!(
            position(solve_triangular(&a, Triangle::Lower, &good)),
            expected
        );
        assert_eq!(position(log_det(&a)), expected);
        assert_eq!(position(lstsq(&a, &good, None)), expected);
        assert_eq!(position(lstsq(&good, &a, None)), expected);
        assert_eq!(position(pinv(&a, None)), expected);
        assert_eq!(position(polar(&a)), expected);
        assert_eq!(
            position(truncated_svd(&a, &Truncation::rank(1), SvdMethod::Auto)),
            expected
        );
        // Triangles that are not read may hold anything.
        let upper = a.permuted(&[1, 0]).unwrap();
        assert!(eigh(&upper).is_ok());
        assert!(solve_triangular(&a, Triangle::Upper, &good).is_ok());
        // Products propagate.
        let product = matmul(&a, &good).unwrap();
        assert!(!product.get(&[4, 0]).unwrap().is_finite());
        assert!(product.get(&[0, 0]).unwrap().is_finite());
    }
}

fn extreme_magnitudes_are_legal<T: Field>() {
    let large = if unit::<T>() > 1e-10 { 1e36 } else { 1e290 };
    for scale in [large, 1.0 / large] {
        let plain = random::<T>(&[9, 6], 3);
        let a = plain.map(|x| x.mul(T::from_f64(scale, 0.0)));
        let unscale = |x: &Tensor<T>| x.map(|x| x.mul(T::from_f64(1.0 / scale, 0.0)));
        let close = 1e3 * unit::<T>();
        let parts = svd(&a.view()).unwrap();
        let s: Vec<f64> = parts.s.iter().map(|x| x / scale).collect();
        assert_near(&compose(&parts.u, &s, &parts.vh), &plain, close);
        let factors = qr(&a.view()).unwrap();
        assert_near(
            &naive(&factors.q.view(), &unscale(&factors.r).view()),
            &plain,
            close,
        );
        let hermitian = gram_rows(&plain.view()).unwrap();
        let scaled = hermitian.map(|x| x.mul(T::from_f64(0.01 * scale, 0.0)));
        let eigen = eigh(&scaled.view()).unwrap();
        let values: Vec<f64> = eigen.values.iter().map(|x| x / (0.01 * scale)).collect();
        let back = compose(&eigen.vectors, &values, &adjoint(&eigen.vectors));
        assert_near(&back, &hermitian, close);
    }
}

fn rank_deficiency_is_legal<T: Field>() {
    let (left, right) = (random::<T>(&[20, 3], 1), random::<T>(&[3, 14], 2));
    let a = matmul(&left.view(), &right.view()).unwrap();
    let close = 200.0 * unit::<T>();
    for matrix in [a.clone(), adjoint(&a), Tensor::zeros(&[7, 4]).unwrap()] {
        let parts = svd(&matrix.view()).unwrap();
        assert_near(&compose(&parts.u, &parts.s, &parts.vh), &matrix, close);
        assert_orthonormal(&parts.u, close);
        assert_orthonormal(&adjoint(&parts.vh), close);
        let factors = qr(&matrix.view()).unwrap();
        assert_near(&naive(&factors.q.view(), &factors.r.view()), &matrix, close);
        assert_orthonormal(&factors.q, close);
        let inverse = pinv(&matrix.view(), None).unwrap();
        let back = naive(
            &naive(&matrix.view(), &inverse.view()).view(),
            &matrix.view(),
        );
        assert_near(&back, &matrix, close);
        let polar = polar(&matrix.view()).unwrap();
        assert_near(
            &naive(&polar.unitary.view(), &polar.positive.view()),
            &matrix,
            close,
        );
        assert_eq!(polar.positive, adjoint(&polar.positive));
    }
    let b = random::<T>(&[20], 3);
    let fit = lstsq(&a.view(), &b.view(), None).unwrap();
    assert_eq!((fit.rank, fit.solution.shape()), (3, &[14][..]));
    // The minimum-norm solution is the pseudo-inverse applied.
    let column = b.reshaped(&[20, 1]).unwrap();
    let direct = matmul(&pinv(&a.view(), None).unwrap().view(), &column.view()).unwrap();
    assert_near(&fit.solution.reshaped(&[14, 1]).unwrap(), &direct, close);
}

fn empty_matrices_are_legal<T: Field>() {
    for shape in [[0, 4], [4, 0], [0, 0]] {
        let a = Tensor::<T>::zeros(&shape).unwrap();
        let a = a.view();
        let parts = svd(&a).unwrap();
        assert_eq!(
            (parts.u.shape(), parts.vh.shape()),
            (&[shape[0], 0][..], &[0, shape[1]][..])
        );
        assert_eq!(qr(&a).unwrap().r.shape(), [0, shape[1]]);
        assert_eq!(lq(&a).unwrap().l.shape(), [shape[0], 0]);
        assert_eq!(rq(&a).unwrap().q.shape(), [0, shape[1]]);
        assert_eq!(pinv(&a, None).unwrap().shape(), [shape[1], shape[0]]);
        assert_eq!(
            gram_rows(&a).unwrap(),
            Tensor::zeros(&[shape[0], shape[0]]).unwrap()
        );
        let b = Tensor::<T>::zeros(&[shape[1], 3]).unwrap();
        assert_eq!(
            matmul(&a, &b.view()).unwrap(),
            Tensor::zeros(&[shape[0], 3]).unwrap()
        );
    }
    let none = Tensor::<T>::zeros(&[0, 0]).unwrap();
    assert_eq!(eigh(&none.view()).unwrap().values, Vec::<f64>::new());
    assert_eq!(cholesky(&none.view()).unwrap().shape(), [0, 0]);
    assert_eq!(det(&none.view()).unwrap(), T::ONE);
    assert_eq!(solve(&none.view(), &none.view()).unwrap().shape(), [0, 0]);
}

fn pivots_are_named<T: Field>() {
    for n in [3, 40, 300] {
        let mut a = Tensor::<T>::eye(n).unwrap();
        for bad in [0, n / 2, n - 1] {
            let mut b = a.clone();
            b.as_mut_slice()[bad * (n + 1)] = T::from_f64(-1.0, 0.0);
            assert!(matches!(
                cholesky(&b.view()),
                Err(Error::NotPositiveDefinite { pivot, .. }) if pivot == bad
            ));
        }
        a.as_mut_slice()[n * n - 1] = T::ZERO;
        let b = random::<T>(&[n], 1);
        assert!(matches!(
            solve(&a.view(), &b.view()),
            Err(Error::Singular { pivot, .. }) if pivot == n - 1
        ));
        assert!(matches!(
            solve_triangular(&a.view(), Triangle::Upper, &b.view()),
            Err(Error::Singular { pivot, .. }) if pivot == n - 1
        ));
        assert_eq!(det(&a.view()).unwrap(), T::ZERO);
    }
}

fn determinants_match<T: Field>() {
    // A row exchange and a known value: det [[0, 2, 0], [1, 0, 0], [0, 0, 3]] = −6.
    let mut a = Tensor::<T>::zeros(&[3, 3]).unwrap();
    for (at, value) in [(1, 2.0), (3, 1.0), (8, 3.0)] {
        a.as_mut_slice()[at] = T::from_f64(value, 0.0);
    }
    let value = det(&a.view()).unwrap();
    assert!(value.sub(T::from_f64(-6.0, 0.0)).abs2().sqrt() < 100.0 * unit::<T>());
    // det(A·B) = det(A)·det(B).
    let (x, y) = (random::<T>(&[12, 12], 1), random::<T>(&[12, 12], 2));
    let both = matmul(&x.view(), &y.view()).unwrap();
    let product = det(&x.view()).unwrap().mul(det(&y.view()).unwrap());
    let off = det(&both.view()).unwrap().sub(product).abs2().sqrt();
    assert!(off <= 1e4 * unit::<T>() * product.abs2().sqrt());
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let a = random::<f64>(&[2, 3], 1);
    let cube = random::<f64>(&[2, 3, 4], 1);
    let (a, cube) = (a.view(), cube.view());
    let text = |error: Error| error.to_string();
    assert_eq!(
        text(matmul(&a, &a).unwrap_err()),
        "matmul: a of shape [2, 3] does not fit b of shape [2, 3]"
    );
    assert_eq!(
        text(svd(&cube).unwrap_err()),
        "svd: a has shape [2, 3, 4], but 2 axes are needed; reshape it"
    );
    assert!(matches!(eigh(&a), Err(Error::NotSquare { .. })));
    assert!(matches!(cholesky(&a), Err(Error::NotSquare { .. })));
    assert!(matches!(solve(&a, &a), Err(Error::NotSquare { .. })));
    assert!(matches!(det(&a), Err(Error::NotSquare { .. })));
    let mut c = Tensor::<f64>::zeros(&[2, 2]).unwrap();
    assert!(gemm(1.0, &a, &a, 0.0, &mut c.view_mut()).is_err());
    let turned = a.permuted(&[1, 0]).unwrap();
    let mut wrong = Tensor::<f64>::zeros(&[3, 3]).unwrap();
    assert!(gemm(1.0, &a, &turned, 0.0, &mut wrong.view_mut()).is_err());
    assert!(gemm_batched(1.0, &cube, &cube, 0.0, &mut c.view_mut()).is_err());
    assert!(lstsq(&turned, &a, None).is_err());
    assert!(lstsq(&a, &a, Some(f64::NAN)).is_err());
    for truncation in [
        Truncation::rank(0),
        Truncation::tolerance(-1.0),
        Truncation::tolerance(f64::NAN),
    ] {
        let error = truncated_svd(&a, &truncation, SvdMethod::Auto).unwrap_err();
        assert!(matches!(error, Error::BadOption { .. }), "{error}");
    }
}

#[test]
fn a_scalar_multiple_of_nothing_scales_the_target() {
    let a = Tensor::<f64>::zeros(&[3, 0]).unwrap();
    let b = Tensor::<f64>::zeros(&[0, 2]).unwrap();
    let mut c = Tensor::full(&[3, 2], 4.0).unwrap();
    gemm(1.0, &a.view(), &b.view(), 0.5, &mut c.view_mut()).unwrap();
    assert_eq!(c, Tensor::full(&[3, 2], 2.0).unwrap());
    // Alpha of zero does not read its operands, beta of zero not its target.
    let nan = Tensor::full(&[3, 3], f64::NAN).unwrap();
    let mut c = nan.clone();
    gemm(0.0, &nan.view(), &nan.view(), 0.0, &mut c.view_mut()).unwrap();
    assert_eq!(c, Tensor::zeros(&[3, 3]).unwrap());
}

#[test]
fn vectors_are_rows_on_the_left_and_columns_on_the_right() {
    let x = random::<f64>(&[4], 1);
    let a = random::<f64>(&[4, 3], 2);
    let row: View<'_, f64> = x.view();
    assert_eq!(matmul(&row, &a.view()).unwrap().shape(), [3]);
    let turned = a.permuted(&[1, 0]).unwrap();
    assert_eq!(matmul(&turned.view(), &row).unwrap().shape(), [3]);
    let square = matmul(&row, &row).unwrap();
    assert_eq!(square.shape(), [0usize; 0]);
    let expected: f64 = x.as_slice().iter().map(|v| v * v).sum();
    assert!((square.as_slice()[0] - expected).abs() < 1e-14 * expected);
}

for_each_type! {
    non_finite_entries_are_named_by_position => non_finite_is_named;
    extreme_magnitudes_neither_overflow_nor_vanish => extreme_magnitudes_are_legal;
    rank_deficient_matrices_are_factored => rank_deficiency_is_legal;
    empty_matrices_have_empty_factors => empty_matrices_are_legal;
    bad_pivots_are_named => pivots_are_named;
    determinants_follow_their_laws => determinants_match;
}
