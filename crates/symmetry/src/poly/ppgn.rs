//! The networks PPGN and PPGN++.

use tensegrity_grad::{Variable, concat, einsum, unrecorded};
use tensegrity_tensor::{SplitMix64, Tensor};

use crate::{Error, Result};

/// Sizes of a [`Ppgn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PpgnOptions {
    /// Channels of the input.
    pub inputs: usize,
    /// Numbers that come out for each graph.
    pub outputs: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Channels between blocks.
    pub width: usize,
    /// Width of the last hidden layer.
    pub suffix: usize,
    /// Whether the first factor of the matrix products sees the transpose too
    /// (PPGN++).
    pub transpose: bool,
    /// Whether every block is given the identity matrix (PPGN++).
    pub identity: bool,
}

impl PpgnOptions {
    /// PPGN++: with transposes and identities, as wide as the published SR
    /// model (depth 4, width 75, suffix 55).
    #[must_use]
    pub fn plus_plus(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            depth: 4,
            width: 75,
            suffix: 55,
            transpose: true,
            identity: true,
        }
    }
}

/// A network of matrix products and entrywise maps (arXiv:2302.11556, §5; PPGN
/// is arXiv:1905.11136). A block takes x `[n, n, C]`, adds the identity matrix
/// as a channel, and computes
///
/// x ← L(x, M₁(x, xᵀ)·M₂(x))
///
/// with a matrix product for each channel; M₁ and M₂ are two linear maps of the
/// channels with a ReLU after each, L is one linear map. After the blocks come
/// the means over the diagonal and off it, a linear map with a ReLU, and a
/// linear map. The result does not depend on the order of the vertices.
///
/// Parameters are listed in the order of use (M₁, M₂, L of each block, then the
/// two last maps), the matrix `[out, in]` of each map before its bias `[out]`.
#[derive(Clone, Debug)]
pub struct Ppgn {
    options: PpgnOptions,
    parameters: Vec<Tensor<f64>>,
}

