//! Training: the loop around an optimiser.
//!
//! An [`Objective`] gives loss and gradients over a batch; a [`Trainer`] draws
//! the batches, clips, steps, evaluates, keeps the best weights, stops early,
//! saves and resumes. A [`Sweep`] sums up many runs, the failed and discarded
//! ones included.
//!
//! ```
//! use tensegrity_optim::{Adam, ParameterSpec, Registry, Settings};
//! use tensegrity_optim::{Batch, FromFn, Trainer, TrainerOptions, Watch};
//! use tensegrity_tensor::Tensor;
//! // The mean of four numbers, by least squares.
//! let data = [1.0, 2.0, 4.0, 9.0];
//! let mut objective = FromFn::new(data.len(), |w: &[Tensor<f64>], batch: &Batch<'_>| {
//!     let errors = batch.examples.iter().map(|&i| w[0].as_slice()[0] - data[i]);
//!     let count = batch.examples.len() as f64;
//!     let (loss, slope) = errors.fold((0.0, 0.0), |(l, s), e| (l + e * e / count, s + 2.0 * e / count));
//!     Ok((loss, vec![Tensor::full(&[1], slope)?]))
//! });
//! let mut registry = Registry::new();
//! registry.add(ParameterSpec::new("w", &[1]))?;
//! let options = TrainerOptions { epochs: Some(400), batch: 4, ..TrainerOptions::default() };
//! let start = vec![Tensor::full(&[1], 0.0)?];
//! let mut trainer =
//!     Trainer::new("mean", &registry, start, &Adam::new(0.1).into(), &Settings::default(), options)?;
//! trainer.run(&mut objective, &mut Watch::default())?;
//! assert!((trainer.parameters()[0].as_slice()[0] - 4.0).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Guarantees: a run saved after any batch and resumed goes on bit for bit —
//! weights, best weights, optimiser, order, seeds, metrics; a file is replaced
//! as a whole or not at all; a checkpoint of another model, data order or
//! version is refused and changes nothing; a batch whose loss or gradient is not
//! finite changes no weight.
//! Not guaranteed: equal bits where the objective's own are not; the moments of
//! timed checkpoints, which follow the clock given.
//!
//! The trainer looks at no clock and catches no signal: both are given to it.

mod checkpoint;
mod history;
mod objective;
mod options;
mod run;
mod sampler;
mod sweep;

pub use history::{Counts, Evaluation, History, LossCurve};
pub use objective::{Batch, Failure, FromFn, Objective};
pub use options::{Checkpointing, Goal, Monitor, TrainerOptions};
pub use run::{Progress, Stop, Summary, Watch};
pub use sweep::{Energy, Run, RunOutcome, Sweep, SweepTotals};

use tensegrity_tensor::Tensor;

use crate::{
    Error, Float, Method, NonFinite, Optimizer, Registry, Result, Settings, StepStats, build,
};
use sampler::{Sampler, step_seed};

/// A model in training.
pub struct Trainer<T: Float> {
    model: String,
    registry: Registry,
    options: TrainerOptions,
    optimizer: Box<dyn Optimizer<T>>,
    parameters: Vec<Tensor<T>>,
    /// Made at the first batch, when the number of examples is known; before
    /// that, a resumed run's number waits in it.
    sampler: Option<Sampler>,
    counts: Counts,
    history: History,
    /// Sum and number of finite losses since the last evaluation.
    recent: (f64, u64),
    best: Option<Best<T>>,
    /// Evaluations since the metric got better.
    waited: u64,
    /// Seconds of all parts of the run so far.
    seconds: f64,
}

/// The best weights so far.
#[derive(Clone, Debug)]
pub struct Best<T> {
    /// The monitored metric.
    pub value: f64,
    /// Batches before it was reached.
    pub step: u64,
    /// The weights.
    pub parameters: Vec<Tensor<T>>,
}

