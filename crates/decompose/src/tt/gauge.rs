//! Gauges of a train: which cores are orthogonal, and what the bonds carry.

use tensegrity_linalg::{Lq, Qr, Svd, lq, matmul, qr, svd};
use tensegrity_tensor::Tensor;

use crate::tt::tensor::core_shape;
use crate::unfold::{check_mode, reshaped};
use crate::{Entry, Error, Result, TtTensor};

/// A choice of gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gauge {
    /// All cores but the last are left-orthogonal: Σ_i G\[i\]ᴴ·G\[i\] = 1.
    Left,
    /// All cores but the first are right-orthogonal: Σ_i G\[i\]·G\[i\]ᴴ = 1.
    Right,
    /// Left-orthogonal before, right-orthogonal after this core.
    Mixed(usize),
}

impl<T: Entry> TtTensor<T> {
    /// The same tensor in another gauge. Ranks that the shape does not allow
    /// shrink; nothing is truncated otherwise.
    ///
    /// Cost: one QR factorisation for each core.
    ///
    /// # Errors
    /// [`Error::Mode`] for a centre that does not exist; cores that are not finite.
    pub fn canonical(&self, gauge: Gauge) -> Result<Self> {
        let last = self.ndim() - 1;
        let centre = match gauge {
            Gauge::Left => last,
            Gauge::Right => 0,
            Gauge::Mixed(centre) => {
                check_mode("canonical", centre, self.ndim())?;
                centre
            }
        };
        let mut result = self.clone();
        for site in 0..centre {
            result.push_right(site)?;
        }
        for site in (centre + 1..=last).rev() {
            result.push_left(site)?;
        }
        Ok(result)
    }

    /// Moves the centre of a train in mixed gauge from core `from` to core `to`.
    ///
    /// # Errors
    /// [`Error::Mode`].
    pub fn moved_centre(&self, from: usize, to: usize) -> Result<Self> {
        check_mode("moved_centre", from, self.ndim())?;
        check_mode("moved_centre", to, self.ndim())?;
        let mut result = self.clone();
        for site in from..to {
            result.push_right(site)?;
        }
        for site in (to + 1..=from).rev() {
            result.push_left(site)?;
        }
        Ok(result)
    }

    /// Makes core `site` left-orthogonal, the triangle going into the next.
    fn push_right(&mut self, site: usize) -> Result<()> {
        let [r, n, s] = core_shape(&self.cores[site]);
        let Qr { q, r: triangle } = qr(&reshaped(&self.cores[site].view(), &[r * n, s])?)?;
        let rank = q.shape()[1];
        self.cores[site] = q.reshaped(&[r, n, rank])?;
        self.cores[site + 1] = absorb_left(&triangle, &self.cores[site + 1])?;
        Ok(())
    }

    /// Makes core `site` right-orthogonal, the triangle going into the previous.
    pub(crate) fn push_left(&mut self, site: usize) -> Result<()> {
        let [r, n, s] = core_shape(&self.cores[site]);
        let Lq { l, q } = lq(&reshaped(&self.cores[site].view(), &[r, n * s])?)?;
        let rank = q.shape()[0];
        self.cores[site] = q.reshaped(&[rank, n, s])?;
        let before = &self.cores[site - 1];
        let [a, m, b] = core_shape(before);
        self.cores[site - 1] =
            matmul(&reshaped(&before.view(), &[a * m, b])?, &l.view())?.reshaped(&[a, m, rank])?;
        Ok(())
    }

    /// The singular values at every inner bond, descending: the Schmidt values
    /// of the two sides. Entry k belongs to the bond between modes k and k + 1.
    ///
    /// # Errors
    /// As [`TtTensor::canonical`].
    pub fn schmidt_values(&self) -> Result<Vec<Vec<f64>>> {
        let mut train = self.canonical(Gauge::Right)?;
        let mut values = Vec::with_capacity(self.ndim() - 1);
        for site in 0..self.ndim() - 1 {
            let [r, n, s] = core_shape(&train.cores[site]);
            let Svd {
                s: found, mut vh, ..
            } = svd(&reshaped(&train.cores[site].view(), &[r * n, s])?)?;
            // Only S·Vᴴ goes on: the left factor is an isometry and does not
            // change singular values further right.
            for (row, &value) in vh.as_mut_slice().chunks_exact_mut(s).zip(&found) {
                let factor = T::from_f64(value, 0.0);
                row.iter_mut().for_each(|x| *x = x.mul(factor));
            }
            train.cores[site + 1] = absorb_left(&vh, &train.cores[site + 1])?;
            values.push(found);
        }
        Ok(values)
    }

    /// The entanglement entropy −Σ p·ln p, p = s²/Σs², of the Schmidt values s
    /// at the bond between modes `bond` and `bond + 1`, in nats. Zero for a
    /// zero tensor.
    ///
    /// # Errors
    /// [`Error::Mode`] for a bond that does not exist.
    pub fn entanglement_entropy(&self, bond: usize) -> Result<f64> {
        if bond + 1 >= self.ndim() {
            return Err(Error::Mode {
                what: "entanglement_entropy (bonds are one fewer than modes)",
                mode: bond,
                modes: self.ndim() - 1,
            });
        }
        let values = self.schmidt_values()?.swap_remove(bond);
        let largest = values.first().copied().unwrap_or(0.0);
        if largest == 0.0 {
            return Ok(0.0);
        }
        let weights: Vec<f64> = values.iter().map(|v| (v / largest).powi(2)).collect();
        let total: f64 = weights.iter().sum();
        let terms = weights.iter().map(|w| w / total).filter(|&p| p > 0.0);
        Ok(terms.map(|p| -p * p.ln()).sum::<f64>().max(0.0))
    }

    /// Frobenius norm, by orthogonalisation: accurate for differences of nearly
    /// equal trains too.
    ///
    /// # Errors
    /// As [`TtTensor::canonical`].
    pub fn norm(&self) -> Result<f64> {
        Ok(self.canonical(Gauge::Right)?.cores[0].norm())
    }
}

/// `matrix`·core, over the core's left rank.
pub(crate) fn absorb_left<T: Entry>(matrix: &Tensor<T>, core: &Tensor<T>) -> Result<Tensor<T>> {
    let [r, n, s] = core_shape(core);
    let rank = matrix.shape()[0];
    Ok(matmul(&matrix.view(), &reshaped(&core.view(), &[r, n * s])?)?.reshaped(&[rank, n, s])?)
}
