//! Matrix products of tensors without transposition.
//!
//! Rows, columns and the summed index are each a nest of loops with any
//! strides. Blocks are gathered through those strides into panels, multiplied
//! in registers, and scattered to the result through its own strides, so no
//! operand is ever permuted as a whole. Blocking as in Goto and van de Geijn,
//! ACM TOMS 34 (2008) 12; block scatter as in Matthews (2018), see [`super`].

use pulp::{Arch, Simd, WithSimd};

use super::lane::Lane;
use super::loops::{Loop, Loops, Operand, Walk, fill_offsets, volume};
use super::micro::{TILE_VECTORS, Target, tile, tile_columns};
use super::problem::Problem;
use super::scratch::Scratch;

/// Depth of a block: a panel of B of this depth stays in the first cache.
const DEPTH_BYTES: usize = 2048;
/// Bytes of a block of A: half of a second cache of one MiB or less.
const BLOCK_A_BYTES: usize = 384 << 10;
/// Bytes of a block of B: a share of the third cache.
const BLOCK_B_BYTES: usize = 4 << 20;

/// A prepared product. Rows run along SIMD lanes.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    batch: Loops,
    rows: Loops,
    columns: Loops,
    depth: Loops,
    /// The block depth is a multiple of this if that is not too long.
    grain: usize,
    swapped: bool,
}

impl Packed {
    /// Chooses which operand runs along SIMD lanes and in which order each nest is walked.
    pub fn new(problem: &Problem) -> Self {
        let swapped = rows_on_the_right(problem);
        let problem = &if swapped {
            problem.swapped()
        } else {
            problem.clone()
        };
        let unit = |operand| {
            let mut loops = (problem.kept().into_iter()).chain(problem.summed());
            loops
                .any(|l| l.stride(operand).abs() == 1)
                .then_some(operand)
        };
        let (mut rows, mut columns) = (problem.left.clone(), problem.right.clone());
        let mut depth = problem.summed();
        arrange(&mut rows, [unit(Operand::C), unit(Operand::A)]);
        arrange(&mut columns, [unit(Operand::C), unit(Operand::B)]);
        let grain = arrange(&mut depth, [unit(Operand::A), unit(Operand::B)]);
        let mut batch = problem.batch.clone();
        batch.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
        Self {
            batch,
            rows,
            columns,
            depth,
            grain,
            swapped,
        }
    }

