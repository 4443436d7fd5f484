//! Cholesky factorisation.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltError, cholesky_in_place, cholesky_in_place_scratch};
use faer::{MatMut, Par};
use tensegrity_tensor::{Scalar, Tensor, View};

use crate::finite::magnitude;
use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::{Error, Field, Result};

const WHAT: &str = "cholesky";

/// Side below which faer's column-major leaf kernels are worth two transposed
/// copies; above it the factorisation is products, which take any strides.
const TURN: usize = 256;

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
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what: WHAT,
            argument: "a",
            shape: a.shape(),
        });
    }
    let n = a.rows;
    let mut lower = a.to_tensor();
    clean(lower.as_mut_slice(), n);
    magnitude(WHAT, "a", Operand::of_slice(lower.as_slice(), n, n))?;
    if n == 0 {
        return Ok(lower);
    }
    if n < TURN {
        let mut columns = Operand::of_slice(lower.as_slice(), n, n).to_columns();
        factor(columns.as_mut())?;
        lower = Operand::of(columns.as_ref()).to_tensor();
    } else {
        factor(Target::of_slice(lower.as_mut_slice(), n, n).faer())?;
    }
    clean(lower.as_mut_slice(), n);
    Ok(lower)
}

/// Zeroes the upper triangle and makes the diagonal real.
fn clean<T: Kernel>(matrix: &mut [T], n: usize) {
    for (i, row) in matrix.chunks_exact_mut(n.max(1)).enumerate() {
        row[i + 1..].fill(T::ZERO);
        row[i] = <T as Scalar>::from_real(row[i].re());
    }
}

/// The factor in place of the lower triangle.
fn factor<T: Kernel>(matrix: MatMut<'_, T>) -> Result<()> {
    let scratch = cholesky_in_place_scratch::<T>(matrix.nrows(), Par::Seq, Default::default());
    let result = cholesky_in_place(
        matrix,
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    match result {
        Ok(_) => Ok(()),
        Err(LltError::NonPositivePivot { index }) => Err(Error::NotPositiveDefinite {
            what: WHAT,
            pivot: index,
        }),
    }
}
