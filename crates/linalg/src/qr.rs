//! Orthogonal–triangular factorisations with a unique result: the diagonal of
//! the triangle is real and not negative.
//!
//! Method: blocked Householder reflections (faer).

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::householder::{
    apply_block_householder_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_on_the_left_in_place_with_conj as apply,
};
use faer::linalg::qr::no_pivoting::factor;
use faer::{Conj, Mat, Par};
use tensegrity_tensor::{Scalar, Tensor, View};

use crate::finite::{magnitude, safe_scale};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Field, Result, signs};

/// `A = Q·R`.
#[derive(Clone, Debug)]
pub struct Qr<T> {
    /// Orthonormal columns, m×k with k = min(m, n).
    pub q: Tensor<T>,
    /// Upper triangular (trapezoidal), k×n, diagonal real and ≥ 0.
    pub r: Tensor<T>,
}

/// `A = L·Q`.
#[derive(Clone, Debug)]
pub struct Lq<T> {
    /// Lower triangular (trapezoidal), m×k with k = min(m, n), diagonal real and ≥ 0.
    pub l: Tensor<T>,
    /// Orthonormal rows, k×n.
    pub q: Tensor<T>,
}

/// `A = R·Q`.
#[derive(Clone, Debug)]
pub struct Rq<T> {
    /// Upper triangular against its last column, m×k with k = min(m, n); the
    /// diagonal that ends in the lower right corner is real and ≥ 0.
    pub r: Tensor<T>,
    /// Orthonormal rows, k×n.
    pub q: Tensor<T>,
}

/// The thin QR factorisation of an m×n matrix.
///
/// Cost: O(m·n·min(m, n)), about four products; memory for two copies.
///
/// # Errors
/// [`crate::Error::WrongAxes`], [`crate::Error::NonFinite`].
pub fn qr<T: Field>(a: &View<'_, T>) -> Result<Qr<T>> {
    T::qr(Operand::new("qr", "a", a)?)
}

/// The thin LQ factorisation: [`qr`] of the adjoint.
///
/// # Errors
/// As [`qr`].
pub fn lq<T: Field>(a: &View<'_, T>) -> Result<Lq<T>> {
    T::lq(Operand::new("lq", "a", a)?)
}

/// The thin RQ factorisation: triangle on the left, orthonormal rows.
///
/// # Errors
/// As [`qr`].
pub fn rq<T: Field>(a: &View<'_, T>) -> Result<Rq<T>> {
    T::rq(Operand::new("rq", "a", a)?)
}

pub(crate) fn thin<T: Kernel>(a: Operand<'_, T>) -> Result<Qr<T>> {
    let (q, r) = columns("qr", a)?;
    Ok(Qr {
        q: Operand::of(q.as_ref()).to_tensor(),
        r: Operand::of(r.as_ref()).to_tensor(),
    })
}

pub(crate) fn thin_lq<T: Kernel>(a: Operand<'_, T>) -> Result<Lq<T>> {
    let (q, r) = columns("lq", a.adjoint())?;
    Ok(Lq {
        l: Operand::of(r.as_ref()).adjoint().to_tensor(),
        q: Operand::of(q.as_ref()).adjoint().to_tensor(),
    })
}

pub(crate) fn thin_rq<T: Kernel>(a: Operand<'_, T>) -> Result<Rq<T>> {
    // With P reversing the rows, (P·A)ᴴ = Q·R gives A = (P·Rᴴ·P')·(P'·Qᴴ).
    let (q, r) = columns("rq", a.rows_reversed().adjoint())?;
    let left = Operand::of(r.as_ref()).adjoint().rows_reversed();
    Ok(Rq {
        r: left.transposed().rows_reversed().transposed().to_tensor(),
        q: Operand::of(q.as_ref())
            .adjoint()
            .rows_reversed()
            .to_tensor(),
    })
}

