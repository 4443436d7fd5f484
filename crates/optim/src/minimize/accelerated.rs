//! The accelerated second-order method and its third-order form.

use super::estimate::{Certificate, Estimate, Radial, weights};
use super::local::Local;
use super::newton::{Judged, Plain, descend, judge};
use super::outcome::{Move, StopReason};
use super::run::{Account, Point, Run};
use super::vector::{dot, minus, norm, plus, scaled};
use crate::Result;

/// Steps tried with a growing regulariser of the estimating function until the
/// run goes on without its certificate.
const MOST: usize = 40;
/// Longest pause, in iterations, between trials of a smaller regulariser.
const PAUSE: usize = 16;
/// Fall of the gradient in one iteration that counts as superlinear.
const FAST: f64 = 0.1;
/// Accelerated steps in a row that leave the value where it was, to rounding, until a run is stuck.
const PATIENCE: usize = 20;

/// `κ/(ν·M)`: 8/3 at order 2 (Agafonov et al. 2023). At order 3 the same margin,
/// four times what exact derivatives need: with `M ≥ (2/3)·L₃` the step gives
/// `⟨g₊, v − x₊⟩ ≥ (3/4)·(3/M)^{1/3}·‖g₊‖^{4/3}`, and induction over the
/// estimating functions asks for `κ₄ ≥ (4/3)·M·α⁴/A`.
fn theory(order: usize) -> f64 {
    if order == 3 { 16.0 / 3.0 } else { 8.0 / 3.0 }
}

/// The regulariser of the estimating function over time.
struct Schedule {
    order: usize,
    hessian_error: f64,
    third_error: f64,
    noise: f64,
}

impl Schedule {
    /// `δ̄_t`.
    fn shift(&self, t: usize) -> f64 {
        self.hessian_error + self.noise * (t as f64 + 3.0).powf(1.5)
    }

    /// For `y_t`, with `κ` in place of the theory's `(8/3)·ν·M`.
    fn radial(&self, t: usize, kappa: f64) -> Radial {
        let (alpha, total) = weights(self.order, t);
        let leading = kappa * alpha.powi(self.order as i32 + 1) / total;
        let mut radial = Radial {
            quadratic: self.noise * (t as f64 + 2.0).powf(2.5),
            ..Radial::default()
        };
        if t > 0 {
            let (alpha, total) = weights(self.order, t - 1);
            radial.quadratic += 2.0 * self.shift(t - 1) * alpha * alpha / total;
            if self.order == 3 {
                // The cubic guard 4·δ₃/6 is an order-2 regulariser with M = 4·δ₃.
                radial.cubic = 8.0 / 3.0 * 4.0 * self.third_error * alpha.powi(3) / total;
            }
        }
        if self.order == 3 {
            radial.quartic = leading;
        } else {
            radial.cubic = leading;
        }
        radial
    }

    /// Steps after which the bound for radius `r` is at most `μ·r²/8`.
    fn stage(&self, kappa: f64, mu: f64, r: f64, most: usize) -> usize {
        let done = |t: &usize| {
            let (_, total) = weights(self.order, t - 1);
            total * self.radial(*t, kappa).value(r) <= mu * r * r / 8.0
        };
        (1..=most).find(done).unwrap_or(most)
    }
}

/// What an iteration of acceleration has found.
struct Proposal {
    judged: Judged,
    gradient: Vec<f64>,
    estimate: Estimate,
    margin: Option<f64>,
    attempts: usize,
    inner: usize,
}

/// The state of the acceleration.
struct Accelerated {
    schedule: Schedule,
    estimate: Estimate,
    /// Steps since the last restart.
    t: usize,
    constant: f64,
    least: f64,
    ceiling: f64,
    kappa: f64,
    /// Whether a certificate can still be had.
    certified: bool,
    worst: f64,
    holds: bool,
    pause: usize,
    wait: usize,
}

