//! LU factorisation with row exchanges.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::factor;
use faer::{Mat, Par};
use tensegrity_tensor::{Tensor, View};

use crate::finite::magnitude;
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Field, Result};

/// `A[rows, :] = L·U`.
#[derive(Clone, Debug)]
pub struct Lu<T> {
    /// Row `i` of `L·U` is row `rows[i]` of `A`.
    pub rows: Vec<usize>,
    /// Lower triangular with ones on the diagonal, m×k with k = min(m, n); no
    /// entry is larger than one (√2 for complex types, whose pivots are chosen
    /// by |re| + |im|).
    pub lower: Tensor<T>,
    /// Upper triangular, k×n.
    pub upper: Tensor<T>,
}

/// The LU factorisation of an m×n matrix with row exchanges.
///
/// Cost: m·n·min(m, n) multiply-adds; memory for two copies.
///
/// # Errors
/// [`crate::Error::WrongAxes`], [`crate::Error::NonFinite`].
pub fn lu<T: Field>(a: &View<'_, T>) -> Result<Lu<T>> {
    T::lu(Operand::new("lu", "a", a)?)
}

pub(crate) fn exchanged<T: Kernel>(a: Operand<'_, T>) -> Result<Lu<T>> {
    magnitude("lu", "a", a)?;
    let (m, n) = (a.rows, a.columns);
    let k = m.min(n);
    let mut factors = a.to_columns();
    let mut rows: Vec<usize> = (0..m).collect();
    let mut inverse = rows.clone();
    if k > 0 {
        let scratch = factor::lu_in_place_scratch::<usize, T>(m, n, Par::Seq, Default::default());
        factor::lu_in_place(
            factors.as_mut(),
            &mut rows,
            &mut inverse,
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
    }
    let entry = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Greater => factors[(i, j)],
        std::cmp::Ordering::Equal => T::ONE,
        std::cmp::Ordering::Less => T::ZERO,
    };
    let lower = Mat::from_fn(m, k, entry);
    let upper = Mat::from_fn(k, n, |i, j| if i <= j { factors[(i, j)] } else { T::ZERO });
    Ok(Lu {
        rows,
        lower: Operand::of(lower.as_ref()).to_tensor(),
        upper: Operand::of(upper.as_ref()).to_tensor(),
    })
}
