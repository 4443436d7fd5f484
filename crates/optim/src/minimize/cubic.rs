//! The cubically regularised model of a function and its minimiser.

use super::descent::Descent;
use super::factored::Factored;
use super::krylov::Krylov;
use super::probe::symmetrize;
use super::spectrum::Spectrum;
use super::vector::{dot, norm};
use crate::error::{require, require_not_negative};
use crate::{Error, Result};

/// Side up to which a dense model is solved by its eigenvalues, and above which
/// by Cholesky factors.
const EIGEN: usize = 200;
/// Dimension up to which a model given by products is solved in Krylov spaces,
/// and above which by gradients, whose memory does not grow.
const KRYLOV: usize = 10_000;

/// How the minimiser of a model is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Solver {
    /// By what the oracle offers and the dimension: [`Eigen`](Self::Eigen) to
    /// 200, [`Cholesky`](Self::Cholesky) above; with products alone
    /// [`Krylov`](Self::Krylov) to 10⁴, [`Gradient`](Self::Gradient) above.
    #[default]
    Auto,
    /// One eigendecomposition, then a secular equation: about 10·d³ once, d² for
    /// every further constant at the same point.
    Eigen,
    /// Cholesky factors of shifted matrices: about d³/3 each, five to ten of
    /// them; eigenvalues take over in the hard case.
    Cholesky,
    /// Lanczos with full reorthogonalisation, the space grown until the model's
    /// gradient passes the test: m products, m²·d, memory m·d.
    Krylov,
    /// Accelerated gradients of the model with restarts: products alone, memory
    /// a few vectors; slow if the model is ill-conditioned.
    Gradient,
}

impl Solver {
    /// Names of [`named`](Self::named).
    pub const NAMES: [&'static str; 5] = ["auto", "eigen", "cholesky", "krylov", "gradient"];

    /// By name.
    ///
    /// # Errors
    /// [`Error::Unknown`] lists the known.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "eigen" => Self::Eigen,
            "cholesky" => Self::Cholesky,
            "krylov" => Self::Krylov,
            "gradient" => Self::Gradient,
            _ => {
                return Err(Error::Unknown {
                    what: "solver",
                    name: name.into(),
                    known: Self::NAMES.join(", "),
                });
            }
        })
    }

    /// What `Auto` stands for.
    pub(crate) fn resolve(self, dense: bool, dimension: usize) -> Self {
        match self {
            Self::Auto if dense && dimension <= EIGEN => Self::Eigen,
            Self::Auto if dense => Self::Cholesky,
            Self::Auto if dimension <= KRYLOV => Self::Krylov,
            Self::Auto => Self::Gradient,
            other => other,
        }
    }

    /// Whether it works on the matrix itself.
    pub(crate) fn is_dense(self) -> bool {
        matches!(self, Self::Eigen | Self::Cholesky)
    }
}

/// `v ↦ H·v`.
pub(crate) type Apply<'a> = dyn FnMut(&[f64]) -> Result<Vec<f64>> + 'a;

/// Constants of a model `⟨g,s⟩ + ½⟨s,(H + shift·I)s⟩ + (regularization/6)·‖s‖³`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Constants {
    pub(crate) shift: f64,
    pub(crate) regularization: f64,
    /// Model gradient norm at which a solver may stop.
    pub(crate) tolerance: f64,
}

/// The minimiser of a cubic model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CubicStep {
    /// `s`, length d.
    pub step: Vec<f64>,
    /// `‖s‖`.
    pub norm: f64,
    /// The model's value at `s`; at most 0.
    pub model: f64,
    /// Norm of the model's gradient at `s`.
    pub residual: f64,
    /// Whether this was the hard case: the gradient has no part in the
    /// eigenspace of the lowest eigenvalue, which is negative, and a multiple of
    /// an eigenvector was added.
    pub hard: bool,
    /// Factorisations, products or secular iterations spent.
    pub inner: usize,
}

impl CubicStep {
    /// With the model's value and gradient computed from `H·s`.
    pub(crate) fn measured(
        step: Vec<f64>,
        curved: &[f64],
        gradient: &[f64],
        constants: Constants,
    ) -> Self {
        let length = norm(&step);
        let stiff = constants.shift + 0.5 * constants.regularization * length;
        let residual: Vec<f64> = (0..step.len())
            .map(|i| gradient[i] + curved[i] + stiff * step[i])
            .collect();
        let model = dot(gradient, &step)
            + 0.5 * (dot(&step, curved) + constants.shift * length * length)
            + constants.regularization / 6.0 * length.powi(3);
        Self {
            norm: length,
            model,
            residual: norm(&residual),
            step,
            hard: false,
            inner: 0,
        }
    }
}

/// A Hessian made ready for models of any constants.
pub(crate) enum Curvature {
    Eigen(Spectrum),
    Cholesky(Factored),
    Krylov(Krylov),
    Gradient(Descent),
    /// A matrix at hand, for a solver that reads products only.
    Held(Vec<f64>, Box<Curvature>),
}

impl Curvature {
    /// `matrix` d×d, symmetric.
    pub(crate) fn dense(matrix: Vec<f64>, n: usize, solver: Solver) -> Result<Self> {
        Ok(match solver {
            Solver::Cholesky => Self::Cholesky(Factored::new(matrix, n)),
            _ => Self::Eigen(Spectrum::of(&matrix, n)?),
        })
    }

