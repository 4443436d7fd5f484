//! Models in the eigenbasis of the Hessian, where they are scalar equations.

use tensegrity_linalg::eigh;
use tensegrity_tensor::View;

use super::cubic::{Constants, CubicStep};
use super::vector::{multiply, multiply_transposed, norm};
use crate::Result;

/// Iterations of a safeguarded scalar Newton; it converges in a dozen.
const ROOT_STEPS: usize = 200;

/// `H = Q·diag(values)·Qᵀ`.
pub(crate) struct Spectrum {
    /// Ascending.
    pub(crate) values: Vec<f64>,
    /// Eigenvectors as columns, row by row.
    vectors: Vec<f64>,
}

impl Spectrum {
    /// Of a symmetric n×n matrix.
    pub(crate) fn of(matrix: &[f64], n: usize) -> Result<Self> {
        let found = eigh(&View::from_slice(matrix, &[n, n]))?;
        Ok(Self {
            values: found.values,
            vectors: found.vectors.into_vec(),
        })
    }

    /// `Qᵀ·x`.
    pub(crate) fn rotated(&self, x: &[f64]) -> Vec<f64> {
        multiply_transposed(&self.vectors, x)
    }

    /// `Q·x`.
    pub(crate) fn restored(&self, x: &[f64]) -> Vec<f64> {
        multiply(&self.vectors, x)
    }

    pub(crate) fn cubic_step(&self, gradient: &[f64], constants: Constants) -> CubicStep {
        let g = self.rotated(gradient);
        let solved = Diagonal::cubic(&self.values, &g, constants);
        let curved: Vec<f64> = solved
            .step
            .iter()
            .zip(&self.values)
            .map(|(s, w)| w * s)
            .collect();
        let mut result = CubicStep::measured(solved.step, &curved, &g, constants);
        result.step = self.restored(&result.step);
        result.hard = solved.hard;
        result.inner = solved.iterations;
        result
    }
}

/// The solution of a model whose Hessian is a diagonal.
pub(crate) struct Diagonal {
    pub(crate) step: Vec<f64>,
    pub(crate) hard: bool,
    pub(crate) iterations: usize,
}

impl Diagonal {
    /// The minimiser of the cubic model: `s = −(W + shift + λ)⁻¹g` with
    /// `λ = (M/2)·‖s‖` and `W + shift + λ ⪰ 0`.
    ///
    /// The unknown is the distance `μ` of `λ` from its lower bound, so that
    /// nothing cancels next to the pole; Newton on `1/‖s‖ − M/(2λ)`, which is
    /// concave and increasing, climbs to the root from the left (Conn, Gould and
    /// Toint 2000, section 7.3).
    pub(crate) fn cubic(values: &[f64], g: &[f64], constants: Constants) -> Self {
        let m = constants.regularization;
        let lowest = values.first().map_or(0.0, |w| w + constants.shift);
        let bound = (-lowest).max(0.0);
        // Exactly zero at the lowest eigenvalue when that is negative.
        let gaps: Vec<f64> = if bound > 0.0 {
            values.iter().map(|w| w - values[0]).collect()
        } else {
            values.iter().map(|w| w + constants.shift).collect()
        };
        let size = norm(g);
        let largest = values
            .iter()
            .map(|w| (w + constants.shift).abs())
            .fold(0.0, f64::max);
        let solve = |mu: f64| -> Vec<f64> {
            let shifted = g.iter().zip(&gaps);
            shifted
                .map(|(g, e)| if *g == 0.0 { 0.0 } else { -g / (e + mu) })
                .collect()
        };
        if bound > 0.0 {
            // Eigenvalues equal to the lowest within rounding belong to it.
            let rounding = f64::EPSILON * largest * values.len() as f64;
            let bottom = gaps.iter().take_while(|e| **e <= rounding).count();
            let along = norm(&g[..bottom]);
            if along <= f64::EPSILON * size {
                let mut step = vec![0.0; g.len()];
                for i in bottom..g.len() {
                    step[i] = -g[i] / gaps[i];
                }
                let (rest, radius) = (norm(&step), 2.0 * bound / m);
                if rest <= radius {
                    let missing = ((radius - rest) * (radius + rest)).sqrt();
                    step[0] = if g[0] > 0.0 { -missing } else { missing };
                    return Self {
                        step,
                        hard: true,
                        iterations: 0,
                    };
                }
            }
        }
        if size == 0.0 {
            return Self {
                step: vec![0.0; g.len()],
                hard: false,
                iterations: 0,
            };
        }
        // ‖g‖/(e_max + μ) ≤ ‖s(μ)‖ ≤ ‖g‖/μ brackets the root of ‖s‖ = 2(bound + μ)/M.
        let steep = gaps.last().copied().unwrap_or(0.0).max(0.0);
        let product = 0.5 * m * size;
        let mut low = positive_root(bound + steep, bound * steep - product).max(0.0);
        let mut high = positive_root(bound, -product).max(f64::MIN_POSITIVE);
        let mut mu = if low > 0.0 { low } else { 0.5 * high };
        let mut iterations = 0;
        let mut step = solve(mu);
        while iterations < ROOT_STEPS {
            iterations += 1;
            let length = norm(&step);
            let lambda = bound + mu;
            let value = 1.0 / length - m / (2.0 * lambda);
            if value == 0.0 {
                break;
            }
            if value < 0.0 {
                low = mu;
            } else {
                high = mu;
            }
            let weighted: f64 = step
                .iter()
                .zip(&gaps)
                .map(|(s, e)| if *s == 0.0 { 0.0 } else { s * s / (e + mu) })
                .sum();
            let slope = weighted / length.powi(3) + m / (2.0 * lambda * lambda);
            let mut next = mu - value / slope;
            if !(next > low && next < high) {
                next = 0.5 * (low + high);
            }
            if (next - mu).abs() <= f64::EPSILON * mu || next <= low || next >= high {
                break;
            }
            mu = next;
            step = solve(mu);
        }
        Self {
            step,
            hard: false,
            iterations,
        }
    }

