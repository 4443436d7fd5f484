//! What can go wrong in fitting, storing and expanding.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A shape or an index is wrong.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
    /// A diagram is wrong.
    #[error(transparent)]
    Diagram(#[from] tensegrity_diagram::Error),
    /// A diagram cannot be run.
    #[error(transparent)]
    Contract(#[from] tensegrity_contract::Error),
    /// Axes do not split as asked.
    #[error("layout: {reason}")]
    Layout {
        /// What does not fit.
        reason: String,
    },
    /// Stored numbers or their header contradict themselves.
    #[error("damaged .tsg: {reason}; fetch or write the file again")]
    Damaged {
        /// What contradicts.
        reason: String,
    },
    /// A safetensors file that is no representation.
    #[error("not a .tsg file: its header describes no diagram; `fit` writes such files")]
    NotRepresentation,
    /// A representation of another version.
    #[error(
        "the .tsg file has format version {found}, this program reads {supported}; \
         write it again with the same version"
    )]
    Version {
        /// Version of the file.
        found: String,
        /// Version of this program.
        supported: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Memory does not suffice.
    #[error("{what} needs {bytes} bytes of memory, more than there is")]
    Memory {
        /// For what.
        what: &'static str,
        /// How much.
        bytes: u128,
    },
    /// There is nothing to fit.
    #[error("the array of shape {shape:?} has no elements; there is nothing to fit")]
    Empty {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The array holds something without a distance.
    #[error("the array holds {value} at index {index:?}; remove or replace it first")]
    NonFinite {
        /// Where, one index per axis.
        index: Vec<usize>,
        /// What.
        value: String,
    },
    /// A target outside the legal range.
    #[error("{target} is no target: {reason}")]
    Target {
        /// The target as given.
        target: String,
        /// What is legal.
        reason: &'static str,
    },
    /// No candidate meets the target.
    #[error("no candidate meets {target}; {best}")]
    Unreachable {
        /// The target as given.
        target: String,
        /// What is reachable.
        best: String,
    },
    /// No candidate of that name.
    #[error("unknown structure {name:?}; there are: {known}")]
    UnknownStructure {
        /// The name given.
        name: String,
        /// The registered names.
        known: String,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A candidate could not do its work.
    #[error("{structure}: {reason}")]
    Candidate {
        /// Its name.
        structure: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Error::Damaged {
            reason: reason.into(),
        }
    }
}
