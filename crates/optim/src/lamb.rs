//! LAMB: Adam's direction with a trust ratio a layer.

use crate::adam::direction;
use crate::error::{require_decay, require_not_negative};
use crate::float::norm;
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, descend};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// `d = m̂/(√v̂ + eps) + weight_decay·w`, `w ← w − rate·(‖w‖/‖d‖)·d` for every
/// parameter (You et al. 2020). The ratio is one if either norm is zero.
///
/// Memory: two copies of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Lamb {
    pub(crate) rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
}

impl Lamb {
    /// Betas 0.9 and 0.999, eps 1e-6, decay 0.01.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            betas: (0.9, 0.999),
            eps: 1e-6,
            weight_decay: 0.01,
        }
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

    /// Weight decay, part of the direction.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("lamb", "rate", self.rate)?;
        require_decay("lamb", "betas.0", self.betas.0)?;
        require_decay("lamb", "betas.1", self.betas.1)?;
        require_not_negative("lamb", "eps", self.eps)?;
        require_not_negative("lamb", "weight_decay", self.weight_decay)?;
        Ok(Box::new(LambRule {
            options: self.clone(),
            first: Buffers::new("first", specs, true),
            second: Buffers::new("second", specs, true),
            direction: Vec::new(),
        }))
    }
}

struct LambRule<T> {
    options: Lamb,
    first: Buffers<T>,
    second: Buffers<T>,
    direction: Vec<T>,
}

impl<T: Float> Rule<T> for LambRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let Lamb { betas, eps, .. } = self.options;
        for (number, slot) in slots.iter_mut().enumerate() {
            let (first, second) = (self.first.of(number), self.second.of(number));
            let out = &mut self.direction;
            direction(first, second, slot.gradient, betas, eps, moment.step, out);
            let decay = T::of(slot.decay.unwrap_or(self.options.weight_decay));
            for (d, &w) in out.iter_mut().zip(&*slot.value) {
                *d += decay * w;
            }
            let (weight, length) = (norm(slot.value), norm(out));
            let trust = if weight > 0.0 && length > 0.0 {
                weight / length
            } else {
                1.0
            };
            descend(slot.value, slot.rate * trust, out);
        }
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.first.archive(archive)?;
        self.second.archive(archive)
    }
}
