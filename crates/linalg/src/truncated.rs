//! Truncated singular value decompositions and their left vectors.
//!
//! Problem: the few leading singular vectors of an unfolding, which is often
//! long, sometimes too large to copy, and need not be contiguous.
//! Method: a basis of the smaller side by one of [`SvdMethod`], the projection
//! of the matrix on it, and a correction that makes the projection's rows
//! orthonormal. The random range finder is Halko, Martinsson and Tropp,
//! arXiv:0909.4061, algorithms 4.4 and 5.1.
//!
//! Guarantees: the rank is the smallest that meets the tolerance by the
//! singular values the method knows; `u·diag(s)·vh` is the projection of the
//! matrix on `u` to rounding; results do not depend on the number of threads,
//! nor, the random stream being fixed, on anything but the input.
//! Not guaranteed: that [`SvdMethod::Randomized`] finds the best subspace.

use faer::Mat;
use tensegrity_tensor::{Scalar, Tensor, View};

use crate::basis::{self, Basis};
use crate::finite::magnitude;
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Field, Result, SvdMethod, Truncation, project, signs};

/// The leading part of a singular value decomposition, `A ≈ U·diag(s)·Vᴴ`.
#[derive(Clone, Debug)]
pub struct TruncatedSvd<T> {
    /// Left vectors as columns, m×r; in each, the entry of largest magnitude is
    /// real and positive (the first among equals).
    pub u: Tensor<T>,
    /// The r singular values kept, descending.
    pub s: Vec<f64>,
    /// Adjoint of the right vectors, r×n.
    pub vh: Tensor<T>,
    /// Frobenius norm of the discarded part. By [`SvdMethod::Gram`] it has a
    /// floor of about 1e-8 of the norm.
    pub discarded: f64,
    /// The method that was used.
    pub method: SvdMethod,
}

/// The leading left singular vectors.
#[derive(Clone, Debug)]
pub struct LeftVectors<T> {
    /// As [`TruncatedSvd::u`], m×r.
    pub u: Tensor<T>,
    /// Every singular value the method computed, descending: all min(m, n), or
    /// the sketch's for [`SvdMethod::Randomized`]. The first r belong to `u`.
    pub s: Vec<f64>,
    /// As [`TruncatedSvd::discarded`].
    pub discarded: f64,
    /// The method that was used.
    pub method: SvdMethod,
}

/// The part of the singular value decomposition that `truncation` keeps.
///
/// [`SvdMethod::Auto`] takes the Gram matrix of the shorter side unless the
/// tolerance is below 1e-7 of the norm, somewhat more when the shorter side is
/// above 16 (then [`SvdMethod::Qr`]), everything is
/// to be kept ([`SvdMethod::Qr`] or [`SvdMethod::Full`]), or `max_rank` is at
/// most a quarter of the shorter side and [`SvdMethod::Randomized`] costs less.
/// The choice is returned.
///
/// Cost for m ≤ n: `Gram` m²·n + O(m³) + m·n·r, `Qr` about 4·m²·n,
/// `Randomized` 4·m·n·(r + 10), `Full` about 10·m²·n multiply-adds. `Gram`, `Qr`
/// and `Randomized` copy no large part of the matrix, whatever its strides.
///
/// A zero matrix gives rank one with s = \[0\]; an empty one rank zero.
///
/// # Errors
/// [`crate::Error::WrongAxes`], [`crate::Error::BadOption`] for a `max_rank` of
/// zero or a tolerance that is negative or NaN, [`crate::Error::NonFinite`],
/// [`crate::Error::NoConvergence`].
pub fn truncated_svd<T: Field>(
    a: &View<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<TruncatedSvd<T>> {
    T::truncated_svd(Operand::new("truncated_svd", "a", a)?, truncation, method)
}

/// The left vectors of [`truncated_svd`] without the cost of the right ones.
///
/// # Errors
/// As [`truncated_svd`].
pub fn left_vectors<T: Field>(
    a: &View<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<LeftVectors<T>> {
    T::left_vectors(Operand::new("left_vectors", "a", a)?, truncation, method)
}

/// A basis together with the power of two the matrix was multiplied by.
struct Scaled<'a, T> {
    basis: Basis<T>,
    scale: f64,
    matrix: Option<Tensor<T>>,
    original: Operand<'a, T>,
}

impl<T: Kernel> Scaled<'_, T> {
    fn operand(&self) -> Operand<'_, T> {
        match &self.matrix {
            Some(copy) => {
                Operand::of_slice(copy.as_slice(), self.original.rows, self.original.columns)
            }
            None => self.original,
        }
    }
}

