//! What a method implements; the driver does the rest.

use crate::line_search::Wolfe;
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// One trained parameter in one step.
pub(crate) struct Slot<'a, T> {
    pub(crate) spec: &'a ParameterSpec,
    /// Row-major.
    pub(crate) value: &'a mut [T],
    /// Row-major, finite.
    pub(crate) gradient: &'a [T],
    /// Rate with schedule and group.
    pub(crate) rate: f64,
    /// Weight decay of its group, if that has one.
    pub(crate) decay: Option<f64>,
}

/// The step as a whole.
pub(crate) struct Moment {
    /// Counted from one.
    pub(crate) step: u64,
    /// The schedule's factor.
    pub(crate) schedule: f64,
    /// The rate with the schedule, without groups.
    pub(crate) rate: f64,
}

/// What a rule has to tell about a step.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) roots_computed: usize,
    pub(crate) roots_failed: usize,
    /// The rate, if the method sets its own.
    pub(crate) rate: Option<f64>,
}

/// A method with its state for a fixed list of trained parameters.
pub(crate) trait Rule<T: Float>: Send + Sync {
    /// Changes the values. Slots are all trained parameters in order, with
    /// finite gradients. On an error no value may have changed.
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally>;

    /// The method as a search along lines, with its conditions, if it is one.
    fn searcher(&mut self) -> Option<(Wolfe, &mut dyn Searcher<T>)> {
        None
    }

    /// Names every number of the state.
    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()>;
}

/// A method that finds its step length by values of the function, over all
/// trained parameters as one vector.
pub(crate) trait Searcher<T> {
    /// The direction to search in, given the gradient.
    fn direction(&mut self, gradient: &[T]) -> Vec<T>;

    /// Forgets what led to a direction that does not descend.
    fn forget(&mut self);

    /// The step was `length` times `direction`, from a point with `gradient`.
    fn moved(&mut self, gradient: Vec<T>, direction: Vec<T>, length: f64);
}

/// One buffer for each parameter, of its size.
pub(crate) struct Buffers<T> {
    kind: &'static str,
    names: Vec<String>,
    lengths: Vec<usize>,
    values: Vec<Vec<T>>,
}

impl<T: Float> Buffers<T> {
    /// Zeros; no memory if not `wanted`.
    pub(crate) fn new(kind: &'static str, specs: &[&ParameterSpec], wanted: bool) -> Self {
        let length = |spec: &&ParameterSpec| spec.shape.iter().product::<usize>();
        Self {
            kind,
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            lengths: specs.iter().map(length).collect(),
            values: specs
                .iter()
                .map(|spec| vec![T::ZERO; if wanted { length(spec) } else { 0 }])
                .collect(),
        }
    }

    pub(crate) fn of(&mut self, slot: usize) -> &mut Vec<T> {
        &mut self.values[slot]
    }

    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        for (name, values) in self.names.iter().zip(&mut self.values) {
            archive.values(format!("{name}/{}", self.kind), values)?;
        }
        Ok(())
    }

    /// As [`Buffers::archive`] for buffers that are empty until they are first used.
    pub(crate) fn archive_if_there(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        let named = self.names.iter().zip(&self.lengths);
        for ((name, &length), values) in named.zip(&mut self.values) {
            let fits = |n: usize| n == 0 || n == length;
            archive.variable(format!("{name}/{}", self.kind), values, fits)?;
        }
        Ok(())
    }
}

/// `w ← (1 − rate·decay)·w`.
pub(crate) fn shrink<T: Float>(value: &mut [T], rate: f64, decay: f64) {
    if decay != 0.0 {
        let keep = T::of(1.0 - rate * decay);
        value.iter_mut().for_each(|w| *w *= keep);
    }
}

/// `average ← beta·average + (1 − beta)·x`.
pub(crate) fn blend<T: Float>(average: &mut [T], beta: f64, x: &[T]) {
    let (keep, take) = (T::of(beta), T::of(1.0 - beta));
    for (average, &x) in average.iter_mut().zip(x) {
        *average = keep * *average + take * x;
    }
}

/// `w ← w − rate·d`.
pub(crate) fn descend<T: Float>(value: &mut [T], rate: f64, direction: &[T]) {
    let rate = T::of(rate);
    for (w, &d) in value.iter_mut().zip(direction) {
        *w -= rate * d;
    }
}
