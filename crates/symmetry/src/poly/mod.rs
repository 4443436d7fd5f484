//! Equivariant polynomials of graphs (arXiv:2302.11556).
//!
//! A [`Polynomial`] is a multigraph H with none, one or two marked nodes: sums
//! of products of entries of a matrix X, one factor an edge. [`enumerate`] lists
//! them up to isomorphism by degree, and [`ContractionBank`] says which of them
//! a model can compute ([`expressiveness`] makes the table).
//!
//! Guarantees: lists are in a fixed order.

mod canonical;
mod contraction;
mod enumeration;
mod expressiveness;
mod polynomial;

pub use contraction::ContractionBank;
pub use enumeration::{Family, enumerate};
pub use expressiveness::{ExpressivenessRow, expressiveness, extra_polynomials};
pub use polynomial::{Output, Polynomial};
