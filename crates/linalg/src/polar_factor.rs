//! The polar factor of a matrix: the nearest partial isometry, `U·Vᴴ` of its
//! singular value decomposition.
//!
//! Exact through the decomposition, or approximate by the Newton–Schulz
//! iteration, which needs matrix products only (see [`crate::newton_schulz`]).

use tensegrity_tensor::{Real, Tensor, View};

use crate::finite::magnitude;
use crate::kernel::{Kernel, RealOf};
use crate::least_squares::multiply;
use crate::newton_schulz::{NewtonSchulz, iterate};
use crate::operand::Operand;
use crate::schedule::largest_first;
use crate::{Error, Field, Result, svd};

/// How [`msign`] computes a polar factor.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub enum PolarMethod {
    /// The singular value decomposition; singular values up to
    /// `max(m, n)·ε·s_max` count as zero.
    #[default]
    Svd,
    /// A Newton–Schulz iteration; singular values near zero stay small.
    NewtonSchulz(NewtonSchulz),
}

/// The polar factor `U·Vᴴ` of an m×n matrix `A = U·diag(s)·Vᴴ`, m×n: the matrix
/// sign function for rectangles.
///
/// With [`PolarMethod::Svd`] the sum runs over the non-zero singular values
/// only, so a matrix of low rank gives the partial isometry between its row and
/// column spaces. The zero matrix gives zero with every method.
///
/// Cost: one [`crate::svd()`] and a product, or two products' work a step of
/// side min(m, n).
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NonFinite`], [`Error::BadOption`] for
/// coefficients that are not finite or diverge.
pub fn msign<T: Field>(a: &View<'_, T>, method: &PolarMethod) -> Result<Tensor<T>> {
    T::msign(Operand::new("msign", "a", a)?, method)
}

/// [`msign`] of many matrices of any shapes, spread over the threads, the
/// largest first.
///
/// Results are those of single calls, in the order of the matrices, whatever
/// the number of threads; one failure does not touch the others.
pub fn msign_each<T: Field>(
    matrices: &[View<'_, T>],
    method: &PolarMethod,
) -> Vec<Result<Tensor<T>>> {
    let work = |a: &View<'_, T>| {
        a.len()
            .saturating_mul(a.shape().iter().copied().min().unwrap_or(0))
    };
    largest_first(matrices, work, |a| msign(a, method))
}

pub(crate) fn factor<T: Kernel>(a: Operand<'_, T>, method: &PolarMethod) -> Result<Tensor<T>> {
    match method {
        PolarMethod::Svd => through_svd(a),
        PolarMethod::NewtonSchulz(iteration) => {
            let largest = magnitude("msign", "a", a)?;
            if largest == 0.0 {
                return Ok(Tensor::zeros(&[a.rows, a.columns])?);
            }
            iterate(a, largest, iteration)
        }
    }
}

fn through_svd<T: Kernel>(a: Operand<'_, T>) -> Result<Tensor<T>> {
    let factors = svd::factors("msign", a, true, true)?;
    let epsilon = <RealOf<T> as Real>::EPSILON.to_f64();
    let cut = a.rows.max(a.columns) as f64 * epsilon * factors.s.first().copied().unwrap_or(0.0);
    let rank = factors.s.iter().take_while(|&&s| s > cut).count();
    let (Some(u), Some(v)) = (factors.u, factors.v) else {
        return Err(Error::NoConvergence {
            what: "msign",
            shape: a.shape(),
        });
    };
    if rank == 0 {
        return Ok(Tensor::zeros(&[a.rows, a.columns])?);
    }
    multiply(
        Operand::of(u.as_ref()).column_range(0..rank),
        Operand::of(v.as_ref()).column_range(0..rank).adjoint(),
    )
}
