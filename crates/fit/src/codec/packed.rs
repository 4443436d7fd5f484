//! A stream of quantised tensors.

use tensegrity_tensor::{Scalar, element_count};

use super::lattice::Model;
use super::quantised::{self, Quantised};
use super::range::{Bits, Decoder, Encoder};
use crate::{Error, Result};

/// Shape of a tensor in a stream and whether its rows have steps of their own:
/// what a reader must know from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeForm {
    /// Axis lengths.
    pub shape: Vec<usize>,
    /// Whether each index of the first axis has its own step.
    pub per_row: bool,
}

/// Entropy-coded tensors, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    bytes: Vec<u8>,
}

impl Packed {
    /// Codes `tensors`, all quantised with the same `step`.
    ///
    /// Cost: 60 to 200 ns a number.
    #[must_use]
    pub fn encode(step: f32, tensors: &[&Quantised]) -> Self {
        let mut encoder = Encoder::new();
        let mut model = Model::new();
        encoder.raw(step.to_bits().into(), 32);
        for tensor in tensors {
            tensor.encode(&mut model, &mut encoder);
        }
        encoder.seal();
        Self {
            bytes: encoder.finish(),
        }
    }

    /// Bytes that claim to be a stream.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes of the stream.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The values of every tensor, row-major.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the stream ends early, goes on too long, does not
    /// match its check sum or has no usable step. Memory grows with what has been decoded, not with what the
    /// forms announce.
    pub fn decode<T: Scalar>(&self, forms: &[NodeForm]) -> Result<Vec<Vec<T>>> {
        let mut decoder = Decoder::new(&self.bytes);
        let mut model = Model::new();
        let step = f32::from_bits(decoder.raw(0, 32) as u32);
        if !(step.is_finite() && step > 0.0) {
            return Err(Error::damaged("the packed numbers have no positive step"));
        }
        let mut tensors = Vec::with_capacity(forms.len());
        for (number, form) in forms.iter().enumerate() {
            element_count(&form.shape)?;
            let values = quantised::decode::<T, _>(
                &mut model,
                &mut decoder,
                &form.shape,
                form.per_row,
                step,
            )
            .ok_or_else(|| {
                Error::damaged(format!("the packed numbers end inside node {number}"))
            })?;
            tensors.push(values);
        }
        if !decoder.is_sealed() {
            return Err(Error::damaged(
                "the packed numbers do not match their check sum",
            ));
        }
        if decoder.unread() > 0 {
            return Err(Error::damaged(format!(
                "{} bytes follow the packed numbers",
                decoder.unread()
            )));
        }
        Ok(tensors)
    }
}
