//! The copy kernel: any strided view into any strided view.
//!
//! Method. Axes are dropped, flipped, sorted and merged until few are left
//! ([`layout`]); what is contiguous on both sides moves as one run. The rest is
//! cut into tiles that use every cache line whole on both sides ([`tiling`]),
//! each moved by a register transpose where both sides are dense and through
//! offset tables otherwise ([`tile`]). Copies larger than the caches pass each
//! tile through a small buffer, so that reads and writes are both long runs
//! whatever the strides (power-of-two strides map all lines of a tile to the
//! same few cache sets), and the largest write past the caches. While a tile is
//! stored the lines of the next are fetched.
//!
//! The blocking follows Lyakh, "An efficient tensor transpose algorithm"
//! (Comput. Phys. Commun. 189, 2015) and Springer, Su and Bientinesi, "HPTT"
//! (ARRAY 2017); choosing the axes of a tile from both ends is what makes bit
//! permutations of many short axes no slower than a matrix transpose.
//!
//! Guarantees: elements are moved as bits; no heap allocation below thirteen
//! merged axes; results do not depend on the number of threads.

mod layout;
mod tile;
mod tiling;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::threads::{is_parallel, parallel_for};
use crate::{Element, Error, Result, View, ViewMut, row_major};

use layout::{Axis, Layout};
use tile::{Extent, Kernel, Store, copy_run, move_run};
use tiling::{Offsets, Place, Side, Tiling, Walk};

/// Copies of at most this many runs don't repay a tiling.
const SMALL: usize = 256;

/// From this size on tiles go through the buffer: half the second-level cache
/// of current processors.
const BUFFERED: usize = 512 << 10;

/// From this size on writes go past the caches: the result would not stay there.
pub(crate) const STREAMED: usize = 16 << 20;

/// Bytes worth a task of their own.
const TASK: usize = 512 << 10;

/// The buffer holds the largest tile: four cache lines and a quarter both ways.
const BUFFER: usize = 32 << 10;

#[repr(align(64))]
struct Buffer([MaybeUninit<u8>; BUFFER]);

/// Copies `source` into `target`, element by element index.
///
/// Cost: memory bandwidth for any permutation of axes; runs on
/// [`crate::threads`] threads from about a megabyte on.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn copy_into<T: Element>(target: &mut ViewMut<'_, T>, source: &View<'_, T>) -> Result<()> {
    if target.shape() != source.shape() {
        return Err(Error::ShapeMismatch {
            what: "copy_into",
            left: target.shape().to_vec(),
            right: source.shape().to_vec(),
        });
    }
    let pointer = target.as_mut_ptr();
    // SAFETY: both views are valid for their shape, and a `ViewMut` is exclusive.
    unsafe { copy_strided(pointer, target.strides(), source) };
    Ok(())
}

/// Copies `source` row-major into uninitialised memory of exactly its length.
pub(crate) fn copy_uninit<T: Element>(target: &mut [MaybeUninit<T>], source: &View<'_, T>) {
    assert_eq!(target.len(), source.len());
    // SAFETY: the target is exclusive and dense for the shape.
    unsafe {
        copy_strided(
            target.as_mut_ptr().cast(),
            &row_major(source.shape()),
            source,
        )
    };
}

/// # Safety
/// `target` with `strides` is valid for writes at every index of the shape of
/// `source`, reached by no two of them, and does not overlap `source`.
unsafe fn copy_strided<T: Element>(target: *mut T, strides: &[isize], source: &View<'_, T>) {
    if source.is_empty() {
        return;
    }
    let layout = Layout::new(source.shape(), source.strides(), strides, size_of::<T>());
    // SAFETY: the layout addresses the same elements as the two views; bytes
    // of any element type may be moved as bytes.
    unsafe { copy_layout(&layout, target.cast(), source.as_ptr().cast()) }
}

/// A copy of `size` bytes an element between raw addresses.
pub(crate) struct StridedCopy<'a> {
    pub shape: &'a [usize],
    pub size: usize,
    pub source: *const u8,
    /// In elements.
    pub source_strides: &'a [isize],
    pub target: *mut u8,
    /// In elements.
    pub target_strides: &'a [isize],
}

/// # Safety
/// As [`copy_strided`].
pub(crate) unsafe fn copy_bytes(copy: StridedCopy<'_>) {
    if copy.shape.contains(&0) {
        return;
    }
    let layout = Layout::new(
        copy.shape,
        copy.source_strides,
        copy.target_strides,
        copy.size,
    );
    // SAFETY: the caller's contract.
    unsafe { copy_layout(&layout, copy.target, copy.source) }
}

