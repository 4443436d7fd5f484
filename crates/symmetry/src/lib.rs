//! Linear maps of tensors that commute with a group.
//!
//! The maps between tensor powers of Rⁿ that commute with S_n, A_n, O(n), SO(n)
//! or Sp(n) are combinations of a few *diagrams*, which do not depend on n:
//! [`HomSpace`] counts, lists and ranks them and picks bases, [`Diagram`] is one
//! of them, with the operations of its category, [`Layer`] all of them with
//! weights, and [`project()`] says how much of a tensor they explain. [`graph`]
//! does the same for the automorphisms of a graph, [`poly`] has the equivariant
//! polynomials of graphs.
//!
//! Guarantees: counts and dimensions are exact or an error; nothing of size n^m
//! is made unless a dense matrix is asked for; equal inputs give equal bits, on
//! any number of threads.
//!
//! Architecture invariant: this crate knows no other structure and no optimiser.
//! It builds diagrams of the spine and leaves their general contraction to it.

mod basis;
pub mod candidate;
mod count;
mod diagram;
mod error;
pub mod graph;
mod group;
mod layer;
mod listing;
mod moebius;
pub mod poly;
mod projection;
mod row;
mod space;

pub use count::{
    McKayQuiver, binomial, bounded_bell, dimension, falling, matchings, spanning_count,
    stirling_row,
};
pub use diagram::{Composite, Diagram, Factored, Kind, MAX_VERTICES, Terms};
pub use error::{Error, Result};
pub use group::Group;
pub use layer::{Connection, Cotangents, Explanation, Layer, LayerBuilder, Norm, Plan, PlanCost};
pub use projection::{Projection, project};
pub use space::{Basis, HomSpace, MAX_DIAGRAMS};

/// Largest n of a Levi-Civita symbol: n! entries are visited.
pub const MAX_HEAD: usize = 12;
