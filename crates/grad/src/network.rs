//! Networks of contractions.
//!
//! A network is contracted in the order of its plan, every pair a step of the
//! recorded computation. Reverse mode over those steps is reverse mode on the
//! contraction tree: each pair `a·b → c` gives the pairs `c̄·b* → ā` and
//! `a*·c̄ → b̄`, and all gradients share their subtrees.
//!
//! Within a limit of memory, the most that forward and reverse pass hold is
//! computed before anything runs ([`gradient_memory`]). If it is too much, the
//! network is planned again for a small peak, and intermediates are computed again
//! on the way back instead of being kept, until it fits.

mod segment;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tensegrity_contract::pair::Wires;
use tensegrity_contract::{Einsum, Objective, Plan, PlanOptions, Program};
use tensegrity_tensor::{Axes, DType, Strides, row_major};

use crate::contraction::{Kernel, common_dtype};
use crate::{Error, Result, Variable};
use segment::Segments;

/// Schedules that are remembered.
const REMEMBERED: usize = 4096;

/// Two tensors and the kernel that contracts them.
type Step = (usize, usize, Arc<Kernel>);

/// A network, its plan, and a kernel for every pair.
struct Schedule {
    /// Shapes the network sees operands in.
    split: Vec<Axes>,
    /// Operands are tensors 0, 1, …, the result of step k is the k-th after them.
    segments: Segments,
    /// The contraction of a single operand.
    single: Option<Arc<Kernel>>,
    /// Product of the lengths of wires on no tensor.
    factor: f64,
    shape: Axes,
    dtype: DType,
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
        let mut steps: Vec<Step> = Vec::with_capacity(plan.pairs().len());
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
            segments: Segments::whole(network.inputs.len(), steps),
            split,
            single,
            factor: absent.map(|(&length, _)| length as f64).product(),
            shape,
            dtype,
        })
    }

    /// Bytes that forward and reverse pass hold at most, operands not counted.
    fn peak(&self) -> Result<u64> {
        match &self.single {
            Some(kernel) => segment::peak_of_one(kernel),
            None => self.segments.peak(),
        }
    }

    /// With as few intermediates computed again as hold the limit.
    fn within(mut self, limit: u64) -> Result<Self> {
        if self.single.is_none() {
            self.segments.fit(limit)?;
        }
        Ok(self)
    }

    fn run(&self, operands: &[&Variable]) -> Result<Variable> {
        let mut tensors: Vec<Option<Variable>> = Vec::with_capacity(operands.len());
        for (operand, split) in operands.iter().zip(&self.split) {
            tensors.push(Some(operand.cast(self.dtype)?.reshape(split)?));
        }
        let result = match (&self.single, tensors.as_slice()) {
            (Some(kernel), [Some(operand)]) => {
                Some(Arc::clone(kernel).apply(std::slice::from_ref(operand))?)
            }
            _ => self.segments.run(tensors)?,
        };
        let result = result.unwrap_or_else(|| Variable::scalar(1.0, self.dtype));
        let result = match self.factor == 1.0 {
            true => result,
            false => result.scale(self.factor)?,
        };
        result.reshape(&self.shape)
    }
}

#[derive(PartialEq)]
struct Asked {
    text: Box<str>,
    shapes: Vec<Axes>,
    dtype: DType,
    limit: Option<u64>,
}

/// Schedules by a hash of what was asked.
type Schedules = HashMap<u64, (Asked, Arc<Schedule>)>;

static SCHEDULES: LazyLock<Mutex<Schedules>> = LazyLock::new(Mutex::default);

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
    evaluated("einsum", expression, operands, None)
}

/// As [`einsum()`], such that value and gradients together hold at most `limit`
/// bytes, as [`gradient_memory`] counts them, when the gradients are taken by
/// [`backward`](crate::backward) or while nothing is recorded.
///
/// If the fastest plan needs more, a plan with a smaller peak is tried, and then
/// intermediates are computed again on the way back; the cheapest of what fits is
/// taken. Higher derivatives work, without a bound on their memory.
///
/// # Errors
/// As [`einsum()`]; [`Error::Contract`] with the bytes needed if nothing fits.
pub fn einsum_within(expression: &str, operands: &[&Variable], limit: u64) -> Result<Variable> {
    evaluated("einsum_within", expression, operands, Some(limit))
}

