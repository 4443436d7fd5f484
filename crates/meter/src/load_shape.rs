//! How power follows load: a piecewise linear curve relative to full-load power.

use std::path::Path;

use crate::error::{Error, Result};

/// Loads at which a shape has its knots.
pub const KNOTS: [f64; 5] = [0.10, 0.25, 0.50, 0.75, 1.0];

/// Power over load, both as fractions of their largest values.
///
/// Below a load of 0.1 the curve goes straight down to the idle fraction: the
/// profiles it was fitted on have no usable data there.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadShape {
    /// Power without load.
    pub idle: f64,
    /// Power at [`KNOTS`].
    pub power: [f64; 5],
}

/// One profiled point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Load, from 0 to 1.
    pub load: f64,
    /// Power over the machine's full-load power.
    pub power: f64,
}

impl Default for LoadShape {
    /// Fitted by [`LoadShape::fit`] on ten profiles of four processors (EPYC
    /// 8024P, Threadripper 1950X, Xeon E3-1240 v2 and E5-2620 v3) published by
    /// the CodeCarbon project; idle is an assumption.
    fn default() -> Self {
        Self {
            idle: 0.10,
            power: [0.140, 0.443, 0.735, 0.958, 0.999],
        }
    }
}

impl LoadShape {
    /// Power at `load` as a fraction of full-load power. Loads outside 0..1 are
    /// taken as the nearest end; NaN as no load.
    #[must_use]
    pub fn at(&self, load: f64) -> f64 {
        let load = if load > 0.0 { load.min(1.0) } else { 0.0 };
        if load < KNOTS[0] {
            let part = load / KNOTS[0];
            return self.idle + (self.power[0] - self.idle) * part;
        }
        let weights = weights(load);
        weights.iter().zip(&self.power).map(|(w, p)| w * p).sum()
    }

    /// Fits the powers at the knots by least absolute deviations, the measure
    /// the fit is judged by; iteratively reweighted least squares, O(n) a round.
    /// Observations below the first knot are left out. `idle` is not fitted.
    ///
    /// # Errors
    /// [`Error::Undetermined`] if a knot has no observation near it,
    /// [`Error::Option`] for a value that is no number.
    pub fn fit(observations: &[Observation], idle: f64) -> Result<Self> {
        let mut rows = Vec::new();
        for observation in observations {
            if !(observation.load.is_finite() && observation.power.is_finite()) {
                return Err(Error::option(
                    "observations",
                    format!("{observation:?} is no number"),
                ));
            }
            if observation.load >= KNOTS[0] {
                rows.push((weights(observation.load.min(1.0)), observation.power));
            }
        }
        let mut power = [0.0; 5];
        let mut importance = vec![1.0; rows.len()];
        for _ in 0..100 {
            power = weighted_least_squares(&rows, &importance)?;
            for ((weights, target), importance) in rows.iter().zip(&mut importance) {
                let fitted: f64 = weights.iter().zip(&power).map(|(w, p)| w * p).sum();
                *importance = 1.0 / (fitted - target).abs().max(1e-4);
            }
        }
        Ok(Self { idle, power })
    }
}

/// Barycentric weights of the knots; `load` is within them.
fn weights(load: f64) -> [f64; 5] {
    let mut weights = [0.0; 5];
    let right = KNOTS
        .iter()
        .position(|&knot| load <= knot)
        .unwrap_or(KNOTS.len() - 1)
        .max(1);
    let part = (load - KNOTS[right - 1]) / (KNOTS[right] - KNOTS[right - 1]);
    weights[right - 1] = 1.0 - part;
    weights[right] = part;
    weights
}

/// Normal equations by Cholesky; 5 × 5 and well scaled.
fn weighted_least_squares(rows: &[([f64; 5], f64)], importance: &[f64]) -> Result<[f64; 5]> {
    let mut gram = [[0.0; 5]; 5];
    let mut right = [0.0; 5];
    for ((weights, target), importance) in rows.iter().zip(importance) {
        for i in 0..5 {
            right[i] += importance * weights[i] * target;
            for j in 0..5 {
                gram[i][j] += importance * weights[i] * weights[j];
            }
        }
    }
    let mut lower = [[0.0; 5]; 5];
    for i in 0..5 {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = gram[i][j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 1e-9 * gram[i][i].max(1e-300) {
                    return Err(Error::Undetermined {
                        load: 100.0 * KNOTS[i],
                    });
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    let mut x = right;
    for i in 0..5 {
        let dot: f64 = (0..i).map(|k| lower[i][k] * x[k]).sum();
        x[i] = (x[i] - dot) / lower[i][i];
    }
    for i in (0..5).rev() {
        let dot: f64 = (i + 1..5).map(|k| lower[k][i] * x[k]).sum();
        x[i] = (x[i] - dot) / lower[i][i];
    }
    Ok(x)
}

/// A row of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfilePoint {
    /// Load, from 0 to 1.
    pub load: f64,
    /// Power of all packages in watts, measured.
    pub watts: f64,
    /// What the publisher's own model said in the same row, in watts.
    pub estimate: Option<f64>,
}

/// Reads a profile: a CSV with the columns `cpu_load` in percent, `rapl_power`
/// in watts and, if it is there, `estimated_power`, as the CodeCarbon project
/// publishes them. `name` names the text in errors. The first row is left out:
/// in every published profile it was read before the counter moved.
///
/// # Errors
/// [`Error::Profile`] with the line.
pub fn read_profile(text: &str, name: &Path) -> Result<Vec<ProfilePoint>> {
    let failure = |line: usize, problem: String| Error::Profile {
        path: name.to_owned(),
        line,
        problem,
    };
    let mut lines = text.lines().enumerate();
    let header = lines
        .next()
        .ok_or_else(|| failure(1, "the file is empty".into()))?
        .1;
    let place = |wanted: &str| header.split(',').position(|name| name.trim() == wanted);
    let column =
        |wanted: &str| place(wanted).ok_or_else(|| failure(1, format!("no column {wanted:?}")));
    let (load, power) = (column("cpu_load")?, column("rapl_power")?);
    let estimate = place("estimated_power");
    let mut points = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |column: usize| -> Result<f64> {
            fields
                .get(column)
                .and_then(|text| text.trim().parse().ok())
                .filter(|value: &f64| value.is_finite())
                .ok_or_else(|| failure(number + 1, format!("field {} is no number", column + 1)))
        };
        points.push(ProfilePoint {
            load: field(load)? / 100.0,
            watts: field(power)?,
            estimate: estimate.map(field).transpose()?,
        });
    }
    if points.is_empty() {
        return Err(failure(2, "no row".into()));
    }
    points.remove(0);
    Ok(points)
}
