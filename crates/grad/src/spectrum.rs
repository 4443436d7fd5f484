//! Eigenvalues and singular values with their vectors.
//!
//! Vectors are fixed by a convention (the entry of largest magnitude is real and
//! positive), and so are their derivatives, also of complex matrices: there the
//! phase that keeps that entry real is part of the rule. Leading axes count
//! matrices.
//!
//! Where a derivative divides by differences of eigenvalues or of squared singular
//! values, 1/x is x/(x² + ε²), see [`Gaps`]: derivatives of coinciding pairs are
//! finite, and exact for results that do not depend on the choice of vectors.
//!
//! Rules: Giles, "Collected matrix derivative results for forward and reverse mode
//! algorithmic differentiation" (2008); for complex singular vectors Wan and Zhang,
//! arXiv:1909.02659; for truncated ones Liao et al., arXiv:1903.09650.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_linalg as linalg;
use tensegrity_tensor::{Array, DType, Real, Scalar, Tensor};

use crate::formula::Formula;
use crate::gap::{Gaps, as_column, as_row};
use crate::matrix::{adjoint, diagonal, diagonal_of, hermitian, identity, with_field};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::stack::{lead, matrix, stacked};
use crate::{Error, Result, Variable};

/// What derivatives of a truncated decomposition take into account of the part
/// that is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discarded {
    /// All of it: exact; the derivatives work with the whole decomposition.
    #[default]
    Exact,
    /// Nothing, as if it were zero: an error of the size of σₖ₊₁/σₖ. Derivatives
    /// then work with the part that is kept only; the value is still cut from the
    /// whole decomposition.
    Ignored,
}

/// What is computed of a singular value decomposition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SvdOptions {
    /// How many of the largest singular values are kept; all if absent.
    pub rank: Option<usize>,
    /// How derivatives treat the others.
    pub discarded: Discarded,
    /// How derivatives treat values that nearly coincide.
    pub gaps: Gaps,
}

/// x + i·y·z, or minus.
fn plus_i(x: &Variable, y: &Variable, z: &Variable, sign: f64) -> Result<Variable> {
    static PLUS: LazyLock<Formula> = LazyLock::new(|| {
        let i = Formula::complex_constant(0.0, 1.0);
        Formula::input(0) + i * Formula::input(1) * Formula::input(2)
    });
    static MINUS: LazyLock<Formula> = LazyLock::new(|| {
        let i = Formula::complex_constant(0.0, 1.0);
        Formula::input(0) - i * Formula::input(1) * Formula::input(2)
    });
    let formula = if sign > 0.0 { &PLUS } else { &MINUS };
    formula.apply(&[x, y, z])
}

/// The phases of complex vectors (columns): in each the leading entry is real.
struct Phases {
    /// One at the leading entry of every column.
    leading: Variable,
    /// These entries.
    entries: Variable,
}

impl Phases {
    fn new(vectors: &Variable) -> Result<Self> {
        fn mark<T: Scalar>(vectors: &Tensor<T>) -> Result<Tensor<T>> {
            // The slack within which the convention takes entries for equal.
            let slack = 1.0 - 64.0 * <T::Real as Real>::EPSILON.to_f64();
            let mut marks = Tensor::zeros(vectors.shape())?;
            let [m, k] = [vectors.ndim() - 2, vectors.ndim() - 1].map(|a| vectors.shape()[a]);
            let elements: &mut [T] = marks.as_mut_slice();
            let stacks = vectors.as_slice().chunks((m * k).max(1));
            for (marks, matrix) in elements.chunks_mut((m * k).max(1)).zip(stacks) {
                for column in 0..k {
                    let size = |row: usize| matrix[row * k + column].abs2();
                    let largest = (0..m).map(size).fold(0.0, f64::max);
                    if let Some(row) = (0..m).find(|&row| size(row) >= slack * largest) {
                        marks[row * k + column] = T::ONE;
                    }
                }
            }
            Ok(marks)
        }
        let leading = match vectors.value() {
            Array::C64(x) => Variable::constant(mark(x)?),
            Array::C128(x) => Variable::constant(mark(x)?),
            _ => Variable::zeros(vectors.shape(), vectors.dtype())?,
        };
        let entries = Self::picked(&leading, vectors)?.re()?;
        Ok(Self { leading, entries })
    }

