//! The contraction operation, and networks of it.
//!
//! A network is contracted in the order of its plan, every pair a step of the
//! recorded computation. Reverse mode over those steps is reverse mode on the
//! contraction tree: each pair `a·b → c` gives the pairs `c̄·b* → ā` and
//! `a*·c̄ → b̄`, and all gradients share their subtrees.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use smallvec::{SmallVec, smallvec};
use tensegrity_contract::pair::{PairSpec, Wires};
use tensegrity_contract::{Einsum, Plan, PlanOptions, Program};
use tensegrity_diagram::Network;
use tensegrity_tensor::{Array, Axes, DType, Element, Strides, Tensor, c64, c128, row_major};

use crate::operation::{Call, Derivatives, Operation, Values};
use crate::{Error, Result, Variable};

/// Kernels and schedules that are remembered, each.
const REMEMBERED: usize = 4096;

/// c[out] = Σ a[…]·b[…], or of a alone; any wires may repeat, be summed, or be on
/// the result only. The derivatives of such a contraction are such contractions.
pub(crate) struct Kernel {
    spec: PairSpec,
    /// Whether there is a second operand.
    pair: bool,
    dtype: DType,
    program: Program,
    pullbacks: [OnceLock<Arc<Kernel>>; 2],
}

type Key = (PairSpec, bool, DType);

static KERNELS: LazyLock<Mutex<HashMap<Key, Arc<Kernel>>>> = LazyLock::new(Mutex::default);

impl Kernel {
    /// The contraction of one tensor: sums, diagonals, permutations, embedded
    /// diagonals and repetitions.
    pub fn single(
        a: &[u32],
        c: &[u32],
        dim: impl Fn(u32) -> usize,
        dtype: DType,
    ) -> Result<Arc<Self>> {
        Self::remembered((PairSpec::new(a, &[], c, dim), false, dtype))
    }

    /// The contraction of two tensors.
    pub fn pair(
        a: &[u32],
        b: &[u32],
        c: &[u32],
        dim: impl Fn(u32) -> usize,
        dtype: DType,
    ) -> Result<Arc<Self>> {
        Self::remembered((PairSpec::new(a, b, c, dim), true, dtype))
    }

    fn remembered(key: Key) -> Result<Arc<Self>> {
        let lock = || KERNELS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let (spec, pair, dtype) = key.clone();
        let mut inputs = vec![spec.a.to_vec()];
        inputs.extend(pair.then(|| spec.b.to_vec()));
        let network = Network {
            inputs,
            output: spec.c.to_vec(),
            dims: spec.dims.iter().map(|&length| length as u64).collect(),
        };
        let strides: SmallVec<[Strides; 2]> = (network.inputs.iter())
            .map(|wires| row_major(&spec.shape(wires)))
            .collect();
        let strides: SmallVec<[&[isize]; 2]> = strides.iter().map(|s| s.as_slice()).collect();
        let path: &[(usize, usize)] = if pair { &[(0, 1)] } else { &[] };
        let output = row_major(&spec.shape(&spec.c));
        let program = Program::compile(&network, path, &strides, &output, dtype)?;
        let kernel = Arc::new(Self {
            spec,
            pair,
            dtype,
            program,
            pullbacks: [OnceLock::new(), OnceLock::new()],
        });
        let mut known = lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Arc::clone(&kernel));
        Ok(kernel)
    }

    /// Evaluates and records.
    pub fn apply(self: Arc<Self>, inputs: &[Variable]) -> Result<Variable> {
        Variable::apply_shared(self, inputs.into())
    }

    fn run<T: Element>(&self, inputs: &[&Array]) -> Result<Tensor<T>> {
        let mut views = SmallVec::<[_; 2]>::new();
        for input in inputs {
            views.push(input.typed::<T>()?.view());
        }
        Ok(self.program.run(&views)?)
    }

    /// What takes the cotangent of the result, and the other operand, to the
    /// cotangent of operand `side`.
    fn pullback(&self, side: usize) -> Result<&Arc<Kernel>> {
        if let Some(known) = self.pullbacks[side].get() {
            return Ok(known);
        }
        let PairSpec { a, b, c, dims } = &self.spec;
        let dim = |wire: u32| dims[wire as usize];
        let made = match (self.pair, side) {
            (false, _) => Self::single(c, a, dim, self.dtype)?,
            (true, 0) => Self::pair(c, b, a, dim, self.dtype)?,
            (true, _) => Self::pair(a, c, b, dim, self.dtype)?,
        };
        Ok(self.pullbacks[side].get_or_init(|| made))
    }

    fn shared(&self) -> Result<Arc<Self>> {
        Self::remembered((self.spec.clone(), self.pair, self.dtype))
    }
}

