//! A pair contraction ready to run.

use tensegrity_tensor::{Axes, DType, Element, Strides, ViewMut, c64, c128, row_major};

use super::body::{Body, TINY, strided_copy};
use super::choice::{Choice, Machine, Strategy};
use super::kernel::Kernel;
use super::loops::volume;
use super::presum::Presum;
use super::problem::{Extent, Problem};
use super::scratch::Scratch;
use super::spec::PairSpec;

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
        let presums = self.presums.iter().flatten().map(Presum::scratch_elements);
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
