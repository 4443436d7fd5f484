//! A pair contraction taken apart into classes of loops.

use smallvec::SmallVec;
use tensegrity_tensor::{Axes, Strides};

use super::loops::{Loop, Loops, coalesce, volume};
use super::spec::PairSpec;

/// What has to be done before and around the multiplications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The result has no element.
    Nothing,
    /// A summed wire is empty: the result is zero.
    Zero,
    /// There is something to multiply.
    Work,
}

/// A pair contraction as loops, by class. Diagonals are already strides.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub extent: Extent,
    /// On a, b and c.
    pub batch: Loops,
    /// On a and c.
    pub left: Loops,
    /// On b and c.
    pub right: Loops,
    /// On a and b.
    pub contracted: Loops,
    /// On a only.
    pub left_sum: Loops,
    /// On b only.
    pub right_sum: Loops,
    /// On c only: the result repeats along them.
    pub broadcast: Loops,
    /// Where iteration starts on a, b and c: not at zero where a loop was reversed.
    pub base: [isize; 3],
    /// Shape and strides of the whole result if it is larger than the diagonal written.
    pub clear: Option<(Axes, Strides)>,
}

impl Problem {
    /// Classifies the wires of `spec` on tensors with the given strides.
    pub fn new(spec: &PairSpec, a: &[isize], b: &[isize], c: &[isize]) -> Self {
        let wires = spec.dims.len();
        let mut loops: SmallVec<[Loop; 12]> = (spec.dims.iter())
            .map(|&length| Loop {
                length,
                a: 0,
                b: 0,
                c: 0,
            })
            .collect();
        let mut on: SmallVec<[[u8; 3]; 12]> = SmallVec::from_elem([0; 3], wires);
        for (&w, &stride) in spec.a.iter().zip(a) {
            loops[w as usize].a += stride;
            on[w as usize][0] += 1;
        }
        for (&w, &stride) in spec.b.iter().zip(b) {
            loops[w as usize].b += stride;
            on[w as usize][1] += 1;
        }
        for (&w, &stride) in spec.c.iter().zip(c) {
            loops[w as usize].c += stride;
            on[w as usize][2] = on[w as usize][2].saturating_add(1);
        }
        let mut problem = Self {
            extent: Extent::Work,
            batch: Loops::new(),
            left: Loops::new(),
            right: Loops::new(),
            contracted: Loops::new(),
            left_sum: Loops::new(),
            right_sum: Loops::new(),
            broadcast: Loops::new(),
            base: [0; 3],
            clear: None,
        };
        let mut diagonal = false;
        for (l, on) in loops.iter_mut().zip(&on) {
            if l.length == 0 {
                if on[2] > 0 {
                    problem.extent = Extent::Nothing;
                } else if problem.extent == Extent::Work {
                    problem.extent = Extent::Zero;
                }
            }
            problem.reverse(l);
            diagonal |= on[2] > 1 && l.length > 1;
            let class = match (on[0] > 0, on[1] > 0, on[2] > 0) {
                (true, true, true) => &mut problem.batch,
                (true, false, true) => &mut problem.left,
                (false, true, true) => &mut problem.right,
                (true, true, false) => &mut problem.contracted,
                (true, false, false) => &mut problem.left_sum,
                (false, true, false) => &mut problem.right_sum,
                (false, false, _) => &mut problem.broadcast,
            };
            class.push(*l);
        }
        if diagonal || problem.extent == Extent::Zero {
            problem.clear = Some((spec.shape(&spec.c), c.into()));
        }
        if problem.extent == Extent::Work {
            problem.coalesce();
        }
        problem
    }

    /// A sum of one tensor, already taken apart.
    pub fn summing(left: Loops, left_sum: Loops) -> Self {
        let mut problem = Self {
            extent: Extent::Work,
            batch: Loops::new(),
            left,
            right: Loops::new(),
            contracted: Loops::new(),
            left_sum,
            right_sum: Loops::new(),
            broadcast: Loops::new(),
            base: [0; 3],
            clear: None,
        };
        problem.coalesce();
        problem
    }

    /// Walks a loop from its end if most tensors are stored that way round.
    fn reverse(&mut self, l: &mut Loop) {
        let sign = l.a.signum() + l.b.signum() + l.c.signum();
        let first = [l.c, l.a].into_iter().find(|&s| s != 0).unwrap_or(l.b);
        if l.length > 0 && (sign < 0 || (sign == 0 && first < 0)) {
            let last = l.length as isize - 1;
            for (base, stride) in self.base.iter_mut().zip([&mut l.a, &mut l.b, &mut l.c]) {
                *base += last * *stride;
                *stride = -*stride;
            }
        }
    }

