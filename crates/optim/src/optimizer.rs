//! What every optimiser does, whatever its method.

use tensegrity_tensor::{Tensor, View, ViewMut};

use crate::{Clip, Float, ParameterSpec, Result, Schedule, State};

/// What to do with a gradient that holds NaN or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NonFinite {
    /// Refuse the step; nothing has changed.
    #[default]
    Error,
    /// Leave out the step; nothing but the count of such steps changes.
    Skip,
}

/// A function to minimise: its value and gradients at given parameters, in the
/// registry's order and shapes (gradients of frozen ones are not read).
pub type Evaluate<'a, T> = dyn FnMut(
        &[View<'_, T>],
    )
        -> std::result::Result<(f64, Vec<Tensor<T>>), Box<dyn std::error::Error + Send + Sync>>
    + 'a;

/// Options of a run that do not belong to a method.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// Factor on the rate by step.
    pub schedule: Schedule,
    /// Policy for gradients that are not finite.
    pub non_finite: NonFinite,
    /// Bound of gradients, after the check that they are finite.
    pub clip: Clip,
    /// Measure [`StepStats::update_norm`]; costs a copy of the parameters a step.
    pub measure_updates: bool,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<()> {
        self.schedule.check()?;
        self.clip.check()
    }
}

/// What happened in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StepStats {
    /// Steps taken so far, this one included (a skipped one is not).
    pub step: u64,
    /// Whether this one was left out because a gradient was not finite.
    pub skipped: bool,
    /// Steps left out so far.
    pub skipped_total: u64,
    /// The rate of this step, schedule included, before group factors. For
    /// methods that set their own rate, that rate.
    pub rate: f64,
    /// Euclidean norm over all trained gradients, before clipping.
    pub gradient_norm: f64,
    /// Value of the function before the step, if it was evaluated.
    pub value: Option<f64>,
    /// Evaluations of the function.
    pub evaluations: usize,
    /// Whether a line search found a length it wanted; `None` without one.
    pub search_held: Option<bool>,
    /// Euclidean norm of the change of all trained parameters, if
    /// [`Settings::measure_updates`] asks for it.
    pub update_norm: Option<f64>,
    /// Matrix roots or bases computed in this step.
    pub roots_computed: usize,
    /// Roots (and statistics whose squares overflow) that failed in this step;
    /// the previous ones stay in use.
    pub roots_failed: usize,
    /// Roots that failed so far.
    pub roots_failed_total: u64,
}

/// Changes parameters by their gradients, step by step.
///
/// Guarantees: a step refused for its shapes or a gradient that is not finite has
/// changed neither parameters nor state; frozen parameters are neither read nor written; the bits of a result
/// do not depend on the number of threads; after [`restore`](Self::restore) the
/// run goes on bit for bit as the saved one.
pub trait Optimizer<T: Float>: Send + Sync {
    /// The method's name.
    fn name(&self) -> &'static str;

    /// One step. Both lists have the registry's order and length; frozen
    /// entries are not read and may have any shape.
    ///
    /// # Errors
    /// [`crate::Error::Count`], [`crate::Error::Shape`],
    /// [`crate::Error::NonFiniteGradient`] under [`NonFinite::Error`].
    fn step(
        &mut self,
        parameters: &mut [ViewMut<'_, T>],
        gradients: &[View<'_, T>],
    ) -> Result<StepStats>;

    /// One step of a function. A method that searches for its step length
    /// evaluates it as often as it needs, any other one once. The function sees
    /// the parameters at every trial, in the views and where they lie.
    ///
    /// # Errors
    /// As [`step`](Self::step), and [`crate::Error::Function`]; the parameters
    /// are then where they were.
    fn step_with(
        &mut self,
        parameters: &mut [ViewMut<'_, T>],
        function: &mut Evaluate<'_, T>,
    ) -> Result<StepStats>;

    /// Freezes the parameters `mask` says yes to and thaws the others, from the
    /// next step on. The state of a frozen parameter is dropped; a thawed one
    /// starts without history, in the middle of the run's count of steps. State
    /// that belongs to all parameters together (L-BFGS) starts anew if the
    /// mask changes anything.
    ///
    /// # Errors
    /// [`crate::Error::NormShape`] for a thawed parameter its norm is not
    /// defined for; nothing has changed then.
    fn freeze(&mut self, mask: &dyn Fn(&ParameterSpec) -> bool) -> Result<()>;

    /// The rate before schedule and groups.
    fn rate(&self) -> f64;

    /// Another rate from the next step on; part of the saved state.
    ///
    /// # Errors
    /// [`crate::Error::Option`] if it is negative or not finite.
    fn set_rate(&mut self, rate: f64) -> Result<()>;

    /// Everything carried to the next step.
    fn state(&mut self) -> State;

    /// Puts a saved state in place of the present one.
    ///
    /// # Errors
    /// [`crate::Error::State`] if it is of another method, model, precision or
    /// layout; the present state is then unchanged.
    fn restore(&mut self, state: &State) -> Result<()>;

    /// [`step`](Self::step) on whole tensors.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn step_tensors(
        &mut self,
        parameters: &mut [Tensor<T>],
        gradients: &[Tensor<T>],
    ) -> Result<StepStats> {
        let mut parameters: Vec<_> = parameters.iter_mut().map(Tensor::view_mut).collect();
        let gradients: Vec<_> = gradients.iter().map(Tensor::view).collect();
        self.step(&mut parameters, &gradients)
    }
}
