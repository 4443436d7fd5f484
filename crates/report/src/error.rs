//! What can go wrong while a report is made.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of reports, in the user's terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The chart library could not draw.
    #[error("the chart {chart:?} cannot be drawn: {message}")]
    Chart {
        /// Title of the chart.
        chart: String,
        /// The library's words.
        message: String,
    },
    /// A picture could not be encoded.
    #[error("the picture {picture:?} cannot be encoded: {message}")]
    Picture {
        /// Caption of the picture.
        picture: String,
        /// The library's words.
        message: String,
    },
    /// The page template failed.
    #[error("the report page cannot be written: {0}")]
    Page(#[from] minijinja::Error),
    /// Original and reconstruction are not of one shape.
    #[error("original {left:?} and reconstruction {right:?} are not of one shape")]
    ShapeMismatch {
        /// Shape of the original.
        left: Vec<usize>,
        /// Shape of the reconstruction.
        right: Vec<usize>,
    },
}
