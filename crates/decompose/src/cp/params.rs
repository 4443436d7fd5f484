//! Options of CP-ALS.

use crate::CpTensor;

/// Where alternating least squares starts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum CpInit<T> {
    /// Leading left singular vectors of each unfolding; columns beyond the
    /// length of a mode are random.
    #[default]
    Svd,
    /// Standard normal entries.
    Random,
    /// Entries uniform in [0, 1).
    Uniform,
    /// A given model. One of smaller rank is completed with random columns, so
    /// that ranks can be raised step by step.
    Given(CpTensor<T>),
}

/// Options of [`crate::cp_als`].
#[derive(Clone, Debug)]
pub struct CpOptions<T> {
    /// Where to start (default [`CpInit::Svd`]).
    pub init: CpInit<T>,
    /// Most sweeps over all modes (default 100).
    pub n_iter: usize,
    /// Stops when the fit 1 − ‖X − X̂‖/‖X‖ changes by less than this in a sweep
    /// (default 1e-8); zero never stops early.
    pub tol: f64,
    /// Names the random stream (default 0).
    pub seed: u64,
    /// Weight of ‖U_k‖² added to each least-squares problem, relative to the
    /// mean diagonal of its normal matrix (default 0).
    pub ridge: f64,
    /// Modes whose factors stay as given; needs [`CpInit::Given`] of full rank.
    pub fixed: Vec<usize>,
    /// Every five sweeps tries a longer step along the last change and keeps it
    /// if the fit improves (default off).
    pub line_search: bool,
}

impl<T> Default for CpOptions<T> {
    fn default() -> Self {
        Self {
            init: CpInit::default(),
            n_iter: 100,
            tol: 1e-8,
            seed: 0,
            ridge: 0.0,
            fixed: Vec::new(),
            line_search: false,
        }
    }
}