    /// Pieces along the longest index of the result, each with its offsets.
    pub fn split(&self, pieces: usize) -> Vec<(Self, [isize; 3])> {
        let nests = [&self.batch, &self.rows, &self.columns];
        let longest = (0..3)
            .flat_map(|nest| (0..nests[nest].len()).map(move |at| (nest, at)))
            .max_by_key(|&(nest, at)| nests[nest][at].length);
        let Some((nest, at)) = longest else {
            return vec![(self.clone(), [0; 3])];
        };
        let granule = if nest == 0 { 1 } else { 24 };
        (nests[nest][at].pieces(pieces, granule).into_iter())
            .map(|(part, [a, b, c])| {
                let mut piece = self.clone();
                [&mut piece.batch, &mut piece.rows, &mut piece.columns][nest][at] = part;
                let offsets = if self.swapped { [b, a, c] } else { [a, b, c] };
                (piece, offsets)
            })
            .collect()
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors; nothing else touches `c`.
    pub unsafe fn run<T: Lane>(&self, a: *const T, b: *const T, c: *mut T) {
        let (a, b) = if self.swapped { (b, a) } else { (a, b) };
        Arch::new().dispatch(Run {
            plan: self,
            a,
            b,
            c,
        });
    }
}

/// Whether SIMD lanes should run along the right-free wires.
fn rows_on_the_right(problem: &Problem) -> bool {
    let [_, m, n, _] = problem.sizes();
    let unit = |loops: &[Loop]| loops.iter().any(|l| l.c == 1);
    // Cost of a product of one depth step: padding to a vector of 8 along the
    // rows and 4 along the columns, and scattered stores if rows are not unit.
    let cost = |rows: usize, columns: usize, unit: bool| {
        (rows.next_multiple_of(8) * columns.next_multiple_of(4)) as f64
            * if unit { 1.0 } else { 1.1 }
    };
    cost(n, m, unit(&problem.right)) < cost(m, n, unit(&problem.left))
}

/// Orders a nest so that both operands are read along cache lines.
///
/// The unit-stride loop of the first operand goes innermost. If the second
/// operand's is another one, a tile of it goes next, so that a block of the
/// nest covers whole cache lines of both. Returns the size of that tile.
fn arrange(loops: &mut Loops, [first, second]: [Option<Operand>; 2]) -> usize {
    let stride = |l: &Loop, operand: Option<Operand>| operand.map_or(0, |o| l.stride(o).abs());
    loops.sort_by_key(|l| std::cmp::Reverse(stride(l, first).saturating_add(stride(l, second))));
    let position = |loops: &Loops, operand| loops.iter().position(|l| operand_is_unit(l, operand));
    let (x, y) = (position(loops, first), position(loops, second));
    let Some(x) = x.or(y) else {
        return 1;
    };
    let y = y.filter(|&y| y != x);
    let inner = loops.remove(x);
    let Some(y) = y.map(|y| if y > x { y - 1 } else { y }) else {
        loops.push(inner);
        return 1;
    };
    let (y_outer, y_inner) = cut(loops[y], 8, 16);
    let (x_outer, x_inner) = cut(inner, 16, 64);
    loops[y] = y_outer;
    loops.extend([x_outer, y_inner, x_inner]);
    loops.retain(|l| l.length != 1);
    y_inner.length * x_inner.length
}

fn operand_is_unit(l: &Loop, operand: Option<Operand>) -> bool {
    operand.is_some_and(|o| l.stride(o).abs() == 1)
}

/// A loop as an outer and an inner one, the inner of a length that divides it
/// and lies between the limits; the whole loop inside if it is short or has no
/// such divisor.
fn cut(l: Loop, low: usize, high: usize) -> (Loop, Loop) {
    let inner = if l.length <= high {
        l.length
    } else {
        (low..=high)
            .find(|&d| l.length.is_multiple_of(d))
            .unwrap_or(l.length)
    };
    let step = inner as isize;
    let outer = Loop {
        length: l.length / inner,
        a: l.a * step,
        b: l.b * step,
        c: l.c * step,
    };
    (outer, Loop { length: inner, ..l })
}

struct Run<'p, T> {
    plan: &'p Packed,
    a: *const T,
    b: *const T,
    c: *mut T,
}

/// Offsets of the current block of a nest on two tensors.
struct Table<'p> {
    loops: &'p [Loop],
    operands: [Operand; 2],
    memory: Scratch<isize>,
    capacity: usize,
    loaded: (usize, usize),
}

impl<'p> Table<'p> {
    fn new(loops: &'p [Loop], operands: [Operand; 2], capacity: usize) -> Self {
        Self {
            loops,
            operands,
            memory: Scratch::new(2 * capacity),
            capacity,
            loaded: (0, 0),
        }
    }

    /// Makes the table cover iterations `start..start + count`.
    fn load(&mut self, start: usize, count: usize) {
        if self.loaded == (start, count) {
            return;
        }
        debug_assert!(count <= self.capacity);
        for (half, &operand) in self.operands.iter().enumerate() {
            // SAFETY: each half holds `capacity` offsets, and isize may hold anything.
            let out = unsafe {
                std::slice::from_raw_parts_mut(
                    self.memory.as_ptr().add(half * self.capacity),
                    count,
                )
            };
            fill_offsets(self.loops, operand, start, out);
        }
        self.loaded = (start, count);
    }

    fn half(&self, half: usize) -> &[isize] {
        // SAFETY: written by `load`.
        unsafe {
            std::slice::from_raw_parts(
                self.memory.as_ptr().add(half * self.capacity),
                self.loaded.1,
            )
        }
    }
}

