//! Products by the dense matrix kernel of the linear algebra room.
//!
//! One loop of each class becomes the matrix product; loops that could not be
//! merged into it are walked around it. With `copies`, operands (and the
//! result) are first permuted so that everything merges:
//! transpose–transpose–GEMM–transpose.

use tensegrity_tensor::{Axes, Strides, View, ViewMut, copy_into};

use super::kernel::Kernel;
use super::loops::{Loop, Loops, Operand, Walk, coalesce, volume};
use super::problem::Problem;
use super::scratch::Scratch;

/// A prepared product.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    /// Walked around the product, each iteration its own part of the result.
    outer: Loops,
    /// Walked around the product, adding up.
    summed: Loops,
    /// Batch, rows, columns, depth of one product; length one where absent.
    batch: Option<Loop>,
    rows: Loop,
    columns: Loop,
    depth: Loop,
    copies: [Option<Copy>; 3],
}

/// A permuted copy between a tensor and dense scratch memory.
#[derive(Clone, Debug)]
struct Copy {
    shape: Axes,
    strides: Strides,
}

const ONCE: Loop = Loop {
    length: 1,
    a: 0,
    b: 0,
    c: 0,
};

impl Matrix {
    /// The product straight on the strides of the problem.
    pub fn new(problem: &Problem) -> Self {
        let mut outer = problem.batch.clone();
        let mut summed = problem.summed();
        let (mut left, mut right) = (problem.left.clone(), problem.right.clone());
        let take = |loops: &mut Loops| {
            let longest = (0..loops.len()).max_by_key(|&i| loops[i].length);
            longest.map_or(ONCE, |at| loops.remove(at))
        };
        let (rows, columns, depth) = (take(&mut left), take(&mut right), take(&mut summed));
        let batch = (outer.len() == 1 && left.is_empty() && right.is_empty() && summed.is_empty())
            .then(|| outer.remove(0));
        outer.extend(left);
        outer.extend(right);
        outer.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
        Self {
            outer,
            summed,
            batch,
            rows,
            columns,
            depth,
            copies: [None, None, None],
        }
    }

    /// The product after permuting what does not merge. `None` if nothing needs it.
    pub fn transposed(problem: &Problem) -> Option<Self> {
        let mut problem = problem.clone();
        // Loops that remain if the result alone decides what merges.
        let on_result = |loops: &Loops| {
            let mut own: Loops = (loops.iter()).map(|l| Loop { a: 0, b: 0, ..*l }).collect();
            own.sort_by_key(|l| std::cmp::Reverse(l.c.unsigned_abs()));
            coalesce(&mut own);
            own.len()
        };
        // Order rows and columns as the result stores them, the summed wires
        // as the larger operand does, so that at least those need no copy.
        let [_, m, n, _] = problem.sizes();
        let by = |loops: &mut Loops, stride: fn(&Loop) -> isize| {
            loops.sort_by_key(|l| std::cmp::Reverse(stride(l).unsigned_abs()));
        };
        by(&mut problem.batch, |l| l.c);
        by(&mut problem.left, |l| l.c);
        by(&mut problem.right, |l| l.c);
        let mut depth = problem.summed();
        by(&mut depth, if m >= n { |l| l.a } else { |l| l.b });
        problem.contracted = depth;
        problem.left_sum.clear();
        problem.right_sum.clear();
        let merged = |problem: &Problem| {
            problem.batch.len() <= 1
                && problem.left.len() <= 1
                && problem.right.len() <= 1
                && problem.contracted.len() <= 1
        };
        if merged(&problem) {
            return None;
        }
        let mut copies = [None, None, None];
        let scattered_c = [&problem.batch, &problem.left, &problem.right]
            .iter()
            .any(|loops| on_result(loops) > 1);
        if scattered_c {
            copies[2] = Some(dense(&mut problem, Operand::C));
        }
        let mut trial = problem.clone();
        let other = if m >= n { Operand::B } else { Operand::A };
        for operand in [other, if m >= n { Operand::A } else { Operand::B }] {
            let copy = dense(&mut trial, operand);
            copies[operand as usize] = Some(copy);
            let mut result = trial.clone();
            result.coalesce();
            if merged(&result) || operand != other {
                let mut matrix = Self::new(&result);
                matrix.copies = copies;
                return Some(matrix);
            }
        }
        None
    }

    /// Elements permuted around the product.
    pub fn copied(&self) -> usize {
        let elements = |copy: &Copy| copy.shape.iter().product::<usize>();
        self.copies.iter().flatten().map(elements).sum()
    }

    /// Which of a, b and c are permuted.
    pub fn copies(&self) -> [bool; 3] {
        self.copies.each_ref().map(Option::is_some)
    }

    /// Products computed one after the other.
    pub fn calls(&self) -> usize {
        volume(&self.outer) * volume(&self.summed)
    }

