//! Elementwise expressions as immutable values.

use crate::DType;

/// Operations on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unary {
    /// −x.
    Neg,
    /// |x|; real for complex x.
    Abs,
    /// |x|²; real for complex x.
    Abs2,
    /// √x.
    Sqrt,
    /// eˣ.
    Exp,
    /// Natural logarithm.
    Log,
    /// Hyperbolic tangent.
    Tanh,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// max(x, 0).
    Relu,
    /// Complex conjugate.
    Conj,
    /// Real part.
    Re,
    /// Imaginary part.
    Im,
}

/// Operations on two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binary {
    /// x + y.
    Add,
    /// x − y.
    Sub,
    /// x·y.
    Mul,
    /// x/y; integers are divided as `f64`.
    Div,
    /// The smaller; NaN if either is.
    Min,
    /// The larger; NaN if either is.
    Max,
    /// One if x < y, else zero.
    Less,
    /// One if x ≤ y, else zero.
    LessEqual,
    /// One if x = y, else zero.
    Equal,
}

/// One step of an expression; operands are earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Input(usize),
    /// Bits of the real and the imaginary part: −0 is not 0, NaN is NaN.
    Constant(u64, u64),
    Cast(DType, usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    /// a·b + c, rounded once for real types.
    MulAdd(usize, usize, usize),
    /// b where a is not zero, else c.
    Select(usize, usize, usize),
}

impl Node {
    fn renamed(self, name: impl Fn(usize) -> usize) -> Self {
        match self {
            Node::Input(_) | Node::Constant(..) => self,
            Node::Cast(dtype, a) => Node::Cast(dtype, name(a)),
            Node::Unary(op, a) => Node::Unary(op, name(a)),
            Node::Binary(op, a, b) => Node::Binary(op, name(a), name(b)),
            Node::MulAdd(a, b, c) => Node::MulAdd(name(a), name(b), name(c)),
            Node::Select(a, b, c) => Node::Select(name(a), name(b), name(c)),
        }
    }
}

/// An elementwise expression over numbered inputs.
///
/// Operands of different element types are promoted as by
/// [`DType::promote`]; constants take the type of the other operand. A
/// sub-expression written twice is evaluated once.
///
/// ```
/// use tensegrity_tensor::{Expr, Tensor};
/// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let row = Tensor::from_vec(vec![10.0, 20.0], &[2])?;
/// let value = Expr::input(0) * Expr::input(1) + Expr::input(0);
/// let y: Tensor<f64> = value.eval(&[(&a).into(), (&row).into()])?;
/// assert_eq!(y.as_slice(), [11.0, 42.0, 33.0, 84.0]);
/// # Ok::<(), tensegrity_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Expr {
    pub(super) nodes: Vec<Node>,
    pub(super) root: usize,
}

impl Expr {
    /// Input number `number` of the evaluation.
    pub fn input(number: usize) -> Self {
        Self::leaf(Node::Input(number))
    }

    /// A real number.
    pub fn constant(value: f64) -> Self {
        Self::complex_constant(value, 0.0)
    }

    /// The number `re + i·im`; unless `im` is zero it makes real operands complex.
    pub fn complex_constant(re: f64, im: f64) -> Self {
        Self::leaf(Node::Constant(re.to_bits(), im.to_bits()))
    }

    /// This value as another element type. Real to integer truncates towards
    /// zero and saturates; complex to real is an error (take [`Expr::re`]).
    pub fn cast(self, dtype: DType) -> Self {
        self.then(|a| Node::Cast(dtype, a))
    }

    /// Applies `op`.
    pub fn unary(self, op: Unary) -> Self {
        self.then(|a| Node::Unary(op, a))
    }

    /// Applies `op` to this value and `other`.
    pub fn binary(mut self, op: Binary, other: Expr) -> Self {
        let (a, b) = (self.root, self.absorb(&other));
        self.root = self.intern(Node::Binary(op, a, b));
        self
    }

    /// self·factor + addend, rounded once for real types.
    pub fn mul_add(mut self, factor: Expr, addend: Expr) -> Self {
        let (a, b, c) = (self.root, self.absorb(&factor), self.absorb(&addend));
        self.root = self.intern(Node::MulAdd(a, b, c));
        self
    }

    /// `yes` where this value is not zero, else `no`.
    pub fn select(mut self, yes: Expr, no: Expr) -> Self {
        let (a, b, c) = (self.root, self.absorb(&yes), self.absorb(&no));
        self.root = self.intern(Node::Select(a, b, c));
        self
    }

    fn leaf(node: Node) -> Self {
        Self {
            nodes: vec![node],
            root: 0,
        }
    }

    fn then(mut self, node: impl FnOnce(usize) -> Node) -> Self {
        self.root = self.intern(node(self.root));
        self
    }

    /// The step that computes `node`, which may exist already.
    fn intern(&mut self, node: Node) -> usize {
        let known = self.nodes.iter().position(|&other| other == node);
        known.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    /// Adds the steps of `other`; the result is its root among ours.
    fn absorb(&mut self, other: &Expr) -> usize {
        let mut names = Vec::with_capacity(other.nodes.len());
        for node in &other.nodes {
            let name = self.intern(node.renamed(|operand| names[operand]));
            names.push(name);
        }
        names[other.root]
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident $op:ident)*) => {
        impl Expr {
            $($(#[$doc])* pub fn $name(self) -> Self { self.unary(Unary::$op) })*
        }
    };
}

unary_methods! {
    /// |x|; real for complex x.
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
    /// max(x, 0).
    relu Relu
    /// Complex conjugate; the value itself for real types.
    conj Conj
    /// Real part.
    re Re
    /// Imaginary part.
    im Im
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident $op:ident)*) => {
        impl Expr {
            $($(#[$doc])* pub fn $name(self, other: Expr) -> Self { self.binary(Binary::$op, other) })*
        }
    };
}

binary_methods! {
    /// The smaller; NaN if either is.
    min Min
    /// The larger; NaN if either is.
    max Max
    /// One if x < y, else zero.
    less Less
    /// One if x ≤ y, else zero.
    less_equal LessEqual
    /// One if x = y, else zero.
    equal Equal
}

macro_rules! operators {
    ($($trait:ident $name:ident)*) => {
        $(impl std::ops::$trait for Expr {
            type Output = Expr;
            fn $name(self, other: Expr) -> Expr { self.binary(Binary::$trait, other) }
        }
        impl std::ops::$trait<f64> for Expr {
            type Output = Expr;
            fn $name(self, other: f64) -> Expr {
                self.binary(Binary::$trait, Expr::constant(other))
            }
        })*
    };
}

operators! { Add add Sub sub Mul mul Div div }

impl std::ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.unary(Unary::Neg)
    }
}
