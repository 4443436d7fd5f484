//! Options of Tucker decompositions, and the ranks they ask for.

use tensegrity_linalg::SvdMethod;
use tensegrity_tensor::Axes;

use crate::{Error, Note, Result, Tol};

/// Options of [`crate::hosvd`] and [`crate::st_hosvd`].
#[derive(Clone, Debug, Default)]
pub struct TuckerOptions {
    /// Order in which ST-HOSVD processes the modes. `None`: with ranks given,
    /// the mode with the largest n_k/r_k first; with a tolerance, where ranks
    /// are not known in advance, the shortest mode first, which is the cheapest
    /// order if ranks are in proportion to lengths.
    pub order: Option<Vec<usize>>,
    /// How singular vectors are computed. `Auto` is deterministic: Gram
    /// matrices unless the truncation needs more digits.
    pub svd: SvdMethod,
}

/// Options of [`crate::hooi`].
#[derive(Clone, Debug)]
pub struct HooiOptions {
    /// Most sweeps over all modes (default 100).
    pub n_iter: usize,
    /// Stops when ‖core‖²/‖X‖² changes by less than this in a sweep (default 1e-10).
    pub tol: f64,
    /// As [`TuckerOptions::svd`].
    pub svd: SvdMethod,
}

impl Default for HooiOptions {
    fn default() -> Self {
        Self {
            n_iter: 100,
            tol: 1e-10,
            svd: SvdMethod::Auto,
        }
    }
}

/// One rank for each mode, lowered to what the shape allows: r_k ≤ n_k and
/// r_k ≤ Π_{j≠k} r_j.
pub(crate) fn feasible_ranks(
    tol: &Tol,
    shape: &[usize],
    notes: &mut Vec<Note>,
) -> Result<Option<Axes>> {
    let Some(asked) = tol.ranks()? else {
        return Ok(None);
    };
    if asked.len() != shape.len() {
        return Err(Error::RankCount {
            format: "a Tucker decomposition",
            found: asked.len(),
            modes: shape.len(),
            expected: format!("one for each mode, {}", shape.len()),
        });
    }
    let mut ranks: Axes = asked.iter().zip(shape).map(|(&r, &n)| r.min(n)).collect();
    loop {
        let mut changed = false;
        for k in 0..ranks.len() {
            let others = (0..ranks.len()).filter(|&j| j != k);
            let bound = others.fold(1usize, |product, j| product.saturating_mul(ranks[j]));
            if ranks[k] > bound {
                ranks[k] = bound;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    for (place, (&asked, &used)) in asked.iter().zip(&ranks).enumerate() {
        if used < asked {
            notes.push(Note::RankClipped { place, asked, used });
        }
    }
    Ok(Some(ranks))
}