/// # Safety
/// Every place of `layout` is valid on both sides, and the sides don't overlap.
unsafe fn copy_layout(layout: &Layout, target: *mut u8, source: *const u8) {
    let runs = layout.runs();
    // SAFETY: the caller's contract, here and in every branch.
    unsafe {
        if layout.axes.is_empty() {
            let from = source.offset(layout.source_start);
            copy_dense(from, target.offset(layout.target_start), layout.run);
        } else if runs <= SMALL {
            copy_small(layout, target, source);
        } else {
            copy_tiled(layout, runs * layout.run, target, source);
        }
    }
}

/// # Safety
/// Both sides are valid for `bytes` bytes and don't overlap.
unsafe fn copy_dense(source: *const u8, target: *mut u8, bytes: usize) {
    if bytes < 2 * TASK || !is_parallel() {
        // SAFETY: the caller's contract.
        return unsafe { copy_run(source, target, bytes) };
    }
    let (source, target) = (Shared(source.cast_mut()), Shared(target));
    parallel_for(bytes.div_ceil(TASK), |task| {
        let start = task * TASK;
        let length = TASK.min(bytes - start);
        // SAFETY: tasks take disjoint parts of the run.
        unsafe { copy_run(source.get().add(start), target.get().add(start), length) };
    });
}

/// # Safety
/// As [`copy_layout`].
unsafe fn copy_small(layout: &Layout, target: *mut u8, source: *const u8) {
    // SAFETY: the caller's contract.
    unsafe {
        let source = source.offset(layout.source_start);
        let target = target.offset(layout.target_start);
        match layout.run {
            4 => nest::<4>(&layout.axes, 4, target, source),
            8 => nest::<8>(&layout.axes, 8, target, source),
            16 => nest::<16>(&layout.axes, 16, target, source),
            run => nest::<0>(&layout.axes, run, target, source),
        }
    }
}

/// Plain nested loops; `RUN` is the length of the runs if it is not zero.
///
/// # Safety
/// As [`copy_layout`].
unsafe fn nest<const RUN: usize>(axes: &[Axis], run: usize, target: *mut u8, source: *const u8) {
    let Some((axis, inner)) = axes.split_last() else {
        // SAFETY: the caller's contract.
        return unsafe { move_run::<RUN>(source, target, run) };
    };
    for step in 0..axis.length as isize {
        // SAFETY: `step` is inside the axis.
        unsafe {
            let from = source.offset(step * axis.source);
            let to = target.offset(step * axis.target);
            match inner {
                [] => move_run::<RUN>(from, to, run),
                inner => nest::<RUN>(inner, run, to, from),
            }
        }
    }
}

/// # Safety
/// As [`copy_layout`]; `bytes` are moved in total.
unsafe fn copy_tiled(layout: &Layout, bytes: usize, target: *mut u8, source: *const u8) {
    let tiling = Tiling::new(layout, target.addr(), bytes >= BUFFERED);
    let mover = Mover::new(&tiling, bytes);
    let numbers = tiling.numbers();
    let (source, target) = (Shared(source.cast_mut()), Shared(target));
    let tasks = match is_parallel() {
        true => bytes.div_ceil(TASK).min(numbers),
        false => 1,
    };
    parallel_for(tasks, |task| {
        let range = numbers * task / tasks..numbers * (task + 1) / tasks;
        // SAFETY: the caller's contract; tasks write disjoint tiles.
        unsafe { mover.run(range, target.get(), source.get()) };
    });
}

/// How the tiles of one copy are moved.
struct Mover<'a> {
    tiling: &'a Tiling,
    way: Way,
    /// Whether writes go past the caches.
    streams: bool,
}

/// The ways of moving a tile.
enum Way {
    /// The kernel writes the target.
    Direct(Kernel),
    /// The kernel writes the buffer, from which whole rows are stored.
    Buffered(Kernel, Store),
    /// Long runs are stored as they are.
    Runs(Store),
}

