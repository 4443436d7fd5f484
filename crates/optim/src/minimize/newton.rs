//! Methods of Newton's kind without acceleration.

use super::local::{Guard, Local, Step};
use super::options::Method;
use super::outcome::{Move, StopReason};
use super::run::{Account, Point, Run};
use super::spectrum::Spectrum;
use super::vector::{dot, minus, norm, plus};
use crate::Result;

/// Doublings of `M` in one step.
const MOST: usize = 60;

/// The regularised step from the iterate itself, with its own `M`.
pub(crate) struct Plain {
    order: usize,
    pub(crate) constant: f64,
    least: f64,
}

/// A judged step.
pub(crate) struct Judged {
    pub(crate) step: Step,
    pub(crate) value: Option<f64>,
    /// The constant it was accepted with.
    pub(crate) constant: f64,
    pub(crate) attempts: usize,
    pub(crate) inner: usize,
}

impl Plain {
    pub(crate) fn new(order: usize, constant: f64) -> Self {
        Self {
            order,
            constant,
            least: 1e-16 * constant,
        }
    }

    /// A step from `point`. Adaptive runs double `M` until the model bounds the
    /// value from above, and begin the next step with a quarter of it
    /// (Nesterov and Polyak 2006, section 5; Grapiglia and Nesterov 2017).
    pub(crate) fn step(&mut self, run: &mut Run<'_>, point: &Point) -> Result<Judged> {
        let mut local = Local::new(
            &mut run.probe,
            run.options,
            &run.plan,
            self.order,
            point.x.clone(),
            Some(point.gradient.clone()),
        )?;
        let judged = judge(run, &mut local, point.value, &mut self.constant, 0.0, 0.0)?;
        if run.plan.adaptive {
            self.constant = (self.constant / 4.0).max(self.least);
        }
        Ok(judged)
    }
}

/// Solves the model of `local` and, in an adaptive run, raises `constant` until
/// `f(v + s) ≤ f(v) + model(s)`.
pub(crate) fn judge(
    run: &mut Run<'_>,
    local: &mut Local,
    value: Option<f64>,
    constant: &mut f64,
    shift: f64,
    third: f64,
) -> Result<Judged> {
    let (mut attempts, mut inner) = (0, 0);
    loop {
        attempts += 1;
        let guard = Guard {
            regularization: *constant,
            shift: shift + run.options.hessian_error,
            third: third + run.options.third_error,
        };
        let iteration = run.probe.iteration;
        let step = local.step(&mut run.probe, run.options, guard, iteration)?;
        inner += step.inner;
        let mut fresh = None;
        let mut fine = true;
        if let (true, Some(value)) = (run.plan.adaptive, value) {
            let found = run.probe.trial(&step.point)?;
            let rounding = 8.0 * f64::EPSILON * (value.abs() + found.abs());
            // A decrease below rounding cannot be judged.
            let visible = -step.model > rounding;
            fine = found.is_finite() && (found <= value + step.model + rounding || !visible);
            if fine {
                fresh = Some(found);
            }
        } else if run.plan.exact {
            fresh = Some(run.probe.value(&step.point)?);
        }
        if fine || attempts >= MOST {
            if fresh.is_none() && run.plan.exact {
                fresh = Some(run.probe.value(&step.point)?);
            }
            return Ok(Judged {
                step,
                value: fresh,
                constant: *constant,
                attempts,
                inner,
            });
        }
        *constant *= 2.0;
    }
}

/// Cubic Newton or the basic tensor method from `point`, iterations `from..`.
pub(crate) fn descend(
    run: &mut Run<'_>,
    mut plain: Plain,
    mut point: Point,
    from: usize,
) -> Result<StopReason> {
    for iteration in from..=run.options.max_iterations {
        run.begin(iteration);
        let judged = plain.step(run, &point)?;
        let batch = run.probe.gradient_batch();
        let gradient = run.probe.gradient(&judged.step.point, &batch)?;
        let fresh = Point {
            x: judged.step.point,
            value: judged.value,
            gradient,
        };
        let mut account = Account::new(Move::Newton, judged.step.norm, judged.constant);
        account.attempts = judged.attempts;
        account.inner = judged.inner;
        let stuck = run.plan.adaptive && stalled(&point, &fresh);
        point = fresh;
        if let Some(stop) = run.record(&point, account) {
            return Ok(stop);
        }
        if stuck {
            return Ok(StopReason::Stalled);
        }
    }
    Ok(StopReason::MaxIterations)
}

