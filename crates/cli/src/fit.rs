//! `tensegrity fit`: the main job.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tensegrity::diagram::draw::{self, DrawOptions};
use tensegrity::file::ReadOptions;
use tensegrity::fit::{self, FitOptions, Progress as Telling, Target};
use tensegrity::meter::SpanReport;
use tensegrity::report::{CandidateRow, Curve, FitReport, Panel, Point, Series, Timing, panels};
use tensegrity::{Array, DType, file, with_tensor};

use crate::arguments::Fit;
use crate::energy::metered::{self, Metered};
use crate::failure::{Failure, Outcome};
use crate::output::{self, bytes_text, number_text, say, shape_text};
use crate::progress::Progress;
use crate::{interrupt, subject};

/// Elements up to which the report shows the reconstruction; expanding more
/// would hold a second copy of a large array.
const SHOWN: usize = 1 << 26;
/// Rows of candidates in the table of the terminal.
const ROWS: usize = 12;

/// Finds, writes, reports and prints.
pub fn run(arguments: &Fit, json: bool) -> Outcome<()> {
    let clock = Instant::now();
    let metered = Metered::start("fit");
    let target = target(arguments);
    let output = arguments
        .output
        .clone()
        .unwrap_or_else(|| default_output(&arguments.file));
    let report = report_path(arguments, &output);
    let outputs = [Some(output.as_path()), report.as_deref()];
    for path in outputs.iter().flatten() {
        output::check(path, &[&arguments.file])?;
    }
    if report.as_deref() == Some(output.as_path()) {
        let path = output.display();
        return Err(Failure::Input(format!(
            "--report and -o are both {path}; choose two names"
        )));
    }
    let loaded = fit::read_array(
        &arguments.file,
        arguments.tensor.as_deref(),
        &ReadOptions::default(),
    )
    .map_err(|error| subject::fit_failure(error).at(&arguments.file))?;
    let read_seconds = clock.elapsed().as_secs_f64();

    let found = search(arguments, &loaded.array, loaded.source, target)?;
    for note in &found.notes {
        eprintln!("tensegrity: note: {note}");
    }
    let found = Found {
        loaded: &loaded,
        fit: &found,
        target,
    };
    let written = clock.elapsed().as_secs_f64();
    // Whatever can fail comes before the first of the two is replaced.
    let page = match &report {
        Some(path) => Some((path, page(arguments, &found, read_seconds, written)?)),
        None => None,
    };
    let representation = &found.fit.representation;
    let mut new_report = None;
    if let Some((path, page)) = &page {
        new_report = Some(path).filter(|path| !path.exists());
        output::write(path, page)?;
    }
    if let Err(error) = representation.write(&output) {
        if let Some(path) = new_report {
            let _ = std::fs::remove_file(path);
        }
        return Err(subject::fit_failure(error).at(&output));
    }
    let cost = Cost {
        seconds: clock.elapsed().as_secs_f64(),
        energy: metered.report(),
    };
    if json {
        say!("{}", object(&found, &cost, &output, report.as_deref()));
    } else {
        table(&found, &cost, &output, report.as_deref());
    }
    Ok(())
}

/// What the command took.
struct Cost {
    seconds: f64,
    energy: Option<SpanReport>,
}

/// What the printing functions look at.
struct Found<'a> {
    loaded: &'a file::Loaded,
    fit: &'a tensegrity::fit::Fit,
    target: Target,
}

fn target(arguments: &Fit) -> Target {
    match (arguments.error, arguments.bytes, arguments.ratio) {
        (Some(error), ..) => Target::Error(error),
        (_, Some(bytes), _) => Target::Bytes(bytes),
        (_, _, ratio) => Target::Ratio(ratio.expect("the parser asks for one target")),
    }
}

/// The input's name with `.tsg`, in the current folder.
fn default_output(input: &Path) -> PathBuf {
    let stem = input.file_stem().unwrap_or(std::ffi::OsStr::new("fit"));
    let mut name = stem.to_os_string();
    name.push(".tsg");
    PathBuf::from(name)
}

