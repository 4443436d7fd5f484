//! Sums of one tensor before anything is multiplied.

use super::body::{Body, PARALLEL};
use super::choice::Machine;
use super::kernel::Kernel;
use super::loops::{Loop, Loops, Operand, volume};
use super::problem::Problem;
use super::scratch::Scratch;

/// Bytes from which a sum of one tensor may go in two stages.
const STAGED_BYTES: usize = 2 << 20;

/// A sum of one large tensor in two stages: along memory first, over the rest after.
///
/// One pass over all summed wires at once would visit far places for every
/// element of the result; the first stage reads memory in order and leaves
/// little for the second.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    first: Body,
    /// Between the stages.
    elements: usize,
    second: Body,
}

/// A sum over wires of one operand alone, into dense scratch memory.
#[derive(Clone, Debug)]
pub(super) struct Presum {
    elements: usize,
    body: Box<Body>,
}

impl Staged {
    /// Elements of scratch memory a run takes.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// `None` if one stage is as good.
    pub fn new(problem: &Problem, machine: Machine) -> Option<(Self, f64)> {
        let alone = problem.batch.is_empty()
            && problem.right.is_empty()
            && problem.contracted.is_empty()
            && problem.right_sum.is_empty();
        let elements = volume(&problem.left).saturating_mul(volume(&problem.left_sum));
        if !alone || problem.left_sum.len() < 2 || elements * machine.size < STAGED_BYTES {
            return None;
        }
        let unit = problem
            .left_sum
            .iter()
            .position(|l| l.a == 1 && l.length >= 4)?;
        let mut rest = problem.left_sum.clone();
        let run = rest.remove(unit);
        // What is left after the first stage, dense in the order of memory.
        let mut remaining: Vec<(Loop, bool)> = (problem.left.iter().map(|&l| (l, true)))
            .chain(rest.iter().map(|&l| (l, false)))
            .collect();
        remaining.sort_by_key(|(l, _)| l.a.unsigned_abs());
        let (mut first, mut kept, mut summed) = (Loops::new(), Loops::new(), Loops::new());
        let mut step = 1;
        for (l, keep) in remaining {
            first.insert(0, Loop { c: step, ..l });
            let next = Loop { a: step, ..l };
            if keep {
                kept.insert(0, next);
            } else {
                summed.insert(0, next);
            }
            step *= l.length as isize;
        }
        let stage = |kept: Loops, summed: Loops| {
            let work = volume(&kept).saturating_mul(volume(&summed));
            let (_, body, cycles) = Body::best(&Problem::summing(kept, summed), machine, work);
            (body, cycles)
        };
        let (first, one) = stage(first, std::iter::once(run).collect());
        let (second, two) = stage(kept, summed);
        let staged = Self {
            first,
            elements: step as usize,
            second,
        };
        Some((staged, one + two))
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors.
    pub unsafe fn run<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T) {
        let between = Scratch::<T>::new(self.elements);
        // SAFETY: the caller's; b is the number one throughout, and the
        // scratch holds what the first stage leaves.
        unsafe {
            self.first.spread(a, b, between.as_ptr(), PARALLEL);
            self.second.spread(between.as_ptr(), b, c, PARALLEL);
        }
    }
}

impl Presum {
    /// Elements of scratch memory a run takes.
    pub fn scratch_elements(&self) -> usize {
        match &*self.body {
            Body::Staged(staged) => self.elements + staged.elements(),
            _ => self.elements,
        }
    }

    /// Takes the wires only one operand has out of the problem, by summing
    /// that operand over them first: once, not once for each element of the
    /// other operand.
    pub fn take(
        problem: &mut Problem,
        side: usize,
        machine: Machine,
        cycles: &mut f64,
    ) -> Option<Self> {
        let operand = if side == 0 { Operand::A } else { Operand::B };
        let alone = std::mem::take(if side == 0 {
            &mut problem.left_sum
        } else {
            &mut problem.right_sum
        });
        if alone.is_empty() {
            return None;
        }
        let own = if side == 0 {
            &mut problem.left
        } else {
            &mut problem.right
        };
        let mut nests: Vec<&mut Loop> = (problem.batch.iter_mut())
            .chain(own.iter_mut())
            .chain(problem.contracted.iter_mut())
            .collect();
        // The summed operand keeps the order of the operand in memory.
        nests.sort_by_key(|l| l.stride(operand).unsigned_abs());
        let mut kept = Loops::new();
        let mut step = 1;
        for l in nests {
            let slot = if side == 0 { &mut l.a } else { &mut l.b };
            kept.insert(
                0,
                Loop {
                    length: l.length,
                    a: *slot,
                    b: 0,
                    c: step,
                },
            );
            *slot = step;
            step *= l.length as isize;
        }
        let summed = (alone.iter())
            .map(|l| Loop {
                length: l.length,
                a: l.stride(operand),
                b: 0,
                c: 0,
            })
            .collect();
        let inner = Problem::summing(kept, summed);
        let work = volume(&inner.left).saturating_mul(volume(&inner.left_sum));
        let (_, body, own) = Body::best(&inner, machine, work);
        *cycles += own;
        Some(Self {
            elements: step as usize,
            body: Box::new(body),
        })
    }

    /// # Safety
    /// Every offset of the loops is inside the tensors.
    pub unsafe fn run<T: Kernel>(&self, from: *const T) -> Scratch<T> {
        let memory = Scratch::<T>::new(self.elements);
        let one = T::ONE;
        // SAFETY: the caller's; the scratch holds every kept element.
        unsafe {
            self.body
                .spread(from, &raw const one, memory.as_ptr(), PARALLEL)
        };
        memory
    }
}
