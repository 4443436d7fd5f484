//! Elementwise formulas that know their derivatives.
//!
//! A [`Formula`] is an expression over numbered inputs. Its derivatives are
//! formulas again, so one operation, evaluating a formula in one pass, is closed
//! under differentiation. Derivatives are made once and kept with the formula.

mod derive;
mod lower;
mod sketch;

use std::collections::HashMap;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use smallvec::SmallVec;
use tensegrity_tensor::{Binary, DType, Expr, Prepared, PreparedReduction, Reduction, Unary};

use sketch::Sketch;

/// One step; operands are earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Input(usize),
    /// Bits of real and imaginary part.
    Constant(u64, u64),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    /// The second where the first is not zero, else the third.
    Select(usize, usize, usize),
    /// log(1 + eˣ).
    Softplus(usize),
    /// xᵖ with the bits of p.
    Power(u64, usize),
}

/// An elementwise expression over numbered inputs, evaluated in one pass and
/// differentiable any number of times.
///
/// Inputs broadcast as in NumPy. A formula is built once and used often: it
/// remembers its derivatives.
///
/// ```
/// use tensegrity_grad::{Formula, Variable, gradients};
/// use tensegrity_tensor::Tensor;
/// let (x, w) = (Formula::input(0), Formula::input(1));
/// let swish = x.clone() * (w * x).sigmoid();
/// let x = Variable::new(Tensor::from_vec(vec![-1.0, 0.0, 2.0], &[3])?);
/// let w = Variable::new(Tensor::scalar(1.5_f64));
/// let y = swish.apply(&[&x, &w])?;
/// let g = gradients(&y.sum_all()?, &[&x, &w])?;
/// assert_eq!(g[1].shape(), [0_usize; 0]);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Formula(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    steps: Vec<Step>,
    root: usize,
    expr: OnceLock<Expr>,
    compiled: Mutex<Vec<Compiled>>,
    derivatives: Mutex<HashMap<Question, Option<Derived>>>,
}

/// The formula compiled for types of inputs, with a value of a type (of its
/// natural type if absent), or for sums.
#[derive(Debug)]
struct Compiled {
    inputs: SmallVec<[DType; 4]>,
    value: Option<DType>,
    kernel: Kernel,
}

#[derive(Clone, Debug)]
enum Kernel {
    Values(Arc<Prepared>),
    Sums(Arc<PreparedReduction>),
}

/// Combinations of types a formula is kept compiled for.
const COMPILED: usize = 16;

/// Which derivative, for which inputs being complex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// The cotangent of an input.
    Pullback { input: usize, complex: u64 },
    /// The tangent for tangents of the inputs in a set.
    Pushforward { tangents: u64, complex: u64 },
}

/// Most inputs a formula may have: sets of them are bits, and a derivative has
/// up to twice as many.
pub(crate) const MAX_INPUTS: usize = 31;

/// A derivative and which of the original inputs, the cotangent or tangents it
/// takes, in order.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub formula: Formula,
    pub uses: SmallVec<[usize; 4]>,
}

impl Derived {
    /// Whether both compute the same of the same inputs.
    pub fn is_same(&self, other: &Derived) -> bool {
        let (a, b) = (&self.formula.0, &other.formula.0);
        self.uses == other.uses && a.root == b.root && a.steps == b.steps
    }
}

impl Formula {
    /// Input number `number`.
    pub fn input(number: usize) -> Self {
        Self::leaf(Step::Input(number))
    }

    /// A real number.
    pub fn constant(value: f64) -> Self {
        Self::leaf(Step::Constant(value.to_bits(), 0))
    }

    /// The number `re + i·im`; makes real operands complex unless `im` is zero.
    pub fn complex_constant(re: f64, im: f64) -> Self {
        Self::leaf(Step::Constant(re.to_bits(), im.to_bits()))
    }

    /// log(1 + eˣ), without overflow, and accurate where it is small.
    pub fn softplus(self) -> Self {
        self.then(|sketch, a| sketch.intern(Step::Softplus(a)))
    }

    /// xᵖ. Integer and half-integer powers up to 64 are exact products and
    /// roots; others are exp(p·log x), for positive x.
    pub fn power(self, p: f64) -> Self {
        self.then(|sketch, a| sketch.power(p, a))
    }

    /// `yes` where this value is not zero, else `no`.
    pub fn select(self, yes: Formula, no: Formula) -> Self {
        let mut sketch = Sketch::of(&self.0.steps, 0);
        let (yes, no) = (sketch.absorb(&yes.0), sketch.absorb(&no.0));
        let root = sketch.intern(Step::Select(self.0.root, yes, no));
        Self::new(sketch.steps, root)
    }

    fn leaf(step: Step) -> Self {
        Self::new(vec![step], 0)
    }

    pub(crate) fn new(steps: Vec<Step>, root: usize) -> Self {
        Self(Arc::new(Inner {
            steps,
            root,
            expr: OnceLock::new(),
            compiled: Mutex::default(),
            derivatives: Mutex::default(),
        }))
    }

    fn then(self, step: impl FnOnce(&mut Sketch, usize) -> usize) -> Self {
        let mut sketch = Sketch::of(&self.0.steps, 0);
        let root = step(&mut sketch, self.0.root);
        Self::new(sketch.steps, root)
    }

    fn unary(self, op: Unary) -> Self {
        self.then(|sketch, a| sketch.intern(Step::Unary(op, a)))
    }

    fn binary(self, op: Binary, other: Formula) -> Self {
        let mut sketch = Sketch::of(&self.0.steps, 0);
        let b = sketch.absorb(&other.0);
        let root = sketch.intern(Step::Binary(op, self.0.root, b));
        Self::new(sketch.steps, root)
    }

