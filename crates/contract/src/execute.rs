//! Running a contraction: steps compiled for fixed strides.
//!
//! A [`Program`] is a network, an order of pairs, an element type and the
//! strides of operands and result, turned into prepared pairs. Compiling
//! chooses the axis order of every intermediate so that its consumer finds its
//! wires grouped (batch, free, contracted) and in the order of the tensor it
//! meets, and lays all intermediates out in one block of memory, where the
//! place of a dead one is used again. The last step writes straight into the
//! caller's memory, whatever its strides.
//!
//! Guarantees: [`Program::memory`] is what running takes beyond operands,
//! result and a few MiB of packing buffers; the bits of the result do not
//! depend on the number of threads. Cost of compiling: linear in the number of
//! steps times the square of the wires of a step.

use smallvec::SmallVec;
use tensegrity_diagram::Network;
use tensegrity_tensor::{
    Axes, DType, Element, Strides, Tensor, View, ViewMut, element_count, row_major, try_with_room,
};

use crate::compile::{Compiler, Leaf, check_layouts, check_path};
use crate::pair::{Choice, Pair, Scratch, Strategy, Wires};
use crate::structured::{Application, tensors_first};
use crate::{Error, Result};

/// A contraction compiled for shapes, strides and element type.
#[derive(Clone, Debug)]
pub struct Program {
    dtype: DType,
    operands: Vec<Layout>,
    output: Layout,
    steps: Vec<Step>,
    /// Elements of the block all intermediates live in.
    arena: usize,
    /// Elements a step needs beside it, at most.
    scratch: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub shape: Axes,
    pub strides: Strides,
}

/// One prepared pair (or a single tensor, then `right` is absent).
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub left: Place,
    pub right: Option<Place>,
    pub target: Place,
    /// Elements written.
    pub count: usize,
    pub work: Work,
}

/// How a step is done.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "pairs are the rule")]
pub(crate) enum Work {
    Pair(Pair),
    /// The left tensor under structured nodes.
    Entries(Application),
}

impl Work {
    pub fn choice(&self) -> &Choice {
        match self {
            Work::Pair(pair) => pair.choice(),
            Work::Entries(application) => application.choice(),
        }
    }

    fn scratch_elements(&self) -> usize {
        match self {
            Work::Pair(pair) => pair.scratch_elements(),
            Work::Entries(_) => 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Operand(usize),
    /// The number one.
    One,
    /// A structured node, by its number among all operands; nowhere in memory.
    Structure(usize),
    /// Offset of an intermediate.
    Arena(usize),
    Output,
}

/// What a step of a program does, for people.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Wires of the left operand, in axis order.
    pub left: Wires,
    /// Wires of the right operand, empty if there is none.
    pub right: Wires,
    /// Wires of the result, in axis order.
    pub result: Wires,
    /// How it is computed.
    pub choice: Choice,
}

impl Program {
    /// Compiles `network` in the order `path`.
    ///
    /// `path` lists pairs of tensors: operands are numbered from zero, and the
    /// result of pair `k` is tensor `operands + k`. Every tensor but the last is
    /// used exactly once. `strides` are those of the operands, `output` those of
    /// the result, in elements.
    ///
    /// # Errors
    /// [`Error::InvalidPath`]; [`Error::Tensor`] if an intermediate is too large
    /// for any memory; [`Error::Diagram`] for a network with unknown wires.
    pub fn compile(
        network: &Network,
        path: &[(usize, usize)],
        strides: &[&[isize]],
        output: &[isize],
        dtype: DType,
    ) -> Result<Self> {
        let leaves = tensors(strides);
        Self::trace(network, path, &leaves, output, (dtype, None), &mut |_| {})
    }

