//! Quantised tensor trains: trains whose modes are the digits of the indices.
//!
//! An axis of length bᴸ becomes L axes of length b, most significant digit
//! first (Oseledets 2010; Khoromskij 2011). Exponentials, sines and polynomials
//! get ranks that do not grow with the length; pictures get a multi-scale basis.
//! Writing the digits of all axes of one scale together ([`Digits::Interleaved`],
//! [`Digits::Fused`]) often lowers ranks.
//!
//! Guarantees: the tolerance is met on the array itself, whatever the padding.

mod layout;
mod tensor;

pub use layout::{Digits, Padding, Quantization, quantize};
pub use tensor::QuantizedTt;
