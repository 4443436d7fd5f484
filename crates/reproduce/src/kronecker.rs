//! A least-squares problem whose curvature is a Kronecker product.
//!
//! `f(W) = ½‖A(W − W*)B‖²` with A of 32×32 and B of 24×24, random orthogonal
//! factors and singular values spaced logarithmically from 1 to 10^−1.5; 400
//! steps along full gradients from zero.

use tensegrity_linalg::{matmul, qr};
use tensegrity_optim::{Method, NonFinite, ParameterSpec, Registry, Schedule, Settings, build};
use tensegrity_tensor::{SplitMix64, Tensor, parallel_map};

use crate::{Error, Result};

/// Rates tried for each method.
pub(crate) const RATES: usize = 13;
const STEPS: u64 = 400;

pub(crate) struct Problem {
    a: Tensor<f64>,
    b: Tensor<f64>,
    target: Tensor<f64>,
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Error {
    Error::computing("Kronecker least squares")(error)
}

fn product(a: &Tensor<f64>, b: &Tensor<f64>) -> Result<Tensor<f64>> {
    matmul(&a.view(), &b.view()).map_err(failed)
}

fn turned(a: &Tensor<f64>) -> Result<Tensor<f64>> {
    a.permuted(&[1, 0]).map_err(failed)
}

fn conditioned(n: usize, numbers: &mut SplitMix64) -> Result<Tensor<f64>> {
    let mut orthogonal = || {
        let normal = numbers.normal_tensor::<f64>(&[n, n]);
        qr(&normal.view()).map(|factors| factors.q).map_err(failed)
    };
    let (mut left, right) = (orthogonal()?, orthogonal()?);
    for (place, x) in left.as_mut_slice().iter_mut().enumerate() {
        *x *= 10f64.powf(-1.5 * (place % n) as f64 / (n - 1) as f64);
    }
    product(&left, &turned(&right)?)
}

impl Problem {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let mut numbers = SplitMix64::new(seed);
        Ok(Self {
            a: conditioned(32, &mut numbers)?,
            b: conditioned(24, &mut numbers)?,
            target: numbers.normal_tensor(&[32, 24]),
        })
    }

    /// The value and the gradient `Aᵀ·A·(W − W*)·B·Bᵀ`.
    fn at(&self, w: &Tensor<f64>) -> Result<(f64, Tensor<f64>)> {
        let mut gap = w.clone();
        for (gap, target) in gap.as_mut_slice().iter_mut().zip(self.target.as_slice()) {
            *gap -= target;
        }
        let image = product(&product(&self.a, &gap)?, &self.b)?;
        let gradient = product(&product(&turned(&self.a)?, &image)?, &turned(&self.b)?)?;
        Ok((0.5 * image.norm().powi(2), gradient))
    }

    /// What part of the first value is left after the steps; infinite for a run
    /// that diverges.
    fn left(&self, method: &Method, schedule: Schedule) -> Result<f64> {
        let mut registry = Registry::new();
        registry
            .add(ParameterSpec::new("w", &[32, 24]))
            .map_err(failed)?;
        let settings = Settings {
            non_finite: NonFinite::Skip,
            schedule,
            ..Settings::default()
        };
        let mut optimizer = build::<f64>(method, &registry, &settings).map_err(failed)?;
        let mut w = [Tensor::zeros(&[32, 24]).map_err(failed)?];
        let first = self.at(&w[0])?.0;
        for _ in 0..STEPS {
            let (_, gradient) = self.at(&w[0])?;
            let stats = optimizer
                .step_tensors(&mut w, &[gradient])
                .map_err(failed)?;
            if stats.skipped {
                return Ok(f64::INFINITY);
            }
        }
        let left = self.at(&w[0])?.0 / first;
        Ok(if left.is_nan() { f64::INFINITY } else { left })
    }

    /// The least of it over [`RATES`] rates spaced logarithmically.
    pub(crate) fn best(
        &self,
        (low, high): (f64, f64),
        decays: bool,
        method: impl Fn(f64) -> Method + Sync,
    ) -> Result<f64> {
        let schedule = match decays {
            true => Schedule::linear(STEPS, 0.0),
            false => Schedule::constant(),
        };
        let runs = parallel_map(RATES, |i| {
            let rate = low * (high / low).powf(i as f64 / (RATES - 1) as f64);
            self.left(&method(rate), schedule)
        });
        runs.into_iter()
            .try_fold(f64::INFINITY, |least, run| Ok(least.min(run?)))
    }
}
