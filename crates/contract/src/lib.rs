//! Contraction: in which order, by which kernels, and running it.
//!
//! The [`pair`] module contracts two strided tensors; everything larger is a
//! sequence of pairs.
//!
//! Architecture invariant: this crate knows nothing of decompositions, files
//! or how results are shown.

mod error;
pub mod pair;

pub use error::{Error, Result};
