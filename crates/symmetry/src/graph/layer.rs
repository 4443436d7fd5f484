//! Linear layers that commute with a group of permutations.

use tensegrity_tensor::{SplitMix64, Tensor};

use super::layer_kernel::OrbitMatrix;
use super::{PermutationGroup, TupleOrbits};
use crate::{Error, Result};

/// How a [`GraphLayer`] is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphLayerPlan {
    /// Sums of the input over orbits, then one product with the weights.
    SegmentSums,
    /// Products with blocks of the dense matrix.
    Dense,
}

/// Derivatives of a [`GraphLayer`]: those of the sum of `cotangent · output`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GraphLayerGradients {
    /// Of the input, `[B, C_in, n, …, n]`.
    pub input: Tensor<f64>,
    /// Of the weights, `[C_out, C_in, orbits]`.
    pub weights: Tensor<f64>,
    /// Of the bias, `[C_out, orbits of l-tuples]`, if the layer has one.
    pub bias: Option<Tensor<f64>>,
}

/// Every linear map from order-k to order-l features of the points that
/// commutes with a group of permutations, with channels:
///
/// y\[b, o, I\] = Σ_{i, J} W\[o, i, orbit(I, J)\] · x\[b, i, J\] + c\[o, orbit(I)\]
///
/// The orbits of (l + k)-tuples number the weights (output indices first), so
/// the maps are independent and none is missing. Results do not depend on the
/// number of threads.
///
/// Cost of a sample: n^(l+k)·C_in additions and C_out·C_in multiply-adds for
/// every output tuple and orbit in its row; or, where there is little symmetry,
/// the dense product (see [`GraphLayer::plan`]).
///
/// ```
/// use tensegrity_symmetry::graph::{Graph, GraphLayer, automorphisms};
/// use tensegrity_tensor::Tensor;
/// let group = automorphisms(&Graph::cycle(5)?)?;
/// let mut layer = GraphLayer::new(&group, 1, 1, 1, 1, false, 0)?;
/// // The weight of distance 1 alone: the sum of the two neighbours.
/// layer.set_weights(Tensor::from_vec(vec![0.0, 1.0, 0.0], &[1, 1, 3])?)?;
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], &[1, 1, 5])?;
/// assert_eq!(layer.apply(&x)?.as_slice(), [7.0, 4.0, 6.0, 8.0, 5.0]);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GraphLayer {
    n: usize,
    k: usize,
    l: usize,
    channels: (usize, usize),
    orbits: usize,
    forward: OrbitMatrix,
    backward: OrbitMatrix,
    weights: Tensor<f64>,
    bias: Option<(TupleOrbits, Tensor<f64>)>,
    plan: Option<GraphLayerPlan>,
}

impl GraphLayer {
    /// A layer from order `k` with `inputs` channels to order `l` with
    /// `outputs` channels. Weights are normal with the variance that keeps
    /// inputs of variance one at about one; the bias starts at zero.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 2²⁷ tuples of l + k points;
    /// [`Error::Argument`] for no channels.
    pub fn new(
        group: &PermutationGroup,
        k: usize,
        l: usize,
        inputs: usize,
        outputs: usize,
        bias: bool,
        seed: u64,
    ) -> Result<Self> {
        for (name, count) in [("inputs", inputs), ("outputs", outputs)] {
            if count == 0 {
                let problem = "a layer needs one channel or more".into();
                return Err(Error::Argument { name, problem });
            }
        }
        let n = group.n();
        let orbits = TupleOrbits::new(group, k + l)?;
        let count = orbits.count();
        let (rows, columns) = (n.pow(l as u32), n.pow(k as u32));
        let forward = OrbitMatrix::new(orbits.ids().to_vec(), rows, columns, count);
        let backward = forward.transposed();
        let mut weights =
            SplitMix64::derived(seed, 0).normal_tensor::<f64>(&[outputs, inputs, count]);
        let row_orbits = forward.row_orbits();
        let row_sizes = entries_in_a_row(&forward, orbits.sizes());
        for (place, weight) in weights.as_mut_slice().iter_mut().enumerate() {
            let r = place % count;
            let inputs_of_one_output = inputs as f64 * row_orbits[r] as f64 * row_sizes[r];
            *weight /= inputs_of_one_output.sqrt();
        }
        let bias = match bias {
            false => None,
            true => {
                let orbits = TupleOrbits::new(group, l)?;
                let values = Tensor::zeros(&[outputs, orbits.count()])?;
                Some((orbits, values))
            }
        };
        let channels = (inputs, outputs);
        Ok(Self {
            n,
            k,
            l,
            channels,
            orbits: count,
            forward,
            backward,
            weights,
            bias,
            plan: None,
        })
    }

