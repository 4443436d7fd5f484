//! The tensor train format.

use tensegrity_tensor::{Axes, Tensor, View};

use crate::input::prepare;
use crate::{Entry, Error, Result};

/// X̂\[i₀, …, i_{d−1}\] = G₀\[i₀\]·G₁\[i₁\]·…·G_{d−1}[i_{d−1}], a product of matrices
/// G_k\[i\] of shape [r_k, r_{k+1}], r_0 = r_d = 1; stored as cores [r_k, n_k, r_{k+1}].
#[derive(Clone, Debug, PartialEq)]
pub struct TtTensor<T> {
    pub(crate) cores: Vec<Tensor<T>>,
}

impl<T: Entry> TtTensor<T> {
    /// A train of `cores`.
    ///
    /// # Errors
    /// [`Error::NoModes`], [`Error::EmptyMode`] if an axis of a core has length
    /// zero, [`Error::Boundary`] if a core does not have three axes, ranks of
    /// neighbours differ or an outer rank is not one.
    pub fn new(cores: Vec<Tensor<T>>) -> Result<Self> {
        if cores.is_empty() {
            return Err(Error::NoModes);
        }
        let mut rank = 1;
        for (core, tensor) in cores.iter().enumerate() {
            let shape = tensor.shape();
            let problem = if shape.len() != 3 {
                Some(format!(
                    "shape {shape:?} does not have the three axes rank, mode, rank"
                ))
            } else if shape[0] != rank {
                Some(format!(
                    "its left rank is {}, but {rank} is to its left",
                    shape[0]
                ))
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(Error::Boundary { core, problem });
            }
            if shape.contains(&0) {
                let shape = cores.iter().map(|c| c.shape().get(1).copied().unwrap_or(0));
                return Err(Error::EmptyMode {
                    mode: core,
                    shape: shape.collect(),
                });
            }
            rank = shape[2];
        }
        if rank != 1 {
            return Err(Error::Boundary {
                core: cores.len() - 1,
                problem: format!("its right rank is {rank}; the last must be 1"),
            });
        }
        Ok(Self { cores })
    }

    /// The cores, [r_k, n_k, r_{k+1}] each.
    #[must_use]
    pub fn cores(&self) -> &[Tensor<T>] {
        &self.cores
    }

    /// The cores.
    #[must_use]
    pub fn into_cores(self) -> Vec<Tensor<T>> {
        self.cores
    }

    /// Number of modes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.cores.len()
    }

    /// Shape of the tensor represented.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.cores.iter().map(|core| core.shape()[1]).collect()
    }

    /// The ranks r_0 = 1, r_1, …, r_d = 1.
    #[must_use]
    pub fn ranks(&self) -> Vec<usize> {
        let first = std::iter::once(1);
        first
            .chain(self.cores.iter().map(|core| core.shape()[2]))
            .collect()
    }

    /// Numbers stored: Σ r_k·n_k·r_{k+1}.
    #[must_use]
    pub fn params(&self) -> usize {
        self.cores.iter().map(Tensor::len).sum()
    }

    /// The dense tensor.
    ///
    /// Cost: |X|·r multiply-adds for the rank r of one bond, and less before.
    ///
    /// # Errors
    /// If it has more elements than can be addressed.
    pub fn to_tensor(&self) -> Result<Tensor<T>> {
        T::tt_expand(self)
    }

    /// Relative error ‖X − X̂‖/‖X‖ against a dense tensor, computed from the
    /// residual in panels; zero if both are zero.
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
        let mut input = prepare(x)?;
        let (norm, exponent) = (input.norm, input.exponent);
        let mut scaled = self.clone();
        let last = scaled.cores.last_mut().expect("a train has a core");
        crate::tucker::scale_by_power(last, exponent);
        let squared = scaled.squared_residual(&input.in_mode_order()?)?;
        Ok(if norm == 0.0 {
            if squared == 0.0 { 0.0 } else { f64::INFINITY }
        } else {
            squared.sqrt() / norm
        })
    }

    /// The zero tensor of rank one.
    pub(crate) fn zero(shape: &[usize]) -> Result<Self> {
        let core = |&n: &usize| Tensor::zeros(&[1, n, 1]);
        Ok(Self {
            cores: shape
                .iter()
                .map(core)
                .collect::<std::result::Result<_, _>>()?,
        })
    }

    /// Checks that another train has the same shape.
    pub(crate) fn same_shape(&self, other: &Self, what: &'static str) -> Result<()> {
        if self.shape() == other.shape() {
            Ok(())
        } else {
            Err(Error::Shape {
                what,
                found: other.shape(),
                expected: self.shape(),
            })
        }
    }
}

/// The three lengths of a core.
pub(crate) fn core_shape<T: Entry>(core: &Tensor<T>) -> [usize; 3] {
    let shape: Axes = core.shape().into();
    [shape[0], shape[1], shape[2]]
}
