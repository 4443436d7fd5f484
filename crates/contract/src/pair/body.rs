//! The kernel of a pair: how it is chosen, split over threads and run.

use tensegrity_tensor::{Axes, Strides, View, ViewMut, copy_into, is_parallel, parallel_for};

use super::across::Across;
use super::along::Along;
use super::choice::{Machine, Strategy};
use super::direct::Direct;
use super::kernel::Kernel;
use super::loops::volume;
use super::matrix::Matrix;
use super::packed::Packed;
use super::problem::Problem;
use super::small_batch::SmallBatch;

/// Multiplications below which nothing but plain loops is considered.
pub(super) const TINY: usize = 256;
/// Multiplications from which work is spread over threads.
pub(super) const PARALLEL: usize = 1 << 18;
/// Parts parallel work is cut into, whatever the number of threads.
const PIECES: usize = 16;

/// A prepared kernel.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Copy {
        shape: Axes,
        from: Strides,
        to: Strides,
    },
    Direct(Direct),
    Across(Across),
    Along(Along),
    SmallBatch(Box<SmallBatch>),
    Matrix(Box<Matrix>),
    Packed(Packed),
}

/// # Safety
/// Both tensors have the shape at their strides; they do not overlap.
pub(super) unsafe fn strided_copy<T: Kernel>(
    shape: &Axes,
    from: (*const T, &Strides),
    to: (*mut T, &Strides),
) {
    // SAFETY: the caller's.
    let (source, mut target) = unsafe {
        (
            View::from_raw(from.0, shape, from.1),
            ViewMut::from_raw(to.0, shape, to.1),
        )
    };
    copy_into(&mut target, &source).expect("source and target have one shape");
}

/// Raw operands handed to the threads of a pool.
struct Shared<T>([*const T; 2], *mut T);

