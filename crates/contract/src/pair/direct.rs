//! Plain nested loops, for problems too small to prepare anything.

use tensegrity_tensor::Element;

use super::loops::{Loop, Loops, Walk};

/// A nest with the result outside and the sums inside.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    outer: Loops,
    /// The innermost loop of the result.
    row: Loop,
    summed: Loops,
    /// The innermost summed loop.
    inner: Loop,
}

const ONCE: Loop = Loop {
    length: 1,
    a: 0,
    b: 0,
    c: 0,
};

impl Direct {
    pub fn new(mut kept: Loops, mut summed: Loops) -> Self {
        kept.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
        let row = kept.pop().unwrap_or(ONCE);
        let inner = summed.pop().unwrap_or(ONCE);
        Self {
            outer: kept,
            row,
            summed,
            inner,
        }
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors; nothing else touches `c`.
    pub unsafe fn run<T: Element>(&self, a: *const T, b: *const T, c: *mut T) {
        let (row, inner) = (self.row, self.inner);
        // SAFETY: offsets of the loops stay inside the tensors.
        let dot = |mut a: *const T, mut b: *const T, mut sum: T| unsafe {
            for _ in 0..inner.length {
                sum = sum.add((*a).mul(*b));
                a = a.wrapping_offset(inner.a);
                b = b.wrapping_offset(inner.b);
            }
            sum
        };
        for (oa, ob, oc) in Walk::new(&self.outer) {
            // SAFETY: as above.
            unsafe {
                let (mut a, mut b, mut c) = (a.offset(oa), b.offset(ob), c.offset(oc));
                for _ in 0..row.length {
                    *c = if self.summed.is_empty() {
                        dot(a, b, T::ZERO)
                    } else {
                        let mut sum = T::ZERO;
                        for (sa, sb, _) in Walk::new(&self.summed) {
                            sum = dot(a.offset(sa), b.offset(sb), sum);
                        }
                        sum
                    };
                    a = a.wrapping_offset(row.a);
                    b = b.wrapping_offset(row.b);
                    c = c.wrapping_offset(row.c);
                }
            }
        }
    }
}
