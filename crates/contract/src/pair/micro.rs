//! The register tile of the packed matrix kernel.

use std::mem::MaybeUninit;

use pulp::Simd;

use super::lane::Lane;

/// Vectors of a full tile along its rows.
pub(crate) const TILE_VECTORS: usize = 3;

/// Columns of a full tile: what fits the registers beside a column of A.
pub(crate) const fn tile_columns<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}

/// Where a tile of the result goes.
pub(crate) struct Target<'t, T> {
    pub c: *mut T,
    /// Offsets of the rows of the tile.
    pub rows: &'t [isize],
    /// Offsets of the columns of the tile.
    pub columns: &'t [isize],
    /// Whether the rows are neighbours in memory.
    pub unit_rows: bool,
    /// Whether to add to what is there.
    pub accumulate: bool,
}

/// Multiplies a panel of A (`depth` columns of a full tile's rows) by a panel
/// of B (`depth` rows of a full tile's columns) and writes the tile.
///
/// # Safety
/// The panels are readable as described and the target is writable.
#[inline(always)]
pub(crate) unsafe fn tile<T: Lane, S: Simd>(
    simd: S,
    depth: usize,
    a: *const T,
    b: *const T,
    target: &Target<'_, T>,
) {
    let vectors = target.rows.len().div_ceil(T::lanes::<S>());
    let full = tile_columns::<S>();
    // SAFETY: the caller's.
    unsafe {
        if full == 8 {
            match (vectors, target.columns.len() > 4) {
                (1, false) => sized::<T, S, 1, 4, 8>(simd, depth, a, b, target),
                (1, true) => sized::<T, S, 1, 8, 8>(simd, depth, a, b, target),
                (2, false) => sized::<T, S, 2, 4, 8>(simd, depth, a, b, target),
                (2, true) => sized::<T, S, 2, 8, 8>(simd, depth, a, b, target),
                (_, false) => sized::<T, S, 3, 4, 8>(simd, depth, a, b, target),
                (_, true) => sized::<T, S, 3, 8, 8>(simd, depth, a, b, target),
            }
        } else {
            match vectors {
                1 => sized::<T, S, 1, 4, 4>(simd, depth, a, b, target),
                2 => sized::<T, S, 2, 4, 4>(simd, depth, a, b, target),
                _ => sized::<T, S, 3, 4, 4>(simd, depth, a, b, target),
            }
        }
    }
}

/// A tile of `V` vectors by `N` columns; panels of B are `STEP` columns wide.
#[inline(always)]
unsafe fn sized<T: Lane, S: Simd, const V: usize, const N: usize, const STEP: usize>(
    simd: S,
    depth: usize,
    a: *const T,
    b: *const T,
    target: &Target<'_, T>,
) {
    let lanes = T::lanes::<S>();
    // SAFETY: the caller's: `depth` steps of both panels are readable; the
    // buffer holds N columns of V vectors, 16 lanes being the most of any
    // register and type.
    unsafe {
        let sums = multiply::<T, S, V, N, STEP>(simd, depth, a, b);
        if target.unit_rows && target.rows.len() == V * lanes && target.columns.len() == N {
            let first = target.c.offset(target.rows[0]);
            for n in 0..N {
                let to = first.offset(target.columns[n]);
                for v in 0..V {
                    let (to, mut value) = (to.add(v * lanes), sums[n][v]);
                    if target.accumulate {
                        value = T::vadd(simd, value, T::load::<S>(to));
                    }
                    T::store::<S>(to, value);
                }
            }
            return;
        }
        // Indexing the sums by a variable would keep them in memory during the
        // product too, a store for every multiplication.
        let mut buffer = [MaybeUninit::<T>::uninit(); 16 * TILE_VECTORS * 8];
        let from = buffer.as_mut_ptr().cast::<T>();
        for n in 0..N {
            for v in 0..V {
                T::store::<S>(from.add((n * V + v) * lanes), sums[n][v]);
            }
        }
        let from = from.cast_const();
        if target.unit_rows {
            write_vectors::<T, S>(simd, from, V, target);
        } else {
            write_elements(from, V * lanes, target);
        }
    }
}

/// The product of the panels, in registers.
#[inline(always)]
unsafe fn multiply<T: Lane, S: Simd, const V: usize, const N: usize, const STEP: usize>(
    simd: S,
    depth: usize,
    mut a: *const T,
    mut b: *const T,
) -> [[T::V<S>; V]; N] {
    let lanes = T::lanes::<S>();
    let mut sums = [[T::splat(simd, T::ZERO); V]; N];
    for _ in 0..depth {
        // SAFETY: the caller's: `depth` steps of both panels are readable.
        unsafe {
            let mut column = [T::splat(simd, T::ZERO); V];
            for v in 0..V {
                column[v] = T::load::<S>(a.add(v * lanes));
            }
            for n in 0..N {
                let factor = T::splat(simd, *b.add(n));
                for v in 0..V {
                    sums[n][v] = T::mul_add(simd, column[v], factor, sums[n][v]);
                }
            }
            a = a.add(TILE_VECTORS * lanes);
            b = b.add(STEP);
        }
    }
    sums
}

/// Writes columns of `vectors` vectors each where rows are neighbours.
#[inline(always)]
unsafe fn write_vectors<T: Lane, S: Simd>(
    simd: S,
    mut from: *const T,
    vectors: usize,
    target: &Target<'_, T>,
) {
    let lanes = T::lanes::<S>();
    let rows = target.rows.len();
    for &column in target.columns {
        // SAFETY: the caller's: rows are neighbours from the first on.
        unsafe {
            let to = target.c.offset(target.rows[0] + column);
            for start in (0..rows).step_by(lanes) {
                let (from, to) = (from.add(start), to.add(start));
                let mut value = T::load::<S>(from);
                if start + lanes <= rows {
                    if target.accumulate {
                        value = T::vadd(simd, value, T::load::<S>(to));
                    }
                    T::store::<S>(to, value);
                } else {
                    let count = rows - start;
                    if target.accumulate {
                        value = T::vadd(simd, value, T::load_part(simd, to, count));
                    }
                    T::store_part(simd, to, count, value);
                }
            }
            from = from.add(vectors * lanes);
        }
    }
}

/// Writes columns of `height` elements each, one by one.
#[inline(always)]
unsafe fn write_elements<T: Lane>(mut from: *const T, height: usize, target: &Target<'_, T>) {
    for &column in target.columns {
        for (i, &row) in target.rows.iter().enumerate() {
            // SAFETY: targets are the caller's.
            unsafe {
                let (value, to) = (*from.add(i), target.c.offset(row + column));
                *to = if target.accumulate {
                    (*to).add(value)
                } else {
                    value
                };
            }
        }
        // SAFETY: the next column, or the end of the buffer.
        from = unsafe { from.add(height) };
    }
}
