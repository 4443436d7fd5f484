//! Symmetries of a graph: its automorphisms and the maps that commute with them.
//!
//! A [`Graph`] is read from graph6, digraph6, an edge list or an adjacency
//! matrix. [`automorphisms`] finds its group by individualisation and
//! refinement; [`PermutationGroup::from_generators`] takes a group as it is.
//! [`TupleOrbits`] are the orbits of a group on m-tuples of vertices: they are
//! a basis of the equivariant maps between orders k and l for m = k + l, and
//! [`GraphLayer`] has one weight for each. [`BilabelledGraph`] is the other
//! description of the same maps, by homomorphism counts, and
//! [`bilabelled_basis()`] searches a basis of small ones (arXiv:2307.07810).
//!
//! Guarantees: every generator is checked to be an automorphism; orders are
//! exact; orbits are numbered by their smallest tuple; results depend on the
//! input only, not on the number of threads. Not guaranteed: polynomial time;
//! a search beyond its limit is an error.

mod adjacency;
mod automorphism;
mod bilabelled;
mod bilabelled_basis;
mod edge_list;
mod graph6;
mod layer;
mod layer_kernel;
mod orbit;
mod permutation;
mod permutation_group;
mod refinement;
mod schreier_sims;

pub use adjacency::Graph;
pub use automorphism::automorphisms;
pub use bilabelled::BilabelledGraph;
pub use bilabelled_basis::{BilabelledBasis, bilabelled_basis};
pub use edge_list::parse_edge_list;
pub use graph6::{parse_graph6, to_graph6};
pub use layer::{GraphLayer, GraphLayerGradients, GraphLayerPlan};
pub use orbit::TupleOrbits;
pub use permutation::Permutation;
pub use permutation_group::PermutationGroup;
pub(crate) use refinement::mix;
