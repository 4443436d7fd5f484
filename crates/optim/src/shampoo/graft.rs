//! Grafting: the magnitude of a step from a diagonal method run alongside.

use tensegrity_tensor::Real;

use crate::error::{require_decay, require_not_negative};
use crate::float::ratio;
use crate::{Float, Result};

/// The diagonal method whose step length [`crate::Shampoo`] takes over. Its
/// numerator is the (averaged) gradient that is preconditioned.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Graft {
    /// None: the preconditioned direction as it is.
    #[default]
    None,
    /// The gradient.
    Sgd,
    /// `g/(√Σg² + eps)`.
    AdaGrad {
        /// Added to the root.
        eps: f64,
    },
    /// `g/(√v + eps)` with the moving average `v` of `g²`.
    RmsProp {
        /// Decay rate of `v`, in [0, 1).
        beta2: f64,
        /// Added to the root.
        eps: f64,
    },
    /// As RMSprop with bias correction of `v`.
    Adam {
        /// Decay rate of `v`, in [0, 1).
        beta2: f64,
        /// Added to the root.
        eps: f64,
    },
}

impl Graft {
    /// Adam with its usual 0.999 and 1e-8.
    #[must_use]
    pub fn adam() -> Self {
        Self::Adam {
            beta2: 0.999,
            eps: 1e-8,
        }
    }

    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::None | Self::Sgd => Ok(()),
            Self::AdaGrad { eps } => require_not_negative("shampoo", "graft.eps", eps),
            Self::RmsProp { beta2, eps } | Self::Adam { beta2, eps } => {
                require_decay("shampoo", "graft.beta2", beta2)?;
                require_not_negative("shampoo", "graft.eps", eps)
            }
        }
    }

    /// Whether it keeps a number for every element.
    pub(super) fn has_state(self) -> bool {
        !matches!(self, Self::None | Self::Sgd)
    }

    /// The direction of `numerator`, with the state brought up to date by `gradient`.
    pub(super) fn direction<T: Float>(
        self,
        state: &mut [T],
        gradient: &[T],
        numerator: &[T],
        step: u64,
        out: &mut Vec<T>,
    ) {
        out.clear();
        let (keep, take, eps, correction) = match self {
            Self::None | Self::Sgd => return out.extend_from_slice(numerator),
            Self::AdaGrad { eps } => (1.0, 1.0, eps, 1.0),
            Self::RmsProp { beta2, eps } => (beta2, 1.0 - beta2, eps, 1.0),
            Self::Adam { beta2, eps } => {
                let power = i32::try_from(step).unwrap_or(i32::MAX);
                (beta2, 1.0 - beta2, eps, 1.0 - beta2.powi(power))
            }
        };
        let (keep, take, eps) = (T::of(keep), T::of(take), T::of(eps));
        let scale = T::of(1.0 / correction);
        for ((v, &g), &numerator) in state.iter_mut().zip(gradient).zip(numerator) {
            *v = keep * *v + take * g * g;
            out.push(ratio(numerator, Real::sqrt(*v * scale) + eps));
        }
    }
}