    /// Batch, rows, columns and depth of one call.
    pub fn sizes(&self) -> [usize; 4] {
        let batch = self.batch.map_or(1, |l| l.length);
        [
            batch,
            self.rows.length,
            self.columns.length,
            self.depth.length,
        ]
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors; nothing else touches `c`.
    pub unsafe fn run<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T) {
        // SAFETY: the caller's; copies cover exactly the loops of their tensor.
        unsafe {
            let [copy_a, copy_b, copy_c] = &self.copies;
            let packed_a = copy_a.as_ref().map(|copy| copy.pack(a));
            let packed_b = copy_b.as_ref().map(|copy| copy.pack(b));
            let a = packed_a.as_ref().map_or(a, |s| s.as_ptr().cast_const());
            let b = packed_b.as_ref().map_or(b, |s| s.as_ptr().cast_const());
            match copy_c {
                None => self.multiply(a, b, c),
                Some(copy) => {
                    let target = Scratch::<T>::new(copy.shape.iter().product());
                    self.multiply(a, b, target.as_ptr());
                    copy.unpack(target.as_ptr(), c);
                }
            }
        }
    }

    unsafe fn multiply<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T) {
        let [_, m, n, k] = self.sizes();
        let (rows, columns, depth) = (self.rows, self.columns, self.depth);
        for (oa, ob, oc) in Walk::new(&self.outer) {
            let mut accumulate = false;
            for (sa, sb, _) in Walk::new(&self.summed) {
                // SAFETY: the caller's; the three loops of a product and the
                // batch loop stay inside the tensors.
                unsafe {
                    let (a, b, c) = (a.offset(oa + sa), b.offset(ob + sb), c.offset(oc));
                    match self.batch {
                        None => T::gemm(
                            &View::from_raw(a, &[m, k], &[rows.a, depth.a]),
                            &View::from_raw(b, &[k, n], &[depth.b, columns.b]),
                            accumulate,
                            &mut ViewMut::from_raw(c, &[m, n], &[rows.c, columns.c]),
                        ),
                        Some(l) => T::gemm_batched(
                            &View::from_raw(a, &[l.length, m, k], &[l.a, rows.a, depth.a]),
                            &View::from_raw(b, &[l.length, k, n], &[l.b, depth.b, columns.b]),
                            accumulate,
                            &mut ViewMut::from_raw(c, &[l.length, m, n], &[l.c, rows.c, columns.c]),
                        ),
                    }
                }
                accumulate = true;
            }
        }
    }
}

/// Replaces the strides of one tensor by those of a dense copy and describes the copy.
fn dense(problem: &mut Problem, operand: Operand) -> Copy {
    let Problem {
        batch,
        left,
        right,
        contracted,
        ..
    } = problem;
    let (first, second) = match operand {
        Operand::A => (left, contracted),
        Operand::B => (contracted, right),
        Operand::C => (left, right),
    };
    let smallest = |loops: &Loops| {
        (loops.iter().map(|l| l.stride(operand).unsigned_abs()).min()).unwrap_or(usize::MAX)
    };
    // The group that is contiguous stays so: the copy then moves cache lines.
    let (outer, inner) = if smallest(first) < smallest(second) {
        (second, first)
    } else {
        (first, second)
    };
    let mut copy = Copy {
        shape: Axes::new(),
        strides: Strides::new(),
    };
    let mut nests = [batch, outer, inner];
    for l in nests.iter().flat_map(|nest| nest.iter()) {
        copy.shape.push(l.length);
        copy.strides.push(l.stride(operand));
    }
    let mut step = 1;
    for l in nests
        .iter_mut()
        .rev()
        .flat_map(|nest| nest.iter_mut().rev())
    {
        match operand {
            Operand::A => l.a = step,
            Operand::B => l.b = step,
            Operand::C => l.c = step,
        }
        step *= l.length as isize;
    }
    copy
}

impl Copy {
    unsafe fn pack<T: Kernel>(&self, from: *const T) -> Scratch<T> {
        let memory = Scratch::<T>::new(self.shape.iter().product());
        // SAFETY: the caller's; the scratch holds the shape.
        let (mut target, source) = unsafe {
            (
                ViewMut::from_raw(
                    memory.as_ptr(),
                    &self.shape,
                    &tensegrity_tensor::row_major(&self.shape),
                ),
                View::from_raw(from, &self.shape, &self.strides),
            )
        };
        copy_into(&mut target, &source).expect("both have the shape of the copy");
        memory
    }

    unsafe fn unpack<T: Kernel>(&self, from: *const T, to: *mut T) {
        // SAFETY: the caller's; the scratch holds the shape.
        let (mut target, source) = unsafe {
            (
                ViewMut::from_raw(to, &self.shape, &self.strides),
                View::from_raw(
                    from,
                    &self.shape,
                    &tensegrity_tensor::row_major(&self.shape),
                ),
            )
        };
        copy_into(&mut target, &source).expect("both have the shape of the copy");
    }
}
