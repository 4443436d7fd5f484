//! Shampoo: a preconditioner for every mode of every tensor.
//!
//! Sources: Gupta, Koren, Singer 2018 (the method); Anil et al. 2020 (blocks,
//! grafting, delayed roots); Shi et al. 2023 (averages, merged dimensions).

mod block;
mod graft;
mod memory;
mod refresh;
mod rule;

pub use graft::Graft;
pub use memory::MemoryPlan;

use tensegrity_linalg::{Ridge, RootMethod};

use crate::error::{require, require_decay, require_not_negative};
use crate::rule::Rule;
use crate::{Float, ParameterSpec, Result, WeightDecay};

/// Precision of statistics and roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// Double (the default): roots of ill-conditioned statistics stay accurate.
    #[default]
    Double,
    /// Single: half the memory and time; wants a relative ridge of 1e-6 or more.
    Single,
}

/// For a tensor of order k with gradient `G`, in every mode i:
/// `H_i ← H_i + G_(i)·G_(i)ᵀ` with the mode-i unfolding, and the direction is
/// `G ×₁ (H₁ + ε)^(−1/2k) … ×_k (H_k + ε)^(−1/2k)`. Statistics include the
/// present gradient before the root is taken.
///
/// For a matrix that is `L^(−1/4)·G·R^(−1/4)`; for a vector full-matrix AdaGrad.
///
/// The order k is that of the parameter without its dimensions of length one
/// (unless `squeeze` is off) after merging; blocks keep it, so a blocked run
/// equals separate optimisers on the slices. The norm of a graft is taken a
/// block at a time. A root that cannot be computed is counted and the previous
/// one kept, as are statistics whose squares overflow; where there is no root yet,
/// the block goes along its graft's direction (without a graft it stands still).
///
/// Cost of a step for m×n: m²n + mn² multiply-adds for each of statistics and
/// application; every `every` steps roots of O(m³ + n³), over all parameters,
/// blocks and modes in one batch on the threads. Memory: see [`Shampoo::memory`].
#[derive(Clone, Debug, PartialEq)]
pub struct Shampoo {
    pub(crate) rate: f64,
    ridge: Ridge,
    beta1: f64,
    beta2: f64,
    bias_correction: bool,
    momentum: f64,
    nesterov: bool,
    weight_decay: WeightDecay,
    exponent_multiplier: f64,
    root_order: Option<f64>,
    squeeze: bool,
    merge: Option<usize>,
    block: Option<usize>,
    diagonal_above: usize,
    graft: Graft,
    start: u64,
    every: u64,
    delay: u64,
    roots: RootMethod,
    precision: Precision,
}