/// Sizes of the blocks for one problem.
struct Blocks {
    rows: usize,
    columns: usize,
    depth: usize,
}

impl Blocks {
    fn new<T: Lane, S: Simd>(plan: &Packed, m: usize, n: usize, k: usize) -> Self {
        let size = size_of::<T>();
        let tile_rows = TILE_VECTORS * T::lanes::<S>();
        let longest = DEPTH_BYTES / size;
        let depth = if plan.grain > 1 && plan.grain <= 2 * longest {
            (longest / plan.grain).max(1) * plan.grain
        } else {
            // Blocks of equal depth rather than a short last one.
            k.div_ceil(k.div_ceil(longest).max(1)).next_multiple_of(4)
        };
        let depth = depth.min(k);
        let rows = (BLOCK_A_BYTES / (size * depth)).next_multiple_of(tile_rows);
        let columns = (BLOCK_B_BYTES / (size * depth)).next_multiple_of(tile_columns::<S>());
        Self {
            rows: rows.min(m.next_multiple_of(tile_rows)),
            columns: columns.min(n.next_multiple_of(tile_columns::<S>())),
            depth,
        }
    }
}

impl<T: Lane> WithSimd for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let plan = self.plan;
        let (m, n, k) = (
            volume(&plan.rows),
            volume(&plan.columns),
            volume(&plan.depth),
        );
        let blocks = Blocks::new::<T, S>(plan, m, n, k);
        let mut rows = Table::new(&plan.rows, [Operand::A, Operand::C], blocks.rows.min(m));
        let mut columns = Table::new(
            &plan.columns,
            [Operand::B, Operand::C],
            blocks.columns.min(n),
        );
        let mut depth = Table::new(&plan.depth, [Operand::A, Operand::B], blocks.depth);
        let packed_a = Scratch::<T>::new(blocks.rows * blocks.depth);
        let packed_b = Scratch::<T>::new(blocks.columns * blocks.depth);
        for (batch_a, batch_b, batch_c) in Walk::new(&plan.batch) {
            // SAFETY: offsets of the loops stay inside the tensors.
            let (a, b, c) = unsafe {
                (
                    self.a.offset(batch_a),
                    self.b.offset(batch_b),
                    self.c.offset(batch_c),
                )
            };
            for j in (0..n).step_by(blocks.columns) {
                columns.load(j, blocks.columns.min(n - j));
                for p in (0..k).step_by(blocks.depth) {
                    depth.load(p, blocks.depth.min(k - p));
                    // SAFETY: the block buffers hold whole panels; offsets as above.
                    unsafe {
                        pack_columns::<T, S>(packed_b.as_ptr(), b, columns.half(0), depth.half(1));
                    }
                    for i in (0..m).step_by(blocks.rows) {
                        rows.load(i, blocks.rows.min(m - i));
                        // SAFETY: as above.
                        unsafe {
                            pack_rows(simd, packed_a.as_ptr(), a, rows.half(0), depth.half(0));
                            let panels = (
                                packed_a.as_ptr().cast_const(),
                                packed_b.as_ptr().cast_const(),
                            );
                            let size = depth.loaded.1;
                            multiply(simd, panels, size, c, rows.half(1), columns.half(1), p > 0);
                        }
                    }
                }
            }
        }
    }
}

/// Multiplies a packed block of A by a packed block of B into the result.
#[inline(always)]
unsafe fn multiply<T: Lane, S: Simd>(
    simd: S,
    (packed_a, packed_b): (*const T, *const T),
    depth: usize,
    c: *mut T,
    rows: &[isize],
    columns: &[isize],
    accumulate: bool,
) {
    let tile_rows = TILE_VECTORS * T::lanes::<S>();
    for (jr, columns) in columns.chunks(tile_columns::<S>()).enumerate() {
        for (ir, rows) in rows.chunks(tile_rows).enumerate() {
            let target = Target {
                c,
                rows,
                columns,
                unit_rows: is_run(rows),
                accumulate,
            };
            // SAFETY: panels are stored one after the other at full size.
            unsafe {
                let a = packed_a.add(ir * tile_rows * depth);
                let b = packed_b.add(jr * tile_columns::<S>() * depth);
                tile(simd, depth, a, b, &target);
            }
        }
    }
}

