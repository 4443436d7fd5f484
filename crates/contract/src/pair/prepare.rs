//! A pair contraction ready to run.

use tensegrity_tensor::{
    Axes, DType, Element, Strides, View, ViewMut, c64, c128, copy_into, is_parallel, parallel_for,
    row_major,
};

use super::across::Across;
use super::along::Along;
use super::choice::{Choice, Machine, Strategy};
use super::direct::Direct;
use super::kernel::Kernel;
use super::loops::{Loop, Loops, Operand, volume};
use super::matrix::Matrix;
use super::packed::Packed;
use super::problem::{Extent, Problem};
use super::scratch::Scratch;
use super::small_batch::SmallBatch;
use super::spec::PairSpec;

/// Multiplications below which nothing but plain loops is considered.
const TINY: usize = 256;
/// Multiplications from which work is spread over threads.
const PARALLEL: usize = 1 << 18;
/// Parts parallel work is cut into, whatever the number of threads.
const PIECES: usize = 16;
/// Products per element below which a repeated result is recomputed rather than copied.
const RECOMPUTE: usize = 4;

/// A contraction of one or two tensors of fixed shapes and strides, ready to run.
///
/// Holds no values. See the [module](super) for what happens inside.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Where iteration starts on a, b and c.
    base: [isize; 3],
    /// Zeroed first if set.
    clear: Option<(Axes, Strides)>,
    presums: [Option<Presum>; 2],
    /// The result is computed without its repeated wires, then copied along them.
    repeat: Option<Repeat>,
    body: Body,
    choice: Choice,
}

#[derive(Clone, Debug)]
// Boxing would cost an allocation for each prepared pair to save bytes nobody counts.
#[allow(clippy::large_enum_variant)]
enum Body {
    Nothing,
    Copy {
        shape: Axes,
        from: Strides,
        to: Strides,
    },
    Direct(Direct),
    Across(Across),
    Along(Along),
    SmallBatch(SmallBatch),
    Matrix(Matrix),
    Packed(Packed),
}

/// A sum over wires of one operand alone, into dense scratch memory.
#[derive(Clone, Debug)]
struct Presum {
    elements: usize,
    body: Box<Body>,
}

#[derive(Clone, Debug)]
struct Repeat {
    elements: usize,
    shape: Axes,
    from: Strides,
    to: Strides,
}

impl Pair {
    /// Prepares `spec` for tensors of these strides (of a, b, c; in elements).
    #[must_use]
    pub fn new(spec: &PairSpec, strides: [&[isize]; 3], dtype: DType) -> Self {
        let problem = Problem::new(spec, strides[0], strides[1], strides[2]);
        Self::prepare(problem, Machine::new(dtype), None, false)
            .expect("without a strategy asked for there is always one")
    }

    /// As [`Pair::new`] for a single tensor: diagonals, sums, permutations,
    /// embedded diagonals and repetitions. Run it with `run_unary`.
    #[must_use]
    pub fn unary(
        a: &[u32],
        c: &[u32],
        dim: impl Fn(u32) -> usize,
        strides: [&[isize]; 2],
        dtype: DType,
    ) -> Self {
        let spec = PairSpec::new(a, &[], c, dim);
        let problem = Problem::new(&spec, strides[0], &[], strides[1]);
        Self::prepare(problem, Machine::new(dtype), None, true)
            .expect("without a strategy asked for there is always one")
    }

    /// As [`Pair::new`] with the strategy given; `None` if it does not apply.
    #[must_use]
    pub fn with_strategy(
        spec: &PairSpec,
        strides: [&[isize]; 3],
        dtype: DType,
        strategy: Strategy,
    ) -> Option<Self> {
        let problem = Problem::new(spec, strides[0], strides[1], strides[2]);
        Self::prepare(problem, Machine::new(dtype), Some(strategy), false)
    }

