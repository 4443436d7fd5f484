//! Whole layers: every equivariant map between lists of tensors, with weights.

mod block;
mod builder;
mod dense;
mod kernel;
mod mask;
mod mixer;
mod operation;
mod plan;
mod separate;
mod side;

use std::sync::Arc;

use tensegrity_grad::Variable;
use tensegrity_linalg::Field;
use tensegrity_tensor::{Array, DType, Tensor, element_count};

pub use builder::{LayerBuilder, Norm};
pub use plan::{Explanation, Plan, PlanCost};

use crate::{Diagram, Error, Group, Result};
use kernel::{Kernel, Slot};

/// A linear layer that commutes with a group.
///
/// Inputs are tensors `[batch, channels, n, …, n]`, one for every input order,
/// outputs the same: y_l\[b, o\] = Σ_k Σ_i Σ_p W\[o, i, p\] · D_p x_k\[b, i\] + bias,
/// over the diagrams D_p from order k to order l. The bias is made of the
/// diagrams from order 0.
///
/// Guarantees: the result does not depend on the plan but for rounding, and not
/// at all on the number of threads; sums along an axis run in eight lanes, so
/// their error grows as n·ε/8.
///
/// ```
/// use tensegrity_symmetry::{Group, Layer};
/// use tensegrity_tensor::{Array, Tensor};
/// // Graphs of any size: from adjacency matrices to features of edges and nodes.
/// let layer = Layer::builder(Group::Symmetric)
///     .input(&[2], 1)
///     .output(&[2], 8)
///     .output(&[1], 4)
///     .bias(true)
///     .build()?;
/// let graphs = Array::from(Tensor::<f64>::zeros(&[5, 1, 7, 7])?);
/// let y = layer.forward(&[&graphs])?;
/// assert_eq!((y[0].shape(), y[1].shape()), (&[5, 8, 7, 7][..], &[5, 4, 7][..]));
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layer {
    kernel: Arc<Kernel>,
    sizes: Vec<Option<usize>>,
    weights: Vec<Array>,
    dtype: DType,
}

/// Which input and output a list of weights connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Number of the input; `None` for the bias.
    pub input: Option<usize>,
    /// Number of the output.
    pub output: usize,
}

/// Cotangents of inputs and of weights.
pub type Cotangents = (Vec<Array>, Vec<Array>);

impl Layer {
    /// A layer of a group; its size is set by [`LayerBuilder::size`] or, for S,
    /// left open.
    #[must_use]
    pub fn builder(group: Group) -> LayerBuilder {
        LayerBuilder::new(vec![(group, None)])
    }

    /// A layer of a product of groups (a local symmetry): features are outer
    /// products, with the axes of the first factor first, and a map is one
    /// diagram for each factor.
    #[must_use]
    pub fn product(factors: &[(Group, usize)]) -> LayerBuilder {
        LayerBuilder::new(factors.iter().map(|&(group, n)| (group, Some(n))).collect())
    }

