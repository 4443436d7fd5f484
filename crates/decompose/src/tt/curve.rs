//! Error against ranks: one fine train that answers for all smaller ones.

use tensegrity_tensor::View;

use crate::{Decomposed, Entry, Error, Gauge, Result, Tol, TtOptions, TtTensor, tt_svd};

/// A fine train with the singular values of its bonds.
///
/// The square of the error of ranks r is between the largest and the sum of the
/// bonds' tails Σ_{i>r_k} s_i² (Oseledets 2011, theorem 2.2), so that ranks can
/// be chosen from the spectra; [`TtCurve::truncate`] makes the train and
/// measures its true error at the cost of a rounding.
#[derive(Clone, Debug)]
pub struct TtCurve<T> {
    fine: TtTensor<T>,
    spectra: Vec<Vec<f64>>,
    /// For each bond, Σ_{i≥r} s_i² at position r.
    tails: Vec<Vec<f64>>,
    norm: f64,
    finest: f64,
}

impl<T: Entry> TtCurve<T> {
    /// Decomposes `x` to the relative tolerance `finest`.
    ///
    /// Cost: as [`tt_svd`] at that tolerance and one sweep over the train.
    ///
    /// # Errors
    /// As [`tt_svd`].
    pub fn new(x: &View<'_, T>, finest: f64, options: &TtOptions) -> Result<Self> {
        let found = tt_svd(x, &Tol::Rel(finest), options)?;
        Self::from_train(&found.tensor, found.report.error)
    }

    /// The curve of a train whose own relative error is `error`.
    ///
    /// # Errors
    /// Cores that are not finite.
    pub fn from_train(train: &TtTensor<T>, error: f64) -> Result<Self> {
        let fine = train.canonical(Gauge::Right)?;
        let norm = fine.cores[0].norm();
        let spectra = fine.schmidt_values()?;
        let tails = spectra
            .iter()
            .map(|values| {
                let mut tails = vec![0.0; values.len() + 1];
                for (position, value) in values.iter().enumerate().rev() {
                    tails[position] = tails[position + 1] + value * value;
                }
                tails
            })
            .collect();
        Ok(Self {
            fine,
            spectra,
            tails,
            norm,
            finest: error,
        })
    }

    /// The fine train, right-canonical.
    #[must_use]
    pub fn fine(&self) -> &TtTensor<T> {
        &self.fine
    }

    /// Relative error of the fine train itself.
    #[must_use]
    pub fn finest(&self) -> f64 {
        self.finest
    }

    /// The singular values at each inner bond.
    #[must_use]
    pub fn spectra(&self) -> &[Vec<f64>] {
        &self.spectra
    }

    /// Bounds (least, most) on the relative error of the inner `ranks`, the fine
    /// train's own included.
    ///
    /// # Errors
    /// [`Error::RankCount`], [`Error::ZeroRank`].
    pub fn error_bounds(&self, ranks: &[usize]) -> Result<(f64, f64)> {
        self.check(ranks)?;
        if self.norm == 0.0 {
            return Ok((0.0, 0.0));
        }
        let tails = ranks
            .iter()
            .zip(&self.tails)
            .map(|(&r, tails)| tails[r.min(tails.len() - 1)]);
        let (mut largest, mut sum) = (0.0f64, 0.0);
        for tail in tails {
            largest = largest.max(tail);
            sum += tail;
        }
        let (square, own) = (self.norm * self.norm, self.finest * self.finest);
        Ok((
            (largest / square).max(own).sqrt(),
            (sum / square + own).sqrt(),
        ))
    }

    /// The train rounded to the inner `ranks`; the report's error is relative
    /// to the fine train.
    ///
    /// # Errors
    /// As [`TtTensor::round`].
    pub fn truncate(&self, ranks: &[usize]) -> Result<Decomposed<TtTensor<T>>> {
        self.check(ranks)?;
        let feasible = ranks
            .iter()
            .zip(&self.spectra)
            .map(|(&r, s)| r.min(s.len()));
        self.fine
            .round(&Tol::Ranks(feasible.collect()), &TtOptions::default())
    }

