//! SIMD along an index of the result.
//!
//! A strip of the result stays in registers while all summed indices are
//! walked: one kernel for axpy, outer and Hadamard products, matrix–vector
//! products with the long side contiguous, and small matrices whose batch
//! index is contiguous.

use pulp::{Arch, Simd, WithSimd};

use super::lane::Lane;
use super::loops::{Loop, Loops, Walk};
use super::sums::Sums;

/// Strips of at least this many bytes are computed segment by segment.
const STREAM_BYTES: usize = 8 << 10;
/// Bytes of a segment of the result.
const SEGMENT_BYTES: usize = 256 << 10;
/// Terms summed in one pass over a segment.
const STREAMS: usize = 4;

/// How an operand moves along the SIMD index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Not at all: one value for all lanes.
    Fixed,
    /// One element a lane.
    Unit,
    /// By a stride: lanes are gathered.
    Strided,
}

impl Mode {
    pub fn of(stride: isize) -> Self {
        match stride {
            0 => Mode::Fixed,
            1 => Mode::Unit,
            _ => Mode::Strided,
        }
    }
}

/// A prepared contraction with SIMD along `inner`.
#[derive(Clone, Debug)]
pub(crate) struct Across {
    inner: Loop,
    outer: Loops,
    sums: Sums,
    swapped: bool,
}

impl Across {
    /// SIMD runs along `kept[inner]`.
    pub fn new(mut kept: Loops, inner: usize, mut summed: Loops) -> Self {
        let swapped = Mode::of(kept[inner].a) > Mode::of(kept[inner].b);
        if swapped {
            for l in kept.iter_mut().chain(&mut summed) {
                (l.a, l.b) = (l.b, l.a);
            }
        }
        let inner = kept.remove(inner);
        kept.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
        Self {
            inner,
            outer: kept,
            sums: Sums::new(summed),
            swapped,
        }
    }

    /// Pieces along the longest index of the result, each with its offsets.
    pub fn split(&self, pieces: usize) -> Vec<(Self, [isize; 3])> {
        let longest = (self.outer.iter().enumerate()).max_by_key(|(_, l)| l.length);
        let at = match longest {
            // Pieces of the SIMD index should stay whole cache lines.
            Some((at, l)) if l.length * 64 > self.inner.length => Some(at),
            _ => None,
        };
        let whole = at.map_or(self.inner, |at| self.outer[at]);
        let granule = if at.is_some() { 1 } else { 64 };
        (whole.pieces(pieces, granule).into_iter())
            .map(|(part, [a, b, c])| {
                let mut piece = self.clone();
                match at {
                    Some(at) => piece.outer[at] = part,
                    None => piece.inner = part,
                }
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

struct Run<'p, T> {
    plan: &'p Across,
    a: *const T,
    b: *const T,
    c: *mut T,
}

impl<T: Lane> WithSimd for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const FIXED: u8 = 0;
        const UNIT: u8 = 1;
        const STRIDED: u8 = 2;
        // SAFETY: the contract of `Across::run`.
        unsafe {
            match (Mode::of(self.plan.inner.a), Mode::of(self.plan.inner.b)) {
                (Mode::Fixed, Mode::Fixed) => self.rows::<S, FIXED, FIXED>(simd),
                (Mode::Fixed, Mode::Unit) => self.rows::<S, FIXED, UNIT>(simd),
                (Mode::Unit, Mode::Unit) => self.rows::<S, UNIT, UNIT>(simd),
                // The rest gathers; telling the cases apart would only grow the code.
                _ => self.rows::<S, STRIDED, STRIDED>(simd),
            }
        }
    }
}

/// A strip of the result: where it is and how its operands move.
struct Strip<T> {
    a: *const T,
    b: *const T,
    c: *mut T,
    inner: Loop,
    first: bool,
}

impl<T: Lane> Run<'_, T> {
    #[inline(always)]
    unsafe fn rows<S: Simd, const A: u8, const B: u8>(&self, simd: S) {
        let plan = self.plan;
        for (a, b, c) in Walk::new(&plan.outer) {
            let mut first = true;
            for (da, db, table) in plan.sums.blocks() {
                // SAFETY: offsets of the loops stay inside the tensors.
                unsafe {
                    let strip = Strip {
                        a: self.a.offset(a + da),
                        b: self.b.offset(b + db),
                        c: self.c.offset(c),
                        inner: plan.inner,
                        first,
                    };
                    if plan.inner.length * size_of::<T>() >= STREAM_BYTES {
                        strip.stream::<S, A, B>(simd, table);
                    } else {
                        strip.run::<S, A, B>(simd, table);
                    }
                }
                first = false;
            }
        }
    }
}

impl<T: Lane> Strip<T> {
    /// A long strip, a few summed terms at a time: each term is then read as
    /// one long run, which prefetchers follow, and not by a few lines of every
    /// page. Segments keep the result in the second cache meanwhile.
    #[inline(always)]
    unsafe fn stream<S: Simd, const A: u8, const B: u8>(
        mut self,
        simd: S,
        table: &[(isize, isize)],
    ) {
        let segment = SEGMENT_BYTES / size_of::<T>();
        let whole = self.inner.length;
        let mut start = 0;
        while start < whole {
            let length = segment.min(whole - start);
            let mut first = self.first;
            for terms in table.chunks(STREAMS) {
                let part = Strip {
                    inner: Loop {
                        length,
                        ..self.inner
                    },
                    first,
                    ..self
                };
                // SAFETY: the segment is inside the strip.
                unsafe { part.run::<S, A, B>(simd, terms) };
                first = false;
            }
            // SAFETY: as above.
            unsafe { self.advance(length as isize) };
            start += length;
        }
    }