/// The conjugate; no step for real types.
pub(crate) fn conjugate(x: &Variable) -> Result<Variable> {
    match x.is_complex() {
        true => x.conj(),
        false => Ok(x.clone()),
    }
}

impl Operation for Kernel {
    fn name(&self) -> &'static str {
        "contraction"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![match self.dtype {
            DType::F32 => self.run::<f32>(inputs)?.into(),
            DType::C64 => self.run::<c64>(inputs)?.into(),
            DType::C128 => self.run::<c128>(inputs)?.into(),
            _ => self.run::<f64>(inputs)?.into(),
        }])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let Some(g) = &cotangents[0] else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let part = |(side, &wanted): (usize, &bool)| -> Result<Option<Variable>> {
            if !wanted {
                return Ok(None);
            }
            let kernel = Arc::clone(self.pullback(side)?);
            let inputs = match (self.pair, side) {
                (false, _) => smallvec![g.clone()],
                (true, 0) => smallvec![g.clone(), conjugate(&call.inputs[1])?],
                (true, _) => smallvec![conjugate(&call.inputs[0])?, g.clone()],
            };
            Variable::apply_shared(kernel, inputs).map(Some)
        };
        wanted.iter().enumerate().map(part).collect()
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let kernel = self.shared()?;
        let mut sum: Option<Variable> = None;
        for (side, tangent) in tangents.iter().enumerate() {
            let Some(tangent) = tangent else { continue };
            let mut inputs: SmallVec<[Variable; 2]> = call.inputs.into();
            inputs[side] = tangent.clone();
            let part = Variable::apply_shared(Arc::clone(&kernel) as Arc<dyn Operation>, inputs)?;
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
        Ok(smallvec![sum])
    }
}

/// A network, its plan, and a kernel for every pair.
struct Schedule {
    /// Shapes the network sees operands in.
    split: Vec<Axes>,
    steps: Vec<(usize, usize, Arc<Kernel>)>,
    /// The contraction of a single operand.
    single: Option<Arc<Kernel>>,
    /// Product of the lengths of wires on no tensor.
    factor: f64,
    shape: Axes,
}

impl Schedule {
    fn new(plan: &Plan, split: Vec<Axes>, shape: Axes, dtype: DType) -> Result<Self> {
        let network = plan.network();
        let dim = |wire: u32| network.dims[wire as usize] as usize;
        let strides: Vec<Strides> = split.iter().map(|shape| row_major(shape)).collect();
        let strides: Vec<&[isize]> = strides.iter().map(|s| s.as_slice()).collect();
        let output = row_major(&network.output.iter().map(|&w| dim(w)).collect::<Axes>());
        // The compiler of programs knows the axis order every consumer likes.
        let (_, reports) = Program::explain(network, plan.pairs(), &strides, &output, dtype)?;
        let mut wires: Vec<Wires> = (network.inputs.iter())
            .map(|wires| wires.as_slice().into())
            .collect();
        let present: Vec<bool> = {
            let mut present = vec![false; network.dims.len()];
            let all = network.inputs.iter().flatten().chain(&network.output);
            all.for_each(|&wire| present[wire as usize] = true);
            present
        };
        let known = |wires: &Wires| -> Wires {
            let present = |wire: &&u32| present[**wire as usize];
            wires.iter().filter(present).copied().collect()
        };
        let mut steps = Vec::with_capacity(plan.pairs().len());
        for (number, &(left, right)) in plan.pairs().iter().enumerate() {
            let result: Wires = match number + 1 == plan.pairs().len() {
                true => network.output.as_slice().into(),
                false => known(&reports[number].result),
            };
            let kernel = Kernel::pair(&wires[left], &wires[right], &result, dim, dtype)?;
            steps.push((left, right, kernel));
            wires.push(result);
        }
        let single = match wires.len() {
            1 => Some(Kernel::single(&wires[0], &network.output, dim, dtype)?),
            _ => None,
        };
        let absent = (network.dims.iter().zip(&present)).filter(|(_, present)| !**present);
        Ok(Self {
            split,
            steps,
            single,
            factor: absent.map(|(&length, _)| length as f64).product(),
            shape,
        })
    }

