//! Prodigy: Adam that finds its own rate.

use tensegrity_tensor::Real;

use crate::error::{require, require_decay, require_not_negative};
use crate::float::{absolute_sum, dot, ratio, sign};
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// The distance to the solution `d` is estimated from below as the run goes on,
/// and stands in for the rate (Mishchenko and Defazio 2023):
///
/// `m ← β₁m + (1 − β₁)·d·g`, `v ← β₂v + (1 − β₂)·d²·g²`,
/// `r ← √β₂·r + (1 − √β₂)·γ·d²·⟨g, w₀ − w⟩`, `s ← √β₂·s + (1 − √β₂)·γ·d²·g`,
/// `w ← w − γ·d·m/(√v + d·eps)`, `d ← max(d, r/‖s‖₁)` — the step uses the old `d`.
/// `γ` is the schedule's factor times `rate` (one).
///
/// [`Prodigy::without_averages`] keeps the idea only: `η ← max(η, ⟨g, w₀ − w⟩/‖g‖₁)`
/// and then sign descent with that η, which doubles it every step until the
/// iterates have moved about as far as the solution is.
///
/// Inner products run over all trained parameters. Memory: four copies of the
/// parameters; one without averages.
#[derive(Clone, Debug, PartialEq)]
pub struct Prodigy {
    pub(crate) rate: f64,
    averages: bool,
    start: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    growth: f64,
    coefficient: f64,
    safeguard: bool,
    bias_correction: bool,
}

impl Default for Prodigy {
    fn default() -> Self {
        Self::new()
    }
}

impl Prodigy {
    /// Betas 0.9 and 0.999, eps 1e-8, first distance 1e-6.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rate: 1.0,
            averages: true,
            start: 1e-6,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            growth: f64::INFINITY,
            coefficient: 1.0,
            safeguard: false,
            bias_correction: false,
        }
    }

    /// Sign descent with the growing rate alone.
    #[must_use]
    pub fn without_averages() -> Self {
        Self {
            averages: false,
            ..Self::new()
        }
    }

    /// γ; leave it at one but for experiments.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// The first distance (or rate η), above zero and below the true one.
    #[must_use]
    pub fn start(mut self, start: f64) -> Self {
        self.start = start;
        self
    }

    /// Decay rates of the averages, in [0, 1).
    #[must_use]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        self.betas = (first, second);
        self
    }

    /// Times `d`, added to the root of the second average.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Decoupled decay by `γ·d·weight_decay`.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Largest factor `d` may grow by in one step, at least one.
    #[must_use]
    pub fn growth_rate(mut self, growth: f64) -> Self {
        self.growth = growth;
        self
    }

    /// Multiplies the estimate of the distance.
    #[must_use]
    pub fn d_coef(mut self, coefficient: f64) -> Self {
        self.coefficient = coefficient;
        self
    }

    /// Leave γ out of the estimate, so that a warm-up does not inflate it.
    #[must_use]
    pub fn safeguard_warmup(mut self, safeguard: bool) -> Self {
        self.safeguard = safeguard;
        self
    }

    /// Adam's bias correction on the step: γ·√(1 − β₂ᵗ)/(1 − β₁ᵗ).
    #[must_use]
    pub fn bias_correction(mut self, bias_correction: bool) -> Self {
        self.bias_correction = bias_correction;
        self
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.averages {
            "prodigy"
        } else {
            "prodigy-without-averages"
        }
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("prodigy", "rate", self.rate)?;
        let start = self.start > 0.0 && self.start.is_finite();
        require(
            start,
            "prodigy",
            "start",
            self.start,
            "give a small number above zero",
        )?;
        require_decay("prodigy", "betas.0", self.betas.0)?;
        require_decay("prodigy", "betas.1", self.betas.1)?;
        require_not_negative("prodigy", "eps", self.eps)?;
        require_not_negative("prodigy", "weight_decay", self.weight_decay)?;
        require_not_negative("prodigy", "d_coef", self.coefficient)?;
        require(
            self.growth >= 1.0,
            "prodigy",
            "growth_rate",
            self.growth,
            "give one or more",
        )?;
        Ok(Box::new(ProdigyRule {
            options: self.clone(),
            distance: self.start,
            numerator: 0.0,
            origin: Buffers::new("origin", specs, false),
            first: Buffers::new("first", specs, self.averages),
            second: Buffers::new("second", specs, self.averages),
            sums: Buffers::new("sum", specs, self.averages),
        }))
    }
}

