//! Eigenvalues and eigenvectors of Hermitian matrices.
//!
//! Method: Householder tridiagonalisation and divide and conquer (faer).

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{
    ComputeEigenvectors, SelfAdjointEvdParams, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::{Auto, Mat, Par, Spec};
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
    let mut work = a.to_columns();
    for j in 0..n {
        work.col_as_slice_mut(j)[..j].fill(T::ZERO);
    }
    let scale = safe_scale::<T>(magnitude(what, "a", Operand::of(work.as_ref()))?);
    for j in 0..n {
        // The diagonal of a Hermitian matrix is real; faer does not force it.
        work[(j, j)] = <T as Scalar>::from_real(work[(j, j)].re());
        if scale != 1.0 {
            let factor = <T as Scalar>::from_f64(scale, 0.0);
            for x in work.col_as_slice_mut(j) {
                *x = *x * factor;
            }
        }
    }
    let fast = <SelfAdjointEvdParams as Auto<T>>::auto();
    // Divide and conquer off: the QR algorithm on the whole tridiagonal.
    let mut slow = fast;
    slow.recursion_threshold = usize::MAX;
    let (values, mut vectors) = converge(&work, fast)
        .or_else(|| converge(&work, slow))
        .ok_or_else(|| Error::NoConvergence {
            what,
            shape: a.shape(),
        })?;
    signs::fix_columns(&mut vectors, None);
    Ok((values.into_iter().map(|x| x / scale).collect(), vectors))
}

/// faer's decomposition; `None` if it does not converge.
fn converge<T: Kernel>(work: &Mat<T>, params: SelfAdjointEvdParams) -> Option<(Vec<f64>, Mat<T>)> {
    let n = work.nrows();
    let mut vectors = Mat::<T>::zeros(n, n);
    let mut s = faer::diag::Diag::<T>::zeros(n);
    if n > 0 {
        let params: Spec<SelfAdjointEvdParams, T> = params.into();
        let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, Par::Seq, params);
        self_adjoint_evd(
            work.as_ref(),
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
