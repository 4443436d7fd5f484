//! The one loop everything is made of: `target[i] += ±source[i]` over a box of
//! indices, each side with strides of its own.
//!
//! A stride of zero on the target sums over an axis, on the source it repeats
//! along one; equal strides of two axes walk a diagonal. So extraction, sums,
//! traces and their transposes are this loop with the sides exchanged.
//!
//! Sums along the innermost axis run in eight lanes that are added pairwise;
//! sums along other axes add whole rows. The order depends on sizes only.

use smallvec::SmallVec;
use tensegrity_tensor::Element;

/// Whether elements are set, added or subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Set,
    Add,
    Subtract,
}

/// An axis: its length, its stride in the target and in the source.
pub(crate) type Axis = (usize, usize, usize);

/// A box of indices, axes merged and ordered for the memory.
pub(crate) struct Loops {
    axes: SmallVec<[Axis; 8]>,
    empty: bool,
}

impl Loops {
    pub(crate) fn new(axes: impl IntoIterator<Item = Axis>) -> Self {
        let mut empty = false;
        let mut kept: SmallVec<[Axis; 8]> = SmallVec::new();
        for axis in axes {
            empty |= axis.0 == 0;
            if axis.0 != 1 {
                kept.push(axis);
            }
        }
        // Large strides outside; the target decides, then the source.
        kept.sort_by_key(|&(_, target, source)| std::cmp::Reverse((target.max(source), target)));
        let mut merged: SmallVec<[Axis; 8]> = SmallVec::new();
        for (length, target, source) in kept {
            match merged.last_mut() {
                Some(outer) if outer.1 == target * length && outer.2 == source * length => {
                    *outer = (outer.0 * length, target, source);
                }
                _ => merged.push((length, target, source)),
            }
        }
        while merged.len() < 2 {
            merged.insert(0, (1, 0, 0));
        }
        Self {
            axes: merged,
            empty,
        }
    }

    /// Runs the loop from the given first elements.
    pub(crate) fn run<T: Element>(
        &self,
        target: &mut [T],
        target_start: usize,
        source: &[T],
        source_start: usize,
        mode: Mode,
    ) {
        if self.empty {
            return;
        }
        match mode {
            Mode::Set => self.go(target, target_start, source, source_start, |_, s| s),
            Mode::Add => self.go(target, target_start, source, source_start, T::add),
            Mode::Subtract => {
                self.go(target, target_start, source, source_start, |t, s| {
                    t.add(s.neg())
                });
            }
        }
    }

    fn go<T: Element>(
        &self,
        target: &mut [T],
        target_start: usize,
        source: &[T],
        source_start: usize,
        join: impl Fn(T, T) -> T + Copy,
    ) {
        let (outer, inner) = self.axes.split_at(self.axes.len() - 2);
        let mut index: SmallVec<[usize; 8]> = SmallVec::from_elem(0, outer.len());
        let (mut t, mut s) = (target_start, source_start);
        loop {
            plane(target, t, source, s, inner[0], inner[1], join);
            let mut axis = outer.len();
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                let (length, dt, ds) = outer[axis];
                index[axis] += 1;
                t += dt;
                s += ds;
                if index[axis] < length {
                    break;
                }
                t -= dt * length;
                s -= ds * length;
                index[axis] = 0;
            }
        }
    }
}

#[inline(always)]
fn plane<T: Element>(
    target: &mut [T],
    mut t: usize,
    source: &[T],
    mut s: usize,
    outer: Axis,
    inner: Axis,
    join: impl Fn(T, T) -> T + Copy,
) {
    let (n, dt, ds) = inner;
    for _ in 0..outer.0 {
        match (dt, ds) {
            (1, 1) => {
                let pairs = target[t..t + n].iter_mut().zip(&source[s..s + n]);
                pairs.for_each(|(x, &y)| *x = join(*x, y));
            }
            (1, 0) => {
                let value = source[s];
                target[t..t + n]
                    .iter_mut()
                    .for_each(|x| *x = join(*x, value));
            }
            (0, 1) => target[t] = join(target[t], total(&source[s..s + n])),
            (0, _) => target[t] = join(target[t], strided_total(&source[s..], n, ds)),
            _ => {
                let (target, source) = (&mut target[t..], &source[s..]);
                for i in 0..n {
                    let x = &mut target[i * dt];
                    *x = join(*x, source[i * ds]);
                }
            }
        }
        t += outer.1;
        s += outer.2;
    }
}

fn total<T: Element>(values: &[T]) -> T {
    let mut lanes = [T::ZERO; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.add(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = lane.add(value);
    }
    fold(lanes)
}

fn strided_total<T: Element>(values: &[T], n: usize, step: usize) -> T {
    let mut lanes = [T::ZERO; 8];
    for i in 0..n {
        lanes[i % 8] = lanes[i % 8].add(values[i * step]);
    }
    fold(lanes)
}

fn fold<T: Element>(l: [T; 8]) -> T {
    let (a, b) = (l[0].add(l[1]), l[2].add(l[3]));
    let (c, d) = (l[4].add(l[5]), l[6].add(l[7]));
    a.add(b).add(c.add(d))
}

/// Row-major strides of `dims` above a last stride of one.
pub(crate) fn contiguous(dims: &[usize]) -> SmallVec<[usize; 8]> {
    let mut strides: SmallVec<[usize; 8]> = SmallVec::from_elem(1, dims.len());
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_diagonals_and_copies_are_strides() {
        let x: Vec<f64> = (0..27).map(f64::from).collect();
        // Sum over the middle axis of 3×3×3.
        let mut y = vec![0.0; 9];
        Loops::new([(3, 3, 9), (3, 0, 3), (3, 1, 1)]).run(&mut y, 0, &x, 0, Mode::Add);
        let expected: Vec<f64> = (0..9)
            .map(|i| (0..3).map(|j| x[i / 3 * 9 + j * 3 + i % 3]).sum())
            .collect();
        assert_eq!(y, expected);
        // The diagonal of all three axes, subtracted from what is there.
        let mut d = vec![100.0; 3];
        Loops::new([(3, 1, 13)]).run(&mut d, 0, &x, 0, Mode::Subtract);
        assert_eq!(d, [100.0, 87.0, 74.0]);
        // Everything.
        let mut s = vec![1.0];
        Loops::new([(3, 0, 9), (9, 0, 1)]).run(&mut s, 0, &x, 0, Mode::Add);
        assert_eq!(s, [352.0]);
        // A copy along an axis, and nothing along an empty one.
        let mut c = vec![0.0; 6];
        Loops::new([(3, 1, 0), (2, 3, 1)]).run(&mut c, 0, &x, 4, Mode::Set);
        assert_eq!(c, [4.0, 4.0, 4.0, 5.0, 5.0, 5.0]);
        Loops::new([(3, 1, 0), (0, 3, 1)]).run(&mut c, 0, &[], 0, Mode::Set);
        assert_eq!(c[0], 4.0);
    }
}
