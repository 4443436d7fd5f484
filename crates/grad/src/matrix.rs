//! Matrices: solve, inverse, log-determinant, Cholesky, QR.
//!
//! Every factorisation is one step with a rule written in products and solves,
//! which are recorded, so derivatives of any order follow. Rules: Giles,
//! "Collected matrix derivative results for forward and reverse mode algorithmic
//! differentiation" (2008); Seeger et al., arXiv:1710.08717; Liao et al.,
//! arXiv:1903.09650.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_linalg::{self as linalg, Triangle};
use tensegrity_tensor::{Array, DType, Tensor};

use crate::contraction::{Kernel, conjugate};
use crate::formula::Formula;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::spectrum::{Eigh, Svd};
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
fn half_lower(x: &Variable) -> Result<Variable> {
    let n = x.shape()[0];
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

/// A matrix with a vector on its diagonal.
pub(crate) fn diagonal(values: &Variable) -> Result<Variable> {
    let n = values.len();
    Kernel::single(&[0], &[0, 0], |_| n, values.dtype())?.apply(std::slice::from_ref(values))
}

/// The diagonal of a square matrix.
pub(crate) fn diagonal_of(x: &Variable) -> Result<Variable> {
    let n = x.shape()[0];
    Kernel::single(&[0, 0], &[0], |_| n, x.dtype())?.apply(std::slice::from_ref(x))
}

/// X of A·X = B.
struct Solve {
    /// Which triangle of A is read, or all of it.
    triangle: Option<Triangle>,
}

impl Solve {
    fn apply(&self, a: &Variable, b: &Variable) -> Result<Variable> {
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
        let [m, n] = [a.shape()[0], a.shape()[1]];
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
        Ok(smallvec![with_field!(self.name(), inputs[0], a => {
            let b = inputs[1].typed()?;
            Ok(match self.triangle {
                None => linalg::solve(&a.view(), &b.view())?,
                Some(triangle) => linalg::solve_triangular(&a.view(), triangle, &b.view())?,
            }
            .into())
        })?])
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
        let log = with_field!(self.name(), inputs[0], a => Ok(linalg::log_det(&a.view())?.1))?;
        let dtype = match inputs[0].dtype() {
            DType::F32 | DType::C64 => DType::F32,
            _ => DType::F64,
        };
        Ok(smallvec![crate::variable::scalar(log, dtype)])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        Ok(smallvec![match &cotangents[0] {
            Some(g) => Some(adjoint(&call.inputs[0].inverse()?)?.mul(g)?),
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        Ok(smallvec![match &tangents[0] {
            Some(t) => Some(diagonal_of(&call.inputs[0].solve(t)?)?.re()?.sum_all()?),
            None => None,
        }])
    }
}

/// A = L·Lᴴ.
struct Cholesky;

impl Operation for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![
            with_field!(self.name(), inputs[0], a => Ok(linalg::cholesky(&a.view())?.into()))?
        ])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let Some(g) = &cotangents[0] else {
            return Ok(smallvec![None]);
        };
        // Ā = sym(L⁻ᴴ·Φ(Lᴴ·L̄)·L⁻¹).
        let l = &call.outputs[0];
        let upper = adjoint(l)?;
        let s = half_lower(&upper.matmul(g)?)?;
        let solve = Solve {
            triangle: Some(Triangle::Upper),
        };
        let left = solve.apply(&upper, &s)?;
        let both = adjoint(&solve.apply(&upper, &adjoint(&left)?)?)?;
        Ok(smallvec![Some(hermitian(&both)?)])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None]);
        };
        // L̇ = L·Φ(L⁻¹·Ȧ·L⁻ᴴ).
        let l = &call.outputs[0];
        let solve = Solve {
            triangle: Some(Triangle::Lower),
        };
        let left = solve.apply(l, &hermitian(t)?)?;
        let both = adjoint(&solve.apply(l, &adjoint(&left)?)?)?;
        Ok(smallvec![Some(l.matmul(&half_lower(&both)?)?)])
    }
}

/// A = Q·R, for a real matrix of full column rank.
struct Qr;

impl Operation for Qr {
    fn name(&self) -> &'static str {
        "qr"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            let qr = linalg::qr(&a.view())?;
            Ok(smallvec![qr.q.into(), qr.r.into()])
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [q, r] = [&call.outputs[0], &call.outputs[1]];
        // M = R·R̄ᵀ − Q̄ᵀ·Q; Ā = (Q̄ + Q·copyltu(M))·R⁻ᵀ.
        let mut m: Option<Variable> = None;
        if let Some(g) = &cotangents[1] {
            m = Some(r.matmul(&g.transpose()?)?);
        }
        if let Some(g) = &cotangents[0] {
            let part = g.transpose()?.matmul(q)?;
            m = Some(match m {
                Some(m) => m.sub(&part)?,
                None => part.neg()?,
            });
        }
        let Some(m) = m else {
            return Ok(smallvec![None]);
        };
        let lower = half_lower(&m)?;
        let mut left = q.matmul(&lower.add(&lower.transpose()?)?)?;
        if let Some(g) = &cotangents[0] {
            left = left.add(g)?;
        }
        // X = left·R⁻ᵀ is the transpose of R⁻¹·leftᵀ.
        let solve = Solve {
            triangle: Some(Triangle::Upper),
        };
        Ok(smallvec![Some(
            solve.apply(r, &left.transpose()?)?.transpose()?
        )])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None]);
        };
        let [q, r] = [&call.outputs[0], &call.outputs[1]];
        // With C = Ȧ·R⁻¹ and B = Qᵀ·C the skew part of Q̇ is Ω = L − Lᵀ, L the
        // strict lower triangle of B; Q̇ = C − Q·(B − Ω), Ṙ = (B − Ω)·R.
        let solve = Solve {
            triangle: Some(Triangle::Lower),
        };
        let c = solve.apply(&r.transpose()?, &t.transpose()?)?.transpose()?;
        let b = q.transpose()?.matmul(&c)?;
        let n = b.shape()[0];
        let strict = mask([n, n], b.dtype(), |i, j| f64::from(u8::from(i > j)))?;
        let lower = b.mul(&strict)?;
        let rest = b.sub(&lower.sub(&lower.transpose()?)?)?;
        let moved_q = c.sub(&q.matmul(&rest)?)?;
        Ok(smallvec![Some(moved_q), Some(rest.matmul(r)?)])
    }
}

