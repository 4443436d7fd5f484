//! Equivariant polynomials of graphs (arXiv:2302.11556).
//!
//! A [`Polynomial`] is a multigraph H with none, one or two marked nodes: sums
//! of products of entries of a matrix X, one factor an edge. [`enumerate`] lists
//! them up to isomorphism by degree, [`ContractionBank`] says which of them a
//! model can compute ([`expressiveness()`] makes the table), and
//! [`PolynomialBank`] evaluates many at once as one graph of shared
//! contractions. [`Ppgn`] is the network whose features they are, and
//! [`undistinguished_pairs`] counts the graphs they do not tell apart.
//!
//! Guarantees: lists are in a fixed order; values of whole-number matrices are
//! exact while below 2⁵³ ([`PolynomialBank::count`] checks); results do not
//! depend on the number of threads. Not guaranteed: the least cost; elimination
//! orders are searched one polynomial at a time against the others.

mod bank;
mod canonical;
mod contraction;
mod eliminate;
mod elimination_plan;
mod enumeration;
mod expressiveness;
mod polynomial;
mod ppgn;
mod signature;

pub use bank::{PolynomialBank, normalise};
pub use contraction::ContractionBank;
pub use enumeration::{Family, enumerate};
pub use expressiveness::{ExpressivenessRow, expressiveness, extra_polynomials};
pub use polynomial::{Output, Polynomial};
pub use ppgn::{Ppgn, PpgnOptions};
pub use signature::{Undistinguished, undistinguished_pairs};
