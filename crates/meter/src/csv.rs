//! Reports as rows of a table, named as in CodeCarbon's `emissions.csv`.

use crate::conversion::Conversion;
use crate::provenance::Domain;
use crate::report::SpanReport;

/// Names of the columns.
const COLUMNS: &str = "timestamp,project_name,duration,emissions,emissions_rate,cpu_power,gpu_power,\
ram_power,cpu_energy,gpu_energy,ram_energy,energy_consumed,pue,carbon_intensity,country_name,\
backend,provenance,scope,complete,energy_low,energy_high";

/// The first line. Durations are in seconds, powers in watts, energies in kWh
/// (those of devices without PUE, `energy_consumed` with it), emissions in kg,
/// carbon intensity in g/kWh.
#[must_use]
pub fn csv_header() -> &'static str {
    COLUMNS
}

/// One report. `timestamp` is its start in UTC.
#[must_use]
pub fn csv_row(report: &SpanReport, conversion: &Conversion) -> String {
    let footprint = conversion.apply(report.kwh());
    let parts = [
        report.joules_of(|domain| !is_gpu(domain) && !is_memory(domain)),
        report.joules_of(is_gpu),
        report.joules_of(is_memory),
    ];
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let mut fields = vec![
        timestamp(report.started),
        quoted(&report.path),
        report.seconds.to_string(),
        optional(footprint.co2_kg),
        optional(
            footprint
                .co2_kg
                .filter(|_| report.seconds > 0.0)
                .map(|kg| kg / report.seconds),
        ),
    ];
    for joules in parts {
        let watts = if report.seconds > 0.0 {
            joules / report.seconds
        } else {
            0.0
        };
        fields.push(watts.to_string());
    }
    fields.extend(parts.map(|joules| (joules / 3.6e6).to_string()));
    fields.extend([
        footprint.kwh.to_string(),
        conversion.pue.to_string(),
        optional(conversion.carbon.as_ref().map(|c| c.grams_per_kwh)),
        quoted(conversion.carbon.as_ref().map_or("", |c| &c.source)),
        report.backend.to_string(),
        report.provenance.to_string(),
        report.scope.to_string(),
        report.complete.to_string(),
        (conversion.pue * report.interval.0 / 3.6e6).to_string(),
        (conversion.pue * report.interval.1 / 3.6e6).to_string(),
    ]);
    fields.join(",")
}

fn is_gpu(domain: Domain) -> bool {
    matches!(domain, Domain::Gpu(_))
}

fn is_memory(domain: Domain) -> bool {
    matches!(domain, Domain::Dram(_) | Domain::Memory)
}

/// A field in quotes where it needs them (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// ISO 8601 in UTC of seconds since 1970.
fn timestamp(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to the civil calendar (H. Hinnant's algorithm), for years from 1970.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        // `date -u -d @…`
        assert_eq!(timestamp(0.0), "1970-01-01T00:00:00");
        assert_eq!(timestamp(951_827_696.9), "2000-02-29T12:34:56");
        assert_eq!(timestamp(1_736_870_539.0), "2025-01-14T16:02:19");
        assert_eq!(timestamp(4_102_444_799.0), "2099-12-31T23:59:59");
    }

    #[test]
    fn commas_are_quoted() {
        assert_eq!(quoted("a/b"), "a/b");
        assert_eq!(quoted("France, \"2023\""), "\"France, \"\"2023\"\"\"");
    }
}
