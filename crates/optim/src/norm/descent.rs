//! Steepest descent under a norm for every parameter.

use tensegrity_linalg::PolarMethod;
use tensegrity_tensor::{Tensor, View};

use super::NormSpec;
use crate::error::{require, require_decay, require_not_negative};
use crate::float::dot;
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, blend, descend, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result, Role};

/// How far a step of [`NormDescent`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Eta {
    /// Every layer by its rate in its own norm (over its scale).
    Rate,
    /// By `η = Σ ‖G_l‖*/(s_l·λ)` times the rate, the step of the modular norm at
    /// this sharpness λ.
    Sharpness(f64),
}

/// `w_l ← w_l − η·dualize_l(u_l)/s_l` with `u` the gradient or its moving average:
/// an optimiser factory. The role of a parameter names its norm.
///
/// Defaults: `RmsRms` for linear layers and heads, `L1Rms` for embeddings,
/// `Conv2d`, and `Rms` for vectors. Memory: one copy of the parameters if there
/// is momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct NormDescent {
    pub(crate) rate: f64,
    everywhere: Option<NormSpec>,
    roles: Vec<(Role, NormSpec)>,
    scales: Vec<(String, f64)>,
    momentum: f64,
    nesterov: bool,
    eta: Eta,
    weight_decay: f64,
    polar: PolarMethod,
}

impl NormDescent {
    /// Norms by role, no momentum.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            everywhere: None,
            roles: Vec::new(),
            scales: Vec::new(),
            momentum: 0.0,
            nesterov: false,
            eta: Eta::Rate,
            weight_decay: 0.0,
            polar: PolarMethod::Svd,
        }
    }

    /// Sign descent.
    #[must_use]
    pub fn sign_sgd(rate: f64) -> Self {
        Self::new(rate).everywhere(NormSpec::MaxAbs)
    }

    /// Sign descent along the moving average of gradients (0.9).
    #[must_use]
    pub fn signum(rate: f64) -> Self {
        Self::sign_sgd(rate).momentum(0.9)
    }

    /// The spectral norm for everything.
    #[must_use]
    pub fn spectral_descent(rate: f64) -> Self {
        Self::new(rate).everywhere(NormSpec::Spectral)
    }

    /// One norm for all parameters but those of [`Role::Custom`].
    #[must_use]
    pub fn everywhere(mut self, norm: NormSpec) -> Self {
        self.everywhere = Some(norm);
        self
    }

    /// The norm of a role.
    #[must_use]
    pub fn assign(mut self, role: Role, norm: NormSpec) -> Self {
        self.roles.retain(|(known, _)| *known != role);
        self.roles.push((role, norm));
        self
    }

    /// The scale `s_l` of a parameter in the modular norm (default one).
    #[must_use]
    pub fn scale(mut self, parameter: impl Into<String>, scale: f64) -> Self {
        self.scales.push((parameter.into(), scale));
        self
    }

    /// Decay rate of the moving average of gradients, in [0, 1).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Look ahead: `u = (1 − momentum)·g + momentum·average`.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// How far a step goes.
    #[must_use]
    pub fn eta(mut self, eta: Eta) -> Self {
        self.eta = eta;
        self
    }

    /// Decoupled decay.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// How polar factors are computed.
    #[must_use]
    pub fn polar(mut self, method: PolarMethod) -> Self {
        self.polar = method;
        self
    }

    /// The norm a parameter gets.
    #[must_use]
    pub fn norm_of(&self, parameter: &ParameterSpec) -> NormSpec {
        if let Role::Custom(norm) = &parameter.role {
            return norm.clone();
        }
        let assigned = self.roles.iter().find(|(role, _)| *role == parameter.role);
        if let Some((_, norm)) = assigned {
            return norm.clone();
        }
        if let Some(norm) = &self.everywhere {
            return norm.clone();
        }
        match parameter.role {
            Role::Embedding => NormSpec::L1Rms,
            Role::Conv2d => NormSpec::Conv2d,
            Role::Vector => NormSpec::Rms,
            _ => NormSpec::RmsRms,
        }
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        const NAME: &str = "norm-descent";
        require_not_negative(NAME, "rate", self.rate)?;
        require_decay(NAME, "momentum", self.momentum)?;
        require_not_negative(NAME, "weight_decay", self.weight_decay)?;
        if let Eta::Sharpness(sharpness) = self.eta {
            let fine = sharpness > 0.0 && sharpness.is_finite();
            require(
                fine,
                NAME,
                "sharpness",
                sharpness,
                "give a finite number above zero",
            )?;
        }
        let mut layers = Vec::new();
        for spec in specs {
            let norm = self.norm_of(spec);
            norm.check(&spec.shape)?;
            let scale = self
                .scales
                .iter()
                .rev()
                .find(|(name, _)| *name == spec.name);
            let scale = scale.map_or(1.0, |(_, scale)| *scale);
            require(
                scale > 0.0,
                NAME,
                "scale",
                scale,
                "give a number above zero",
            )?;
            layers.push((norm, scale));
        }
        Ok(Box::new(NormRule {
            options: self.clone(),
            layers,
            average: Buffers::new("average", specs, self.momentum > 0.0),
        }))
    }
}

struct NormRule<T> {
    options: NormDescent,
    layers: Vec<(NormSpec, f64)>,
    average: Buffers<T>,
}

impl<T: Float> Rule<T> for NormRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let beta = self.options.momentum;
        let mut duals: Vec<Tensor<T>> = Vec::new();
        let mut total = 0.0;
        for (number, slot) in slots.iter().enumerate() {
            let mut update = slot.gradient.to_vec();
            if beta > 0.0 {
                let average = self.average.of(number);
                blend(average, beta, slot.gradient);
                if self.options.nesterov {
                    for (u, &m) in update.iter_mut().zip(&*average) {
                        *u = T::of(1.0 - beta) * *u + T::of(beta) * m;
                    }
                } else {
                    update.copy_from_slice(average);
                }
            }
            let (norm, scale) = &self.layers[number];
            let view = View::from_slice(&update, &slot.spec.shape);
            let dual = norm.dualize_with(&view, &self.options.polar)?;
            total += dot(&update, dual.as_slice()) / scale;
            duals.push(dual);
        }
        let eta = match self.options.eta {
            Eta::Rate => 1.0,
            Eta::Sharpness(sharpness) => total / sharpness,
        };
        for ((slot, dual), (_, scale)) in slots.iter_mut().zip(&duals).zip(&self.layers) {
            let decay = slot.decay.unwrap_or(self.options.weight_decay);
            shrink(slot.value, slot.rate, decay);
            descend(slot.value, slot.rate * eta / scale, dual.as_slice());
        }
        Ok(Tally {
            rate: Some(moment.rate * eta),
            ..Tally::default()
        })
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        self.average.archive(archive)
    }
}
