//! Two zones of one socket that show one counter.
//!
//! Multi-die processors expose a zone for each die of a socket; on some of them
//! both repeat the socket's counter, and adding them doubles the energy.

use super::Powercap;

/// Largest relative difference of mirrored totals.
const AGREEMENT: f64 = 1e-3;

/// Largest sum of differences of single readings over the total. The two files
/// are read one after the other, so single readings may differ by a tick.
const VARIATION: f64 = 2e-2;

/// Readings before anything is concluded.
const READINGS: u64 = 3;

/// A pair of zones under observation.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub first: usize,
    pub second: usize,
    readings: u64,
    differences: f64,
}

impl Mirror {
    pub fn new(first: usize, second: usize) -> Self {
        Self {
            first,
            second,
            readings: 0,
            differences: 0.0,
        }
    }

    /// Takes the steps of both counters in one reading.
    pub fn observe(&mut self, first: u64, second: u64) {
        if first > 0 || second > 0 {
            self.readings += 1;
            self.differences += first.abs_diff(second) as f64;
        }
    }

    /// Both moved, and moved alike, in at least three readings.
    pub fn is_one(&self, powercap: &Powercap) -> bool {
        self.readings >= READINGS && self.agrees(powercap)
    }

    /// They agree so far, in too few readings.
    pub fn is_undecided(&self, powercap: &Powercap) -> bool {
        (1..READINGS).contains(&self.readings) && self.agrees(powercap)
    }

    fn agrees(&self, powercap: &Powercap) -> bool {
        let first = powercap.total(self.first);
        let second = powercap.total(self.second);
        let larger = first.max(second) as f64;
        first > 0
            && second > 0
            && first.abs_diff(second) as f64 <= AGREEMENT * larger
            && self.differences <= VARIATION * larger
    }
}
