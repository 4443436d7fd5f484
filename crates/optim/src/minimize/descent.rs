//! Models solved by gradients of their own, in a few vectors of memory.

use tensegrity_tensor::SplitMix64;

use super::cubic::{Apply, Constants, CubicStep};
use super::vector::{dot, minus, norm, plus, scaled};
use crate::Result;

/// Products spent at most.
const MOST: usize = 20_000;
/// Size of the random part of the start relative to the rest; without it an
/// eigenvector orthogonal to the gradient would never be seen (Carmon and Duchi 2016).
const NUDGE: f64 = 1e-6;

pub(crate) struct Descent {
    random: SplitMix64,
    /// Of the model's gradient, from the last model.
    smoothness: Option<f64>,
}

/// A point with its product and the model's value and gradient there.
struct Point {
    s: Vec<f64>,
    curved: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
}

impl Point {
    fn new(s: Vec<f64>, curved: Vec<f64>, gradient: &[f64], c: Constants) -> Self {
        let length = norm(&s);
        let stiff = c.shift + 0.5 * c.regularization * length;
        let value = dot(gradient, &s)
            + 0.5 * (dot(&s, &curved) + c.shift * length * length)
            + c.regularization / 6.0 * length.powi(3);
        let slope = (0..s.len())
            .map(|i| gradient[i] + curved[i] + stiff * s[i])
            .collect();
        Self {
            s,
            curved,
            value,
            slope,
        }
    }
}

impl Descent {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: SplitMix64::derived(seed, 2),
            smoothness: None,
        }
    }

    /// Accelerated gradients with backtracking and restarts (Nesterov 1983;
    /// O'Donoghue and Candès 2015) from the minimiser along the gradient.
    pub(crate) fn cubic_step(
        &mut self,
        gradient: &[f64],
        constants: Constants,
        apply: &mut Apply<'_>,
    ) -> Result<CubicStep> {
        let m = constants.regularization;
        let size = norm(gradient);
        let noise: Vec<f64> = gradient.iter().map(|_| self.random.normal()).collect();
        let noise_size = norm(&noise).max(f64::MIN_POSITIVE);
        let direction = if size > 0.0 {
            scaled(-1.0 / size, gradient)
        } else {
            scaled(1.0 / noise_size, &noise)
        };
        let curved = apply(&direction)?;
        let curvature = dot(&direction, &curved) + constants.shift;
        let root = (curvature * curvature + 2.0 * m * size).sqrt();
        let length = if curvature > 0.0 {
            2.0 * size / (curvature + root)
        } else {
            (root - curvature) / m
        };
        let start = plus(
            &scaled(length, &direction),
            NUDGE * length / noise_size,
            &noise,
        );
        let mut inner = 2;
        let curved = apply(&start)?;
        let mut now = Point::new(start, curved, gradient, constants);
        let mut before = (now.s.clone(), now.curved.clone());
        let mut smoothness = self
            .smoothness
            .unwrap_or(curvature.abs() + m * length)
            .max(f64::MIN_POSITIVE);
        let mut momentum = 1.0f64;
        let target = constants.tolerance.max(1e-13 * size);
        while inner < MOST && norm(&now.slope) > target {
            let next_momentum = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            let beta = (momentum - 1.0) / next_momentum;
            let ahead = Point::new(
                plus(&now.s, beta, &minus(&now.s, &before.0)),
                plus(&now.curved, beta, &minus(&now.curved, &before.1)),
                gradient,
                constants,
            );
            let gain = dot(&ahead.slope, &ahead.slope);
            let next = loop {
                let s = plus(&ahead.s, -1.0 / smoothness, &ahead.slope);
                let curved = apply(&s)?;
                inner += 1;
                let next = Point::new(s, curved, gradient, constants);
                let slack = 4.0 * f64::EPSILON * ahead.value.abs();
                if next.value <= ahead.value - 0.5 * gain / smoothness + slack || inner >= MOST {
                    break next;
                }
                smoothness *= 2.0;
            };
            smoothness *= 0.95;
            // Uphill momentum starts anew.
            momentum = if dot(&ahead.slope, &minus(&next.s, &now.s)) > 0.0 {
                1.0
            } else {
                next_momentum
            };
            before = (now.s, now.curved);
            now = next;
            if momentum == 1.0 {
                before = (now.s.clone(), now.curved.clone());
            }
        }
        self.smoothness = Some(smoothness);
        let mut result = CubicStep::measured(now.s, &now.curved, gradient, constants);
        result.inner = inner;
        Ok(result)
    }
}
