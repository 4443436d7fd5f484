//! The page of a training run, made again while it runs.

use minijinja::value::Serde;
use minijinja::{Value, context};
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

use crate::chart::{self, Chart, FONT, Failure, number_text};
use crate::page::environment;
use crate::{Error, Result};

const TEMPLATE: &str = include_str!("training.html");

/// A quantity over the batches of a run.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Name in the legend.
    pub name: String,
    /// Batches done and the value then, in order; what is not finite is a gap.
    pub points: Vec<(f64, f64)>,
}

/// A row of the table of runs.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RunRow {
    /// What was tried.
    pub name: String,
    /// How it ended, with the reason if it failed or was discarded.
    pub outcome: String,
    /// The figure it is judged by.
    pub result: Option<f64>,
    /// Batches it drew.
    pub steps: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Its energy in words, with provenance; empty if nobody metered it.
    pub energy: String,
}

/// Everything the page shows, as plain data.
#[derive(Clone, Debug, Default)]
pub struct TrainingReport {
    /// What is trained.
    pub title: String,
    /// Where the run stands, for example `epoch 3 of 10` or `finished`.
    pub status: String,
    /// Seconds after which an open page loads itself again; `None` once the run
    /// is over. The page needs no network and no script for it.
    pub refresh: Option<u32>,
    /// Name and value of the figures at the top.
    pub facts: Vec<(String, String)>,
    /// Losses, in one chart.
    pub losses: Vec<Trace>,
    /// Metrics, each in its own chart.
    pub metrics: Vec<Trace>,
    /// Runs of a search.
    pub runs: Vec<RunRow>,
    /// What they cost together, in one sentence.
    pub totals: String,
    /// Version of the program.
    pub version: String,
}

impl TrainingReport {
    /// The page as one self-contained HTML text; write it by atomic rename, as
    /// a browser may read it at any moment.
    ///
    /// # Errors
    /// [`Error::Chart`] or [`Error::Page`] if a library refuses.
    pub fn html(&self) -> Result<String> {
        let metrics = self
            .metrics
            .iter()
            .filter(|trace| drawable(trace))
            .map(|trace| {
                let svg = traces(&trace.name, std::slice::from_ref(trace))?;
                Ok([Value::from(&trace.name), Value::from_safe_string(svg)])
            })
            .collect::<Result<Vec<_>>>()?;
        let mut environment = environment()?;
        environment.add_template("training.html", TEMPLATE)?;
        let page = environment.get_template("training.html")?;
        page.render(context! {
            title => &self.title,
            status => &self.status,
            refresh => self.refresh,
            facts => Value::from(Serde(&self.facts)),
            losses => Value::from_safe_string(traces("loss", &self.losses)?),
            metrics => metrics,
            runs => Value::from(Serde(&self.runs)),
            totals => &self.totals,
            version => &self.version,
        })
        .map_err(Error::Page)
    }
}

fn drawable(trace: &Trace) -> bool {
    trace
        .points
        .iter()
        .any(|(x, y)| x.is_finite() && y.is_finite())
}

/// Traces over batches; on a logarithmic axis if the values are positive and
/// span more than a decade. Empty if there is nothing to draw.
fn traces(title: &str, traces: &[Trace]) -> Result<String> {
    let points = || {
        let all = traces.iter().flat_map(|trace| trace.points.iter().copied());
        all.filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        })
    };
    let across = bounds(&mut points().map(|(x, _)| x));
    let (low, high) = bounds(&mut points().map(|(_, y)| y));
    if low > high {
        return Ok(String::new());
    }
    let across = if across.0 < across.1 {
        across.0..across.1
    } else {
        across.0 - 0.5..across.1 + 0.5
    };
    chart::draw(title, |area| {
        let mut builder = ChartBuilder::on(area);
        builder
            .margin(12)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(72);
        if low > 0.0 && high > 10.0 * low {
            let up = chart::log_axis((low / 1.25, high * 1.25));
            let mut chart = builder.build_cartesian_2d(across, up)?;
            fill(&mut chart, traces)
        } else {
            let pad = if high > low { 0.05 * (high - low) } else { 0.5 };
            let mut chart = builder.build_cartesian_2d(across, low - pad..high + pad)?;
            fill(&mut chart, traces)
        }
    })
}

fn fill<X, Y>(chart: &mut Chart<'_, X, Y>, traces: &[Trace]) -> std::result::Result<(), Failure>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc("batches")
        .x_labels(6)
        .y_label_formatter(&|v| number_text(*v))
        .x_label_formatter(&|v| format!("{v:.0}"))
        .label_style((FONT, 17))
        .axis_desc_style((FONT, 18))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 228, 232))
        .draw()?;
    for (number, trace) in traces.iter().enumerate() {
        let paint = chart::colour(number);
        let pieces = trace
            .points
            .split(|(x, y)| !(x.is_finite() && y.is_finite()))
            .filter(|piece| !piece.is_empty());
        for (count, piece) in pieces.enumerate() {
            // A line of one point is invisible.
            if let [point] = piece {
                chart.draw_series([Circle::new(*point, 3, paint.filled())])?;
            }
            let drawn = chart.draw_series(LineSeries::new(
                piece.iter().copied(),
                paint.stroke_width(2),
            ))?;
            if count == 0 {
                drawn.label(trace.name.as_str()).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], paint.stroke_width(3))
                });
            }
        }
    }
    // A chart of one trace is named by its heading.
    if traces.len() > 1 {
        chart::legend(chart)?;
    }
    Ok(())
}
