//! Minimal residuals for Hermitian systems (Paige and Saunders, SIAM J. Numer. Anal. 12 (1975) 617).

use tensegrity_tensor::Real;

use super::conjugate_gradients::finish;
use super::vectors::{add, check_finite, check_image, dot, norm, real, scale};
use super::{Iterate, Map, Stop};
use crate::kernel::Kernel;
use crate::{Field, Result};

/// Solves `A·x = b` for a Hermitian map, definite or not; the residual never
/// grows from step to step.
///
/// A singular map gives the least-squares solution of minimal residual.
///
/// Cost a step: one application of the map; seven vectors of memory.
///
/// # Errors
/// [`crate::Error::NonFinite`], [`crate::Error::BadMap`], [`crate::Error::BadOption`].
pub fn minres<T: Field>(map: &mut Map<'_, T>, b: &[T], stop: &Stop) -> Result<Iterate<T>> {
    T::minres(map, b, stop)
}

pub(crate) fn minimum_residual<T: Kernel>(
    map: &mut Map<'_, T>,
    b: &[T],
    stop: &Stop,
) -> Result<Iterate<T>> {
    const WHAT: &str = "minres";
    stop.check(WHAT)?;
    check_finite(WHAT, "b", b)?;
    let n = b.len();
    let size = norm(b);
    let mut x = vec![T::ZERO; n];
    let mut steps = 0;
    let mut v = b.to_vec();
    if size > 0.0 {
        scale(&mut v, real(1.0 / size));
    }
    // Lanczos vectors, directions, rotations and the last column of the triangle.
    let mut before = vec![T::ZERO; n];
    let (mut d, mut d_before) = (vec![T::ZERO; n], vec![T::ZERO; n]);
    let (mut c, mut s, mut c_before, mut s_before) = (1.0f64, 0.0f64, 1.0f64, 0.0f64);
    let mut beta = 0.0;
    let mut eta = size;
    let mut image = vec![T::ZERO; n];
    let mut largest = 0.0f64;
    while eta.abs() > stop.tolerance * size && steps < stop.max_steps {
        map(&v, &mut image);
        let alpha = dot(&v, &image).re().to_f64();
        check_image(WHAT, steps, alpha)?;
        add(&mut image, real(-alpha), &v);
        add(&mut image, real(-beta), &before);
        let next = norm(&image);
        check_image(WHAT, steps, next)?;
        steps += 1;
        // The column (beta, alpha, next) under the last two rotations.
        let first = s_before * beta;
        let middle = c_before * beta;
        let second = c * middle + s * alpha;
        let pivot = -s * middle + c * alpha;
        let diagonal = pivot.hypot(next);
        largest = largest.max(diagonal);
        if diagonal <= largest * super::vectors::unit::<T>() {
            // The map is singular on what is left.
            break;
        }
        (c_before, s_before) = (c, s);
        (c, s) = (pivot / diagonal, next / diagonal);
        let mut direction = v.clone();
        add(&mut direction, real(-second), &d);
        add(&mut direction, real(-first), &d_before);
        scale(&mut direction, real(1.0 / diagonal));
        add(&mut x, real(c * eta), &direction);
        eta *= -s;
        d_before = std::mem::replace(&mut d, direction);
        if next <= largest * super::vectors::unit::<T>() {
            break;
        }
        scale(&mut image, real(1.0 / next));
        before = std::mem::replace(&mut v, image.clone());
        beta = next;
    }
    finish(map, x, b, steps, stop)
}
