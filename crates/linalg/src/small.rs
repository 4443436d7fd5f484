//! Products of matrices so small that any set-up costs more than the work.

use tensegrity_tensor::Scalar;

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::vector::blend;

/// Largest side of a product computed here.
pub(crate) const LIMIT: usize = 8;

/// `c ← alpha·a·b + beta·c` with no side above [`LIMIT`].
pub(crate) fn product<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    match c.columns {
        1 => rows::<1, T>(alpha, a, b, beta, c),
        2 => rows::<2, T>(alpha, a, b, beta, c),
        3 => rows::<3, T>(alpha, a, b, beta, c),
        4 => rows::<4, T>(alpha, a, b, beta, c),
        5 => rows::<5, T>(alpha, a, b, beta, c),
        6 => rows::<6, T>(alpha, a, b, beta, c),
        7 => rows::<7, T>(alpha, a, b, beta, c),
        _ => rows::<8, T>(alpha, a, b, beta, c),
    }
}

/// The product row by row, a row of `N` sums in registers.
fn rows<const N: usize, T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    debug_assert!(c.columns == N && b.rows <= LIMIT);
    let mut right = [[T::ZERO; N]; LIMIT];
    for (k, row) in right.iter_mut().enumerate().take(b.rows) {
        for (j, x) in row.iter_mut().enumerate() {
            *x = b.stored(k, j);
            if T::IS_COMPLEX && b.conjugated {
                *x = Scalar::conj(*x);
            }
        }
    }
    for i in 0..c.rows {
        let mut sums = [T::ZERO; N];
        for (k, row) in right.iter().enumerate().take(b.rows) {
            let mut x = a.stored(i, k);
            if T::IS_COMPLEX && a.conjugated {
                x = Scalar::conj(x);
            }
            for j in 0..N {
                sums[j] = sums[j] + x * row[j];
            }
        }
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: the index is inside `c`.
            unsafe {
                let y = c
                    .pointer
                    .offset(i as isize * c.row_stride + j as isize * c.column_stride);
                *y = blend(alpha * sum, beta, y);
            }
        }
    }
}
