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
    Axes, DType, Element, Strides, Tensor, View, ViewMut, element_count, row_major,
};

use crate::layout::{Consumer, arrange};
use crate::pair::{Choice, Pair, PairSpec, Scratch, Wires};
use crate::{Error, Result};

/// Intermediates start on a cache line.
const ALIGNMENT_BYTES: usize = 64;

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
struct Step {
    left: Place,
    right: Option<Place>,
    target: Place,
    /// Elements written.
    count: usize,
    pair: Pair,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Operand(usize),
    /// The number one.
    One,
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

/// A tensor of the sequence while compiling: operands first, then results.
struct Node {
    wires: Wires,
    strides: Strides,
    place: Place,
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
        Self::trace(network, path, strides, output, dtype, &mut |_| {})
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
        let program = Self::trace(network, path, strides, output, dtype, &mut |report| {
            reports.push(report);
        })?;
        Ok((program, reports))
    }

    fn trace(
        network: &Network,
        path: &[(usize, usize)],
        strides: &[&[isize]],
        output: &[isize],
        dtype: DType,
        report: &mut dyn FnMut(StepReport),
    ) -> Result<Self> {
        network.validate()?;
        check_path(network.inputs.len(), path)?;
        check_layouts(network, strides, output)?;
        let mut compiler = Compiler::new(network, path, strides, dtype);
        let count = network.inputs.len();
        let mut steps = Vec::with_capacity(path.len().max(1));
        if count < 2 {
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
            operands: (network.inputs.iter().zip(strides))
                .map(|(wires, strides)| layout(wires, strides))
                .collect(),
            output: layout(&network.output, output),
            scratch: (steps.iter().map(|step| step.pair.scratch_elements()))
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

    /// Checks [`Program::memory`] against a limit in bytes.
    ///
    /// # Errors
    /// [`Error::MemoryBudget`].
    pub fn check_memory(&self, limit: Option<u64>) -> Result<()> {
        let needed = self.memory() as u64;
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

    /// A new row-major tensor written by `write`.
    pub(crate) fn allocate<T: Element>(&self, write: impl FnOnce(*mut T)) -> Result<Tensor<T>> {
        let shape = &self.output.shape;
        if row_major(shape) != self.output.strides {
            return Err(Error::OutputShape {
                expected: shape.to_vec(),
                found: shape.to_vec(),
            });
        }
        let count = element_count(shape)?;
        let mut data: Vec<T> = Vec::with_capacity(count);
        write(data.as_mut_ptr());
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
        unsafe { self.run_raw(|number| operands[number].as_ptr(), output.as_mut_ptr()) };
        Ok(())
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
    ) {
        // SAFETY: the caller's.
        unsafe { self.run_steps(operand, output, |_, _| {}) };
    }

    /// As [`Program::run_raw`]; `after` sees the dense elements of every
    /// intermediate once it is written.
    ///
    /// # Safety
    /// As [`Program::run_raw`].
    pub(crate) unsafe fn run_steps<T: Element>(
        &self,
        operand: impl Fn(usize) -> *const T,
        output: *mut T,
        mut after: impl FnMut(*mut T, usize),
    ) {
        debug_assert_eq!(T::DTYPE, self.dtype);
        let arena = (self.arena > 0).then(|| Scratch::<T>::new(self.arena));
        let base = arena.as_ref().map_or(std::ptr::null_mut(), Scratch::as_ptr);
        let one = T::ONE;
        let place = |place: Place| match place {
            Place::Operand(number) => operand(number),
            Place::One => &raw const one,
            // SAFETY: offsets lie inside the arena.
            Place::Arena(offset) => unsafe { base.add(offset).cast_const() },
            Place::Output => output.cast_const(),
        };
        for step in &self.steps {
            let target = place(step.target).cast_mut();
            // SAFETY: the caller's for operands and output; intermediates that
            // are live at one time do not overlap.
            unsafe {
                match step.right {
                    None => step.pair.run_unary(place(step.left), target),
                    Some(right) => step.pair.run(place(step.left), place(right), target),
                }
            }
            if matches!(step.target, Place::Arena(_)) {
                after(target, step.count);
            }
        }
    }
}

/// Checks that `path` uses every tensor but the last exactly once, after it exists.
fn check_path(operands: usize, path: &[(usize, usize)]) -> Result<()> {
    if path.len() + 1 != operands.max(1) {
        return Err(Error::InvalidPath(format!(
            "{operands} operands need {} pairs; {} are given",
            operands.saturating_sub(1),
            path.len()
        )));
    }
    let mut used = vec![false; operands + path.len()];
    for (step, &(left, right)) in path.iter().enumerate() {
        for tensor in [left, right] {
            if tensor >= operands + step {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which does not exist yet"
                )));
            }
            if std::mem::replace(&mut used[tensor], true) {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which was used up before"
                )));
            }
        }
    }
    Ok(())
}

