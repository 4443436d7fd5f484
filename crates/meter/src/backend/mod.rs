//! Where joules come from: one source a backend, all with one face.

pub(crate) mod battery;
pub(crate) mod counter;
pub(crate) mod declared;
pub(crate) mod hwmon;
pub(crate) mod model;
pub(crate) mod msr;
pub(crate) mod nvml;
pub(crate) mod perf_event;
pub(crate) mod powercap;
pub(crate) mod sysfs;

use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// One thing a source counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Channel {
    pub domain: Domain,
    /// The name the system gives it.
    pub label: String,
    /// Why it is not part of the sum; `None` if it is.
    pub excluded: Option<String>,
}

/// What went wrong so far, in numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Readings that could not be used.
    pub dropped: u64,
    /// Counters that restarted from zero.
    pub resets: u64,
    /// Gaps in which a counter may have wrapped unseen.
    pub stalls: u64,
}

/// A source of energy figures.
pub(crate) trait Source: Send {
    fn backend(&self) -> Backend;
    fn provenance(&self) -> Provenance;
    fn scope(&self) -> Scope;
    /// Takes a reading.
    fn sample(&mut self, moment: Moment);
    /// Microjoules of each channel since the source was opened; none ever
    /// decreases.
    fn microjoules(&self) -> Vec<f64>;
    /// What the channels are; the number and order never change, but what is
    /// counted may as more is learned.
    fn channels(&self) -> Vec<Channel>;
    fn tally(&self) -> Tally {
        Tally::default()
    }
    /// What a reader of the figures must know.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
    /// Whether a part that belongs to the sum is missing.
    fn is_partial(&self) -> bool {
        false
    }
    /// The true figure lies within these factors of the one given.
    fn interval(&self) -> (f64, f64) {
        (1.0, 1.0)
    }
    /// Seconds between samples that lose nothing.
    fn interval_seconds(&self) -> f64 {
        1.0
    }
}

/// Power integrated over time by the trapezoid rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trapezoid {
    last: Option<(f64, f64)>,
    microjoules: f64,
}

impl Trapezoid {
    /// Adds a reading of `watts` at `seconds`.
    pub fn add(&mut self, seconds: f64, watts: f64) {
        if let Some((then, before)) = self.last {
            self.microjoules += 0.5e6 * (watts + before) * (seconds - then).max(0.0);
        }
        self.last = Some((seconds, watts));
    }

    /// Forgets the last reading: what follows does not connect to it.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    pub fn microjoules(&self) -> f64 {
        self.microjoules
    }
}
