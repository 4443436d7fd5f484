//! The page of one `fit`.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::chart::{self, Curve, Point, Series};
use crate::picture::Panel;
use crate::{Error, Result};

const TEMPLATE: &str = include_str!("fit.html");
/// What all pages look like.
const STYLE: &str = include_str!("style.html");

/// Templates and filters every page has.
pub(crate) fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("bytes", |value: f64| chart::bytes_text(value));
    environment.add_filter("number", |value: f64| chart::number_text(value));
    environment.add_filter("seconds", |value: f64| format!("{value:.3} s"));
    environment.add_template("style.html", STYLE)?;
    Ok(environment)
}

/// A row of the table of candidates.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CandidateRow {
    /// Name of the structure.
    pub structure: String,
    /// Ranks, shapes and precision in words.
    pub detail: String,
    /// Relative Frobenius error.
    pub error: f64,
    /// Bytes its file would have.
    pub stored_bytes: u64,
    /// Seconds spent on it.
    pub seconds: f64,
}

/// Seconds of one stage of the work.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Timing {
    /// The stage.
    pub stage: String,
    /// Seconds.
    pub seconds: f64,
}

/// Everything the page shows, as plain data.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// Name of the input, without folders.
    pub source: String,
    /// Shape of the array.
    pub shape: Vec<usize>,
    /// Element type of the file.
    pub dtype: String,
    /// Elements × element size of the file.
    pub dense_bytes: u64,
    /// What was asked for, for example `error ≤ 0.1`.
    pub target: String,
    /// The error asked for, if the target was one.
    pub wanted_error: Option<f64>,
    /// The candidate written.
    pub winner: CandidateRow,
    /// All candidates, best first.
    pub candidates: Vec<CandidateRow>,
    /// Size–error frontier of every candidate.
    pub frontier: Vec<Series>,
    /// The winner as a drawn diagram (SVG).
    pub diagram: String,
    /// Singular values of the winner's cuts.
    pub spectra: Vec<Curve>,
    /// Original, reconstruction and difference.
    pub panels: Vec<Panel>,
    /// Samples of a one-axis input and of its reconstruction; empty otherwise.
    pub signal: Vec<Curve>,
    /// Where the time went.
    pub timings: Vec<Timing>,
    /// Version of the program.
    pub version: String,
}

impl FitReport {
    /// The page as one self-contained HTML text.
    ///
    /// # Errors
    /// [`Error::Chart`] or [`Error::Page`] if a library refuses.
    pub fn html(&self) -> Result<String> {
        let winner = Point {
            bytes: self.winner.stored_bytes as f64,
            error: self.winner.error,
        };
        let frontier = chart::frontier(&self.frontier, winner, self.wanted_error)?;
        let spectra = chart::curves("singular values", "position", &self.spectra, true)?;
        let signal = chart::curves("signal", "sample", &self.signal, false)?;
        let mut environment = environment()?;
        environment.add_template("fit.html", TEMPLATE)?;
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let ratio = self.dense_bytes as f64 / self.winner.stored_bytes.max(1) as f64;
        let total: f64 = self.timings.iter().map(|timing| timing.seconds).sum();
        let safe = |svg: String| Value::from_safe_string(svg);
        let page = environment.get_template("fit.html")?;
        page.render(context! {
            source => &self.source,
            shape => shape.join(" × "),
            dtype => &self.dtype,
            dense_bytes => self.dense_bytes as f64,
            target => &self.target,
            winner => Value::from(Serde(&self.winner)),
            candidates => Value::from(Serde(&self.candidates)),
            ratio => format!("{ratio:.1}"),
            frontier => safe(frontier),
            spectra => safe(spectra),
            signal => safe(signal),
            diagram => safe(self.diagram.clone()),
            panels => Value::from(Serde(&self.panels)),
            timings => Value::from(Serde(&self.timings)),
            total => total,
            version => &self.version,
        })
        .map_err(Error::Page)
    }
}