    fn picked(leading: &Variable, x: &Variable) -> Result<Variable> {
        static PRODUCT: LazyLock<Formula> = LazyLock::new(|| Formula::input(0) * Formula::input(1));
        PRODUCT.evaluated("phases", &[leading, x], Some(&[x.ndim() - 2]))
    }

    /// The angles by which tangents of vectors turn, so that leading entries stay
    /// real: θ = −Im ẋₚ/xₚ.
    fn turns(&self, tangent: &Variable) -> Result<Variable> {
        Self::picked(&self.leading, tangent)?
            .im()?
            .div(&self.entries)?
            .neg()
    }

    /// Adds to a cotangent of vectors what `turned`, the cotangent of the angles,
    /// is as one: −i·turned/xₚ at the leading entries.
    fn pulled(&self, cotangent: &Variable, turned: &Variable) -> Result<Variable> {
        plus_i(cotangent, &self.leading, &turned.div(&self.entries)?, -1.0)
    }
}

/// The cotangent of the angles of vectors: Im of the diagonal of Xᴴ·X̄.
fn turned(x: &Variable, cotangent: &Variable) -> Result<Variable> {
    static ANGLE: LazyLock<Formula> =
        LazyLock::new(|| (Formula::input(0).conj() * Formula::input(1)).im());
    ANGLE.evaluated("phases", &[x, cotangent], Some(&[x.ndim() - 2]))
}

/// a + b of what is there.
fn sum(a: Option<Variable>, b: Option<Variable>) -> Result<Option<Variable>> {
    match (a, b) {
        (Some(a), Some(b)) => a.add(&b).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}

/// A = V·diag(w)·Vᴴ, for Hermitian matrices.
struct Eigh {
    gaps: Gaps,
}

impl Operation for Eigh {
    fn name(&self) -> &'static str {
        "eigh"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                let eigh = linalg::eigh(&matrix(a, number))?;
                let values = real_vector(&eigh.values, inputs[0].dtype())?;
                Ok(smallvec![values, eigh.vectors.into()])
            })
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [w, v] = [&call.outputs[0], &call.outputs[1]];
        let vh = adjoint(v)?;
        let mut inner = match &cotangents[0] {
            Some(g) => Some(diagonal(g)?),
            None => None,
        };
        if let Some(g) = &cotangents[1] {
            self.gaps.check(self.name(), w)?;
            let mut g = g.clone();
            if v.is_complex() {
                g = Phases::new(v)?.pulled(&g, &turned(v, &g)?)?;
            }
            let part = self.gaps.inverses(w)?.mul(&vh.matmul(&g)?)?;
            inner = sum(inner, Some(part))?;
        }
        Ok(smallvec![match inner {
            Some(inner) => Some(hermitian(&v.matmul(&inner)?.matmul(&vh)?)?),
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None]);
        };
        let [w, v] = [&call.outputs[0], &call.outputs[1]];
        self.gaps.check(self.name(), w)?;
        let b = adjoint(v)?.matmul(&hermitian(t)?)?.matmul(v)?;
        let mut moved = v.matmul(&self.gaps.inverses(w)?.mul(&b)?)?;
        if v.is_complex() {
            let turns = Phases::new(v)?.turns(&moved)?;
            moved = plus_i(&moved, v, &turns, 1.0)?;
        }
        Ok(smallvec![Some(diagonal_of(&b)?.re()?), Some(moved)])
    }
}

/// A = U·diag(s)·Vᴴ, thin or truncated.
struct Svd {
    rank: Option<usize>,
    gaps: Gaps,
}

