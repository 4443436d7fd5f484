//! Stored representations of tensors, and the search for the smallest one.
//!
//! A [`Representation`] is a diagram with stored numbers and the [`Layout`] that
//! leads from the diagram's value back to an array; a `.tsg` file is one on
//! disk. [`fit`] asks every [`Candidate`] of a [`Registry`] for families of
//! representations and returns the one that meets a [`Target`] in the fewest
//! bytes (or with the least error).
//!
//! Guarantees: the error reported is the error of what a reader of the file
//! expands; results depend on the input, the target and the seed only, not on
//! threads or time; a file is complete or not there; no file, however damaged,
//! makes a reader panic.
//!
//! Architecture invariant: this crate knows no particular decomposition.
//! Rooms above register theirs.

mod candidate;
mod codec;
mod constant;
mod container;
mod contraction;
mod dense;
mod draft;
mod error;
mod fit;
mod layout;
mod magnitude;
mod pattern;
mod plain;
mod problem;
mod representation;
mod search;
mod source;
mod stepping;
mod target;
mod wiring;

pub use candidate::{Candidate, Family, Outlook, Registry, Spectrum};
pub use codec::{Fineness, NodeForm, Packed, Quantised, Steps};
pub use draft::Draft;
pub use error::{Error, Result};
pub use fit::{Fit, FitOptions, fit};
pub use layout::Layout;
pub use plain::Plain;
pub use problem::{Problem, Progress, Teller};
pub use representation::{Representation, Storage, expanded_dtype};
pub use search::{CandidateResult, Frontier, Timing};

pub use source::read_array;
pub use target::{Goal, Target};
