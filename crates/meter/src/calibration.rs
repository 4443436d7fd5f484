//! One point of calibration: what the machine draws at full load, and idle.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::meter::Meter;
use crate::provenance::{Backend, Domain, Provenance, Scope};
use crate::report::SpanReport;

/// Power of the machine at both ends of its load, measured.
///
/// The load model is within 11 W on processors it was not fitted on once
/// [`full_load_watts`](crate::MeterConfig::full_load_watts) is known, and off by
/// twice that from the design power alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Watts at full load: of all packages, or of the machine if that is what
    /// the backend sees.
    pub full_load_watts: f64,
    /// Watts of the same without load.
    pub idle_watts: f64,
    /// Idle over full load.
    pub idle_fraction: f64,
    /// What was measured.
    pub scope: Scope,
    /// With what.
    pub backend: Backend,
    /// No part of it is known to be missing.
    pub complete: bool,
}

impl Calibration {
    /// Measures while `idle` does nothing for a while and `load` keeps every
    /// processor busy for a while; both return when they are done.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the meter's backend measures nothing,
    /// [`Error::Option`] if the load draws no more than idling does.
    pub fn measure(meter: &Meter, idle: impl FnOnce(), load: impl FnOnce()) -> Result<Self> {
        let span = meter.span("calibration/idle");
        let before = span.report();
        if before.provenance != Provenance::Measured {
            return Err(Error::Unavailable {
                backend: before.backend.name(),
                reason: "it measures nothing to calibrate with; read a power meter at the wall \
                         or the board's controller under full load, and give that as \
                         full_load_watts"
                    .into(),
            });
        }
        idle();
        let idle = span.stop();
        let span = meter.span("calibration/load");
        load();
        let full = span.stop();
        let (full_load_watts, idle_watts) = (watts(&full), watts(&idle));
        if full_load_watts.is_nan() || full_load_watts <= idle_watts {
            return Err(Error::Option {
                name: "load",
                problem: format!(
                    "it drew {full_load_watts:.2} W and idling {idle_watts:.2} W; calibrate \
                     when nothing else runs, and longer"
                ),
            });
        }
        Ok(Self {
            full_load_watts,
            idle_watts,
            idle_fraction: idle_watts / full_load_watts,
            scope: full.scope,
            backend: full.backend,
            complete: idle.complete && full.complete,
        })
    }
}

/// Mean power of the packages, or of whatever else the backend counts; memory
/// and cards are not the model's processor.
fn watts(report: &SpanReport) -> f64 {
    let processor = |domain: Domain| match report.scope {
        Scope::Package => matches!(domain, Domain::Package(_)),
        _ => !matches!(domain, Domain::Gpu(_)),
    };
    report.joules_of(processor) / report.seconds
}
