//! One norm over all layers of a model.

use tensegrity_linalg::PolarMethod;
use tensegrity_tensor::{Tensor, View};

use super::NormSpec;
use super::spec::check_sharpness;
use crate::{Error, Float, Result};

/// `‖W‖ = max over layers of s_l·‖W_l‖_l` (Large et al. 2024). Its dual norm is
/// `Σ ‖G_l‖*_l/s_l` and its duality map `dualize_l(G_l)/s_l`: all layers share one
/// rate, though the norm is a maximum.
#[derive(Clone, Debug, PartialEq)]
pub struct Modular {
    layers: Vec<(NormSpec, f64)>,
}

impl Modular {
    /// Norms and scales `s_l` > 0 of the layers; an infinite scale holds a layer
    /// still.
    ///
    /// # Errors
    /// [`Error::Option`] for a scale that is not above zero.
    pub fn new(layers: Vec<(NormSpec, f64)>) -> Result<Self> {
        for (_, scale) in &layers {
            let wanted = "give a number above zero";
            crate::error::require(*scale > 0.0, "modular norm", "scale", scale, wanted)?;
        }
        Ok(Self { layers })
    }

    /// Norms and scales in order.
    #[must_use]
    pub fn layers(&self) -> &[(NormSpec, f64)] {
        &self.layers
    }

    /// The norm of a list of tensors.
    ///
    /// # Errors
    /// [`Error::Count`]; as [`NormSpec::norm`].
    pub fn norm<T: Float>(&self, x: &[View<'_, T>]) -> Result<f64> {
        self.check(x.len())?;
        let mut most = 0.0f64;
        for ((norm, scale), x) in self.layers.iter().zip(x) {
            let size = norm.norm(x)?;
            // Zero times an infinite scale is zero.
            most = most.max(if size == 0.0 { 0.0 } else { scale * size });
        }
        Ok(most)
    }

    /// The dual norm of a list of gradients.
    ///
    /// # Errors
    /// As [`Modular::norm`].
    pub fn dual_norm<T: Float>(&self, g: &[View<'_, T>]) -> Result<f64> {
        self.check(g.len())?;
        let mut sum = 0.0;
        for ((norm, scale), g) in self.layers.iter().zip(g) {
            sum += norm.dual_norm(g)? / scale;
        }
        Ok(sum)
    }

    /// The tensors of norm one that attain it.
    ///
    /// # Errors
    /// As [`Modular::norm`].
    pub fn dualize<T: Float>(&self, g: &[View<'_, T>]) -> Result<Vec<Tensor<T>>> {
        self.dualize_with(g, &PolarMethod::Svd)
    }

    /// [`Modular::dualize`] with a method for polar factors.
    ///
    /// # Errors
    /// As [`Modular::norm`].
    pub fn dualize_with<T: Float>(
        &self,
        g: &[View<'_, T>],
        method: &PolarMethod,
    ) -> Result<Vec<Tensor<T>>> {
        self.check(g.len())?;
        let layers = self.layers.iter().zip(g);
        layers
            .map(|((norm, scale), g)| {
                let mut dual = norm.dualize_with(g, method)?;
                let factor = T::of(1.0 / scale);
                dual.as_mut_slice().iter_mut().for_each(|d| *d *= factor);
                Ok(dual)
            })
            .collect()
    }

    /// The minimiser of `⟨g, d⟩ + (λ/2)·‖d‖²`, the rate `η = ‖g‖*/λ` and the
    /// minimum `−‖g‖*²/(2λ)`.
    ///
    /// # Errors
    /// As [`Modular::norm`]; [`Error::Option`] for a sharpness not above zero.
    pub fn steepest<T: Float>(
        &self,
        g: &[View<'_, T>],
        sharpness: f64,
    ) -> Result<(Vec<Tensor<T>>, f64, f64)> {
        check_sharpness(sharpness)?;
        let dual = self.dual_norm(g)?;
        let rate = dual / sharpness;
        let mut directions = self.dualize(g)?;
        for direction in &mut directions {
            direction
                .as_mut_slice()
                .iter_mut()
                .for_each(|d| *d *= T::of(-rate));
        }
        Ok((directions, rate, -dual * dual / (2.0 * sharpness)))
    }

    fn check(&self, found: usize) -> Result<()> {
        if found == self.layers.len() {
            return Ok(());
        }
        Err(Error::Count {
            what: "tensors",
            found,
            expected: self.layers.len(),
        })
    }
}
