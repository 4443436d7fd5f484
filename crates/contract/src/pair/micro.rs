//! The register tile of the packed matrix kernel.

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
    mut a: *const T,
    mut b: *const T,
    target: &Target<'_, T>,
) {
    let lanes = T::lanes::<S>();
    let mut sums = [[T::splat(simd, T::ZERO); V]; N];
    // SAFETY: the caller's: `depth` steps of both panels are readable.
    unsafe {
        for _ in 0..depth {
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
        if target.unit_rows {
            write_vectors(simd, &sums, target);
        } else {
            write_elements::<T, S, V, N>(&sums, target);
        }
    }
}

#[inline(always)]
unsafe fn write_vectors<T: Lane, S: Simd, const V: usize, const N: usize>(
    simd: S,
    sums: &[[T::V<S>; V]; N],
    target: &Target<'_, T>,
) {
    let lanes = T::lanes::<S>();
    let rows = target.rows.len();
    for n in 0..N {
        if n == target.columns.len() {
            return;
        }
        for v in 0..V {
            let count = rows.saturating_sub(v * lanes).min(lanes);
            // SAFETY: the caller's: rows are neighbours from the first on.
            unsafe {
                let to = target
                    .c
                    .offset(target.rows[0] + target.columns[n])
                    .add(v * lanes);
                if count == lanes {
                    let mut value = sums[n][v];
                    if target.accumulate {
                        value = T::vadd(simd, value, T::load::<S>(to));
                    }
                    T::store::<S>(to, value);
                } else if count > 0 {
                    let mut value = sums[n][v];
                    if target.accumulate {
                        value = T::vadd(simd, value, T::load_part(simd, to, count));
                    }
                    T::store_part(simd, to, count, value);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn write_elements<T: Lane, S: Simd, const V: usize, const N: usize>(
    sums: &[[T::V<S>; V]; N],
    target: &Target<'_, T>,
) {
    let lanes = T::lanes::<S>();
    // 16 lanes are the most of any register and type.
    let mut buffer = [T::ZERO; 16 * TILE_VECTORS];
    for n in 0..N {
        if n == target.columns.len() {
            return;
        }
        // SAFETY: the buffer holds V vectors; targets are the caller's.
        unsafe {
            for v in 0..V {
                T::store::<S>(buffer.as_mut_ptr().add(v * lanes), sums[n][v]);
            }
            for (i, &row) in target.rows.iter().enumerate() {
                let to = target.c.offset(row + target.columns[n]);
                *to = if target.accumulate {
                    (*to).add(buffer[i])
                } else {
                    buffer[i]
                };
            }
        }
    }
}
