//! Splitting a tensor by every method.

use tensegrity_decompose::{
    Absorb, Entry, Error, Split, SplitMethod, SplitOptions, matricize, split,
};
use tensegrity_linalg::{Cutoff, Field, matmul};
use tensegrity_tensor::{Scalar, SplitMix64, Tensor, View, c64, c128};

fn random<T: Field>(seed: u64, shape: &[usize]) -> Tensor<T> {
    SplitMix64::new(seed).normal_tensor(shape)
}

/// The matrix the parts stand for.
fn product<T: Entry>(parts: &Split<T>) -> Tensor<T> {
    let wire = parts.right.shape()[0];
    let rows: usize = parts.left.shape().iter().rev().skip(1).product();
    let columns: usize = parts.right.shape()[1..].iter().product();
    let mut left = parts.left.clone().reshaped(&[rows, wire]).unwrap();
    if let Some(values) = &parts.values {
        for (at, x) in left.as_mut_slice().iter_mut().enumerate() {
            *x = x.mul(T::from_f64(values[at % wire], 0.0));
        }
    }
    let right = parts.right.clone().reshaped(&[wire, columns]).unwrap();
    matmul(&left.view(), &right.view()).unwrap()
}

fn distance<T: Scalar>(x: &Tensor<T>, y: &Tensor<T>) -> f64 {
    assert_eq!(x.shape(), y.shape());
    let pairs = x.as_slice().iter().zip(y.as_slice());
    pairs.map(|(&x, &y)| x.sub(y).abs2()).sum::<f64>().sqrt()
}

/// A positive definite matrix as a tensor of four legs.
fn definite<T: Entry>(seed: u64) -> Tensor<T> {
    let a = random::<T>(seed, &[6, 9]);
    let adjoint = a
        .view()
        .permuted(&[1, 0])
        .unwrap()
        .to_tensor()
        .map(|x| x.conj());
    let product = matmul(&a.view(), &adjoint.view()).unwrap();
    product.reshaped(&[2, 3, 2, 3]).unwrap()
}

fn every_method<T: Entry>(unit: f64) {
    let x = random::<T>(1, &[3, 4, 2, 3]);
    let definite = definite::<T>(2);
    for method in [
        SplitMethod::Svd,
        SplitMethod::TruncatedSvd,
        SplitMethod::RandomizedSvd,
        SplitMethod::Lanczos,
        SplitMethod::Qr,
        SplitMethod::Lq,
        SplitMethod::Rq,
        SplitMethod::Polar,
        SplitMethod::Eigh,
        SplitMethod::Cholesky,
        SplitMethod::Lu,
        SplitMethod::Interpolative,
    ] {
        let hermitian = matches!(method, SplitMethod::Eigh | SplitMethod::Cholesky);
        let random = matches!(method, SplitMethod::RandomizedSvd | SplitMethod::Lanczos);
        let (x, left): (View<'_, T>, &[usize]) = if hermitian {
            (definite.view(), &[0, 1])
        } else {
            (x.view(), &[2, 0, 3])
        };
        for absorb in [Absorb::Left, Absorb::Right, Absorb::Both, Absorb::Apart] {
            let options = SplitOptions {
                method,
                absorb,
                max_rank: random.then_some(18),
                ..SplitOptions::default()
            };
            let parts = split(&x, left, &options).unwrap();
            let others: Vec<usize> = (0..4).filter(|axis| !left.contains(axis)).collect();
            let wanted = matricize(&x, left, &others).unwrap();
            let error = distance(&product(&parts), &wanted) / wanted.norm();
            assert!(error < 200.0 * unit, "{method:?} {absorb:?}: {error:e}");
            assert!(parts.discarded < 1e3 * unit.sqrt() * wanted.norm());
            let shapes: Vec<usize> = left.iter().map(|&axis| x.shape()[axis]).collect();
            assert_eq!(parts.left.shape()[..left.len()], shapes);
        }
    }
}

#[test]
fn parts_multiply_to_the_tensor() {
    every_method::<f64>(1e-15);
    every_method::<f32>(1e-6);
    every_method::<c64>(1e-6);
    every_method::<c128>(1e-15);
}

#[test]
fn cutoffs_are_those_of_tensor_network_libraries() {
    // Singular values 8, 4, 2, 1 on a diagonal.
    let x = Tensor::from_fn(&[4, 4], |at| {
        if at[0] == at[1] {
            8.0 / f64::from(1 << at[0])
        } else {
            0.0
        }
    });
    let x = x.unwrap();
    for method in [
        SplitMethod::Svd,
        SplitMethod::TruncatedSvd,
        SplitMethod::Eigh,
    ] {
        for (cutoff, max_rank, rank, left_out) in [
            (None, None, 4, 0.0f64),
            (None, Some(3), 3, 1.0),
            (Some(Cutoff::Absolute(1.5)), None, 3, 1.0),
            (Some(Cutoff::Relative(0.3)), None, 2, 5.0f64.sqrt()),
            (Some(Cutoff::SumSquares(5.0)), None, 2, 5.0f64.sqrt()),
            (Some(Cutoff::SumSquares(4.9)), None, 3, 1.0),
            (
                Some(Cutoff::RelativeSumSquares(0.06)),
                None,
                2,
                5.0f64.sqrt(),
            ),
            (
                Some(Cutoff::RelativeSumSquares(0.06)),
                Some(1),
                1,
                21.0f64.sqrt(),
            ),
        ] {
            let options = SplitOptions {
                method,
                cutoff,
                max_rank,
                absorb: Absorb::Apart,
            };
            let parts = split(&x.view(), &[0], &options).unwrap();
            let values = parts.values.clone().unwrap();
            assert_eq!(values.len(), rank, "{method:?} {cutoff:?} {max_rank:?}");
            assert!(
                (parts.discarded - left_out).abs() < 1e-12,
                "{method:?} {cutoff:?}"
            );
            let error = distance(&product(&parts), &x);
            assert!((error - left_out).abs() < 1e-12);
        }
    }
}

#[test]
fn negative_eigenvalues_keep_their_sign() {
    let x = Tensor::from_vec(vec![1.0, 2.0, 2.0, -3.0], &[2, 2]).unwrap();
    let options = SplitOptions {
        method: SplitMethod::Eigh,
        absorb: Absorb::Apart,
        ..SplitOptions::default()
    };
    let parts = split(&x.view(), &[0], &options).unwrap();
    assert!(parts.values.as_ref().unwrap().iter().all(|&s| s > 0.0));
    assert!(distance(&product(&parts), &x) < 1e-14);
}

#[test]
fn impossible_splits_say_why() {
    let x = random::<f64>(1, &[2, 3, 4]);
    let with = |method, max_rank, cutoff| {
        let options = SplitOptions {
            method,
            max_rank,
            cutoff,
            absorb: Absorb::Right,
        };
        split(&x.view(), &[0], &options).unwrap_err()
    };
    for error in [
        with(SplitMethod::Qr, Some(2), None),
        with(SplitMethod::RandomizedSvd, None, None),
        with(
            SplitMethod::Interpolative,
            None,
            Some(Cutoff::Relative(0.1)),
        ),
    ] {
        assert!(matches!(error, Error::Option { .. }), "{error}");
    }
    assert!(matches!(
        with(SplitMethod::Cholesky, None, None),
        Error::Linalg(_)
    ));
    for axes in [&[0, 0][..], &[5]] {
        let error = split(&x.view(), axes, &SplitOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Mode { .. }), "{error}");
    }
}