    /// Number of weights for each pair of channels.
    #[must_use]
    pub fn orbit_count(&self) -> usize {
        self.orbits
    }

    /// The weights, `[C_out, C_in, orbits]`.
    #[must_use]
    pub fn weights(&self) -> &Tensor<f64> {
        &self.weights
    }

    /// The bias, `[C_out, orbits of l-tuples]`.
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor<f64>> {
        self.bias.as_ref().map(|(_, values)| values)
    }

    /// Replaces the weights.
    ///
    /// # Errors
    /// [`Error::Shape`] unless they are `[C_out, C_in, orbits]`.
    pub fn set_weights(&mut self, weights: Tensor<f64>) -> Result<()> {
        same_shape("weights", self.weights.shape(), weights.shape())?;
        self.weights = weights;
        Ok(())
    }

    /// Replaces the bias.
    ///
    /// # Errors
    /// [`Error::Argument`] if the layer has none; [`Error::Shape`].
    pub fn set_bias(&mut self, bias: Tensor<f64>) -> Result<()> {
        let Some((_, values)) = &mut self.bias else {
            return Err(Error::Argument {
                name: "bias",
                problem: "the layer was made without one".into(),
            });
        };
        same_shape("bias", values.shape(), bias.shape())?;
        *values = bias;
        Ok(())
    }

    /// Forces a plan, or leaves the choice to the layer (`None`).
    pub fn set_plan(&mut self, plan: Option<GraphLayerPlan>) {
        self.plan = plan;
    }

    /// The plan for a batch: the one forced, or the cheaper by count of work.
    #[must_use]
    pub fn plan(&self, batch: usize) -> GraphLayerPlan {
        self.chosen(&self.forward, self.channels, batch)
    }

    fn chosen(
        &self,
        map: &OrbitMatrix,
        (from, to): (usize, usize),
        batch: usize,
    ) -> GraphLayerPlan {
        if let Some(plan) = self.plan {
            return plan;
        }
        let (segments, dense) = costs(map, (from, to), batch);
        if segments <= dense {
            GraphLayerPlan::SegmentSums
        } else {
            GraphLayerPlan::Dense
        }
    }

    /// The plan for a batch and what it was chosen by, for people.
    #[must_use]
    pub fn explain(&self, batch: usize) -> String {
        use std::fmt::Write as _;
        let (segments, dense) = costs(&self.forward, self.channels, batch);
        let (inputs, outputs) = self.channels;
        let mut text = format!(
            "order {} -> {} on {} points, {inputs} -> {outputs} channels: {} orbits, {} weights\n",
            self.k,
            self.l,
            self.n,
            self.orbits,
            self.weights.len(),
        );
        for (rows, orbits) in self.forward.class_sizes() {
            let _ = writeln!(
                text,
                "  {rows} output tuples with {orbits} orbits each, of {} inputs",
                self.forward.columns
            );
        }
        let _ = write!(
            text,
            "  segment sums {segments:.3e}, dense {dense:.3e} multiply-adds for a batch of \
             {batch}: {}",
            match self.plan(batch) {
                GraphLayerPlan::SegmentSums => "segment sums",
                GraphLayerPlan::Dense => "dense",
            }
        );
        text
    }

    /// y `[B, C_out, n, …, n]` (l axes of n) of x `[B, C_in, n, …, n]` (k axes).
    ///
    /// # Errors
    /// [`Error::Shape`] with the shape expected.
    pub fn apply(&self, x: &Tensor<f64>) -> Result<Tensor<f64>> {
        let (inputs, outputs) = self.channels;
        let batch = self.batch_of("x", x, inputs, self.k)?;
        let w = self.weights.as_slice();
        let weight = |o: usize, i: usize, r: usize| w[(o * inputs + i) * self.orbits + r];
        let x = channels_last(x, batch, inputs)?;
        let sizes = (batch, inputs, outputs);
        let mut y = match self.plan(batch) {
            GraphLayerPlan::SegmentSums => self.forward.by_segments(&x, sizes, weight)?,
            GraphLayerPlan::Dense => self.forward.by_dense(&x, sizes, weight)?,
        };
        if let Some((orbits, values)) = &self.bias {
            let count = orbits.count();
            for (place, y) in y.chunks_exact_mut(outputs).enumerate() {
                let orbit = orbits.ids()[place % self.forward.rows] as usize;
                let bias = values.as_slice()[orbit..].iter().step_by(count);
                y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
            }
        }
        self.channels_first(y, batch, outputs, self.l)
    }