    /// As [`Program::compile`], where some operands are structured nodes. They
    /// are left out when running.
    pub(crate) fn structured(
        network: &Network,
        path: &[(usize, usize)],
        leaves: &[Leaf<'_>],
        output: &[isize],
        dtype: DType,
    ) -> Result<Self> {
        Self::trace(network, path, leaves, output, (dtype, None), &mut |_| {})
    }

    /// As [`Program::compile`], with every step in words.
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub fn explain(
        network: &Network,
        path: &[(usize, usize)],
        strides: &[&[isize]],
        output: &[isize],
        dtype: DType,
    ) -> Result<(Self, Vec<StepReport>)> {
        let mut reports = Vec::new();
        let program = Self::trace(
            network,
            path,
            &tensors(strides),
            output,
            (dtype, None),
            &mut |report| {
                reports.push(report);
            },
        )?;
        Ok((program, reports))
    }

    /// As [`Program::compile`], by `strategy` wherever it applies; for tests.
    ///
    /// # Errors
    /// As [`Program::compile`].
    #[doc(hidden)]
    pub fn compile_with_strategy(
        network: &Network,
        path: &[(usize, usize)],
        strides: &[&[isize]],
        output: &[isize],
        dtype: DType,
        strategy: Strategy,
    ) -> Result<Self> {
        let options = (dtype, Some(strategy));
        let leaves = tensors(strides);
        Self::trace(network, path, &leaves, output, options, &mut |_| {})
    }

    fn trace(
        network: &Network,
        path: &[(usize, usize)],
        leaves: &[Leaf<'_>],
        output: &[isize],
        (dtype, strategy): (DType, Option<Strategy>),
        report: &mut dyn FnMut(StepReport),
    ) -> Result<Self> {
        network.validate()?;
        check_path(network.inputs.len(), path)?;
        check_layouts(network, leaves, output)?;
        let structured: Vec<bool> = (leaves.iter())
            .map(|leaf| matches!(leaf, Leaf::Structured(_)))
            .collect();
        let reordered;
        let (path, alone) = match structured.contains(&true) {
            false => (path, false),
            true => {
                reordered = tensors_first(&structured, path);
                let path = reordered.as_deref();
                (path.unwrap_or(&[]), path.is_none())
            }
        };
        let mut compiler = Compiler::new(network, path, leaves, dtype, strategy);
        let mut steps = Vec::with_capacity(path.len().max(1));
        if alone {
            steps.push(compiler.structures(output, report)?);
        } else if path.is_empty() {
            steps.push(compiler.single(output, report)?);
        }
        for number in 0..path.len() {
            let output = (number + 1 == path.len()).then_some(output);
            steps.push(compiler.pair(number, output, report)?);
        }
        let layout = |wires: &[u32], strides: &[isize]| Layout {
            shape: wires
                .iter()
                .map(|&w| network.dims[w as usize] as usize)
                .collect(),
            strides: strides.into(),
        };
        Ok(Self {
            dtype,
            operands: (network.inputs.iter().zip(leaves))
                .filter_map(|(wires, leaf)| match leaf {
                    Leaf::Tensor(strides) => Some(layout(wires, strides)),
                    Leaf::Structured(_) => None,
                })
                .collect(),
            output: layout(&network.output, output),
            scratch: (steps.iter().map(|step| step.work.scratch_elements()))
                .max()
                .unwrap_or(0),
            arena: compiler.arena.high,
            steps,
        })
    }

    /// Element type the program was compiled for.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes of all intermediates at the highest point, permuted copies included.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.arena + self.scratch) * self.dtype.size()
    }

    /// Shape of the result.
    #[must_use]
    pub fn output_shape(&self) -> &[usize] {
        &self.output.shape
    }

    /// Checks the bytes of intermediates and result together, and those of
    /// each operand, against a limit.
    ///
    /// # Errors
    /// [`Error::MemoryBudget`].
    pub fn check_memory(&self, limit: Option<u64>) -> Result<()> {
        let size = self.dtype.size();
        let bytes = |layout: &Layout| {
            let elements = layout.shape.iter();
            elements.fold(size, |bytes, &length| bytes.saturating_mul(length))
        };
        let working = self.memory().saturating_add(bytes(&self.output));
        let largest = self.operands.iter().map(bytes).max().unwrap_or(0);
        let needed = working.max(largest) as u64;
        match limit {
            Some(limit) if needed > limit => Err(Error::MemoryBudget { needed, limit }),
            _ => Ok(()),
        }
    }

    /// Runs into a new row-major tensor.
    ///
    /// # Errors
    /// As [`Program::run_into`]; [`Error::OutputShape`] if the program was not
    /// compiled for a row-major result.
    pub fn run<T: Element>(&self, operands: &[View<'_, T>]) -> Result<Tensor<T>> {
        self.check_operands(operands)?;
        self.allocate(|output| {
            // SAFETY: operands were checked; the output is new memory of the
            // shape and strides compiled for.
            unsafe { self.run_raw(|number| operands[number].as_ptr(), output) }
        })
    }

    /// The part of the predicted time that is behind after each number of steps.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let seconds = self.steps.iter().map(|step| step.work.choice().seconds);
        let mut sum = 0.0;
        let mut shares = vec![0.0];
        shares.extend(seconds.map(|s| {
            sum += s;
            sum
        }));
        shares
            .iter()
            .map(|share| share / sum.max(f64::MIN_POSITIVE))
            .collect()
    }

    /// A new row-major tensor written by `write`.
    pub(crate) fn allocate<T: Element>(
        &self,
        write: impl FnOnce(*mut T) -> Result<()>,
    ) -> Result<Tensor<T>> {
        let shape = &self.output.shape;
        if row_major(shape) != self.output.strides {
            return Err(Error::OutputShape {
                expected: shape.to_vec(),
                found: shape.to_vec(),
            });
        }
        let count = element_count(shape)?;
        let mut data: Vec<T> = try_with_room(count).ok_or_else(|| Error::OutOfMemory {
            what: "the result",
            bytes: bytes_of::<T>(count),
        })?;
        write(data.as_mut_ptr())?;
        // SAFETY: a program writes every element of its output.
        unsafe { data.set_len(count) };
        Ok(Tensor::from_vec(data, shape)?)
    }

    /// Runs into `output`.
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::PlanShape`], [`Error::OutputShape`],
    /// [`Error::WrongDType`] if a view is not of the kind compiled for.
    pub fn run_into<T: Element>(
        &self,
        operands: &[View<'_, T>],
        output: &mut ViewMut<'_, T>,
    ) -> Result<()> {
        self.check_operands(operands)?;
        if output.shape() != self.output.shape.as_slice()
            || output.strides() != self.output.strides.as_slice()
        {
            return Err(Error::OutputShape {
                expected: self.output.shape.to_vec(),
                found: output.shape().to_vec(),
            });
        }
        // SAFETY: shapes and strides were checked; a `ViewMut` is exclusive.
        unsafe { self.run_raw(|number| operands[number].as_ptr(), output.as_mut_ptr()) }
    }

    /// Whether the program was compiled for operands like these.
    pub(crate) fn check_operands<T: Element>(&self, operands: &[View<'_, T>]) -> Result<()> {
        if operands.len() != self.operands.len() {
            return Err(Error::OperandCount {
                what: "the program".to_owned(),
                expected: self.operands.len(),
                found: operands.len(),
            });
        }
        if T::DTYPE != self.dtype {
            return Err(Error::WrongDType {
                what: "operands".to_owned(),
                found: T::DTYPE,
                expected: self.dtype,
            });
        }
        for (number, (view, layout)) in operands.iter().zip(&self.operands).enumerate() {
            if view.shape() != layout.shape.as_slice()
                || view.strides() != layout.strides.as_slice()
            {
                return Err(Error::PlanShape {
                    operand: number,
                    expected: layout.shape.to_vec(),
                    found: view.shape().to_vec(),
                });
            }
        }
        Ok(())
    }

    /// # Safety
    /// `operand(i)` and `output` address tensors of the shapes and strides
    /// compiled for, of element type [`Program::dtype`]; `output` overlaps no
    /// operand and is not in use elsewhere.
    pub(crate) unsafe fn run_raw<T: Element>(
        &self,
        operand: impl Fn(usize) -> *const T,
        output: *mut T,
    ) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.run_steps(operand, output, |_, _| {}, |_| {}) }
    }

    /// As [`Program::run_raw`]; `after` sees the dense elements of every
    /// intermediate once it is written, `done` the number of steps behind.
    ///
    /// # Safety
    /// As [`Program::run_raw`].
    pub(crate) unsafe fn run_steps<T: Element>(
        &self,
        operand: impl Fn(usize) -> *const T,
        output: *mut T,
        mut after: impl FnMut(*mut T, usize),
        mut done: impl FnMut(usize),
    ) -> Result<()> {
        debug_assert_eq!(T::DTYPE, self.dtype);
        let arena = match self.arena {
            0 => None,
            count => Some(Scratch::<T>::try_new(count).ok_or(Error::OutOfMemory {
                what: "intermediates",
                bytes: bytes_of::<T>(count),
            })?),
        };
        let base = arena.as_ref().map_or(std::ptr::null_mut(), Scratch::as_ptr);
        let one = T::ONE;
        let place = |place: Place| match place {
            Place::Operand(number) => operand(number),
            Place::One => &raw const one,
            // SAFETY: offsets lie inside the arena.
            Place::Arena(offset) => unsafe { base.add(offset).cast_const() },
            Place::Output => output.cast_const(),
            Place::Structure(_) => unreachable!("a structured node is no side of a step"),
        };
        for (number, step) in self.steps.iter().enumerate() {
            let target = place(step.target).cast_mut();
            // SAFETY: the caller's for operands and output; intermediates that
            // are live at one time do not overlap.
            unsafe {
                match (&step.work, step.right) {
                    (Work::Pair(pair), None) => pair.run_unary(place(step.left), target),
                    (Work::Pair(pair), Some(right)) => {
                        pair.run(place(step.left), place(right), target);
                    }
                    (Work::Entries(application), _) => {
                        application.run(place(step.left), target);
                    }
                }
            }
            if matches!(step.target, Place::Arena(_)) {
                after(target, step.count);
            }
            done(number + 1);
        }
        Ok(())
    }
}

fn tensors<'a>(strides: &[&'a [isize]]) -> SmallVec<[Leaf<'a>; 8]> {
    strides
        .iter()
        .map(|strides| Leaf::Tensor(strides))
        .collect()
}

fn bytes_of<T>(count: usize) -> u64 {
    (count as u64).saturating_mul(size_of::<T>() as u64)
}
