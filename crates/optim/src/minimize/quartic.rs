//! The third-order model with a quartic regulariser, and its minimiser.

use super::spectrum::{Diagonal, Spectrum};
use super::vector::{add, dot, norm};
use crate::error::{require, require_not_negative};
use crate::{Error, Result};

/// Bregman steps at most (as many as the reference code takes).
pub(crate) const BREGMAN_STEPS: usize = 50;
/// `1/(2 + √2)`: the relative smoothness of the model to its reference function
/// if the regulariser is large enough (Nesterov 2021).
const STEP: f64 = 0.292_893_218_813_452_4;
/// Largest negative eigenvalue taken for rounding, relative to the largest.
const INDEFINITE: f64 = 1e-8;

/// Coefficients of
/// `(shift/2)·‖s‖² + (cubic/6)·‖s‖³ + (quartic/4)·‖s‖⁴`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Powers {
    pub(crate) shift: f64,
    pub(crate) cubic: f64,
    pub(crate) quartic: f64,
}

/// The minimiser of a third-order model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorStep {
    /// `s`, length d.
    pub step: Vec<f64>,
    /// `‖s‖`.
    pub norm: f64,
    /// The model's value at `s`.
    pub model: f64,
    /// Norm of the model's gradient at `s`.
    pub residual: f64,
    /// Bregman steps taken, each with one directional third derivative.
    pub inner: usize,
}

/// `v ↦ D³f[v, v, ·]`.
pub(crate) type Third<'a> = dyn FnMut(&[f64]) -> Result<Vec<f64>> + 'a;

/// Refuses a Hessian that is indefinite beyond rounding.
pub(crate) fn require_convex(spectrum: &Spectrum, iteration: usize) -> Result<()> {
    let lowest = spectrum.values.first().copied().unwrap_or(0.0);
    let largest = spectrum.values.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    if lowest < -INDEFINITE * largest {
        return Err(Error::Indefinite {
            eigenvalue: lowest,
            iteration,
        });
    }
    Ok(())
}

/// Where a Bregman iterate stands: everything in the eigenbasis of the Hessian.
struct Iterate {
    step: Vec<f64>,
    value: f64,
    /// What the value can be told to.
    rounding: f64,
    slope: Vec<f64>,
    reference: Vec<f64>,
}

/// Bregman gradient steps with the reference function
/// `½⟨(H + shift)s,s⟩ + (cubic/6)‖s‖³ + (quartic/4)‖s‖⁴`, each of which is a
/// scalar equation in the eigenbasis. The step is halved when the model rises,
/// which the theory excludes for `quartic` at least half the third derivative's
/// Lipschitz constant.
///
/// `enough` sees the step and the model's gradient norm.
pub(crate) fn solve(
    spectrum: &Spectrum,
    gradient: &[f64],
    powers: Powers,
    third: &mut Third<'_>,
    most: usize,
    enough: &mut dyn FnMut(&[f64], f64) -> Result<bool>,
) -> Result<TensorStep> {
    let g = spectrum.rotated(gradient);
    let mut at = |step: Vec<f64>| -> Result<Iterate> {
        let length = norm(&step);
        let mut curved = vec![0.0; step.len()];
        if length > 0.0 {
            curved = spectrum.rotated(&third(&spectrum.restored(&step))?);
        }
        let radial = powers.shift + (0.5 * powers.cubic + powers.quartic * length) * length;
        let reference: Vec<f64> = step
            .iter()
            .zip(&spectrum.values)
            .map(|(s, w)| (w.max(0.0) + radial) * s)
            .collect();
        let slope: Vec<f64> = (0..step.len())
            .map(|i| g[i] + reference[i] + 0.5 * curved[i])
            .collect();
        let quadratic: f64 = step
            .iter()
            .zip(&spectrum.values)
            .map(|(s, w)| (w.max(0.0) + powers.shift) * s * s)
            .sum();
        let terms = [
            dot(&g, &step),
            0.5 * quadratic,
            dot(&curved, &step) / 6.0,
            powers.cubic / 6.0 * length.powi(3),
            powers.quartic / 4.0 * length.powi(4),
        ];
        let size: f64 = terms.iter().map(|x| x.abs()).sum();
        Ok(Iterate {
            step,
            value: terms.iter().sum(),
            rounding: 16.0 * f64::EPSILON * size,
            slope,
            reference,
        })
    };
    let mut now = at(vec![0.0; g.len()])?;
    let mut rate = STEP;
    let mut inner = 0;
    while inner < most {
        inner += 1;
        let mut right = now.reference.clone();
        add(&mut right, -rate, &now.slope);
        let next = Diagonal::radial(
            &spectrum.values,
            &right,
            [powers.shift, 0.5 * powers.cubic, powers.quartic],
        );
        let next = at(next.step)?;
        if next.value > now.value + now.rounding + next.rounding {
            rate *= 0.5;
            if rate < 1e-6 {
                break;
            }
            continue;
        }
        rate = (1.5 * rate).min(1.0);
        now = next;
        if enough(&spectrum.restored(&now.step), norm(&now.slope))? {
            break;
        }
    }
    Ok(TensorStep {
        norm: norm(&now.step),
        model: now.value,
        residual: norm(&now.slope),
        step: spectrum.restored(&now.step),
        inner,
    })
}

/// A minimiser of `⟨g,s⟩ + ½⟨Hs,s⟩ + (1/6)·D³f[s,s,s] + (m/8)·‖s‖⁴` by Bregman
/// gradient steps (Nesterov 2021, "Implementable tensor methods in unconstrained
/// convex optimization"; `m` is `2·L` in the notation of its fourth power `L/4`).
///
/// `hessian` is d×d, row by row, positive semidefinite; `third` writes
/// `D³f[v,v,·]` into its second argument. Stops when the model's gradient norm is
/// at most `tolerance`, or after `most` steps: look at the residual.
///
/// # Errors
/// [`Error::Indefinite`], [`Error::Asymmetric`], [`Error::Option`] for constants
/// below zero and lengths that do not fit, [`Error::Linalg`].
pub fn tensor_step(
    gradient: &[f64],
    hessian: &[f64],
    third: &mut dyn FnMut(&[f64], &mut [f64]),
    regularization: f64,
    tolerance: f64,
    most: usize,
) -> Result<TensorStep> {
    const WHAT: &str = "tensor_step";
    super::cubic::require_positive(WHAT, "M", regularization)?;
    require_not_negative(WHAT, "tolerance", tolerance)?;
    let n = gradient.len();
    require(
        hessian.len() == n * n,
        WHAT,
        "hessian",
        format!("of {} entries", hessian.len()),
        "give d×d entries for a gradient of length d",
    )?;
    let mut matrix = hessian.to_vec();
    super::probe::symmetrize(&mut matrix, n, 0)?;
    let spectrum = Spectrum::of(&matrix, n)?;
    require_convex(&spectrum, 0)?;
    let powers = Powers {
        shift: 0.0,
        cubic: 0.0,
        quartic: 0.5 * regularization,
    };
    let mut third = |v: &[f64]| {
        let mut out = vec![0.0; n];
        third(v, &mut out);
        Ok(out)
    };
    solve(
        &spectrum,
        gradient,
        powers,
        &mut third,
        most,
        &mut |_, residual| Ok(residual <= tolerance),
    )
}
