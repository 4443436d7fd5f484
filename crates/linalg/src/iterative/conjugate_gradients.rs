//! The method of conjugate gradients (Hestenes and Stiefel, J. Res. NBS 49 (1952) 409).

use tensegrity_tensor::Real;

use super::vectors::{add, check_finite, check_image, dot, norm, real, scale};
use super::{Iterate, Map, Stop};
use crate::kernel::Kernel;
use crate::{Error, Field, Result};

/// Solves `A·x = b` for a Hermitian positive definite map, with a
/// preconditioner `M ≈ A⁻¹` of the same kind if there is one.
///
/// ```
/// use tensegrity_linalg::iterative::{Stop, cg};
/// // The second difference with fixed ends.
/// let mut map = |x: &[f64], y: &mut [f64]| {
///     for i in 0..x.len() {
///         let left = if i > 0 { x[i - 1] } else { 0.0 };
///         y[i] = 2.0 * x[i] - left - x.get(i + 1).unwrap_or(&0.0);
///     }
/// };
/// let solved = cg(&mut map, &[1.0, 0.0, 0.0, 1.0], None, &Stop::default())?;
/// assert!(solved.converged && solved.x.iter().all(|x| (x - 1.0).abs() < 1e-12));
/// # Ok::<(), tensegrity_linalg::Error>(())
/// ```
///
/// Cost a step: one application of the map and of the preconditioner, and a
/// few passes over vectors; four vectors of memory.
///
/// # Errors
/// [`Error::NotPositiveDefinite`] with the step at which a direction has no
/// positive energy; [`Error::NonFinite`], [`Error::BadMap`], [`Error::BadOption`].
pub fn cg<T: Field>(
    map: &mut Map<'_, T>,
    b: &[T],
    preconditioner: Option<&mut Map<'_, T>>,
    stop: &Stop,
) -> Result<Iterate<T>> {
    T::cg(map, b, preconditioner, stop)
}

pub(crate) fn conjugate_gradients<T: Kernel>(
    map: &mut Map<'_, T>,
    b: &[T],
    mut preconditioner: Option<&mut Map<'_, T>>,
    stop: &Stop,
) -> Result<Iterate<T>> {
    const WHAT: &str = "cg";
    stop.check(WHAT)?;
    check_finite(WHAT, "b", b)?;
    let size = norm(b);
    let mut x = vec![T::ZERO; b.len()];
    let mut r = b.to_vec();
    let mut z = b.to_vec();
    let mut image = vec![T::ZERO; b.len()];
    let mut precondition = |r: &[T], z: &mut Vec<T>| match &mut preconditioner {
        Some(map) => map(r, z),
        None => z.copy_from_slice(r),
    };
    precondition(&r, &mut z);
    let mut direction = z.clone();
    let mut energy = dot(&r, &z).re().to_f64();
    let mut steps = 0;
    while norm(&r) > stop.tolerance * size && steps < stop.max_steps {
        map(&direction, &mut image);
        let curvature = dot(&direction, &image).re().to_f64();
        check_image(WHAT, steps, curvature)?;
        if curvature <= 0.0 || energy <= 0.0 {
            return Err(Error::NotPositiveDefinite {
                what: WHAT,
                pivot: steps,
            });
        }
        let length = energy / curvature;
        add(&mut x, real(length), &direction);
        add(&mut r, real(-length), &image);
        steps += 1;
        precondition(&r, &mut z);
        let next = dot(&r, &z).re().to_f64();
        check_image(WHAT, steps, next)?;
        scale(&mut direction, real(next / energy));
        add(&mut direction, T::ONE, &z);
        energy = next;
    }
    finish(map, x, b, steps, stop)
}

/// The result with its true residual.
pub(crate) fn finish<T: Kernel>(
    map: &mut Map<'_, T>,
    x: Vec<T>,
    b: &[T],
    steps: usize,
    stop: &Stop,
) -> Result<Iterate<T>> {
    let size = norm(b);
    let mut image = vec![T::ZERO; b.len()];
    if steps > 0 {
        map(&x, &mut image);
    }
    scale(&mut image, real(-1.0));
    add(&mut image, T::ONE, b);
    let residual = if size == 0.0 {
        0.0
    } else {
        norm(&image) / size
    };
    // Rounding in the recurrence may leave a little more than was asked.
    let slack = 1.0 + 1e-3;
    let floor = 4.0 * super::vectors::unit::<T>();
    Ok(Iterate {
        x,
        steps,
        residual,
        converged: residual <= (stop.tolerance * slack).max(floor),
    })
}
