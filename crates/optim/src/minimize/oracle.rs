//! What a minimiser may ask of a function.

use std::error::Error as StdError;

/// Result of a callback; its error reaches the caller as
/// [`Error::Oracle`](crate::Error::Oracle), with the iteration.
pub type Answer<T> = std::result::Result<T, Box<dyn StdError + Send + Sync>>;

/// Which derivatives an [`Oracle`] can give besides gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offers {
    /// Values; what is adaptive needs them.
    pub value: bool,
    /// Hessians as dense matrices.
    pub hessian: bool,
    /// Products of the Hessian with a vector.
    pub product: bool,
    /// Third derivatives along a direction.
    pub third: bool,
}

impl Offers {
    /// Nothing but gradients.
    #[must_use]
    pub fn gradients() -> Self {
        Self::default()
    }

    /// Values too.
    #[must_use]
    pub fn value(mut self) -> Self {
        self.value = true;
        self
    }

    /// Dense Hessians too.
    #[must_use]
    pub fn hessian(mut self) -> Self {
        self.hessian = true;
        self
    }

    /// Hessian products too.
    #[must_use]
    pub fn product(mut self) -> Self {
        self.product = true;
        self
    }

    /// Directional third derivatives too.
    #[must_use]
    pub fn third(mut self) -> Self {
        self.third = true;
        self
    }
}

/// A function ℝᵈ → ℝ with derivatives, exact, inexact or sampled.
///
/// A finite sum `f = (1/N)·Σ fᵢ` says its `N` in [`samples`](Self::samples);
/// it is then asked for means over a `batch` of indices (ascending, without
/// repetition; `None` is all of them). Other functions see `None` only.
/// Matrices are row by row. Every output is overwritten, never added to.
pub trait Oracle {
    /// `d`.
    fn dimension(&self) -> usize;

    /// `N` of a finite sum.
    fn samples(&self) -> Option<usize> {
        None
    }

    /// What can be asked besides gradients.
    fn offers(&self) -> Offers;

    /// `f(x)`.
    ///
    /// # Errors
    /// The callback's own.
    fn value(&self, x: &[f64], batch: Option<&[usize]>) -> Answer<f64> {
        let _ = (x, batch);
        Err("values are not offered".into())
    }

    /// `∇f(x)` into `out`, length d.
    ///
    /// # Errors
    /// The callback's own.
    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()>;

    /// `∇²f(x)` into `out`, d×d.
    ///
    /// # Errors
    /// The callback's own.
    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let _ = (x, batch, out);
        Err("dense Hessians are not offered".into())
    }

    /// `∇²f(x)·v` into `out`, length d.
    ///
    /// # Errors
    /// The callback's own.
    fn product(
        &self,
        x: &[f64],
        v: &[f64],
        batch: Option<&[usize]>,
        out: &mut [f64],
    ) -> Answer<()> {
        let _ = (x, v, batch, out);
        Err("Hessian products are not offered".into())
    }

    /// `D³f(x)[v, v, ·]` into `out`, length d.
    ///
    /// # Errors
    /// The callback's own.
    fn third(&self, x: &[f64], v: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let _ = (x, v, batch, out);
        Err("third derivatives are not offered".into())
    }
}

/// Calls of the oracle so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Evaluations {
    /// Values.
    pub values: u64,
    /// Gradients.
    pub gradients: u64,
    /// Dense Hessians.
    pub hessians: u64,
    /// Hessian-vector products.
    pub products: u64,
    /// Directional third derivatives.
    pub thirds: u64,
    /// Passes over the data by gradients, Hessians and third derivatives: each
    /// call counts its batch over all samples (1 for a function that is no
    /// sum), a product or a third derivative as much as a gradient.
    pub epochs: f64,
}
