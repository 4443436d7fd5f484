//! Singular value decomposition.
//!
//! Method: Householder bidiagonalisation and divide and conquer (faer); should
//! that not converge, one-sided Jacobi rotations (see [`crate::jacobi`]).
//! Extreme magnitudes are scaled by a power of two first.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, SvdParams};
use faer::{Auto, Mat, Par, Spec};
use tensegrity_tensor::{Real, Scalar, Tensor, View};

use crate::finite::{magnitude, safe_scale};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result, jacobi, signs};

/// Side of the bidiagonal problems that are not divided further. faer's default
/// of 128 is 10 to 20 % slower between 100 and 200 rows, and no faster elsewhere.
const LEAF: usize = 32;

/// A thin singular value decomposition `A = U·diag(s)·Vᴴ`.
#[derive(Clone, Debug)]
pub struct Svd<T> {
    /// Left vectors as columns, m×k with k = min(m, n); in each, the entry of
    /// largest magnitude is real and positive (the first among equals).
    pub u: Tensor<T>,
    /// Singular values, descending.
    pub s: Vec<f64>,
    /// Adjoint of the right vectors, k×n.
    pub vh: Tensor<T>,
}

/// The thin singular value decomposition of an m×n matrix.
///
/// Cost: O(m·n·min(m, n)), about ten products; memory for a few copies.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NonFinite`], [`Error::NoConvergence`] (never
/// seen on finite input).
pub fn svd<T: Field>(a: &View<'_, T>) -> Result<Svd<T>> {
    T::svd(Operand::new("svd", "a", a)?)
}

/// The singular values of a matrix, descending.
///
/// Cost: as [`svd`], some four times less.
///
/// # Errors
/// As [`svd`].
pub fn singular_values<T: Field>(a: &View<'_, T>) -> Result<Vec<f64>> {
    T::singular_values(Operand::new("singular_values", "a", a)?)
}

/// Factors in faer's column-major form; `v` holds right vectors as columns.
pub(crate) struct Factors<T> {
    pub(crate) u: Option<Mat<T>>,
    pub(crate) s: Vec<f64>,
    pub(crate) v: Option<Mat<T>>,
}

pub(crate) fn thin<T: Kernel>(a: Operand<'_, T>) -> Result<Svd<T>> {
    let factors = factors("svd", a, true, true)?;
    let (u, v) = (
        factors.u.expect("left vectors were asked for"),
        factors.v.expect("right vectors were asked for"),
    );
    Ok(Svd {
        u: Operand::of(u.as_ref()).to_tensor(),
        s: factors.s,
        vh: Operand::of(v.as_ref()).adjoint().to_tensor(),
    })
}

pub(crate) fn values<T: Kernel>(a: Operand<'_, T>) -> Result<Vec<f64>> {
    Ok(factors("singular_values", a, false, false)?.s)
}

/// The decomposition with the vectors asked for, signs fixed if `u` is among them.
pub(crate) fn factors<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    want_u: bool,
    want_v: bool,
) -> Result<Factors<T>> {
    let scale = safe_scale::<T>(magnitude(what, "a", a)?);
    let mut columns;
    let matrix = if scale == 1.0 && !(T::IS_COMPLEX && a.conjugated) {
        a.faer()
    } else {
        columns = a.to_columns();
        let factor = <T as Scalar>::from_f64(scale, 0.0);
        for j in 0..columns.ncols() {
            for x in columns.col_as_slice_mut(j) {
                *x *= factor;
            }
        }
        columns.as_ref()
    };
    let mut factors = match converge(matrix, want_u, want_v) {
        Some(factors) => factors,
        None => jacobi::svd(Operand::of(matrix)).ok_or_else(|| Error::NoConvergence {
            what,
            shape: a.shape(),
        })?,
    };
    if scale != 1.0 {
        factors.s.iter_mut().for_each(|s| *s /= scale);
    }
    if let Some(u) = factors.u.as_mut() {
        signs::fix_columns(u, factors.v.as_mut());
    }
    Ok(factors)
}

/// faer's decomposition; `None` if it does not converge.
fn converge<T: Kernel>(a: faer::MatRef<'_, T>, want_u: bool, want_v: bool) -> Option<Factors<T>> {
    let (m, n) = a.shape();
    let k = m.min(n);
    let compute = |wanted| {
        if wanted {
            ComputeSvdVectors::Thin
        } else {
            ComputeSvdVectors::No
        }
    };
    let mut u = want_u.then(|| Mat::<T>::zeros(m, k));
    let mut v = want_v.then(|| Mat::<T>::zeros(n, k));
    let mut s = faer::diag::Diag::<T>::zeros(k);
    if k > 0 {
        let mut params = <SvdParams as Auto<T>>::auto();
        params.recursion_threshold = LEAF;
        let params: Spec<SvdParams, T> = params.into();
        let scratch = faer::linalg::svd::svd_scratch::<T>(
            m,
            n,
            compute(want_u),
            compute(want_v),
            Par::Seq,
            params,
        );
        faer::linalg::svd::svd(
            a,
            s.as_mut(),
            u.as_mut().map(Mat::as_mut),
            v.as_mut().map(Mat::as_mut),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            params,
        )
        .ok()?;
    }
    let s: Vec<f64> = (0..k).map(|i| s[i].re().to_f64().max(0.0)).collect();
    s.iter()
        .all(|x| x.is_finite())
        .then_some(Factors { u, s, v })
}
