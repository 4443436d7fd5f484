//! What can be wrong with a computation that is to be differentiated.

use tensegrity_tensor::DType;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of recording and differentiating, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Storage or an elementwise kernel refused.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
    /// A contraction is wrong.
    #[error(transparent)]
    Contract(#[from] tensegrity_contract::Error),
    /// A factorisation refused.
    #[error(transparent)]
    Linalg(#[from] tensegrity_linalg::Error),
    /// The shape of an argument does not fit.
    #[error("{operation}: {argument} has shape {found:?}; {wanted}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// Name of the argument.
        argument: String,
        /// Its shape.
        found: Vec<usize>,
        /// What would be right.
        wanted: String,
    },
    /// An element type an operation is not defined for.
    #[error("{operation}: {argument} holds {found}; {wanted}")]
    DType {
        /// The operation.
        operation: &'static str,
        /// Name of the argument.
        argument: String,
        /// Its element type.
        found: DType,
        /// What would be right.
        wanted: &'static str,
    },
    /// An axis number is out of range or named twice.
    #[error("{operation}: {axes:?} are not distinct axes of a tensor of {ndim} axes (0..{ndim})")]
    Axes {
        /// The operation.
        operation: &'static str,
        /// The axes given.
        axes: Vec<usize>,
        /// Axes of the tensor.
        ndim: usize,
    },
    /// An index or a range leaves its axis.
    #[error("{operation}: {what} {index} is out of range for axis {axis} of length {length}")]
    Index {
        /// The operation.
        operation: &'static str,
        /// What is out of range.
        what: &'static str,
        /// The index.
        index: usize,
        /// The axis.
        axis: usize,
        /// Its length.
        length: usize,
    },
    /// Two lists that should be equally long are not.
    #[error("{operation}: {found} {what} were given, but {expected} are needed")]
    Count {
        /// The operation.
        operation: &'static str,
        /// What is counted.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A derivative with respect to a constant.
    #[error(
        "{operation}: argument {argument} is a constant, or was computed while recording was off; \
         make it with `Variable::new` and record what depends on it"
    )]
    NotRecorded {
        /// The transformation.
        operation: &'static str,
        /// Number of the argument, counted from zero.
        argument: usize,
    },
    /// The gradient of something that is not a real number.
    #[error(
        "{operation}: the function gave shape {shape:?} of {dtype}; a gradient needs one real \
         number: reduce it with `sum_all` or `re`, or give a cotangent to `vjp`"
    )]
    NotScalar {
        /// The transformation.
        operation: &'static str,
        /// Shape of the value.
        shape: Vec<usize>,
        /// Element type of the value.
        dtype: DType,
    },
    /// The derivative of vectors whose eigenvalues or singular values coincide, where
    /// that is to be an error.
    #[error(
        "{operation}: values {first} and {second} differ by {gap:.1e} of the largest (of their \
         squares for singular values), so their vectors have no derivative; use functions of the \
         matrix that do not depend on them, or set `strict` to false for the safe inverse"
    )]
    Degenerate {
        /// The decomposition.
        operation: &'static str,
        /// Number of one value.
        first: usize,
        /// Number of the other.
        second: usize,
        /// Their difference relative to the largest value.
        gap: f64,
    },
    /// The derivative of vectors whose singular value vanishes, where that is to be
    /// an error.
    #[error(
        "{operation}: singular value {number} is {ratio:.1e} of the largest, so its vectors have \
         no derivative; keep fewer with `rank`, or set `strict` to false for the safe inverse"
    )]
    RankDeficient {
        /// The decomposition.
        operation: &'static str,
        /// Number of the value.
        number: usize,
        /// The value relative to the largest.
        ratio: f64,
    },
    /// A rule of a custom operation gave something that does not fit.
    #[error("operation `{operation}`: {problem}")]
    Rule {
        /// Name of the operation.
        operation: &'static str,
        /// What does not fit.
        problem: String,
    },
}
