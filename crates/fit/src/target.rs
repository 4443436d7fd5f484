//! What a fit is asked for.

use std::fmt;

use crate::{Error, Result};

/// What the representation has to meet; everything else is made as small as
/// possible (bytes for an error, error for bytes).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// Relative Frobenius error at most this.
    Error(f64),
    /// File at most this long.
    Bytes(u64),
    /// Dense bytes over stored bytes at least this, the dense bytes counted in
    /// the source's element size.
    Ratio(f64),
}

/// A target with ratios turned into bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Goal {
    /// Smallest file with at most this relative error.
    Error(f64),
    /// Smallest error in at most this many bytes.
    Bytes(u64),
}

impl Target {
    /// The goal for an array of `dense_bytes`.
    ///
    /// # Errors
    /// [`Error::Target`] for an error that is negative or not finite, or a
    /// ratio that is not positive and finite.
    pub fn goal(self, dense_bytes: u64) -> Result<Goal> {
        let wrong = |reason| {
            Err(Error::Target {
                target: self.to_string(),
                reason,
            })
        };
        match self {
            Target::Error(error) if error >= 0.0 && error.is_finite() => Ok(Goal::Error(error)),
            Target::Error(_) => wrong("a relative error is zero or positive, and finite"),
            Target::Bytes(bytes) => Ok(Goal::Bytes(bytes)),
            Target::Ratio(ratio) if ratio > 0.0 && ratio.is_finite() => {
                Ok(Goal::Bytes((dense_bytes as f64 / ratio) as u64))
            }
            Target::Ratio(_) => wrong("a ratio is positive and finite"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Error(error) => write!(f, "error {error}"),
            Target::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Target::Ratio(ratio) => write!(f, "ratio {ratio}"),
        }
    }
}

impl Goal {
    /// Whether `(error, bytes)` meets the goal.
    #[must_use]
    pub fn is_met(self, error: f64, bytes: u64) -> bool {
        match self {
            Goal::Error(limit) => error <= limit,
            Goal::Bytes(limit) => bytes <= limit,
        }
    }

    /// Whether the first `(error, bytes)` is the better answer; a met goal
    /// beats a missed one.
    #[must_use]
    pub fn prefers(self, a: (f64, u64), b: (f64, u64)) -> bool {
        let met = (self.is_met(a.0, a.1), self.is_met(b.0, b.1));
        match (met, self) {
            ((true, false), _) => true,
            ((false, true), _) => false,
            ((true, true), Goal::Error(_)) => (a.1, a.0) < (b.1, b.0),
            ((true, true), Goal::Bytes(_)) => (a.0, a.1) < (b.0, b.1),
            ((false, false), Goal::Error(_)) => (a.0, a.1) < (b.0, b.1),
            ((false, false), Goal::Bytes(_)) => (a.1, a.0) < (b.1, b.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_counts_dense_bytes() {
        assert_eq!(Target::Ratio(4.0).goal(1000).unwrap(), Goal::Bytes(250));
        assert!(Target::Ratio(0.0).goal(1000).is_err());
        assert!(Target::Error(f64::NAN).goal(1).is_err());
        assert!(Target::Error(-0.1).goal(1).is_err());
        assert!(Target::Error(f64::INFINITY).goal(1).is_err());
    }

    #[test]
    fn a_met_goal_is_preferred_then_the_smaller() {
        let goal = Goal::Error(0.1);
        assert!(goal.prefers((0.09, 500), (0.2, 10)));
        assert!(goal.prefers((0.09, 400), (0.05, 500)));
        assert!(!goal.prefers((0.3, 10), (0.2, 900)));
        assert!(Goal::Bytes(100).prefers((0.2, 90), (0.3, 20)));
    }
}
