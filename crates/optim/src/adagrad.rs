//! Diagonal AdaGrad.

use tensegrity_tensor::Real;

use crate::error::require_not_negative;
use crate::float::ratio;
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// `s ← s + g²`, `w ← w − rate·g/(√s + eps)` (Duchi, Hazan, Singer 2011).
///
/// Memory: one copy of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaGrad {
    pub(crate) rate: f64,
    eps: f64,
    weight_decay: f64,
}

impl AdaGrad {
    /// With eps 1e-10.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            eps: 1e-10,
            weight_decay: 0.0,
        }
    }

    /// Added to the root of the sums.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Decoupled decay.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("adagrad", "rate", self.rate)?;
        require_not_negative("adagrad", "eps", self.eps)?;
        require_not_negative("adagrad", "weight_decay", self.weight_decay)?;
        Ok(Box::new(AdaGradRule {
            options: self.clone(),
            sums: Buffers::new("sum", specs, true),
        }))
    }
}

struct AdaGradRule<T> {
    options: AdaGrad,
    sums: Buffers<T>,
}

impl<T: Float> Rule<T> for AdaGradRule<T> {
    fn update(&mut self, _: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let eps = T::of(self.options.eps);
        for (number, slot) in slots.iter_mut().enumerate() {
            let decay = slot.decay.unwrap_or(self.options.weight_decay);
            shrink(slot.value, slot.rate, decay);
            let rate = T::of(slot.rate);
            let sums = self.sums.of(number);
            for ((w, s), &g) in slot.value.iter_mut().zip(sums).zip(slot.gradient) {
                *s += g * g;
                *w -= rate * ratio(g, Real::sqrt(*s) + eps);
            }
        }
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.sums.archive(archive)
    }
}
