//! Loops over three strided operands at once.

use smallvec::SmallVec;

/// One index with its length and its stride on each tensor (zero where absent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Loop {
    pub length: usize,
    pub a: isize,
    pub b: isize,
    pub c: isize,
}

/// A nest of loops, outermost first.
pub(crate) type Loops = SmallVec<[Loop; 4]>;

/// Number of iterations of a nest.
pub(crate) fn volume(loops: &[Loop]) -> usize {
    loops.iter().map(|l| l.length).product()
}

/// Merges loops that walk every tensor as one longer loop would, in any order
/// of the list.
pub(crate) fn coalesce(loops: &mut Loops) {
    loops.retain(|l| l.length != 1);
    // With strides in descending order a merge partner of a loop is nearly
    // always its neighbour, but ties and absent operands make exceptions.
    let mut merged = true;
    while merged {
        merged = false;
        'search: for outer in 0..loops.len() {
            for inner in 0..loops.len() {
                let (o, i) = (loops[outer], loops[inner]);
                let step = i.length as isize;
                if outer != inner && o.a == i.a * step && o.b == i.b * step && o.c == i.c * step {
                    loops[outer] = Loop {
                        length: o.length * i.length,
                        ..i
                    };
                    loops.remove(inner);
                    merged = true;
                    break 'search;
                }
            }
        }
    }
}

/// The offsets on a, b and c of every iteration of a nest, in row-major order.
///
/// An iterator rather than a function taking a closure: a closure's body is
/// not compiled for the instruction set of the SIMD function around it.
pub(crate) struct Walk<'l> {
    loops: &'l [Loop],
    index: SmallVec<[usize; 12]>,
    at: (isize, isize, isize),
    done: bool,
}

impl<'l> Walk<'l> {
    #[inline(always)]
    pub fn new(loops: &'l [Loop]) -> Self {
        Self {
            loops,
            index: SmallVec::from_elem(0, loops.len()),
            at: (0, 0, 0),
            done: false,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = (isize, isize, isize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let now = self.at;
        let mut depth = self.loops.len();
        loop {
            if depth == 0 {
                self.done = true;
                return Some(now);
            }
            depth -= 1;
            let l = &self.loops[depth];
            self.index[depth] += 1;
            if self.index[depth] < l.length {
                self.at.0 += l.a;
                self.at.1 += l.b;
                self.at.2 += l.c;
                return Some(now);
            }
            self.index[depth] = 0;
            let back = l.length as isize - 1;
            self.at.0 -= back * l.a;
            self.at.1 -= back * l.b;
            self.at.2 -= back * l.c;
        }
    }
}

/// Which strides of a loop a table of offsets follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    A,
    B,
    C,
}

impl Loop {
    #[inline(always)]
    pub fn stride(&self, operand: Operand) -> isize {
        match operand {
            Operand::A => self.a,
            Operand::B => self.b,
            Operand::C => self.c,
        }
    }

    /// The loop in at most `count` parts whose lengths are multiples of
    /// `granule`, each with the offsets where it starts.
    pub fn pieces(self, count: usize, granule: usize) -> Vec<(Loop, [isize; 3])> {
        let length = self.length.div_ceil(count.max(1)).next_multiple_of(granule);
        (0..self.length)
            .step_by(length.max(1))
            .map(|start| {
                let part = Loop {
                    length: length.min(self.length - start),
                    ..self
                };
                let step = start as isize;
                (part, [step * self.a, step * self.b, step * self.c])
            })
            .collect()
    }
}

/// Writes the offsets on one tensor of iterations `start..start + out.len()`.
pub(crate) fn fill_offsets(loops: &[Loop], operand: Operand, start: usize, out: &mut [isize]) {
    let Some((inner, outer)) = loops.split_last() else {
        out.fill(0);
        return;
    };
    let stride = inner.stride(operand);
    let (mut row, mut column) = (start / inner.length, start % inner.length);
    let mut done = 0;
    while done < out.len() {
        let mut base = 0;
        let mut rest = row;
        for l in outer.iter().rev() {
            base += (rest % l.length) as isize * l.stride(operand);
            rest /= l.length;
        }
        let run = (inner.length - column).min(out.len() - done);
        let mut offset = base + column as isize * stride;
        for slot in &mut out[done..done + run] {
            *slot = offset;
            offset += stride;
        }
        done += run;
        row += 1;
        column = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(loops: &[Loop]) -> Vec<(isize, isize, isize)> {
        Walk::new(loops).collect()
    }

    fn nest() -> Loops {
        let l = |length, a, b, c| Loop { length, a, b, c };
        [l(2, 12, 0, 6), l(3, -4, 7, 2), l(2, 1, 9, 0)]
            .into_iter()
            .collect()
    }

    #[test]
    fn tables_follow_the_walk() {
        let loops = nest();
        let walked = walk(&loops);
        for start in 0..walked.len() {
            for end in start..=walked.len() {
                let mut out = vec![0; end - start];
                fill_offsets(&loops, Operand::A, start, &mut out);
                assert!(out.iter().eq(walked[start..end].iter().map(|w| &w.0)));
                fill_offsets(&loops, Operand::B, start, &mut out);
                assert!(out.iter().eq(walked[start..end].iter().map(|w| &w.1)));
                fill_offsets(&loops, Operand::C, start, &mut out);
                assert!(out.iter().eq(walked[start..end].iter().map(|w| &w.2)));
            }
        }
    }

    #[test]
    fn an_empty_nest_runs_once() {
        assert_eq!(walk(&[]), [(0, 0, 0)]);
    }

    #[test]
    fn coalescing_visits_the_same_offsets() {
        let l = |length, a, b, c| Loop { length, a, b, c };
        let mut loops: Loops = [
            l(5, 1, 2, 0),
            l(1, 99, 3, 3),
            l(4, 30, 60, 0),
            l(6, 5, 10, 0),
        ]
        .into_iter()
        .collect();
        let mut before = walk(&loops);
        coalesce(&mut loops);
        assert_eq!(loops.as_slice(), [l(120, 1, 2, 0)]);
        let mut after = walk(&loops);
        before.sort_unstable();
        after.sort_unstable();
        assert_eq!(before, after);
    }
}
