//! `tensegrity energy run`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;
use tensegrity::meter::{Conversion, Meter, SpanReport, csv_header, csv_row};

use super::arguments::Run;
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::{interrupt, output};

/// Longest idle measurement; more is a typing error.
const IDLE_LIMIT: f64 = 3600.0;

/// Runs a command, tells what it consumed, and ends as it did.
pub fn run(arguments: &Run, json: bool) -> Outcome<()> {
    let conversion = super::conversion(&arguments.converting)?;
    if let Some(seconds) = arguments.idle_seconds
        && !(0.0..=IDLE_LIMIT).contains(&seconds)
    {
        return Err(Failure::Input(format!(
            "--idle-seconds: {seconds} is not between 0 and {IDLE_LIMIT}"
        )));
    }
    let rows = match &arguments.csv {
        Some(path) => {
            output::check(path, &[])?;
            Some((path, rows_so_far(path)?))
        }
        None => None,
    };
    let (program, words) = arguments
        .command
        .split_first()
        .ok_or_else(|| Failure::Input("no command to run; write it after --".into()))?;
    let meter = Meter::auto(super::config(&arguments.metering)).map_err(super::input)?;

    // The terminal sends Ctrl-C to the command too; we stay to tell its figures.
    let interrupted = interrupt::flag();
    if let Some(seconds) = arguments.idle_seconds.filter(|&seconds| seconds > 0.0) {
        meter.measure_idle(Duration::from_secs_f64(seconds));
        if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
    }
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => Path::new(program)
            .file_name()
            .unwrap_or(program)
            .to_string_lossy()
            .into_owned(),
    };
    let mut command = Command::new(program);
    command.args(words);
    if json {
        // Standard output is one JSON object.
        command.stdout(Stdio::from(io::stderr()));
    }
    let span = meter.span(&name);
    let status = command.status();
    let report = span.stop();
    let status = status.map_err(|error| refused(program, &error))?;

    if let Some((path, rows)) = rows {
        let row = csv_row(&report, &conversion);
        output::write(path, &format!("{rows}{row}\n"))?;
    }
    let code = exit_code(status);
    if json {
        let mut object = serde_json::to_value(&report)
            .map_err(|error| Failure::Failed(format!("report: {error}")))?;
        object["kwh"] = json!(report.kwh());
        object["footprint"] = json!(conversion.apply(report.kwh()));
        object["command"] = json!(
            arguments
                .command
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
        );
        object["exit_code"] = json!(code);
        say!("{object}");
    } else {
        show(&report, &conversion);
    }
    match code {
        0 => Ok(()),
        code => Err(Failure::Command(code)),
    }
}

fn refused(program: &OsStr, error: &io::Error) -> Failure {
    Failure::Input(format!(
        "command {}: {error}; check its name",
        program.to_string_lossy()
    ))
}

/// What the CSV holds already, with its header and a line end.
fn rows_so_far(path: &Path) -> Outcome<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::Input(format!("{}: {error}", path.display())));
        }
    };
    if text.is_empty() {
        return Ok(format!("{}\n", csv_header()));
    }
    if text.lines().next() != Some(csv_header()) {
        return Err(Failure::Input(format!(
            "{}: has other columns than `energy run` writes; choose another file",
            path.display()
        )));
    }
    Ok(if text.ends_with('\n') {
        text
    } else {
        text + "\n"
    })
}

/// The command's exit code; after signal n it is 128 + n, as shells count it.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(1);
    }
    status
        .code()
        .map_or(1, |code| u8::try_from(code).unwrap_or(1))
}

/// The figures on standard error: standard output is the command's.
fn show(report: &SpanReport, conversion: &Conversion) {
    eprintln!("energy  {report}");
    for part in &report.by_domain {
        let why = match &part.excluded {
            Some(reason) => format!("  not counted: {reason}"),
            None => String::new(),
        };
        eprintln!(
            "  {:<11} {:>12.3} J  {} {}{why}",
            part.domain.to_string(),
            part.joules,
            part.backend,
            part.label
        );
    }
    if let Some(net) = report.net_joules {
        eprintln!(
            "  above idle  {net:>12.3} J  ({:.2} W idle)",
            report.idle_watts.unwrap_or_default()
        );
    }
    if let (Some(seconds), Some(share)) = (report.cpu_seconds, report.cpu_share) {
        eprintln!(
            "  CPU time    {seconds:>12.2} s  {:.0} % of all used on the machine",
            100.0 * share
        );
    }
    let footprint = conversion.apply(report.kwh());
    if conversion.pue_given {
        eprintln!(
            "  with PUE {}: {}",
            conversion.pue,
            super::kwh_text(footprint.kwh)
        );
    }
    if let (Some(kg), Some(lb)) = (footprint.co2_kg, footprint.co2_lb) {
        eprintln!("  {}", super::co2_text(kg, lb));
    }
    if let Some(usd) = footprint.electricity_usd {
        eprintln!("  {} USD of electricity", output::number_text(usd));
    }
    for note in report.notes.iter().chain(&footprint.notes) {
        eprintln!("  note: {note}");
    }
}