    /// What was chosen.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Elements of scratch memory a run takes for presums, permuted copies and
    /// repeated results; blocks of packing buffers are not counted.
    #[must_use]
    pub fn scratch_elements(&self) -> usize {
        let presums = self.presums.iter().flatten().map(|presum| presum.elements);
        let repeat = self.repeat.as_ref().map_or(0, |repeat| repeat.elements);
        let copied = match &self.body {
            Body::Matrix(matrix) => matrix.copied(),
            _ => 0,
        };
        presums.sum::<usize>() + repeat + copied
    }

    fn prepare(
        mut problem: Problem,
        machine: Machine,
        forced: Option<Strategy>,
        unary: bool,
    ) -> Option<Self> {
        let [batch, rows, columns, depth] = problem.sizes();
        let mut choice = Choice {
            strategy: Strategy::Fill,
            batch,
            rows,
            columns,
            depth,
            presummed: [false; 2],
            copied: [false; 3],
            seconds: 0.0,
        };
        let base = problem.base;
        let clear = problem.clear.take();
        if problem.extent != Extent::Work {
            return Some(Self {
                base,
                clear,
                presums: [None, None],
                repeat: None,
                body: Body::Nothing,
                choice,
            });
        }
        let repeat = Repeat::take(&mut problem);
        let mut cycles = 0.0;
        let mut presums = [None, None];
        let work = volume(&problem.kept()).saturating_mul(volume(&problem.summed()));
        if !unary && (work > TINY || forced.is_some_and(|s| s != Strategy::Direct)) {
            for (side, presum) in presums.iter_mut().enumerate() {
                *presum = Presum::take(&mut problem, side, machine, &mut cycles);
                choice.presummed[side] = presum.is_some();
            }
            problem.coalesce();
        }
        let (strategy, body, own) = match forced {
            Some(strategy) => {
                let (body, own) = Body::forced(&problem, machine, strategy)?;
                (strategy, body, own)
            }
            None if unary && problem.summed().is_empty() => Body::copy(&problem, machine),
            None => Body::best(&problem, machine, work),
        };
        choice.strategy = strategy;
        if let Body::Matrix(matrix) = &body {
            choice.copied = matrix.copies();
        }
        choice.seconds = machine.seconds(cycles + own);
        Some(Self {
            base,
            clear,
            presums,
            repeat,
            body,
            choice,
        })
    }

    /// Runs on raw memory.
    ///
    /// # Safety
    /// `a`, `b` and `c` address tensors of the shapes and strides prepared
    /// for, valid for reads and, in the case of `c`, writes; `c` overlaps
    /// neither operand and is not in use elsewhere.
    pub(crate) unsafe fn run<T: Element>(&self, a: *const T, b: *const T, c: *mut T) {
        // SAFETY: the caller's. An element type has one `DTYPE`, so the casts
        // are to the type it is.
        unsafe {
            match T::DTYPE {
                DType::F32 => self.run_kernel::<f32>(a.cast(), b.cast(), c.cast()),
                DType::F64 => self.run_kernel::<f64>(a.cast(), b.cast(), c.cast()),
                DType::C64 => self.run_kernel::<c64>(a.cast(), b.cast(), c.cast()),
                DType::C128 => self.run_kernel::<c128>(a.cast(), b.cast(), c.cast()),
                DType::I64 => self.run_kernel::<i64>(a.cast(), b.cast(), c.cast()),
                other => unreachable!("{other} is no element type"),
            }
        }
    }

