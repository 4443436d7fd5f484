//! The Tucker format.

use tensegrity_linalg::{gram_columns, matmul};
use tensegrity_tensor::{Axes, Scalar, Tensor, View};

use crate::input::prepare;
use crate::unfold::{mode_product, reshaped};
use crate::{Entry, Error, Result};

/// Elements of X̂ that exist at a time when it is compared with a dense tensor.
const BLOCK: usize = 1 << 18;

/// X̂ = core ×₀ U₀ ×₁ U₁ … with factors U_k of shape [n_k, r_k].
#[derive(Clone, Debug, PartialEq)]
pub struct TuckerTensor<T> {
    core: Tensor<T>,
    factors: Vec<Tensor<T>>,
}

impl<T: Entry> TuckerTensor<T> {
    /// A network from its parts; factors need not be orthonormal.
    ///
    /// # Errors
    /// [`Error::NoModes`]; [`Error::Shape`] if factor k is not a matrix with as
    /// many columns as mode k of the core is long.
    pub fn new(core: Tensor<T>, factors: Vec<Tensor<T>>) -> Result<Self> {
        if core.ndim() == 0 {
            return Err(Error::NoModes);
        }
        if factors.len() != core.ndim() {
            return Err(Error::Shape {
                what: "a Tucker tensor's factors, one for each mode of the core",
                found: vec![factors.len()],
                expected: vec![core.ndim()],
            });
        }
        for (factor, &rank) in factors.iter().zip(core.shape()) {
            if factor.ndim() != 2 || factor.shape()[1] != rank {
                return Err(Error::Shape {
                    what: "a Tucker tensor's factor",
                    found: factor.shape().to_vec(),
                    expected: vec![factor.shape().first().copied().unwrap_or(0), rank],
                });
            }
        }
        Ok(Self { core, factors })
    }

    /// The core, [r_0, …, r_{d−1}].
    #[must_use]
    pub fn core(&self) -> &Tensor<T> {
        &self.core
    }

    /// The factors, [n_k, r_k] each.
    #[must_use]
    pub fn factors(&self) -> &[Tensor<T>] {
        &self.factors
    }

    /// Core and factors.
    #[must_use]
    pub fn into_parts(self) -> (Tensor<T>, Vec<Tensor<T>>) {
        (self.core, self.factors)
    }