impl Operation for Svd {
    fn name(&self) -> &'static str {
        "svd"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                let svd = linalg::svd(&matrix(a, number))?;
                let kept = self.rank.map_or(svd.s.len(), |rank| rank.min(svd.s.len()));
                let values = real_vector(&svd.s[..kept], inputs[0].dtype())?;
                let (u, vh) = (svd.u.view().sliced(1, 0..kept)?, svd.vh.view().sliced(0, 0..kept)?);
                Ok(smallvec![u.to_tensor().into(), values, vh.to_tensor().into()])
            })
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [u, s, vh] = [&call.outputs[0], &call.outputs[1], &call.outputs[2]];
        let (uh, v) = (adjoint(u)?, adjoint(vh)?);
        let k = s.shape()[s.ndim() - 1];
        let (of_u, of_v) = (cotangents[0].as_ref(), cotangents[2].as_ref());
        let mut of_u = of_u.cloned();
        let of_v = of_v.map(adjoint).transpose()?;
        let vectors = of_u.is_some() || of_v.is_some();
        let (row, column) = (as_row(s)?, as_column(s)?);
        let inverses = match vectors {
            true => {
                self.gaps.check(self.name(), &s.square()?)?;
                Some(self.gaps.inverses(&s.square()?)?)
            }
            false => None,
        };
        // Ā = U·X·Vᴴ and what lies outside of the kept vectors.
        let mut inner = match &cotangents[1] {
            Some(g) => Some(diagonal(g)?),
            None => None,
        };
        if vectors && u.is_complex() {
            // The phase of a pair of vectors, and that of u against v.
            let mut angles = of_u.as_ref().map(|g| turned(u, g)).transpose()?;
            angles = sum(angles, of_v.as_ref().map(|g| turned(&v, g)).transpose()?)?;
            if let Some(angles) = angles {
                let g = match of_u.take() {
                    Some(g) => g,
                    None => Variable::zeros(u.shape(), u.dtype())?,
                };
                let g = Phases::new(u)?.pulled(&g, &angles)?;
                let against = turned(u, &g)?.mul(&self.gaps.reciprocals(self.name(), &row)?)?;
                let zero = Variable::scalar(0.0, u.dtype());
                let one = identity(k, u.dtype())?;
                inner = sum(inner, Some(plus_i(&zero, &one, &against, 1.0)?))?;
                of_u = Some(g);
            }
        }
        let mut outside: Option<Variable> = None;
        if let (Some(g), Some(inverses)) = (&of_u, &inverses) {
            let c = uh.matmul(g)?;
            let skew = inverses.mul(&c.sub(&adjoint(&c)?)?)?;
            inner = sum(inner, Some(skew.mul(&row)?))?;
            if u.shape()[u.ndim() - 2] > k {
                // (I − U·Uᴴ)·Ū·S⁻¹·Vᴴ.
                let inverse = self.gaps.reciprocals(self.name(), &row)?;
                let beyond = g.sub(&u.matmul(&c)?)?.mul(&inverse)?;
                outside = Some(beyond.matmul(vh)?);
            }
        }
        if let (Some(g), Some(inverses)) = (&of_v, &inverses) {
            let c = vh.matmul(g)?;
            let skew = inverses.mul(&c.sub(&adjoint(&c)?)?)?;
            inner = sum(inner, Some(skew.mul(&column)?))?;
            if v.shape()[v.ndim() - 2] > k {
                let inverse = self.gaps.reciprocals(self.name(), &row)?;
                let beyond = g.sub(&v.matmul(&c)?)?.mul(&inverse)?;
                outside = sum(outside, Some(u.matmul(&adjoint(&beyond)?)?))?;
            }
        }
        let inside = match inner {
            Some(inner) => Some(u.matmul(&inner)?.matmul(vh)?),
            None => None,
        };
        Ok(smallvec![sum(inside, outside)?])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None, None]);
        };
        let [u, s, vh] = [&call.outputs[0], &call.outputs[1], &call.outputs[2]];
        let v = adjoint(vh)?;
        let k = s.shape()[s.ndim() - 1];
        let (row, column) = (as_row(s)?, as_column(s)?);
        self.gaps.check(self.name(), &s.square()?)?;
        // P = Uᴴ·Ȧ·V; U̇ = U·(F∘(P·S + S·Pᴴ)) + (I − U·Uᴴ)·Ȧ·V·S⁻¹ and alike for V.
        let tv = t.matmul(&v)?;
        let p = adjoint(u)?.matmul(&tv)?;
        let ph = adjoint(&p)?;
        let f = self.gaps.inverses(&s.square()?)?;
        let mut moved_u = u.matmul(&f.mul(&p.mul(&row)?.add(&ph.mul(&column)?)?)?)?;
        if u.shape()[u.ndim() - 2] > k {
            let inverse = self.gaps.reciprocals(self.name(), &row)?;
            moved_u = moved_u.add(&tv.sub(&u.matmul(&p)?)?.mul(&inverse)?)?;
        }
        let mut moved_v = v.matmul(&f.mul(&p.mul(&column)?.add(&ph.mul(&row)?)?)?)?;
        if v.shape()[v.ndim() - 2] > k {
            let inverse = self.gaps.reciprocals(self.name(), &row)?;
            let tu = adjoint(t)?.matmul(u)?;
            moved_v = moved_v.add(&tu.sub(&v.matmul(&ph)?)?.mul(&inverse)?)?;
        }
        let diagonal = diagonal_of(&p)?;
        if u.is_complex() {
            // Im Pⱼⱼ/sⱼ turns u against v; then both turn together.
            let inverse = self.gaps.reciprocals(self.name(), &row)?;
            let against = as_row(&diagonal.im()?)?.mul(&inverse)?;
            moved_u = plus_i(&moved_u, u, &against, 1.0)?;
            let turns = Phases::new(u)?.turns(&moved_u)?;
            moved_u = plus_i(&moved_u, u, &turns, 1.0)?;
            moved_v = plus_i(&moved_v, &v, &turns, 1.0)?;
        }
        Ok(smallvec![
            Some(moved_u),
            Some(diagonal.re()?),
            Some(adjoint(&moved_v)?)
        ])
    }
}

