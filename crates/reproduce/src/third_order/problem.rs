//! The real data sets, as logistic regressions.

use std::path::{Path, PathBuf};

use tensegrity_optim::minimize::{Answer, Logistic, Method, Offers, Options, Oracle, minimize};
use tensegrity_tensor::SplitMix64;

use crate::{Error, Result};

/// Weight of `½‖w‖²`.
const RIDGE: f64 = 1e-4;
/// Lipschitz constant of the Hessian of the logistic loss for rows of norm at most 1: √3/18.
pub(super) const SMOOTHNESS: f64 = 0.096_225_044_864_937_63;

/// A regression with its solution.
pub(super) struct Problem {
    pub(super) name: &'static str,
    pub(super) loss: Logistic,
    pub(super) minimum: f64,
    /// Distance of the solution from the start, 0.
    pub(super) radius: f64,
}

impl Problem {
    /// Rows scaled so that the longest has norm 1; solved by Newton to the last digits.
    fn new(name: &'static str, mut features: Vec<f64>, labels: &[f64]) -> Result<Self> {
        let d = features.len() / labels.len().max(1);
        let longest = features
            .chunks_exact(d.max(1))
            .map(|row| row.iter().map(|x| x * x).sum::<f64>())
            .fold(0.0, f64::max)
            .sqrt();
        features.iter_mut().for_each(|x| *x /= longest);
        let what = format!("the solution of {name}");
        let loss = Logistic::new(&features, labels, RIDGE).map_err(Error::computing(&what))?;
        let options = Options::new(Method::CubicNewton)
            .regularization(0.01 * SMOOTHNESS)
            .hessian_batch(labels.len())
            .gradient_batch(labels.len())
            .tolerance(1e-13);
        let found = minimize(&loss, &vec![0.0; d], &options).map_err(Error::computing(&what))?;
        Ok(Self {
            name,
            minimum: found.value.unwrap_or(f64::NAN),
            radius: found.x.iter().map(|x| x * x).sum::<f64>().sqrt(),
            loss,
        })
    }

    pub(super) fn samples(&self) -> usize {
        self.loss.samples().unwrap_or(0)
    }

    pub(super) fn start(&self) -> Vec<f64> {
        vec![0.0; self.loss.dimension()]
    }

    pub(super) fn gap(&self, x: &[f64]) -> Result<f64> {
        let value = self
            .loss
            .value(x, None)
            .map_err(Error::computing("a loss"))?;
        Ok(value - self.minimum)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::Data {
        path: path.to_owned(),
        problem: format!("{error}; give the folder `data` of the repository"),
    })
}

fn wrong(path: &Path, line: usize) -> Error {
    Error::Data {
        path: path.to_owned(),
        problem: format!("line {line} is not what it was; restore the file"),
    }
}

/// 569 tumours, 30 features, each of mean 0 and deviation 1.
pub(super) fn breast_cancer(folder: &Path) -> Result<Problem> {
    let path: PathBuf = folder.join("breast_cancer.csv");
    let text = read(&path)?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let row: std::result::Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
        match row {
            Ok(row) if row.len() == 31 => rows.push(row),
            _ => return Err(wrong(&path, number + 1)),
        }
    }
    if rows.is_empty() {
        return Err(wrong(&path, 1));
    }
    let (count, d) = (rows.len(), 30);
    let mut features = vec![0.0; count * d];
    for j in 0..d {
        let mean = rows.iter().map(|row| row[j]).sum::<f64>() / count as f64;
        let variance = rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / count as f64;
        for (i, row) in rows.iter().enumerate() {
            features[i * d + j] = (row[j] - mean) / variance.sqrt();
        }
    }
    let labels: Vec<f64> = rows.iter().map(|row| 2.0 * row[d] - 1.0).collect();
    Problem::new("breast_cancer", features, &labels)
}

/// 6 513 mushrooms, 126 binary features.
pub(super) fn mushrooms(folder: &Path) -> Result<Problem> {
    const D: usize = 126;
    let path: PathBuf = folder.join("agaricus.txt.train");
    let text = read(&path)?;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let mut parts = line.split_whitespace();
        match parts.next() {
            Some("0") => labels.push(-1.0),
            Some("1") => labels.push(1.0),
            _ => return Err(wrong(&path, number + 1)),
        }
        let from = features.len();
        features.resize(from + D, 0.0);
        for part in parts {
            let index = part
                .strip_suffix(":1")
                .and_then(|i| i.parse::<usize>().ok());
            match index {
                Some(index) if (1..=D).contains(&index) => features[from + index - 1] = 1.0,
                _ => return Err(wrong(&path, number + 1)),
            }
        }
    }
    Problem::new("mushrooms", features, &labels)
}

/// Gradients with independent Gaussian noise of deviation `sigma` in norm.
pub(super) struct Noisy<'a> {
    inner: &'a dyn Oracle,
    sigma: f64,
    random: std::cell::RefCell<SplitMix64>,
}

impl<'a> Noisy<'a> {
    pub(super) fn new(inner: &'a dyn Oracle, sigma: f64, seed: u64) -> Self {
        Self {
            inner,
            sigma,
            random: SplitMix64::derived(seed, 9).into(),
        }
    }
}

impl Oracle for Noisy<'_> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn offers(&self) -> Offers {
        Offers::gradients().hessian()
    }

    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.gradient(x, batch, out)?;
        let mut random = self.random.borrow_mut();
        let each = self.sigma / (out.len() as f64).sqrt();
        for g in out {
            *g += each * random.normal();
        }
        Ok(())
    }

    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.hessian(x, batch, out)
    }
}

/// Hessians with a fixed symmetric error, plus and minus `delta` along random
/// orthogonal directions: a reflection times `delta`.
pub(super) struct Inexact<'a> {
    inner: &'a dyn Oracle,
    delta: f64,
    mirror: Vec<f64>,
}

impl<'a> Inexact<'a> {
    pub(super) fn new(inner: &'a dyn Oracle, delta: f64, seed: u64) -> Self {
        let mut random = SplitMix64::derived(seed, 11);
        let mut mirror: Vec<f64> = (0..inner.dimension()).map(|_| random.normal()).collect();
        let norm = mirror.iter().map(|x| x * x).sum::<f64>().sqrt();
        mirror.iter_mut().for_each(|x| *x /= norm);
        Self {
            inner,
            delta,
            mirror,
        }
    }
}

impl Oracle for Inexact<'_> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian()
    }

    fn value(&self, x: &[f64], batch: Option<&[usize]>) -> Answer<f64> {
        self.inner.value(x, batch)
    }

    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.gradient(x, batch, out)
    }

    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.hessian(x, batch, out)?;
        let n = x.len();
        for i in 0..n {
            for j in 0..n {
                out[i * n + j] -= 2.0 * self.delta * self.mirror[i] * self.mirror[j];
            }
            out[i * n + i] += self.delta;
        }
        Ok(())
    }
}
