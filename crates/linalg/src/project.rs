//! Right singular vectors from a basis of left ones.

use faer::Mat;
use tensegrity_tensor::{Real, Scalar, Tensor};

use crate::kernel::{Kernel, RealOf};
use crate::least_squares::multiply;
use crate::operand::Operand;
use crate::{Error, Result, cholesky, gram, qr, solve, svd};

/// Rows of the projection count as orthogonal without correction up to this
/// many rounding units.
const SLACK: f64 = 256.0;

/// `(u, vh)` with `u·diag(s)·vh = U·Uᴴ·A` for orthonormal columns `U`, and the
/// singular values of that product in `s`.
///
/// `s` on entry are the singular values as the method that found `U` knows
/// them. Dividing the rows of `Uᴴ·A` by them gives right vectors that are
/// orthogonal to about ε·(s₁/s_r)²; where that is not enough the rows are
/// orthonormalised, by a Cholesky factor of their own Gram matrix when they are
/// nearly so, by Householder reflections otherwise, and the small triangle is
/// decomposed anew.
pub(crate) fn right_vectors<T: Kernel>(
    a: Operand<'_, T>,
    left: Mat<T>,
    s: &mut [f64],
) -> Result<(Tensor<T>, Tensor<T>)> {
    let rank = s.len();
    let basis = Operand::of(left.as_ref()).column_range(0..rank);
    let mut rows = multiply(basis.adjoint(), a)?;
    let (first, last) = (s[0], s[rank - 1]);
    let unit = <RealOf<T> as Real>::EPSILON.to_f64();
    let ratio = if last > 0.0 {
        first / last
    } else {
        f64::INFINITY
    };
    // Below this the rows are noise and there is nothing to divide by.
    if ratio * unit * 8.0 > 1.0 {
        return by_reflections(basis, &rows, s);
    }
    for (row, &value) in rows.as_mut_slice().chunks_exact_mut(a.columns).zip(&*s) {
        let factor = <T as Scalar>::from_f64(1.0 / value, 0.0);
        row.iter_mut().for_each(|x| *x *= factor);
    }
    if ratio * ratio <= SLACK {
        return Ok((basis.to_tensor(), rows));
    }
    match by_cholesky(basis, &rows, s)? {
        Some(done) => Ok(done),
        None => {
            for (row, &value) in rows.as_mut_slice().chunks_exact_mut(a.columns).zip(&*s) {
                let factor = <T as Scalar>::from_f64(value, 0.0);
                row.iter_mut().for_each(|x| *x *= factor);
            }
            by_reflections(basis, &rows, s)
        }
    }
}

/// With `W` the rows divided by `s`, `W·Wᴴ = L·Lᴴ`, `Q = L⁻¹·W` orthonormal and
/// `diag(s)·L = X·S·Yᴴ`: the product is `(U·X)·S·(Yᴴ·L⁻¹·W)`. `None` if `W` is
/// too far from orthonormal for `Q` to be.
fn by_cholesky<T: Kernel>(
    basis: Operand<'_, T>,
    rows: &Tensor<T>,
    s: &mut [f64],
) -> Result<Option<(Tensor<T>, Tensor<T>)>> {
    let rank = s.len();
    let w = Operand::of_slice(rows.as_slice(), rank, rows.shape()[1]);
    let g = gram::gram(w)?;
    let distance = g
        .as_slice()
        .iter()
        .enumerate()
        .map(|(at, x)| {
            let unit = if at % (rank + 1) == 0 {
                T::ONE
            } else {
                T::ZERO
            };
            (*x - unit).abs2()
        })
        .sum::<f64>()
        .sqrt();
    if distance.is_nan() || distance > 0.25 {
        return Ok(None);
    }
    let lower = match cholesky::lower(Operand::of_slice(g.as_slice(), rank, rank)) {
        Ok(lower) => lower,
        Err(Error::NotPositiveDefinite { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut graded = lower.clone();
    for (row, &value) in graded.as_mut_slice().chunks_exact_mut(rank).zip(&*s) {
        let factor = <T as Scalar>::from_f64(value, 0.0);
        row.iter_mut().for_each(|x| *x *= factor);
    }
    let core = svd::thin(Operand::of_slice(graded.as_slice(), rank, rank))?;
    // Yᴴ·L⁻¹ = (L⁻ᴴ·Y)ᴴ.
    let back = solve::one_triangle(
        Operand::of_slice(lower.as_slice(), rank, rank).adjoint(),
        solve::Triangle::Upper,
        Operand::of_slice(core.vh.as_slice(), rank, rank).adjoint(),
    )?;
    let vh = multiply(Operand::of_slice(back.as_slice(), rank, rank).adjoint(), w)?;
    let u = multiply(basis, Operand::of_slice(core.u.as_slice(), rank, rank))?;
    s.copy_from_slice(&core.s);
    Ok(Some((u, vh)))
}

/// `Uᴴ·A = L·Q`, `L = X·S·Yᴴ`: the product is `(U·X)·S·(Yᴴ·Q)`.
fn by_reflections<T: Kernel>(
    basis: Operand<'_, T>,
    rows: &Tensor<T>,
    s: &mut [f64],
) -> Result<(Tensor<T>, Tensor<T>)> {
    let rank = s.len();
    let w = Operand::of_slice(rows.as_slice(), rank, rows.shape()[1]);
    let (q, r) = qr::columns("truncated_svd", w.adjoint())?;
    let core = svd::thin(Operand::of(r.as_ref()).adjoint())?;
    let u = multiply(basis, Operand::of_slice(core.u.as_slice(), rank, rank))?;
    let vh = multiply(
        Operand::of_slice(core.vh.as_slice(), rank, rank),
        Operand::of(q.as_ref()).adjoint(),
    )?;
    s.copy_from_slice(&core.s);
    Ok((u, vh))
}
