//! Products of matrices so small that any set-up costs more than the work.

use tensegrity_tensor::Scalar;

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::vector::blend;

/// Largest side of a product computed here; above it faer's kernels win.
pub(crate) const LIMIT: usize = 4;

/// `c ← alpha·a·b + beta·c` with no side above [`LIMIT`].
pub(crate) fn product<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    macro_rules! shapes {
        ($($k:literal $n:literal),*) => {
            match (b.rows, b.columns) {
                $(($k, $n) => fixed::<$k, $n, T>(alpha, a, b, beta, c),)*
                shape => unreachable!("a small product of shape {shape:?}"),
            }
        };
    }
    shapes!(
        1 1, 1 2, 1 3, 1 4, 2 1, 2 2, 2 3, 2 4, 3 1, 3 2, 3 3, 3 4, 4 1, 4 2, 4 3, 4 4
    );
}

/// The product row by row, `b` and a row of sums in registers.
#[inline(always)]
fn fixed<const K: usize, const N: usize, T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    let mut right = [[T::ZERO; N]; K];
    for k in 0..K {
        // SAFETY: row `k` is inside `b`, of `N` columns.
        right[k] = unsafe {
            let row = b.pointer.offset(k as isize * b.row_stride);
            if b.column_stride == 1 {
                *row.cast::<[T; N]>()
            } else {
                std::array::from_fn(|j| *row.offset(j as isize * b.column_stride))
            }
        };
        if T::IS_COMPLEX && b.conjugated {
            right[k] = right[k].map(Scalar::conj);
        }
    }
    let plain = alpha == T::ONE && beta == T::ZERO && c.column_stride == 1;
    for i in 0..c.rows {
        let mut sums = [T::ZERO; N];
        for k in 0..K {
            let mut x = a.stored(i, k);
            if T::IS_COMPLEX && a.conjugated {
                x = Scalar::conj(x);
            }
            for j in 0..N {
                sums[j] += x * right[k][j];
            }
        }
        // SAFETY: row `i` is inside `c`, of `N` columns.
        unsafe {
            let row = c.pointer.offset(i as isize * c.row_stride);
            if plain {
                *row.cast::<[T; N]>() = sums;
            } else {
                for (j, &sum) in sums.iter().enumerate() {
                    let y = row.offset(j as isize * c.column_stride);
                    *y = blend(alpha * sum, beta, y);
                }
            }
        }
    }
}
