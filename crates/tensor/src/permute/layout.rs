//! The canonical form of a strided copy.

use std::cmp::Ordering;

use smallvec::SmallVec;

/// One loop of a copy: `length` steps, strides in bytes on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub length: usize,
    pub source: isize,
    pub target: isize,
}

pub(super) type AxisList = SmallVec<[Axis; 12]>;

/// A copy as few loops as possible around a move of `run` contiguous bytes.
///
/// Axes have length two or more, positive target strides, ascending; the
/// source stride may have any sign or be zero. Neighbours that continue each
/// other on both sides are one axis, and an axis dense on both sides is part
/// of the run.
#[derive(Debug)]
pub(super) struct Layout {
    /// Bytes moved at once.
    pub run: usize,
    /// Loops around the run, by ascending target stride.
    pub axes: AxisList,
    /// Bytes from the first element of the views to the first element of the loops.
    pub source_start: isize,
    /// As `source_start`.
    pub target_start: isize,
}

impl Layout {
    /// Strides in elements of `size` bytes; no length may be zero.
    pub fn new(shape: &[usize], source: &[isize], target: &[isize], size: usize) -> Self {
        let mut layout = Self {
            run: size,
            axes: AxisList::new(),
            source_start: 0,
            target_start: 0,
        };
        for ((&length, &source), &target) in shape.iter().zip(source).zip(target).rev() {
            if length != 1 {
                layout.insert(Axis {
                    length,
                    source: source * size as isize,
                    target: target * size as isize,
                });
            }
        }
        layout.coalesce();
        layout
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.axes.iter().map(|axis| axis.length).product()
    }

    /// Inserts `axis` in order of its target stride, walked upwards.
    fn insert(&mut self, mut axis: Axis) {
        if axis.target < 0 {
            let last = axis.length as isize - 1;
            self.source_start += last * axis.source;
            self.target_start += last * axis.target;
            axis.source = -axis.source;
            axis.target = -axis.target;
        }
        // Row-major targets arrive in ascending order: one comparison each.
        let mut place = self.axes.len();
        while place > 0 && self.axes[place - 1].target.cmp(&axis.target) == Ordering::Greater {
            place -= 1;
        }
        self.axes.insert(place, axis);
    }

    fn coalesce(&mut self) {
        let mut kept = 0;
        for k in 0..self.axes.len() {
            let axis = self.axes[k];
            if kept == 0 {
                if axis.source == self.run as isize && axis.target == self.run as isize {
                    self.run *= axis.length;
                    continue;
                }
            } else {
                let inner = &mut self.axes[kept - 1];
                let length = inner.length as isize;
                if axis.source == inner.source * length && axis.target == inner.target * length {
                    inner.length *= axis.length;
                    continue;
                }
            }
            self.axes[kept] = axis;
            kept += 1;
        }
        self.axes.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(length: usize, source: isize, target: isize) -> Axis {
        Axis {
            length,
            source,
            target,
        }
    }

    #[test]
    fn a_dense_copy_is_one_run() {
        let layout = Layout::new(&[2, 1, 3, 4], &[12, 7, 4, 1], &[12, -9, 4, 1], 8);
        assert_eq!((layout.run, layout.axes.len()), (192, 0));
    }

    #[test]
    fn neighbours_coalesce_and_the_rest_is_sorted() {
        // Axes 1 and 2 stay together under the permutation (1, 2, 0, 3).
        let layout = Layout::new(&[3, 4, 2, 5], &[20, 5, 60, 1], &[40, 10, 5, 1], 4);
        assert_eq!(layout.run, 20);
        assert_eq!(layout.axes[..], [axis(2, 240, 20), axis(12, 20, 40)]);
    }

    #[test]
    fn a_full_reversal_is_one_backward_axis() {
        let layout = Layout::new(&[3, 4], &[4, 1], &[-4, -1], 8);
        assert_eq!(layout.axes[..], [axis(12, -8, 8)]);
        assert_eq!((layout.source_start, layout.target_start), (88, -88));
    }
}