    /// Merges what can be merged, outer loops first by stride.
    pub fn coalesce(&mut self) {
        for class in self.classes_mut() {
            class.sort_by_key(|l| std::cmp::Reverse(l.a.unsigned_abs() + l.b.unsigned_abs()));
            coalesce(class);
        }
    }

    fn classes_mut(&mut self) -> [&mut Loops; 7] {
        [
            &mut self.batch,
            &mut self.left,
            &mut self.right,
            &mut self.contracted,
            &mut self.left_sum,
            &mut self.right_sum,
            &mut self.broadcast,
        ]
    }

    /// Number of batch items, rows, columns and summed products.
    pub fn sizes(&self) -> [usize; 4] {
        [
            volume(&self.batch),
            volume(&self.left),
            volume(&self.right),
            volume(&self.contracted),
        ]
    }

    /// Bytes of all three tensors together.
    pub fn bytes(&self, size: usize) -> usize {
        let [batch, m, n, k] = self.sizes();
        let (a, b) = (volume(&self.left_sum), volume(&self.right_sum));
        let elements = [[batch, m, k, a], [batch, n, k, b], [batch, m, n, 1]];
        let count = |e: [usize; 4]| e.into_iter().fold(size, usize::saturating_mul);
        elements
            .map(count)
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// The problem with the operands exchanged.
    pub fn swapped(&self) -> Self {
        let mut result = self.clone();
        for class in result.classes_mut() {
            for l in class.iter_mut() {
                (l.a, l.b) = (l.b, l.a);
            }
        }
        result.base.swap(0, 1);
        std::mem::swap(&mut result.left, &mut result.right);
        std::mem::swap(&mut result.left_sum, &mut result.right_sum);
        result
    }

    /// The loops over elements of the result that are computed.
    pub fn kept(&self) -> Loops {
        (self.batch.iter().chain(&self.left).chain(&self.right))
            .copied()
            .collect()
    }

    /// The loops that are summed over.
    pub fn summed(&self) -> Loops {
        (self
            .contracted
            .iter()
            .chain(&self.left_sum)
            .chain(&self.right_sum))
        .copied()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(a: &[u32], b: &[u32], c: &[u32], dims: &[usize]) -> Problem {
        let spec = PairSpec::new(a, b, c, |w| dims[w as usize]);
        let strides = |w: &[u32]| {
            let shape: Vec<usize> = w.iter().map(|&w| dims[w as usize]).collect();
            tensegrity_tensor::row_major(&shape)
        };
        Problem::new(&spec, &strides(a), &strides(b), &strides(c))
    }

    #[test]
    fn every_class_is_found() {
        // batch 0, left 1, right 2, contracted 3, left sum 4, right sum 5, broadcast 6
        let p = problem(
            &[0, 1, 3, 4],
            &[0, 2, 3, 5],
            &[0, 1, 2, 6],
            &[2, 3, 4, 5, 6, 7, 8],
        );
        assert_eq!(p.sizes(), [2, 3, 4, 5]);
        assert_eq!((volume(&p.left_sum), volume(&p.right_sum)), (6, 7));
        assert_eq!(volume(&p.broadcast), 8);
        assert!(p.clear.is_none());
    }

    #[test]
    fn neighbours_merge_where_all_operands_agree() {
        // abcd,cde->abe: ab merge, cd merge.
        let p = problem(&[0, 1, 2, 3], &[2, 3, 4], &[0, 1, 4], &[2, 3, 4, 5, 6]);
        assert_eq!(p.left.len(), 1);
        assert_eq!(p.contracted.len(), 1);
        // The other order of the contracted wires on b: they do not.
        let p = problem(&[0, 1, 2, 3], &[3, 2, 4], &[0, 1, 4], &[2, 3, 4, 5, 6]);
        assert_eq!(p.contracted.len(), 2);
    }

    #[test]
    fn a_repeated_output_wire_clears() {
        let p = problem(&[0], &[0, 1], &[0, 0, 1], &[4, 3]);
        assert!(p.clear.is_some());
        assert_eq!(p.batch[0].c, 3 * 4 + 3);
    }

    #[test]
    fn empty_wires_are_noticed() {
        assert_eq!(problem(&[0, 1], &[1], &[0], &[2, 0]).extent, Extent::Zero);
        assert_eq!(
            problem(&[0, 1], &[1], &[0], &[0, 0]).extent,
            Extent::Nothing
        );
    }
}
