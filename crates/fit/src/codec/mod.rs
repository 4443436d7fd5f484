//! How the numbers of a representation are stored.
//!
//! [`Quantised`] tensors are integers times steps; [`Packed`] is a stream of
//! them, entropy coded by an adaptive binary range coder whose models learn
//! while they code. Decoding uses integers up to the last multiplication by
//! the step, so a stream means the same numbers on every machine.

mod lattice;
mod logistic;
mod mixing;
mod packed;
mod quantised;
mod range;

pub use packed::{NodeForm, Packed};
pub use quantised::{Fineness, Quantised, Steps};
