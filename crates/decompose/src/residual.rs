//! The distance between an array and a product of two matrices, without
//! forming the product.

use tensegrity_linalg::gemm;
use tensegrity_tensor::{Real, Tensor, View, ViewMut, copy_into};

use crate::input::is_single;
use crate::{Entry, Result};

/// Elements of the panel of the product that exists at a time.
const PANEL: usize = 1 << 17;

/// ‖x − a·b‖² for `x` [m, n], `a` [m, r], `b` [r, n], summed in `f64`.
///
/// Cost: m·n·r multiply-adds, memory for one panel of rows.
pub(crate) fn squared<T: Entry>(x: &View<'_, T>, a: &View<'_, T>, b: &View<'_, T>) -> Result<f64> {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let step = (PANEL / columns.max(1)).clamp(1, rows.max(1));
    let mut panel = vec![T::ZERO; step * columns];
    let minus = T::ZERO.sub(T::ONE);
    let mut total = 0.0;
    for start in (0..rows).step_by(step) {
        let end = (start + step).min(rows);
        let part = &mut panel[..(end - start) * columns];
        let mut target = ViewMut::from_slice(part, &[end - start, columns]);
        copy_into(&mut target, &x.sliced(0, start..end)?)?;
        gemm(minus, &a.sliced(0, start..end)?, b, T::ONE, &mut target)?;
        total += T::measure(part).squared;
    }
    Ok(total)
}

/// Whether a relative error from a difference of squares has to be recomputed
/// from the residual: the difference carries a few rounding units of ‖X‖², that
/// is ε/(2·relative²) of the error itself. The bound keeps ten digits of it in
/// double precision and four in single.
pub(crate) fn subtraction_loses_digits<T: Entry>(relative: f64) -> bool {
    relative < if is_single::<T>() { 3e-2 } else { 2e-3 }
}

/// A stopping tolerance that changes of the type's rounding cannot undercut;
/// zero, which asks never to stop, stays.
pub(crate) fn resolved<T: Entry>(tol: f64) -> f64 {
    if tol == 0.0 {
        return 0.0;
    }
    tol.max(<T::Real as Real>::EPSILON.to_f64())
}

/// The square root of `1 − part/whole`, clamped at zero.
pub(crate) fn relative_from_squares(whole: f64, part: f64) -> f64 {
    if whole > 0.0 {
        ((whole - part).max(0.0) / whole).sqrt()
    } else {
        0.0
    }
}

/// The elements conjugated; shares them if the type is real.
pub(crate) fn conjugated<T: Entry>(tensor: &Tensor<T>) -> Tensor<T> {
    if T::IS_COMPLEX {
        tensor.map(|x| x.conj())
    } else {
        tensor.clone()
    }
}