    /// Derivatives at `x` for a cotangent `g` of the shape of the output: the
    /// adjoint maps in closed form, at about twice the cost of the layer.
    ///
    /// # Errors
    /// [`Error::Shape`] with the shape expected.
    pub fn vjp(&self, x: &Tensor<f64>, g: &Tensor<f64>) -> Result<GraphLayerGradients> {
        let (inputs, outputs) = self.channels;
        let batch = self.batch_of("x", x, inputs, self.k)?;
        if self.batch_of("g", g, outputs, self.l)? != batch {
            return Err(Error::Shape {
                what: "the cotangent",
                found: g.shape().to_vec(),
                expected: format!("a batch of {batch} as that of x"),
            });
        }
        let w = self.weights.as_slice();
        let adjoint = |i: usize, o: usize, r: usize| w[(o * inputs + i) * self.orbits + r];
        let (x, g) = (
            channels_last(x, batch, inputs)?,
            channels_last(g, batch, outputs)?,
        );
        let sizes = (batch, outputs, inputs);
        let dx = match self.chosen(&self.backward, (outputs, inputs), batch) {
            GraphLayerPlan::SegmentSums => self.backward.by_segments(&g, sizes, adjoint)?,
            GraphLayerPlan::Dense => self.backward.by_dense(&g, sizes, adjoint)?,
        };
        let dw = self
            .forward
            .weight_gradient(&x, &g, (batch, inputs, outputs))?;
        let bias = match &self.bias {
            None => None,
            Some((orbits, values)) => {
                let mut gradient = Tensor::zeros(values.shape())?;
                let sums: &mut [f64] = gradient.as_mut_slice();
                for (place, g) in g.chunks_exact(outputs).enumerate() {
                    let orbit = orbits.ids()[place % self.forward.rows] as usize;
                    for (o, g) in g.iter().enumerate() {
                        sums[o * orbits.count() + orbit] += g;
                    }
                }
                Some(gradient)
            }
        };
        Ok(GraphLayerGradients {
            input: self.channels_first(dx, batch, inputs, self.k)?,
            weights: Tensor::from_vec(dw, self.weights.shape())?,
            bias,
        })
    }

    fn batch_of(
        &self,
        what: &'static str,
        x: &Tensor<f64>,
        channels: usize,
        order: usize,
    ) -> Result<usize> {
        let shape = x.shape();
        let fits = shape.len() == 2 + order
            && shape[1] == channels
            && shape[2..].iter().all(|&length| length == self.n);
        if !fits {
            return Err(Error::Shape {
                what,
                found: shape.to_vec(),
                expected: format!("[B, {channels}{}]", format!(", {}", self.n).repeat(order)),
            });
        }
        Ok(shape[0])
    }

    fn channels_first(
        &self,
        y: Vec<f64>,
        batch: usize,
        channels: usize,
        order: usize,
    ) -> Result<Tensor<f64>> {
        let points = self.n.pow(order as u32);
        let mut shape = vec![batch, channels];
        shape.resize(2 + order, self.n);
        let y = Tensor::from_vec(y, &[batch, points, channels])?;
        Ok(y.permuted(&[0, 2, 1])?.reshaped(&shape)?)
    }
}

/// Entries of each orbit in one row of its class.
fn entries_in_a_row(map: &OrbitMatrix, sizes: &[u64]) -> Vec<f64> {
    map.rows_of_orbits()
        .into_iter()
        .zip(sizes)
        .map(|(rows, &size)| size as f64 / rows as f64)
        .collect()
}

/// Work of the two plans in multiply-adds; an addition of a segment sum jumps
/// in memory and counts as three.
fn costs(map: &OrbitMatrix, (from, to): (usize, usize), batch: usize) -> (f64, f64) {
    let (additions, products) = map.segment_cost(from, to);
    let entries = map.rows as f64 * map.columns as f64 * from as f64 * to as f64;
    let batch = batch as f64;
    (
        batch * (3.0 * additions + products),
        entries * (batch + 1.0),
    )
}

fn channels_last(x: &Tensor<f64>, batch: usize, channels: usize) -> Result<Vec<f64>> {
    let points = x.len() / (batch * channels).max(1);
    let x = x.clone().reshaped(&[batch, channels, points])?;
    Ok(x.permuted(&[0, 2, 1])?.into_vec())
}

fn same_shape(what: &'static str, wanted: &[usize], found: &[usize]) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        found: found.to_vec(),
        expected: format!("{wanted:?}"),
    })
}