fn evaluated(
    operation: &'static str,
    expression: &str,
    operands: &[&Variable],
    limit: Option<u64>,
) -> Result<Variable> {
    let dtype = common_dtype(operation, operands)?;
    let mut hasher = DefaultHasher::new();
    expression.hash(&mut hasher);
    (dtype as u32, limit).hash(&mut hasher);
    operands.iter().for_each(|x| x.shape().hash(&mut hasher));
    let hash = hasher.finish();
    let lock = || SCHEDULES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().get(&hash).and_then(|(asked, schedule)| {
        let same = *asked.text == *expression
            && asked.dtype == dtype
            && asked.limit == limit
            && asked.shapes.len() == operands.len()
            && (asked.shapes.iter().zip(operands)).all(|(s, x)| s.as_slice() == x.shape());
        same.then(|| Arc::clone(schedule))
    });
    if let Some(schedule) = known {
        return schedule.run(operands);
    }
    let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape()).collect();
    let schedule = Arc::new(planned(expression, &shapes, dtype, limit)?);
    let asked = Asked {
        text: expression.into(),
        shapes: shapes.iter().map(|&shape| shape.into()).collect(),
        dtype,
        limit,
    };
    let mut known = lock();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(hash, (asked, Arc::clone(&schedule)));
    drop(known);
    schedule.run(operands)
}

fn planned(
    expression: &str,
    shapes: &[&[usize]],
    dtype: DType,
    limit: Option<u64>,
) -> Result<Schedule> {
    let parsed = Einsum::parse(expression)?;
    let schedule = |minimize: Objective| -> Result<Schedule> {
        let options = PlanOptions {
            element_bytes: dtype.size() as u32,
            minimize,
            ..PlanOptions::default()
        };
        let planned = parsed.plan(shapes, &options)?;
        let network = planned.plan().network();
        let lengths = |wires: &Vec<u32>| -> Axes {
            let lengths = wires.iter().map(|&w| network.dims[w as usize] as usize);
            lengths.collect()
        };
        let split = network.inputs.iter().map(lengths).collect();
        Schedule::new(planned.plan(), split, planned.shape().into(), dtype)
    };
    let fastest = schedule(PlanOptions::default().minimize)?;
    let Some(limit) = limit else {
        return Ok(fastest);
    };
    if fastest.peak()? <= limit {
        return Ok(fastest);
    }
    let smallest = schedule(Objective::Peak)?;
    match (fastest.within(limit), smallest.within(limit)) {
        (Ok(a), Ok(b)) => match a.segments.work() <= b.segments.work() {
            true => Ok(a),
            false => Ok(b),
        },
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        (Err(Error::Contract(a)), Err(Error::Contract(b))) => Err(segment::lesser(a, b).into()),
        (Err(error), Err(_)) => Err(error),
    }
}

fn of_plan(operation: &'static str, plan: &Plan, operands: &[&Variable]) -> Result<Schedule> {
    let dtype = common_dtype(operation, operands)?;
    let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape()).collect();
    plan.check_shapes(&shapes)?;
    let network = plan.network();
    let shape = (network.output.iter())
        .map(|&w| network.dims[w as usize] as usize)
        .collect();
    let split = shapes.iter().map(|&shape| shape.into()).collect();
    Schedule::new(plan, split, shape, dtype)
}

/// Contracts operands by a plan. Wires on the output only are repetitions, as
/// [`Network`](tensegrity_diagram::Network) says.
///
/// # Errors
/// [`Error::Contract`] if the operands do not have the shapes planned for;
/// [`Error::DType`] for integers; [`Error::Count`] without operands.
pub fn contract(plan: &Plan, operands: &[&Variable]) -> Result<Variable> {
    of_plan("contract", plan, operands)?.run(operands)
}

/// As [`contract`], such that value and gradients together hold at most `limit`
/// bytes, as [`einsum_within`]; the order of the plan is kept.
///
/// # Errors
/// As [`contract`]; [`Error::Contract`] with the bytes needed if nothing fits.
pub fn contract_within(plan: &Plan, operands: &[&Variable], limit: u64) -> Result<Variable> {
    let schedule = of_plan("contract_within", plan, operands)?;
    schedule.within(limit)?.run(operands)
}

/// Bytes that forward and reverse pass of [`contract`] hold at most: intermediates,
/// result, cotangents with that of the result, the gradients of all operands, and
/// copies that kernels make; but not the operands, nor the few MiB of packing
/// buffers a thread has.
///
/// # Errors
/// As [`contract`].
pub fn gradient_memory(plan: &Plan, operands: &[&Variable]) -> Result<u64> {
    of_plan("gradient_memory", plan, operands)?.peak()
}
