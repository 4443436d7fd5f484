//! What can be wrong with a request about symmetry.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of equivariant maps, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A family without a member of this size.
    #[error("{group}({n}): {problem}")]
    GroupSize {
        /// The family.
        group: &'static str,
        /// The size.
        n: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Letters that name no family of groups.
    #[error("no group is called {name:?}; known are S, A, O, SO and Sp")]
    UnknownGroup {
        /// The letters given.
        name: String,
    },
    /// An argument that makes no sense.
    #[error("{name}: {problem}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Two shapes that should agree do not.
    #[error("{what}: shape {found:?} does not fit {expected}")]
    Shape {
        /// The operation or argument.
        what: &'static str,
        /// Shape found.
        found: Vec<usize>,
        /// What the operation needs, in words.
        expected: String,
    },
    /// An element type nothing is computed in.
    #[error("{what} holds {found}; give f32 or f64 ({expected} is what integers become)")]
    ElementType {
        /// The argument.
        what: &'static str,
        /// Its type.
        found: tensegrity_tensor::DType,
        /// What would be right.
        expected: tensegrity_tensor::DType,
    },
    /// A count beyond 128 bits.
    #[error("{what} does not fit in 128 bits")]
    Overflow {
        /// What was counted.
        what: String,
    },
    /// A count or size beyond a limit.
    #[error("{what} is {count}, beyond the limit of {limit}; {remedy}")]
    TooLarge {
        /// What was counted.
        what: String,
        /// The count.
        count: u128,
        /// The limit.
        limit: u128,
        /// What to do.
        remedy: &'static str,
    },
    /// Text that is not what it should be.
    #[error("{text:?} is not {what}: at position {position}, {problem}")]
    Parse {
        /// What was to be read.
        what: &'static str,
        /// The text.
        text: String,
        /// Byte position in the text.
        position: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A diagram that is no map of the group.
    #[error("{diagram} is no map of {group}({n}): {problem}")]
    Mismatch {
        /// The diagram.
        diagram: String,
        /// The group.
        group: &'static str,
        /// Its size.
        n: usize,
        /// Why not.
        problem: String,
    },
    /// A basis that has another size than the closed form says.
    #[error(
        "{found} independent diagrams of {group}({n}) were found where there are {expected};          this is a defect, please report it"
    )]
    Rank {
        /// The group.
        group: &'static str,
        /// Its size.
        n: usize,
        /// Diagrams found.
        found: usize,
        /// The dimension.
        expected: u128,
    },
    /// A group and orders between which only the zero map is equivariant.
    #[error(
        "the only {group}({n})-equivariant map from order {k} to order {l} is zero; \
         leave this pair of orders out, or allow empty spaces"
    )]
    EmptyHomSpace {
        /// The group.
        group: &'static str,
        /// Its size.
        n: usize,
        /// Order of the input.
        k: usize,
        /// Order of the output.
        l: usize,
    },
    /// From contraction.
    #[error(transparent)]
    Contract(#[from] tensegrity_contract::Error),
    /// From diagrams.
    #[error(transparent)]
    Diagram(#[from] tensegrity_diagram::Error),
    /// From differentiation.
    #[error(transparent)]
    Grad(#[from] tensegrity_grad::Error),
    /// From linear algebra.
    #[error(transparent)]
    Linalg(#[from] tensegrity_linalg::Error),
    /// From storage and views.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
}
