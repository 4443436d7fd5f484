//! What can be wrong with a plan or a run.

use tensegrity_tensor::DType;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of planning and running, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The expression, or its operands' shapes, are wrong.
    #[error(transparent)]
    Diagram(#[from] tensegrity_diagram::Error),
    /// Tensor storage refused.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
    /// A plan was made for another number of operands.
    #[error("{what} takes {expected} operands; {found} were given")]
    OperandCount {
        /// What is run.
        what: String,
        /// Operands it takes.
        expected: usize,
        /// Operands given.
        found: usize,
    },
    /// A plan was made for other shapes.
    #[error(
        "operand {} has shape {found:?}, but the plan was made for {expected:?}; \
         make a new plan for these shapes",
        operand + 1
    )]
    PlanShape {
        /// Operand, counted from 0; messages count from 1.
        operand: usize,
        /// Shape the plan was made for.
        expected: Vec<usize>,
        /// Shape given.
        found: Vec<usize>,
    },
    /// The result does not fit where it should be written.
    #[error("the output has shape {found:?}, but the result has {expected:?}")]
    OutputShape {
        /// Shape of the result.
        expected: Vec<usize>,
        /// Shape given.
        found: Vec<usize>,
    },
    /// Element types that cannot be combined as asked.
    #[error("{what}: {found} where {expected} is needed; convert it first")]
    WrongDType {
        /// Which operand or output.
        what: String,
        /// Element type given.
        found: DType,
        /// Element type needed.
        expected: DType,
    },
    /// The computation needs more memory than allowed.
    #[error(
        "the contraction needs {needed} bytes at once, more than the memory limit of {limit}; \
         raise the limit or minimize `peak` (cutting a contraction into slices is not \
         supported yet)"
    )]
    MemoryBudget {
        /// Bytes of intermediates and result at the peak, or of the largest
        /// operand if that is more.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The system has no memory for the result or the intermediates.
    #[error(
        "no memory for {bytes} bytes of {what}; contract in smaller pieces, for example \
         a part of a free index at a time"
    )]
    OutOfMemory {
        /// What the memory was for.
        what: &'static str,
        /// Bytes asked for.
        bytes: u64,
    },
    /// A sequence of contraction steps does not lead from the operands to the result.
    #[error("contraction path: {0}")]
    InvalidPath(String),
    /// No planner has this name.
    #[error("there is no planner `{found}`; known are {known}")]
    UnknownPlanner {
        /// The name given.
        found: String,
        /// The names known.
        known: String,
    },
    /// No cost has this name.
    #[error(
        "`{found}` is no cost to minimize; use flops, max, size, write, peak, time, \
         combo or limit (these two with a factor if you like: combo-64)"
    )]
    UnknownObjective {
        /// The name given.
        found: String,
    },
    /// No effort has this name.
    #[error("`{found}` is no effort; use fast, normal or high")]
    UnknownEffort {
        /// The name given.
        found: String,
    },
    /// An exact search would take too long.
    #[error(
        "{tensors} tensors are too many, or too densely connected, for planner `optimal`; \
         use `auto`"
    )]
    SearchTooLarge {
        /// Tensors of the network.
        tensors: usize,
    },
    /// A plan was written by another version.
    #[error("the plan has version {found}, but this program reads version {expected}; plan again")]
    PlanVersion {
        /// Version of the plan.
        found: u64,
        /// Version read.
        expected: u32,
    },
    /// A text does not describe what it should.
    #[error("{what}: {reason}")]
    InvalidFile {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
