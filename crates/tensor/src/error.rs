//! What can be wrong with a shape, an index or a file.

use crate::DType;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of storage and views, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More axes than [`crate::MAX_AXES`].
    #[error("{axes} axes are more than the {limit} a tensor may have; merge axes with a reshape")]
    TooManyAxes {
        /// Axes asked for.
        axes: usize,
        /// The limit.
        limit: usize,
    },
    /// The number of elements overflows.
    #[error("shape {shape:?} has more than 2^63 elements; no memory holds it")]
    TooLarge {
        /// The offending shape.
        shape: Vec<usize>,
    },
    /// Data length and shape disagree.
    #[error("{elements} elements do not fill shape {shape:?} ({expected} elements)")]
    LengthMismatch {
        /// Elements given.
        elements: usize,
        /// Shape asked for.
        shape: Vec<usize>,
        /// Elements the shape needs.
        expected: usize,
    },
    /// Two shapes should be equal and are not.
    #[error("{what}: shape {left:?} does not match {right:?}")]
    ShapeMismatch {
        /// The operation.
        what: &'static str,
        /// Shape of the first operand.
        left: Vec<usize>,
        /// Shape of the second operand.
        right: Vec<usize>,
    },
    /// An axis number is out of range.
    #[error("{what}: axis {axis} does not exist in a tensor of {ndim} axes")]
    AxisOutOfRange {
        /// The operation.
        what: &'static str,
        /// The offending axis.
        axis: usize,
        /// Axes of the tensor.
        ndim: usize,
    },
    /// A list of axes is not a permutation.
    #[error("{order:?} is not a permutation of the {ndim} axes 0..{ndim}")]
    NotAPermutation {
        /// The list given.
        order: Vec<usize>,
        /// Axes of the tensor.
        ndim: usize,
    },
    /// A range or index leaves its axis.
    #[error("axis {axis}: index {index} is out of range for length {length}")]
    IndexOutOfRange {
        /// The axis.
        axis: usize,
        /// The index.
        index: usize,
        /// Length of the axis.
        length: usize,
    },
    /// The element type is not the one asked for.
    #[error("the tensor holds {found}, not {wanted}; convert it first")]
    WrongDType {
        /// Element type of the tensor.
        found: DType,
        /// Element type asked for.
        wanted: DType,
    },
    /// An expression uses an input that was not given.
    #[error("the expression uses input {input}, but {operands} were given; inputs count from 0")]
    MissingOperand {
        /// The input used.
        input: usize,
        /// Inputs given.
        operands: usize,
    },
    /// An operation is not defined for an element type.
    #[error("{operation} is not defined for {dtype}; convert the operand first")]
    Unsupported {
        /// The operation.
        operation: &'static str,
        /// The element type.
        dtype: DType,
    },
    /// An axis is named twice.
    #[error("{what}: axis {axis} is named twice; name every axis once")]
    RepeatedAxis {
        /// The operation.
        what: &'static str,
        /// The axis.
        axis: usize,
    },
    /// The extremum of no elements.
    #[error("{what} of no elements is not defined; the shape is {shape:?}")]
    EmptyReduction {
        /// The reduction.
        what: &'static str,
        /// Shape of the operand.
        shape: Vec<usize>,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(Box<crate::file::FileError>),
}