/// The basis of a matrix with no more rows than columns, at any magnitude.
fn scaled_basis<'a, T: Kernel>(
    what: &'static str,
    a: Operand<'a, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<Scaled<'a, T>> {
    truncation.check(what)?;
    if let Some(basis) = basis::find(what, a, truncation, method)? {
        return Ok(Scaled {
            basis,
            scale: 1.0,
            matrix: None,
            original: a,
        });
    }
    // Squares overflow or vanish, or there is nothing but zeros, or NaN.
    let size = magnitude(what, "a", a)?;
    if size == 0.0 {
        return Ok(Scaled {
            basis: Basis::zero(a.rows, a.columns, method),
            scale: 1.0,
            matrix: None,
            original: a,
        });
    }
    let scale = (-size.log2().floor()).clamp(-1022.0, 1022.0).exp2();
    let factor = <T as Scalar>::from_f64(scale, 0.0);
    let copy = a.to_tensor().map(|x| x * factor);
    let inner = Truncation {
        tolerance: truncation.tolerance * scale,
        ..*truncation
    };
    let operand = Operand::of_slice(copy.as_slice(), a.rows, a.columns);
    let basis = basis::find(what, operand, &inner, method)?
        .expect("a matrix of magnitude one has a norm within range");
    Ok(Scaled {
        basis,
        scale,
        matrix: Some(copy),
        original: a,
    })
}

pub(crate) fn decompose<T: Kernel>(
    a: Operand<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<TruncatedSvd<T>> {
    let tall = a.rows > a.columns;
    let wide = if tall { a.adjoint() } else { a };
    let (rows, columns) = (wide.rows, wide.columns);
    let mut scaled = scaled_basis("truncated_svd", wide, truncation, method)?;
    let rank = scaled.basis.rank;
    let left = std::mem::replace(&mut scaled.basis.left, Mat::new());
    let mut s = scaled.basis.s[..rank].to_vec();
    let (left, right) = match scaled.basis.right.take() {
        Some(right) => (
            Operand::of(left.as_ref()).column_range(0..rank).to_tensor(),
            Operand::of(right.as_ref())
                .column_range(0..rank)
                .adjoint()
                .to_tensor(),
        ),
        None => project::right_vectors(scaled.operand(), left, &mut s)?,
    };
    s.iter_mut().for_each(|x| *x /= scaled.scale);
    let (mut u, mut vh) = if tall {
        (
            Operand::of_slice(right.as_slice(), rank, columns)
                .adjoint()
                .to_tensor(),
            Operand::of_slice(left.as_slice(), rows, rank)
                .adjoint()
                .to_tensor(),
        )
    } else {
        (left, right)
    };
    signs::fix_row_major(u.as_mut_slice(), rank, Some(vh.as_mut_slice()));
    Ok(TruncatedSvd {
        u,
        s,
        vh,
        discarded: scaled.basis.discarded / scaled.scale,
        method: scaled.basis.method,
    })
}

pub(crate) fn left<T: Kernel>(
    a: Operand<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<LeftVectors<T>> {
    let tall = a.rows > a.columns;
    let wide = if tall { a.adjoint() } else { a };
    let mut scaled = scaled_basis("left_vectors", wide, truncation, method)?;
    let rank = scaled.basis.rank;
    let basis_left = std::mem::replace(&mut scaled.basis.left, Mat::new());
    let mut s = std::mem::take(&mut scaled.basis.s);
    let mut u = if tall {
        let right = match scaled.basis.right.take() {
            Some(right) => {
                return finish(
                    Operand::of(right.as_ref())
                        .column_range(0..rank)
                        .to_tensor(),
                    rank,
                    s,
                    &scaled,
                );
            }
            None => project::right_vectors(scaled.operand(), basis_left, &mut s[..rank])?.1,
        };
        Operand::of_slice(right.as_slice(), rank, a.rows)
            .adjoint()
            .to_tensor()
    } else {
        Operand::of(basis_left.as_ref())
            .column_range(0..rank)
            .to_tensor()
    };
    u = Tensor::from_vec(u.into_vec(), &[a.rows, rank])?;
    finish(u, rank, s, &scaled)
}

fn finish<T: Kernel>(
    mut u: Tensor<T>,
    rank: usize,
    mut s: Vec<f64>,
    scaled: &Scaled<'_, T>,
) -> Result<LeftVectors<T>> {
    signs::fix_row_major(u.as_mut_slice(), rank, None);
    s.iter_mut().for_each(|x| *x /= scaled.scale);
    Ok(LeftVectors {
        u,
        s,
        discarded: scaled.basis.discarded / scaled.scale,
        method: scaled.basis.method,
    })
}