    /// The solution of `(W + a + b·r + c·r²)·s = rhs`, `r = ‖s‖`, for `W + a ⪰ 0`
    /// and coefficients of at least zero, of which one makes the system definite.
    pub(crate) fn radial(values: &[f64], rhs: &[f64], [a, b, c]: [f64; 3]) -> Self {
        let size = norm(rhs);
        let stiffness = |r: f64| a + (b + c * r) * r;
        let solve = |rho: f64| -> Vec<f64> {
            let shifted = rhs.iter().zip(values);
            shifted
                .map(|(x, w)| {
                    if *x == 0.0 {
                        0.0
                    } else {
                        x / (w.max(0.0) + rho)
                    }
                })
                .collect()
        };
        if size == 0.0 {
            return Self {
                step: vec![0.0; rhs.len()],
                hard: false,
                iterations: 0,
            };
        }
        // r·(ρ(r) − a) ≤ ‖rhs‖ bounds the root from above.
        let mut high = f64::INFINITY;
        if b > 0.0 {
            high = high.min((size / b).sqrt());
        }
        if c > 0.0 {
            high = high.min((size / c).cbrt());
        }
        if !high.is_finite() {
            let step = solve(a);
            return Self {
                step,
                hard: false,
                iterations: 0,
            };
        }
        let (mut low, mut r) = (0.0, high);
        let mut step = solve(stiffness(r));
        let mut iterations = 0;
        while iterations < ROOT_STEPS {
            iterations += 1;
            let length = norm(&step);
            let value = length - r;
            if value == 0.0 {
                break;
            }
            if value > 0.0 {
                low = r;
            } else {
                high = r;
            }
            let rho = stiffness(r);
            let weighted: f64 = step
                .iter()
                .zip(values)
                .map(|(s, w)| {
                    if *s == 0.0 {
                        0.0
                    } else {
                        s * s / (w.max(0.0) + rho)
                    }
                })
                .sum();
            let slope = -weighted / length * (b + 2.0 * c * r) - 1.0;
            let mut next = r - value / slope;
            if !(next > low && next < high) {
                next = 0.5 * (low + high);
            }
            if (next - r).abs() <= f64::EPSILON * r || next <= low || next >= high {
                break;
            }
            r = next;
            step = solve(stiffness(r));
        }
        Self {
            step,
            hard: false,
            iterations,
        }
    }
}

/// The larger root of `x² + p·x + q`, `q ≤ 0 ≤ p` or so, without cancellation.
fn positive_root(p: f64, q: f64) -> f64 {
    if q >= 0.0 {
        return 0.0;
    }
    -2.0 * q / (p + (p * p - 4.0 * q).sqrt())
}
