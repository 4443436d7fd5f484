//! Sums of one tensor before anything is multiplied.

use super::body::{Body, PARALLEL};
use super::choice::Machine;
use super::kernel::Kernel;
use super::loops::{Loop, Loops, Operand, volume};
use super::problem::Problem;
use super::scratch::Scratch;

/// A sum over wires of one operand alone, into dense scratch memory.
#[derive(Clone, Debug)]
pub(super) struct Presum {
    elements: usize,
    body: Box<Body>,
}

impl Presum {
    /// Elements of scratch memory a run takes.
    pub fn scratch_elements(&self) -> usize {
        self.elements
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