    unsafe fn run_kernel<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T) {
        // SAFETY: the caller's; bases are offsets of elements of the tensors.
        unsafe {
            if let Some((shape, strides)) = &self.clear {
                ViewMut::from_raw(c, shape, strides).fill(T::ZERO);
            }
            if matches!(self.body, Body::Nothing) {
                return;
            }
            let (a, b, c) = (
                a.offset(self.base[0]),
                b.offset(self.base[1]),
                c.offset(self.base[2]),
            );
            let summed_a = self.presums[0].as_ref().map(|presum| presum.run(a));
            let summed_b = self.presums[1].as_ref().map(|presum| presum.run(b));
            let a = summed_a.as_ref().map_or(a, |s| s.as_ptr().cast_const());
            let b = summed_b.as_ref().map_or(b, |s| s.as_ptr().cast_const());
            let Some(repeat) = &self.repeat else {
                self.body.spread(a, b, c, self.work());
                return;
            };
            let once = Scratch::<T>::new(repeat.elements);
            self.body.spread(a, b, once.as_ptr(), self.work());
            strided_copy(
                &repeat.shape,
                (once.as_ptr(), &repeat.from),
                (c, &repeat.to),
            );
        }
    }

    /// As [`Pair::run`] for a pair made by [`Pair::unary`].
    ///
    /// # Safety
    /// As [`Pair::run`].
    pub(crate) unsafe fn run_unary<T: Element>(&self, a: *const T, c: *mut T) {
        let one = T::ONE;
        // SAFETY: the caller's; the second operand is a scalar with no loop on it.
        unsafe { self.run(a, &raw const one, c) };
    }

    fn work(&self) -> usize {
        let Choice {
            batch,
            rows,
            columns,
            depth,
            ..
        } = self.choice;
        (batch.saturating_mul(rows).saturating_mul(columns)).saturating_mul(depth)
    }
}

unsafe fn strided_copy<T: Kernel>(
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
unsafe impl<T: Sync> Sync for Shared<T> {}

impl Body {
    fn copy(problem: &Problem, machine: Machine) -> (Strategy, Self, f64) {
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
    fn best(problem: &Problem, machine: Machine, work: usize) -> (Strategy, Self, f64) {
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
    fn forced(problem: &Problem, machine: Machine, strategy: Strategy) -> Option<(Self, f64)> {
        let (kept, summed) = (problem.kept(), problem.summed());
        Some(match strategy {
            Strategy::Fill | Strategy::Copy => return None,
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
                (Body::SmallBatch(plan), cycles)
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
                (Body::Matrix(plan), cycles)
            }
            Strategy::Packed => (Body::Packed(Packed::new(problem)), machine.packed(problem)),
        })
    }

    /// Runs, over the threads of the process if the work is worth it.
    unsafe fn spread<T: Kernel>(&self, a: *const T, b: *const T, c: *mut T, work: usize) {
        if work < PARALLEL || !is_parallel() {
            // SAFETY: the caller's.
            return unsafe { self.run(a, b, c) };
        }
        let pieces: Vec<(Body, [isize; 3])> = match self {
            Body::Across(plan) => wrap(plan.split(PIECES), Body::Across),
            Body::Along(plan) => wrap(plan.split(PIECES), Body::Along),
            Body::SmallBatch(plan) => wrap(plan.split(PIECES), Body::SmallBatch),
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

impl Presum {
    /// Takes the wires only one operand has out of the problem, by summing
    /// that operand over them first: once, not once for each element of the
    /// other operand.
    fn take(
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

    unsafe fn run<T: Kernel>(&self, from: *const T) -> Scratch<T> {
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

impl Repeat {
    /// Takes the wires only the result has out of the problem.
    fn take(problem: &mut Problem) -> Option<Self> {
        let repeated = std::mem::take(&mut problem.broadcast);
        if repeated.is_empty() {
            return None;
        }
        if volume(&problem.summed()) <= RECOMPUTE {
            problem.batch.extend(repeated);
            problem.coalesce();
            return None;
        }
        let kept = problem.kept();
        let shape: Axes = repeated.iter().chain(&kept).map(|l| l.length).collect();
        let to = repeated.iter().chain(&kept).map(|l| l.c).collect();
        let dense_shape: Axes = kept.iter().map(|l| l.length).collect();
        let dense = row_major(&dense_shape);
        let mut from: Strides = repeated.iter().map(|_| 0).collect();
        from.extend_from_slice(&dense);
        let classes = [&mut problem.batch, &mut problem.left, &mut problem.right];
        for (l, &stride) in classes.into_iter().flatten().zip(&dense) {
            l.c = stride;
        }
        problem.coalesce();
        Some(Self {
            elements: dense_shape.iter().product(),
            shape,
            from,
            to,
        })
    }
}
