//! What a run gives back.

use super::estimate::Certificate;
use super::oracle::Evaluations;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The gradient's norm is at most the tolerance.
    Gradient,
    /// As many iterations as allowed.
    MaxIterations,
    /// No step from here can be told from rounding.
    Stalled,
    /// The observer asked for it.
    Observer,
}

impl StopReason {
    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::MaxIterations => "max_iter",
            Self::Stalled => "stalled",
            Self::Observer => "callback",
        }
    }

    /// A sentence.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Gradient => "the norm of the gradient is at most tol",
            Self::MaxIterations => {
                "max_iter iterations done; the norm of the gradient is above tol"
            }
            Self::Stalled => "no further step changes the value beyond rounding",
            Self::Observer => "the callback asked to stop",
        }
    }
}

/// Where an iterate came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Move {
    /// The accelerated step.
    Accelerated,
    /// A step of Newton's kind from the iterate itself.
    Newton,
    /// A step along gradients.
    Gradient,
    /// The iterate before was lower and stays.
    Kept,
}

impl Move {
    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accelerated => "accelerated",
            Self::Newton => "newton",
            Self::Gradient => "gradient",
            Self::Kept => "kept",
        }
    }
}

/// One iteration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// From 1.
    pub iteration: usize,
    /// `f(x)`, if the oracle gives exact values.
    pub value: Option<f64>,
    /// Norm of the gradient at `x`, of its batch if sampled.
    pub gradient_norm: f64,
    /// Distance to the iterate before.
    pub step_norm: f64,
    /// `M` of the step (or the reciprocal rate, or the shift of a damped step).
    pub regularization: f64,
    /// The scale of the estimating function's regulariser, 1 the theory's for `M`.
    pub nu: Option<f64>,
    /// Steps computed until one was accepted.
    pub attempts: usize,
    /// Inner iterations of the subproblem's solver, all attempts.
    pub inner: usize,
    /// `A·ψ* − f(x)`, where a certificate is kept.
    pub margin: Option<f64>,
    /// Where the iterate came from.
    pub step: Move,
    /// Calls of the oracle, from the start.
    pub evaluations: Evaluations,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Minimum {
    /// The best point seen (the last one, if values are unknown or sampled).
    pub x: Vec<f64>,
    /// `f(x)`, if the oracle gives exact values.
    pub value: Option<f64>,
    /// Norm of the gradient at `x`.
    pub gradient_norm: f64,
    /// One entry an iteration.
    pub history: Vec<Record>,
    /// Of accelerated runs with exact values and gradients.
    pub certificate: Option<Certificate>,
    /// Why it ended.
    pub stop: StopReason,
    /// Calls of the oracle.
    pub evaluations: Evaluations,
}

impl Minimum {
    /// Whether the gradient passed the tolerance.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.stop == StopReason::Gradient
    }

    /// Iterations done.
    #[must_use]
    pub fn iterations(&self) -> usize {
        self.history.len()
    }
}