    /// Inner ranks with few parameters whose error bound Σ tails is at most
    /// `error` (relative, the fine train's own included); `None` if the fine
    /// train is not that close.
    ///
    /// Greedy from the finest ranks: each step drops the value that saves the
    /// most parameters for the error it adds. The true error is below the bound,
    /// often by a third; try a larger `error` and measure.
    #[must_use]
    pub fn smallest(&self, error: f64) -> Option<Vec<usize>> {
        let budget = error * error - self.finest * self.finest;
        if budget < 0.0 {
            return None;
        }
        let limit = budget * self.norm * self.norm;
        let mut ranks: Vec<usize> = self.spectra.iter().map(Vec::len).collect();
        let mut spent = 0.0;
        loop {
            let candidates = (0..ranks.len()).filter(|&bond| ranks[bond] > 1);
            let best = candidates
                .map(|bond| {
                    let cost = self.tails[bond][ranks[bond] - 1] - self.tails[bond][ranks[bond]];
                    (bond, cost, self.saving(&ranks, bond) / cost.max(1e-300))
                })
                .filter(|&(_, cost, _)| spent + cost <= limit)
                .max_by(|a, b| a.2.total_cmp(&b.2));
            match best {
                Some((bond, cost, _)) => {
                    spent += cost;
                    ranks[bond] -= 1;
                }
                None => return Some(self.feasible(ranks)),
            }
        }
    }

    /// Inner ranks of small error whose train has at most `budget` parameters;
    /// `None` if ranks of one have more.
    ///
    /// Greedy from ranks of one: each step adds the value that removes the most
    /// error for its parameters.
    #[must_use]
    pub fn closest(&self, budget: usize) -> Option<Vec<usize>> {
        let mut ranks = vec![1; self.spectra.len()];
        if self.params(&ranks) > budget {
            return None;
        }
        loop {
            let params = self.params(&ranks);
            let candidates =
                (0..ranks.len()).filter(|&bond| ranks[bond] < self.spectra[bond].len());
            let best = candidates
                .filter_map(|bond| {
                    let mut higher = ranks.clone();
                    higher[bond] += 1;
                    let after = self.params(&higher);
                    let gain = self.tails[bond][ranks[bond]] - self.tails[bond][ranks[bond] + 1];
                    let feasible = self.is_feasible(&higher);
                    (after <= budget && feasible).then(|| (bond, gain / (after - params) as f64))
                })
                .max_by(|a, b| a.1.total_cmp(&b.1));
            match best {
                Some((bond, _)) => ranks[bond] += 1,
                None => return Some(ranks),
            }
        }
    }

    /// Parameters of a train of this shape with these inner ranks.
    #[must_use]
    pub fn params(&self, ranks: &[usize]) -> usize {
        let shape = self.fine.shape();
        let at = |bond: usize| ranks.get(bond).copied().unwrap_or(1);
        (0..shape.len())
            .map(|k| if k == 0 { 1 } else { at(k - 1) } * shape[k] * at(k))
            .sum()
    }

    /// Parameters saved by lowering the rank of one bond by one.
    fn saving(&self, ranks: &[usize], bond: usize) -> f64 {
        let before = if bond == 0 { 1 } else { ranks[bond - 1] };
        let after = ranks.get(bond + 1).copied().unwrap_or(1);
        let n = |k: usize| self.fine.cores[k].shape()[1];
        (before * n(bond) + n(bond + 1) * after) as f64
    }

    fn is_feasible(&self, ranks: &[usize]) -> bool {
        self.feasible(ranks.to_vec()) == ranks
    }

    /// Lowers ranks to what their neighbours allow.
    fn feasible(&self, mut ranks: Vec<usize>) -> Vec<usize> {
        let n = |k: usize| self.fine.cores[k].shape()[1];
        for bond in 0..ranks.len() {
            let left = if bond == 0 { 1 } else { ranks[bond - 1] };
            ranks[bond] = ranks[bond].min(left * n(bond));
        }
        for bond in (0..ranks.len()).rev() {
            let right = ranks.get(bond + 1).copied().unwrap_or(1);
            ranks[bond] = ranks[bond].min(right * n(bond + 1));
        }
        ranks
    }

    fn check(&self, ranks: &[usize]) -> Result<()> {
        if ranks.len() != self.spectra.len() {
            return Err(Error::RankCount {
                format: "a tensor train",
                found: ranks.len(),
                modes: self.fine.ndim(),
                expected: format!("one for each bond, {}", self.spectra.len()),
            });
        }
        match ranks.iter().position(|&rank| rank == 0) {
            Some(position) => Err(Error::ZeroRank { position }),
            None => Ok(()),
        }
    }
}
