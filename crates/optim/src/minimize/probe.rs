//! The oracle as the methods see it: counted, sampled and checked.

use std::collections::BTreeSet;

use tensegrity_tensor::SplitMix64;

use super::oracle::{Answer, Evaluations, Oracle};
use crate::{Error, Result};

/// Largest difference of a Hessian from its transpose, relative to its largest entry.
const ASYMMETRY: f64 = 1e-8;

/// Indices of a batch; `None` is everything.
pub(crate) type Batch = Option<Vec<usize>>;

pub(crate) struct Probe<'a> {
    oracle: &'a dyn Oracle,
    pub(crate) counts: Evaluations,
    pub(crate) iteration: usize,
    gradient_batch: Option<usize>,
    hessian_batch: Option<usize>,
    random: SplitMix64,
}

impl<'a> Probe<'a> {
    /// Batches of `None` are everything.
    pub(crate) fn new(
        oracle: &'a dyn Oracle,
        gradient_batch: Option<usize>,
        hessian_batch: Option<usize>,
        seed: u64,
    ) -> Self {
        Self {
            oracle,
            counts: Evaluations::default(),
            iteration: 0,
            gradient_batch,
            hessian_batch,
            random: SplitMix64::derived(seed, 0),
        }
    }

    pub(crate) fn oracle(&self) -> &'a dyn Oracle {
        self.oracle
    }

    pub(crate) fn gradient_batch(&mut self) -> Batch {
        let size = self.gradient_batch?;
        Some(self.draw(size))
    }

    pub(crate) fn hessian_batch(&mut self) -> Batch {
        let size = self.hessian_batch?;
        Some(self.draw(size))
    }

    /// Whether gradients and values are of the whole function.
    pub(crate) fn exact_gradients(&self) -> bool {
        self.gradient_batch.is_none()
    }

    /// Without replacement (Floyd 1987), ascending.
    fn draw(&mut self, size: usize) -> Vec<usize> {
        let count = self.oracle.samples().unwrap_or(0);
        let mut drawn = BTreeSet::new();
        for top in count.saturating_sub(size)..count {
            let index = self.random.below(top as u64 + 1) as usize;
            if !drawn.insert(index) {
                drawn.insert(top);
            }
        }
        drawn.into_iter().collect()
    }

    fn pass(&self, batch: Option<&[usize]>) -> f64 {
        match (batch, self.oracle.samples()) {
            (Some(batch), Some(count)) if count > 0 => batch.len() as f64 / count as f64,
            _ => 1.0,
        }
    }

    fn check<T>(&self, what: &'static str, answer: Answer<T>) -> Result<T> {
        answer.map_err(|source| Error::Oracle {
            what,
            iteration: self.iteration,
            source,
        })
    }

    fn finite(&self, what: &'static str, values: &[f64]) -> Result<()> {
        match values.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NonFiniteOracle {
                what,
                value: values[at].to_string(),
                position: at,
                iteration: self.iteration,
            }),
        }
    }

    /// `f(x)`; only `+∞` passes unchecked, as the verdict on a step too bold.
    pub(crate) fn trial(&mut self, x: &[f64]) -> Result<f64> {
        self.counts.values += 1;
        let value = self.check("value", self.oracle.value(x, None))?;
        if value != f64::INFINITY {
            self.finite("value", &[value])?;
        }
        Ok(value)
    }

    /// `f(x)`, finite.
    pub(crate) fn value(&mut self, x: &[f64]) -> Result<f64> {
        let value = self.trial(x)?;
        self.finite("value", &[value])?;
        Ok(value)
    }

    pub(crate) fn gradient(&mut self, x: &[f64], batch: &Batch) -> Result<Vec<f64>> {
        let mut out = vec![0.0; x.len()];
        self.counts.gradients += 1;
        self.counts.epochs += self.pass(batch.as_deref());
        self.check(
            "gradient",
            self.oracle.gradient(x, batch.as_deref(), &mut out),
        )?;
        self.finite("gradient", &out)?;
        Ok(out)
    }

    /// The dense Hessian, by products if it must be; made symmetric to the last bit.
    pub(crate) fn hessian(&mut self, x: &[f64], batch: &Batch) -> Result<Vec<f64>> {
        let n = x.len();
        let mut out = vec![0.0; n * n];
        if self.oracle.offers().hessian {
            self.counts.hessians += 1;
            self.counts.epochs += self.pass(batch.as_deref());
            self.check(
                "Hessian",
                self.oracle.hessian(x, batch.as_deref(), &mut out),
            )?;
        } else {
            let mut unit = vec![0.0; n];
            for (j, row) in out.chunks_exact_mut(n).enumerate() {
                unit[j] = 1.0;
                row.copy_from_slice(&self.product(x, &unit, batch)?);
                unit[j] = 0.0;
            }
        }
        self.finite("Hessian", &out)?;
        symmetrize(&mut out, n, self.iteration)?;
        Ok(out)
    }

    pub(crate) fn product(&mut self, x: &[f64], v: &[f64], batch: &Batch) -> Result<Vec<f64>> {
        let mut out = vec![0.0; x.len()];
        self.counts.products += 1;
        self.counts.epochs += self.pass(batch.as_deref());
        self.check(
            "Hessian product",
            self.oracle.product(x, v, batch.as_deref(), &mut out),
        )?;
        self.finite("Hessian product", &out)?;
        Ok(out)
    }

    pub(crate) fn third(&mut self, x: &[f64], v: &[f64], batch: &Batch) -> Result<Vec<f64>> {
        let mut out = vec![0.0; x.len()];
        self.counts.thirds += 1;
        self.counts.epochs += self.pass(batch.as_deref());
        self.check(
            "third derivative",
            self.oracle.third(x, v, batch.as_deref(), &mut out),
        )?;
        self.finite("third derivative", &out)?;
        Ok(out)
    }
}

/// Refuses a matrix that is not symmetric; averages away what rounding left.
pub(crate) fn symmetrize(a: &mut [f64], n: usize, iteration: usize) -> Result<()> {
    let largest = a.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let mut worst = (0.0f64, 0, 0);
    for i in 0..n {
        for j in 0..i {
            let (lower, upper) = (a[i * n + j], a[j * n + i]);
            let difference = (lower - upper).abs();
            if difference > worst.0 {
                worst = (difference, i, j);
            }
            let mean = 0.5 * (lower + upper);
            (a[i * n + j], a[j * n + i]) = (mean, mean);
        }
    }
    if worst.0 > ASYMMETRY * largest {
        return Err(Error::Asymmetric {
            difference: worst.0,
            largest,
            position: [worst.1, worst.2],
            iteration,
        });
    }
    Ok(())
}
