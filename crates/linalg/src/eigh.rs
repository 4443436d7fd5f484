//! Eigenvalues and eigenvectors of Hermitian matrices.
//!
//! Method: Householder tridiagonalisation and divide and conquer (faer).

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{
    ComputeEigenvectors, SelfAdjointEvdParams, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::{Auto, Mat, MatRef, Par, Spec};
use tensegrity_tensor::{Real, Scalar, Tensor, View};

use crate::finite::{magnitude, safe_scale};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result, signs};

/// `A = V·diag(values)·Vᴴ`.
#[derive(Clone, Debug)]
pub struct Eigh<T> {
    /// Eigenvalues, ascending.
    pub values: Vec<f64>,
    /// Orthonormal eigenvectors as columns, n×n; in each, the entry of largest
    /// magnitude is real and positive (the first among equals).
    pub vectors: Tensor<T>,
}

/// Eigenvalues (ascending) and eigenvectors of a Hermitian n×n matrix, of which
/// only the lower triangle is read.
///
/// Cost: O(n³), about ten products.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`],
/// [`Error::NoConvergence`].
pub fn eigh<T: Field>(a: &View<'_, T>) -> Result<Eigh<T>> {
    T::eigh(Operand::new("eigh", "a", a)?)
}

pub(crate) fn dense<T: Kernel>(a: Operand<'_, T>) -> Result<Eigh<T>> {
    let (values, vectors) = columns("eigh", a)?;
    Ok(Eigh {
        values,
        vectors: Operand::of(vectors.as_ref()).to_tensor(),
    })
}

/// The factors in column-major form, ascending.
pub(crate) fn columns<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
) -> Result<(Vec<f64>, Mat<T>)> {
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what,
            argument: "a",
            shape: a.shape(),
        });
    }
    let n = a.rows;
    let mut largest = 0.0f64;
    for i in 0..n {
        let row = a.row_range(i..i + 1).column_range(0..i + 1);
        largest = largest.max(magnitude(what, "a", row).map_err(|error| at_row(error, i))?);
    }
    let scale = safe_scale::<T>(largest);
    let copy;
    let work = if scale == 1.0 && !T::IS_COMPLEX {
        a.faer()
    } else {
        copy = prepared(a, scale);
        copy.as_ref()
    };
    let fast = <SelfAdjointEvdParams as Auto<T>>::auto();
    // Divide and conquer off: the QR algorithm on the whole tridiagonal.
    let mut slow = fast;
    slow.recursion_threshold = usize::MAX;
    let (values, mut vectors) = converge(work, fast)
        .or_else(|| converge(work, slow))
        .ok_or_else(|| Error::NoConvergence {
            what,
            shape: a.shape(),
        })?;
    signs::fix_columns(&mut vectors, None);
    Ok((values.into_iter().map(|x| x / scale).collect(), vectors))
}

/// A scaled copy with a real diagonal, which faer takes for granted.
fn prepared<T: Kernel>(a: Operand<'_, T>, scale: f64) -> Mat<T> {
    let mut work = a.to_columns();
    let factor = <T as Scalar>::from_f64(scale, 0.0);
    for j in 0..a.columns {
        work[(j, j)] = <T as Scalar>::from_real(work[(j, j)].re());
        for x in work.col_as_slice_mut(j) {
            *x = *x * factor;
        }
    }
    work
}

/// The position of a bad entry of row `row` in the whole matrix.
fn at_row(mut error: Error, row: usize) -> Error {
    if let Error::NonFinite { position, .. } = &mut error {
        position[0] += row;
    }
    error
}

/// faer's decomposition; `None` if it does not converge.
fn converge<T: Kernel>(
    work: MatRef<'_, T>,
    params: SelfAdjointEvdParams,
) -> Option<(Vec<f64>, Mat<T>)> {
    let n = work.nrows();
    let mut vectors = Mat::<T>::zeros(n, n);
    let mut s = faer::diag::Diag::<T>::zeros(n);
    if n > 0 {
        let params: Spec<SelfAdjointEvdParams, T> = params.into();
        let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, Par::Seq, params);
        self_adjoint_evd(
            work,
            s.as_mut(),
            Some(vectors.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            params,
        )
        .ok()?;
    }
    let values: Vec<f64> = (0..n).map(|i| s[i].re().to_f64()).collect();
    values
        .iter()
        .all(|x| x.is_finite())
        .then_some((values, vectors))
}
