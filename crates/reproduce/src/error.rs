//! Why a reproduction could not be run.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id without a reproduction.
    #[error("no reproduction {id:?}; known: {known}")]
    Unknown {
        /// The id given.
        id: String,
        /// The ids there are.
        known: String,
    },
    /// Real data that is missing or not what it should be.
    #[error("data {}: {problem}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A computation stopped.
    #[error("{what}: {source}")]
    Computation {
        /// What was computed.
        what: String,
        /// Why it stopped.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Wraps the error of a room.
    pub(crate) fn computing<E>(what: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let what = what.into();
        move |source| Self::Computation {
            what,
            source: source.into(),
        }
    }
}
