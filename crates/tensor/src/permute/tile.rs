//! Moving one tile.

use super::tiling::{Side, Tiling};

/// Moves `rows × columns` runs: the run read at
/// `source + near_target.source[first_row + row] + near_source.source[column]`
/// is written at `target + near_target.target[row] + columns[column]`.
///
/// # Safety
/// All those places are valid, and the processor has the instructions the
/// kernel was chosen for.
pub(super) type Kernel =
    unsafe fn(tiling: &Tiling, source: *const u8, target: *mut u8, tile: Extent<'_>);

/// Copies one row out of the buffer.
///
/// # Safety
/// Both sides are valid for `bytes` bytes and don't overlap; the processor has
/// the instructions the store was chosen for.
pub(crate) type Store = unsafe fn(source: *const u8, target: *mut u8, bytes: usize);

/// The part of a tile that exists, and where its columns go.
#[derive(Clone, Copy)]
pub(super) struct Extent<'a> {
    pub first_row: usize,
    pub rows: usize,
    /// Target offset of every column.
    pub columns: &'a [isize],
}

impl Extent<'_> {
    /// Source offsets of the rows.
    pub fn offsets<'t>(&self, tiling: &'t Tiling) -> &'t [isize] {
        &tiling.near_target.source[self.first_row..self.first_row + self.rows]
    }
}

/// The fastest kernel for the tiles of `tiling` on this processor.
///
/// `by_source` visits scattered elements in the order of the source: right
/// when the target is a buffer that is in the first-level cache anyway.
pub(super) fn kernel(tiling: &Tiling, by_source: bool) -> Kernel {
    let dense_target = tiling.near_target.is_dense(Side::Target, tiling.run);
    if dense_target && tiling.near_source.is_dense(Side::Source, tiling.run) {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = super::x86::transpose(tiling) {
            return kernel;
        }
    }
    match (tiling.run, by_source) {
        (4, false) => scatter::<4, false>,
        (4, true) => scatter::<4, true>,
        (8, false) => scatter::<8, false>,
        (8, true) => scatter::<8, true>,
        (16, false) => scatter::<16, false>,
        (16, true) => scatter::<16, true>,
        (32, false) => scatter::<32, false>,
        (32, true) => scatter::<32, true>,
        (64, _) => scatter::<64, false>,
        _ => scatter::<0, false>,
    }
}

/// Runs of `RUN` bytes, or of any length if that is zero, through the tables
/// of both sides.
///
/// # Safety
/// As [`Kernel`].
unsafe fn scatter<const RUN: usize, const BY_SOURCE: bool>(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let bytes = tiling.run;
    let rows = tile.offsets(tiling).iter().zip(&tiling.near_target.target);
    let columns = tiling.near_source.source.iter().zip(tile.columns);
    if BY_SOURCE {
        for (&from_row, &to_row) in rows {
            for (&from, &to) in columns.clone() {
                // SAFETY: the caller's contract.
                unsafe {
                    let place = target.offset(to_row + to);
                    move_run::<RUN>(source.offset(from_row + from), place, bytes);
                }
            }
        }
    } else {
        for (&from, &to) in columns {
            for (&from_row, &to_row) in rows.clone() {
                // SAFETY: the caller's contract.
                unsafe {
                    let place = target.offset(to_row + to);
                    move_run::<RUN>(source.offset(from_row + from), place, bytes);
                }
            }
        }
    }
}

/// Copies `RUN` bytes, or `bytes` if that is zero.
///
/// # Safety
/// Both sides are valid for that many bytes and don't overlap.
#[inline(always)]
pub(super) unsafe fn move_run<const RUN: usize>(source: *const u8, target: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract; both accesses are unaligned.
    unsafe {
        if RUN == 0 {
            copy_run(source, target, bytes);
        } else {
            let run = source.cast::<[u8; RUN]>().read_unaligned();
            target.cast::<[u8; RUN]>().write_unaligned(run);
        }
    }
}

/// Copies `bytes`, two overlapping moves for the short lengths that make up
/// most runs that are not powers of two.
///
/// # Safety
/// Both sides are valid for `bytes` bytes and don't overlap.
#[inline(always)]
pub(super) unsafe fn copy_run(source: *const u8, target: *mut u8, bytes: usize) {
    /// # Safety
    /// As `copy_run`; `HALF <= bytes <= 2 * HALF`.
    #[inline(always)]
    unsafe fn ends<const HALF: usize>(source: *const u8, target: *mut u8, bytes: usize) {
        // SAFETY: both halves lie inside the run.
        unsafe {
            let low = source.cast::<[u8; HALF]>().read_unaligned();
            let high = source
                .add(bytes - HALF)
                .cast::<[u8; HALF]>()
                .read_unaligned();
            target.cast::<[u8; HALF]>().write_unaligned(low);
            (target.add(bytes - HALF).cast::<[u8; HALF]>()).write_unaligned(high);
        }
    }
    // SAFETY: the caller's contract.
    unsafe {
        match bytes {
            4..=7 => ends::<4>(source, target, bytes),
            8..=16 => ends::<8>(source, target, bytes),
            17..=32 => ends::<16>(source, target, bytes),
            33..=64 => ends::<32>(source, target, bytes),
            65..=128 => ends::<64>(source, target, bytes),
            _ => std::ptr::copy_nonoverlapping(source, target, bytes),
        }
    }
}
