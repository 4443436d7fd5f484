//! Gradient descent with momentum.

use crate::error::{require_decay, require_not_negative};
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, descend, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// `buf ← momentum·buf + g`, `w ← w − rate·buf` (heavy ball, Polyak 1964), or
/// with Nesterov's look-ahead `w ← w − rate·(g + momentum·buf)`.
///
/// Cost: one pass; memory: one copy of the parameters if there is momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    pub(crate) rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl Sgd {
    /// Plain gradient descent.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        }
    }

    /// Momentum in [0, 1).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Nesterov's look-ahead.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Decoupled decay: `w ← (1 − rate·weight_decay)·w` before the step.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("sgd", "rate", self.rate)?;
        require_decay("sgd", "momentum", self.momentum)?;
        require_not_negative("sgd", "weight_decay", self.weight_decay)?;
        Ok(Box::new(SgdRule {
            options: self.clone(),
            velocity: Buffers::new("velocity", specs, self.momentum > 0.0),
        }))
    }
}

struct SgdRule<T> {
    options: Sgd,
    velocity: Buffers<T>,
}

impl<T: Float> Rule<T> for SgdRule<T> {
    fn update(&mut self, _: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let momentum = T::of(self.options.momentum);
        for (number, slot) in slots.iter_mut().enumerate() {
            let decay = slot.decay.unwrap_or(self.options.weight_decay);
            shrink(slot.value, slot.rate, decay);
            if self.options.momentum == 0.0 {
                descend(slot.value, slot.rate, slot.gradient);
                continue;
            }
            let velocity = self.velocity.of(number);
            let rate = T::of(slot.rate);
            for ((w, v), &g) in slot.value.iter_mut().zip(velocity).zip(slot.gradient) {
                *v = momentum * *v + g;
                let step = if self.options.nesterov {
                    g + momentum * *v
                } else {
                    *v
                };
                *w -= rate * step;
            }
        }
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.velocity.archive(archive)
    }
}