struct ProdigyRule<T> {
    options: Prodigy,
    /// `d`, or η without averages.
    distance: f64,
    /// `r`.
    numerator: f64,
    /// `w₀`, once there was a step.
    origin: Buffers<T>,
    first: Buffers<T>,
    second: Buffers<T>,
    sums: Buffers<T>,
}

impl<T: Float> ProdigyRule<T> {
    /// `⟨g, w₀ − w⟩` over all parameters.
    fn progress(&mut self, slots: &[Slot<'_, T>]) -> f64 {
        let mut total = 0.0;
        for (number, slot) in slots.iter().enumerate() {
            let origin = self.origin.of(number);
            total += dot(slot.gradient, origin) - dot(slot.gradient, slot.value);
        }
        total
    }

    fn grow(&mut self, estimate: f64) {
        if estimate.is_finite() {
            let most = self.distance * self.options.growth;
            self.distance = self.distance.max(estimate.min(most));
        }
    }

    fn by_signs(&mut self, slots: &mut [Slot<'_, T>], progress: f64) {
        let size: f64 = slots.iter().map(|slot| absolute_sum(slot.gradient)).sum();
        if size > 0.0 {
            self.grow(self.options.coefficient * progress / size);
        }
        for slot in slots.iter_mut() {
            let rate = T::of(self.distance * slot.rate);
            shrink(slot.value, self.distance * slot.rate, self.decay(slot));
            for (w, &g) in slot.value.iter_mut().zip(slot.gradient) {
                *w -= rate * sign(g);
            }
        }
    }

    fn decay(&self, slot: &Slot<'_, T>) -> f64 {
        slot.decay.unwrap_or(self.options.weight_decay)
    }

    fn by_averages(&mut self, slots: &mut [Slot<'_, T>], progress: f64, moment: &Moment) {
        let Prodigy { betas, eps, .. } = self.options;
        let (b1, b2) = betas;
        let b3 = b2.sqrt();
        let d = self.distance;
        let gamma = if self.options.safeguard {
            1.0
        } else {
            moment.rate
        };
        let power = i32::try_from(moment.step).unwrap_or(i32::MAX);
        let correction = if self.options.bias_correction {
            (1.0 - b2.powi(power)).sqrt() / (1.0 - b1.powi(power))
        } else {
            1.0
        };
        self.numerator = b3 * self.numerator + (1.0 - b3) * gamma * d * d * progress;
        let mut size = 0.0;
        for (number, slot) in slots.iter_mut().enumerate() {
            let rate = T::of(slot.rate * d * correction);
            shrink(slot.value, slot.rate * d, self.decay(slot));
            let (keep1, take1) = (T::of(b1), T::of((1.0 - b1) * d));
            let (keep2, take2) = (T::of(b2), T::of((1.0 - b2) * d * d));
            let (keep3, take3) = (T::of(b3), T::of((1.0 - b3) * gamma * d * d));
            let eps = T::of(d * eps);
            let averages = self.first.of(number).iter_mut().zip(self.second.of(number));
            let values = slot.value.iter_mut().zip(slot.gradient);
            let sums = self.sums.of(number);
            for (((w, &g), (m, v)), s) in values.zip(averages).zip(sums.iter_mut()) {
                *m = keep1 * *m + take1 * g;
                *v = keep2 * *v + take2 * g * g;
                *s = keep3 * *s + take3 * g;
                *w -= rate * ratio(*m, Real::sqrt(*v) + eps);
            }
            size += absolute_sum(sums);
        }
        if size > 0.0 {
            self.grow(self.options.coefficient * self.numerator / size);
        }
    }
}

impl<T: Float> Rule<T> for ProdigyRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        for (number, slot) in slots.iter().enumerate() {
            let origin = self.origin.of(number);
            if origin.is_empty() {
                origin.extend_from_slice(slot.value);
            }
        }
        // The estimate uses the point the gradient was taken at.
        let progress = self.progress(slots);
        let used = if self.options.averages {
            let used = self.distance;
            self.by_averages(slots, progress, moment);
            used
        } else {
            self.by_signs(slots, progress);
            self.distance
        };
        Ok(Tally {
            rate: Some(used * moment.rate),
            ..Tally::default()
        })
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        archive.number("distance".into(), &mut self.distance)?;
        archive.number("numerator".into(), &mut self.numerator)?;
        self.origin.archive_if_there(archive)?;
        self.first.archive(archive)?;
        self.second.archive(archive)?;
        self.sums.archive(archive)
    }
}
