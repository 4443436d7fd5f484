//! Charts as SVG text, sized by the page and not by themselves.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, ValueFormatter};
use plotters::prelude::*;

use crate::{Error, Result};

/// A point of a size–error frontier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Bytes of the stored file.
    pub bytes: f64,
    /// Relative Frobenius error.
    pub error: f64,
}

/// One candidate's frontier.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name of the structure.
    pub name: String,
    /// Points in any order.
    pub points: Vec<Point>,
}

/// A curve over 1, 2, 3, …: singular values, or the samples of a signal.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Values in order.
    pub values: Vec<f64>,
}

/// Width and height of the drawing surface; the page scales it.
const SIZE: (u32, u32) = (560, 380);
/// Okabe–Ito colours, told apart by colour-blind readers too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(150, 120, 0),
];
pub(crate) const FONT: &str = "sans-serif";

pub(crate) fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

/// Bounds of positive values on a logarithmic axis, a little wider than they are.
pub(crate) fn log_bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let positive = values.filter(|v| v.is_finite() && *v > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    (high > 0.0).then(|| (low / 1.25, high * 1.25))
}

/// The size–error frontier of every candidate, both axes logarithmic; the
/// file written is ringed and the asked-for error is a dashed line.
///
/// Empty if no candidate has a positive error and size.
pub(crate) fn frontier(series: &[Series], winner: Point, wanted: Option<f64>) -> Result<String> {
    let all = || series.iter().flat_map(|s| &s.points).chain([&winner]);
    let Some(bytes) = log_bounds(all().map(|p| p.bytes)) else {
        return Ok(String::new());
    };
    let errors = all().map(|p| p.error).chain(wanted);
    let Some(errors) = log_bounds(errors) else {
        return Ok(String::new());
    };
    draw("size and error", |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(
                (bytes.0..bytes.1).log_scale(),
                (errors.0..errors.1).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("stored bytes")
            .y_desc("relative error")
            .x_label_formatter(&|v| bytes_text(*v))
            .y_label_formatter(&|v| number_text(*v))
            .label_style((FONT, 17))
            .axis_desc_style((FONT, 18))
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 228, 232))
            .draw()?;
        if let Some(error) = wanted.filter(|error| *error > 0.0) {
            let line = [(bytes.0, error), (bytes.1, error)];
            chart.draw_series(DashedLineSeries::new(
                line,
                6,
                5,
                BLACK.mix(0.5).stroke_width(1),
            ))?;
        }
        for (number, one) in series.iter().enumerate() {
            let mut points: Vec<(f64, f64)> = one
                .points
                .iter()
                .filter(|p| p.error > 0.0 && p.bytes > 0.0)
                .map(|p| (p.bytes, p.error))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let paint = colour(number);
            chart.draw_series(LineSeries::new(
                points.iter().copied(),
                paint.stroke_width(2),
            ))?;
            chart
                .draw_series(
                    points
                        .iter()
                        .map(|&point| Circle::new(point, 3, paint.filled())),
                )?
                .label(one.name.as_str())
                .legend(move |(x, y)| Circle::new((x + 8, y), 4, paint.filled()));
        }
        if winner.error > 0.0 && winner.bytes > 0.0 {
            let ring = Circle::new((winner.bytes, winner.error), 8, BLACK.stroke_width(2));
            chart
                .draw_series([ring])?
                .label("written")
                .legend(|(x, y)| Circle::new((x + 8, y), 6, BLACK.stroke_width(2)));
        }
        legend(&mut chart)
    })
}

