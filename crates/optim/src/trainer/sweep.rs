//! Many runs and what they cost together.
//!
//! The cost of a result is that of all runs that led to it: the failed ones
//! and those nobody looks at again belong to the sum (Strubell, Ganesh and
//! McCallum 2019; Dodge et al. 2019).

use serde::{Deserialize, Serialize};

use super::{Stop, Summary};
use crate::Result;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// To its end, and it counts.
    Finished,
    /// By an error.
    Failed {
        /// The error.
        reason: String,
    },
    /// To its end, but its result is not used.
    Discarded {
        /// Why.
        reason: String,
    },
    /// By the user.
    Interrupted,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name: what was tried.
    pub name: String,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its time in seconds.
    pub seconds: f64,
    /// Batches it drew.
    pub steps: u64,
    /// Its energy, if somebody metered it.
    pub energy: Option<Energy>,
    /// The figure it is judged by, if it came that far.
    pub result: Option<f64>,
}

/// Energy of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Joules.
    pub joules: f64,
    /// Bounds in joules; both equal to it for a measured figure.
    pub interval: (f64, f64),
    /// How the figure came about: measured, modelled or declared.
    pub provenance: String,
}

/// Every run of a search, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    runs: Vec<Run>,
}

/// What all runs cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepTotals {
    /// Runs of every outcome.
    pub runs: usize,
    /// Those that count.
    pub finished: usize,
    /// Those that ended by an error.
    pub failed: usize,
    /// Those whose result is not used.
    pub discarded: usize,
    /// Those that were interrupted.
    pub interrupted: usize,
    /// Seconds of all of them.
    pub seconds: f64,
    /// Batches of all of them.
    pub steps: u64,
    /// Joules of the metered ones; `None` if none is.
    pub joules: Option<f64>,
    /// Bounds of these.
    pub interval: Option<(f64, f64)>,
    /// Runs nobody metered: `joules` is without them.
    pub unmetered: usize,
    /// How the joules came about, each kind once.
    pub provenances: Vec<String>,
}

impl Sweep {
    /// No runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The runs in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Adds a run; gives its position.
    pub fn record(&mut self, run: Run) -> usize {
        self.runs.push(run);
        self.runs.len() - 1
    }

    /// Does `work` and records it, whatever comes of it: an error becomes a
    /// failed run. `clock` gives seconds. The batches of a run that fails are
    /// those `work` leaves in the counter it is handed; of one that ends, those
    /// of its summary. Gives the run's position.
    pub fn attempt(
        &mut self,
        name: impl Into<String>,
        clock: &mut dyn FnMut() -> f64,
        work: impl FnOnce(&mut u64) -> Result<Summary>,
    ) -> usize {
        let begun = clock();
        let mut steps = 0;
        let ended = work(&mut steps);
        let seconds = (clock() - begun).max(0.0);
        let (outcome, result) = match &ended {
            Ok(summary) => {
                steps = summary.counts.steps;
                let outcome = match summary.stop {
                    Stop::Interrupted => RunOutcome::Interrupted,
                    Stop::Length | Stop::Patience => RunOutcome::Finished,
                };
                (outcome, summary.best.map(|(value, _)| value))
            }
            Err(error) => (
                RunOutcome::Failed {
                    reason: error.to_string(),
                },
                None,
            ),
        };
        self.record(Run {
            name: name.into(),
            outcome,
            seconds,
            steps,
            energy: None,
            result,
        })
    }

    /// Tells what the run at a position consumed; `false` if there is none.
    pub fn meter(&mut self, position: usize, energy: Energy) -> bool {
        let run = self.runs.get_mut(position);
        run.map(|run| run.energy = Some(energy)).is_some()
    }

    /// Says that the result of the run at a position is not used; its cost stays
    /// in the totals. `false` if there is none.
    pub fn discard(&mut self, position: usize, reason: impl Into<String>) -> bool {
        let run = self.runs.get_mut(position);
        run.map(|run| {
            run.outcome = RunOutcome::Discarded {
                reason: reason.into(),
            };
        })
        .is_some()
    }

    /// What all runs cost, the failed and discarded ones included.
    #[must_use]
    pub fn totals(&self) -> SweepTotals {
        let mut totals = SweepTotals {
            runs: self.runs.len(),
            ..SweepTotals::default()
        };
        for run in &self.runs {
            match run.outcome {
                RunOutcome::Finished => totals.finished += 1,
                RunOutcome::Failed { .. } => totals.failed += 1,
                RunOutcome::Discarded { .. } => totals.discarded += 1,
                RunOutcome::Interrupted => totals.interrupted += 1,
            }
            totals.seconds += run.seconds;
            totals.steps += run.steps;
            let Some(energy) = &run.energy else {
                totals.unmetered += 1;
                continue;
            };
            *totals.joules.get_or_insert(0.0) += energy.joules;
            let bounds = totals.interval.get_or_insert((0.0, 0.0));
            bounds.0 += energy.interval.0;
            bounds.1 += energy.interval.1;
            if !totals.provenances.contains(&energy.provenance) {
                totals.provenances.push(energy.provenance.clone());
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, Error};

    fn summary(stop: Stop, steps: u64) -> Summary {
        Summary {
            stop,
            counts: Counts {
                steps,
                ..Counts::default()
            },
            epoch: 1,
            seconds: 0.0,
            last: None,
            best: Some((0.5, 3)),
        }
    }

    #[test]
    fn failed_discarded_and_interrupted_runs_cost_too() {
        let mut sweep = Sweep::new();
        let mut now = 0.0;
        let mut clock = || {
            now += 1.5;
            now
        };
        let good = sweep.attempt("good", &mut clock, |_| Ok(summary(Stop::Length, 10)));
        let worse = sweep.attempt("worse", &mut clock, |_| Ok(summary(Stop::Patience, 20)));
        sweep.attempt("stopped", &mut clock, |_| Ok(summary(Stop::Interrupted, 5)));
        sweep.attempt("broken", &mut clock, |steps| {
            *steps = 7;
            Err(Error::NonFiniteLoss {
                step: 7,
                epoch: 0,
                value: "NaN".into(),
            })
        });
        assert!(sweep.discard(worse, "worse than good"));
        assert!(!sweep.discard(9, "no such run"));
        let energy = |joules: f64, provenance: &str| Energy {
            joules,
            interval: (0.5 * joules, 1.6 * joules),
            provenance: provenance.into(),
        };
        assert!(sweep.meter(good, energy(100.0, "modelled")));
        assert!(sweep.meter(3, energy(10.0, "modelled")));
        assert!(!sweep.meter(4, energy(1.0, "modelled")));
        let totals = sweep.totals();
        let outcomes = (
            totals.finished,
            totals.failed,
            totals.discarded,
            totals.interrupted,
        );
        assert_eq!(outcomes, (1, 1, 1, 1));
        assert_eq!((totals.runs, totals.steps), (4, 42));
        assert_eq!(totals.seconds, 6.0);
        assert_eq!(totals.joules, Some(110.0));
        assert_eq!(totals.interval, Some((55.0, 176.0)));
        assert_eq!(totals.unmetered, 2);
        assert_eq!(totals.provenances, ["modelled"]);
        assert!(
            matches!(&sweep.runs()[3].outcome, RunOutcome::Failed { reason }
            if reason.contains("loss of batch 7"))
        );
        let text = serde_json::to_string(&sweep).unwrap();
        assert_eq!(serde_json::from_str::<Sweep>(&text).unwrap(), sweep);
    }
}