/// What one batch did.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// Its loss.
    pub loss: f64,
    /// What the optimiser says; `None` if the loss was not finite and the batch
    /// was left out.
    pub stats: Option<StepStats>,
    /// It was the last of its epoch.
    pub epoch_ended: bool,
    /// An evaluation was due after it; it is the last of the history.
    pub evaluated: bool,
}

impl<T: Float> std::fmt::Debug for Trainer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("model", &self.model)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<T: Float> Trainer<T> {
    /// A run at its start. `model` names the model with its sizes, as a
    /// checkpoint's owner will have to name it; `parameters` are in the
    /// registry's order.
    ///
    /// # Errors
    /// [`Error::Option`] for options out of range, [`Error::Count`] and
    /// [`Error::Shape`] for parameters that do not fit the registry, and those
    /// of [`build`].
    pub fn new(
        model: impl Into<String>,
        registry: &Registry,
        parameters: Vec<Tensor<T>>,
        method: &Method,
        settings: &Settings,
        options: TrainerOptions,
    ) -> Result<Self> {
        options.check()?;
        registry.check_count("parameters", parameters.len())?;
        for (parameter, spec) in parameters.iter().zip(registry.parameters()) {
            if parameter.shape() != spec.shape {
                return Err(Error::Shape {
                    what: "the value",
                    parameter: spec.name.clone(),
                    found: parameter.shape().to_vec(),
                    expected: spec.shape.clone(),
                });
            }
        }
        Ok(Self {
            model: model.into(),
            registry: registry.clone(),
            optimizer: build(method, registry, settings)?,
            options,
            parameters,
            sampler: None,
            counts: Counts::default(),
            history: History::default(),
            recent: (0.0, 0),
            best: None,
            waited: 0,
            seconds: 0.0,
        })
    }

    /// The weights, in the registry's order.
    #[must_use]
    pub fn parameters(&self) -> &[Tensor<T>] {
        &self.parameters
    }

    /// The best weights, if a metric is monitored and was a number once.
    #[must_use]
    pub fn best(&self) -> Option<&Best<T>> {
        self.best.as_ref()
    }

    /// The best weights if there are, else the last.
    #[must_use]
    pub fn into_parameters(self) -> Vec<Tensor<T>> {
        self.best.map_or(self.parameters, |best| best.parameters)
    }

