//! SIMD along a summed index: dot products and their relatives.
//!
//! Each element of the result is a sum over a contiguous run and any number of
//! further indices. Four independent vectors are summed so that the latency of
//! an addition is hidden; blocks of at most [`super::sums`]' table are summed
//! one after the other, which also keeps rounding errors small.

use pulp::{Arch, Simd, WithSimd};

use super::lane::Lane;
use super::loops::{Loop, Loops, Walk};
use super::sums::Sums;

/// Longest run summed into one set of vectors.
const RUN: usize = 1 << 13;
/// Runs longer than this are worth all registers; shorter ones are summed row by row.
const LONG_RUN: usize = 256;
/// Runs of at most this are summed by scalar instructions.
const SHORT_RUN: usize = 16;
/// Elements of a row summed at a time.
const ROW: usize = 64;

/// A prepared contraction with SIMD along a summed index.
#[derive(Clone, Debug)]
pub(crate) struct Along {
    inner: Loop,
    /// A loop of the result walked inside the other sums because it is nearer
    /// in memory; of length one if there is none.
    row: Loop,
    outer: Loops,
    sums: Sums,
    swapped: bool,
}

impl Along {
    /// SIMD runs along `summed[inner]`; strides other than zero and one are gathered.
    pub fn new(mut kept: Loops, mut summed: Loops, inner: usize) -> Self {
        // The operand that moves is b.
        let swapped = summed[inner].b == 0;
        if swapped {
            for l in kept.iter_mut().chain(&mut summed) {
                (l.a, l.b) = (l.b, l.a);
            }
        }
        let inner = summed.remove(inner);
        let row = take_row(&mut kept, &summed, &inner);
        kept.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
        Self {
            inner,
            row,
            outer: kept,
            sums: Sums::new(summed),
            swapped,
        }
    }

    /// Pieces along the longest index of the result, each with its offsets.
    pub fn split(&self, pieces: usize) -> Vec<(Self, [isize; 3])> {
        let longest = (self.outer.iter().enumerate()).max_by_key(|(_, l)| l.length);
        let at = longest
            .filter(|(_, l)| l.length >= self.row.length)
            .map(|(at, _)| at);
        let whole = at.map_or(self.row, |at| self.outer[at]);
        (whole.pieces(pieces, 1).into_iter())
            .map(|(part, [a, b, c])| {
                let mut piece = self.clone();
                match at {
                    Some(at) => piece.outer[at] = part,
                    None => piece.row = part,
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

/// The loop of the result to walk inside the sums, if memory is read in order that way.
fn take_row(kept: &mut Loops, summed: &Loops, inner: &Loop) -> Loop {
    let once = Loop {
        length: 1,
        a: 0,
        b: 0,
        c: 0,
    };
    let reach = |l: &Loop| l.a.unsigned_abs().max(l.b.unsigned_abs());
    let nearest = (0..kept.len())
        .filter(|&i| reach(&kept[i]) > 0)
        .min_by_key(|&i| reach(&kept[i]));
    let Some(at) = nearest.filter(|_| inner.length <= LONG_RUN) else {
        return once;
    };
    let before_sums = summed.iter().all(|l| reach(l) > reach(&kept[at]));
    if before_sums { kept.remove(at) } else { once }
}

struct Run<'p, T> {
    plan: &'p Along,
    a: *const T,
    b: *const T,
    c: *mut T,
}

impl<T: Lane> WithSimd for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.plan.row.length > 1;
        // SAFETY: the contract of `Along::run`.
        unsafe {
            match (self.plan.inner.a, self.plan.inner.b) {
                (0, 1) if rows => self.rows::<S, FIXED>(simd),
                (1, 1) if rows => self.rows::<S, UNIT>(simd),
                (0, 1) => self.elements::<S, FIXED>(simd),
                (1, 1) => self.elements::<S, UNIT>(simd),
                _ if rows => self.rows::<S, STRIDED>(simd),
                _ => self.elements::<S, STRIDED>(simd),
            }
        }
    }
}

/// a stays, b moves by one.
const FIXED: u8 = 0;
/// Both move by one.
const UNIT: u8 = 1;
/// Anything else.
const STRIDED: u8 = 2;

impl<T: Lane> Run<'_, T> {
    #[inline(always)]
    unsafe fn elements<S: Simd, const MODE: u8>(&self, simd: S) {
        let plan = self.plan;
        for (a, b, c) in Walk::new(&plan.outer) {
            let mut total = T::ZERO;
            for (da, db, table) in plan.sums.blocks() {
                let mut start = 0;
                while start < plan.inner.length {
                    let count = RUN.min(plan.inner.length - start);
                    let (sa, sb) = (plan.inner.a, plan.inner.b);
                    // SAFETY: offsets of the loops stay inside the tensors.
                    let sum = unsafe {
                        let pa = self.a.offset(a + da + start as isize * sa);
                        let pb = self.b.offset(b + db + start as isize * sb);
                        if MODE == STRIDED {
                            gathered(pa, pb, [sa, sb], table, count)
                        } else {
                            runs::<T, S, MODE>(simd, pa, pb, table, count)
                        }
                    };
                    total = total.add(sum);
                    start += count;
                }
            }
            // SAFETY: as above.
            unsafe { *self.c.offset(c) = total };
        }
    }
}

impl<T: Lane> Run<'_, T> {
    /// Short runs: a row of the result at a time, in the order of memory.
    #[inline(always)]
    unsafe fn rows<S: Simd, const MODE: u8>(&self, simd: S) {
        let plan = self.plan;
        let (row, inner) = (plan.row, plan.inner);
        for (a, b, c) in Walk::new(&plan.outer) {
            let mut start = 0;
            while start < row.length {
                let count = ROW.min(row.length - start);
                let mut totals = [T::ZERO; ROW];
                let step = start as isize;
                for (da, db, table) in plan.sums.blocks() {
                    for &(ka, kb) in table {
                        // SAFETY: offsets of the loops stay inside the tensors.
                        unsafe {
                            let mut pa = self.a.offset(a + da + ka + step * row.a);
                            let mut pb = self.b.offset(b + db + kb + step * row.b);
                            for total in &mut totals[..count] {
                                let sum = if MODE == STRIDED || inner.length <= SHORT_RUN {
                                    short(pa, pb, &inner)
                                } else {
                                    runs::<T, S, MODE>(simd, pa, pb, &[(0, 0)], inner.length)
                                };
                                *total = total.add(sum);
                                pa = pa.wrapping_offset(row.a);
                                pb = pb.wrapping_offset(row.b);
                            }
                        }
                    }
                }
                for (i, &total) in totals[..count].iter().enumerate() {
                    // SAFETY: as above.
                    unsafe { *self.c.offset(c + (step + i as isize) * row.c) = total };
                }
                start += count;
            }
        }
    }
}