    fn run(&self, operands: &[&Variable], dtype: DType) -> Result<Variable> {
        let mut tensors: Vec<Option<Variable>> =
            Vec::with_capacity(operands.len() + self.steps.len());
        for (operand, split) in operands.iter().zip(&self.split) {
            tensors.push(Some(operand.cast(dtype)?.reshape(split)?));
        }
        if let (Some(kernel), Some(operand)) = (&self.single, &tensors[0]) {
            let value = Arc::clone(kernel).apply(std::slice::from_ref(operand))?;
            tensors.push(Some(value));
        }
        for (left, right, kernel) in &self.steps {
            let pair: SmallVec<[Variable; 2]> = [left, right]
                .into_iter()
                .filter_map(|&k| tensors[k].take())
                .collect();
            let kernel: Arc<dyn Operation> = Arc::clone(kernel) as _;
            tensors.push(Some(Variable::apply_shared(kernel, pair)?));
        }
        let result = tensors
            .pop()
            .flatten()
            .unwrap_or_else(|| Variable::scalar(1.0, dtype));
        let result = match self.factor == 1.0 {
            true => result,
            false => result.scale(self.factor)?,
        };
        result.reshape(&self.shape)
    }
}

struct Asked {
    text: Box<str>,
    shapes: Vec<Axes>,
    dtype: DType,
}

/// Schedules by a hash of what was asked.
type Schedules = HashMap<u64, (Asked, Arc<Schedule>)>;

static SCHEDULES: LazyLock<Mutex<Schedules>> = LazyLock::new(Mutex::default);

/// The common type of operands, which must be floating point.
fn common_dtype(operation: &'static str, operands: &[&Variable]) -> Result<DType> {
    let mut dtype: Option<DType> = None;
    for (number, operand) in operands.iter().enumerate() {
        if operand.dtype() == DType::I64 {
            return Err(Error::DType {
                operation,
                argument: format!("operand {number}"),
                found: operand.dtype(),
                wanted: "derivatives need f32, f64, c64 or c128; convert it first",
            });
        }
        dtype = Some(dtype.map_or(operand.dtype(), |dtype| dtype.promote(operand.dtype())));
    }
    dtype.ok_or(Error::Count {
        operation,
        what: "operands",
        expected: 1,
        found: 0,
    })
}

/// Evaluates an Einstein summation, planned once for its shapes.
///
/// Notation as of [`einsum()`](tensegrity_contract::einsum()): repeated indices of an operand
/// are diagonals, of the output embedded diagonals; any number of operands may
/// share an index. Reverse mode costs about two contractions for every one of
/// the plan, for all operands together.
///
/// ```
/// use tensegrity_grad::{Variable, einsum, gradients};
/// use tensegrity_tensor::Tensor;
/// let a = Variable::new(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?);
/// let trace = einsum("ij,jk,ki->", &[&a, &a, &a])?;
/// let g = gradients(&trace, &[&a])?.remove(0); // 3·(A²)ᵀ
/// assert_eq!(g.values()?, [21.0, 45.0, 30.0, 66.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Contract`] for a wrong expression or shapes that do not fit it;
/// [`Error::DType`] for integers; [`Error::Count`] without operands.
pub fn einsum(expression: &str, operands: &[&Variable]) -> Result<Variable> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let dtype = common_dtype("einsum", operands)?;
    let mut hasher = DefaultHasher::new();
    expression.hash(&mut hasher);
    (dtype as u32).hash(&mut hasher);
    operands.iter().for_each(|x| x.shape().hash(&mut hasher));
    let hash = hasher.finish();
    let lock = || SCHEDULES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().get(&hash).and_then(|(asked, schedule)| {
        let same = *asked.text == *expression
            && asked.dtype == dtype
            && asked.shapes.len() == operands.len()
            && (asked.shapes.iter().zip(operands)).all(|(s, x)| s.as_slice() == x.shape());
        same.then(|| Arc::clone(schedule))
    });
    if let Some(schedule) = known {
        return schedule.run(operands, dtype);
    }
    let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape()).collect();
    let options = PlanOptions {
        element_bytes: dtype.size() as u32,
        ..PlanOptions::default()
    };
    let planned = Einsum::parse(expression)?.plan(&shapes, &options)?;
    let network = planned.plan().network();
    let split = (network.inputs.iter())
        .map(|wires| {
            wires
                .iter()
                .map(|&w| network.dims[w as usize] as usize)
                .collect()
        })
        .collect();
    let schedule = Arc::new(Schedule::new(
        planned.plan(),
        split,
        planned.shape().into(),
        dtype,
    )?);
    let asked = Asked {
        text: expression.into(),
        shapes: shapes.iter().map(|&shape| shape.into()).collect(),
        dtype,
    };
    let mut known = lock();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(hash, (asked, Arc::clone(&schedule)));
    drop(known);
    schedule.run(operands, dtype)
}

