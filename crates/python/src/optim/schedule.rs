//! `tensegrity.optim.Schedule`.

use pyo3::prelude::*;
use tensegrity::optim;

/// A factor on the rate for every step, counted from zero.
///
/// >>> schedule = tg.optim.Schedule.cosine(100, last=0.1).warm_up(10)
/// >>> [round(schedule(step), 3) for step in (0, 9, 10, 60, 500)]
/// [0.1, 1.0, 1.0, 0.55, 0.1]
#[pyclass(module = "tensegrity.optim", frozen, from_py_object)]
#[derive(Clone)]
pub struct Schedule {
    pub inner: optim::Schedule,
}

#[pymethods]
impl Schedule {
    /// One for ever.
    #[staticmethod]
    fn constant() -> Self {
        Self {
            inner: optim::Schedule::constant(),
        }
    }

    /// From one to ``last`` along a line over ``steps`` steps, then ``last``.
    #[staticmethod]
    #[pyo3(signature = (steps, last=0.0))]
    fn linear(steps: u64, last: f64) -> Self {
        Self {
            inner: optim::Schedule::linear(steps, last),
        }
    }

    /// From one to ``last`` along half a cosine over ``steps`` steps, then ``last``.
    #[staticmethod]
    #[pyo3(signature = (steps, last=0.0))]
    fn cosine(steps: u64, last: f64) -> Self {
        Self {
            inner: optim::Schedule::cosine(steps, last),
        }
    }

    /// This schedule after ``steps`` steps that rise in equal parts to one.
    fn warm_up(&self, steps: u64) -> Self {
        Self {
            inner: self.inner.warm_up(steps),
        }
    }

    /// The factor of step number ``step``.
    fn __call__(&self, step: u64) -> f64 {
        self.inner.factor(step)
    }
}
