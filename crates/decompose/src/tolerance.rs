//! How closely, or with which ranks, a decomposition must follow its input.

use crate::{Error, Result};

/// What a decomposition must meet.
///
/// An error is shared among the m independent cuts of a format: each truncation
/// may discard `δ = ε·‖X‖/√m` in Frobenius norm, and the smallest rank whose
/// discarded part is **at most** δ is kept (never less than 1). Then the whole
/// error is at most ε·‖X‖, because the discarded parts are orthogonal or add in
/// squares (De Lathauwer, De Moor and Vandewalle 2000; Oseledets 2011).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tol {
    /// Relative Frobenius error ‖X − X̂‖ ≤ ε·‖X‖, in [0, 1).
    Rel(f64),
    /// Absolute Frobenius error ‖X − X̂‖ ≤ ε, finite and not negative.
    Abs(f64),
    /// The ranks themselves. Ranks above what the shape allows are clipped and
    /// noted in the report; singular values that are exactly zero are not kept.
    Ranks(Vec<usize>),
}

impl Tol {
    /// The same rank in every place.
    #[must_use]
    pub fn uniform(rank: usize, places: usize) -> Self {
        Tol::Ranks(vec![rank; places])
    }

    /// The Frobenius norm each of `cuts` truncations may discard; zero when
    /// ranks are given.
    pub(crate) fn per_cut(&self, norm: f64, cuts: usize) -> Result<f64> {
        let total = match *self {
            Tol::Rel(eps) => check(eps, (0.0..1.0).contains(&eps), "in [0, 1)")? * norm,
            Tol::Abs(eps) => check(
                eps,
                eps.is_finite() && eps >= 0.0,
                "a finite number of at least 0",
            )?,
            Tol::Ranks(_) => 0.0,
        };
        Ok(total / (cuts.max(1) as f64).sqrt())
    }

    /// Checks a list of ranks that has one entry for each of `places`.
    pub(crate) fn ranks(&self) -> Result<Option<&[usize]>> {
        let Tol::Ranks(ranks) = self else {
            return Ok(None);
        };
        match ranks.iter().position(|&rank| rank == 0) {
            Some(position) => Err(Error::ZeroRank { position }),
            None => Ok(Some(ranks)),
        }
    }
}

fn check(value: f64, legal: bool, range: &'static str) -> Result<f64> {
    if legal {
        Ok(value)
    } else {
        Err(Error::Tolerance { value, range })
    }
}

/// Frobenius norm of the values from position `rank` on.
#[must_use]
pub(crate) fn tail_norm(values: &[f64], rank: usize) -> f64 {
    let tail = values.iter().skip(rank).rev();
    tail.map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_norms() {
        assert_eq!(tail_norm(&[10.0, 4.0, 3.0], 1), 5.0);
        assert_eq!(tail_norm(&[10.0], 1), 0.0);
    }

    #[test]
    fn tolerances_outside_their_range_are_errors() {
        for eps in [1.0, -1e-3, f64::NAN] {
            assert!(matches!(
                Tol::Rel(eps).per_cut(1.0, 3),
                Err(Error::Tolerance { .. })
            ));
        }
        assert!(Tol::Abs(f64::INFINITY).per_cut(1.0, 3).is_err());
        assert_eq!(Tol::Rel(0.5).per_cut(4.0, 4).unwrap(), 1.0);
        assert!(Tol::Ranks(vec![2, 0]).ranks().is_err());
    }
}
