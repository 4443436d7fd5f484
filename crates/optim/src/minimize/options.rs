//! Options of a run.

use super::cubic::{Solver, require_positive};
use super::oracle::Oracle;
use crate::error::{require, require_decay, require_not_negative};
use crate::{Error, Result};

/// Samples up to which gradients are of all of them by default.
const FULL_GRADIENT: usize = 10_000;
/// Samples of a Hessian by default.
const HESSIAN_BATCH: usize = 150;

/// The method of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// The accelerated second-order method (Agafonov et al. 2023): optimal in the
    /// noise of gradients and the error of Hessians; `T⁻³` with exact ones.
    AcceleratedNewton,
    /// The accelerated third-order method: `T⁻⁴` with exact derivatives.
    Tensor,
    /// Cubically regularised Newton (Nesterov and Polyak 2006); with sampled or
    /// inexact Hessians the inexact cubic Newton method.
    CubicNewton,
    /// The third-order step by itself (Nesterov 2021).
    BasicTensor,
    /// Newton with the step damped by `1/(1 + √(M·‖g‖_{H⁻¹}))` or so that values fall.
    DampedNewton,
    /// Newton with `H + √(M·‖g‖/2)·I` (Mishchenko 2023; Doikov and Nesterov 2024).
    RegularizedNewton,
    /// Extra-Newton (Antonakopoulos, Kavis and Cevher 2022).
    ExtraNewton,
    /// Accelerated gradients by similar triangles (Gasnikov and Nesterov 2018).
    SimilarTriangles,
    /// Stochastic gradients.
    Sgd,
    /// Stochastic gradients with heavy-ball momentum.
    Momentum,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 10] = [
        Self::AcceleratedNewton,
        Self::Tensor,
        Self::CubicNewton,
        Self::BasicTensor,
        Self::DampedNewton,
        Self::RegularizedNewton,
        Self::ExtraNewton,
        Self::SimilarTriangles,
        Self::Sgd,
        Self::Momentum,
    ];

    /// The name [`named`](Self::named) knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AcceleratedNewton => "asn",
            Self::Tensor => "tensor",
            Self::CubicNewton => "cubic-newton",
            Self::BasicTensor => "basic-tensor",
            Self::DampedNewton => "damped-newton",
            Self::RegularizedNewton => "regularized-newton",
            Self::ExtraNewton => "extra-newton",
            Self::SimilarTriangles => "similar-triangles",
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
        }
    }

    /// By name.
    ///
    /// # Errors
    /// [`Error::Unknown`] lists the known.
    pub fn named(name: &str) -> Result<Self> {
        let mut methods = Self::ALL.into_iter();
        methods
            .find(|method| method.name() == name)
            .ok_or_else(|| Error::Unknown {
                what: "method",
                name: name.into(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }

    /// Order of the derivatives it uses.
    #[must_use]
    pub fn order(self) -> usize {
        match self {
            Self::Sgd | Self::Momentum | Self::SimilarTriangles => 1,
            Self::Tensor | Self::BasicTensor => 3,
            _ => 2,
        }
    }

    fn is_accelerated(self) -> bool {
        matches!(self, Self::AcceleratedNewton | Self::Tensor)
    }
}

/// Options of [`minimize`](super::minimize()), each with a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub(crate) method: Method,
    pub(crate) regularization: Option<f64>,
    pub(crate) nu: f64,
    pub(crate) hessian_error: f64,
    pub(crate) third_error: f64,
    pub(crate) noise_scale: f64,
    pub(crate) adaptive: Option<bool>,
    pub(crate) hybrid: Option<bool>,
    pub(crate) strong_convexity: Option<(f64, f64)>,
    pub(crate) gradient_batch: Option<usize>,
    pub(crate) hessian_batch: Option<usize>,
    pub(crate) max_iterations: usize,
    pub(crate) tolerance: f64,
    pub(crate) solver: Solver,
    pub(crate) inner_tolerance: Option<f64>,
    pub(crate) learning_rate: Option<f64>,
    pub(crate) momentum: f64,
    pub(crate) seed: u64,
}

impl Options {
    /// A method with its defaults: 100 iterations, tolerance 10⁻⁸, seed 0.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self {
            method,
            regularization: None,
            nu: 1.0,
            hessian_error: 0.0,
            third_error: 0.0,
            noise_scale: 0.0,
            adaptive: None,
            hybrid: None,
            strong_convexity: None,
            gradient_batch: None,
            hessian_batch: None,
            max_iterations: 100,
            tolerance: 1e-8,
            solver: Solver::Auto,
            inner_tolerance: None,
            learning_rate: None,
            momentum: 0.9,
            seed: 0,
        }
    }

    /// `M`, the constant of the model's regulariser `(p·M/(p+1)!)·‖s‖^{p+1}`.
    /// The theory asks for 2·L₂ (order 2, accelerated), L₂ (cubic Newton) or L₃
    /// (order 3), Lᵢ the Lipschitz constant of the i-th derivative. Adaptive runs
    /// take it as the first trial. Without it, it is measured at `x₀` from the error of the
    /// Taylor polynomial along the gradient.
    #[must_use]
    pub fn regularization(mut self, m: f64) -> Self {
        self.regularization = Some(m);
        self
    }

    /// Scale of the estimating function's regulariser, in (0, 1]; 1 is the
    /// theory's, smaller is bolder. Adaptive runs start from it.
    #[must_use]
    pub fn nu(mut self, nu: f64) -> Self {
        self.nu = nu;
        self
    }

    /// Bound on the error of Hessians in the spectral norm, δ ≥ 0.
    #[must_use]
    pub fn hessian_error(mut self, delta: f64) -> Self {
        self.hessian_error = delta;
        self
    }

    /// Bound on the error of third derivatives, δ₃ ≥ 0.
    #[must_use]
    pub fn third_error(mut self, delta: f64) -> Self {
        self.third_error = delta;
        self
    }

    /// Standard deviation of sampled gradients over the distance to a solution, σ/R ≥ 0.
    #[must_use]
    pub fn noise_scale(mut self, scale: f64) -> Self {
        self.noise_scale = scale;
        self
    }

    /// Let the certificate set ν and the model's upper bound set `M`, step by
    /// step. By default on where values, gradients and Hessians are exact.
    #[must_use]
    pub fn adaptive(mut self, on: bool) -> Self {
        self.adaptive = Some(on);
        self
    }

    /// Also try the cubic Newton step from the iterate, keep the lower point, and
    /// hand over to it when gradients fall tenfold twice in a row. By default as
    /// [`adaptive`](Self::adaptive).
    #[must_use]
    pub fn hybrid(mut self, on: bool) -> Self {
        self.hybrid = Some(on);
        self
    }

    /// Restarts of the accelerated methods for a function that is `mu`-strongly
    /// convex with its minimiser within `radius` of `x₀`: each stage runs until the
    /// theory halves the radius. Not for adaptive runs.
    #[must_use]
    pub fn strong_convexity(mut self, mu: f64, radius: f64) -> Self {
        self.strong_convexity = Some((mu, radius));
        self
    }

    /// Samples a gradient, drawn without replacement; by default all of them up to 10 000.
    #[must_use]
    pub fn gradient_batch(mut self, samples: usize) -> Self {
        self.gradient_batch = Some(samples);
        self
    }

    /// Samples a Hessian (and a third derivative); by default 150.
    #[must_use]
    pub fn hessian_batch(mut self, samples: usize) -> Self {
        self.hessian_batch = Some(samples);
        self
    }

    /// Iterations at most.
    #[must_use]
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// Gradient norm at which the run ends (not looked at if gradients are sampled).
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How models are minimised.
    #[must_use]
    pub fn solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// `c` of the model gradient norm `c/t^{3/2}` at which a solver may stop in
    /// iteration t. By default 10⁻⁶ of the gradient's norm without a dense
    /// matrix, rounding with one.
    #[must_use]
    pub fn inner_tolerance(mut self, c: f64) -> Self {
        self.inner_tolerance = Some(c);
        self
    }

    /// Rate of the gradient methods, or first scale of Extra-Newton (default 1).
    #[must_use]
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = Some(rate);
        self
    }

    /// Decay of the heavy ball, in [0, 1); 0.9 by default.
    #[must_use]
    pub fn momentum(mut self, decay: f64) -> Self {
        self.momentum = decay;
        self
    }

    /// Seed of batches and random starts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checked against an oracle.
    pub(crate) fn resolve(&self, oracle: &dyn Oracle, x0: &[f64]) -> Result<Plan> {
        let what = self.method.name();
        self.check_numbers(what)?;
        let d = oracle.dimension();
        require(
            d > 0 && x0.len() == d,
            what,
            "x0",
            format!("of length {}", x0.len()),
            "give as many entries as the function has variables, at least one",
        )?;
        if let Some(at) = x0.iter().position(|x| !x.is_finite()) {
            let value = format!("{} at {at}", x0[at]);
            require(false, what, "x0", value, "start from finite numbers")?;
        }
        let offers = oracle.offers();
        let missing = |derivative, hint| Error::MissingDerivative {
            method: what,
            derivative,
            hint,
        };
        if self.method.order() >= 2 && !offers.hessian && !offers.product {
            return Err(missing("Hessian", "give it dense or as products"));
        }
        if self.method.order() == 3 && !offers.third {
            return Err(missing(
                "third derivative",
                "give D³f(x)[v,v,·], or use \"asn\"",
            ));
        }
        let gradient_batch =
            self.batch(oracle, "grad_batch", self.gradient_batch, FULL_GRADIENT)?;
        let hessian_batch = self.batch(oracle, "hess_batch", self.hessian_batch, HESSIAN_BATCH)?;
        let exact = gradient_batch.is_none() && offers.value;
        let sampled = hessian_batch.is_some() && self.method.order() >= 2;
        let adaptive = self
            .adaptive
            .unwrap_or(exact && !sampled && self.strong_convexity.is_none());
        let hybrid = self.hybrid.unwrap_or(adaptive) && self.method.is_accelerated();
        for (on, name) in [(adaptive, "adaptive"), (hybrid, "hybrid")] {
            if on && !offers.value {
                return Err(missing(
                    "value",
                    "give it, or switch off adaptive and hybrid",
                ));
            }
            let wanted = "it compares values, so take gradients of all samples (grad_batch of all of them) or switch it off";
            require(!on || exact, what, name, on, wanted)?;
        }
        require(
            !(adaptive && self.strong_convexity.is_some()),
            what,
            "strong_convexity",
            "given",
            "restarts by theory are for fixed constants; switch adaptive off",
        )?;
        Ok(Plan {
            exact,
            adaptive,
            hybrid,
            gradient_batch,
            hessian_batch,
            dense: offers.hessian,
            solver: self.solver.resolve(offers.hessian, d),
        })
    }

    fn check_numbers(&self, what: &'static str) -> Result<()> {
        if let Some(m) = self.regularization {
            require_positive(what, "M", m)?;
        }
        let nu = self.nu > 0.0 && self.nu <= 1.0;
        require(nu, what, "nu", self.nu, "give a number in (0, 1]")?;
        require_not_negative(what, "delta", self.hessian_error)?;
        require_not_negative(what, "third_error", self.third_error)?;
        require_not_negative(what, "noise_scale", self.noise_scale)?;
        require_not_negative(what, "tol", self.tolerance)?;
        require_not_negative(what, "inner_tol", self.inner_tolerance.unwrap_or(0.0))?;
        require_decay(what, "momentum", self.momentum)?;
        let iterations = self.max_iterations;
        require(
            iterations > 0,
            what,
            "max_iter",
            iterations,
            "allow one iteration or more",
        )?;
        if let Some(rate) = self.learning_rate {
            require_positive(what, "learning_rate", rate)?;
        }
        if let Some((mu, radius)) = self.strong_convexity {
            require_positive(what, "strong_convexity", mu)?;
            require_positive(what, "radius", radius)?;
        }
        Ok(())
    }

    /// `None` is everything.
    fn batch(
        &self,
        oracle: &dyn Oracle,
        option: &'static str,
        asked: Option<usize>,
        standard: usize,
    ) -> Result<Option<usize>> {
        let what = self.method.name();
        let Some(count) = oracle.samples() else {
            let value = asked.unwrap_or(0);
            let wanted =
                "the function does not say how many samples it is the mean of; give samples";
            require(asked.is_none(), what, option, value, wanted)?;
            return Ok(None);
        };
        let size = asked.unwrap_or(standard.min(count));
        let wanted = "samples are drawn without replacement: give 1 up to the number of samples";
        require(size >= 1 && size <= count, what, option, size, wanted)?;
        Ok((size < count).then_some(size))
    }
}

/// What options come to for an oracle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Values and gradients are those of the whole function.
    pub(crate) exact: bool,
    pub(crate) adaptive: bool,
    pub(crate) hybrid: bool,
    pub(crate) gradient_batch: Option<usize>,
    pub(crate) hessian_batch: Option<usize>,
    pub(crate) dense: bool,
    pub(crate) solver: Solver,
}