    /// Number of inputs it takes: one more than the largest number.
    pub(crate) fn arity(&self) -> usize {
        let inputs = self.0.steps.iter().filter_map(|step| match step {
            Step::Input(number) => Some(number + 1),
            _ => None,
        });
        inputs.max().unwrap_or(0)
    }

    /// Whether real inputs may give complex values.
    pub(crate) fn has_complex_constant(&self) -> bool {
        let is_complex =
            |step: &Step| matches!(step, Step::Constant(_, im) if f64::from_bits(*im) != 0.0);
        self.0.steps.iter().any(is_complex)
    }

    /// Whether it is its first input.
    pub(crate) fn is_identity(&self) -> bool {
        self.0.steps[self.0.root] == Step::Input(0)
    }

    /// What evaluates it.
    pub(crate) fn expr(&self) -> &Expr {
        self.0
            .expr
            .get_or_init(|| lower::expression(&self.0.steps, self.0.root))
    }

    /// What computes values of type `value`, or of the natural type.
    pub(crate) fn prepared(
        &self,
        inputs: &[DType],
        value: Option<DType>,
    ) -> Result<Arc<Prepared>, tensegrity_tensor::Error> {
        let find = |compiled: &Compiled| match &compiled.kernel {
            Kernel::Values(kernel) if compiled.value == value && *compiled.inputs == *inputs => {
                Some(Arc::clone(kernel))
            }
            _ => None,
        };
        let lock = || (self.0.compiled.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().iter().find_map(find) {
            return Ok(known);
        }
        let kernel = Arc::new(self.expr().prepare(inputs, value)?);
        self.keep(inputs, value, Kernel::Values(Arc::clone(&kernel)));
        Ok(kernel)
    }

    /// What computes sums.
    pub(crate) fn prepared_sum(
        &self,
        inputs: &[DType],
    ) -> Result<Arc<PreparedReduction>, tensegrity_tensor::Error> {
        let find = |compiled: &Compiled| match &compiled.kernel {
            Kernel::Sums(kernel) if *compiled.inputs == *inputs => Some(Arc::clone(kernel)),
            _ => None,
        };
        let lock = || (self.0.compiled.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().iter().find_map(find) {
            return Ok(known);
        }
        let kernel = Arc::new((self.expr()).prepare_reduction(Reduction::Sum, inputs)?);
        self.keep(inputs, None, Kernel::Sums(Arc::clone(&kernel)));
        Ok(kernel)
    }

    fn keep(&self, inputs: &[DType], value: Option<DType>, kernel: Kernel) {
        let mut known = (self.0.compiled.lock()).unwrap_or_else(PoisonError::into_inner);
        if known.len() >= COMPILED {
            known.clear();
        }
        known.push(Compiled {
            inputs: inputs.into(),
            value,
            kernel,
        });
    }

    /// A derivative; `None` if it is zero.
    pub(crate) fn derivative(&self, question: Question, arity: usize) -> Option<Derived> {
        let mut known = (self.0.derivatives.lock()).unwrap_or_else(PoisonError::into_inner);
        known
            .entry(question)
            .or_insert_with(|| match question {
                Question::Pullback { input, complex } => {
                    derive::pullback(&self.0.steps, self.0.root, arity, input, complex)
                }
                Question::Pushforward { tangents, complex } => {
                    derive::pushforward(&self.0.steps, self.0.root, arity, tangents, complex)
                }
            })
            .clone()
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident $op:ident)*) => {
        impl Formula {
            $($(#[$doc])* pub fn $name(self) -> Self { self.unary(Unary::$op) })*
        }
    };
}

unary_methods! {
    /// |x|; real for complex x. The derivative at zero is taken as zero.
    abs Abs
    /// |x|²; real for complex x.
    abs2 Abs2
    /// √x.
    sqrt Sqrt
    /// eˣ.
    exp Exp
    /// Natural logarithm.
    log Log
    /// Hyperbolic tangent.
    tanh Tanh
    /// Sine.
    sin Sin
    /// Cosine.
    cos Cos
    /// 1/(1 + e⁻ˣ).
    sigmoid Sigmoid
    /// max(x, 0). The derivative at zero is taken as zero.
    relu Relu
    /// Complex conjugate.
    conj Conj
    /// Real part.
    re Re
    /// Imaginary part.
    im Im
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident $op:ident)*) => {
        impl Formula {
            $($(#[$doc])* pub fn $name(self, other: Formula) -> Self { self.binary(Binary::$op, other) })*
        }
    };
}

binary_methods! {
    /// The smaller; of equal ones both get half the derivative.
    min Min
    /// The larger; of equal ones both get half the derivative.
    max Max
    /// One if x < y, else zero; its derivative is zero.
    less Less
    /// One if x ≤ y, else zero; its derivative is zero.
    less_equal LessEqual
    /// One if x = y, else zero; its derivative is zero.
    equal Equal
}

macro_rules! operators {
    ($($trait:ident $name:ident)*) => {
        $(impl $trait for Formula {
            type Output = Formula;
            fn $name(self, other: Formula) -> Formula { self.binary(Binary::$trait, other) }
        }
        impl $trait<f64> for Formula {
            type Output = Formula;
            fn $name(self, other: f64) -> Formula { self.binary(Binary::$trait, Formula::constant(other)) }
        })*
    };
}

operators! { Add add Sub sub Mul mul Div div }

impl Neg for Formula {
    type Output = Formula;
    fn neg(self) -> Formula {
        self.unary(Unary::Neg)
    }
}