fn report_path(arguments: &Fit, output: &Path) -> Option<PathBuf> {
    if arguments.no_report {
        return None;
    }
    Some(
        arguments
            .report
            .clone()
            .unwrap_or_else(|| output.with_extension("html")),
    )
}

fn search(
    arguments: &Fit,
    array: &Array,
    dtype: DType,
    target: Target,
) -> Outcome<tensegrity::fit::Fit> {
    let structure = Some(arguments.structure.as_str()).filter(|name| *name != "auto");
    let bar = Progress::new();
    let tell = |what: &str, part: f64| bar.tell(what, part);
    let progress = Telling {
        report: Some(&tell),
        cancel: Some(interrupt::flag()),
    };
    let options = FitOptions {
        structure,
        seed: arguments.seed,
        frontier: !arguments.no_report,
        progress,
    };
    tensegrity::fit(array, dtype, target, &options)
        .map_err(|error| subject::fit_failure(error).at(&arguments.file))
}

fn rows(found: &Found<'_>) -> Vec<CandidateRow> {
    let rows = found.fit.candidates.iter();
    rows.map(|row| CandidateRow {
        structure: row.structure.clone(),
        detail: row.detail.clone(),
        error: row.error,
        stored_bytes: row.stored_bytes,
        seconds: row.seconds,
    })
    .collect()
}

fn object(found: &Found<'_>, cost: &Cost, output: &Path, report: Option<&Path>) -> Value {
    let fit = found.fit;
    let candidates: Vec<Value> = fit
        .candidates
        .iter()
        .map(|row| {
            json!({
                "structure": row.structure,
                "detail": row.detail,
                "error": row.error,
                "stored_bytes": row.stored_bytes,
                "seconds": row.seconds,
            })
        })
        .collect();
    json!({
        "structure": fit.structure(),
        "detail": fit.detail,
        "shape": fit.representation.shape(),
        "dtype": found.loaded.source.name(),
        "error": fit.error,
        "stored_bytes": fit.stored_bytes,
        "dense_bytes": fit.dense_bytes,
        "ratio": fit.ratio(),
        "seconds": cost.seconds,
        "energy": metered::object(cost.energy.as_ref()),
        "output": output.display().to_string(),
        "report": report.map(|path| path.display().to_string()),
        "candidates": candidates,
    })
}

/// The row the file was written from: sizes of a fit are distinct unless its
/// candidates are the same file.
fn is_winner(row: &tensegrity::fit::CandidateResult, fit: &tensegrity::fit::Fit) -> bool {
    row.structure == fit.structure() && row.stored_bytes == fit.stored_bytes
}

fn table(found: &Found<'_>, cost: &Cost, output: &Path, report: Option<&Path>) {
    let fit = found.fit;
    let shape = shape_text(fit.representation.shape());
    say!(
        "{shape} {}, {}",
        found.loaded.source,
        bytes_text(fit.dense_bytes)
    );
    say!("");
    say!(
        "  {:<10} {:>10} {:>10} {:>8}  detail",
        "structure",
        "error",
        "stored",
        "seconds"
    );
    for row in fit.candidates.iter().take(ROWS) {
        let won = is_winner(row, fit);
        say!(
            "{} {:<10} {:>10} {:>10} {:>8.2}  {}",
            if won { "►" } else { " " },
            row.structure,
            number_text(row.error),
            bytes_text(row.stored_bytes),
            row.seconds,
            row.detail,
        );
    }
    if fit.candidates.len() > ROWS {
        say!(
            "  … and {} more (all of them with --json)",
            fit.candidates.len() - ROWS
        );
    }
    say!("");
    say!(
        "{}: {} bytes, {:.1} times smaller, relative error {}, {:.2} s{}",
        fit.structure(),
        fit.stored_bytes,
        fit.ratio(),
        number_text(fit.error),
        cost.seconds,
        metered::text(cost.energy.as_ref()),
    );
    match report {
        Some(report) => say!(
            "written to {}, shown in {}",
            output.display(),
            report.display()
        ),
        None => say!("written to {}", output.display()),
    }
}