    /// What each list of weights connects.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let constant = self.kernel.inputs.len();
        let blocks = self.kernel.blocks.iter();
        blocks
            .map(|block| Connection {
                input: (block.input != constant).then_some(block.input),
                output: block.output,
            })
            .collect()
    }

    /// The diagrams of a list of weights, one a factor of the group each.
    ///
    /// # Panics
    /// If there is no such list.
    #[must_use]
    pub fn diagrams(&self, connection: usize) -> &[Vec<Diagram>] {
        &self.kernel.blocks[connection].diagrams
    }

    /// Weights `[out, in, diagrams]`, one array for each of [`Layer::connections`].
    #[must_use]
    pub fn weights(&self) -> &[Array] {
        &self.weights
    }

    /// Sets the weights of one connection.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such connection; [`Error::Shape`],
    /// [`Error::ElementType`] if shape or type differ from the present ones.
    pub fn set_weights(&mut self, connection: usize, weights: impl Into<Array>) -> Result<()> {
        let weights = weights.into();
        let count = self.weights.len();
        let Some(own) = self.weights.get_mut(connection) else {
            return Err(Error::Argument {
                name: "connection",
                problem: format!("{connection} is not below {count}"),
            });
        };
        if weights.shape() != own.shape() {
            return Err(Error::Shape {
                what: "weights",
                found: weights.shape().to_vec(),
                expected: format!("{:?} ([out, in, diagrams])", own.shape()),
            });
        }
        if weights.dtype() != self.dtype {
            return Err(Error::ElementType {
                what: "weights",
                found: weights.dtype(),
                expected: self.dtype,
            });
        }
        *own = weights;
        Ok(())
    }

    /// The element type of the layer.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Number of weights.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.weights.iter().map(Array::len).sum()
    }

    /// The outputs for inputs `[batch, channels, n, …]`.
    ///
    /// Cost: see [`Layer::explain`].
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::ElementType`], [`Error::Argument`] if the
    /// inputs are not those of the layer.
    pub fn forward(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (sizes, batch) = self.check(inputs)?;
        let weights: Vec<&Array> = self.weights.iter().collect();
        self.kernel
            .evaluate(Slot::Outputs, &sizes, batch, inputs, &weights, true, None)
    }

    /// Cotangents of inputs and weights for cotangents of the outputs.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    pub fn vjp(&self, inputs: &[&Array], cotangents: &[&Array]) -> Result<Cotangents> {
        let (sizes, batch) = self.check(inputs)?;
        self.check_cotangents(cotangents, &sizes, batch)?;
        let weights: Vec<&Array> = self.weights.iter().collect();
        let evaluate = |slot, first: &[&Array], second: &[&Array]| {
            self.kernel
                .evaluate(slot, &sizes, batch, first, second, true, None)
        };
        Ok((
            evaluate(Slot::Inputs, cotangents, &weights)?,
            evaluate(Slot::Weights, inputs, cotangents)?,
        ))
    }

    /// The layer as one recorded operation, differentiable any number of times
    /// in inputs and weights. `weights` are as [`Layer::weights`].
    ///
    /// # Errors
    /// As [`Layer::forward`]; those of recording.
    pub fn apply(&self, inputs: &[Variable], weights: &[Variable]) -> Result<Vec<Variable>> {
        let values: Vec<&Array> = inputs.iter().map(Variable::value).collect();
        let (sizes, batch) = self.check(&values)?;
        self.check_variables(weights)?;
        operation::record(&self.kernel, sizes, batch, None, inputs, weights)
    }

    /// The weights as variables to differentiate by.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        self.weights.iter().cloned().map(Variable::new).collect()
    }

    /// Which plan is used for a batch and, where the layer leaves it open, for
    /// size `n`, and what all plans cost.
    ///
    /// # Errors
    /// [`Error::Argument`] if a size is open and `n` is not given.
    pub fn explain(&self, batch: usize, n: Option<usize>) -> Result<Explanation> {
        let sizes = self
            .sizes
            .iter()
            .map(|size| size.or(n))
            .collect::<Option<Vec<_>>>();
        let Some(sizes) = sizes else {
            return Err(Error::Argument {
                name: "n",
                problem: "the layer leaves the size open; say for which size".into(),
            });
        };
        Ok(self.kernel.compiled(&sizes, batch)?.explanation.clone())
    }

    /// Sizes of the factors and the batch, from inputs that fit.
    fn check(&self, inputs: &[&Array]) -> Result<(Vec<usize>, usize)> {
        let wanted = &self.kernel.inputs;
        if inputs.len() != wanted.len() {
            return Err(Error::Argument {
                name: "inputs",
                problem: format!("{} given, the layer takes {}", inputs.len(), wanted.len()),
            });
        }
        let mut sizes = self.sizes.clone();
        let batch = inputs[0].shape().first().copied().unwrap_or(0);
        for (x, (orders, channels)) in inputs.iter().zip(wanted) {
            let shape = x.shape();
            let order: usize = orders.iter().sum();
            let mut fits = shape.len() == order + 2 && shape[0] == batch && shape[1] == *channels;
            if fits {
                let mut axes = shape[2..].iter();
                for (size, &order) in sizes.iter_mut().zip(orders) {
                    for &length in axes.by_ref().take(order) {
                        fits &= *size.get_or_insert(length) == length;
                    }
                }
            }
            if !fits {
                return Err(Error::Shape {
                    what: "an input",
                    found: shape.to_vec(),
                    expected: self.shape_text(orders, *channels),
                });
            }
            if x.dtype() != self.dtype {
                return Err(Error::ElementType {
                    what: "an input",
                    found: x.dtype(),
                    expected: self.dtype,
                });
            }
        }
        let known = sizes.iter().copied().collect::<Option<Vec<_>>>();
        let Some(known) = known else {
            return Err(Error::Argument {
                name: "n",
                problem: "no input has an axis to read the size from; set it when building".into(),
            });
        };
        for (&group, &n) in self.kernel.groups.iter().zip(&known) {
            group.check(n)?;
        }
        Ok((known, batch))
    }

    fn shape_text(&self, orders: &[usize], channels: usize) -> String {
        let mut text = format!("[batch, {channels}");
        for (size, &order) in self.sizes.iter().zip(orders) {
            let length = size.map_or("n".to_owned(), |n| n.to_string());
            (0..order).for_each(|_| text += &format!(", {length}"));
        }
        text + "], with the same batch and size in all inputs"
    }

    fn check_cotangents(&self, given: &[&Array], sizes: &[usize], batch: usize) -> Result<()> {
        if given.len() != self.kernel.outputs.len() {
            return Err(Error::Argument {
                name: "cotangents",
                problem: format!(
                    "{} given, the layer has {} outputs",
                    given.len(),
                    self.kernel.outputs.len()
                ),
            });
        }
        for (g, output) in given.iter().zip(&self.kernel.outputs) {
            let expected = kernel_shape(output, sizes, batch);
            if g.shape() != expected {
                return Err(Error::Shape {
                    what: "a cotangent",
                    found: g.shape().to_vec(),
                    expected: format!("{expected:?}"),
                });
            }
            if g.dtype() != self.dtype {
                return Err(Error::ElementType {
                    what: "a cotangent",
                    found: g.dtype(),
                    expected: self.dtype,
                });
            }
        }
        Ok(())
    }

    fn check_variables(&self, weights: &[Variable]) -> Result<()> {
        if weights.len() != self.weights.len() {
            return Err(Error::Argument {
                name: "weights",
                problem: format!(
                    "{} given, the layer has {}",
                    weights.len(),
                    self.weights.len()
                ),
            });
        }
        for (given, own) in weights.iter().zip(&self.weights) {
            if given.shape() != own.shape() || given.dtype() != self.dtype {
                return Err(Error::Shape {
                    what: "weights",
                    found: given.shape().to_vec(),
                    expected: format!("{:?} of {}", own.shape(), self.dtype),
                });
            }
        }
        Ok(())
    }
}

/// Shape of an input or output.
fn kernel_shape(
    (orders, channels): &(Vec<usize>, usize),
    sizes: &[usize],
    batch: usize,
) -> Vec<usize> {
    let mut shape = vec![batch, *channels];
    for (&n, &order) in sizes.iter().zip(orders) {
        shape.extend(vec![n; order]);
    }
    shape
}

impl Kernel {
    /// [`Kernel::run`] on arrays, whose shapes have been checked.
    pub(crate) fn evaluate(
        &self,
        slot: Slot,
        sizes: &[usize],
        batch: usize,
        first: &[&Array],
        second: &[&Array],
        constant: bool,
        lengths: Option<&[usize]>,
    ) -> Result<Vec<Array>> {
        let dtype = first
            .first()
            .or(second.first())
            .map_or(DType::F64, |array| array.dtype());
        match dtype {
            DType::F32 => self.typed::<f32>(slot, sizes, batch, first, second, constant, lengths),
            _ => self.typed::<f64>(slot, sizes, batch, first, second, constant, lengths),
        }
    }

    fn typed<T: Field>(
        &self,
        slot: Slot,
        sizes: &[usize],
        batch: usize,
        first: &[&Array],
        second: &[&Array],
        constant: bool,
        lengths: Option<&[usize]>,
    ) -> Result<Vec<Array>> {
        let slices = |arrays: &[&Array]| -> Result<Vec<Tensor<T>>> {
            arrays
                .iter()
                .map(|array| Ok(array.typed::<T>()?.clone()))
                .collect()
        };
        let (first, second) = (slices(first)?, slices(second)?);
        let first: Vec<&[T]> = first.iter().map(Tensor::as_slice).collect();
        let second: Vec<&[T]> = second.iter().map(Tensor::as_slice).collect();
        let shapes: Vec<Vec<usize>> = match slot {
            Slot::Outputs => self
                .outputs
                .iter()
                .map(|o| kernel_shape(o, sizes, batch))
                .collect(),
            Slot::Inputs => self
                .inputs
                .iter()
                .map(|i| kernel_shape(i, sizes, batch))
                .collect(),
            Slot::Weights => self.weight_shapes(),
        };
        for shape in &shapes {
            element_count(shape)?;
        }
        let values = match lengths {
            None => self.run(slot, sizes, batch, &first, &second, constant)?,
            Some(lengths) => self.run_masked(slot, sizes[0], lengths, &first, &second, constant)?,
        };
        values
            .into_iter()
            .zip(shapes)
            .map(|(values, shape)| Ok(Tensor::from_vec(values, &shape)?.into()))
            .collect()
    }

    pub(crate) fn weight_shapes(&self) -> Vec<Vec<usize>> {
        let channels = |input: usize| self.inputs.get(input).map_or(1, |(_, channels)| *channels);
        let blocks = self.blocks.iter();
        blocks
            .map(|block| {
                vec![
                    self.outputs[block.output].1,
                    channels(block.input),
                    block.diagrams.len(),
                ]
            })
            .collect()
    }
}