impl Shampoo {
    /// Summed statistics, ε 1e-6, roots every 10 steps by eigenvalues, blocks of
    /// 1024, no graft, no momentum.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            ridge: Ridge::Absolute(1e-6),
            beta1: 0.0,
            beta2: 1.0,
            bias_correction: true,
            momentum: 0.0,
            nesterov: false,
            weight_decay: WeightDecay::Decoupled(0.0),
            exponent_multiplier: 1.0,
            root_order: None,
            squeeze: true,
            merge: None,
            block: Some(1024),
            diagonal_above: 1200,
            graft: Graft::None,
            start: 1,
            every: 10,
            delay: 0,
            roots: RootMethod::Eigen,
            precision: Precision::Double,
        }
    }

    /// ε, added to every eigenvalue before the root.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.ridge(Ridge::Absolute(eps))
    }

    /// ε, absolute or relative to the largest eigenvalue.
    #[must_use]
    pub fn ridge(mut self, ridge: Ridge) -> Self {
        self.ridge = ridge;
        self
    }

    /// Decay rates: `first` in [0, 1) averages the gradient that is
    /// preconditioned (zero: the gradient itself); `second` in [0, 1] averages
    /// the statistics (one: their plain sum).
    #[must_use]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        (self.beta1, self.beta2) = (first, second);
        self
    }

    /// Divide averages by `1 − βᵗ` (on by default).
    #[must_use]
    pub fn bias_correction(mut self, bias_correction: bool) -> Self {
        self.bias_correction = bias_correction;
        self
    }

    /// Momentum of the preconditioned direction, in [0, 1).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Nesterov's look-ahead on that momentum.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Weight decay.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: WeightDecay) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// The exponent is `−multiplier/2k`.
    #[must_use]
    pub fn exponent_multiplier(mut self, multiplier: f64) -> Self {
        self.exponent_multiplier = multiplier;
        self
    }

    /// The exponent is `−1/p` whatever the order and the multiplier.
    #[must_use]
    pub fn exponent_override(mut self, p: f64) -> Self {
        self.root_order = Some(p);
        self
    }

    /// Leave out dimensions of length one (on by default); off, they count in k.
    #[must_use]
    pub fn squeeze(mut self, squeeze: bool) -> Self {
        self.squeeze = squeeze;
        self
    }

    /// Merge neighbouring dimensions, from the first on, while their product is
    /// at most this.
    #[must_use]
    pub fn merge(mut self, most: usize) -> Self {
        self.merge = Some(most);
        self
    }

    /// Cut dimensions into blocks of at most this, each with its own statistics.
    #[must_use]
    pub fn block(mut self, most: usize) -> Self {
        self.block = Some(most);
        self
    }

    /// Do not cut.
    #[must_use]
    pub fn unblocked(mut self) -> Self {
        self.block = None;
        self
    }

    /// Dimensions of a block longer than this keep the diagonal only.
    #[must_use]
    pub fn diagonal_above(mut self, length: usize) -> Self {
        self.diagonal_above = length;
        self
    }

    /// Where the magnitude of a block's step comes from.
    #[must_use]
    pub fn graft(mut self, graft: Graft) -> Self {
        self.graft = graft;
        self
    }

    /// The first step (counted from one) that is preconditioned; before it the
    /// graft's direction is taken.
    #[must_use]
    pub fn start_preconditioning_step(mut self, step: u64) -> Self {
        self.start = step;
        self
    }

    /// Steps between two computations of the roots.
    #[must_use]
    pub fn every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }

    /// Compute roots beside the steps, on a thread of their own: those begun at a
    /// refresh are taken this many steps later, at most [`Shampoo::every`], whether
    /// they were ready before or must be waited for, so results do not depend on
    /// speed. Zero (the default) computes them in the step. The first roots are
    /// always computed in their step.
    #[must_use]
    pub fn background(mut self, delay: u64) -> Self {
        self.delay = delay;
        self
    }

    /// How roots are computed; [`RootMethod::Orthogonal`] starts from the
    /// previous basis.
    #[must_use]
    pub fn roots(mut self, method: RootMethod) -> Self {
        self.roots = method;
        self
    }

    /// Precision of statistics and roots.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        const NAME: &str = "shampoo";
        require_not_negative(NAME, "rate", self.rate)?;
        let (Ridge::Absolute(eps) | Ridge::Relative(eps)) = self.ridge;
        require_not_negative(NAME, "eps", eps)?;
        require_decay(NAME, "betas.0", self.beta1)?;
        let beta2 = (0.0..=1.0).contains(&self.beta2);
        require(
            beta2,
            NAME,
            "betas.1",
            self.beta2,
            "give a number in [0, 1]; 1 sums",
        )?;
        require_decay(NAME, "momentum", self.momentum)?;
        require_not_negative(NAME, "weight_decay", self.weight_decay.amount())?;
        let above_zero = |x: f64| x > 0.0 && x.is_finite();
        let wanted = "give a finite number above zero";
        let multiplier = self.exponent_multiplier;
        require(
            above_zero(multiplier),
            NAME,
            "exponent_multiplier",
            multiplier,
            wanted,
        )?;
        if let Some(p) = self.root_order {
            require(above_zero(p), NAME, "exponent_override", p, wanted)?;
        }
        require(
            self.every > 0,
            NAME,
            "every",
            self.every,
            "give one step or more",
        )?;
        require(
            self.delay <= self.every,
            NAME,
            "background",
            self.delay,
            "roots are due before the next ones begin: give at most the steps between two",
        )?;
        require(
            self.start > 0,
            NAME,
            "start_preconditioning_step",
            self.start,
            "steps count from one",
        )?;
        for (option, value) in [("merge", self.merge), ("block", self.block)] {
            require(
                value != Some(0),
                NAME,
                option,
                0,
                "give a length of one or more",
            )?;
        }
        self.graft.check()
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        self.check()?;
        Ok(match self.precision {
            Precision::Double => Box::new(rule::ShampooRule::<T, f64>::new(self, specs)),
            Precision::Single => Box::new(rule::ShampooRule::<T, f32>::new(self, specs)),
        })
    }
}