/// Contracts operands by a plan. Wires on the output only are repetitions, as
/// [`Network`] says.
///
/// # Errors
/// [`Error::Contract`] if the operands do not have the shapes planned for;
/// [`Error::DType`] for integers; [`Error::Count`] without operands.
pub fn contract(plan: &Plan, operands: &[&Variable]) -> Result<Variable> {
    let dtype = common_dtype("contract", operands)?;
    let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape()).collect();
    plan.check_shapes(&shapes)?;
    let network = plan.network();
    let shape = (network.output.iter())
        .map(|&w| network.dims[w as usize] as usize)
        .collect();
    let split = shapes.iter().map(|&shape| shape.into()).collect();
    Schedule::new(plan, split, shape, dtype)?.run(operands, dtype)
}

impl Variable {
    /// The matrix product over the last axis of `self` and the last but one of
    /// `other` (the only one of a vector). Leading axes of both are batches and
    /// must be equal, or absent on one side.
    ///
    /// Shapes: `[…, m, k]·[…, k, n] → […, m, n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit; [`Error::DType`] for integers.
    pub fn matmul(&self, other: &Variable) -> Result<Variable> {
        let mismatch = |argument: &str, x: &Variable, wanted: String| Error::Shape {
            operation: "matmul",
            argument: argument.to_owned(),
            found: x.shape().to_vec(),
            wanted,
        };
        for (name, x) in [("the left operand", self), ("the right operand", other)] {
            if x.ndim() == 0 {
                return Err(mismatch(
                    name,
                    x,
                    "it needs one axis or more; use `mul`".into(),
                ));
            }
        }
        let dtype = common_dtype("matmul", &[self, other])?;
        let (m, n) = (self.ndim(), other.ndim());
        let (batch_a, batch_b) = (m.saturating_sub(2), n.saturating_sub(2));
        let batch = batch_a.max(batch_b);
        // Wires: 0 summed, 1 rows, 2 columns, then batches.
        let batches: Wires = (0..batch as u32).map(|wire| wire + 3).collect();
        let mut a: Wires = if batch_a > 0 {
            batches.clone()
        } else {
            Wires::new()
        };
        a.extend((m > 1).then_some(1));
        a.push(0);
        let mut b: Wires = if batch_b > 0 {
            batches.clone()
        } else {
            Wires::new()
        };
        b.push(0);
        b.extend((n > 1).then_some(2));
        let mut lengths: Axes = smallvec![usize::MAX; batch + 3];
        let fits = (batch_a == batch_b || batch_a == 0 || batch_b == 0)
            && (a.iter().zip(self.shape()))
                .chain(b.iter().zip(other.shape()))
                .all(|(&wire, &length)| {
                    let known = &mut lengths[wire as usize];
                    let fits = *known == usize::MAX || *known == length;
                    *known = length;
                    fits
                });
        if !fits {
            let wanted = format!(
                "its last axis but one, and leading axes, must match the left operand of shape {:?}",
                self.shape()
            );
            return Err(mismatch("the right operand", other, wanted));
        }
        let mut c = batches;
        c.extend((m > 1).then_some(1));
        c.extend((n > 1).then_some(2));
        let kernel = Kernel::pair(&a, &b, &c, |wire| lengths[wire as usize], dtype)?;
        kernel.apply(&[self.cast(dtype)?, other.cast(dtype)?])
    }
}
