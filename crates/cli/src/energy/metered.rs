//! What our own long commands consume.

use serde_json::{Value, json};
use tensegrity::meter::{Meter, MeterConfig, SpanReport};

/// Runs `work` in a span of a meter. Without a meter the work is done all the
/// same and there is no report.
pub fn span<T>(name: &str, work: impl FnOnce() -> T) -> (T, Option<SpanReport>) {
    let mut config = MeterConfig::default();
    if let Some(root) = super::powercap_root() {
        config.powercap_root = root;
    }
    let meter = Meter::auto(config).ok();
    let span = meter.as_ref().map(|meter| meter.span(name));
    let result = work();
    (result, span.map(|span| span.stop()))
}

/// The report as the `energy` of a command's JSON.
pub fn object(report: &SpanReport) -> Value {
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
