//! Models solved by Cholesky factors of shifted Hessians.

use tensegrity_linalg::cholesky;
use tensegrity_tensor::View;

use super::cubic::{Constants, CubicStep};
use super::spectrum::Spectrum;
use super::vector::{add, dot, multiply, norm};
use crate::Result;

/// Factorisations after which eigenvalues are cheaper, and the case is hard.
const MOST: usize = 40;

/// A symmetric matrix, and the shift that solved the last model.
pub(crate) struct Factored {
    matrix: Vec<f64>,
    n: usize,
    warm: Option<f64>,
    spectrum: Option<Spectrum>,
}

impl Factored {
    pub(crate) fn new(matrix: Vec<f64>, n: usize) -> Self {
        Self {
            matrix,
            n,
            warm: None,
            spectrum: None,
        }
    }

    /// The secular equation `1/‖s(λ)‖ = M/(2λ)`, `s(λ) = −(H + shift + λ)⁻¹g`,
    /// by safeguarded Newton; a failing factor says that `λ` is too small
    /// (Cartis, Gould and Toint 2011, section 6.1).
    pub(crate) fn cubic_step(
        &mut self,
        gradient: &[f64],
        constants: Constants,
    ) -> Result<CubicStep> {
        if let Some(spectrum) = &self.spectrum {
            return Ok(spectrum.cubic_step(gradient, constants));
        }
        let m = constants.regularization;
        let size = norm(gradient);
        let (lowest, highest) = self.gershgorin(constants.shift);
        let reach = (0.5 * m * size).sqrt();
        // At the upper end ‖s‖ ≤ ‖g‖/reach = 2·reach/M ≤ 2λ/M.
        let (mut low, mut high) = (0.0f64, (-lowest).max(0.0) + reach);
        let start = size * m / (highest.max(0.0) + (highest * highest + 2.0 * m * size).sqrt());
        let mut lambda = self.warm.unwrap_or(start).clamp(0.0, high);
        if lambda <= 0.0 || !lambda.is_finite() {
            lambda = 0.5 * high;
        }
        let target = constants
            .tolerance
            .max(8.0 * f64::EPSILON * (size + highest.abs()));
        for inner in 1..=MOST {
            if high <= 0.0 {
                break;
            }
            let Some(factor) = self.factor(constants.shift + lambda) else {
                low = lambda;
                lambda = 0.5 * (low + high);
                continue;
            };
            let mut step = gradient.iter().map(|g| -g).collect::<Vec<_>>();
            forward(&factor, &mut step);
            backward(&factor, &mut step);
            let length = norm(&step);
            // The model's gradient is what λ and ‖s‖ disagree by.
            if ((0.5 * m * length - lambda) * length).abs() <= target {
                self.warm = Some(lambda);
                let curved = multiply(&self.matrix, &step);
                let mut result = CubicStep::measured(step, &curved, gradient, constants);
                result.inner = inner;
                return Ok(result);
            }
            let value = 1.0 / length - m / (2.0 * lambda);
            if value < 0.0 {
                low = lambda;
            } else {
                high = lambda;
            }
            // ‖L⁻¹s‖² = sᵀ(H + shift + λ)⁻¹s.
            let mut solved = step.clone();
            forward(&factor, &mut solved);
            let slope = dot(&solved, &solved) / length.powi(3) + m / (2.0 * lambda * lambda);
            let next = lambda - value / slope;
            if (next - lambda).abs() <= f64::EPSILON * lambda {
                break;
            }
            lambda = if next > low && next < high {
                next
            } else {
                0.5 * (low + high)
            };
        }
        let spectrum = self.spectrum.insert(Spectrum::of(&self.matrix, self.n)?);
        Ok(spectrum.cubic_step(gradient, constants))
    }

    /// The lower factor of `H + λ`, if that is positive definite.
    fn factor(&self, lambda: f64) -> Option<Vec<f64>> {
        let mut shifted = self.matrix.clone();
        for i in 0..self.n {
            shifted[i * self.n + i] += lambda;
        }
        cholesky(&View::from_slice(&shifted, &[self.n, self.n]))
            .ok()
            .map(tensegrity_tensor::Tensor::into_vec)
    }

    /// Bounds on the eigenvalues of `H + shift`.
    fn gershgorin(&self, shift: f64) -> (f64, f64) {
        let rows = self.matrix.chunks_exact(self.n.max(1)).enumerate();
        rows.fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), (i, row)| {
                let radius = row.iter().map(|x| x.abs()).sum::<f64>() - row[i].abs();
                let centre = row[i] + shift;
                (low.min(centre - radius), high.max(centre + radius))
            },
        )
    }
}

/// `x ← L⁻¹x`.
pub(crate) fn forward(lower: &[f64], x: &mut [f64]) {
    let n = x.len();
    for (i, row) in lower.chunks_exact(n.max(1)).enumerate() {
        x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
    }
}

/// `x ← L⁻ᵀx`.
pub(crate) fn backward(lower: &[f64], x: &mut [f64]) {
    let n = x.len();
    for (i, row) in lower.chunks_exact(n.max(1)).enumerate().rev() {
        x[i] /= row[i];
        let value = x[i];
        add(&mut x[..i], -value, &row[..i]);
    }
}