// SAFETY: pieces read the operands only and write disjoint parts of the result.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl Body {
    /// A strided copy, for a tensor of which nothing is summed.
    pub fn copy(problem: &Problem, machine: Machine) -> (Strategy, Self, f64) {
        let kept = problem.kept();
        let body = Body::Copy {
            shape: kept.iter().map(|l| l.length).collect(),
            from: kept.iter().map(|l| l.a).collect(),
            to: kept.iter().map(|l| l.c).collect(),
        };
        let bytes = (volume(&kept) * machine.size) as f64;
        (Strategy::Copy, body, 30.0 + 0.3 * bytes)
    }

    /// The cheapest by the model.
    pub fn best(problem: &Problem, machine: Machine, work: usize) -> (Strategy, Self, f64) {
        let direct = machine.direct(problem);
        if work <= TINY {
            let body = Body::Direct(Direct::new(problem.kept(), problem.summed()));
            return (Strategy::Direct, body, direct);
        }
        let mut best = (Strategy::Direct, direct);
        let mut offer = |strategy, cycles: f64| {
            if cycles < best.1 {
                best = (strategy, cycles);
            }
        };
        if let Some((_, cycles)) = machine.across(problem) {
            offer(Strategy::Across, cycles);
        }
        if let Some((_, cycles)) = machine.along(problem) {
            offer(Strategy::Along, cycles);
        }
        let [batch, m, n, _] = problem.sizes();
        if batch >= 8
            && m * n <= 256
            && let Some(plan) = SmallBatch::new(problem, machine.size)
        {
            offer(Strategy::SmallBatch, machine.small_batch(problem, &plan));
        }
        if m > 1 && n > 1 {
            offer(Strategy::Packed, machine.packed(problem));
            if machine.library {
                offer(
                    Strategy::Gemm,
                    machine.matrix(problem, &Matrix::new(problem)),
                );
                if let Some(plan) = Matrix::transposed(problem) {
                    offer(Strategy::Transpose, machine.matrix(problem, &plan));
                }
            }
        }
        let (body, cycles) = Self::forced(problem, machine, best.0)
            .expect("only strategies that apply were offered");
        (best.0, body, cycles)
    }

    /// The kernel of a strategy and its cycles, if it applies.
    pub fn forced(problem: &Problem, machine: Machine, strategy: Strategy) -> Option<(Self, f64)> {
        let (kept, summed) = (problem.kept(), problem.summed());
        Some(match strategy {
            Strategy::Fill | Strategy::Copy | Strategy::Structured => return None,
            Strategy::Direct => (
                Body::Direct(Direct::new(kept, summed)),
                machine.direct(problem),
            ),
            Strategy::Across => {
                let (at, cycles) = machine.across(problem)?;
                (Body::Across(Across::new(kept, at, summed)), cycles)
            }
            Strategy::Along => {
                let (at, cycles) = machine.along(problem)?;
                (Body::Along(Along::new(kept, summed, at)), cycles)
            }
            Strategy::SmallBatch => {
                let plan = SmallBatch::new(problem, machine.size)?;
                let cycles = machine.small_batch(problem, &plan);
                (Body::SmallBatch(Box::new(plan)), cycles)
            }
            Strategy::Gemm | Strategy::Transpose => {
                if !machine.library {
                    return None;
                }
                let plan = if strategy == Strategy::Gemm {
                    Matrix::new(problem)
                } else {
                    Matrix::transposed(problem)?
                };
                let cycles = machine.matrix(problem, &plan);
                (Body::Matrix(Box::new(plan)), cycles)
            }
            Strategy::Packed => (Body::Packed(Packed::new(problem)), machine.packed(problem)),
        })
    }

    /// Runs, over the threads of the process if the work is worth it.
    ///
    /// # Safety
    /// Every offset of the loops is inside the tensors; nothing else touches `c`.
    pub unsafe fn spread<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T, work: usize) {
        if work < PARALLEL || !is_parallel() {
            // SAFETY: the caller's.
            return unsafe { self.run(a, b, c) };
        }
        let pieces: Vec<(Body, [isize; 3])> = match self {
            Body::Across(plan) => wrap(plan.split(PIECES), Body::Across),
            Body::Along(plan) => wrap(plan.split(PIECES), Body::Along),
            Body::SmallBatch(plan) => wrap(plan.split(PIECES), |piece| {
                Body::SmallBatch(Box::new(piece))
            }),
            Body::Packed(plan) => wrap(plan.split(PIECES), Body::Packed),
            // These have threads of their own, or no use for them.
            Body::Nothing | Body::Copy { .. } | Body::Direct(_) | Body::Matrix(_) => {
                // SAFETY: the caller's.
                return unsafe { self.run(a, b, c) };
            }
        };
        let shared = Shared([a, b], c);
        parallel_for(pieces.len(), |number| {
            let shared = &shared;
            let (body, [oa, ob, oc]) = &pieces[number];
            // SAFETY: the caller's; pieces cover disjoint parts of the result.
            unsafe {
                body.run(
                    shared.0[0].offset(*oa),
                    shared.0[1].offset(*ob),
                    shared.1.offset(*oc),
                );
            }
        });
    }

    unsafe fn run<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Body::Nothing => {}
                Body::Copy { shape, from, to } => strided_copy(shape, (a, from), (c, to)),
                Body::Direct(plan) => plan.run(a, b, c),
                Body::Across(plan) => plan.run(a, b, c),
                Body::Along(plan) => plan.run(a, b, c),
                Body::SmallBatch(plan) => plan.run(a, b, c),
                Body::Matrix(plan) => plan.run(a, b, c),
                Body::Packed(plan) => plan.run(a, b, c),
            }
        }
    }
}

fn wrap<P>(pieces: Vec<(P, [isize; 3])>, body: fn(P) -> Body) -> Vec<(Body, [isize; 3])> {
    (pieces.into_iter())
        .map(|(piece, offsets)| (body(piece), offsets))
        .collect()
}
