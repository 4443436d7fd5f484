//! Which singular values to keep.

use crate::{Error, Result};

/// How much of a matrix to keep.
///
/// The rank kept is the smallest r ≥ 1 with √(Σ_{i>r} s_i²) ≤ `tolerance`, and
/// at most `max_rank`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncation {
    /// Most singular values to keep; `None` for no limit.
    pub max_rank: Option<usize>,
    /// Largest Frobenius norm of the discarded part, absolute.
    pub tolerance: f64,
}

/// The algorithm behind a truncated decomposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SvdMethod {
    /// Chooses by shape, rank and tolerance.
    #[default]
    Auto,
    /// Eigenvectors of the smaller Gram matrix. Fast; singular values below
    /// about 1.5e-8 of the largest are noise. Single precision is summed in
    /// double unless the tolerance is above 1e-3 of the norm.
    Gram,
    /// Triangle of a QR factorisation, then its decomposition. Accurate to
    /// rounding; four times the work of `Gram` or more.
    Qr,
    /// Random range finder with one power iteration. Fastest when the rank is
    /// a small part of the smaller side; needs a `max_rank`.
    Randomized,
    /// The whole thin decomposition, then cut.
    Full,
}

/// The cut-off rules of tensor network libraries (quimb's `cutoff_mode`).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cutoff {
    /// Keep s_i above this value (`abs`).
    Absolute(f64),
    /// Keep s_i above this part of the largest (`rel`).
    Relative(f64),
    /// Discard at most this Σ s_i² (`sum2`).
    SumSquares(f64),
    /// Discard at most this part of Σ s_i² (`rsum2`).
    RelativeSumSquares(f64),
}

impl Truncation {
    /// Keeps everything.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            max_rank: None,
            tolerance: 0.0,
        }
    }

    /// Keeps at most `max_rank` values.
    #[must_use]
    pub const fn rank(max_rank: usize) -> Self {
        Self {
            max_rank: Some(max_rank),
            tolerance: 0.0,
        }
    }

    /// Discards at most `tolerance` of Frobenius norm.
    #[must_use]
    pub const fn tolerance(tolerance: f64) -> Self {
        Self {
            max_rank: None,
            tolerance,
        }
    }

    /// The number of values kept of the descending list `s`, and the Frobenius
    /// norm of the discarded ones; zero of an empty list.
    ///
    /// `beyond` is the squared norm already known to lie outside the list.
    #[must_use]
    pub fn kept(&self, s: &[f64], beyond: f64) -> (usize, f64) {
        if s.is_empty() {
            return (0, beyond.sqrt());
        }
        let cap = self.max_rank.map_or(s.len(), |rank| rank.clamp(1, s.len()));
        // A power of two keeps squares of extreme values representable and
        // changes no digit.
        let scale = match s[0] {
            x if x == 0.0 || (1e-100..1e100).contains(&x) => 1.0,
            x => (-x.log2().floor()).clamp(-1022.0, 1022.0).exp2(),
        };
        // Smallest terms first, so that a tail is not lost beside its head.
        let mut tail = beyond * scale * scale;
        let mut rank = s.len();
        while rank > 1 {
            let next = tail + (s[rank - 1] * scale).powi(2);
            if rank <= cap && next.sqrt() / scale > self.tolerance {
                break;
            }
            tail = next;
            rank -= 1;
        }
        (rank, tail.sqrt() / scale)
    }

    pub(crate) fn check(&self, what: &'static str) -> Result<()> {
        if self.max_rank == Some(0) {
            return Err(Error::BadOption {
                what,
                option: "max_rank",
                value: "0".into(),
                wanted: "keep at least one singular value",
            });
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::BadOption {
                what,
                option: "tolerance",
                value: self.tolerance.to_string(),
                wanted: "give a Frobenius norm of at least zero",
            });
        }
        Ok(())
    }
}

impl Cutoff {
    /// The truncation with the same effect on the descending values `s`.
    ///
    /// At least one value is kept.
    #[must_use]
    pub fn truncation(self, s: &[f64], max_rank: Option<usize>) -> Truncation {
        let above = |cut: f64| {
            let count = s.iter().take_while(|&&x| x > cut).count().max(1);
            Truncation {
                max_rank: Some(max_rank.map_or(count, |rank| rank.min(count))),
                tolerance: 0.0,
            }
        };
        let tail = |squares: f64| Truncation {
            max_rank,
            tolerance: squares.sqrt(),
        };
        match self {
            Self::Absolute(cut) => above(cut),
            Self::Relative(part) => above(part * s.first().copied().unwrap_or(0.0)),
            Self::SumSquares(squares) => tail(squares),
            Self::RelativeSumSquares(part) => {
                tail(part * s.iter().rev().map(|x| x * x).sum::<f64>())
            }
        }
    }
}
