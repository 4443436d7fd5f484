//! What can be wrong with a request to meter energy.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of metering and of conversions, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option outside its range.
    #[error("option {name}: {problem}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A backend asked for by name cannot be used here.
    #[error("backend {backend} is not available: {reason}")]
    Unavailable {
        /// Name of the backend.
        backend: &'static str,
        /// Why, and what to change.
        reason: String,
    },
    /// A name that is in no table.
    #[error("unknown {what} {name:?}; known: {known}")]
    Unknown {
        /// What was looked up.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names in the table.
        known: String,
    },
    /// A CSV of load and power that cannot be read.
    #[error("{path}: line {line}: {problem}")]
    Profile {
        /// The file, or how the caller calls it.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Too few observations to fit a load shape.
    #[error(
        "no observation decides the power at {load} % load; profile more loads between 10 and 100 %"
    )]
    Undetermined {
        /// The knot, in percent of full load.
        load: f64,
    },
}

impl Error {
    pub(crate) fn option(name: &'static str, problem: impl Into<String>) -> Self {
        Error::Option {
            name,
            problem: problem.into(),
        }
    }
}
