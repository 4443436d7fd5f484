//! Triangular factorisations: Cholesky and QR.
//!
//! Rules: Giles, "Collected matrix derivative results for forward and reverse mode
//! algorithmic differentiation" (2008); Seeger et al., arXiv:1710.08717; Liao et
//! al., arXiv:1903.09650; for complex QR the same with adjoints, and a diagonal of
//! R that stays real. Leading axes count matrices.

use smallvec::smallvec;
use tensegrity_linalg::{self as linalg, Triangle};
use tensegrity_tensor::Array;

use crate::matrix::{Solve, adjoint, half_lower, hermitian, with_field};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::shape::concat;
use crate::stack::{lead, matrix, stacked};
use crate::{Error, Result, Variable};

/// A = L·Lᴴ.
struct Cholesky;

impl Operation for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                Ok(smallvec![linalg::cholesky(&matrix(a, number))?.into()])
            })
        })
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

/// A = Q·R, for matrices of full column rank.
struct Qr;

impl Operation for Qr {
    fn name(&self) -> &'static str {
        "qr"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                let qr = linalg::qr(&matrix(a, number))?;
                Ok(smallvec![qr.q.into(), qr.r.into()])
            })
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [q, r] = [&call.outputs[0], &call.outputs[1]];
        // M = R·R̄ᴴ − Q̄ᴴ·Q; Ā = (Q̄ + Q·copyltu(M))·R⁻ᴴ, where copyltu mirrors the
        // lower triangle and takes the real part of the diagonal.
        let mut m: Option<Variable> = None;
        if let Some(g) = &cotangents[1] {
            m = Some(r.matmul(&adjoint(g)?)?);
        }
        if let Some(g) = &cotangents[0] {
            let part = adjoint(g)?.matmul(q)?;
            m = Some(match m {
                Some(m) => m.sub(&part)?,
                None => part.neg()?,
            });
        }
        let Some(m) = m else {
            return Ok(smallvec![None]);
        };
        let lower = half_lower(&m)?;
        let mut left = q.matmul(&lower.add(&adjoint(&lower)?)?)?;
        if let Some(g) = &cotangents[0] {
            left = left.add(g)?;
        }
        // X = left·R⁻ᴴ is the adjoint of R⁻¹·leftᴴ.
        let solve = Solve {
            triangle: Some(Triangle::Upper),
        };
        Ok(smallvec![Some(adjoint(
            &solve.apply(r, &adjoint(&left)?)?
        )?)])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None]);
        };
        let [q, r] = [&call.outputs[0], &call.outputs[1]];
        // With C = Ȧ·R⁻¹ and B = Qᴴ·C the antihermitian part of Q̇ is
        // Ω = L − Lᴴ + i·Im diag B, L the strict lower triangle of B;
        // Q̇ = C − Q·(B − Ω), Ṙ = (B − Ω)·R. B − Ω is the upper triangle of
        // B + Bᴴ with a halved diagonal.
        let solve = Solve {
            triangle: Some(Triangle::Lower),
        };
        let c = adjoint(&solve.apply(&adjoint(r)?, &adjoint(t)?)?)?;
        let b = adjoint(q)?.matmul(&c)?;
        let rest = adjoint(&half_lower(&b.add(&adjoint(&b)?)?)?)?;
        let moved_q = c.sub(&q.matmul(&rest)?)?;
        Ok(smallvec![Some(moved_q), Some(rest.matmul(r)?)])
    }
}

impl Variable {
    /// The lower triangular L with A = L·Lᴴ for Hermitian positive definite
    /// matrices, of which only the lower triangle is read. Its derivative is that
    /// along Hermitian matrices.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Linalg`] if a matrix is not positive definite.
    pub fn cholesky(&self) -> Result<Variable> {
        self.check_square("cholesky")?;
        Variable::apply(Cholesky, std::slice::from_ref(self))
    }

    /// The thin factors Q, with orthonormal columns, and R, upper triangular with
    /// positive diagonal, of `[…, m, n]` matrices whose first min(m, n) columns are
    /// independent.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Linalg`] for numbers that are not finite, and in
    /// derivatives if the columns are dependent.
    pub fn qr(&self) -> Result<(Variable, Variable)> {
        self.check_matrices("qr")?;
        let axis = self.ndim() - 1;
        let [m, n] = [self.shape()[axis - 1], self.shape()[axis]];
        if m < n {
            // The first square decides Q; the rest of R is Qᴴ·A.
            let (q, r) = self.slice(axis, 0..m)?.qr()?;
            let rest = adjoint(&q)?.matmul(&self.slice(axis, m..n)?)?;
            return Ok((q, concat(&[&r, &rest], axis)?));
        }
        let parts = Variable::apply_all(Qr, std::slice::from_ref(self))?;
        match <[Variable; 2]>::try_from(parts) {
            Ok([q, r]) => Ok((q, r)),
            Err(parts) => Err(Error::Count {
                operation: "qr",
                what: "factors",
                expected: 2,
                found: parts.len(),
            }),
        }
    }
}