fn check_layouts(network: &Network, strides: &[&[isize]], output: &[isize]) -> Result<()> {
    if strides.len() != network.inputs.len() {
        return Err(Error::OperandCount {
            what: "the network".to_owned(),
            expected: network.inputs.len(),
            found: strides.len(),
        });
    }
    for (number, (wires, strides)) in network.inputs.iter().zip(strides).enumerate() {
        if wires.len() != strides.len() {
            return Err(Error::PlanShape {
                operand: number,
                expected: wires
                    .iter()
                    .map(|&w| network.dims[w as usize] as usize)
                    .collect(),
                found: vec![0; strides.len()],
            });
        }
    }
    if output.len() != network.output.len() {
        return Err(Error::OutputShape {
            expected: vec![0; network.output.len()],
            found: vec![0; output.len()],
        });
    }
    Ok(())
}

/// First-fit memory for tensors with known life spans.
#[derive(Default)]
struct Arena {
    /// Free ranges below `high`, by offset.
    free: Vec<(usize, usize)>,
    high: usize,
}

impl Arena {
    fn take(&mut self, count: usize) -> usize {
        if let Some(at) = self.free.iter().position(|&(_, length)| length >= count) {
            let (offset, length) = self.free[at];
            if length == count {
                self.free.remove(at);
            } else {
                self.free[at] = (offset + count, length - count);
            }
            return offset;
        }
        // A free range at the end grows.
        let offset = match self.free.last() {
            Some(&(offset, length)) if offset + length == self.high => {
                self.free.pop();
                offset
            }
            _ => self.high,
        };
        self.high = offset + count;
        offset
    }

    fn release(&mut self, offset: usize, count: usize) {
        let at = self.free.partition_point(|&(start, _)| start < offset);
        self.free.insert(at, (offset, count));
        if at + 1 < self.free.len() && offset + count == self.free[at + 1].0 {
            self.free[at].1 += self.free.remove(at + 1).1;
        }
        if at > 0 && self.free[at - 1].0 + self.free[at - 1].1 == offset {
            self.free[at - 1].1 += self.free.remove(at).1;
        }
    }
}

struct Compiler<'n> {
    network: &'n Network,
    path: &'n [(usize, usize)],
    dtype: DType,
    nodes: Vec<Node>,
    /// Wires of every tensor as a set in ascending order.
    sets: Vec<Wires>,
    /// The pair that uses a tensor.
    consumers: Vec<usize>,
    arena: Arena,
}

impl<'n> Compiler<'n> {
    fn new(
        network: &'n Network,
        path: &'n [(usize, usize)],
        strides: &[&[isize]],
        dtype: DType,
    ) -> Self {
        let mut nodes: Vec<Node> = (network.inputs.iter().zip(strides).enumerate())
            .map(|(number, (wires, strides))| Node {
                wires: wires.as_slice().into(),
                strides: (*strides).into(),
                place: Place::Operand(number),
            })
            .collect();
        if nodes.is_empty() {
            nodes.push(Node {
                wires: Wires::new(),
                strides: Strides::new(),
                place: Place::One,
            });
        }
        // A wire on no tensor multiplies by its length: an axis of stride zero.
        let mut seen = vec![false; network.dims.len()];
        for &wire in network.inputs.iter().flatten().chain(&network.output) {
            seen[wire as usize] = true;
        }
        for (wire, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
            nodes[0].wires.push(wire as u32);
            nodes[0].strides.push(0);
        }
        let mut consumers = vec![usize::MAX; network.inputs.len() + path.len()];
        for (step, &(left, right)) in path.iter().enumerate() {
            consumers[left] = step;
            consumers[right] = step;
        }
        let sets = tensor_sets(network, path, &nodes);
        Self {
            network,
            path,
            dtype,
            nodes,
            sets,
            consumers,
            arena: Arena::default(),
        }
    }

    fn dim(&self, wire: u32) -> usize {
        self.network.dims[wire as usize] as usize
    }

    /// The whole program for no operand or one.
    fn single(&self, output: &[isize], report: &mut dyn FnMut(StepReport)) -> Result<Step> {
        let node = &self.nodes[0];
        let result = &self.network.output;
        let strides = [node.strides.as_slice(), output];
        let pair = Pair::unary(&node.wires, result, |w| self.dim(w), strides, self.dtype);
        report(StepReport {
            left: node.wires.clone(),
            right: Wires::new(),
            result: result.as_slice().into(),
            choice: pair.choice().clone(),
        });
        Ok(Step {
            left: node.place,
            right: None,
            target: Place::Output,
            count: self.count(result)?,
            pair,
        })
    }

