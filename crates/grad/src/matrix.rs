//! Linear systems: solve, inverse, log-determinant.
//!
//! Every operation is one step with a rule written in products and solves, which
//! are recorded, so derivatives of any order follow (Giles, "Collected matrix
//! derivative results for forward and reverse mode algorithmic differentiation",
//! 2008). Leading axes count matrices.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_contract::pair::Wires;
use tensegrity_linalg::{self as linalg, Triangle};
use tensegrity_tensor::{Array, Axes, DType, Tensor};

use crate::contraction::{Kernel, conjugate};
use crate::formula::Formula;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::stack::{lead, matrix, stacked};
use crate::{Error, Result, Variable};

/// Runs an expression with `$x` bound to the typed tensor in an array of a field.
macro_rules! with_field {
    ($operation:expr, $array:expr, $x:ident => $body:expr) => {
        match $array {
            Array::F32($x) => $body,
            Array::F64($x) => $body,
            Array::C64($x) => $body,
            Array::C128($x) => $body,
            other => Err(Error::DType {
                operation: $operation,
                argument: "the matrix".to_owned(),
                found: other.dtype(),
                wanted: "it needs f32, f64, c64 or c128",
            }),
        }
    };
}
pub(crate) use with_field;

/// The conjugate transpose.
pub(crate) fn adjoint(x: &Variable) -> Result<Variable> {
    conjugate(&x.transpose()?)
}

pub(crate) fn identity(n: usize, dtype: DType) -> Result<Variable> {
    Variable::constant(Tensor::<f64>::eye(n)?).cast(dtype)
}

/// A constant matrix of the numbers `keep(i, j)`.
pub(crate) fn mask(
    shape: [usize; 2],
    dtype: DType,
    keep: impl Fn(usize, usize) -> f64,
) -> Result<Variable> {
    let tensor = Tensor::from_fn(&shape, |at| keep(at[0], at[1]))?;
    Variable::constant(tensor).cast(dtype)
}

/// Lower triangle with a halved diagonal.
pub(crate) fn half_lower(x: &Variable) -> Result<Variable> {
    let n = x.shape()[x.ndim() - 1];
    let weights = mask([n, n], x.dtype(), |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 1.0,
    })?;
    x.mul(&weights)
}

/// (X + Xᴴ)/2.
pub(crate) fn hermitian(x: &Variable) -> Result<Variable> {
    static MEAN: LazyLock<Formula> =
        LazyLock::new(|| (Formula::input(0) + Formula::input(1)) * 0.5);
    MEAN.apply(&[x, &adjoint(x)?])
}

/// Matrices with vectors on their diagonals.
pub(crate) fn diagonal(values: &Variable) -> Result<Variable> {
    let shape: Axes = values.shape().into();
    let wires: Wires = (0..shape.len() as u32).collect();
    let mut both = wires.clone();
    both.extend(wires.last().copied());
    Kernel::single(&wires, &both, |wire| shape[wire as usize], values.dtype())?
        .apply(std::slice::from_ref(values))
}

/// The diagonals of square matrices.
pub(crate) fn diagonal_of(x: &Variable) -> Result<Variable> {
    let shape: Axes = x.shape().into();
    let wires: Wires = (0..shape.len() as u32 - 1).collect();
    let mut both = wires.clone();
    both.extend(wires.last().copied());
    Kernel::single(&both, &wires, |wire| shape[wire as usize], x.dtype())?
        .apply(std::slice::from_ref(x))
}

/// X of A·X = B.
pub(crate) struct Solve {
    /// Which triangle of A is read, or all of it.
    pub triangle: Option<Triangle>,
}

impl Solve {
    pub fn apply(&self, a: &Variable, b: &Variable) -> Result<Variable> {
        let again = Solve {
            triangle: self.triangle,
        };
        Variable::apply(again, &[a.clone(), b.clone()])
    }

    /// The other triangle, for the adjoint.
    fn turned(&self) -> Self {
        Self {
            triangle: self.triangle.map(|triangle| match triangle {
                Triangle::Lower => Triangle::Upper,
                Triangle::Upper => Triangle::Lower,
            }),
        }
    }

