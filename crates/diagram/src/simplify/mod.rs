//! Exact simplification of networks before planning.
//!
//! [`simplify`] needs no values. It removes what does not influence the order of
//! contraction (axes of length one, repeated legs, legs that are summed on
//! their own, repeated and constant output axes, batch wires) and contracts
//! what every good order contracts first (factors over the same wires, and
//! pairs whose result is no larger than the larger of the two).
//!
//! What was done is a list of [`Operation`]s over tensors numbered as in a
//! contraction path: operands first, then one number per merge. Operations on
//! one tensor (drop, diagonal, sum) are free for an executor that reads
//! diagonals by strides and sums while it packs; merges are ordinary pair
//! steps, see [`Simplified::steps`].
//!
//! Guarantees: the value is unchanged. If no dimension is zero, a merged tensor
//! is never larger than the larger of the two it replaces, and for every
//! contraction tree of the original network there is one of the residual network in which each
//! intermediate has at most the size of its counterpart, so the least possible
//! largest tensor does not grow. (Let a pair a, b with |ab| ≤ |a| share the
//! closed wires s, and let f be the wires of b that a lacks: |f| ≤ |s|. Cut
//! leaf b out of any tree and put ab for a. A subtree with a alone trades s for
//! part of f; one with b alone loses s and gains at most f.) Equal input gives
//! equal output. Not guaranteed: that the fewest multiplications do not grow;
//! a search that is exact should leave [`Pass::Absorb`] out.
//!
//! Cost: O(legs · log) but for wires on very many operands, where the search
//! for a pair to absorb is bounded.

mod absorb;
mod operation;
mod passes;
mod reducer;
mod residual;
#[cfg(test)]
mod tests;

pub use operation::{Operation, Simplified};
pub use passes::{Pass, Passes};

use crate::{Network, Result};
use reducer::Reducer;

/// Simplifies `network` by the passes asked for.
///
/// ```
/// use tensegrity_diagram::{Expression, Passes, simplify};
/// // A vector, two factors on the same matrix, and a sum over k.
/// let bound = Expression::parse("i,ij,ij,jk->j")?.bind(&[&[2], &[2, 3], &[2, 3], &[3, 4]])?;
/// let simple = simplify(&bound.network, Passes::ALL)?;
/// assert_eq!(simple.tensors.len(), 1);
/// assert_eq!(simple.steps().len(), 3);
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
///
/// # Errors
/// Those of [`Network::validate`].
pub fn simplify(network: &Network, passes: Passes) -> Result<Simplified> {
    network.validate()?;
    let mut reducer = Reducer::new(network);
    if passes.has(Pass::UnitWires) {
        reducer.drop_unit_wires();
    }
    if passes.has(Pass::Diagonals) {
        reducer.take_diagonals();
    }
    if passes.has(Pass::LoneWires) {
        reducer.sum_lone_wires();
    }
    if passes.has(Pass::Hadamard) {
        reducer.merge_equal();
    }
    if passes.has(Pass::Absorb) {
        absorb::absorb(&mut reducer);
    }
    if passes.has(Pass::Scalars) {
        reducer.multiply_scalars();
    }
    Ok(residual::finish(reducer, passes))
}
