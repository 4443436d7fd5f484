//! `tensegrity energy report FILE.csv`: what all runs together consumed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use tensegrity::meter::csv_header;

use crate::failure::{Failure, Outcome};
use crate::output::say;

/// Sums up the runs of a CSV written by `energy run --csv`.
pub fn run(path: &Path, json: bool) -> Outcome<()> {
    let bad = |line: usize, problem: &str| {
        Failure::Input(format!("{}: line {line}: {problem}", path.display()))
    };
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(csv_header()) {
        return Err(bad(
            1,
            "these are not the columns `energy run --csv` writes",
        ));
    }
    let names: Vec<&str> = csv_header().split(',').collect();
    let (mut seconds, mut kwh, mut low, mut high) = (0.0, 0.0, 0.0, 0.0);
    let (mut runs, mut incomplete, mut with_co2, mut kg) = (0u64, 0u64, 0u64, 0.0);
    let (mut backends, mut provenances) = (BTreeSet::new(), BTreeSet::new());
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let fields = fields(line).ok_or_else(|| bad(number + 1, "a quoted field does not end"))?;
        if fields.len() != names.len() {
            return Err(bad(
                number + 1,
                &format!("{} fields; the header has {}", fields.len(), names.len()),
            ));
        }
        let field = |name: &str| {
            let position = names.iter().position(|column| *column == name);
            position.map_or("", |position| fields[position].as_str())
        };
        let figure = |name: &str| -> Outcome<f64> {
            field(name)
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite() && *value >= 0.0)
                .ok_or_else(|| {
                    bad(
                        number + 1,
                        &format!("column {name} is no number of at least 0"),
                    )
                })
        };
        runs += 1;
        seconds += figure("duration")?;
        kwh += figure("energy_consumed")?;
        low += figure("energy_low")?;
        high += figure("energy_high")?;
        if !field("emissions").is_empty() {
            kg += figure("emissions")?;
            with_co2 += 1;
        }
        incomplete += u64::from(field("complete") != "true");
        backends.insert(field("backend").to_owned());
        provenances.insert(field("provenance").to_owned());
    }
    if runs == 0 {
        return Err(bad(2, "no runs"));
    }
    // A sum of some runs only would look like one of all.
    let kg = (with_co2 == runs).then_some(kg);
    if json {
        let object = json!({
            "runs": runs,
            "incomplete_runs": incomplete,
            "hours": seconds / 3600.0,
            "kwh": kwh,
            "kwh_interval": [low, high],
            "co2_kg": kg,
            "backends": backends,
            "provenances": provenances,
        });
        say!("{object}");
        return Ok(());
    }
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    say!("runs        {runs}, failed and discarded ones included");
    say!("time        {:.4} h", seconds / 3600.0);
    say!(
        "energy      {} ({})",
        super::kwh_text(kwh),
        list(&provenances)
    );
    if low < high {
        say!(
            "between     {} and {}",
            super::kwh_text(low),
            super::kwh_text(high)
        );
    }
    match kg {
        Some(kg) => say!("CO2e        {}", super::co2_text(kg, kg / 0.453_592_37)),
        None => say!("CO2e        not known for {} of the runs", runs - with_co2),
    }
    say!("backends    {}", list(&backends));
    if incomplete > 0 {
        say!("incomplete  {incomplete} runs: their figures are lower bounds");
    }
    Ok(())
}

/// Fields of a line of CSV (RFC 4180, without line ends in fields).
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        let last = fields.last_mut()?;
        match (c, quoted) {
            ('"', true) if characters.peek() == Some(&'"') => {
                characters.next();
                last.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => fields.push(String::new()),
            (c, _) => last.push(c),
        }
    }
    (!quoted).then_some(fields)
}
