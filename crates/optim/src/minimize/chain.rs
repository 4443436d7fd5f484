//! The worst-case function of second-order methods.

use super::oracle::{Answer, Offers, Oracle};
use crate::Result;
use crate::error::require;

/// `f(x) = ⅓·(Σ_{i<n} |x_i − x_{i+1}|³ + |x_n|³) − x_1` (Nesterov 2018, section 4.3;
/// Arjevani, Shamir and Shiff 2019): a convex function on which no second-order
/// method is fast, since information walks along the chain one link a step.
///
/// `x*_i = n + 1 − i`, `f* = −2n/3`; its Hessian has a Lipschitz constant below 16.
/// Third derivatives are not offered: they jump.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    length: usize,
}

impl Chain {
    /// Of `n ≥ 1` variables.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for none.
    pub fn new(n: usize) -> Result<Self> {
        require(n > 0, "chain", "n", n, "give one variable or more")?;
        Ok(Self { length: n })
    }

    /// `f*`.
    #[must_use]
    pub fn minimum(&self) -> f64 {
        -2.0 * self.length as f64 / 3.0
    }

    /// `x*`.
    #[must_use]
    pub fn solution(&self) -> Vec<f64> {
        (0..self.length).map(|i| (self.length - i) as f64).collect()
    }

    /// `x_i − x_{i+1}`, with 0 after the last.
    fn links(&self, x: &[f64]) -> Vec<f64> {
        let next = x[1..].iter().copied().chain([0.0]);
        x.iter().zip(next).map(|(x, y)| x - y).collect()
    }

    /// `Aᵀz` for the differences `A`.
    fn gather(&self, z: &[f64], out: &mut [f64]) {
        for i in 0..z.len() {
            out[i] = z[i] - if i > 0 { z[i - 1] } else { 0.0 };
        }
    }
}

impl Oracle for Chain {
    fn dimension(&self) -> usize {
        self.length
    }

    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian().product()
    }

    fn value(&self, x: &[f64], _: Option<&[usize]>) -> Answer<f64> {
        let cubes: f64 = self.links(x).iter().map(|z| z.abs().powi(3)).sum();
        Ok(cubes / 3.0 - x[0])
    }

    fn gradient(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let z: Vec<f64> = self.links(x).iter().map(|z| z * z.abs()).collect();
        self.gather(&z, out);
        out[0] -= 1.0;
        Ok(())
    }

    fn hessian(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let n = self.length;
        out.fill(0.0);
        for (i, z) in self.links(x).iter().enumerate() {
            let weight = 2.0 * z.abs();
            out[i * n + i] += weight;
            if i + 1 < n {
                let j = i + 1;
                out[j * n + j] += weight;
                out[i * n + j] -= weight;
                out[j * n + i] -= weight;
            }
        }
        Ok(())
    }

    fn product(&self, x: &[f64], v: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let bent = self.links(x).into_iter().zip(self.links(v));
        let z: Vec<f64> = bent.map(|(z, v)| 2.0 * z.abs() * v).collect();
        self.gather(&z, out);
        Ok(())
    }
}