    /// Compiles pair `number`, into `output` if it is the last.
    fn pair(
        &mut self,
        number: usize,
        output: Option<&[isize]>,
        report: &mut dyn FnMut(StepReport),
    ) -> Result<Step> {
        let (left, right) = self.path[number];
        let result: Wires = match output {
            Some(_) => self.network.output.as_slice().into(),
            None => self.order(number),
        };
        let count = self.count(&result)?;
        let (strides, place): (Strides, Place) = match output {
            Some(strides) => (strides.into(), Place::Output),
            None => {
                let shape: Axes = result.iter().map(|&w| self.dim(w)).collect();
                (
                    row_major(&shape),
                    Place::Arena(self.arena.take(self.padded(count))),
                )
            }
        };
        let (a, b) = (&self.nodes[left], &self.nodes[right]);
        let spec = PairSpec::new(&a.wires, &b.wires, &result, |w| self.dim(w));
        let pair = Pair::new(&spec, [&a.strides, &b.strides, &strides], self.dtype);
        report(StepReport {
            left: a.wires.clone(),
            right: b.wires.clone(),
            result: result.clone(),
            choice: pair.choice().clone(),
        });
        let step = Step {
            left: a.place,
            right: Some(b.place),
            target: place,
            count,
            pair,
        };
        for used in [left, right] {
            if let Place::Arena(offset) = self.nodes[used].place {
                let count = self.count(&self.nodes[used].wires)?;
                self.arena.release(offset, self.padded(count));
            }
        }
        self.nodes.push(Node {
            wires: result,
            strides,
            place,
        });
        Ok(step)
    }

    /// Axis order of the result of pair `number`.
    fn order(&self, number: usize) -> Wires {
        let (left, right) = self.path[number];
        let result = self.network.inputs.len() + number;
        let step = self.consumers[result];
        let (first, second) = self.path[step];
        let other = if first == result { second } else { first };
        let next = self.network.inputs.len() + step;
        let last = step + 1 == self.path.len();
        let consumer = Consumer {
            other: &self.sets[other],
            // Known if it is an operand or was laid out before.
            other_order: self
                .nodes
                .get(other)
                .map(|node| (&*node.wires, &*node.strides)),
            result: &self.sets[next],
            result_order: last.then_some(&*self.network.output),
        };
        let makers = [left, right].map(|t| (&*self.nodes[t].wires, &*self.nodes[t].strides));
        arrange(&self.sets[result], makers, &consumer, |w| self.dim(w))
    }

    fn count(&self, wires: &[u32]) -> Result<usize> {
        let shape: Axes = wires.iter().map(|&w| self.dim(w)).collect();
        Ok(element_count(&shape)?)
    }

    fn padded(&self, count: usize) -> usize {
        count
            .max(1)
            .next_multiple_of(ALIGNMENT_BYTES / self.dtype.size())
    }
}

/// The wires each tensor of the sequence has, each once, in ascending order.
///
/// Wires of length one are left out of intermediates: they carry nothing, and
/// the last step gives them back.
fn tensor_sets(network: &Network, path: &[(usize, usize)], nodes: &[Node]) -> Vec<Wires> {
    let distinct = |wires: &[u32]| -> Wires {
        let mut set: Wires = wires.into();
        set.sort_unstable();
        set.dedup();
        set
    };
    let mut sets: Vec<Wires> = nodes.iter().map(|node| distinct(&node.wires)).collect();
    let output = distinct(&network.output);
    let mut uses = vec![0u32; network.dims.len()];
    for &wire in sets.iter().flatten().chain(&output) {
        uses[wire as usize] += 1;
    }
    for (step, &(left, right)) in path.iter().enumerate() {
        if step + 1 == path.len() {
            sets.push(output);
            break;
        }
        for &wire in sets[left].iter().chain(&sets[right]) {
            uses[wire as usize] -= 1;
        }
        let both: SmallVec<[u32; 16]> = sets[left].iter().chain(&sets[right]).copied().collect();
        let mut set = distinct(&both);
        set.retain(|wire| {
            let kept = uses[*wire as usize] > 0 && network.dims[*wire as usize] != 1;
            uses[*wire as usize] += u32::from(kept);
            kept
        });
        sets.push(set);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arena_reuses_and_joins_free_ranges() {
        let mut arena = Arena::default();
        let [a, b, c] = [8, 16, 8].map(|count| arena.take(count));
        assert_eq!([a, b, c], [0, 8, 24]);
        arena.release(a, 8);
        arena.release(b, 16);
        assert_eq!(arena.take(24), 0);
        arena.release(c, 8);
        assert_eq!(arena.take(16), 24, "the free end grows");
        assert_eq!(arena.high, 40);
    }

    #[test]
    fn paths_are_checked() {
        for (operands, path) in [
            (3, vec![(0, 1)]),
            (3, vec![(0, 1), (1, 2)]),
            (3, vec![(0, 3), (1, 2)]),
            (3, vec![(0, 0), (1, 2)]),
            (1, vec![(0, 0)]),
        ] {
            assert!(check_path(operands, &path).is_err(), "{operands} {path:?}");
        }
        assert!(check_path(3, &[(0, 2), (3, 1)]).is_ok());
        assert!(check_path(0, &[]).is_ok());
    }
}