impl<'a> Mover<'a> {
    fn new(tiling: &'a Tiling, bytes: usize) -> Self {
        let row = tiling.near_target.block() * tiling.run;
        let streams = bytes >= STREAMED;
        let store = if streams {
            streaming_store()
        } else {
            copy_run_store
        };
        let buffered = bytes >= BUFFERED
            && row >= 64
            && tiling.near_source.source.len() > 1
            && tiling.near_target.is_dense(Side::Target, tiling.run)
            && tiling.tile_bytes() <= BUFFER;
        let way = if streams && tiling.run >= 128 {
            Way::Runs(store)
        } else if buffered {
            Way::Buffered(tile::kernel(tiling, true), store)
        } else {
            Way::Direct(tile::kernel(tiling, false))
        };
        Self {
            tiling,
            way,
            streams,
        }
    }

    /// # Safety
    /// As [`copy_layout`]; the tiles of `range` are written by nobody else.
    unsafe fn run(&self, range: Range<usize>, target: *mut u8, source: *const u8) {
        let tiling = self.tiling;
        let walk = Walk::new(tiling, range);
        let columns = &tiling.near_source.target;
        match self.way {
            Way::Direct(kernel) => {
                for place in walk {
                    let tile = Extent {
                        first_row: place.first_row,
                        rows: place.rows,
                        columns: &columns[..place.columns],
                    };
                    // SAFETY: the walk stays inside the layout.
                    unsafe {
                        let from = source.offset(place.source);
                        kernel(tiling, from, target.offset(place.target), tile);
                    }
                }
            }
            Way::Runs(store) => {
                for place in walk {
                    // SAFETY: as above.
                    unsafe {
                        let from = source.offset(place.source);
                        store_runs(tiling, from, target.offset(place.target), place, store);
                    }
                }
            }
            // SAFETY: as above.
            Way::Buffered(kernel, store) => unsafe {
                self.run_buffered(walk, kernel, store, target, source);
            },
        }
        if self.streams {
            fence();
        }
    }

    /// # Safety
    /// As [`Mover::run`].
    unsafe fn run_buffered(
        &self,
        walk: Walk<'_>,
        kernel: Kernel,
        store: Store,
        target: *mut u8,
        source: *const u8,
    ) {
        let columns = &self.tiling.near_source.target;
        let lines = self.tiling.near_source.dense_lines(self.tiling.run);
        let pitch = (self.tiling.near_target.block() * self.tiling.run) as isize;
        let in_buffer: Offsets = (0..columns.len() as isize).map(|k| k * pitch).collect();
        let mut buffer = Buffer([MaybeUninit::uninit(); BUFFER]);
        let buffer = buffer.0.as_mut_ptr().cast::<u8>();
        let mut walk = walk.peekable();
        while let Some(place) = walk.next() {
            let tile = Extent {
                first_row: place.first_row,
                rows: place.rows,
                columns: &in_buffer[..place.columns],
            };
            // The stores leave the load units idle: they fetch the next tile,
            // whose rows are too short for the processor to see them coming.
            let mut ahead = (walk.peek().into_iter())
                .flat_map(|next| next.source_rows(self.tiling))
                .map(|row| source.wrapping_offset(row));
            let bytes = place.rows * self.tiling.run;
            // SAFETY: the walk stays inside the layout, and a tile fits the
            // buffer: `tile_bytes` was checked.
            unsafe {
                kernel(self.tiling, source.offset(place.source), buffer, tile);
                let to = target.offset(place.target);
                for (&from, &column) in tile.columns.iter().zip(columns) {
                    store(buffer.offset(from), to.offset(column), bytes);
                    if let Some(row) = ahead.next() {
                        (lines.iter()).for_each(|&line| prefetch(row.wrapping_offset(line)));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`copy_layout`], for the runs of one tile.
unsafe fn store_runs(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    place: Place,
    store: Store,
) {
    let (rows, columns) = (&tiling.near_target, &tiling.near_source);
    for column in 0..place.columns {
        for row in 0..place.rows {
            let from = rows.source[place.first_row + row] + columns.source[column];
            let to = rows.target[row] + columns.target[column];
            // SAFETY: the caller's contract.
            unsafe { store(source.offset(from), target.offset(to), tiling.run) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
use x86::prefetch;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{fence, streaming_store};

#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_address: *const u8) {}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn streaming_store() -> Store {
    copy_run_store
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn fence() {}

/// [`copy_run`] as a [`Store`].
///
/// # Safety
/// As [`Store`].
unsafe fn copy_run_store(source: *const u8, target: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract.
    unsafe { copy_run(source, target, bytes) };
}

/// An address handed to several threads, each of which uses its own part.
#[derive(Clone, Copy)]
pub(crate) struct Shared(pub *mut u8);

// SAFETY: users of the address touch disjoint elements.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn get(self) -> *mut u8 {
        self.0
    }
}
