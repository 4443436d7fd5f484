//! Values that remember how they were computed.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::{SmallVec, smallvec};
use tensegrity_tensor::{Array, DType, Element, Tensor, c64, c128};

use crate::operation::{Call, Operation, Values};
use crate::{Error, Result};

/// A tensor that remembers how it was computed, as far as derivatives need it.
///
/// A variable is a shared, immutable node: an operation, the variables it was
/// applied to, and its value, which is computed at once. Cloning shares. What is
/// computed from constants only is a constant, and keeps nothing but its value;
/// memory of a computation is freed when the last variable that depends on it
/// goes.
///
/// ```
/// use tensegrity_grad::{Variable, gradients};
/// use tensegrity_tensor::Tensor;
/// let x = Variable::new(Tensor::from_vec(vec![1.0, 2.0, 3.0], &[3])?);
/// let loss = x.sin()?.mul(&x)?.sum_all()?;
/// let g = gradients(&loss, &[&x])?.remove(0);
/// assert!((g.values()?[1] - (2.0_f64.sin() + 2.0 * 2.0_f64.cos())).abs() < 1e-15);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
#[derive(Clone)]
pub struct Variable {
    node: Arc<Node>,
    output: u32,
}

/// One step of a computation.
pub(crate) struct Node {
    /// Nodes are numbered in the order they are made, so parents come first.
    number: u64,
    /// Absent for leaves and constants.
    operation: Option<Arc<dyn Operation>>,
    parents: SmallVec<[Variable; 2]>,
    values: Values,
    tracked: bool,
}

static NUMBERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Runs `work` with recording on or off, and restores the setting.
fn with_recording<R>(on: bool, work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _restore = Restore(RECORDING.replace(on));
    work()
}

/// Runs `work` without recording: what it computes are constants, and
/// derivatives taken inside it are not recorded for further derivatives, which
/// frees their memory as they are computed. Holds for this thread.
///
/// ```
/// use tensegrity_grad::{Variable, grad, unrecorded};
/// use tensegrity_tensor::Tensor;
/// let x = Variable::new(Tensor::scalar(3.0_f64));
/// let square = |x: &[Variable]| x[0].mul(&x[0]);
/// let g = unrecorded(|| grad(square)(&[x]))?;
/// assert!(!g[0].is_recorded());
/// assert_eq!(g[0].item()?, 6.0);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
pub fn unrecorded<R>(work: impl FnOnce() -> R) -> R {
    with_recording(false, work)
}

pub(crate) fn recorded<R>(work: impl FnOnce() -> R) -> R {
    with_recording(true, work)
}

/// Whether what is computed now is recorded.
pub(crate) fn is_recording() -> bool {
    RECORDING.get()
}

impl Variable {
    /// A variable derivatives can be taken with respect to.
    #[must_use]
    pub fn new(value: impl Into<Array>) -> Self {
        Self::leaf(value.into(), true)
    }

    /// A constant: no derivative reaches it.
    #[must_use]
    pub fn constant(value: impl Into<Array>) -> Self {
        Self::leaf(value.into(), false)
    }

    /// A constant without axes, of type `dtype`.
    #[must_use]
    pub fn scalar(value: f64, dtype: DType) -> Self {
        Self::constant(scalar(value, dtype))
    }

    /// Zeros of a shape and type.
    ///
    /// # Errors
    /// [`Error::Tensor`] if no memory holds it.
    pub fn zeros(shape: &[usize], dtype: DType) -> Result<Self> {
        Ok(Self::constant(full(shape, 0.0, dtype)?))
    }

    /// Ones of a shape and type.
    ///
    /// # Errors
    /// [`Error::Tensor`] if no memory holds it.
    pub fn ones(shape: &[usize], dtype: DType) -> Result<Self> {
        Ok(Self::constant(full(shape, 1.0, dtype)?))
    }

    fn leaf(value: Array, tracked: bool) -> Self {
        Self {
            node: Arc::new(Node {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                operation: None,
                parents: SmallVec::new(),
                values: smallvec![value],
                tracked,
            }),
            output: 0,
        }
    }