/// Sum of products along one loop, in two independent scalar sums.
#[inline(always)]
unsafe fn short<T: Lane>(mut a: *const T, mut b: *const T, inner: &Loop) -> T {
    let (mut even, mut odd) = (T::ZERO, T::ZERO);
    // SAFETY: the caller's: every element of the loop is readable.
    unsafe {
        for _ in 0..inner.length / 2 {
            even = even.add((*a).mul(*b));
            odd = odd.add((*a.offset(inner.a)).mul(*b.offset(inner.b)));
            a = a.wrapping_offset(2 * inner.a);
            b = b.wrapping_offset(2 * inner.b);
        }
        if inner.length % 2 == 1 {
            even = even.add((*a).mul(*b));
        }
    }
    even.add(odd)
}

/// Sum of products over runs of `count` elements at every entry of `table`.
#[inline(always)]
unsafe fn runs<T: Lane, S: Simd, const MODE: u8>(
    simd: S,
    a: *const T,
    b: *const T,
    table: &[(isize, isize)],
    count: usize,
) -> T {
    const W: usize = 4;
    let lanes = T::lanes::<S>();
    let zero = T::splat(simd, T::ZERO);
    let mut sums = [zero; W];
    let mut tail = T::ZERO;
    for &(ka, kb) in table {
        // SAFETY: the caller's: `count` elements are readable at each entry.
        unsafe {
            let (a, b) = (a.offset(ka), b.offset(kb));
            let fixed = T::splat(simd, *a);
            let mut i = 0;
            while i + W * lanes <= count {
                for w in 0..W {
                    let at = i + w * lanes;
                    let x = if MODE == UNIT {
                        T::load::<S>(a.add(at))
                    } else {
                        fixed
                    };
                    sums[w] = T::mul_add(simd, x, T::load::<S>(b.add(at)), sums[w]);
                }
                i += W * lanes;
            }
            let mut w = 0;
            while i + lanes <= count {
                let x = if MODE == UNIT {
                    T::load::<S>(a.add(i))
                } else {
                    fixed
                };
                sums[w] = T::mul_add(simd, x, T::load::<S>(b.add(i)), sums[w]);
                w += 1;
                i += lanes;
            }
            if i < count {
                // The lanes behind the end of b are zeros: harmless unless
                // the other factor is not finite.
                let y = T::load_part(simd, b.add(i), count - i);
                if MODE == UNIT {
                    let x = T::load_part(simd, a.add(i), count - i);
                    sums[3] = T::mul_add(simd, x, y, sums[3]);
                } else if (*a).mul(T::ZERO) == T::ZERO {
                    sums[3] = T::mul_add(simd, fixed, y, sums[3]);
                } else {
                    for j in i..count {
                        tail = tail.add((*a).mul(*b.add(j)));
                    }
                }
            }
        }
    }
    let low = T::vadd(simd, sums[0], sums[1]);
    let high = T::vadd(simd, sums[2], sums[3]);
    T::sum(simd, T::vadd(simd, low, high)).add(tail)
}

/// As [`runs`] for any strides: four independent scalar sums.
#[inline(always)]
unsafe fn gathered<T: Lane>(
    a: *const T,
    b: *const T,
    [sa, sb]: [isize; 2],
    table: &[(isize, isize)],
    count: usize,
) -> T {
    let mut sums = [T::ZERO; 4];
    for &(ka, kb) in table {
        let (a, b) = (a.wrapping_offset(ka), b.wrapping_offset(kb));
        for i in 0..count as isize {
            // SAFETY: the caller's: `count` elements are readable at each entry.
            let product = unsafe { (*a.offset(i * sa)).mul(*b.offset(i * sb)) };
            sums[i as usize % 4] = sums[i as usize % 4].add(product);
        }
    }
    (sums[0].add(sums[1])).add(sums[2].add(sums[3]))
}
