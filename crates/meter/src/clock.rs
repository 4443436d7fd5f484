//! Time as the meter sees it: a monotonic clock, and the wall clock beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock of a meter.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that is moved by hand: samples are taken when spans start and stop
    /// and by [`crate::Meter::sample`] only, never by a thread.
    Manual(ManualClock),
}

/// A clock that is moved by hand.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanoseconds: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward. Negative and non-finite amounts move nothing.
    pub fn advance(&self, seconds: f64) {
        let step = (seconds * 1e9).round().clamp(0.0, 1e18) as u64;
        self.nanoseconds.fetch_add(step, Ordering::SeqCst);
    }
}

/// One reading of a [`Clock`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Seconds since the meter was opened, never decreasing.
    pub seconds: f64,
    /// Wall time in seconds since 1970.
    pub wall: f64,
}

/// A started clock.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    start: Instant,
}

impl Timer {
    pub fn start(clock: Clock) -> Self {
        Self {
            clock,
            start: Instant::now(),
        }
    }

    pub fn is_manual(&self) -> bool {
        matches!(self.clock, Clock::Manual(_))
    }

    pub fn now(&self) -> Moment {
        match &self.clock {
            Clock::System => Moment {
                seconds: self.start.elapsed().as_secs_f64(),
                wall: SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0.0, |since| since.as_secs_f64()),
            },
            Clock::Manual(clock) => {
                let seconds = clock.nanoseconds.load(Ordering::SeqCst) as f64 / 1e9;
                Moment {
                    seconds,
                    wall: seconds,
                }
            }
        }
    }
}
