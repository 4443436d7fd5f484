//! How a model's shape decides the scales of its layers.

use tensegrity_tensor::{Tensor, View};

use super::{Modular, NormSpec};
use crate::{Float, Result};

/// A model as a tree of modules with mass and sensitivity (Large et al. 2024).
///
/// A total norm `t` is split from the root: a composition "M2 after M1" gives
/// `t·m1/(m·s2)` to M1 and `t·m2/m` to M2 with masses m1 + m2 = m and the
/// sensitivity s2 of M2; a tuple splits by mass.
///
/// ```
/// use tensegrity_optim::{Module, NormSpec};
/// let mlp = Module::atom(NormSpec::RmsRms)
///     .after(Module::bond(0.5))
///     .after(Module::atom(NormSpec::RmsRms));
/// assert_eq!(mlp.targets(1.0), [1.0, 0.5]); // the first layer acts through the bond
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    kind: Kind,
    mass: f64,
    sensitivity: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Atom(NormSpec),
    Bond,
    Composition(Box<Module>, Box<Module>),
    Tuple(Vec<Module>),
}

impl Module {
    /// A layer with weights: mass one, sensitivity one.
    #[must_use]
    pub fn atom(norm: NormSpec) -> Self {
        Self {
            kind: Kind::Atom(norm),
            mass: 1.0,
            sensitivity: 1.0,
        }
    }

    /// A layer without weights, such as an activation: mass zero.
    #[must_use]
    pub fn bond(sensitivity: f64) -> Self {
        Self {
            kind: Kind::Bond,
            mass: 0.0,
            sensitivity,
        }
    }

    /// This after `inner`: masses add, sensitivities multiply.
    #[must_use]
    pub fn after(self, inner: Self) -> Self {
        Self {
            mass: inner.mass + self.mass,
            sensitivity: inner.sensitivity * self.sensitivity,
            kind: Kind::Composition(Box::new(self), Box::new(inner)),
        }
    }

    /// Side by side: masses and sensitivities add.
    #[must_use]
    pub fn tuple(modules: Vec<Self>) -> Self {
        Self {
            mass: modules.iter().map(|module| module.mass).sum(),
            sensitivity: modules.iter().map(|module| module.sensitivity).sum(),
            kind: Kind::Tuple(modules),
        }
    }

    /// The output times `factor`: sensitivity |factor|, no mass of its own.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::bond(factor.abs()).after(self)
    }

    /// With this mass as a whole: how much of the change its weights take part in.
    #[must_use]
    pub fn tare(mut self, mass: f64) -> Self {
        self.mass = mass;
        self
    }

    /// Share of the change.
    #[must_use]
    pub fn mass(&self) -> f64 {
        self.mass
    }

    /// How much the output moves with the input.
    #[must_use]
    pub fn sensitivity(&self) -> f64 {
        self.sensitivity
    }

    /// The norm each atom's change gets of a total of `total`, inner layers
    /// first.
    #[must_use]
    pub fn targets(&self, total: f64) -> Vec<f64> {
        let mut targets = Vec::new();
        self.split(total, &mut |_, target| targets.push(target));
        targets
    }

    /// The modular norm of this model: a scale of one over the target of total one.
    ///
    /// # Errors
    /// [`crate::Error::Option`] if masses or sensitivities are negative or NaN.
    pub fn modular(&self) -> Result<Modular> {
        let mut layers = Vec::new();
        self.split(1.0, &mut |norm, target| {
            layers.push((norm.clone(), 1.0 / target))
        });
        Modular::new(layers)
    }

    /// Changes scaled so that each has the norm of its target; a zero change
    /// stays.
    ///
    /// # Errors
    /// As [`Modular::norm`].
    pub fn normalize<T: Float>(
        &self,
        changes: &[View<'_, T>],
        total: f64,
    ) -> Result<Vec<Tensor<T>>> {
        let modular = self.modular()?;
        modular.norm(changes)?;
        let targets = self.targets(total);
        let layers = modular.layers().iter().zip(targets).zip(changes);
        layers
            .map(|(((norm, _), target), change)| {
                let size = norm.norm(change)?;
                let factor = if size > 0.0 { target / size } else { 0.0 };
                Ok(change.to_tensor().map(|x| x * T::of(factor)))
            })
            .collect()
    }

    fn split(&self, total: f64, visit: &mut dyn FnMut(&NormSpec, f64)) {
        let share = |mass: f64, whole: f64| {
            if mass == 0.0 {
                0.0
            } else {
                total * mass / whole
            }
        };
        match &self.kind {
            Kind::Atom(norm) => visit(norm, total),
            Kind::Bond => {}
            Kind::Composition(outer, inner) => {
                let whole = outer.mass + inner.mass;
                let through = share(inner.mass, whole);
                let through = if through == 0.0 {
                    0.0
                } else {
                    through / outer.sensitivity
                };
                inner.split(through, visit);
                outer.split(share(outer.mass, whole), visit);
            }
            Kind::Tuple(modules) => {
                let whole: f64 = modules.iter().map(|module| module.mass).sum();
                for module in modules {
                    module.split(share(module.mass, whole), visit);
                }
            }
        }
    }
}