/// The report page.
fn page(arguments: &Fit, found: &Found<'_>, read: f64, written: f64) -> Outcome<String> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("report: {error}"));
    let fit = found.fit;
    let representation = &fit.representation;
    let diagram = representation.diagram().map_err(|error| failed(&error))?;
    let mut options = DrawOptions::default();
    options.title = format!("{} network", fit.structure());
    options.theme = draw::Theme::Light;
    let (panels, signal) = if found.loaded.array.len() <= SHOWN {
        let expanded = representation.expand().map_err(|error| failed(&error))?;
        before_and_after(&found.loaded.array, &expanded).map_err(|error| failed(&error))?
    } else {
        (Vec::new(), Vec::new())
    };
    let mut timings = vec![Timing {
        stage: "read".into(),
        seconds: read,
    }];
    for timing in &fit.timings {
        timings.push(Timing {
            stage: timing.name.clone(),
            seconds: timing.seconds,
        });
    }
    let rest = (written - read - fit.timings.iter().map(|t| t.seconds).sum::<f64>()).max(0.0);
    timings.push(Timing {
        stage: "check and write".into(),
        seconds: rest,
    });
    let candidates = rows(found);
    let name = arguments
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let report = FitReport {
        source: match &arguments.tensor {
            Some(member) => format!("{name}: {member}"),
            None => name,
        },
        shape: representation.shape().to_vec(),
        dtype: found.loaded.source.name().into(),
        dense_bytes: fit.dense_bytes,
        target: found.target.to_string(),
        wanted_error: match found.target {
            Target::Error(error) => Some(error),
            _ => None,
        },
        winner: CandidateRow {
            structure: fit.structure().into(),
            detail: match fit.candidates.iter().find(|row| is_winner(row, fit)) {
                Some(row) => format!("{}: {}", row.detail, fit.detail),
                None => fit.detail.clone(),
            },
            error: fit.error,
            stored_bytes: fit.stored_bytes,
            seconds: fit.seconds,
        },
        candidates,
        frontier: fit
            .frontiers
            .iter()
            .map(|frontier| Series {
                name: frontier.structure.clone(),
                points: (frontier.points.iter())
                    .map(|&(bytes, error)| Point {
                        bytes: bytes as f64,
                        error,
                    })
                    .collect(),
            })
            .collect(),
        diagram: draw::svg(&diagram, &options),
        spectra: (fit.spectra.iter())
            .map(|s| Curve {
                name: s.name.clone(),
                values: s.values.clone(),
            })
            .collect(),
        panels,
        signal,
        timings,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    report.html().map_err(|error| failed(&error))
}

/// Pictures for two and more axes, curves for one. The source may have been
/// read in another precision than it expands to, so both become `f64` here.
fn before_and_after(
    original: &Array,
    expanded: &Array,
) -> Result<(Vec<Panel>, Vec<Curve>), Box<dyn std::error::Error>> {
    let (original, expanded) = (magnitudes(original), magnitudes(expanded));
    if original.ndim() == 1 {
        let curve = |name: &str, values: &[f64]| Curve {
            name: name.into(),
            values: values.to_vec(),
        };
        let curves = vec![
            curve("original", original.as_slice()),
            curve("reconstruction", expanded.as_slice()),
        ];
        return Ok((Vec::new(), curves));
    }
    Ok((panels(&original.view(), &expanded.view())?, Vec::new()))
}

/// Real values as they are, absolute values of complex ones.
fn magnitudes(array: &Array) -> tensegrity::Tensor<f64> {
    match array {
        Array::F64(tensor) => tensor.clone(),
        Array::F32(tensor) => tensor.map(f64::from),
        Array::I64(tensor) => tensor.map(|x| x as f64),
        Array::C64(tensor) => tensor.map(|z| f64::from(z.norm())),
        Array::C128(tensor) => tensor.map(|z| z.norm()),
        other => with_tensor!(other, tensor => tensor.map(|_| 0.0)),
    }
}
