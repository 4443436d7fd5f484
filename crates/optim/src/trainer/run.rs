//! A run from where it stands to its end.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Counts, Evaluation, History, Objective, Trainer};
use crate::{Float, Result, StepStats};

/// What a run is given besides its objective; all of it may be left out.
#[derive(Default)]
pub struct Watch<'a> {
    /// Seconds since any moment, never going back. Without it there are no
    /// timed checkpoints and no times.
    pub clock: Option<&'a mut dyn FnMut() -> f64>,
    /// Looked at after every batch; once it is set the run is saved, if it has
    /// a checkpoint, and ends.
    pub interrupted: Option<&'a AtomicBool>,
    /// Hears of every batch.
    pub progress: Option<&'a mut dyn FnMut(&Progress<'_>)>,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("clock", &self.clock.is_some())
            .field("interrupted", &self.interrupted)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}

/// A run after a batch.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Batches so far.
    pub step: u64,
    /// Batches of the whole run, if its options tell; early stopping may make
    /// it shorter.
    pub length: Option<u64>,
    /// Epochs completed.
    pub epoch: u64,
    /// Loss of this batch.
    pub loss: f64,
    /// What the optimiser says; `None` for a batch left out for its loss.
    pub stats: Option<StepStats>,
    /// The evaluation after this batch, if there was one.
    pub evaluation: Option<&'a Evaluation>,
    /// Seconds of the run, earlier parts included; zero without a clock.
    pub seconds: f64,
    /// Seconds left at the pace of this part, if the length is known and there is a clock.
    pub remaining: Option<f64>,
    /// Everything shown so far.
    pub history: &'a History,
    /// Batches drawn and left out.
    pub counts: Counts,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All its steps or epochs are done.
    Length,
    /// The monitored metric did not get better for too long.
    Patience,
    /// The flag was set; the run can be resumed.
    Interrupted,
}

/// A run at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Why it ended.
    pub stop: Stop,
    /// Batches drawn and left out, earlier parts included.
    pub counts: Counts,
    /// Epochs completed.
    pub epoch: u64,
    /// Seconds, earlier parts included; zero without a clock.
    pub seconds: f64,
    /// The last evaluation.
    pub last: Option<Evaluation>,
    /// The best value of the monitored metric and the batches before it.
    pub best: Option<(f64, u64)>,
}

impl<T: Float> Trainer<T> {
    /// Trains to the end, or until it is interrupted; a run that is over does
    /// nothing. With a checkpoint it is saved every so many seconds, when
    /// interrupted, and at the end.
    ///
    /// # Errors
    /// As [`Trainer::advance`] and [`Trainer::save`]; [`crate::Error::Option`] if
    /// nothing ends the run. The last checkpoint stays as it was.
    pub fn run(
        &mut self,
        objective: &mut dyn Objective<T>,
        watch: &mut Watch<'_>,
    ) -> Result<Summary> {
        self.options.check_end()?;
        let checkpoint = self.options.checkpoint.as_ref();
        let every = checkpoint.map(|checkpoint| checkpoint.seconds);
        let path = checkpoint.map(|checkpoint| checkpoint.path.clone());
        if let Some(path) = &path {
            // A folder that cannot be written must not cost the whole run.
            tensegrity_tensor::file::ensure_writable(path)?;
        }
        self.meet(objective.examples())?;
        let timed = watch.clock.is_some();
        let mut now = || watch.clock.as_mut().map_or(0.0, |clock| clock());
        let (begun, before, first) = (now(), self.seconds, self.counts.steps);
        let mut saved_at = begun;
        let stop = loop {
            if let Some(stop) = self.over() {
                break stop;
            }
            if watch.interrupted.is_some_and(|f| f.load(Ordering::Relaxed)) {
                break Stop::Interrupted;
            }
            let advance = self.advance(objective)?;
            let time = now();
            self.seconds = before + (time - begun).max(0.0);
            if let Some(tell) = &mut watch.progress {
                let pace = (time - begun) / (self.counts.steps - first) as f64;
                let left = self.length().map(|n| n.saturating_sub(self.counts.steps));
                let left = left.filter(|_| timed);
                tell(&Progress {
                    step: self.counts.steps,
                    length: self.length(),
                    epoch: self.epoch(),
                    loss: advance.loss,
                    stats: advance.stats,
                    evaluation: self
                        .history
                        .evaluations
                        .last()
                        .filter(|_| advance.evaluated),
                    seconds: self.seconds,
                    remaining: left.map(|left| left as f64 * pace),
                    history: &self.history,
                    counts: self.counts,
                });
            }
            if let (Some(path), Some(every)) = (&path, every)
                && timed
                && time - saved_at >= every
            {
                self.save(path)?;
                saved_at = time;
            }
        };
        if let Some(path) = path {
            self.save(path)?;
        }
        Ok(Summary {
            stop,
            counts: self.counts,
            epoch: self.epoch(),
            seconds: self.seconds,
            last: self.history.evaluations.last().cloned(),
            best: self.best.as_ref().map(|best| (best.value, best.step)),
        })
    }
}
