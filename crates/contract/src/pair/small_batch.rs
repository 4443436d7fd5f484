//! Very many very small matrices.
//!
//! The batch index comes in chunks. Operands whose batch index is not
//! contiguous are transposed chunk by chunk into a small buffer with the batch
//! innermost, and SIMD runs across the chunk: no call, no edge handling and no
//! reduction per matrix.

use tensegrity_tensor::Element;

use super::across::Across;
use super::lane::Lane;
use super::loops::{Loop, Loops, for_each, volume};
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
                for_each(&loops, |offset, _, _| offsets.push(offset));
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
        let whole = Self::inner(problem, &summed, &lane, chunk, chunk);
        let rest = lane.length % chunk;
        let rest = (rest > 0).then(|| Self::inner(problem, &summed, &lane, chunk, rest));
        Some(Self {
            lane,
            outer,
            chunk,
            sides,
            whole,
            rest,
        })
    }

    /// The kernel over `count` items; buffers have rows of `chunk` items.
    fn inner(problem: &Problem, summed: &Loops, lane: &Loop, chunk: usize, count: usize) -> Across {
        let (mut left, mut right) = (problem.left.clone(), problem.right.clone());
        let mut summed = summed.clone();
        let buffered = |stride: isize| !matches!(stride, 0 | 1);
        let dense = |nests: [&mut Loops; 2], pick: fn(&mut Loop) -> &mut isize| {
            let mut step = chunk as isize;
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
                if part.length % self.chunk == 0 {
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
            .map(|side| Scratch::<T>::new(side.offsets.len() * self.chunk));
        for_each(&self.outer, |oa, ob, oc| {
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
                            self.sides[side].gather(*from, buffer, self.chunk, count);
                            *from = buffer;
                        }
                    }
                    let to = c.offset(oc + step * self.lane.c);
                    if self.sides[2].offsets.is_empty() {
                        plan.run(from[0], from[1], to);
                    } else {
                        let buffer = buffers[2].as_ptr();
                        plan.run(from[0], from[1], buffer);
                        self.sides[2].scatter(to, buffer, self.chunk, count);
                    }
                }
                start += count;
            }
        });
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

impl Side {
    unsafe fn gather<T: Element>(&self, from: *const T, to: *mut T, chunk: usize, count: usize) {
        for item in 0..count {
            for (row, &offset) in self.offsets.iter().enumerate() {
                // SAFETY: the caller's.
                unsafe {
                    *to.add(row * chunk + item) = *from.offset(offset + item as isize * self.stride);
                }
            }
        }
    }

    unsafe fn scatter<T: Element>(&self, to: *mut T, from: *const T, chunk: usize, count: usize) {
        for item in 0..count {
            for (row, &offset) in self.offsets.iter().enumerate() {
                // SAFETY: the caller's.
                unsafe {
                    *to.offset(offset + item as isize * self.stride) = *from.add(row * chunk + item);
                }
            }
        }
    }
}