    /// Losses and metrics so far.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Batches drawn and left out so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Epochs completed.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.sampler.as_ref().map_or(0, |sampler| sampler.epoch)
    }

    /// Seconds of all parts of the run, by the clocks they were given.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Trains on one batch, and evaluates if that is due after it.
    ///
    /// # Errors
    /// [`Error::Objective`] for what the model says, [`Error::NonFiniteLoss`] and
    /// [`Error::NonFiniteGradient`] by policy, [`Error::Count`] and
    /// [`Error::Shape`] for gradients that do not fit, [`Error::Unknown`] if
    /// the monitored metric is none of those evaluated. The weights are then
    /// those before the batch, except after an error of the evaluation.
    pub fn advance(&mut self, objective: &mut dyn Objective<T>) -> Result<Advance> {
        self.meet(objective.examples())?;
        let Some(sampler) = &mut self.sampler else {
            unreachable!("the sampler was made just now");
        };
        let step = self.counts.steps;
        let drawn = sampler.draw();
        let batch = Batch {
            examples: &drawn.examples,
            epoch: sampler.epoch,
            step,
            seed: step_seed(self.options.seed, step),
        };
        let (loss, mut gradients) = objective
            .loss_and_gradients(&self.parameters, &batch)
            .map_err(|source| Error::Objective { step, source })?;
        let stats = if loss.is_finite() {
            self.options.clip.apply(&self.registry, &mut gradients)?;
            let stats = self
                .optimizer
                .step_tensors(&mut self.parameters, &gradients)?;
            self.counts.skipped_gradients = stats.skipped_total;
            Some(stats)
        } else if self.options.non_finite_loss == NonFinite::Skip {
            self.counts.skipped_losses += 1;
            None
        } else {
            return Err(Error::NonFiniteLoss {
                step,
                epoch: batch.epoch,
                value: loss.to_string(),
            });
        };
        // Only now: a batch that failed is drawn again.
        sampler.accept(&drawn);
        self.counts.steps += 1;
        self.history.losses.push(loss);
        if loss.is_finite() {
            self.recent.0 += loss;
            self.recent.1 += 1;
        }
        let evaluated = match self.options.evaluate_every {
            Some(every) => self.counts.steps.is_multiple_of(every),
            None => drawn.last,
        };
        if evaluated {
            self.evaluate(objective)?;
        }
        Ok(Advance {
            loss,
            stats,
            epoch_ended: drawn.last,
            evaluated,
        })
    }

    /// Makes the sampler, or checks that the data is the same as before.
    fn meet(&mut self, examples: usize) -> Result<()> {
        let refuse = |value: String, wanted| {
            Err(Error::Option {
                method: "trainer",
                option: "examples",
                value,
                wanted,
            })
        };
        match &self.sampler {
            _ if examples == 0 => refuse("0".into(), "give at least one example"),
            Some(sampler) if sampler.examples != examples => refuse(
                examples.to_string(),
                "the run began with another number; train on the same data",
            ),
            Some(_) => Ok(()),
            None => {
                self.sampler = Some(self.new_sampler(examples));
                Ok(())
            }
        }
    }

    fn new_sampler(&self, examples: usize) -> Sampler {
        let options = &self.options;
        let mut sampler = Sampler::new(examples, options.batch, options.seed);
        (sampler.shuffle, sampler.drop_last) = (options.shuffle, options.drop_last);
        sampler
    }

    fn evaluate(&mut self, objective: &mut dyn Objective<T>) -> Result<()> {
        let step = self.counts.steps;
        let (sum, count) = std::mem::take(&mut self.recent);
        let mut metrics = vec![("train_loss".to_owned(), sum / count as f64)];
        metrics.extend(
            objective
                .evaluate(&self.parameters)
                .map_err(|source| Error::Objective { step, source })?,
        );
        let evaluation = Evaluation {
            step,
            epoch: self.epoch(),
            metrics,
        };
        if let Some(monitor) = &self.options.monitor {
            let value = evaluation
                .metric(&monitor.metric)
                .ok_or_else(|| Error::Unknown {
                    what: "metric",
                    name: monitor.metric.clone(),
                    known: (evaluation.metrics.iter().map(|(name, _)| name.as_str()))
                        .collect::<Vec<_>>()
                        .join(", "),
                })?;
            if monitor.improves(value, self.best.as_ref().map(|best| best.value)) {
                self.waited = 0;
                self.best = Some(Best {
                    value,
                    step,
                    parameters: self.parameters.clone(),
                });
            } else {
                self.waited += 1;
            }
        }
        self.history.evaluations.push(evaluation);
        Ok(())
    }

    /// Why the run is over, if it is.
    fn over(&self) -> Option<Stop> {
        let options = &self.options;
        let reached = |limit: Option<u64>, now: u64| limit.is_some_and(|limit| now >= limit);
        if reached(options.steps, self.counts.steps) || reached(options.epochs, self.epoch()) {
            Some(Stop::Length)
        } else if reached(options.patience, self.waited) {
            Some(Stop::Patience)
        } else {
            None
        }
    }

    /// Batches of the whole run, as far as its options tell.
    fn length(&self) -> Option<u64> {
        let batches = self.sampler.as_ref().map(Sampler::batches);
        let by_epochs = self.options.epochs.zip(batches);
        let by_epochs = by_epochs.map(|(epochs, batches)| epochs.saturating_mul(batches));
        self.options.steps.into_iter().chain(by_epochs).min()
    }
}
