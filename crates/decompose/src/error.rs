//! What can be wrong with a request for a decomposition.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of decompositions, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor without axes.
    #[error("a tensor without axes has no structure to find; reshape it to at least one axis")]
    NoModes,
    /// A mode of length zero.
    #[error("mode {mode} of shape {shape:?} has length zero; there is nothing to decompose")]
    EmptyMode {
        /// The offending mode.
        mode: usize,
        /// Shape of the tensor.
        shape: Vec<usize>,
    },
    /// A NaN or an infinity among the elements.
    #[error("the element at index {index:?} is {value}; replace or mask it first")]
    NotFinite {
        /// Index of the first such element.
        index: Vec<usize>,
        /// The element as text.
        value: String,
    },
    /// A rank of zero.
    #[error("rank {position} is zero; the smallest rank is 1")]
    ZeroRank {
        /// Position in the list of ranks.
        position: usize,
    },
    /// A list of ranks of the wrong length.
    #[error("{found} ranks for a tensor of {modes} modes; {format} takes {expected}")]
    RankCount {
        /// The format.
        format: &'static str,
        /// Ranks given.
        found: usize,
        /// Number of modes.
        modes: usize,
        /// What the format takes, in words.
        expected: String,
    },
    /// A tensor train's outer rank is not one, or neighbouring cores disagree.
    #[error("core {core}: {problem}")]
    Boundary {
        /// The offending core.
        core: usize,
        /// What does not fit.
        problem: String,
    },
    /// No rank tried meets the error asked for.
    #[error(
        "rank {rank}, which fits any tensor of this shape, still has relative error \
         {reached:.3e} and not {wanted:.3e}; allow more error or more sweeps"
    )]
    NotReached {
        /// The error asked for.
        wanted: f64,
        /// The error reached.
        reached: f64,
        /// At this rank.
        rank: usize,
    },
    /// A tolerance outside its range.
    #[error("tolerance {value} is not {range}")]
    Tolerance {
        /// The value given.
        value: f64,
        /// The legal range in words.
        range: &'static str,
    },
    /// A mode number out of range or named twice.
    #[error("{what}: mode {mode} does not exist (or is named twice) in a tensor of {modes} modes")]
    Mode {
        /// The operation.
        what: &'static str,
        /// The offending mode.
        mode: usize,
        /// Number of modes.
        modes: usize,
    },
    /// An index beyond its mode.
    #[error("mode {mode}: index {index} is out of range for length {length}")]
    Index {
        /// The mode.
        mode: usize,
        /// The index.
        index: usize,
        /// Length of the mode.
        length: usize,
    },
    /// Two shapes that should agree do not.
    #[error("{what}: shape {found:?} does not fit {expected:?}")]
    Shape {
        /// The operation.
        what: &'static str,
        /// Shape found.
        found: Vec<usize>,
        /// Shape the operation needs.
        expected: Vec<usize>,
    },
    /// An option that makes no sense.
    #[error("option {name}: {problem}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// From the spine.
    #[error(transparent)]
    Diagram(#[from] tensegrity_diagram::Error),
    /// From linear algebra.
    #[error(transparent)]
    Linalg(#[from] tensegrity_linalg::Error),
    /// From storage and views.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
}