    /// Shape of the tensor represented.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.factors
            .iter()
            .map(|factor| factor.shape()[0])
            .collect()
    }

    /// The multilinear rank, the shape of the core.
    #[must_use]
    pub fn ranks(&self) -> &[usize] {
        self.core.shape()
    }

    /// Numbers stored: Π r_k + Σ n_k·r_k.
    #[must_use]
    pub fn params(&self) -> usize {
        self.core.len() + self.factors.iter().map(Tensor::len).sum::<usize>()
    }

    /// The dense tensor.
    ///
    /// Cost: a chain of matrix products, the mode that grows most last.
    ///
    /// # Errors
    /// If it has more elements than can be addressed.
    pub fn to_tensor(&self) -> Result<Tensor<T>> {
        tensegrity_tensor::element_count(&self.shape())?;
        expand(&self.core, &self.factors, |_| true)
    }

    /// Frobenius norm, from the Gram matrices of the factors.
    ///
    /// # Errors
    /// None on finite parts.
    pub fn norm(&self) -> Result<f64> {
        let mut turned = self.core.clone();
        for (mode, factor) in self.factors.iter().enumerate() {
            // ⟨core, core ×ₖ UᴴU⟩ is ‖X̂‖².
            turned = mode_product(&turned.view(), &gram_columns(&factor.view())?.view(), mode)?;
        }
        let pairs = self.core.as_slice().iter().zip(turned.as_slice());
        let squared: f64 = pairs
            .map(|(a, b)| tensegrity_tensor::Real::to_f64(a.conj().mul(*b).re()))
            .sum();
        Ok(squared.max(0.0).sqrt())
    }

    /// Relative error ‖X − X̂‖/‖X‖ against a dense tensor, computed from the
    /// residual in panels; zero if both are zero.
    ///
    /// Cost: an expansion, in blocks along the mode outermost in memory.
    ///
    /// # Errors
    /// [`Error::Shape`], and those of reading `x`.
    pub fn error(&self, x: &View<'_, T>) -> Result<f64> {
        if x.shape() != self.shape() {
            return Err(Error::Shape {
                what: "error",
                found: x.shape().to_vec(),
                expected: self.shape(),
            });
        }
        let input = prepare(x)?;
        let mut scaled = self.clone();
        scale(&mut scaled.core, input.exponent);
        let dense = input.in_memory_order();
        let squared = scaled.in_order(&input.order)?.squared_residual(&dense)?;
        Ok(if input.norm == 0.0 {
            if squared == 0.0 { 0.0 } else { f64::INFINITY }
        } else {
            squared.sqrt() / input.norm
        })
    }

    /// The network of the tensor with its modes in another order.
    pub(crate) fn in_order(&self, order: &[usize]) -> Result<Self> {
        if order.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(self.clone());
        }
        Ok(Self {
            core: self.core.permuted(order)?,
            factors: order
                .iter()
                .map(|&mode| self.factors[mode].clone())
                .collect(),
        })
    }

    /// ‖X − X̂‖² for a dense row-major `x` of the same shape, expanded in blocks
    /// along the first mode.
    pub(crate) fn squared_residual(&self, x: &View<'_, T>) -> Result<f64> {
        let rows = self.factors[0].shape()[0];
        let columns = x.len() / rows;
        let step = (BLOCK / columns).clamp(1, rows);
        let rank = self.core.shape()[0];
        let core = reshaped(&self.core.view(), &[rank, self.core.len() / rank])?;
        let mut total = 0.0;
        for start in (0..rows).step_by(step) {
            let end = (start + step).min(rows);
            let factor = self.factors[0].view().sliced(0, start..end)?;
            let mut shape: Axes = self.core.shape().into();
            shape[0] = end - start;
            let block = matmul(&factor, &core)?.reshaped(&shape)?;
            let mut block = expand(&block, &self.factors, |mode| mode != 0)?;
            let source = x.sliced(0, start..end)?;
            let source = source.as_slice().expect("rows of a dense tensor are dense");
            for (a, &b) in block.as_mut_slice().iter_mut().zip(source) {
                *a = a.sub(b);
            }
            total += T::measure(block.as_slice()).squared;
        }
        Ok(total)
    }

    /// The zero tensor of rank one.
    pub(crate) fn zero(shape: &[usize]) -> Result<Self> {
        let ones: Axes = shape.iter().map(|_| 1).collect();
        let axis = |&n: &usize| -> Result<Tensor<T>> {
            let mut column = Tensor::zeros(&[n, 1])?;
            column.as_mut_slice()[0] = T::ONE;
            Ok(column)
        };
        Ok(Self {
            core: Tensor::zeros(&ones)?,
            factors: shape.iter().map(axis).collect::<Result<_>>()?,
        })
    }
}

/// Multiplies by 2^exponent in steps inside the range of the type.
pub(crate) fn scale<T: Scalar>(tensor: &mut Tensor<T>, exponent: i32) {
    if exponent == 0 {
        return;
    }
    let half = T::from_f64(2f64.powi(exponent / 2), 0.0);
    let rest = T::from_f64(2f64.powi(exponent - exponent / 2), 0.0);
    for x in tensor.as_mut_slice() {
        *x = x.mul(half).mul(rest);
    }
}

/// The core times the factors of the modes `wanted`, the one that makes the
/// tensor grow most last.
fn expand<T: Entry>(
    core: &Tensor<T>,
    factors: &[Tensor<T>],
    wanted: impl Fn(usize) -> bool,
) -> Result<Tensor<T>> {
    let mut modes: Vec<usize> = (0..factors.len()).filter(|&mode| wanted(mode)).collect();
    let growth = |mode: usize| factors[mode].shape()[0] as f64 / factors[mode].shape()[1] as f64;
    modes.sort_by(|&a, &b| growth(a).total_cmp(&growth(b)));
    let mut tensor = core.clone();
    for mode in modes {
        let factor = factors[mode].view();
        tensor = if tensor.ndim() == 1 {
            matmul(&factor, &tensor.view())?
        } else {
            mode_product(&tensor.view(), &factor, mode)?
        };
    }
    Ok(tensor)
}
