//! Extra-Newton, the universal second-order method with averages.

use super::outcome::{Move, StopReason};
use super::run::{Account, Point, Run};
use super::spectrum::Spectrum;
use super::vector::{add, dot, minus, norm, plus, scaled};
use crate::Result;

/// Extra-Newton (Antonakopoulos, Kavis and Cevher 2022) with `a_t = t²`: an
/// extragradient method at weighted averages whose first half is implicit in the
/// linearised gradient,
///
/// `(I + γ_t·(a_t²/A_t)·H)·(X_{t+½} − X_t) = −γ_t·a_t·g(X̃_t)`,
/// `X_{t+1} = X_t − γ_t·a_t·g(X̄_{t+½})`,
///
/// and whose rate `γ_t = γ/√(1 + Σ_{s<t} a_s²·‖g(X̄_{s+½}) − g(X̃_s) − H(X̄_{s+½} − X̃_s)‖²)`
/// sees neither smoothness nor noise. The average `X̄_{t+½}` is the iterate.
pub(crate) fn extra_newton(run: &mut Run<'_>, start: Point) -> Result<StopReason> {
    let scale = run.options.learning_rate.unwrap_or(1.0);
    let mut x = start.x.clone();
    let mut sum = vec![0.0; x.len()];
    let (mut total, mut errors) = (0.0f64, 0.0f64);
    let mut before = start;
    for iteration in 1..=run.options.max_iterations {
        run.begin(iteration);
        let weight = (iteration as f64).powi(2);
        total += weight;
        let gamma = scale / (1.0 + errors).sqrt();
        // X̃: the average with the present point in the last place.
        let ahead = scaled(1.0 / total, &plus(&sum, weight, &x));
        let batch = run.probe.gradient_batch();
        let gradient = run.probe.gradient(&ahead, &batch)?;
        let batch = run.probe.hessian_batch();
        let matrix = run.probe.hessian(&ahead, &batch)?;
        let spectrum = Spectrum::of(&matrix, x.len())?;
        let g = spectrum.rotated(&gradient);
        let stiff = gamma * weight * weight / total;
        let step: Vec<f64> = g
            .iter()
            .zip(&spectrum.values)
            .map(|(g, w)| -gamma * weight * g / (1.0 + stiff * w.max(0.0)))
            .collect();
        let half = plus(&x, 1.0, &spectrum.restored(&step));
        add(&mut sum, weight, &half);
        let average = scaled(1.0 / total, &sum);
        let batch = run.probe.gradient_batch();
        let fresh = run.probe.gradient(&average, &batch)?;
        // The error of the linearised gradient, in the eigenbasis.
        let moved = spectrum.rotated(&minus(&average, &ahead));
        let error: Vec<f64> = spectrum
            .rotated(&fresh)
            .iter()
            .zip(&g)
            .zip(moved.iter().zip(&spectrum.values))
            .map(|((fresh, g), (moved, w))| fresh - g - w * moved)
            .collect();
        errors += weight * weight * dot(&error, &error);
        add(&mut x, -gamma * weight, &fresh);
        let value = run.value(&average)?;
        let point = Point {
            x: average,
            value,
            gradient: fresh,
        };
        let account = Account::new(Move::Newton, norm(&minus(&point.x, &before.x)), 1.0 / gamma);
        if let Some(stop) = run.record(&point, account) {
            return Ok(stop);
        }
        before = point;
    }
    Ok(StopReason::MaxIterations)
}