impl Ppgn {
    /// A network with Xavier-uniform matrices and biases of zero.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size of zero; [`Error::Tensor`] if no memory
    /// holds the parameters.
    pub fn new(options: PpgnOptions, seed: u64) -> Result<Self> {
        let sizes = [
            ("inputs", options.inputs),
            ("outputs", options.outputs),
            ("depth", options.depth),
            ("width", options.width),
            ("suffix", options.suffix),
        ];
        if let Some(&(name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            let problem = "it must be at least 1".into();
            return Err(Error::Argument { name, problem });
        }
        let mut parameters = Vec::new();
        for (place, (outputs, inputs)) in maps(&options).into_iter().enumerate() {
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            let mut numbers = SplitMix64::derived(seed, place as u64);
            let matrix = Tensor::from_fn(&[outputs, inputs], |_| {
                bound * (2.0 * numbers.uniform() - 1.0)
            })?;
            parameters.extend([matrix, Tensor::zeros(&[outputs])?]);
        }
        Ok(Self {
            options,
            parameters,
        })
    }

    /// The sizes.
    #[must_use]
    pub fn options(&self) -> &PpgnOptions {
        &self.options
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &[Tensor<f64>] {
        &self.parameters
    }

    /// Number of numbers in the parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(Tensor::len).sum()
    }

    /// Replaces the parameters.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of them, [`Error::Shape`] for
    /// another shape.
    pub fn set_parameters(&mut self, parameters: Vec<Tensor<f64>>) -> Result<()> {
        let shapes: Vec<&[usize]> = parameters.iter().map(Tensor::shape).collect();
        self.check(&shapes)?;
        self.parameters = parameters;
        Ok(())
    }

    fn check(&self, shapes: &[&[usize]]) -> Result<()> {
        if shapes.len() != self.parameters.len() {
            return Err(Error::Argument {
                name: "parameters",
                problem: format!("{} of {}", shapes.len(), self.parameters.len()),
            });
        }
        for (found, wanted) in shapes.iter().zip(&self.parameters) {
            if *found != wanted.shape() {
                return Err(Error::Shape {
                    what: "a parameter",
                    found: found.to_vec(),
                    expected: format!("{:?}", wanted.shape()),
                });
            }
        }
        Ok(())
    }

    /// Results `[B, outputs]` for features `[B, inputs, n, n]`; graph b has the
    /// first `sizes[b]` vertices, or all n without sizes.
    ///
    /// # Errors
    /// As [`Ppgn::forward`].
    pub fn apply(&self, x: &Tensor<f64>, sizes: Option<&[usize]>) -> Result<Tensor<f64>> {
        unrecorded(|| {
            let constant = |tensor: &Tensor<f64>| Variable::constant(tensor.clone());
            let parameters: Vec<Variable> = self.parameters.iter().map(constant).collect();
            let y = self.forward(&parameters, &constant(x), sizes)?;
            Ok(y.value().typed::<f64>()?.clone())
        })
    }

    /// As [`Ppgn::apply`], recorded, with other values of the parameters: its
    /// derivatives train the network. Parameters and x may be `f32`.
    ///
    /// Cost of a graph and block: 2·n³·width for the products of matrices and
    /// about 14·n²·width² for the maps of the channels.
    ///
    /// ```
    /// use tensegrity_grad::{Variable, gradients};
    /// use tensegrity_symmetry::poly::{Ppgn, PpgnOptions};
    /// use tensegrity_tensor::Tensor;
    /// let options = PpgnOptions { depth: 2, width: 4, suffix: 5, ..PpgnOptions::plus_plus(1, 1) };
    /// let network = Ppgn::new(options, 0)?;
    /// let parameters: Vec<_> = network.parameters().iter().cloned().map(Variable::new).collect();
    /// let x = Variable::constant(Tensor::full(&[2, 1, 3, 3], 1.0)?);
    /// let loss = network.forward(&parameters, &x, None)?.sum_all()?;
    /// let gradient = gradients(&loss, &parameters.iter().collect::<Vec<_>>())?;
    /// assert_eq!(gradient.len(), network.parameters().len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Argument`] for sizes that are zero, beyond n,
    /// or not one a graph; [`Error::Grad`] for mixed element types.
    pub fn forward(
        &self,
        parameters: &[Variable],
        x: &Variable,
        sizes: Option<&[usize]>,
    ) -> Result<Variable> {
        let shapes: Vec<&[usize]> = parameters.iter().map(Variable::shape).collect();
        self.check(&shapes)?;
        let shape = x.shape();
        let fits = shape.len() == 4 && shape[1] == self.options.inputs && shape[2] == shape[3];
        if !fits || shape[2] == 0 {
            return Err(Error::Shape {
                what: "x",
                found: shape.to_vec(),
                expected: format!("[B, {}, n, n] with n of at least 1", self.options.inputs),
            });
        }
        let (batch, n) = (shape[0], shape[2]);
        let all = vec![n; batch];
        let lengths = sizes.unwrap_or(&all);
        check_sizes(lengths, batch, n)?;
        let constant = |tensor: Tensor<f64>| -> Result<Variable> {
            Ok(Variable::constant(tensor).cast(x.dtype())?)
        };
        let mask = match sizes {
            None => None,
            Some(_) => Some(constant(Tensor::from_fn(&[batch, n, n, 1], |i| {
                f64::from(u8::from(i[1].max(i[2]) < lengths[i[0]]))
            })?)?),
        };
        let masked = |y: Variable| -> Result<Variable> {
            Ok(match &mask {
                None => y,
                Some(mask) => y.mul(mask)?,
            })
        };
        let identity = constant(Tensor::from_fn(&[batch, n, n, 1], |i| {
            f64::from(u8::from(i[1] == i[2]))
        })?)?;

        // Channels last: a map of the channels is one product of matrices.
        let mut x = x.permute(&[0, 2, 3, 1])?;
        let mut rest = parameters.chunks_exact(2);
        let mut map = |x: &Variable| -> Result<Variable> {
            let [matrix, bias] = rest.next().expect("parameters are counted above") else {
                unreachable!("chunks of two")
            };
            Ok(x.matmul(&matrix.transpose()?)?.add(bias)?)
        };
        for _ in 0..self.options.depth {
            if self.options.identity {
                x = concat(&[&x, &identity], 3)?;
            }
            let first = if self.options.transpose {
                concat(&[&x, &x.permute(&[0, 2, 1, 3])?], 3)?
            } else {
                x.clone()
            };
            let first = map(&first)?.relu()?;
            let first = map(&first)?.relu()?;
            let second = map(&x)?.relu()?;
            let second = map(&second)?.relu()?;
            let product = einsum("bikc,bkjc->bijc", &[&masked(first)?, &masked(second)?])?;
            x = masked(map(&concat(&[&x, &product], 3)?)?)?;
        }
        let per_graph = |value: &dyn Fn(f64) -> f64| -> Result<Variable> {
            constant(Tensor::from_fn(&[batch, 1], |i| {
                value(lengths[i[0]] as f64)
            })?)
        };
        let trace = x.mul(&identity)?.sum(&[1, 2])?;
        let others = x.sum(&[1, 2])?.sub(&trace)?;
        let on = trace.mul(&per_graph(&|n| 1.0 / n)?)?;
        // A graph of one vertex has no entries off the diagonal; their sum is zero.
        let off = others.mul(&per_graph(&|n| 1.0 / (n * (n - 1.0)).max(1.0))?)?;
        let hidden = map(&concat(&[&on, &off], 1)?)?.relu()?;
        map(&hidden)
    }
}

fn check_sizes(sizes: &[usize], batch: usize, n: usize) -> Result<()> {
    let problem = if sizes.len() == batch {
        match sizes.iter().position(|&size| size == 0 || size > n) {
            None => return Ok(()),
            Some(graph) => format!("graph {graph} has size {}, not 1 to {n}", sizes[graph]),
        }
    } else {
        format!("{} sizes for a batch of {batch}", sizes.len())
    };
    let name = "sizes";
    Err(Error::Argument { name, problem })
}

/// (outputs, inputs) of every linear map, in the order of use.
fn maps(options: &PpgnOptions) -> Vec<(usize, usize)> {
    let mut maps = Vec::new();
    let width = options.width;
    for block in 0..options.depth {
        let input = if block == 0 { options.inputs } else { width };
        let input = input + usize::from(options.identity);
        let first = input * (1 + usize::from(options.transpose));
        maps.extend([
            (width, first),
            (width, width),
            (width, input),
            (width, width),
        ]);
        maps.push((width, input + width));
    }
    maps.extend([
        (options.suffix, 2 * width),
        (options.outputs, options.suffix),
    ]);
    maps
}
