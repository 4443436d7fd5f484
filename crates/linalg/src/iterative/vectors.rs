//! Sums over vectors, in an order that depends on their length only.

use tensegrity_tensor::{Real, Scalar, SplitMix64};

use crate::kernel::{Kernel, RealOf};
use crate::{Error, Result};

/// Chains of a sum; enough for the vector units of today.
const CHAINS: usize = 16;

/// Σ conj(x)·y.
pub(crate) fn dot<T: Kernel>(x: &[T], y: &[T]) -> T {
    let mut sums = [T::ZERO; CHAINS];
    let (xs, ys) = (x.chunks_exact(CHAINS), y.chunks_exact(CHAINS));
    let rest = xs.remainder().iter().zip(ys.remainder());
    let rest = rest.fold(T::ZERO, |sum, (&x, &y)| sum + Scalar::conj(x) * y);
    for (x, y) in xs.zip(ys) {
        for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *sum += Scalar::conj(x) * y;
        }
    }
    let mut width = CHAINS / 2;
    while width > 0 {
        for k in 0..width {
            sums[k] += sums[k + width];
        }
        width /= 2;
    }
    sums[0] + rest
}

/// The Euclidean norm, in double precision.
pub(crate) fn norm<T: Kernel>(x: &[T]) -> f64 {
    let squares = |scale: f64| -> f64 {
        let parts = x.chunks(CHAINS).map(|part| {
            let parts = part.iter().map(|x| {
                let (re, im) = (x.re().to_f64() * scale, x.im().to_f64() * scale);
                re * re + im * im
            });
            parts.sum::<f64>()
        });
        parts.sum()
    };
    let plain = squares(1.0);
    if (1e-280..1e280).contains(&plain) || plain.is_nan() {
        return plain.sqrt();
    }
    // Out of the range of squares.
    let largest = (x.iter())
        .map(|x| x.re().to_f64().abs().max(x.im().to_f64().abs()))
        .fold(0.0, f64::max);
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    squares(1.0 / largest).sqrt() * largest
}

/// `y ← y + a·x`.
pub(crate) fn add<T: Kernel>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// `y ← a·y`.
pub(crate) fn scale<T: Kernel>(y: &mut [T], a: T) {
    y.iter_mut().for_each(|y| *y *= a);
}

/// `x / ‖x‖` in place; the norm.
pub(crate) fn normalize<T: Kernel>(x: &mut [T]) -> f64 {
    let size = norm(x);
    if size > 0.0 {
        scale(x, real(1.0 / size));
    }
    size
}

/// An element times a real number.
pub(crate) fn times<T: Kernel>(a: T, x: f64) -> T {
    a * real::<T>(x)
}

/// A real number as an element.
pub(crate) fn real<T: Kernel>(x: f64) -> T {
    <T as Scalar>::from_f64(x, 0.0)
}

/// Takes from `x` what lies in the span of the orthonormal `basis`, twice, so
/// that the rest is orthogonal to rounding; the coefficients.
pub(crate) fn orthogonalize<T: Kernel>(x: &mut [T], basis: &[Vec<T>]) -> Vec<T> {
    let mut all = vec![T::ZERO; basis.len()];
    for _ in 0..2 {
        for (sum, v) in all.iter_mut().zip(basis) {
            let part = dot(v, x);
            add(x, -part, v);
            *sum += part;
        }
    }
    all
}

/// A unit vector orthogonal to `basis`, random but for the seed; `None` if the
/// basis is the whole space.
pub(crate) fn fresh<T: Kernel>(length: usize, seed: u64, basis: &[Vec<T>]) -> Option<Vec<T>> {
    if basis.len() >= length {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    for _ in 0..8 {
        let mut x = random.normal_tensor::<T>(&[length]).into_vec();
        normalize(&mut x);
        orthogonalize(&mut x, basis);
        if normalize(&mut x) > 1e-3 / (length as f64).sqrt() {
            orthogonalize(&mut x, basis);
            normalize(&mut x);
            return Some(x);
        }
    }
    None
}

/// The unit of rounding of an element type.
pub(crate) fn unit<T: Kernel>() -> f64 {
    <RealOf<T> as Real>::EPSILON.to_f64()
}

/// Refuses a vector with NaN or an infinity.
pub(crate) fn check_finite<T: Kernel>(
    what: &'static str,
    argument: &'static str,
    x: &[T],
) -> Result<()> {
    match x.iter().position(|x| !Scalar::is_finite(*x)) {
        None => Ok(()),
        Some(index) => Err(Error::NonFinite {
            what,
            argument,
            position: vec![index],
        }),
    }
}

/// Refuses what a map returned if it is not finite.
pub(crate) fn check_image(what: &'static str, step: usize, size: f64) -> Result<()> {
    if size.is_finite() {
        Ok(())
    } else {
        Err(Error::BadMap { what, step })
    }
}

/// The sum of `vectors[k]·factors[k]`.
pub(crate) fn combination<T: Kernel>(vectors: &[Vec<T>], factors: &[T], length: usize) -> Vec<T> {
    let mut sum = vec![T::ZERO; length];
    for (vector, &factor) in vectors.iter().zip(factors) {
        add(&mut sum, factor, vector);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensegrity_tensor::c64;

    #[test]
    fn norms_of_extreme_vectors_are_finite() {
        for size in [1e-300, 1.0, 1e300f64] {
            let x = vec![3.0 * size, 4.0 * size];
            assert!((norm(&x) / size - 5.0).abs() < 1e-14);
        }
        assert_eq!(norm::<f64>(&[]), 0.0);
        assert!(norm(&[f64::NAN]).is_nan());
    }

    #[test]
    fn a_dot_product_conjugates_the_left() {
        let x: Vec<c64> = (0..37).map(|k| c64::new(k as f32, 1.0)).collect();
        let found = dot(&x, &x);
        let wanted: f32 = (0..37).map(|k| (k * k + 1) as f32).sum();
        assert_eq!(found, c64::new(wanted, 0.0));
    }
}