    /// A derivative with respect to A, with zeros where A is not read.
    fn read(&self, a: Variable) -> Result<Variable> {
        let [m, n] = [a.shape()[a.ndim() - 2], a.shape()[a.ndim() - 1]];
        let keep = |lower: bool| {
            move |i: usize, j: usize| f64::from(u8::from((i >= j) == lower || i == j))
        };
        match self.triangle {
            None => Ok(a),
            Some(Triangle::Lower) => a.mul(&mask([m, n], a.dtype(), keep(true))?),
            Some(Triangle::Upper) => a.mul(&mask([m, n], a.dtype(), keep(false))?),
        }
    }
}

/// x·yᴴ of matrices or vectors.
fn outer(x: &Variable, y: &Variable) -> Result<Variable> {
    let column = |x: &Variable| match x.ndim() {
        1 => x.reshape(&[x.len(), 1]),
        _ => Ok(x.clone()),
    };
    column(x)?.matmul(&adjoint(&column(y)?)?)
}

impl Operation for Solve {
    fn name(&self) -> &'static str {
        match self.triangle {
            None => "solve",
            Some(_) => "solve_triangular",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            let b = inputs[1].typed()?;
            stacked(self.name(), lead(a.shape()), |number| {
                let (a, b) = (matrix(a, number), matrix(b, number));
                Ok(smallvec![match self.triangle {
                    None => linalg::solve(&a, &b)?,
                    Some(triangle) => linalg::solve_triangular(&a, triangle, &b)?,
                }
                .into()])
            })
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let Some(g) = &cotangents[0] else {
            return Ok(smallvec![None, None]);
        };
        // B̄ = A⁻ᴴ·X̄ and Ā = −B̄·Xᴴ.
        let b = self.turned().apply(&adjoint(&call.inputs[0])?, g)?;
        let a = match wanted[0] {
            true => Some(self.read(outer(&b, &call.outputs[0])?.neg()?)?),
            false => None,
        };
        Ok(smallvec![a, Some(b)])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        // A·Ẋ = Ḃ − Ȧ·X.
        let moved = match &tangents[0] {
            Some(a) => Some(self.read(a.clone())?.matmul(&call.outputs[0])?),
            None => None,
        };
        let right = match (&tangents[1], moved) {
            (Some(b), Some(moved)) => b.sub(&moved)?,
            (Some(b), None) => b.clone(),
            (None, Some(moved)) => moved.neg()?,
            (None, None) => return Ok(smallvec![None]),
        };
        Ok(smallvec![Some(self.apply(&call.inputs[0], &right)?)])
    }
}

/// log |det A|.
struct LogDet;

