//! The matrix product every factorisation here stands on.
//!
//! One product is cut into tiles of the result, and if the result is small and
//! the sum long, into parts of the sum. The cut depends on the shape only, and
//! each piece is computed by one thread, so the bits of the result do not
//! depend on the number of threads.

use faer::{Accum, Par};
use tensegrity_tensor::{parallel_for, parallel_map};

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::{small, vector};

/// Multiplications below which a product is one piece (a fraction of a millisecond).
const ONE_PIECE: usize = 1 << 22;
/// Longest side of a tile of the result.
const TILE: usize = 1024;
/// Length of a part of a long sum.
const PART: usize = 2048;
/// Most parts of a long sum; each holds a copy of the result.
pub(crate) const MOST_PARTS: usize = 16;

/// `c ← alpha·a·b + beta·c`. Shapes must fit; `beta` of zero does not read `c`,
/// `alpha` of zero does not read `a` and `b`.
pub(crate) fn product<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    mut c: Target<'_, T>,
) {
    debug_assert!(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns);
    let (m, n, k) = (c.rows, c.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 || alpha == T::ZERO {
        return vector::scale(beta, &mut c);
    }
    if m <= small::LIMIT && n <= small::LIMIT && k <= small::LIMIT {
        return small::product(alpha, a, b, beta, c);
    }
    if n == 1 {
        return vector::matrix_vector(alpha, a, b, beta, c);
    }
    if m == 1 {
        let (a, b, c) = (b.transposed(), a.transposed(), c.transposed());
        return vector::matrix_vector(alpha, a, b, beta, c);
    }
    if k == 1 {
        return vector::outer(alpha, a, b, beta, c);
    }
    if m.saturating_mul(n).saturating_mul(k) < ONE_PIECE {
        return piece(alpha, a, b, beta, c);
    }
    let (tile_rows, tile_columns) = (tile_length(m), tile_length(n));
    let (down, across) = (m.div_ceil(tile_rows), n.div_ceil(tile_columns));
    if down * across == 1 && k >= 2 * PART {
        return by_parts(alpha, a, b, beta, c);
    }
    parallel_for(down * across, |tile| {
        let top = (tile / across) * tile_rows;
        let left = (tile % across) * tile_columns;
        let rows = top..(top + tile_rows).min(m);
        let columns = left..(left + tile_columns).min(n);
        // SAFETY: tiles of different numbers do not overlap.
        let block = unsafe { c.block(rows.clone(), columns.clone()) };
        piece(
            alpha,
            a.row_range(rows),
            b.column_range(columns),
            beta,
            block,
        );
    });
}

/// Length of a tile along a side: the side whole if it is short, else two or
/// more equal tiles, a multiple of every register tile's side.
fn tile_length(side: usize) -> usize {
    if side < 192 {
        return side;
    }
    let count = side.div_ceil(TILE).max(2);
    side.div_ceil(count).next_multiple_of(48)
}

/// The bounds of the at most `most` parts a sum of `length` terms is cut into.
pub(crate) fn parts(length: usize, most: usize) -> Vec<std::ops::Range<usize>> {
    let count = (length / PART).clamp(1, most);
    let part = length.div_ceil(count);
    (0..count)
        .map(|i| i * part..((i + 1) * part).min(length))
        .collect()
}

/// A product whose result is one tile and whose sum is long.
fn by_parts<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    mut c: Target<'_, T>,
) {
    let (m, n) = (c.rows, c.columns);
    let parts = parts(a.columns, MOST_PARTS);
    let sums = parallel_map(parts.len(), |part| {
        let range = parts[part].clone();
        let mut sum = vec![T::ZERO; m * n];
        let target = Target::of_slice(&mut sum, m, n);
        let (a, b) = (a.column_range(range.clone()), b.row_range(range));
        piece(alpha, a, b, T::ZERO, target);
        sum
    });
    vector::scale(beta, &mut c);
    for sum in &sums {
        for i in 0..m {
            for j in 0..n {
                // SAFETY: the index is inside `c`.
                unsafe {
                    let y = c
                        .pointer
                        .offset(i as isize * c.row_stride + j as isize * c.column_stride);
                    *y += sum[i * n + j];
                }
            }
        }
    }
}

/// One product on one thread.
fn piece<T: Kernel>(alpha: T, a: Operand<'_, T>, b: Operand<'_, T>, beta: T, mut c: Target<'_, T>) {
    let accumulate = if beta == T::ZERO {
        Accum::Replace
    } else {
        vector::scale(beta, &mut c);
        Accum::Add
    };
    faer::linalg::matmul::matmul_with_conj(
        c.faer(),
        accumulate,
        a.faer(),
        a.faer_conj(),
        b.faer(),
        b.faer_conj(),
        alpha,
        Par::Seq,
    );
}
