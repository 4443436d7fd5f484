//! Muon: momentum, made orthogonal by Newton–Schulz.

use tensegrity_linalg::{NewtonSchulz, PolarMethod, msign_each};
use tensegrity_tensor::View;

use crate::adam::AdamRule;
use crate::error::{require_decay, require_not_negative};
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, blend, descend, shrink};
use crate::state::Archive;
use crate::{Adam, Float, ParameterSpec, Result, Role};

/// The two ways momentum is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MuonVariant {
    /// No bias correction: Jordan et al. 2024.
    #[default]
    Original,
    /// As the optax library does it: bias-corrected momentum and look-ahead, 1e-8
    /// added to the start norm, and the factor √max(1, columns/rows), since its
    /// matrices are d_in×d_out.
    Optax,
}

/// `b ← βb + (1 − β)g`, `u = (1 − β)g + βb` (Nesterov) or `b`,
/// `W ← (1 − rate·decay)·W − rate·√max(1, rows/columns)·O` with `O` five
/// Newton–Schulz steps on `u`; convolution kernels count as `[d_out, rest]`.
///
/// Hidden matrices only ([`Role::Linear`] and [`Role::Conv2d`] of two axes or
/// more); all other parameters are updated by the Adam in it, whose rate follows
/// the same schedule and groups. Memory: one copy of the hidden matrices, two of
/// the rest. All polar factors of a step are computed in one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Muon {
    pub(crate) rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    variant: MuonVariant,
    polar: PolarMethod,
    rest: Adam,
}

impl Muon {
    /// β 0.95 with Nesterov, no decay; the rest by Adam with rate 3e-4 and betas
    /// 0.9 and 0.95.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            momentum: 0.95,
            nesterov: true,
            weight_decay: 0.0,
            variant: MuonVariant::Original,
            polar: PolarMethod::NewtonSchulz(NewtonSchulz::muon(5)),
            rest: Adam::new(3e-4).betas(0.9, 0.95),
        }
    }

    /// β, in [0, 1).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Nesterov's look-ahead (on by default).
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Decoupled decay of the hidden matrices.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// How momentum is corrected; [`MuonVariant::Optax`] also resets the
    /// polar method to five steps with 1e-8 added to the norm.
    #[must_use]
    pub fn variant(mut self, variant: MuonVariant) -> Self {
        let epsilon = match variant {
            MuonVariant::Original => 0.0,
            MuonVariant::Optax => 1e-8,
        };
        self.variant = variant;
        self.polar = PolarMethod::NewtonSchulz(NewtonSchulz::muon(5).epsilon(epsilon));
        self
    }

    /// How polar factors are computed.
    #[must_use]
    pub fn polar(mut self, method: PolarMethod) -> Self {
        self.polar = method;
        self
    }

    /// The method of everything that is no hidden matrix.
    #[must_use]
    pub fn rest(mut self, adam: Adam) -> Self {
        self.rest = adam;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("muon", "rate", self.rate)?;
        require_decay("muon", "momentum", self.momentum)?;
        require_not_negative("muon", "weight_decay", self.weight_decay)?;
        self.rest.check()?;
        let hidden: Vec<bool> = specs.iter().map(|spec| is_hidden(spec)).collect();
        let of_kind = |wanted: bool| {
            let chosen = specs
                .iter()
                .zip(&hidden)
                .filter(|&(_, &hidden)| hidden == wanted);
            chosen.map(|(spec, _)| *spec).collect::<Vec<_>>()
        };
        Ok(Box::new(MuonRule {
            options: self.clone(),
            average: Buffers::new("average", &of_kind(true), true),
            rest: AdamRule::new(&self.rest, &of_kind(false)),
            hidden,
        }))
    }
}

fn is_hidden(spec: &ParameterSpec) -> bool {
    matches!(spec.role, Role::Linear | Role::Conv2d) && spec.shape.len() >= 2
}

fn sides(spec: &ParameterSpec) -> [usize; 2] {
    [spec.shape[0], spec.shape[1..].iter().product()]
}

struct MuonRule<T> {
    options: Muon,
    hidden: Vec<bool>,
    average: Buffers<T>,
    rest: AdamRule<T>,
}

impl<T: Float> MuonRule<T> {
    /// The momentum to make orthogonal.
    fn momentum(&mut self, number: usize, gradient: &[T], step: u64) -> Vec<T> {
        let beta = self.options.momentum;
        let average = self.average.of(number);
        blend(average, beta, gradient);
        let correction = |steps: u64| {
            let power = i32::try_from(steps).unwrap_or(i32::MAX);
            1.0 / (1.0 - beta.powi(power))
        };
        let (of_average, of_gradient) = match (self.options.variant, self.options.nesterov) {
            (MuonVariant::Original, true) => (beta, 1.0 - beta),
            (MuonVariant::Original, false) => (1.0, 0.0),
            // The look-ahead is the average of the next step.
            (MuonVariant::Optax, true) => {
                (beta * correction(step + 1), (1.0 - beta) * correction(step))
            }
            (MuonVariant::Optax, false) => (correction(step), 0.0),
        };
        let (a, b) = (T::of(of_average), T::of(of_gradient));
        average
            .iter()
            .zip(gradient)
            .map(|(&m, &g)| a * m + b * g)
            .collect()
    }
}

impl<T: Float> Rule<T> for MuonRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let mut momenta: Vec<(Vec<T>, [usize; 2])> = Vec::new();
        for (slot, hidden) in slots.iter().zip(self.hidden.clone()) {
            if hidden {
                let momentum = self.momentum(momenta.len(), slot.gradient, moment.step);
                momenta.push((momentum, sides(slot.spec)));
            }
        }
        let views: Vec<View<'_, T>> = momenta
            .iter()
            .map(|(momentum, sides)| View::from_slice(momentum, sides))
            .collect();
        let factors = msign_each(&views, &self.options.polar);
        let factors: Vec<_> = factors
            .into_iter()
            .collect::<tensegrity_linalg::Result<_>>()?;
        let (mut matrix, mut other) = (0, 0);
        for (slot, &hidden) in slots.iter_mut().zip(&self.hidden) {
            if hidden {
                let [rows, columns] = sides(slot.spec);
                let (d_out, d_in) = match self.options.variant {
                    MuonVariant::Original => (rows, columns),
                    MuonVariant::Optax => (columns, rows),
                };
                let shape = (d_out as f64 / d_in.max(1) as f64).max(1.0).sqrt();
                let decay = slot.decay.unwrap_or(self.options.weight_decay);
                shrink(slot.value, slot.rate, decay);
                descend(slot.value, slot.rate * shape, factors[matrix].as_slice());
                matrix += 1;
            } else {
                // The slot's rate is Muon's with schedule and group.
                slot.rate = if self.options.rate > 0.0 {
                    slot.rate / self.options.rate * self.options.rest.rate
                } else {
                    moment.schedule * self.options.rest.rate
                };
                self.rest.update_one(moment.step, other, slot);
                other += 1;
            }
        }
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.average.archive(archive)?;
        self.rest.archive(archive)
    }
}
