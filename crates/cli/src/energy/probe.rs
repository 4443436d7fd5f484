//! `tensegrity energy probe`.

use serde_json::json;
use tensegrity::meter;

use super::arguments::Probe;
use crate::failure::Outcome;
use crate::output::say;

/// Tells which backends there are, and why the others are not.
pub fn run(arguments: &Probe, json: bool) -> Outcome<()> {
    let found = meter::probe(&super::config(&arguments.metering)).map_err(super::input)?;
    if json {
        let used: Vec<&str> = found
            .iter()
            .filter(|entry| entry.used)
            .map(|entry| entry.backend.name())
            .collect();
        say!("{}", json!({ "backends": found, "used": used }));
        return Ok(());
    }
    for entry in &found {
        let mark = match (entry.used, entry.available) {
            (true, _) => "used",
            (false, true) => "available",
            (false, false) => "missing",
        };
        let scope = entry
            .scope
            .map_or_else(String::new, |scope| format!(", {scope} scope"));
        say!(
            "{:<10} {mark:<10} {}{scope}",
            entry.backend.name(),
            entry.provenance
        );
        for domain in &entry.domains {
            let why = match &domain.excluded {
                Some(reason) => format!(", not counted: {reason}"),
                None => String::new(),
            };
            say!("  {} {}{why}", domain.domain, domain.label);
        }
        if let Some(reason) = &entry.reason {
            say!("  {reason}");
        }
    }
    Ok(())
}
