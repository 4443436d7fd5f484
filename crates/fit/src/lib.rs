//! Being built.
mod codec;
mod error;
pub use codec::{Fineness, NodeForm, Packed, Quantised, Steps};
pub use error::{Error, Result};