impl Accelerated {
    /// The accelerated step from `point`. A step whose certificate fails is redone
    /// with twice the regulariser of the estimating function (the idea of
    /// Kamzolov et al. 2024), a larger one than needed is halved after a pause.
    fn propose(&mut self, run: &mut Run<'_>, point: &Point) -> Result<Proposal> {
        let order = self.schedule.order;
        let (alpha, total) = weights(order, self.t);
        let (mut attempts, mut inner) = (0, 0);
        loop {
            attempts += 1;
            let y = self
                .estimate
                .minimiser(&self.schedule.radial(self.t, self.kappa));
            let at_start = self.t == 0;
            let centre = if at_start {
                point.x.clone()
            } else {
                plus(&scaled(1.0 - alpha, &point.x), alpha, &y)
            };
            let known = (at_start && run.plan.exact).then(|| point.gradient.clone());
            let value = match (at_start, run.plan.adaptive) {
                (true, _) => point.value,
                (false, true) => Some(run.probe.trial(&centre)?),
                (false, false) => None,
            };
            if value == Some(f64::INFINITY) && attempts < MOST {
                self.kappa *= 4.0;
                continue;
            }
            let mut local =
                Local::new(&mut run.probe, run.options, &run.plan, order, centre, known)?;
            let noise = self.schedule.shift(self.t) - self.schedule.hessian_error;
            let proposal = loop {
                let judged = judge(run, &mut local, value, &mut self.constant, noise, 0.0)?;
                inner += judged.inner;
                let batch = run.probe.gradient_batch();
                let gradient = run.probe.gradient(&judged.step.point, &batch)?;
                let estimate = self.estimate.with(
                    alpha / total,
                    judged.value.unwrap_or(0.0),
                    &gradient,
                    &judged.step.point,
                );
                let margin = self.margin(run, point, judged.value, &estimate, total);
                let found = Proposal {
                    judged,
                    gradient,
                    estimate,
                    margin,
                    attempts,
                    inner,
                };
                if self.holds || !run.plan.adaptive || !self.certified {
                    return Ok(found);
                }
                if self.constant < self.ceiling && !progresses(order, &local.centre, &found) {
                    self.constant *= 2.0;
                } else {
                    break found;
                }
            };
            if attempts >= MOST {
                self.certified = false;
                return Ok(proposal);
            }
            self.kappa *= 2.0;
        }
    }

    /// `A·ψ* − f` after a step, and whether it is at least zero to rounding.
    fn margin(
        &mut self,
        run: &Run<'_>,
        point: &Point,
        fresh: Option<f64>,
        estimate: &Estimate,
        total: f64,
    ) -> Option<f64> {
        let fresh = fresh?;
        let lowest = match point.value {
            Some(old) if run.plan.adaptive => old.min(fresh),
            _ => fresh,
        };
        let radial = self.schedule.radial(self.t + 1, self.kappa);
        let margin = total * estimate.minimum(&radial) - lowest;
        let size = lowest.abs() + total * estimate.constant.abs();
        self.holds = margin >= -1e-13 * size;
        Some(margin)
    }

    /// Takes the proposal's estimate and makes the next step bolder, unless the
    /// iterate before is the lower one (`kept`).
    fn advance(&mut self, proposal: &mut Proposal, adaptive: bool, kept: bool) {
        std::mem::swap(&mut self.estimate, &mut proposal.estimate);
        self.t += 1;
        if let Some(margin) = proposal.margin {
            self.worst = self.worst.min(margin);
        }
        if !adaptive {
            return;
        }
        if proposal.attempts > 1 {
            self.pause = (2 * self.pause).min(PAUSE);
            self.wait = self.pause;
        }
        if self.wait > 0 && !kept {
            self.wait -= 1;
        } else if !kept {
            self.kappa /= 2.0;
        }
        self.constant = (self.constant / 4.0).max(self.least);
    }

    fn certificate(&self, value: f64) -> Certificate {
        let before = self.t.saturating_sub(1);
        let (_, total) = weights(self.schedule.order, before);
        Certificate {
            held: self.certified && self.worst >= -1e-12 * value.abs(),
            margin: self.worst,
            steps: self.t,
            holds: self.holds,
            weight: total,
            regularizer: {
                let radial = self.schedule.radial(self.t, self.kappa);
                [radial.quadratic, radial.cubic, radial.quartic]
            },
            value,
            intercept: self.estimate.constant,
            slope: norm(&self.estimate.slope),
        }
    }
}

