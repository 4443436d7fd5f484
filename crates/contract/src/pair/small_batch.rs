//! Very many very small matrices.
//!
//! The batch index comes in chunks. Operands whose batch index is not
//! contiguous are transposed chunk by chunk into a small buffer with the batch
//! innermost, and SIMD runs across the chunk: no call, no edge handling and no
//! reduction per matrix.

use pulp::{Arch, Simd, WithSimd};

use super::across::Across;
use super::lane::Lane;
use super::loops::{Loop, Loops, Walk, volume};
use super::problem::Problem;
use super::scratch::Scratch;

/// Bytes of all buffers of a chunk: half of a first cache.
const CHUNK_BYTES: usize = 24 << 10;

/// A prepared product of small matrices.
#[derive(Clone, Debug)]
pub(crate) struct SmallBatch {
    /// The batch index SIMD runs across.
    lane: Loop,
    outer: Loops,
    chunk: usize,
    /// Elements from row to row of a buffer.
    pitch: usize,
    sides: [Side; 3],
    whole: Across,
    /// For the last, shorter chunk.
    rest: Option<Across>,
}

/// How one tensor takes part.
#[derive(Clone, Debug)]
struct Side {
    /// Offsets of a matrix, in the order of the buffer; empty if used in place.
    offsets: Box<[isize]>,
    stride: isize,
}

impl SmallBatch {
    /// `None` without a batch wire.
    pub fn new(problem: &Problem, size: usize) -> Option<Self> {
        let mut outer = problem.batch.clone();
        let at = (0..outer.len()).max_by_key(|&i| outer[i].length)?;
        let lane = outer.remove(at);
        let summed = problem.summed();
        let side = |nest: &[&Loop], stride: fn(&Loop) -> isize| {
            let mut offsets = Vec::new();
            if !matches!(stride(&lane), 0 | 1) {
                let loops: Loops = (nest.iter())
                    .map(|l| Loop {
                        a: stride(l),
                        ..**l
                    })
                    .collect();
                offsets.extend(Walk::new(&loops).map(|(offset, _, _)| offset));
            }
            Side {
                offsets: offsets.into_boxed_slice(),
                stride: stride(&lane),
            }
        };
        let on_a: Vec<&Loop> = problem.left.iter().chain(&summed).collect();
        let on_b: Vec<&Loop> = problem.right.iter().chain(&summed).collect();
        let on_c: Vec<&Loop> = problem.left.iter().chain(&problem.right).collect();
        let sides = [
            side(&on_a, |l| l.a),
            side(&on_b, |l| l.b),
            side(&on_c, |l| l.c),
        ];
        let elements = [&on_a, &on_b, &on_c]
            .map(|nest| nest.iter().map(|l| l.length).product::<usize>())
            .iter()
            .sum::<usize>();
        let chunk = (CHUNK_BYTES / (elements * size).max(1)).clamp(16, 128) / 16 * 16;
        let chunk = chunk.min(lane.length);
        // Rows a power of two apart would compete for the same cache lines.
        let pitch = chunk.next_multiple_of(8) + 8;
        let whole = Self::inner(problem, &summed, &lane, pitch, chunk);
        let rest = lane.length % chunk;
        let rest = (rest > 0).then(|| Self::inner(problem, &summed, &lane, pitch, rest));
        Some(Self {
            lane,
            outer,
            chunk,
            pitch,
            sides,
            whole,
            rest,
        })
    }

    /// The kernel over `count` items; rows of buffers are `pitch` apart.
    fn inner(problem: &Problem, summed: &Loops, lane: &Loop, pitch: usize, count: usize) -> Across {
        let (mut left, mut right) = (problem.left.clone(), problem.right.clone());
        let mut summed = summed.clone();
        let buffered = |stride: isize| !matches!(stride, 0 | 1);
        let dense = |nests: [&mut Loops; 2], pick: fn(&mut Loop) -> &mut isize| {
            let mut step = pitch as isize;
            let [first, second] = nests;
            for l in second.iter_mut().rev().chain(first.iter_mut().rev()) {
                let length = l.length as isize;
                *pick(l) = step;
                step *= length;
            }
        };
        if buffered(lane.a) {
            dense([&mut left, &mut summed], |l| &mut l.a);
        }
        if buffered(lane.b) {
            dense([&mut right, &mut summed], |l| &mut l.b);
        }
        if buffered(lane.c) {
            dense([&mut left, &mut right], |l| &mut l.c);
        }
        let unit = |stride: isize| if buffered(stride) { 1 } else { stride };
        let mut kept: Loops = left.into_iter().chain(right).collect();
        kept.push(Loop {
            length: count,
            a: unit(lane.a),
            b: unit(lane.b),
            c: unit(lane.c),
        });
        let inner = kept.len() - 1;
        Across::new(kept, inner, summed)
    }