impl Operation for LogDet {
    fn name(&self) -> &'static str {
        "logdet"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let dtype = match inputs[0].dtype() {
            DType::F32 | DType::C64 => DType::F32,
            _ => DType::F64,
        };
        with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                let log = linalg::log_det(&matrix(a, number))?.1;
                Ok(smallvec![crate::variable::scalar(log, dtype)])
            })
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        Ok(smallvec![match &cotangents[0] {
            Some(g) => {
                let shape: Axes = g.shape().iter().copied().chain([1, 1]).collect();
                Some(adjoint(&call.inputs[0].inverse()?)?.mul(&g.reshape(&shape)?)?)
            }
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        Ok(smallvec![match &tangents[0] {
            Some(t) => {
                let diagonal = diagonal_of(&call.inputs[0].solve(t)?)?.re()?;
                Some(diagonal.sum(&[diagonal.ndim() - 1])?)
            }
            None => None,
        }])
    }
}

impl Variable {
    /// The solution X of A·X = B for square matrices A of shape `[…, n, n]` and
    /// `b` of shape `[…, n, k]`, or `[n]` for a vector. Leading axes are equal, or
    /// absent on one side.
    ///
    /// # Errors
    /// [`Error::Linalg`] for a singular matrix or numbers that are not finite;
    /// [`Error::Shape`]; [`Error::DType`] for integers.
    pub fn solve(&self, b: &Variable) -> Result<Variable> {
        self.solved(None, b)
    }

    /// As [`Variable::solve`], reading only one triangle of A; no derivative
    /// reaches the other.
    ///
    /// # Errors
    /// As [`Variable::solve`].
    pub fn solve_triangular(&self, triangle: Triangle, b: &Variable) -> Result<Variable> {
        self.solved(Some(triangle), b)
    }

    fn solved(&self, triangle: Option<Triangle>, b: &Variable) -> Result<Variable> {
        let solve = Solve { triangle };
        self.check_square(solve.name())?;
        let dtype = self.dtype().promote(b.dtype());
        let (a, b) = (self.cast(dtype)?, b.cast(dtype)?);
        let n = a.shape()[a.ndim() - 1];
        let rows = b.shape().iter().rev().nth(usize::from(b.ndim() > 1));
        let (of_a, of_b) = (lead(a.shape()), lead(b.shape()));
        if rows != Some(&n) || !(of_a == of_b || of_a.is_empty() || of_b.is_empty()) {
            return Err(Error::Shape {
                operation: solve.name(),
                argument: "the right side".to_owned(),
                found: b.shape().to_vec(),
                wanted: format!(
                    "it needs {n} rows, and no leading axes or those of the matrix of shape {:?}",
                    a.shape()
                ),
            });
        }
        if of_a == of_b {
            return solve.apply(&a, &b);
        }
        let columns = if b.ndim() == 1 {
            1
        } else {
            b.shape()[b.ndim() - 1]
        };
        let counted = if of_a.is_empty() { of_b } else { of_a };
        let with = |last: [usize; 2]| -> Axes { counted.iter().copied().chain(last).collect() };
        let right = match b.ndim() {
            1 => b.reshape(&[n, 1])?,
            _ => b.clone(),
        };
        let right = right.broadcast_to(&with([n, columns]))?;
        let x = solve.apply(&a.broadcast_to(&with([n, n]))?, &right)?;
        match b.ndim() {
            1 => x.reshape(&x.shape()[..x.ndim() - 1]),
            _ => Ok(x),
        }
    }

    /// The inverse of a square matrix. Prefer [`Variable::solve`].
    ///
    /// # Errors
    /// As [`Variable::solve`].
    pub fn inverse(&self) -> Result<Variable> {
        self.check_square("inverse")?;
        self.solve(&identity(self.shape()[self.ndim() - 1], self.dtype())?)
    }

    /// log |det A| of a square matrix; −∞ if it is singular, where the derivative
    /// does not exist.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Linalg`] for numbers that are not finite.
    pub fn logdet(&self) -> Result<Variable> {
        self.check_square("logdet")?;
        Variable::apply(LogDet, std::slice::from_ref(self))
    }

    /// Checks that the last two axes are a square matrix.
    pub(crate) fn check_square(&self, operation: &'static str) -> Result<()> {
        self.check_matrices(operation)?;
        match self.shape() {
            [.., m, n] if m == n => Ok(()),
            found => Err(Error::Shape {
                operation,
                argument: "the matrix".to_owned(),
                found: found.to_vec(),
                wanted: "its last two axes must be of equal length".to_owned(),
            }),
        }
    }

    /// Checks that there are two axes or more, of a field.
    pub(crate) fn check_matrices(&self, operation: &'static str) -> Result<()> {
        if self.ndim() < 2 {
            return Err(Error::Shape {
                operation,
                argument: "the matrix".to_owned(),
                found: self.shape().to_vec(),
                wanted: "it needs two axes, or more to count matrices".to_owned(),
            });
        }
        if self.dtype() == DType::I64 {
            return Err(Error::DType {
                operation,
                argument: "the matrix".to_owned(),
                found: self.dtype(),
                wanted: "it needs f32, f64, c64 or c128",
            });
        }
        Ok(())
    }
}