/// `⟨g₊, v − x₊⟩ ≥ c·‖g₊‖^{(p+1)/p}/M^{1/p}` with half (order 3: 4^{−1/3}) of the
/// `c` of exact derivatives and a large enough `M`: what [`theory`]'s constants
/// need for the certificate to go on holding.
fn progresses(order: usize, centre: &[f64], found: &Proposal) -> bool {
    let m = found.judged.constant;
    let size = norm(&found.gradient);
    let along = dot(&found.gradient, &minus(centre, &found.judged.step.point));
    let least = if order == 3 {
        0.75 * (0.75 / m).cbrt() * size.powf(4.0 / 3.0)
    } else {
        (1.0 / (3.0 * m)).sqrt() * size.powf(1.5)
    };
    along >= least
}

/// Runs from `point`, the start.
pub(crate) fn accelerate(
    run: &mut Run<'_>,
    constant: f64,
    mut point: Point,
) -> Result<(StopReason, Option<Certificate>)> {
    let options = run.options;
    let order = options.method.order();
    let mut state = Accelerated {
        schedule: Schedule {
            order,
            hessian_error: options.hessian_error,
            third_error: options.third_error,
            noise: options.noise_scale,
        },
        estimate: Estimate::new(&point.x),
        t: 0,
        constant,
        least: 1e-16 * constant,
        ceiling: 1e16 * constant,
        kappa: options.nu * theory(order) * constant,
        certified: true,
        worst: f64::INFINITY,
        holds: false,
        pause: 1,
        wait: 0,
    };
    let mut plain = Plain::new(2, constant);
    let mut restarts = options.strong_convexity;
    let (mut fast, mut idle) = (0, 0);
    for iteration in 1..=options.max_iterations {
        run.begin(iteration);
        let mut proposal = state.propose(run, &point)?;
        let nu = state.kappa / (theory(order) * proposal.judged.constant);
        let used = proposal.judged.constant;
        let kept = lower(point.value, proposal.judged.value);
        state.advance(&mut proposal, run.plan.adaptive, kept);
        let Proposal {
            judged,
            gradient,
            margin,
            attempts,
            inner,
            ..
        } = proposal;
        let mut account = Account::new(Move::Accelerated, 0.0, used);
        account.nu = Some(nu);
        account.attempts = attempts;
        account.inner = inner;
        account.margin = margin;
        let mut next = Point {
            x: judged.step.point,
            value: judged.value,
            gradient,
        };
        idle = if level(point.value, next.value) {
            idle + 1
        } else {
            0
        };
        if run.plan.hybrid && iteration > 1 {
            let newton = plain.step(run, &point)?;
            account.inner += newton.inner;
            if lower(newton.value, next.value) {
                let batch = run.probe.gradient_batch();
                let gradient = run.probe.gradient(&newton.step.point, &batch)?;
                next = Point {
                    x: newton.step.point,
                    value: newton.value,
                    gradient,
                };
                account.step = Move::Newton;
            }
        }
        if run.plan.adaptive && lower(point.value, next.value) {
            next = point.clone();
            account.step = Move::Kept;
        }
        account.step_norm = norm(&minus(&next.x, &point.x));
        let falls = norm(&next.gradient) <= FAST * norm(&point.gradient);
        fast = if falls { fast + 1 } else { 0 };
        point = next;
        if let Some(stop) = run.record(&point, account) {
            return Ok((stop, closing(&state, run, &point)));
        }
        if run.plan.hybrid && fast >= 2 {
            let certificate = closing(&state, run, &point);
            let stop = descend(run, plain, point, iteration + 1)?;
            return Ok((stop, certificate));
        }
        if run.plan.adaptive && idle >= PATIENCE {
            return Ok((StopReason::Stalled, closing(&state, run, &point)));
        }
        if let Some((mu, radius)) = &mut restarts {
            let most = options.max_iterations;
            if state.t >= state.schedule.stage(state.kappa, *mu, *radius, most) {
                *radius /= 2.0;
                state.estimate = Estimate::new(&point.x);
                state.t = 0;
            }
        }
    }
    let certificate = closing(&state, run, &point);
    Ok((StopReason::MaxIterations, certificate))
}

fn closing(state: &Accelerated, run: &Run<'_>, point: &Point) -> Option<Certificate> {
    let value = point.value.filter(|_| run.plan.exact && state.t > 0)?;
    Some(state.certificate(value))
}

/// Whether `a` is known to be below `b`.
fn lower(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a < b)
}

/// Whether two values are known and equal to rounding.
fn level(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= 8.0 * f64::EPSILON * a.abs())
}