    /// Pieces along the batch, each with its offsets.
    pub fn split(&self, pieces: usize) -> Vec<(Self, [isize; 3])> {
        let longest = (self.outer.iter().enumerate()).max_by_key(|(_, l)| l.length);
        if let Some((at, &whole)) = longest
            && whole.length >= pieces
        {
            return (whole.pieces(pieces, 1).into_iter())
                .map(|(part, offsets)| {
                    let mut piece = self.clone();
                    piece.outer[at] = part;
                    (piece, offsets)
                })
                .collect();
        }
        (self.lane.pieces(pieces, self.chunk).into_iter())
            .map(|(part, offsets)| {
                let mut piece = self.clone();
                piece.lane = part;
                if part.length.is_multiple_of(self.chunk) {
                    piece.rest = None;
                }
                (piece, offsets)
            })
            .collect()
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors; nothing else touches `c`.
    pub unsafe fn run<T: Lane>(&self, a: *const T, b: *const T, c: *mut T) {
        let buffers = self
            .sides
            .each_ref()
            .map(|side| Scratch::<T>::new(side.offsets.len() * self.pitch));
        for (oa, ob, oc) in Walk::new(&self.outer) {
            let mut start = 0;
            while start < self.lane.length {
                let count = self.chunk.min(self.lane.length - start);
                let plan = match &self.rest {
                    Some(rest) if count < self.chunk => rest,
                    _ => &self.whole,
                };
                let step = start as isize;
                // SAFETY: offsets of the loops stay inside the tensors; a
                // buffer holds a chunk of every element of a matrix.
                unsafe {
                    let mut from = [
                        a.offset(oa + step * self.lane.a),
                        b.offset(ob + step * self.lane.b),
                    ];
                    for (side, from) in from.iter_mut().enumerate() {
                        if !self.sides[side].offsets.is_empty() {
                            let buffer = buffers[side].as_ptr();
                            self.sides[side].gather(*from, buffer, self.pitch, count);
                            *from = buffer;
                        }
                    }
                    let to = c.offset(oc + step * self.lane.c);
                    if self.sides[2].offsets.is_empty() {
                        plan.run(from[0], from[1], to);
                    } else {
                        let buffer = buffers[2].as_ptr();
                        plan.run(from[0], from[1], buffer);
                        self.sides[2].scatter(to, buffer, self.pitch, count);
                    }
                }
                start += count;
            }
        }
    }

    /// Number of kernel calls.
    pub fn chunks(&self) -> usize {
        volume(&self.outer) * self.lane.length.div_ceil(self.chunk)
    }

    /// Elements moved through buffers for each item of the batch.
    pub fn buffered(&self) -> usize {
        self.sides.iter().map(|side| side.offsets.len()).sum()
    }
}

/// Between the tensor (`offset + item · stride`) and the buffer (`row · pitch + item`).
struct Transposition<'s, T, const GATHER: bool> {
    side: &'s Side,
    tensor: *mut T,
    buffer: *mut T,
    pitch: usize,
    count: usize,
}

/// Items and rows moved together.
const BLOCK: usize = 8;

impl<T: Lane, const GATHER: bool> WithSimd for Transposition<'_, T, GATHER> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Side { offsets, stride } = self.side;
        let mut item = 0;
        while item < self.count {
            let items = BLOCK.min(self.count - item);
            for (number, rows) in offsets.chunks(BLOCK).enumerate() {
                // SAFETY: the caller of `gather` or `scatter` vouches for both.
                unsafe {
                    let tensor = self.tensor.offset(item as isize * stride);
                    let buffer = self.buffer.add(number * BLOCK * self.pitch + item);
                    let run = rows.len() == BLOCK && rows[BLOCK - 1] - rows[0] == 7;
                    if items == BLOCK && run && rows.is_sorted() {
                        self.whole(tensor.offset(rows[0]), buffer);
                    } else {
                        self.part(tensor, buffer, rows, items);
                    }
                }
            }
            item += items;
        }
    }
}

impl<T: Lane, const GATHER: bool> Transposition<'_, T, GATHER> {
    /// A whole block whose rows are neighbours in the tensor.
    #[inline(always)]
    unsafe fn whole(&self, tensor: *mut T, buffer: *mut T) {
        let (item_step, row_step) = (self.side.stride, self.pitch);
        let mut from = [[T::ZERO; BLOCK]; BLOCK];
        let mut to = [[T::ZERO; BLOCK]; BLOCK];
        for (i, line) in from.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *line = unsafe {
                if GATHER {
                    tensor
                        .offset(i as isize * item_step)
                        .cast::<[T; BLOCK]>()
                        .read()
                } else {
                    buffer.add(i * row_step).cast::<[T; BLOCK]>().read()
                }
            };
        }
        for i in 0..BLOCK {
            for j in 0..BLOCK {
                to[i][j] = from[j][i];
            }
        }
        for (i, line) in to.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                if GATHER {
                    buffer.add(i * row_step).cast::<[T; BLOCK]>().write(*line);
                } else {
                    tensor
                        .offset(i as isize * item_step)
                        .cast::<[T; BLOCK]>()
                        .write(*line);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn part(&self, tensor: *mut T, buffer: *mut T, rows: &[isize], items: usize) {
        for (r, &offset) in rows.iter().enumerate() {
            for i in 0..items {
                // SAFETY: the caller's.
                unsafe {
                    let outside = tensor.offset(offset + i as isize * self.side.stride);
                    let inside = buffer.add(r * self.pitch + i);
                    if GATHER {
                        *inside = *outside;
                    } else {
                        *outside = *inside;
                    }
                }
            }
        }
    }
}

impl Side {
    unsafe fn gather<T: Lane>(&self, from: *const T, to: *mut T, pitch: usize, count: usize) {
        Arch::new().dispatch(Transposition::<T, true> {
            side: self,
            tensor: from.cast_mut(),
            buffer: to,
            pitch,
            count,
        });
    }

    unsafe fn scatter<T: Lane>(&self, to: *mut T, from: *mut T, pitch: usize, count: usize) {
        Arch::new().dispatch(Transposition::<T, false> {
            side: self,
            tensor: to,
            buffer: from,
            pitch,
            count,
        });
    }
}
