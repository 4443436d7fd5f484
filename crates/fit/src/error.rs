//! What can go wrong in fitting, storing and expanding.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A shape or an index is wrong.
    #[error(transparent)]
    Tensor(#[from] tensegrity_tensor::Error),
    /// Stored numbers or their header contradict themselves.
    #[error("damaged .tsg: {reason}; fetch or write the file again")]
    Damaged {
        /// What contradicts.
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
