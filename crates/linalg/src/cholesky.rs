//! Cholesky factorisation.

use faer::Par;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltError, cholesky_in_place, cholesky_in_place_scratch};
use tensegrity_tensor::{Scalar, Tensor, View};

use crate::finite::magnitude;
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result};

/// The lower triangular `L` with positive diagonal and `A = L·Lᴴ` for a
/// Hermitian positive definite matrix, of which only the lower triangle is read.
///
/// Cost: n³/3 multiply-adds; memory for two copies.
///
/// # Errors
/// [`Error::NotPositiveDefinite`] names the first pivot that is not positive;
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`].
pub fn cholesky<T: Field>(a: &View<'_, T>) -> Result<Tensor<T>> {
    T::cholesky(Operand::new("cholesky", "a", a)?)
}

pub(crate) fn lower<T: Kernel>(a: Operand<'_, T>) -> Result<Tensor<T>> {
    const WHAT: &str = "cholesky";
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what: WHAT,
            argument: "a",
            shape: a.shape(),
        });
    }
    let n = a.rows;
    let mut work = a.to_columns();
    for j in 0..n {
        work.col_as_slice_mut(j)[..j].fill(T::ZERO);
        work[(j, j)] = <T as Scalar>::from_real(work[(j, j)].re());
    }
    magnitude(WHAT, "a", Operand::of(work.as_ref()))?;
    if n > 0 {
        let scratch = cholesky_in_place_scratch::<T>(n, Par::Seq, Default::default());
        cholesky_in_place(
            work.as_mut(),
            Default::default(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .map_err(
            |LltError::NonPositivePivot { index }| Error::NotPositiveDefinite {
                what: WHAT,
                pivot: index,
            },
        )?;
    }
    for j in 0..n {
        work.col_as_slice_mut(j)[..j].fill(T::ZERO);
    }
    Ok(Operand::of(work.as_ref()).to_tensor())
}
