//! What can be wrong with a diagram, a network or an expression.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of diagrams and expressions, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Diagrams.
    /// Two boundaries do not fit together.
    #[error(
        "{what}: dimension {left} does not fit {right} at position {position} (counted from 0); \
         the two boundaries must agree position by position"
    )]
    ShapeMismatch {
        /// The operation.
        what: &'static str,
        /// Position in the boundary.
        position: usize,
        /// Dimension on the side of the first argument.
        left: u64,
        /// Dimension on the side of the second argument.
        right: u64,
    },
    /// Two boundaries carry incompatible variances.
    #[error(
        "{what}: a wire of type {left} meets one of type {right} at position {position}; \
         bend one of them with a cup or a cap, or tag it plain"
    )]
    VarianceMismatch {
        /// The operation.
        what: &'static str,
        /// Position in the boundary.
        position: usize,
        /// Tag on the side of the first argument.
        left: String,
        /// Tag on the side of the second argument.
        right: String,
    },
    /// Two boundaries have different lengths, or a list has the wrong one.
    #[error("{what}: {found} wires given where {expected} are needed")]
    ArityMismatch {
        /// The operation or node.
        what: String,
        /// Wires given.
        found: usize,
        /// Wires needed.
        expected: usize,
    },
    /// A wire number does not exist.
    #[error("{what}: wire {wire} does not exist; there are {wires} wires")]
    UnknownWire {
        /// Where the wire is named.
        what: String,
        /// The offending number.
        wire: u32,
        /// Wires of the diagram or network.
        wires: usize,
    },
    /// A leg of a node is attached to a wire of another dimension.
    #[error("node `{node}`: leg {leg} has dimension {found} but its wire has {expected}")]
    LegDimension {
        /// Name of the node.
        node: String,
        /// Leg of the node.
        leg: usize,
        /// Dimension of the payload along this leg.
        found: u64,
        /// Dimension of the wire.
        expected: u64,
    },
    /// One argument slot is used with two shapes.
    #[error(
        "slot {slot} is used with shape {left:?} and with shape {right:?}; \
         use another slot for the second tensor"
    )]
    SlotConflict {
        /// The slot.
        slot: u32,
        /// Shape at the first use.
        left: Vec<u64>,
        /// Shape at the second use.
        right: Vec<u64>,
    },
    /// A list is not a permutation.
    #[error("{order:?} is not a permutation of 0..{length}")]
    NotAPermutation {
        /// The list given.
        order: Vec<usize>,
        /// Length of the list permuted.
        length: usize,
    },
    /// A generator is asked for with impossible parameters.
    #[error("{generator}: {reason}")]
    InvalidGenerator {
        /// Name of the generator.
        generator: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A saved diagram does not describe a diagram.
    #[error("diagram description: {0}")]
    InvalidOutline(String),
    /// Something has more elements than any memory can hold.
    #[error("{what} has dimensions {dims:?}: more than 2^63 elements")]
    TooLarge {
        /// Operand, output or node.
        what: String,
        /// Its dimensions.
        dims: Vec<u64>,
    },
    /// Tensor storage refused.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
    // Expressions.
}