/// The factors in column-major form.
pub(crate) fn columns<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
) -> Result<(Mat<T>, Mat<T>)> {
    let scale = safe_scale::<T>(magnitude(what, "a", a)?);
    let mut work = scaled_columns(a, scale);
    let coefficients = reflect(&mut work);
    let k = work.nrows().min(work.ncols());
    let mut q = orthonormal(&work, &coefficients);
    let mut r = triangle(&work, scale);
    for i in 0..k {
        let Some(phase) = signs::unit(r[(i, i)]) else {
            continue;
        };
        for x in q.col_as_slice_mut(i) {
            *x *= phase;
        }
        turn_row(&mut r, i, Scalar::conj(phase));
    }
    Ok((q, r))
}

/// Only the triangle of the factorisation, k×n, signs as they come. The input
/// must be finite and of moderate magnitude.
pub(crate) fn triangle_in_place<T: Kernel>(mut work: Mat<T>) -> Mat<T> {
    reflect(&mut work);
    triangle(&work, 1.0)
}

fn turn_row<T: Kernel>(r: &mut Mat<T>, row: usize, turn: T) {
    for j in row..r.ncols() {
        r[(row, j)] *= turn;
    }
    // Exactly real, whatever the rounding of the turn.
    r[(row, row)] = <T as Scalar>::from_real(r[(row, row)].re());
}

/// The upper triangle of a factored matrix, unscaled.
fn triangle<T: Kernel>(work: &Mat<T>, scale: f64) -> Mat<T> {
    let (m, n) = work.shape();
    let inverse = <T as Scalar>::from_f64(1.0 / scale, 0.0);
    let mut r = Mat::<T>::zeros(m.min(n), n);
    for j in 0..n {
        for i in 0..(j + 1).min(m) {
            r[(i, j)] = work[(i, j)] * inverse;
        }
    }
    r
}

/// A column-major copy of `scale·a`.
fn scaled_columns<T: Kernel>(a: Operand<'_, T>, scale: f64) -> Mat<T> {
    let mut work = a.to_columns();
    if scale != 1.0 {
        let factor = <T as Scalar>::from_f64(scale, 0.0);
        for j in 0..work.ncols() {
            for x in work.col_as_slice_mut(j) {
                *x *= factor;
            }
        }
    }
    work
}

/// The thin orthonormal factor of a compact factorisation, m×k.
///
/// The reflections are applied to the identity from the last block to the
/// first, so columns before a block's first are still those of the identity
/// and need no work: half of what applying them to the whole would cost.
fn orthonormal<T: Kernel>(work: &Mat<T>, coefficients: &Mat<T>) -> Mat<T> {
    let (m, k) = (work.nrows(), coefficients.ncols());
    let mut q = Mat::<T>::zeros(m, k);
    for i in 0..k {
        q[(i, i)] = T::ONE;
    }
    let block = coefficients.nrows();
    let mut scratch = MemBuffer::new(apply_scratch::<T>(m, block, k));
    for start in (0..k).step_by(block).rev() {
        let end = (start + block).min(k);
        apply(
            work.get(start.., start..end),
            coefficients.get(..end - start, start..end),
            Conj::No,
            q.get_mut(start.., start..),
            Par::Seq,
            MemStack::new(&mut scratch),
        );
    }
    q
}

/// faer's compact factorisation: reflections and triangle in place, returning
/// the coefficients of the block reflections.
fn reflect<T: Kernel>(work: &mut Mat<T>) -> Mat<T> {
    let (m, n) = work.shape();
    let k = m.min(n);
    let block = factor::recommended_block_size::<T>(m, n);
    let mut coefficients = Mat::<T>::zeros(block, k);
    if k > 0 {
        let scratch: StackReq =
            factor::qr_in_place_scratch::<T>(m, n, block, Par::Seq, Default::default());
        factor::qr_in_place(
            work.as_mut(),
            coefficients.as_mut(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
    }
    coefficients
}