/// Whether offsets are neighbours in ascending order.
#[inline(always)]
fn is_run(offsets: &[isize]) -> bool {
    offsets[offsets.len() - 1] - offsets[0] == offsets.len() as isize - 1
        && offsets.windows(2).all(|pair| pair[1] - pair[0] == 1)
}

/// Gathers a block of A into panels of whole tiles of rows.
#[inline(always)]
unsafe fn pack_rows<T: Lane, S: Simd>(
    _simd: S,
    mut to: *mut T,
    a: *const T,
    rows: &[isize],
    depth: &[isize],
) {
    let lanes = T::lanes::<S>();
    let width = TILE_VECTORS * lanes;
    for rows in rows.chunks(width) {
        // SAFETY: the caller's; a panel is width · depth elements.
        unsafe {
            if rows.len() == width && is_run(rows) {
                let from = a.offset(rows[0]);
                for (k, &step) in depth.iter().enumerate() {
                    let (from, to) = (from.offset(step), to.add(k * width));
                    for v in 0..TILE_VECTORS {
                        T::store::<S>(to.add(v * lanes), T::load::<S>(from.add(v * lanes)));
                    }
                }
            } else {
                gather(to, width, a, rows, depth);
            }
            to = to.add(width * depth.len());
        }
    }
}

/// Gathers a block of B into panels of whole tiles of columns.
#[inline(always)]
unsafe fn pack_columns<T: Lane, S: Simd>(
    mut to: *mut T,
    b: *const T,
    columns: &[isize],
    depth: &[isize],
) {
    let width = tile_columns::<S>();
    for columns in columns.chunks(width) {
        // SAFETY: the caller's; a panel is width · depth elements.
        unsafe {
            if columns.len() == width && is_run(columns) {
                let from = b.offset(columns[0]);
                for (k, &step) in depth.iter().enumerate() {
                    let (from, to) = (from.offset(step), to.add(k * width));
                    if width == 8 {
                        to.cast::<[T; 8]>().write(from.cast::<[T; 8]>().read());
                    } else {
                        to.cast::<[T; 4]>().write(from.cast::<[T; 4]>().read());
                    }
                }
            } else {
                gather(to, width, b, columns, depth);
            }
            to = to.add(width * depth.len());
        }
    }
}

/// Gathers one panel through any offsets, zeros where a line is missing.
#[inline(always)]
unsafe fn gather<T: Lane>(
    to: *mut T,
    width: usize,
    from: *const T,
    lines: &[isize],
    depth: &[isize],
) {
    /// Steps along the depth taken together when they are neighbours.
    const STEPS: usize = 8;
    // SAFETY: the caller's.
    unsafe {
        if lines.len() < width {
            for k in 0..depth.len() {
                for i in lines.len()..width {
                    *to.add(k * width + i) = T::ZERO;
                }
            }
        }
        let mut k = 0;
        while k < depth.len() {
            if k + STEPS <= depth.len() && is_run(&depth[k..k + STEPS]) {
                let from = from.offset(depth[k]);
                let to = to.add(k * width);
                for (i, &line) in lines.iter().enumerate() {
                    let values = from.offset(line).cast::<[T; STEPS]>().read();
                    for (step, &value) in values.iter().enumerate() {
                        *to.add(step * width + i) = value;
                    }
                }
                k += STEPS;
            } else {
                let from = from.offset(depth[k]);
                let to = to.add(k * width);
                for (i, &line) in lines.iter().enumerate() {
                    *to.add(i) = *from.offset(line);
                }
                k += 1;
            }
        }
    }
}
