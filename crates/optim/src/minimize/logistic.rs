//! Logistic regression as an oracle.

use tensegrity_linalg::gram_columns;
use tensegrity_tensor::View;

use super::oracle::{Answer, Offers, Oracle};
use super::vector::{add, dot};
use crate::Result;
use crate::error::{require, require_not_negative};

/// Rows handled at once when a Hessian is summed.
const BLOCK: usize = 256;

/// `f(w) = (1/N)·Σ log(1 + exp(−bᵢ·⟨aᵢ, w⟩)) + (ridge/2)·‖w‖²`, labels `bᵢ = ±1`.
///
/// A finite sum of N samples with all derivatives to the third order. For rows of
/// norm at most 1 its Hessian has the Lipschitz constant √3/18, its third
/// derivative 1/8.
#[derive(Clone, Debug)]
pub struct Logistic {
    /// `−bᵢ·aᵢ`, row by row.
    rows: Vec<f64>,
    dimension: usize,
    ridge: f64,
}

impl Logistic {
    /// `features` N×d, row by row; `labels` N of −1 and 1.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for lengths that do not fit, other
    /// labels, entries that are not finite, and a negative ridge.
    pub fn new(features: &[f64], labels: &[f64], ridge: f64) -> Result<Self> {
        const WHAT: &str = "logistic";
        require_not_negative(WHAT, "ridge", ridge)?;
        let count = labels.len();
        let fits = count > 0 && !features.is_empty() && features.len().is_multiple_of(count);
        require(
            fits,
            WHAT,
            "features",
            format!("{} entries for {count} labels", features.len()),
            "give N×d features for N labels",
        )?;
        if let Some(at) = labels.iter().position(|b| b.abs() != 1.0) {
            let value = format!("{} at {at}", labels[at]);
            require(false, WHAT, "labels", value, "give −1 and 1")?;
        }
        let dimension = features.len() / count;
        if let Some(at) = features.iter().position(|a| !a.is_finite()) {
            let value = format!(
                "{} at [{}, {}]",
                features[at],
                at / dimension,
                at % dimension
            );
            require(false, WHAT, "features", value, "give finite numbers")?;
        }
        let rows = features
            .chunks_exact(dimension)
            .zip(labels)
            .flat_map(|(row, b)| row.iter().map(move |a| -b * a))
            .collect();
        Ok(Self {
            rows,
            dimension,
            ridge,
        })
    }

    fn count(&self) -> usize {
        self.rows.len() / self.dimension
    }

    /// Every row of the batch with its `⟨−b·a, x⟩`, and one over their number.
    fn margins<'a>(
        &'a self,
        x: &'a [f64],
        batch: Option<&'a [usize]>,
    ) -> (impl Iterator<Item = (&'a [f64], f64)>, f64) {
        let count = batch.map_or(self.count(), <[usize]>::len);
        let rows = (0..count).map(move |i| {
            let at = batch.map_or(i, |batch| batch[i]) * self.dimension;
            let row = &self.rows[at..at + self.dimension];
            (row, dot(row, x))
        });
        (rows, 1.0 / count as f64)
    }
}

/// `1/(1 + e^{−z})`.
fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// `log(1 + e^z)`.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

impl Oracle for Logistic {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn samples(&self) -> Option<usize> {
        Some(self.count())
    }

    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian().product().third()
    }

    fn value(&self, x: &[f64], batch: Option<&[usize]>) -> Answer<f64> {
        let (rows, share) = self.margins(x, batch);
        let losses: f64 = rows.map(|(_, z)| softplus(z)).sum();
        Ok(share * losses + 0.5 * self.ridge * dot(x, x))
    }

    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        out.fill(0.0);
        let (rows, share) = self.margins(x, batch);
        for (row, z) in rows {
            add(out, share * sigmoid(z), row);
        }
        add(out, self.ridge, x);
        Ok(())
    }

    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let d = self.dimension;
        out.fill(0.0);
        let (rows, share) = self.margins(x, batch);
        let mut block = Vec::with_capacity(BLOCK * d);
        let mut flush = |block: &mut Vec<f64>| -> Answer<()> {
            if !block.is_empty() {
                let rows = block.len() / d;
                let gram = gram_columns(&View::from_slice(block, &[rows, d]))?;
                add(out, 1.0, gram.as_slice());
                block.clear();
            }
            Ok(())
        };
        for (row, z) in rows {
            let p = sigmoid(z);
            let weight = (share * p * (1.0 - p)).sqrt();
            block.extend(row.iter().map(|a| weight * a));
            if block.len() == BLOCK * d {
                flush(&mut block)?;
            }
        }
        flush(&mut block)?;
        for i in 0..d {
            out[i * d + i] += self.ridge;
        }
        Ok(())
    }

    fn product(
        &self,
        x: &[f64],
        v: &[f64],
        batch: Option<&[usize]>,
        out: &mut [f64],
    ) -> Answer<()> {
        out.fill(0.0);
        let (rows, share) = self.margins(x, batch);
        for (row, z) in rows {
            let p = sigmoid(z);
            add(out, share * p * (1.0 - p) * dot(row, v), row);
        }
        add(out, self.ridge, v);
        Ok(())
    }

    fn third(&self, x: &[f64], v: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        out.fill(0.0);
        let (rows, share) = self.margins(x, batch);
        for (row, z) in rows {
            let p = sigmoid(z);
            let along = dot(row, v);
            add(
                out,
                share * p * (1.0 - p) * (1.0 - 2.0 * p) * along * along,
                row,
            );
        }
        Ok(())
    }
}
