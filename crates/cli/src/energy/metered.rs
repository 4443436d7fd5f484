//! What our own long commands consume.

use serde_json::{Value, json};
use tensegrity::meter::{Meter, MeterConfig, Span, SpanReport};

use crate::output::number_text;

/// A command being metered. Where no meter can be opened the command works all
/// the same, and has no figures.
pub struct Metered {
    // In this order: a span ends before its meter.
    span: Option<Span>,
    _meter: Option<Meter>,
}

impl Metered {
    /// From now on.
    pub fn start(command: &str) -> Self {
        let mut config = MeterConfig::default();
        if let Some(root) = super::powercap_root() {
            config.powercap_root = root;
        }
        let meter = Meter::auto(config).ok();
        Self {
            span: meter.as_ref().map(|meter| meter.span(command)),
            _meter: meter,
        }
    }

    /// What it consumed so far.
    pub fn report(&self) -> Option<SpanReport> {
        self.span.as_ref().map(Span::report)
    }
}

/// The report as the `energy` of a command's JSON; null without one.
pub fn object(report: Option<&SpanReport>) -> Value {
    let Some(report) = report else {
        return Value::Null;
    };
    json!({
        "joules": report.joules,
        "interval": [report.interval.0, report.interval.1],
        "watts": report.watts,
        "provenance": report.provenance,
        "scope": report.scope,
        "backend": report.backend,
        "complete": report.complete,
        "cpu_seconds": report.cpu_seconds,
        "cpu_share": report.cpu_share,
    })
}

/// `, 12.5 J modelled`, to follow the time; nothing without a report.
pub fn text(report: Option<&SpanReport>) -> String {
    report.map_or_else(String::new, |report| {
        format!(", {} J {}", number_text(report.joules), report.provenance)
    })
}
