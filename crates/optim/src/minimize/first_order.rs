//! Gradient methods to compare with.

use super::options::Method;
use super::outcome::{Move, StopReason};
use super::run::{Account, Point, Run};
use super::vector::{add, dot, minus, norm, plus, scaled};
use crate::error::require;
use crate::{Error, Result};

/// Doublings of the smoothness constant in one step.
const MOST: usize = 60;

/// Stochastic gradients, with heavy-ball momentum or without: `m ← βm + g`,
/// `x ← x − rate·m`.
pub(crate) fn sgd(run: &mut Run<'_>, mut point: Point) -> Result<StopReason> {
    let name = run.options.method.name();
    let Some(rate) = run.options.learning_rate else {
        return Err(Error::Option {
            method: name,
            option: "learning_rate",
            value: "missing".into(),
            wanted: "give a rate below 2 over the gradient's Lipschitz constant",
        });
    };
    let decay = if run.options.method == Method::Momentum {
        run.options.momentum
    } else {
        0.0
    };
    let mut velocity = vec![0.0; point.x.len()];
    for iteration in 1..=run.options.max_iterations {
        run.begin(iteration);
        velocity = plus(&point.gradient, decay, &velocity);
        let x = plus(&point.x, -rate, &velocity);
        let moved = rate * norm(&velocity);
        point = run.point(x)?;
        let account = Account::new(Move::Gradient, moved, 1.0 / rate);
        if let Some(stop) = run.record(&point, account) {
            return Ok(stop);
        }
    }
    Ok(StopReason::MaxIterations)
}

/// Accelerated gradients by similar triangles (Gasnikov and Nesterov 2018):
/// `L·α² = A + α`, `y = (A·x + α·z)/(A + α)`, `z ← z − α·g(y)`,
/// `x ← (A·x + α·z)/(A + α)`. Adaptive runs double `L` until
/// `f(x) ≤ f(y) + ⟨g, x − y⟩ + (L/2)·‖x − y‖²`, and halve it after each step.
pub(crate) fn similar_triangles(run: &mut Run<'_>, mut point: Point) -> Result<StopReason> {
    let mut smooth = match run.options.learning_rate {
        Some(rate) => 1.0 / rate,
        None => {
            require(
                run.plan.adaptive,
                run.options.method.name(),
                "learning_rate",
                "missing",
                "give one over the gradient's Lipschitz constant, or let the run be adaptive",
            )?;
            first_smoothness(run, &point)?
        }
    };
    let mut z = point.x.clone();
    let mut total = 0.0f64;
    for iteration in 1..=run.options.max_iterations {
        run.begin(iteration);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let alpha = (1.0 + (1.0 + 4.0 * smooth * total).sqrt()) / (2.0 * smooth);
            let sum = total + alpha;
            let mix = |z: &[f64]| plus(&scaled(total / sum, &point.x), alpha / sum, z);
            let y = mix(&z);
            let middle = run.point(y)?;
            let mut next_z = z.clone();
            add(&mut next_z, -alpha, &middle.gradient);
            let x = mix(&next_z);
            let moved = minus(&x, &middle.x);
            if let (true, Some(value)) = (run.plan.adaptive, middle.value) {
                let bound =
                    value + dot(&middle.gradient, &moved) + 0.5 * smooth * dot(&moved, &moved);
                let found = run.probe.trial(&x)?;
                let rounding = 8.0 * f64::EPSILON * (value.abs() + found.abs());
                let fine = found <= bound + rounding;
                if !fine && attempts < MOST {
                    smooth *= 2.0;
                    continue;
                }
            }
            let step = norm(&minus(&x, &point.x));
            point = run.point(x)?;
            (z, total) = (next_z, sum);
            let mut account = Account::new(Move::Gradient, step, smooth);
            account.attempts = attempts;
            if let Some(stop) = run.record(&point, account) {
                return Ok(stop);
            }
            break;
        }
        if run.plan.adaptive {
            smooth *= 0.5;
        }
    }
    Ok(StopReason::MaxIterations)
}

/// `‖g(x + s) − g(x)‖/‖s‖` along a short step against the gradient.
fn first_smoothness(run: &mut Run<'_>, point: &Point) -> Result<f64> {
    let size = norm(&point.gradient);
    if size == 0.0 {
        return Ok(1.0);
    }
    let length = 1e-4 * norm(&point.x).max(1.0);
    let there = plus(&point.x, -length / size, &point.gradient);
    let gradient = run.probe.gradient(&there, &None)?;
    let change = norm(&minus(&gradient, &point.gradient));
    Ok((change / length).max(1e-8 * size))
}
