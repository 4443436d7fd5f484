//! Adam and AdamW.

use tensegrity_tensor::Real;

use crate::error::{require_decay, require_not_negative};
use crate::float::ratio;
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, blend, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// How a weight decay acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightDecay {
    /// `w ← (1 − rate·decay)·w` beside the step (Loshchilov and Hutter 2019).
    Decoupled(f64),
    /// `decay·w` is added to the gradient.
    Coupled(f64),
}

impl WeightDecay {
    pub(crate) fn amount(self) -> f64 {
        let (Self::Decoupled(amount) | Self::Coupled(amount)) = self;
        amount
    }

    /// Of the same kind, another amount if there is one.
    pub(crate) fn or(self, amount: Option<f64>) -> Self {
        match (self, amount) {
            (kept, None) => kept,
            (Self::Decoupled(_), Some(amount)) => Self::Decoupled(amount),
            (Self::Coupled(_), Some(amount)) => Self::Coupled(amount),
        }
    }
}

/// `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`,
/// `w ← w − rate·m̂/(√v̂ + eps)` with bias-corrected averages (Kingma and Ba 2015).
///
/// Where the denominator is zero the step is zero. Memory: two copies of the
/// parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    pub(crate) rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: WeightDecay,
}

impl Adam {
    /// Betas 0.9 and 0.999, eps 1e-8, no decay.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: WeightDecay::Decoupled(0.0),
        }
    }

    /// AdamW: [`Adam`] with decoupled decay.
    #[must_use]
    pub fn decoupled(rate: f64, weight_decay: f64) -> Self {
        Self::new(rate).weight_decay(WeightDecay::Decoupled(weight_decay))
    }

    /// Decay rates of the two averages, in [0, 1).
    #[must_use]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        self.betas = (first, second);
        self
    }

    /// Added to the root of the second average.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Weight decay.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: WeightDecay) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        require_not_negative("adam", "rate", self.rate)?;
        require_decay("adam", "betas.0", self.betas.0)?;
        require_decay("adam", "betas.1", self.betas.1)?;
        require_not_negative("adam", "eps", self.eps)?;
        require_not_negative("adam", "weight_decay", self.weight_decay.amount())
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        self.check()?;
        Ok(Box::new(AdamRule::new(self, specs)))
    }
}

pub(crate) struct AdamRule<T> {
    options: Adam,
    first: Buffers<T>,
    second: Buffers<T>,
}

impl<T: Float> AdamRule<T> {
    pub(crate) fn new(options: &Adam, specs: &[&ParameterSpec]) -> Self {
        Self {
            options: options.clone(),
            first: Buffers::new("first", specs, true),
            second: Buffers::new("second", specs, true),
        }
    }

    /// The step of buffer `number`.
    pub(crate) fn update_one(&mut self, step: u64, number: usize, slot: &mut Slot<'_, T>) {
        let (b1, b2) = self.options.betas;
        let decay = self.options.weight_decay.or(slot.decay);
        let (first, second) = (self.first.of(number), self.second.of(number));
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        let (c1, c2) = (1.0 - b1.powi(power), 1.0 - b2.powi(power));
        let coupled = match decay {
            WeightDecay::Decoupled(amount) => {
                shrink(slot.value, slot.rate, amount);
                T::ZERO
            }
            WeightDecay::Coupled(amount) => T::of(amount),
        };
        let (keep1, take1) = (T::of(b1), T::of(1.0 - b1));
        let (keep2, take2) = (T::of(b2), T::of(1.0 - b2));
        let (scale1, scale2) = (T::of(1.0 / c1), T::of(1.0 / c2));
        let (rate, eps) = (T::of(slot.rate), T::of(self.options.eps));
        let averages = first.iter_mut().zip(second);
        for ((w, &g), (m, v)) in slot.value.iter_mut().zip(slot.gradient).zip(averages) {
            let g = g + coupled * *w;
            *m = keep1 * *m + take1 * g;
            *v = keep2 * *v + take2 * g * g;
            *w -= rate * ratio(*m * scale1, Real::sqrt(*v * scale2) + eps);
        }
    }
}

impl<T: Float> Rule<T> for AdamRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        for (number, slot) in slots.iter_mut().enumerate() {
            self.update_one(moment.step, number, slot);
        }
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.first.archive(archive)?;
        self.second.archive(archive)
    }
}

/// Bias-corrected averages `m̂/(√v̂ + eps)`, as other methods use them.
pub(crate) fn direction<T: Float>(
    first: &mut [T],
    second: &mut [T],
    gradient: &[T],
    (b1, b2): (f64, f64),
    eps: f64,
    step: u64,
    out: &mut Vec<T>,
) {
    blend(first, b1, gradient);
    let power = i32::try_from(step).unwrap_or(i32::MAX);
    let (scale1, scale2) = (
        T::of(1.0 / (1.0 - b1.powi(power))),
        T::of(1.0 / (1.0 - b2.powi(power))),
    );
    let (keep, take, eps) = (T::of(b2), T::of(1.0 - b2), T::of(eps));
    out.clear();
    for ((m, v), &g) in first.iter().zip(second).zip(gradient) {
        *v = keep * *v + take * g * g;
        out.push(ratio(*m * scale1, Real::sqrt(*v * scale2) + eps));
    }
}
