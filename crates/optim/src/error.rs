//! What can be wrong with parameters, gradients, options and saved states.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of optimisers, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two parameters of one name.
    #[error("parameter {name:?} is registered twice; give each parameter its own name")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// A group nobody defined.
    #[error(
        "parameter {parameter:?} belongs to group {group:?}, which is not defined; known groups: {known:?}"
    )]
    UnknownGroup {
        /// The parameter.
        parameter: String,
        /// Its group.
        group: String,
        /// Groups defined.
        known: Vec<String>,
    },
    /// A list of another length than the registry.
    #[error(
        "{found} {what} given for {expected} registered parameters; give one each, in the order of the registry (frozen ones too)"
    )]
    Count {
        /// Parameters or gradients.
        what: &'static str,
        /// Number given.
        found: usize,
        /// Number registered.
        expected: usize,
    },
    /// A parameter or gradient of another shape than registered.
    #[error("{what} of {parameter:?} has shape {found:?}; it was registered with {expected:?}")]
    Shape {
        /// Value or gradient.
        what: &'static str,
        /// The parameter.
        parameter: String,
        /// Shape given.
        found: Vec<usize>,
        /// Shape registered.
        expected: Vec<usize>,
    },
    /// NaN or an infinity in a gradient.
    #[error(
        "gradient of {parameter:?} is {value} at {position:?}; lower the rate, clip, or choose the policy that skips such steps"
    )]
    NonFiniteGradient {
        /// The parameter.
        parameter: String,
        /// The element as text.
        value: String,
        /// Index of the first such element.
        position: Vec<usize>,
    },
    /// A value of the function that is not finite.
    #[error("the function to minimise is {value} at the start of the step; begin elsewhere")]
    NonFiniteValue {
        /// The value as text.
        value: String,
    },
    /// A step by gradients alone of a method that searches along lines.
    #[error(
        "{method} searches for its step length, which takes values of the function; \
         give the function (`step_with`), or no line search"
    )]
    NeedsFunction {
        /// The method.
        method: &'static str,
    },
    /// What the function to minimise reported.
    #[error("the function to minimise failed: {0}")]
    Function(Box<dyn std::error::Error + Send + Sync>),
    /// An option outside its range.
    #[error("{method}: {option} is {value}; {wanted}")]
    Option {
        /// The method.
        method: &'static str,
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// What would be legal.
        wanted: &'static str,
    },
    /// A name that is none of those known.
    #[error("unknown {what} {name:?}; known are {known}")]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names known, in words.
        known: String,
    },
    /// A tensor a norm is not defined for.
    #[error("the norm {norm} is not defined for shape {shape:?}; {wanted}")]
    NormShape {
        /// The norm.
        norm: String,
        /// The shape.
        shape: Vec<usize>,
        /// What the norm takes.
        wanted: &'static str,
    },
    /// A saved state of something else.
    #[error(
        "the saved state does not fit: {problem}; restore it into the optimiser it was saved from"
    )]
    State {
        /// What differs.
        problem: String,
    },
    /// A model could not tell its loss, gradients or metrics.
    #[error("the model failed at batch {step}: {source}")]
    Objective {
        /// Batches before it.
        step: u64,
        /// What the model says.
        source: crate::Failure,
    },
    /// A loss that is NaN or infinite.
    #[error(
        "the loss of batch {step} in epoch {epoch} is {value}; lower the rate, clip, or choose the policy that skips such batches"
    )]
    NonFiniteLoss {
        /// Batches before it.
        step: u64,
        /// Epochs completed before it.
        epoch: u64,
        /// The loss as text.
        value: String,
    },
    /// A checkpoint that is none, or one of something else.
    #[error("checkpoint {}: {problem}", path.display())]
    Checkpoint {
        /// The file.
        path: std::path::PathBuf,
        /// What differs and what to do.
        problem: String,
    },
    /// A callback of an oracle failed.
    #[error("the {what} failed in iteration {iteration}: {source}")]
    Oracle {
        /// What was asked.
        what: &'static str,
        /// Iteration, 0 before the first.
        iteration: usize,
        /// The callback's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// NaN or an infinity from an oracle.
    #[error(
        "the {what} has {value} at position {position} in iteration {iteration}; start closer, raise M, or mend the function"
    )]
    NonFiniteOracle {
        /// What was asked.
        what: &'static str,
        /// The entry as text.
        value: String,
        /// Its position, row by row in a matrix.
        position: usize,
        /// Iteration, 0 before the first.
        iteration: usize,
    },
    /// A Hessian that differs from its transpose.
    #[error(
        "the Hessian of iteration {iteration} is not symmetric: entries {position:?} and their mirror differ by {difference:e} (largest entry {largest:e}); return (H + Hᵀ)/2 if that is what you mean"
    )]
    Asymmetric {
        /// Largest difference.
        difference: f64,
        /// Largest entry.
        largest: f64,
        /// Row and column of the largest difference.
        position: [usize; 2],
        /// Iteration, 0 before the first.
        iteration: usize,
    },
    /// A Hessian with negative eigenvalues where the method needs none.
    #[error(
        "the Hessian of iteration {iteration} has the eigenvalue {eigenvalue:e}: third-order models need a convex function; use \"asn\" or \"cubic-newton\", which take indefinite ones"
    )]
    Indefinite {
        /// The lowest.
        eigenvalue: f64,
        /// Iteration, 0 before the first.
        iteration: usize,
    },
    /// A derivative a method needs and the oracle does not offer.
    #[error("{method} needs the {derivative} of the function; {hint}")]
    MissingDerivative {
        /// The method.
        method: &'static str,
        /// What is missing.
        derivative: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// From linear algebra.
    #[error(transparent)]
    Linalg(#[from] tensegrity_linalg::Error),
    /// From storage and views.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
}

/// An error unless `fine`.
pub(crate) fn require(
    fine: bool,
    method: &'static str,
    option: &'static str,
    value: impl std::fmt::Display,
    wanted: &'static str,
) -> Result<()> {
    if fine {
        return Ok(());
    }
    Err(Error::Option {
        method,
        option,
        value: value.to_string(),
        wanted,
    })
}

/// A finite number of at least zero.
pub(crate) fn require_not_negative(
    method: &'static str,
    option: &'static str,
    value: f64,
) -> Result<()> {
    let fine = value >= 0.0 && value.is_finite();
    require(
        fine,
        method,
        option,
        value,
        "give a finite number of at least zero",
    )
}

/// A decay rate in [0, 1).
pub(crate) fn require_decay(method: &'static str, option: &'static str, value: f64) -> Result<()> {
    let fine = (0.0..1.0).contains(&value);
    require(fine, method, option, value, "give a number in [0, 1)")
}
