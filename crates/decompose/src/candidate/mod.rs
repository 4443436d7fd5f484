//! Decompositions as candidates of a fit.
//!
//! Each structure proposes families: one for every layout, grouping and order
//! of axes worth trying. A family decomposes the array once, in orthogonal
//! form, and quantises the result at whatever fineness the search asks for:
//! parts that matter little are stored coarsely or vanish, so ranks follow
//! from the fineness. Each later node is computed against the quantised
//! earlier ones, which takes up most of their rounding.

mod cp;
mod matrix;
mod spans;
mod tensor_train;
mod tucker;

use std::sync::Arc;

use tensegrity_fit::Registry;

/// Adds `tucker`, `tt`, `qtt` and `cp` to the candidates of fits.
pub fn register(registry: &mut Registry) {
    registry.add(Arc::new(tucker::TuckerCandidate));
    registry.add(Arc::new(tensor_train::TensorTrainCandidate));
    registry.add(Arc::new(tensor_train::QuantisedTensorTrainCandidate));
    registry.add(Arc::new(cp::CpCandidate));
}

/// Wraps an error of another room for the search: such a family drops out.
fn failed(structure: &str, error: impl std::fmt::Display) -> tensegrity_fit::Error {
    tensegrity_fit::Error::Candidate {
        structure: structure.to_owned(),
        reason: error.to_string(),
    }
}
