//! Self-contained HTML reports.
//!
//! A report is one file without network access: style, pictures (PNG as data
//! URIs), charts and diagrams (SVG) are inside, and it needs no script. It is
//! laid out for a phone, a desktop and print.
//!
//! Guarantees: the same input gives the same bytes; text from users (file
//! names, structure names) is escaped. Not guaranteed: that pictures have the
//! resolution of the data; they are reduced to a readable size by averaging.
//!
//! Architecture invariant: this crate draws plain data ([`FitReport`], [`TrainingReport`]); it
//! knows nothing of how the numbers were found.

mod chart;
mod error;
mod page;
mod picture;
mod training;

pub use chart::{Curve, Point, Series};
pub use error::{Error, Result};
pub use page::{CandidateRow, FitReport, Timing};
pub use picture::{Panel, Picture, panels};
pub use training::{RunRow, Trace, TrainingReport};
