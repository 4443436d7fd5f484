//! What can be wrong with a diagram, a network or an expression.

use crate::Caret;

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
    /// A list of merges is not a contraction order.
    #[error("contraction tree: {0}")]
    InvalidTree(String),
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
    /// The text is not an expression.
    #[error("{}", .caret.message(.reason))]
    Syntax {
        /// The place.
        caret: Caret,
        /// What is wrong there.
        reason: String,
    },
    /// An index of the output is in no operand.
    #[error("{}", .caret.message(&format!(
        "index {index} of the output is in no operand; remove it, or give its size{hint}"
    )))]
    UnknownOutputIndex {
        /// The place.
        caret: Caret,
        /// The index.
        index: String,
        /// A likely reason.
        hint: &'static str,
    },
    /// A size is given for an index that does not occur, or missing.
    #[error("{}", .caret.message(&format!(
        "no size for index {index}: sizes belong to indices of the expression, and \
         every index needs one"
    )))]
    UnknownIndex {
        /// The place.
        caret: Caret,
        /// The index.
        index: String,
    },
    /// An expression is used with the wrong number of operands.
    #[error("{}", .caret.message(&format!(
        "{found} operands given, but the expression has {expected} terms"
    )))]
    OperandCount {
        /// The first term without operand, or the end.
        caret: Caret,
        /// Terms of the expression.
        expected: usize,
        /// Operands given.
        found: usize,
    },
    /// An operand has not as many axes as its term.
    #[error("{}", .caret.message(&format!(
        "operand {operand} has {} axes (shape {shape:?}), but its term names {at_least}{named}",
        .shape.len()
    )))]
    RankMismatch {
        /// The term.
        caret: Caret,
        /// Number of the operand, counted from 1.
        operand: usize,
        /// Its shape.
        shape: Vec<usize>,
        /// Axes the term names.
        named: usize,
        /// `at least ` if the term holds `...`.
        at_least: &'static str,
    },
    /// An index has two sizes.
    #[error("{}", .caret.message(&format!("{index} is {left} but {right}")))]
    SizeConflict {
        /// The second use.
        caret: Caret,
        /// The index, or the broadcast axis.
        index: String,
        /// Size and place of the first use.
        left: String,
        /// Size and place of the second use.
        right: String,
    },
    /// The length of an axis does not divide into its group.
    #[error("{}", .caret.message(&format!(
        "axis {axis} of operand {operand} has length {length}: {reason}"
    )))]
    GroupSize {
        /// The group, or the index that cannot be inferred.
        caret: Caret,
        /// Number of the operand, counted from 1.
        operand: usize,
        /// Axis of the operand, counted from 0.
        axis: usize,
        /// Its length.
        length: usize,
        /// What is wrong.
        reason: String,
    },
    /// Operands have `...` axes that the output does not place.
    #[error("{}", .caret.message(&format!(
        "`...` stands for {axes} axes of the operands but is not in the output; \
         write it there, or name the axes to sum them"
    )))]
    UnplacedBroadcast {
        /// The output.
        caret: Caret,
        /// Number of axes.
        axes: usize,
    },
}