impl Variable {
    /// The solution X of A·X = B for a square matrix A; `b` has shape `[n]` or
    /// `[n, k]`.
    ///
    /// # Errors
    /// [`Error::Linalg`] for a singular matrix, shapes that do not fit, or
    /// numbers that are not finite; [`Error::DType`] for integers.
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
        let dtype = self.dtype().promote(b.dtype());
        Solve { triangle }.apply(&self.cast(dtype)?, &b.cast(dtype)?)
    }

    /// The inverse of a square matrix. Prefer [`Variable::solve`].
    ///
    /// # Errors
    /// As [`Variable::solve`].
    pub fn inverse(&self) -> Result<Variable> {
        self.check_square("inverse")?;
        self.solve(&identity(self.shape()[0], self.dtype())?)
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

    /// The lower triangular L with A = L·Lᴴ for a Hermitian positive definite
    /// matrix, of which only the lower triangle is read. Its derivative is that
    /// along Hermitian matrices.
    ///
    /// # Errors
    /// [`Error::Linalg`] if the matrix is not positive definite.
    pub fn cholesky(&self) -> Result<Variable> {
        self.check_square("cholesky")?;
        Variable::apply(Cholesky, std::slice::from_ref(self))
    }

    /// The thin factors Q and R, with positive diagonal, of a real m×n matrix of
    /// full column rank, m ≥ n.
    ///
    /// # Errors
    /// [`Error::Shape`] for m < n; [`Error::DType`] for complex matrices;
    /// [`Error::Linalg`].
    pub fn qr(&self) -> Result<(Variable, Variable)> {
        self.check_matrix("qr")?;
        if self.shape()[0] < self.shape()[1] {
            return Err(Error::Shape {
                operation: "qr",
                argument: "the matrix".to_owned(),
                found: self.shape().to_vec(),
                wanted: "it needs as many rows as columns or more; factor its transpose".to_owned(),
            });
        }
        let mut parts = Variable::apply_all(Qr, std::slice::from_ref(self))?.into_iter();
        Ok((
            self.part("qr", parts.next())?,
            self.part("qr", parts.next())?,
        ))
    }

    /// The eigenvalues, ascending, and eigenvectors, as columns, of a real
    /// symmetric matrix, of which only the lower triangle is read. Its derivative
    /// is that along symmetric matrices.
    ///
    /// # Errors
    /// [`Error::DType`] for complex matrices; [`Error::Linalg`].
    pub fn eigh(&self) -> Result<(Variable, Variable)> {
        self.check_matrix("eigh")?;
        let mut parts = Variable::apply_all(Eigh, std::slice::from_ref(self))?.into_iter();
        Ok((
            self.part("eigh", parts.next())?,
            self.part("eigh", parts.next())?,
        ))
    }

    /// The thin factors U, s (descending) and Vᵀ of a real matrix.
    ///
    /// # Errors
    /// [`Error::DType`] for complex matrices; [`Error::Linalg`].
    pub fn svd(&self) -> Result<(Variable, Variable, Variable)> {
        self.check_matrix("svd")?;
        let mut parts = Variable::apply_all(Svd, std::slice::from_ref(self))?.into_iter();
        Ok((
            self.part("svd", parts.next())?,
            self.part("svd", parts.next())?,
            self.part("svd", parts.next())?,
        ))
    }

    fn part(&self, operation: &'static str, part: Option<Variable>) -> Result<Variable> {
        part.ok_or_else(|| Error::Rule {
            operation,
            problem: "a factor is missing".to_owned(),
        })
    }

    pub(crate) fn check_square(&self, operation: &'static str) -> Result<()> {
        match self.shape() {
            [m, n] if m == n => Ok(()),
            found => Err(Error::Shape {
                operation,
                argument: "the matrix".to_owned(),
                found: found.to_vec(),
                wanted: "it needs two axes of equal length".to_owned(),
            }),
        }
    }

    fn check_matrix(&self, operation: &'static str) -> Result<()> {
        if self.ndim() != 2 {
            return Err(Error::Shape {
                operation,
                argument: "the matrix".to_owned(),
                found: self.shape().to_vec(),
                wanted: "it needs two axes".to_owned(),
            });
        }
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(Error::DType {
                operation,
                argument: "the matrix".to_owned(),
                found: self.dtype(),
                wanted: "derivatives of its factors are known for f32 and f64",
            });
        }
        Ok(())
    }
}
