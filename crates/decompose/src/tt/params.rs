//! Options of TT-SVD and rounding, and the ranks they ask for.

use tensegrity_linalg::SvdMethod;
use tensegrity_tensor::Axes;

use crate::{Error, Note, Result, Tol};

/// Options of [`crate::tt_svd`] and [`crate::TtTensor::round`].
#[derive(Clone, Debug, Default)]
pub struct TtOptions {
    /// Most values on any bond, whatever the tolerance; `None` for no limit.
    /// The tolerance may then not be met; the report has the error reached.
    pub max_rank: Option<usize>,
    /// How singular vectors are computed. `Auto` is deterministic: Gram
    /// matrices unless the truncation needs more digits.
    pub svd: SvdMethod,
}

/// The largest ranks a train of this shape can have: each bond's is at most the
/// number of elements on either side. One entry for each inner bond.
pub(crate) fn largest_ranks(shape: &[usize]) -> Axes {
    let bonds = shape.len() - 1;
    let mut left = 1usize;
    let mut ranks: Axes = shape[..bonds]
        .iter()
        .map(|&n| {
            left = left.saturating_mul(n);
            left
        })
        .collect();
    let mut right = 1usize;
    for bond in (0..bonds).rev() {
        right = right.saturating_mul(shape[bond + 1]);
        ranks[bond] = ranks[bond].min(right);
    }
    ranks
}

/// Limits on the inner bonds: from the tolerance's ranks, which may be listed
/// with the outer ones (of one) or without, and from `max_rank`.
pub(crate) fn bond_limits(
    tol: &Tol,
    max_rank: Option<usize>,
    shape: &[usize],
    notes: &mut Vec<Note>,
) -> Result<(Axes, bool)> {
    if max_rank == Some(0) {
        return Err(Error::ZeroRank { position: 0 });
    }
    let mut limits = largest_ranks(shape);
    let bonds = limits.len();
    let asked = tol.ranks()?;
    if let Some(asked) = asked {
        let inner = match asked {
            [first, inner @ .., last] if inner.len() == bonds => {
                for (core, rank) in [(0, first), (bonds, last)] {
                    if *rank != 1 {
                        return Err(Error::Boundary {
                            core,
                            problem: format!("its outer rank is {rank}; it must be 1"),
                        });
                    }
                }
                inner
            }
            inner if inner.len() == bonds => inner,
            _ => {
                return Err(Error::RankCount {
                    format: "a tensor train",
                    found: asked.len(),
                    modes: shape.len(),
                    expected: format!(
                        "one for each bond, {bonds}, or {} with the outer ranks of 1",
                        bonds + 2
                    ),
                });
            }
        };
        for (place, (limit, &asked)) in limits.iter_mut().zip(inner).enumerate() {
            if asked > *limit {
                let used = *limit;
                notes.push(Note::RankClipped { place, asked, used });
            }
            *limit = asked.min(*limit);
        }
        // A rank may also be more than its neighbours' allow.
        clip_by_neighbours(&mut limits, shape, notes);
    }
    if let Some(most) = max_rank {
        limits
            .iter_mut()
            .for_each(|limit| *limit = most.min(*limit));
    }
    Ok((limits, asked.is_some()))
}

/// r_k ≤ r_{k−1}·n_k and r_{k−1} ≤ n_k·r_k.
fn clip_by_neighbours(ranks: &mut Axes, shape: &[usize], notes: &mut Vec<Note>) {
    let mut clip = |ranks: &mut Axes, bond: usize, bound: usize| {
        if ranks[bond] > bound {
            let asked = ranks[bond];
            notes.push(Note::RankClipped {
                place: bond,
                asked,
                used: bound,
            });
            ranks[bond] = bound;
        }
    };
    for bond in 0..ranks.len() {
        let left = if bond == 0 { 1 } else { ranks[bond - 1] };
        clip(ranks, bond, left.saturating_mul(shape[bond]));
    }
    for bond in (0..ranks.len()).rev() {
        let right = ranks.get(bond + 1).copied().unwrap_or(1);
        clip(ranks, bond, right.saturating_mul(shape[bond + 1]));
    }
}
