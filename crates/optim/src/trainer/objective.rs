//! What is trained, as the trainer sees it.

use tensegrity_tensor::Tensor;

use crate::Float;

/// Whatever went wrong in a model.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The examples of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Positions of the examples, each in `0..examples`.
    pub examples: &'a [usize],
    /// Passes over the examples completed before this one.
    pub epoch: u64,
    /// Batches drawn before this one.
    pub step: u64,
    /// Seed of this step, for dropout, noise and the like: it depends on the
    /// trainer's seed and the step only, so a resumed run draws the same.
    pub seed: u64,
}

/// A model with its data: parameters in, loss and gradients out.
///
/// For a run to be repeatable, the answers may depend on the arguments only.
pub trait Objective<T: Float> {
    /// Number of examples; batches are drawn from them.
    fn examples(&self) -> usize;

    /// Mean loss over the batch, and its gradient for every parameter in the
    /// order of the registry (those of frozen parameters are not read and may
    /// have any shape).
    ///
    /// # Errors
    /// Whatever stops the model; the run ends with it, parameters unchanged.
    fn loss_and_gradients(
        &mut self,
        parameters: &[Tensor<T>],
        batch: &Batch<'_>,
    ) -> Result<(f64, Vec<Tensor<T>>), Failure>;

    /// Metrics by name on data held out; none by default.
    ///
    /// # Errors
    /// Whatever stops the model; the run ends with it.
    fn evaluate(&mut self, parameters: &[Tensor<T>]) -> Result<Vec<(String, f64)>, Failure> {
        let _ = parameters;
        Ok(Vec::new())
    }
}

/// A closure as an [`Objective`] without metrics.
#[derive(Debug)]
pub struct FromFn<F> {
    examples: usize,
    function: F,
}

impl<F> FromFn<F> {
    /// `function(parameters, batch)` gives loss and gradients.
    pub fn new<T: Float>(examples: usize, function: F) -> Self
    where
        F: FnMut(&[Tensor<T>], &Batch<'_>) -> Result<(f64, Vec<Tensor<T>>), Failure>,
    {
        Self { examples, function }
    }
}

impl<T, F> Objective<T> for FromFn<F>
where
    T: Float,
    F: FnMut(&[Tensor<T>], &Batch<'_>) -> Result<(f64, Vec<Tensor<T>>), Failure>,
{
    fn examples(&self) -> usize {
        self.examples
    }

    fn loss_and_gradients(
        &mut self,
        parameters: &[Tensor<T>],
        batch: &Batch<'_>,
    ) -> Result<(f64, Vec<Tensor<T>>), Failure> {
        (self.function)(parameters, batch)
    }
}
