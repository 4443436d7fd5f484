//! The Taylor model of the oracle around a point.

use super::cubic::{Constants, Curvature};
use super::options::{Options, Plan};
use super::probe::{Batch, Probe};
use super::quartic::{BREGMAN_STEPS, Powers, require_convex, solve};
use super::spectrum::Spectrum;
use super::vector::{dot, norm, plus};
use crate::Result;

/// Share of the fresh gradient's norm at which a third-order step is good enough.
const TENSOR_ACCURACY: f64 = 1.0 / 6.0;

/// What the regularisers of a model add.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Guard {
    /// `M`.
    pub(crate) regularization: f64,
    /// `δ̄₂`.
    pub(crate) shift: f64,
    /// `δ̄₃`.
    pub(crate) third: f64,
}

/// A step of a model, not yet judged.
pub(crate) struct Step {
    pub(crate) point: Vec<f64>,
    pub(crate) norm: f64,
    /// Model value at the step, without `f` at the centre.
    pub(crate) model: f64,
    pub(crate) inner: usize,
}

enum Model {
    Cubic(Curvature),
    Quartic(Spectrum),
}

/// `∇f`, `∇²f` (and `D³f` on request) at a point.
pub(crate) struct Local {
    pub(crate) centre: Vec<f64>,
    pub(crate) gradient: Vec<f64>,
    batch: Batch,
    model: Model,
}

impl Local {
    /// Second derivatives at `centre`; the gradient too, unless it is at hand.
    pub(crate) fn new(
        probe: &mut Probe<'_>,
        options: &Options,
        plan: &Plan,
        order: usize,
        centre: Vec<f64>,
        gradient: Option<Vec<f64>>,
    ) -> Result<Self> {
        let gradient = match gradient {
            Some(gradient) => gradient,
            None => {
                let batch = probe.gradient_batch();
                probe.gradient(&centre, &batch)?
            }
        };
        let batch = probe.hessian_batch();
        let n = centre.len();
        let model = if order == 3 {
            let matrix = probe.hessian(&centre, &batch)?;
            let spectrum = Spectrum::of(&matrix, n)?;
            require_convex(&spectrum, probe.iteration)?;
            Model::Quartic(spectrum)
        } else if plan.solver.is_dense() || (plan.dense && !probe.oracle().offers().product) {
            let matrix = probe.hessian(&centre, &batch)?;
            Model::Cubic(if plan.solver.is_dense() {
                Curvature::dense(matrix, n, plan.solver)?
            } else {
                Curvature::held(matrix, &gradient, plan.solver, options.seed)
            })
        } else {
            Model::Cubic(Curvature::matrix_free(&gradient, plan.solver, options.seed))
        };
        Ok(Self {
            centre,
            gradient,
            batch,
            model,
        })
    }

    /// The minimiser of the model with these regularisers; `iteration` from 1.
    pub(crate) fn step(
        &mut self,
        probe: &mut Probe<'_>,
        options: &Options,
        guard: Guard,
        iteration: usize,
    ) -> Result<Step> {
        let size = norm(&self.gradient);
        let tolerance = options
            .inner_tolerance
            .map(|c| c / (iteration as f64).powf(1.5));
        let Self {
            centre,
            gradient,
            batch,
            model,
        } = self;
        match model {
            Model::Cubic(curvature) => {
                let standard = if curvature.is_dense() {
                    0.0
                } else {
                    1e-6 * size
                };
                let constants = Constants {
                    shift: guard.shift,
                    regularization: guard.regularization,
                    tolerance: tolerance.unwrap_or(standard),
                };
                let mut apply = |v: &[f64]| probe.product(centre, v, batch);
                let found = curvature.step(gradient, constants, &mut apply)?;
                Ok(Step {
                    point: plus(centre, 1.0, &found.step),
                    norm: found.norm,
                    model: found.model,
                    inner: found.inner,
                })
            }
            Model::Quartic(spectrum) => {
                let powers = Powers {
                    shift: guard.shift,
                    // η₃ = 4 of the paper's inexact third-order model.
                    cubic: 4.0 * guard.third,
                    quartic: 0.5 * guard.regularization,
                };
                let cell = std::cell::RefCell::new(probe);
                let mut third = |v: &[f64]| cell.borrow_mut().third(centre, v, batch);
                let floor = 8.0 * f64::EPSILON * size;
                let mut enough = |step: &[f64], residual: f64| {
                    if let Some(tolerance) = tolerance {
                        return Ok(residual <= tolerance.max(floor));
                    }
                    if residual <= floor {
                        return Ok(true);
                    }
                    // The fresh gradient is worth asking for once the model's own
                    // has fallen; near its end it is smaller than the first.
                    if residual > 0.25 * size {
                        return Ok(false);
                    }
                    let mut probe = cell.borrow_mut();
                    let fresh = probe.gradient_batch();
                    let fresh = probe.gradient(&plus(centre, 1.0, step), &fresh)?;
                    Ok(residual <= TENSOR_ACCURACY * norm(&fresh))
                };
                let found = solve(
                    spectrum,
                    gradient,
                    powers,
                    &mut third,
                    BREGMAN_STEPS,
                    &mut enough,
                )?;
                Ok(Step {
                    point: plus(centre, 1.0, &found.step),
                    norm: found.norm,
                    model: found.model,
                    inner: found.inner,
                })
            }
        }
    }
}

/// A first `M`: what the Taylor polynomial of `order` misses along the gradient
/// from `x`, `order!·‖g(x+s) − Taylor‖/‖s‖^order`, on one batch.
pub(crate) fn measured_constant(
    probe: &mut Probe<'_>,
    options: &Options,
    plan: &Plan,
    x: &[f64],
) -> Result<f64> {
    let order = options.method.order().max(2);
    let batch = probe.hessian_batch();
    let gradient = probe.gradient(x, &batch)?;
    let size = norm(&gradient);
    if size == 0.0 {
        return Ok(1.0);
    }
    let direction: Vec<f64> = gradient.iter().map(|g| -g / size).collect();
    let curved = if probe.oracle().offers().product || !plan.dense {
        probe.product(x, &direction, &batch)?
    } else {
        super::vector::multiply(&probe.hessian(x, &batch)?, &direction)
    };
    let curvature = dot(&direction, &curved).abs();
    let length = (size / curvature).min(norm(x).max(1.0));
    let fresh = probe.gradient(&plus(x, length, &direction), &batch)?;
    let mut missed: Vec<f64> = (0..x.len())
        .map(|i| fresh[i] - gradient[i] - length * curved[i])
        .collect();
    let mut scale = 2.0;
    if order == 3 {
        let third = probe.third(x, &direction, &batch)?;
        for (m, t) in missed.iter_mut().zip(&third) {
            *m -= 0.5 * length * length * t;
        }
        scale = 6.0;
    }
    let floor = 1e-8 * (size + curvature * length);
    Ok(scale * norm(&missed).max(floor) / length.powi(order as i32))
}
