//! What can be wrong with a matrix.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of linear algebra, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operand does not have the number of axes the operation needs.
    #[error("{what}: {argument} has shape {shape:?}, but {wanted} axes are needed; reshape it")]
    WrongAxes {
        /// The operation.
        what: &'static str,
        /// Name of the argument.
        argument: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Axes needed.
        wanted: usize,
    },
    /// Two shapes do not fit.
    #[error("{what}: {left_name} of shape {left:?} does not fit {right_name} of shape {right:?}")]
    ShapeMismatch {
        /// The operation.
        what: &'static str,
        /// Name of the first argument.
        left_name: &'static str,
        /// Shape of the first argument.
        left: Vec<usize>,
        /// Name of the second argument.
        right_name: &'static str,
        /// Shape of the second argument.
        right: Vec<usize>,
    },
    /// A square matrix is needed.
    #[error("{what}: {argument} has shape {shape:?}; a square matrix is needed")]
    NotSquare {
        /// The operation.
        what: &'static str,
        /// Name of the argument.
        argument: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An input holds NaN or an infinity.
    #[error(
        "{what}: {argument} is not finite at index {position:?}; remove or replace NaN and infinite entries"
    )]
    NonFinite {
        /// The operation.
        what: &'static str,
        /// Name of the argument.
        argument: &'static str,
        /// Index of the first such entry in row-major order.
        position: Vec<usize>,
    },
    /// A Cholesky factorisation met a pivot that is not positive.
    #[error(
        "{what}: the matrix is not positive definite (pivot {pivot} is not positive); add a multiple of the identity or use `eigh`"
    )]
    NotPositiveDefinite {
        /// The operation.
        what: &'static str,
        /// The pivot, counted from zero.
        pivot: usize,
    },
    /// A linear system has no unique solution.
    #[error(
        "{what}: the matrix is singular (pivot {pivot} is zero); use `lstsq` for the minimum-norm solution"
    )]
    Singular {
        /// The operation.
        what: &'static str,
        /// The pivot, counted from zero.
        pivot: usize,
    },
    /// No algorithm for a factorisation converged.
    #[error("{what}: no algorithm converged on this matrix of shape {shape:?}; rescale it")]
    NoConvergence {
        /// The operation.
        what: &'static str,
        /// Shape of the matrix.
        shape: Vec<usize>,
    },
    /// A map returned NaN or an infinity.
    #[error(
        "{what}: the map returned NaN or an infinity in step {step}; check it on small vectors"
    )]
    BadMap {
        /// The operation.
        what: &'static str,
        /// The step, counted from zero.
        step: usize,
    },
    /// An iteration used up its steps.
    #[error("{what}: not done after {steps} applications of the map; allow more or a larger space")]
    NotConverged {
        /// The operation.
        what: &'static str,
        /// Applications of the map.
        steps: usize,
    },
    /// An option is out of its range.
    #[error("{what}: {option} is {value}; {wanted}")]
    BadOption {
        /// The operation.
        what: &'static str,
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// What would be legal.
        wanted: &'static str,
    },
    /// A shape that no memory holds.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
}