    pub(crate) fn matrix_free(gradient: &[f64], solver: Solver, seed: u64) -> Self {
        match solver {
            Solver::Gradient => Self::Gradient(Descent::new(seed)),
            _ => Self::Krylov(Krylov::new(gradient, seed)),
        }
    }

    pub(crate) fn held(matrix: Vec<f64>, gradient: &[f64], solver: Solver, seed: u64) -> Self {
        Self::Held(matrix, Box::new(Self::matrix_free(gradient, solver, seed)))
    }

    /// Whether models are solved to rounding whatever the tolerance.
    pub(crate) fn is_dense(&self) -> bool {
        matches!(self, Self::Eigen(_) | Self::Cholesky(_))
    }

    /// `apply` is read by the matrix-free solvers only.
    pub(crate) fn step(
        &mut self,
        gradient: &[f64],
        constants: Constants,
        apply: &mut Apply<'_>,
    ) -> Result<CubicStep> {
        match self {
            Self::Eigen(spectrum) => Ok(spectrum.cubic_step(gradient, constants)),
            Self::Cholesky(factored) => factored.cubic_step(gradient, constants),
            Self::Krylov(krylov) => krylov.cubic_step(gradient, constants, apply),
            Self::Gradient(descent) => descent.cubic_step(gradient, constants, apply),
            Self::Held(matrix, inner) => {
                let mut apply = |v: &[f64]| Ok(super::vector::multiply(matrix, v));
                inner.step(gradient, constants, &mut apply)
            }
        }
    }
}

/// A symmetric matrix given whole or by its products.
pub enum Hessian<'a> {
    /// d×d, row by row.
    Dense(&'a [f64]),
    /// Writes `H·v` into the second slice.
    Product(&'a mut dyn FnMut(&[f64], &mut [f64])),
}

/// The global minimiser of
/// `⟨g,s⟩ + ½⟨s,(H + shift·I)s⟩ + (m/6)·‖s‖³` (Nesterov and Polyak 2006), `H`
/// definite or not.
///
/// `tolerance` is the model gradient norm at which a solver may stop; whatever it
/// is, none stops short of rounding for want of asking: zero means "as exact as
/// can be". [`Solver::Krylov`] and [`Solver::Gradient`] see a lowest eigenvector
/// orthogonal to `g` by a random start of their own (`seed`), and give the
/// residual they reached.
///
/// # Errors
/// [`Error::Option`] for a negative constant, a length that does not fit, or NaN;
/// [`Error::Asymmetric`]; [`Error::Linalg`].
pub fn cubic_step(
    gradient: &[f64],
    hessian: Hessian<'_>,
    shift: f64,
    regularization: f64,
    solver: Solver,
    tolerance: f64,
    seed: u64,
) -> Result<CubicStep> {
    const WHAT: &str = "cubic_step";
    require_not_negative(WHAT, "shift", shift)?;
    require_not_negative(WHAT, "tolerance", tolerance)?;
    require_positive(WHAT, "M", regularization)?;
    require_finite(WHAT, "gradient", gradient)?;
    let n = gradient.len();
    let constants = Constants {
        shift,
        regularization,
        tolerance,
    };
    match hessian {
        Hessian::Dense(matrix) => {
            require(
                matrix.len() == n * n,
                WHAT,
                "hessian",
                format!("of {} entries", matrix.len()),
                "give d×d entries for a gradient of length d",
            )?;
            require_finite(WHAT, "hessian", matrix)?;
            let mut matrix = matrix.to_vec();
            symmetrize(&mut matrix, n, 0)?;
            let solver = solver.resolve(true, n);
            if solver.is_dense() {
                return Curvature::dense(matrix, n, solver)?.step(gradient, constants, &mut |_| {
                    unreachable!("dense solvers hold the matrix")
                });
            }
            let mut apply = |v: &[f64]| Ok(super::vector::multiply(&matrix, v));
            Curvature::matrix_free(gradient, solver, seed).step(gradient, constants, &mut apply)
        }
        Hessian::Product(product) => {
            let solver = solver.resolve(false, n);
            let mut apply = |v: &[f64]| {
                let mut out = vec![0.0; n];
                product(v, &mut out);
                require_finite(WHAT, "hessian product", &out)?;
                Ok(out)
            };
            if !solver.is_dense() {
                let mut model = Curvature::matrix_free(gradient, solver, seed);
                return model.step(gradient, constants, &mut apply);
            }
            let mut matrix = Vec::with_capacity(n * n);
            let mut unit = vec![0.0; n];
            for j in 0..n {
                unit[j] = 1.0;
                matrix.extend(apply(&unit)?);
                unit[j] = 0.0;
            }
            symmetrize(&mut matrix, n, 0)?;
            Curvature::dense(matrix, n, solver)?.step(gradient, constants, &mut apply)
        }
    }
}

/// Finite and above zero.
pub(crate) fn require_positive(method: &'static str, option: &'static str, x: f64) -> Result<()> {
    require(
        x > 0.0 && x.is_finite(),
        method,
        option,
        x,
        "give a finite number above zero",
    )
}

fn require_finite(method: &'static str, option: &'static str, values: &[f64]) -> Result<()> {
    let bad = values.iter().position(|x| !x.is_finite());
    require(
        bad.is_none(),
        method,
        option,
        bad.map_or(String::new(), |at| format!("{} at {at}", values[at])),
        "give finite numbers",
    )
}
