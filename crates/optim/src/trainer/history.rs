//! What a run has shown so far, in bounded memory.

use serde::{Deserialize, Serialize};

/// Most points of a curve; reaching it halves them.
const LIMIT: usize = 2048;

/// Losses of all batches, averaged over equal stretches of batches.
///
/// The stretch doubles as the run grows, so a curve never has more than 2048
/// points. NaN and infinities are left out of the averages; a stretch without
/// a finite loss is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct LossCurve {
    pub(crate) stride: u64,
    pub(crate) means: Vec<f64>,
    pub(crate) sum: f64,
    pub(crate) finite: u64,
    pub(crate) seen: u64,
}

impl Default for LossCurve {
    fn default() -> Self {
        Self {
            stride: 1,
            means: Vec::new(),
            sum: 0.0,
            finite: 0,
            seen: 0,
        }
    }
}

impl LossCurve {
    /// Batches averaged in a point.
    #[must_use]
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// The points: batch after which each ends, and its mean.
    pub fn points(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        let ends = (1..).map(|n: u64| n * self.stride);
        ends.zip(self.means.iter().copied())
    }

    pub(crate) fn push(&mut self, loss: f64) {
        self.seen += 1;
        if loss.is_finite() {
            self.sum += loss;
            self.finite += 1;
        }
        if self.seen < self.stride {
            return;
        }
        self.means.push(self.sum / self.finite as f64);
        (self.sum, self.finite, self.seen) = (0.0, 0, 0);
        if self.means.len() < LIMIT {
            return;
        }
        self.stride *= 2;
        let pairs = self.means.chunks_exact(2);
        self.means = pairs
            .map(|pair| match (pair[0].is_nan(), pair[1].is_nan()) {
                (true, _) => pair[1],
                (_, true) => pair[0],
                _ => 0.5 * (pair[0] + pair[1]),
            })
            .collect();
    }
}

/// Metrics at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Batches before it.
    pub step: u64,
    /// Epochs completed before it.
    pub epoch: u64,
    /// Metrics by name; `train_loss`, the mean loss since the last evaluation,
    /// comes first.
    pub metrics: Vec<(String, f64)>,
}

impl Evaluation {
    /// The metric of a name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

/// The curve and the metrics of a run, resumed parts included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Losses of the batches.
    pub losses: LossCurve,
    /// Evaluations in order.
    pub evaluations: Vec<Evaluation>,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Batches drawn.
    pub steps: u64,
    /// Batches left out because their loss was NaN or infinite.
    pub skipped_losses: u64,
    /// Batches left out because a gradient was NaN or infinite.
    pub skipped_gradients: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_its_mean_in_bounded_memory() {
        let mut curve = LossCurve::default();
        let count = 3 * LIMIT as u64;
        for n in 0..count {
            curve.push(n as f64);
        }
        assert!(curve.means.len() < LIMIT);
        assert_eq!(curve.stride, 4);
        let (end, first) = curve.points().next().unwrap();
        assert_eq!((end, first), (4, 1.5));
        let mean: f64 = curve.means.iter().sum::<f64>() / curve.means.len() as f64;
        assert_eq!(mean, (count as f64 - 1.0) / 2.0);
    }

    #[test]
    fn losses_that_are_not_finite_leave_holes_only() {
        let mut curve = LossCurve::default();
        for loss in [1.0, f64::NAN, 3.0] {
            curve.push(loss);
        }
        assert!(curve.means[1].is_nan());
        for _ in 0..LIMIT - 3 {
            curve.push(5.0);
        }
        assert_eq!(curve.means[..2], [1.0, 4.0]);
    }
}
