//! What the tests share: seeded matrices, a naive product, norms.
#![allow(dead_code)]

use tensegrity_linalg::Field;
use tensegrity_tensor::{Real, Scalar, SplitMix64, Tensor, View};

/// Rounding unit of the real type.
pub fn unit<T: Scalar>() -> f64 {
    T::Real::EPSILON.to_f64()
}

/// Standard normal entries.
pub fn random<T: Scalar>(shape: &[usize], seed: u64) -> Tensor<T> {
    SplitMix64::new(seed).normal_tensor(shape)
}

/// The product by its definition, one entry at a time.
pub fn naive<T: Scalar>(a: &View<'_, T>, b: &View<'_, T>) -> Tensor<T> {
    let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    let (a, b) = (a.to_tensor(), b.to_tensor());
    let (a, b) = (a.as_slice(), b.as_slice());
    let mut c = vec![T::ZERO; m * n];
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                c[i * n + j] = c[i * n + j].add(a[i * k + l].mul(b[l * n + j]));
            }
        }
    }
    Tensor::from_vec(c, &[m, n]).unwrap()
}

pub fn adjoint<T: Scalar>(a: &Tensor<T>) -> Tensor<T> {
    a.permuted(&[1, 0]).unwrap().map(T::conj)
}

/// Frobenius norm of the difference.
pub fn distance<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let squares = a.as_slice().iter().zip(b.as_slice());
    squares.map(|(&x, &y)| x.sub(y).abs2()).sum::<f64>().sqrt()
}

/// `‖A − B‖ ≤ tolerance·(1 + ‖B‖)`, NaN failing.
#[track_caller]
pub fn assert_near<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>, tolerance: f64) {
    let (off, size) = (distance(a, b), b.norm());
    assert!(
        off <= tolerance * (1.0 + size),
        "off by {off:e} of {size:e}"
    );
}

/// The columns are orthonormal.
#[track_caller]
pub fn assert_orthonormal<T: Field>(q: &Tensor<T>, tolerance: f64) {
    let gram = naive(&adjoint(q).view(), &q.view());
    assert_near(&gram, &Tensor::eye(q.shape()[1]).unwrap(), tolerance);
}

/// `u·diag(s)·vh`.
pub fn compose<T: Scalar>(u: &Tensor<T>, s: &[f64], vh: &Tensor<T>) -> Tensor<T> {
    let scaled = Tensor::from_fn(u.shape(), |at| {
        u.get(at).unwrap().mul(T::from_f64(s[at[1]], 0.0))
    })
    .unwrap();
    naive(&scaled.view(), &vh.view())
}

/// The entry of largest magnitude of every column is real and positive.
#[track_caller]
pub fn assert_signs<T: Scalar>(u: &Tensor<T>) {
    for column in 0..u.shape()[1] {
        let entries = (0..u.shape()[0]).map(|row| u.get(&[row, column]).unwrap());
        let largest = entries.fold(
            T::ZERO,
            |best, x| if x.abs2() > best.abs2() { x } else { best },
        );
        let (re, im) = (largest.re().to_f64(), largest.im().to_f64());
        assert!(
            re > 0.0 && im.abs() <= 64.0 * unit::<T>() * re,
            "column {column}: {re} {im}"
        );
    }
}

/// Runs a generic test for the four element types.
#[macro_export]
macro_rules! for_each_type {
    ($($name:ident => $test:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $test::<f32>();
                $test::<f64>();
                $test::<tensegrity_tensor::c64>();
                $test::<tensegrity_tensor::c128>();
            }
        )*
    };
}
