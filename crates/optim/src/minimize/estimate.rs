//! The estimating function, and the certificate it gives.

use super::vector::{add, dot, minus, norm, plus};

/// `α_t = (p+1)/(t+p+1)` and `A_t = Π_{1≤j≤t}(1 − α_j)`.
pub(crate) fn weights(order: usize, t: usize) -> (f64, f64) {
    let alpha = (order + 1) as f64 / (t + order + 1) as f64;
    let total = (1..=order + 1).map(|i| i as f64 / (t + i) as f64).product();
    (alpha, total)
}

/// Coefficients of `(q/2)·r² + (k3/3)·r³ + (k4/4)·r⁴`, `r = ‖x − x₀‖`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Radial {
    pub(crate) quadratic: f64,
    pub(crate) cubic: f64,
    pub(crate) quartic: f64,
}

impl Radial {
    pub(crate) fn value(&self, r: f64) -> f64 {
        r * r * (self.quadratic / 2.0 + r * (self.cubic / 3.0 + r * self.quartic / 4.0))
    }

    /// The `r ≥ 0` with `q·r + k3·r² + k4·r³ = n`; infinite if there is none.
    fn radius(&self, n: f64) -> f64 {
        if n == 0.0 {
            return 0.0;
        }
        let (q, k3, k4) = (self.quadratic, self.cubic, self.quartic);
        let without = 2.0 * n / (q + (q * q + 4.0 * k3 * n).sqrt());
        if k4 == 0.0 {
            return without;
        }
        // Newton on a convex increasing function, from its right: monotone.
        let mut r = without.min((n / k4).cbrt());
        for _ in 0..100 {
            let value = ((k4 * r + k3) * r + q) * r - n;
            let slope = (3.0 * k4 * r + 2.0 * k3) * r + q;
            let next = r - value / slope;
            if next >= r || next.is_nan() {
                break;
            }
            r = next;
        }
        r
    }
}

/// `Σ (α_j/A_j)·(f_j + ⟨g_j, x − x_j⟩)` around `x₀`, a lower bound on `f/A` where
/// gradients are exact and `f` is convex.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) start: Vec<f64>,
    pub(crate) slope: Vec<f64>,
    pub(crate) constant: f64,
}

impl Estimate {
    pub(crate) fn new(start: &[f64]) -> Self {
        Self {
            start: start.to_vec(),
            slope: vec![0.0; start.len()],
            constant: 0.0,
        }
    }

    /// With one more linear part; the value may be missing, and then the constant
    /// means nothing.
    pub(crate) fn with(&self, weight: f64, value: f64, gradient: &[f64], x: &[f64]) -> Self {
        let mut next = self.clone();
        add(&mut next.slope, weight, gradient);
        next.constant += weight * (value - dot(gradient, &minus(x, &self.start)));
        next
    }

    /// The minimiser of the linear parts with `radial`.
    pub(crate) fn minimiser(&self, radial: &Radial) -> Vec<f64> {
        let n = norm(&self.slope);
        if n == 0.0 {
            return self.start.clone();
        }
        plus(&self.start, -radial.radius(n) / n, &self.slope)
    }

    /// The minimum, `ψ*`.
    pub(crate) fn minimum(&self, radial: &Radial) -> f64 {
        let n = norm(&self.slope);
        let r = radial.radius(n);
        self.constant - n * r + radial.value(r)
    }
}

/// What an accelerated run with exact gradients has proved about a convex function.
///
/// After each step the inequality `f(x) ≤ A·ψ*` is computed, `ψ*` the minimum of
/// the estimating function; where it holds, the gap is at most `A` times the
/// regulariser of `ψ` at the solution, whatever constants the method ran with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// Whether the inequality held after every accelerated step.
    pub held: bool,
    /// The least `A·ψ* − f(x)` of all steps; at least zero, but for rounding, where it held.
    pub margin: f64,
    /// Accelerated steps since the last restart.
    pub steps: usize,
    /// Whether it holds after the last one.
    pub holds: bool,
    /// `A` after the last one.
    pub weight: f64,
    /// `q`, `k₃`, `k₄` of the regulariser `(q/2)r² + (k₃/3)r³ + (k₄/4)r⁴` of `ψ`.
    pub regularizer: [f64; 3],
    /// `f(x)` of the returned point.
    pub value: f64,
    /// The sum of the linear lower bounds at `x₀`; times `A` it is on the scale of `f`.
    pub intercept: f64,
    /// The norm of that sum's gradient.
    pub slope: f64,
}

impl Certificate {
    /// Upper bound on `f(x) − f*` of the returned point if some minimiser lies
    /// within `radius` of `x₀` (of the last restart, if there were any): the
    /// smaller of the theory's bound, where the inequality holds, and what the
    /// linear lower bounds give by themselves. For convex functions.
    #[must_use]
    pub fn bound(&self, radius: f64) -> f64 {
        let linear = self.value - self.weight * (self.intercept - radius * self.slope);
        let [quadratic, cubic, quartic] = self.regularizer;
        let radial = Radial {
            quadratic,
            cubic,
            quartic,
        };
        let theory = self.weight * radial.value(radius);
        if self.holds {
            linear.min(theory)
        } else {
            linear
        }
    }
}