    /// Applies an operation with one result.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn apply(operation: impl Operation, inputs: &[Variable]) -> Result<Variable> {
        Self::apply_shared(Arc::new(operation), inputs.into())
    }

    /// Applies an operation, and gives all its results.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn apply_all(operation: impl Operation, inputs: &[Variable]) -> Result<Vec<Variable>> {
        let first = Self::apply_shared(Arc::new(operation), inputs.into())?;
        Ok(first.node.outputs().into_vec())
    }

    pub(crate) fn apply_shared(
        operation: Arc<dyn Operation>,
        inputs: SmallVec<[Variable; 2]>,
    ) -> Result<Variable> {
        let values = {
            let arrays: SmallVec<[&Array; 4]> = inputs.iter().map(Variable::value).collect();
            operation.forward(&arrays)?
        };
        if values.is_empty() {
            return Err(Error::Rule {
                operation: operation.name(),
                problem: "`forward` gave no value; it must give one or more".to_owned(),
            });
        }
        let tracked = is_recording() && inputs.iter().any(|input| input.node.tracked);
        let (operation, parents) = match tracked {
            true => (Some(operation), inputs),
            false => (None, SmallVec::new()),
        };
        Ok(Self {
            node: Arc::new(Node {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                operation,
                parents,
                values,
                tracked,
            }),
            output: 0,
        })
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Array {
        &self.node.values[self.output as usize]
    }

    /// The value; no copy unless it is shared.
    #[must_use]
    pub fn into_value(self) -> Array {
        self.value().clone()
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value().shape()
    }

    /// Number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.value().len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.value().dtype()
    }

    pub(crate) fn is_complex(&self) -> bool {
        is_complex(self.dtype())
    }

    /// Whether derivatives reach it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.node.tracked
    }

    /// The elements in row-major order, of a variable of type `f64`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for another type.
    pub fn values(&self) -> Result<&[f64]> {
        Ok(self.value().typed::<f64>()?.as_slice())
    }

    /// The only element of a real variable, as `f64`.
    ///
    /// # Errors
    /// [`Error::NotScalar`] if there are more elements or they are complex.
    pub fn item(&self) -> Result<f64> {
        match self.value() {
            Array::F64(x) if x.len() == 1 => Ok(x.as_slice()[0]),
            Array::F32(x) if x.len() == 1 => Ok(f64::from(x.as_slice()[0])),
            other => Err(Error::NotScalar {
                operation: "item",
                shape: other.shape().to_vec(),
                dtype: other.dtype(),
            }),
        }
    }

    /// The same value as a constant: derivatives stop here.
    #[must_use]
    pub fn stop_gradient(&self) -> Variable {
        Variable::constant(self.value().clone())
    }

    /// Whether both are the same result of the same step.
    #[must_use]
    pub fn is_same(&self, other: &Variable) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && self.output == other.output
    }

    /// Adds a value of the same shape and type to this one, if neither is recorded
    /// and nobody else can see it change; otherwise gives `false`.
    pub(crate) fn add_in_place(&mut self, other: &Variable) -> bool {
        fn add<T: Element>(x: &mut Tensor<T>, y: &Tensor<T>) -> bool {
            let Some(elements) = x.exclusive() else {
                return false;
            };
            for (x, &y) in elements.iter_mut().zip(y.as_slice()) {
                *x = x.add(y);
            }
            true
        }
        if other.node.tracked || self.shape() != other.shape() {
            return false;
        }
        let Some(node) = Arc::get_mut(&mut self.node).filter(|node| !node.tracked) else {
            return false;
        };
        match (&mut node.values[self.output as usize], other.value()) {
            (Array::F32(x), Array::F32(y)) => add(x, y),
            (Array::F64(x), Array::F64(y)) => add(x, y),
            (Array::C64(x), Array::C64(y)) => add(x, y),
            (Array::C128(x), Array::C128(y)) => add(x, y),
            _ => false,
        }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(crate) fn output(&self) -> usize {
        self.output as usize
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &self.node.operation {
            Some(operation) => operation.name(),
            None if self.node.tracked => "variable",
            None => "constant",
        };
        write!(f, "{how} {:?} {}", self.shape(), self.dtype())
    }
}

impl Node {
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn operation(&self) -> Option<&dyn Operation> {
        self.operation.as_deref()
    }

    pub fn parents(&self) -> &[Variable] {
        &self.parents
    }

    pub fn tracked(&self) -> bool {
        self.tracked
    }

    pub fn values(&self) -> &[Array] {
        &self.values
    }

    /// The results as variables.
    pub fn outputs(self: &Arc<Self>) -> SmallVec<[Variable; 1]> {
        (0..self.values.len() as u32)
            .map(|output| Variable {
                node: Arc::clone(self),
                output,
            })
            .collect()
    }

    /// The call this node records.
    pub fn call<'a>(&'a self, outputs: &'a [Variable]) -> Call<'a> {
        Call {
            inputs: &self.parents,
            outputs,
        }
    }
}

impl Drop for Node {
    /// Frees a chain of nodes in a loop: recursion would overflow the stack on
    /// computations of some ten thousand steps.
    fn drop(&mut self) {
        let mut waiting = std::mem::take(&mut self.parents);
        while let Some(variable) = waiting.pop() {
            if let Some(mut node) = Arc::into_inner(variable.node) {
                waiting.extend(std::mem::take(&mut node.parents));
            }
        }
    }
}

pub(crate) fn is_complex(dtype: DType) -> bool {
    matches!(dtype, DType::C64 | DType::C128)
}

/// A value without axes.
pub(crate) fn scalar(value: f64, dtype: DType) -> Array {
    match dtype {
        DType::F32 => Tensor::scalar(value as f32).into(),
        DType::C64 => Tensor::scalar(c64::new(value as f32, 0.0)).into(),
        DType::C128 => Tensor::scalar(c128::new(value, 0.0)).into(),
        _ => Tensor::scalar(value).into(),
    }
}

fn full(shape: &[usize], value: f64, dtype: DType) -> Result<Array> {
    fn of<T: Element>(shape: &[usize], value: T) -> Result<Array> {
        Ok(Tensor::full(shape, value)?.into())
    }
    match dtype {
        DType::F32 => of(shape, value as f32),
        DType::C64 => of(shape, c64::new(value as f32, 0.0)),
        DType::C128 => of(shape, c128::new(value, 0.0)),
        _ => of(shape, value),
    }
}