/// Curves over their position; singular values want `logarithmic`.
///
/// Empty if there is nothing to draw.
pub(crate) fn curves(
    title: &str,
    position: &str,
    curves: &[Curve],
    logarithmic: bool,
) -> Result<String> {
    let longest = curves.iter().map(|c| c.values.len()).max().unwrap_or(0);
    if longest == 0 {
        return Ok(String::new());
    }
    let values = || {
        curves
            .iter()
            .flat_map(|c| c.values.iter().copied())
            .filter(|v| v.is_finite())
    };
    let across = || Positions { longest };
    draw(title, |area| {
        let mut builder = ChartBuilder::on(area);
        builder
            .margin(12)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(72);
        if logarithmic {
            let Some((low, high)) = log_bounds(values()) else {
                return Ok(());
            };
            // Round-off below 1e-14 of the largest value would squeeze the rest.
            let low = low.max(high * 1e-14);
            let mut chart = builder.build_cartesian_2d(across(), log_axis((low, high)))?;
            lines(&mut chart, position, curves, low)?;
            legend(&mut chart)
        } else {
            let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                (l.min(v), h.max(v))
            });
            let pad = if high > low { 0.05 * (high - low) } else { 0.5 };
            let mut chart = builder.build_cartesian_2d(across(), low - pad..high + pad)?;
            lines(&mut chart, position, curves, f64::NEG_INFINITY)?;
            legend(&mut chart)
        }
    })
}

pub(crate) type Failure = Box<dyn std::error::Error>;
pub(crate) type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
pub(crate) type Chart<'a, X, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>;
/// A logarithmic axis whose ticks are few and round however short it is.
pub(crate) struct LogAxis {
    low: f64,
    high: f64,
}

pub(crate) fn log_axis((low, high): (f64, f64)) -> LogAxis {
    LogAxis { low, high }
}

impl Ranged for LogAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _hint: H) -> Vec<f64> {
        log_ticks((self.low, self.high))
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

/// Round numbers inside `bounds`: powers of ten if there are enough of them,
/// else with 2 and 5, else with every digit.
fn log_ticks((low, high): (f64, f64)) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let ticks = |digits: &[f64], step: usize| -> Vec<f64> {
        let powers = decades.clone().step_by(step).map(|power| 10f64.powi(power));
        powers
            .flat_map(|power| digits.iter().map(move |digit| digit * power))
            .filter(|tick| (low..=high).contains(tick))
            .collect()
    };
    let many = decades.clone().count().div_ceil(8);
    [ticks(&[1.0], many), ticks(&[1.0, 2.0, 5.0], 1)]
        .into_iter()
        .find(|found| found.len() >= 3)
        .unwrap_or_else(|| ticks(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1))
}

/// The axis of positions 1, 2, …, with whole ticks only.
struct Positions {
    longest: usize,
}

impl Ranged for Positions {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - 0.5) / self.longest as f64;
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _hint: H) -> Vec<f64> {
        whole_ticks(self.longest)
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.5..self.longest as f64 + 0.5
    }
}

/// At most eight whole positions from one to `longest`.
fn whole_ticks(longest: usize) -> Vec<f64> {
    let rough = longest.div_ceil(8).max(1);
    let power = 10usize.pow(rough.ilog10());
    let step = [1, 2, 5, 10]
        .map(|d| d * power)
        .into_iter()
        .find(|&s| s >= rough)
        .unwrap_or(rough);
    let first = usize::from(step == 1);
    (first..=longest / step)
        .map(|i| (i * step).max(1) as f64)
        .collect()
}

fn lines<X, Y>(
    chart: &mut Chart<'_, X, Y>,
    position: &str,
    curves: &[Curve],
    floor: f64,
) -> std::result::Result<(), Failure>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc(position)
        .y_label_formatter(&|v| number_text(*v))
        .x_label_formatter(&|v| format!("{v:.0}"))
        .label_style((FONT, 17))
        .axis_desc_style((FONT, 18))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 228, 232))
        .draw()?;
    for (number, curve) in curves.iter().enumerate() {
        let points = (curve.values.iter().enumerate())
            .map(|(i, &value)| (i as f64 + 1.0, value))
            .filter(|(_, value)| value.is_finite() && *value > floor);
        let paint = colour(number);
        chart
            .draw_series(LineSeries::new(points, paint.stroke_width(2)))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], paint.stroke_width(3)));
    }
    Ok(())
}

