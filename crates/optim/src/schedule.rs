//! How the rate changes with the steps.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::require;

/// A factor on the rate for every step.
///
/// ```
/// use tensegrity_optim::Schedule;
/// let schedule = Schedule::cosine(100, 0.1).warm_up(10);
/// assert_eq!(schedule.factor(0), 0.1);
/// assert_eq!(schedule.factor(9), 1.0);
/// assert!((schedule.factor(10_000) - 0.1).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    shape: Shape,
    warm_up: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Constant,
    Linear { steps: u64, last: f64 },
    Cosine { steps: u64, last: f64 },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::constant()
    }
}

impl Schedule {
    /// One for ever.
    #[must_use]
    pub fn constant() -> Self {
        Self {
            shape: Shape::Constant,
            warm_up: 0,
        }
    }

    /// From one to `last` along a line over `steps` steps, then `last`.
    #[must_use]
    pub fn linear(steps: u64, last: f64) -> Self {
        Self {
            shape: Shape::Linear { steps, last },
            warm_up: 0,
        }
    }

    /// From one to `last` along half a cosine over `steps` steps, then `last`.
    #[must_use]
    pub fn cosine(steps: u64, last: f64) -> Self {
        Self {
            shape: Shape::Cosine { steps, last },
            warm_up: 0,
        }
    }

    /// Before it, `steps` steps that rise in equal parts to one: step number
    /// `i` has the factor `(i + 1)/steps`.
    #[must_use]
    pub fn warm_up(mut self, steps: u64) -> Self {
        self.warm_up = steps;
        self
    }

    /// The factor of step number `step`, counted from zero.
    #[must_use]
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return (step + 1) as f64 / self.warm_up as f64;
        }
        let along = |steps: u64| ((step - self.warm_up) as f64 / steps.max(1) as f64).min(1.0);
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Linear { steps, last } => 1.0 + (last - 1.0) * along(steps),
            Shape::Cosine { steps, last } => {
                last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * along(steps)).cos())
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Shape::Linear { last, .. } | Shape::Cosine { last, .. } = self.shape {
            let fine = last >= 0.0 && last.is_finite();
            require(
                fine,
                "schedule",
                "last",
                last,
                "give a finite factor of at least zero",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_their_shapes() {
        let linear = Schedule::linear(10, 0.0).warm_up(4);
        let found: Vec<f64> = [0, 3, 4, 9, 14, 99]
            .iter()
            .map(|&s| linear.factor(s))
            .collect();
        assert_eq!(found, [0.25, 1.0, 1.0, 0.5, 0.0, 0.0]);
        let cosine = Schedule::cosine(8, 0.2);
        assert!((cosine.factor(4) - 0.6).abs() < 1e-15);
        assert!((cosine.factor(8) - 0.2).abs() < 1e-15);
        assert_eq!(Schedule::constant().factor(u64::MAX), 1.0);
        assert!(Schedule::linear(3, f64::NAN).check().is_err());
    }
}
