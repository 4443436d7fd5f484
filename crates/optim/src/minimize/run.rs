//! What every method of a run shares: the oracle, the history, the best point.

use std::ops::ControlFlow;

use super::estimate::Certificate;
use super::options::{Options, Plan};
use super::oracle::Evaluations;
use super::outcome::{Minimum, Move, Record, StopReason};
use super::probe::Probe;
use super::vector::norm;
use crate::Result;

/// Sees every iteration and its point, and may end the run.
pub type Observer<'a> = dyn FnMut(&Record, &[f64]) -> ControlFlow<()> + 'a;

/// A point with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    pub(crate) value: Option<f64>,
    pub(crate) gradient: Vec<f64>,
}

/// What a method says of an iteration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) step_norm: f64,
    pub(crate) regularization: f64,
    pub(crate) nu: Option<f64>,
    pub(crate) attempts: usize,
    pub(crate) inner: usize,
    pub(crate) margin: Option<f64>,
    pub(crate) step: Move,
}

impl Account {
    /// One attempt of a kind.
    pub(crate) fn new(step: Move, step_norm: f64, regularization: f64) -> Self {
        Self {
            step_norm,
            regularization,
            nu: None,
            attempts: 1,
            inner: 0,
            margin: None,
            step,
        }
    }
}

pub(crate) struct Run<'a> {
    pub(crate) probe: Probe<'a>,
    pub(crate) options: &'a Options,
    pub(crate) plan: Plan,
    history: Vec<Record>,
    observer: &'a mut Observer<'a>,
    best: Option<(Vec<f64>, Option<f64>, f64)>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        probe: Probe<'a>,
        options: &'a Options,
        plan: Plan,
        observer: &'a mut Observer<'a>,
    ) -> Self {
        Self {
            probe,
            options,
            plan,
            history: Vec::new(),
            observer,
            best: None,
        }
    }

    /// The value, where exact ones are known, and a gradient at `x`.
    pub(crate) fn point(&mut self, x: Vec<f64>) -> Result<Point> {
        let value = self.value(&x)?;
        let batch = self.probe.gradient_batch();
        let gradient = self.probe.gradient(&x, &batch)?;
        Ok(Point { x, value, gradient })
    }

    /// `f(x)`, where exact values are known.
    pub(crate) fn value(&mut self, x: &[f64]) -> Result<Option<f64>> {
        if !self.plan.exact {
            return Ok(None);
        }
        self.probe.value(x).map(Some)
    }

    /// Whether the start is a solution already.
    pub(crate) fn start(&mut self, point: &Point) -> Option<StopReason> {
        let size = norm(&point.gradient);
        self.best = Some((point.x.clone(), point.value, size));
        self.passes(size).then_some(StopReason::Gradient)
    }

    fn passes(&self, gradient_norm: f64) -> bool {
        self.probe.exact_gradients() && gradient_norm <= self.options.tolerance
    }

    /// Begins iteration `iteration`, from 1.
    pub(crate) fn begin(&mut self, iteration: usize) {
        self.probe.iteration = iteration;
    }

    /// Ends an iteration at `point`.
    pub(crate) fn record(&mut self, point: &Point, account: Account) -> Option<StopReason> {
        let gradient_norm = norm(&point.gradient);
        let lower = match (&self.best, point.value) {
            (Some((_, Some(best), _)), Some(value)) => value <= *best,
            _ => true,
        };
        if lower {
            self.best = Some((point.x.clone(), point.value, gradient_norm));
        }
        let record = Record {
            iteration: self.probe.iteration,
            value: point.value,
            gradient_norm,
            step_norm: account.step_norm,
            regularization: account.regularization,
            nu: account.nu,
            attempts: account.attempts,
            inner: account.inner,
            margin: account.margin,
            step: account.step,
            evaluations: self.probe.counts,
        };
        let flow = (self.observer)(&record, &point.x);
        self.history.push(record);
        if self.passes(gradient_norm) {
            self.best = Some((point.x.clone(), point.value, gradient_norm));
            return Some(StopReason::Gradient);
        }
        flow.is_break().then_some(StopReason::Observer)
    }

    pub(crate) fn finish(
        self,
        x0: &[f64],
        stop: StopReason,
        certificate: Option<Certificate>,
    ) -> Minimum {
        let evaluations: Evaluations = self.probe.counts;
        let (x, value, gradient_norm) = self.best.unwrap_or((x0.to_vec(), None, f64::NAN));
        Minimum {
            x,
            value,
            gradient_norm,
            history: self.history,
            certificate: certificate.map(|mut c| {
                c.value = value.unwrap_or(c.value);
                c
            }),
            stop,
            evaluations,
        }
    }
}
