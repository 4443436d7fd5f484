//! What a span consumed.

use std::fmt;

use serde::Serialize;

use crate::provenance::{Backend, Domain, Provenance, Scope};

/// Energy of a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanReport {
    /// Names of the span and those it is inside of, joined by `/`.
    pub path: String,
    /// Seconds since 1970 at its start.
    pub started: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Energy in joules: the sum of the domains that count.
    pub joules: f64,
    /// Mean power in watts; zero for an empty span.
    pub watts: f64,
    /// Bounds of the energy in joules; equal to it unless it is modelled.
    pub interval: (f64, f64),
    /// How the figure came about; that of the weakest part.
    pub provenance: Provenance,
    /// What the figure covers.
    pub scope: Scope,
    /// The main backend.
    pub backend: Backend,
    /// No part of the sum is known to be missing.
    pub complete: bool,
    /// Every domain, counted or not.
    pub by_domain: Vec<DomainReport>,
    /// CPU seconds of the job in the span, if the system tells.
    pub cpu_seconds: Option<f64>,
    /// The job's part of all CPU time used on the machine in the span, from 0
    /// to 1: `joules` times this is the job's part of a measured package.
    pub cpu_share: Option<f64>,
    /// Power of the idle baseline in watts, if one was measured.
    pub idle_watts: Option<f64>,
    /// Energy above the baseline in joules, never below zero.
    pub net_joules: Option<f64>,
    /// The span was dropped without being stopped: work that was given up.
    pub abandoned: bool,
    /// Samples taken during the span.
    pub samples: u64,
    /// Readings that could not be used.
    pub dropped: u64,
    /// Counters that restarted from zero.
    pub resets: u64,
    /// Gaps in which a counter may have wrapped unseen.
    pub stalls: u64,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

/// Energy of one domain in a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainReport {
    /// The domain.
    pub domain: Domain,
    /// The name the system gives it.
    pub label: String,
    /// Energy in joules.
    pub joules: f64,
    /// How the figure came about.
    pub provenance: Provenance,
    /// Where it was read.
    pub backend: Backend,
    /// Why it is not part of the sum; `None` if it is.
    pub excluded: Option<String>,
}

impl SpanReport {
    /// Energy in kilowatt-hours.
    #[must_use]
    pub fn kwh(&self) -> f64 {
        self.joules / 3.6e6
    }

    /// Energy in joules of the counted domains that `select` accepts.
    #[must_use]
    pub fn joules_of(&self, select: impl Fn(Domain) -> bool) -> f64 {
        self.by_domain
            .iter()
            .filter(|part| part.excluded.is_none() && select(part.domain))
            .map(|part| part.joules)
            .sum()
    }

    /// Splits the energy among operations in proportion to their CPU seconds.
    /// If they add up to nothing, nobody gets anything.
    #[must_use]
    pub fn attribute<'a>(&self, cpu_seconds: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
        let total: f64 = cpu_seconds
            .iter()
            .map(|(_, seconds)| seconds.max(0.0))
            .sum();
        cpu_seconds
            .iter()
            .map(|&(name, seconds)| {
                let share = if total > 0.0 {
                    seconds.max(0.0) / total
                } else {
                    0.0
                };
                (name, self.joules * share)
            })
            .collect()
    }
}

/// `12.5 J`, `3.20 kJ`, `4.50 MJ`.
pub(crate) fn joules_text(joules: f64) -> String {
    match joules {
        j if j < 1e3 => format!("{j:.3} J"),
        j if j < 1e6 => format!("{:.3} kJ", j / 1e3),
        j => format!("{:.3} MJ", j / 1e6),
    }
}

/// `0.0123 Wh`, `4.500 kWh`: at least four digits, whatever the size.
fn kwh_text(kwh: f64) -> String {
    match 1e3 * kwh {
        0.0 => "0 Wh".into(),
        wh if wh < 1e-3 => format!("{wh:.3e} Wh"),
        wh if wh < 1e2 => format!("{wh:.4} Wh"),
        _ => format!("{kwh:.3} kWh"),
    }
}

impl fmt::Display for SpanReport {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} {} ({}) in {:.3} s, {:.2} W",
            self.path,
            joules_text(self.joules),
            self.provenance,
            kwh_text(self.kwh()),
            self.seconds,
            self.watts
        )?;
        if self.interval.0 < self.interval.1 {
            write!(
                f,
                ", between {} and {}",
                joules_text(self.interval.0),
                joules_text(self.interval.1)
            )?;
        }
        write!(f, "; {}, {} scope", self.backend, self.scope)?;
        if !self.complete {
            write!(f, ", INCOMPLETE")?;
        }
        if self.abandoned {
            write!(f, ", abandoned")?;
        }
        Ok(())
    }
}