pub(crate) fn legend<'a, X, Y>(chart: &mut Chart<'a, X, Y>) -> std::result::Result<(), Failure>
where
    X: Ranged,
    Y: Ranged,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(208, 215, 222))
        .label_font((FONT, 17))
        .draw()?;
    Ok(())
}

pub(crate) fn draw(
    title: &str,
    body: impl FnOnce(&Canvas<'_>) -> std::result::Result<(), Failure>,
) -> Result<String> {
    let failed = |message: String| Error::Chart {
        chart: title.to_owned(),
        message,
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        body(&area).map_err(|error| failed(error.to_string()))?;
        area.present().map_err(|error| failed(error.to_string()))?;
    }
    // The page decides the size: keep the view box, drop the fixed pixels.
    let fixed = format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1);
    let label = format!("role=\"img\" aria-label=\"{title}\" ");
    Ok(svg.replacen(&fixed, &label, 1))
}

/// `1.5 kB`, in decimal units as file managers show them.
pub(crate) fn bytes_text(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1e3 => return format!("{b:.0} B"),
        b if b < 1e6 => (b / 1e3, "kB"),
        b if b < 1e9 => (b / 1e6, "MB"),
        b => (b / 1e9, "GB"),
    };
    let digits = if value < 10.0 { 1 } else { 0 };
    format!("{value:.digits$} {unit}")
}

/// A short number: plain between 1e-3 and 1e4, otherwise in powers of ten.
pub(crate) fn number_text(value: f64) -> String {
    if value == 0.0 || (1e-3..1e4).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_scale_with_the_page() {
        let series = [Series {
            name: "tucker".into(),
            points: vec![
                Point {
                    bytes: 1e4,
                    error: 0.2,
                },
                Point {
                    bytes: 1e5,
                    error: 0.02,
                },
            ],
        }];
        let svg = frontier(
            &series,
            Point {
                bytes: 3e4,
                error: 0.1,
            },
            Some(0.1),
        )
        .unwrap();
        assert!(svg.starts_with("<svg role=\"img\""), "{}", &svg[..80]);
        assert!(svg.contains("viewBox=\"0 0 560 380\""));
        assert!(svg.contains("tucker") && svg.contains("written"));
    }

    #[test]
    fn degenerate_data_gives_no_chart_or_a_flat_one() {
        assert_eq!(
            frontier(
                &[],
                Point {
                    bytes: 0.0,
                    error: 0.0
                },
                None
            )
            .unwrap(),
            ""
        );
        assert_eq!(curves("t", "p", &[], true).unwrap(), "");
        let flat = [Curve {
            name: "x".into(),
            values: vec![2.0; 4],
        }];
        assert!(curves("t", "p", &flat, false).unwrap().contains("<svg"));
        let zero = [Curve {
            name: "x".into(),
            values: vec![0.0; 4],
        }];
        assert!(curves("t", "p", &zero, true).is_ok());
    }

    #[test]
    fn ticks_are_round_and_few_but_never_missing() {
        assert_eq!(log_ticks((0.9, 2e4)), [1.0, 10.0, 100.0, 1e3, 1e4]);
        assert_eq!(log_ticks((150.0, 1100.0)), [200.0, 500.0, 1000.0]);
        assert_eq!(
            log_ticks((250.0, 700.0)),
            [300.0, 400.0, 500.0, 600.0, 700.0]
        );
        assert!(log_ticks((1e-15, 1.0)).len() <= 9);
        assert_eq!(whole_ticks(4), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(whole_ticks(100), [1.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn texts_are_short() {
        assert_eq!(bytes_text(999.0), "999 B");
        assert_eq!(bytes_text(1500.0), "1.5 kB");
        assert_eq!(bytes_text(786_432.0), "786 kB");
        assert_eq!(number_text(0.1), "0.1");
        assert_eq!(number_text(1e-9), "1.0e-9");
    }
}