    #[inline(always)]
    unsafe fn run<S: Simd, const A: u8, const B: u8>(mut self, simd: S, table: &[(isize, isize)]) {
        let lanes = T::lanes::<S>();
        let mut left = self.inner.length;
        // SAFETY: each call covers elements still inside the strip.
        unsafe {
            while left >= 8 * lanes {
                // A row a little longer than the registers is still read once.
                if left < 9 * lanes {
                    return self.vectors::<S, A, B, 8>(simd, table, left - 8 * lanes);
                }
                self.vectors::<S, A, B, 8>(simd, table, 0);
                left -= 8 * lanes;
            }
            if left >= 4 * lanes {
                self.vectors::<S, A, B, 4>(simd, table, 0);
                left -= 4 * lanes;
            }
            while left >= lanes {
                self.vectors::<S, A, B, 1>(simd, table, 0);
                left -= lanes;
            }
            if left > 0 {
                self.vectors::<S, A, B, 0>(simd, table, left);
            }
        }
    }

    /// Computes `W` whole vectors and `rest` elements, fewer than a vector, and
    /// moves on.
    #[inline(always)]
    unsafe fn vectors<S: Simd, const A: u8, const B: u8, const W: usize>(
        &mut self,
        simd: S,
        table: &[(isize, isize)],
        rest: usize,
    ) {
        let lanes = T::lanes::<S>();
        let step = lanes as isize;
        let Loop {
            a: sa,
            b: sb,
            c: sc,
            ..
        } = self.inner;
        let end = W as isize * step;
        // SAFETY: W·lanes + rest elements are left on every tensor, at every table entry.
        unsafe {
            let mut sum = [T::splat(simd, T::ZERO); W];
            let mut last = T::splat(simd, T::ZERO);
            if !self.first {
                for w in 0..W {
                    sum[w] =
                        fetch::<T, S, 2>(simd, self.c.offset(w as isize * step * sc), sc, lanes);
                }
                if rest > 0 {
                    last = fetch::<T, S, 2>(simd, self.c.offset(end * sc), sc, rest);
                }
            }
            for &(ka, kb) in table {
                let (pa, pb) = (self.a.offset(ka), self.b.offset(kb));
                for w in 0..W {
                    let w_step = w as isize * step;
                    let x = fetch::<T, S, A>(simd, pa.offset(w_step * sa), sa, lanes);
                    let y = fetch::<T, S, B>(simd, pb.offset(w_step * sb), sb, lanes);
                    sum[w] = T::mul_add(simd, x, y, sum[w]);
                }
                if rest > 0 {
                    let x = fetch::<T, S, A>(simd, pa.offset(end * sa), sa, rest);
                    let y = fetch::<T, S, B>(simd, pb.offset(end * sb), sb, rest);
                    last = T::mul_add(simd, x, y, last);
                }
            }
            for w in 0..W {
                put(
                    simd,
                    self.c.offset(w as isize * step * sc),
                    sc,
                    lanes,
                    sum[w],
                );
            }
            if rest > 0 {
                put(simd, self.c.offset(end * sc), sc, rest, last);
            }
            self.advance(end + rest as isize);
        }
    }

    #[inline(always)]
    unsafe fn advance(&mut self, steps: isize) {
        // `wrapping`: behind the last strip this may point anywhere.
        self.a = self.a.wrapping_offset(steps.wrapping_mul(self.inner.a));
        self.b = self.b.wrapping_offset(steps.wrapping_mul(self.inner.b));
        self.c = self.c.wrapping_offset(steps.wrapping_mul(self.inner.c));
    }
}

/// `count` elements as a vector; `MODE` is that of [`Mode`], 2 covering all.
#[inline(always)]
unsafe fn fetch<T: Lane, S: Simd, const MODE: u8>(
    simd: S,
    from: *const T,
    stride: isize,
    count: usize,
) -> T::V<S> {
    let lanes = T::lanes::<S>();
    // SAFETY: the caller's; unused lanes are not read.
    unsafe {
        if MODE == 0 || (MODE == 2 && stride == 0) {
            return T::splat(simd, *from);
        }
        if MODE == 1 || (MODE == 2 && stride == 1) {
            return if count == lanes {
                T::load::<S>(from)
            } else {
                T::load_part(simd, from, count)
            };
        }
        let mut gathered = [T::ZERO; 16];
        for lane in 0..count {
            gathered[lane] = *from.offset(lane as isize * stride);
        }
        T::load::<S>(gathered.as_ptr())
    }
}

#[inline(always)]
unsafe fn put<T: Lane, S: Simd>(simd: S, to: *mut T, stride: isize, count: usize, value: T::V<S>) {
    // SAFETY: the caller's; unused lanes are not written.
    unsafe {
        if stride == 1 {
            if count == T::lanes::<S>() {
                T::store::<S>(to, value);
            } else {
                T::store_part(simd, to, count, value);
            }
            return;
        }
        let mut scattered = [T::ZERO; 16];
        T::store::<S>(scattered.as_mut_ptr(), value);
        for lane in 0..count {
            *to.offset(lane as isize * stride) = scattered[lane];
        }
    }
}
