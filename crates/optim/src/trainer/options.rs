//! How long to train, and what to watch.

use std::path::PathBuf;

use crate::error::{require, require_not_negative};
use crate::{Clip, Error, NonFinite, Result};

/// Options of a [`super::Trainer`]. The default trains forever on batches of
/// 32; a run needs [`steps`](Self::steps), [`epochs`](Self::epochs) or
/// [`patience`](Self::patience).
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerOptions {
    /// Stop after so many batches.
    pub steps: Option<u64>,
    /// Stop after so many passes over the examples.
    pub epochs: Option<u64>,
    /// Examples in a batch; more than there are is all of them.
    pub batch: usize,
    /// A new order for every epoch.
    pub shuffle: bool,
    /// Leave out the last batch of an epoch if it is short.
    pub drop_last: bool,
    /// Seed of the order and of every [`super::Batch::seed`].
    pub seed: u64,
    /// Bound on the gradients.
    pub clip: Clip,
    /// What to do with a batch whose loss is NaN or infinite.
    pub non_finite_loss: NonFinite,
    /// Evaluate after so many batches; `None` is after every epoch.
    pub evaluate_every: Option<u64>,
    /// The metric whose best weights are kept.
    pub monitor: Option<Monitor>,
    /// Stop after so many evaluations in a row without a better metric.
    pub patience: Option<u64>,
    /// Where and how often the run is saved.
    pub checkpoint: Option<Checkpointing>,
}

/// The metric that decides which weights are best.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// Its name: one of [`super::Objective::evaluate`]'s, or `train_loss`, the
    /// mean loss since the last evaluation.
    pub metric: String,
    /// Which way is better.
    pub goal: Goal,
    /// Better means better by more than this.
    pub least_change: f64,
}

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Smaller.
    Minimize,
    /// Larger.
    Maximize,
}

/// When a run is saved besides at its end and when it is interrupted.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpointing {
    /// The file; replaced as a whole each time.
    pub path: PathBuf,
    /// Seconds between two, by the clock of [`super::Watch`].
    pub seconds: f64,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self {
            steps: None,
            epochs: None,
            batch: 32,
            shuffle: true,
            drop_last: false,
            seed: 0,
            clip: Clip::Off,
            non_finite_loss: NonFinite::Error,
            evaluate_every: None,
            monitor: None,
            patience: None,
            checkpoint: None,
        }
    }
}

impl Monitor {
    /// The smaller `metric`, the better.
    #[must_use]
    pub fn minimize(metric: impl Into<String>) -> Self {
        Self {
            metric: metric.into(),
            goal: Goal::Minimize,
            least_change: 0.0,
        }
    }

    /// The larger `metric`, the better.
    #[must_use]
    pub fn maximize(metric: impl Into<String>) -> Self {
        Self {
            goal: Goal::Maximize,
            ..Self::minimize(metric)
        }
    }

    /// Whether `value` beats `best`; NaN never does.
    pub(crate) fn improves(&self, value: f64, best: Option<f64>) -> bool {
        let Some(best) = best else {
            return !value.is_nan();
        };
        match self.goal {
            Goal::Minimize => value < best - self.least_change,
            Goal::Maximize => value > best + self.least_change,
        }
    }
}

impl TrainerOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let above_zero = |option, value: Option<u64>| match value {
            Some(0) => require(false, "trainer", option, 0, "give at least one"),
            _ => Ok(()),
        };
        above_zero("batch", Some(self.batch as u64))?;
        above_zero("evaluate_every", self.evaluate_every)?;
        above_zero("patience", self.patience)?;
        self.clip.check()?;
        if let Some(monitor) = &self.monitor {
            require_not_negative("trainer", "least_change", monitor.least_change)?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            require_not_negative("trainer", "checkpoint seconds", checkpoint.seconds)?;
        }
        if self.patience.is_some() && self.monitor.is_none() {
            return Err(Error::Option {
                method: "trainer",
                option: "patience",
                value: "given".into(),
                wanted: "it needs a monitor: the metric it waits for",
            });
        }
        Ok(())
    }

    /// Something must end a run.
    pub(crate) fn check_end(&self) -> Result<()> {
        let ends = self.steps.is_some() || self.epochs.is_some() || self.patience.is_some();
        require(
            ends,
            "trainer",
            "steps",
            "not given",
            "give steps, epochs or a patience, or the run has no end",
        )
    }
}
