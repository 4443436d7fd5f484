//! Moving one tile.

use super::tiling::{Side, Tiling};

/// Moves `rows × columns` runs: the run read at
/// `source + near_target.source[row] + near_source.source[column]` is written
/// at `target + near_target.target[row] + columns[column]`.
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
pub(super) type Store = unsafe fn(source: *const u8, target: *mut u8, bytes: usize);

/// The part of a tile that exists, and where its columns go.
#[derive(Clone, Copy)]
pub(super) struct Extent<'a> {
    pub rows: usize,
    /// Target offset of every column.
    pub columns: &'a [isize],
}

/// The fastest kernel for the tiles of `tiling` on this processor.
pub(super) fn kernel(tiling: &Tiling) -> Kernel {
    let dense_target = tiling.near_target.is_dense(Side::Target, tiling.run);
    if dense_target && tiling.near_source.is_dense(Side::Source, tiling.run) {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = super::x86::transpose(tiling) {
            return kernel;
        }
    }
    match tiling.run {
        4 => scatter::<4>,
        8 => scatter::<8>,
        16 => scatter::<16>,
        32 => scatter::<32>,
        64 => scatter::<64>,
        128 => scatter::<128>,
        _ => scatter_runs,
    }
}

/// Runs of `RUN` bytes through the tables of both sides.
unsafe fn scatter<const RUN: usize>(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let from = &tiling.near_target.source[..tile.rows];
    let to = &tiling.near_target.target[..tile.rows];
    for (&column, &line) in tile.columns.iter().zip(&tiling.near_source.source) {
        for (&from, &to) in from.iter().zip(to) {
            // SAFETY: the caller's contract; reads and writes are unaligned.
            unsafe {
                let run = source
                    .offset(line + from)
                    .cast::<[u8; RUN]>()
                    .read_unaligned();
                target
                    .offset(column + to)
                    .cast::<[u8; RUN]>()
                    .write_unaligned(run);
            }
        }
    }
}

/// Runs of any length through the tables of both sides.
unsafe fn scatter_runs(tiling: &Tiling, source: *const u8, target: *mut u8, tile: Extent<'_>) {
    let from = &tiling.near_target.source[..tile.rows];
    let to = &tiling.near_target.target[..tile.rows];
    for (&column, &line) in tile.columns.iter().zip(&tiling.near_source.source) {
        for (&from, &to) in from.iter().zip(to) {
            // SAFETY: the caller's contract.
            unsafe {
                copy_run(
                    source.offset(line + from),
                    target.offset(column + to),
                    tiling.run,
                )
            };
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