impl Variable {
    /// The eigenvalues, ascending, and eigenvectors, as columns, of `[…, n, n]`
    /// Hermitian matrices, of which only the lower triangle is read. In each
    /// vector the entry of largest magnitude is real and positive. The derivative
    /// is that along Hermitian matrices.
    ///
    /// For functions of the matrix see [`Variable::hermitian_function`], whose
    /// derivatives exist where eigenvalues coincide.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::DType`] for integers; [`Error::Linalg`].
    pub fn eigh(&self) -> Result<(Variable, Variable)> {
        self.eigh_with(Gaps::default())
    }

    /// As [`Variable::eigh`], with another treatment of values that nearly
    /// coincide.
    ///
    /// # Errors
    /// As [`Variable::eigh`]; in derivatives [`Error::Degenerate`] if that is asked
    /// for.
    pub fn eigh_with(&self, gaps: Gaps) -> Result<(Variable, Variable)> {
        self.check_square("eigh")?;
        let parts = Variable::apply_all(Eigh { gaps }, std::slice::from_ref(self))?;
        let [values, vectors] = <[Variable; 2]>::try_from(parts).map_err(missing("eigh", 2))?;
        Ok((values, vectors))
    }

    /// The thin factors U, s (descending) and Vᴴ of `[…, m, n]` matrices. In each
    /// column of U the entry of largest magnitude is real and positive.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::DType`] for integers; [`Error::Linalg`].
    pub fn svd(&self) -> Result<(Variable, Variable, Variable)> {
        self.svd_with(&SvdOptions::default())
    }

    /// As [`Variable::svd`], truncated or with another treatment of singular values
    /// that nearly coincide.
    ///
    /// # Errors
    /// As [`Variable::svd`]; in derivatives [`Error::Degenerate`] and
    /// [`Error::RankDeficient`] if that is asked for.
    pub fn svd_with(&self, options: &SvdOptions) -> Result<(Variable, Variable, Variable)> {
        self.check_matrices("svd")?;
        let exact = options.discarded == Discarded::Exact;
        let svd = Svd {
            rank: options.rank.filter(|_| !exact),
            gaps: options.gaps,
        };
        let parts = Variable::apply_all(svd, std::slice::from_ref(self))?;
        let [u, s, vh] = <[Variable; 3]>::try_from(parts).map_err(missing("svd", 3))?;
        match options.rank.filter(|_| exact) {
            None => Ok((u, s, vh)),
            Some(rank) => {
                let last = s.ndim() - 1;
                let kept = 0..rank.min(s.shape()[last]);
                Ok((
                    u.slice(last + 1, kept.clone())?,
                    s.slice(last, kept.clone())?,
                    vh.slice(last, kept)?,
                ))
            }
        }
    }
}

fn missing(operation: &'static str, expected: usize) -> impl Fn(Vec<Variable>) -> Error {
    move |parts| Error::Count {
        operation,
        what: "factors",
        expected,
        found: parts.len(),
    }
}

/// Numbers in the real type that belongs to a type.
pub(crate) fn real_vector(values: &[f64], dtype: DType) -> Result<Array> {
    fn of<T: Real>(values: &[f64]) -> Result<Array> {
        let data: Vec<T> = values.iter().map(|&x| T::from_f64(x, 0.0)).collect();
        let length = data.len();
        Ok(Tensor::from_vec(data, &[length])?.into())
    }
    match dtype {
        DType::F32 | DType::C64 => of::<f32>(values),
        _ => of::<f64>(values),
    }
}