/// Neither the value nor the gradient has fallen by what can be seen.
pub(crate) fn stalled(before: &Point, after: &Point) -> bool {
    match (before.value, after.value) {
        (Some(old), Some(new)) => {
            new >= old - 4.0 * f64::EPSILON * old.abs()
                && norm(&after.gradient) >= 0.5 * norm(&before.gradient)
        }
        _ => false,
    }
}

/// Damped Newton and gradient-regularised Newton.
pub(crate) fn damped(run: &mut Run<'_>, mut constant: f64, mut point: Point) -> Result<StopReason> {
    let least = 1e-16 * constant;
    for iteration in 1..=run.options.max_iterations {
        run.begin(iteration);
        let batch = run.probe.hessian_batch();
        let matrix = run.probe.hessian(&point.x, &batch)?;
        let spectrum = Spectrum::of(&matrix, point.x.len())?;
        let g = spectrum.rotated(&point.gradient);
        let mut attempts = 0;
        let (x, value, used) = loop {
            attempts += 1;
            let (step, shift, least_fall) = match run.options.method {
                Method::DampedNewton => affine(&spectrum, &g, constant, run.options.hessian_error),
                _ => regularized(&spectrum, &g, constant, run.options.hessian_error),
            };
            let x = plus(&point.x, 1.0, &spectrum.restored(&step));
            let used = if run.options.method == Method::DampedNewton {
                constant
            } else {
                shift
            };
            let Some(value) = point.value.filter(|_| run.plan.adaptive) else {
                let value = run.value(&x)?;
                break (x, value, used);
            };
            let found = run.probe.trial(&x)?;
            let rounding = 8.0 * f64::EPSILON * (value.abs() + found.abs());
            if found <= value - least_fall + rounding || attempts >= MOST {
                constant = (constant / 4.0).max(least);
                let found = if found.is_finite() {
                    found
                } else {
                    run.probe.value(&x)?
                };
                break (x, Some(found), used);
            }
            constant *= 4.0;
        };
        let batch = run.probe.gradient_batch();
        let gradient = run.probe.gradient(&x, &batch)?;
        let fresh = Point { x, value, gradient };
        let moved = norm(&minus(&fresh.x, &point.x));
        let mut account = Account::new(Move::Newton, moved, used);
        account.attempts = attempts;
        let stuck = run.plan.adaptive && stalled(&point, &fresh);
        point = fresh;
        if let Some(stop) = run.record(&point, account) {
            return Ok(stop);
        }
        if stuck {
            return Ok(StopReason::Stalled);
        }
    }
    Ok(StopReason::MaxIterations)
}

/// Shift that makes the spectrum positive definite, if it is not.
fn definite(spectrum: &Spectrum, shift: f64) -> f64 {
    let largest = spectrum.values.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    let lowest = spectrum.values.first().copied().unwrap_or(0.0) + shift;
    let floor = 1e-12 * largest.max(f64::MIN_POSITIVE);
    shift + if lowest < floor { floor - lowest } else { 0.0 }
}

/// The affine-invariant damped step `(√(1+2G) − 1)/G` of the Newton step,
/// `G = M·‖g‖_{H⁻¹}` (Hanzely et al. 2022): the step, its shift, and the fall of
/// the value asked for.
fn affine(spectrum: &Spectrum, g: &[f64], m: f64, shift: f64) -> (Vec<f64>, f64, f64) {
    let shift = definite(spectrum, shift);
    let newton: Vec<f64> = g
        .iter()
        .zip(&spectrum.values)
        .map(|(g, w)| -g / (w + shift))
        .collect();
    let squared = -dot(g, &newton);
    let scaled = m * squared.max(0.0).sqrt();
    // (√(1+2G) − 1)/G without cancellation.
    let factor = 2.0 / (1.0 + (1.0 + 2.0 * scaled).sqrt());
    let step = newton.iter().map(|s| factor * s).collect();
    (step, shift, 0.1 * factor * squared)
}

/// `−(H + √(M‖g‖/2)·I)⁻¹g`: the step, its shift, and the fall of the value asked
/// for (Mishchenko 2023, AdaN).
fn regularized(spectrum: &Spectrum, g: &[f64], m: f64, shift: f64) -> (Vec<f64>, f64, f64) {
    let base = definite(spectrum, shift);
    let lambda = (0.5 * m * norm(g)).sqrt();
    let step: Vec<f64> = g
        .iter()
        .zip(&spectrum.values)
        .map(|(g, w)| -g / (w + base + lambda))
        .collect();
    let squared = dot(&step, &step);
    (step, base + lambda, 2.0 / 3.0 * lambda * squared)
}
