//! Putting a layer together.

use std::sync::Mutex;

use tensegrity_tensor::{Array, DType, SplitMix64, Tensor};

use super::block::Block;
use super::kernel::{Change, Kernel};
use super::{Layer, Plan};
use crate::{Basis, Diagram, Error, Group, HomSpace, MAX_DIAGRAMS, Result};

/// How sums over coordinates are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Norm {
    /// As they are.
    #[default]
    Sum,
    /// Divided by n, each; of partition diagrams only.
    Mean,
}

/// Size that open layers are initialised for.
const NOMINAL: usize = 16;

/// A layer in the making; see [`Layer::builder`].
#[derive(Clone, Debug)]
pub struct LayerBuilder {
    factors: Vec<(Group, Option<usize>)>,
    inputs: Vec<(Vec<usize>, usize)>,
    outputs: Vec<(Vec<usize>, usize)>,
    bias: bool,
    basis: Basis,
    norm: Norm,
    plan: Plan,
    allow_empty: bool,
    gain: f64,
    nominal: usize,
    dtype: DType,
    seed: u64,
}

impl LayerBuilder {
    pub(super) fn new(factors: Vec<(Group, Option<usize>)>) -> Self {
        Self {
            factors,
            inputs: vec![],
            outputs: vec![],
            bias: false,
            basis: Basis::default(),
            norm: Norm::default(),
            plan: Plan::default(),
            allow_empty: false,
            gain: 1.0,
            nominal: NOMINAL,
            dtype: DType::F64,
            seed: 0,
        }
    }

    /// The size of the group. Without one a layer of S takes inputs of any size.
    #[must_use]
    pub fn size(mut self, n: usize) -> Self {
        for factor in &mut self.factors {
            factor.1 = Some(n);
        }
        self
    }

    /// Adds an input of these orders, one a factor of the group.
    #[must_use]
    pub fn input(mut self, orders: &[usize], channels: usize) -> Self {
        self.inputs.push((orders.to_vec(), channels));
        self
    }

    /// Adds an output of these orders, one a factor of the group.
    #[must_use]
    pub fn output(mut self, orders: &[usize], channels: usize) -> Self {
        self.outputs.push((orders.to_vec(), channels));
        self
    }

    /// Whether there is a bias (default no).
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// Which maps the weights belong to (default [`Basis::Reduced`]).
    #[must_use]
    pub fn basis(mut self, basis: Basis) -> Self {
        self.basis = basis;
        self
    }

    /// How sums are scaled (default [`Norm::Sum`]).
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// How the layer is computed (default [`Plan::Auto`]).
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// Whether inputs that feed nothing and outputs fed by nothing are allowed
    /// (default no); such outputs are zero.
    #[must_use]
    pub fn allow_empty(mut self, allow: bool) -> Self {
        self.allow_empty = allow;
        self
    }

    /// The standard deviation of outputs for inputs of variance one (default 1).
    #[must_use]
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// The size weights are scaled for where it is left open (default 16).
    #[must_use]
    pub fn nominal_size(mut self, n: usize) -> Self {
        self.nominal = n;
        self
    }

    /// The element type, `f32` or `f64` (default `f64`).
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// The seed of the initial weights (default 0).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The layer, with weights drawn from N(0, gain² / (inputs · diagrams · sums)):
    /// `inputs · diagrams` over everything that feeds the output, `sums` the
    /// number of elements each diagram adds up. Biases start at zero.
    ///
    /// # Errors
    /// [`Error::GroupSize`]; [`Error::Argument`] for options that do not go
    /// together; [`Error::EmptyHomSpace`] if an output is fed by nothing, or an
    /// input feeds nothing, unless allowed; [`Error::TooLarge`] beyond
    /// [`MAX_DIAGRAMS`] diagrams.
    pub fn build(self) -> Result<Layer> {
        self.check()?;
        let constant = self.inputs.len();
        let zero = (vec![0; self.factors.len()], 1);
        let sizes: Vec<usize> = self
            .factors
            .iter()
            .map(|&(_, n)| n.unwrap_or(self.nominal))
            .collect();
        let mut blocks = Vec::new();
        let mut changes = Vec::new();
        for (output, (tops, _)) in self.outputs.iter().enumerate() {
            let sources = self
                .inputs
                .iter()
                .chain(self.bias.then_some(&zero))
                .enumerate();
            for (input, (bottoms, _)) in sources {
                let diagrams = self.diagrams(bottoms, tops)?;
                if diagrams.is_empty() {
                    continue;
                }
                changes.push(self.change(&diagrams)?);
                blocks.push(Block {
                    input,
                    output,
                    factors: vec![1.0; diagrams.len()],
                    diagrams,
                });
            }
        }
        self.check_fed(&blocks)?;
        let kernel = Kernel {
            groups: self.factors.iter().map(|&(group, _)| group).collect(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            blocks,
            changes,
            mean: self.norm == Norm::Mean,
            plan: self.plan,
            compiled: Mutex::default(),
        };
        let weights = self.initial(&kernel, constant, &sizes)?;
        Ok(Layer {
            sizes: self.factors.iter().map(|&(_, n)| n).collect(),
            kernel: kernel.into(),
            weights,
            dtype: self.dtype,
        })
    }

    fn check(&self) -> Result<()> {
        let wrong = |name, problem: String| Err(Error::Argument { name, problem });
        if self.factors.is_empty() {
            return wrong(
                "factors",
                "a product of no groups; give at least one".into(),
            );
        }
        for &(group, n) in &self.factors {
            match n {
                Some(n) => group.check(n)?,
                None if group == Group::Symmetric => {}
                None => {
                    return wrong(
                        "size",
                        format!("the maps of {group} depend on n; set the size"),
                    );
                }
            }
            if self.norm == Norm::Mean && !group.permutes() {
                return wrong(
                    "norm",
                    format!("means are of S and A, {group} has no such sums"),
                );
            }
        }
        if self.basis == Basis::Orbit && self.factors.len() > 1 {
            return wrong(
                "basis",
                "orbits of products of groups are not supported".into(),
            );
        }
        if self.inputs.is_empty() || self.outputs.is_empty() {
            return wrong(
                "inputs",
                "a layer needs at least one input and one output".into(),
            );
        }
        for (orders, channels) in self.inputs.iter().chain(&self.outputs) {
            if orders.len() != self.factors.len() {
                return wrong(
                    "orders",
                    format!(
                        "{orders:?} for {} factors; give one order each",
                        self.factors.len()
                    ),
                );
            }
            if *channels == 0 {
                return wrong("channels", "0; give at least 1".into());
            }
        }
        if !matches!(self.dtype, DType::F32 | DType::F64) {
            return Err(Error::ElementType {
                what: "the layer",
                found: self.dtype,
                expected: DType::F64,
            });
        }
        if self.nominal == 0 || !self.gain.is_finite() {
            return wrong(
                "gain",
                "gain must be finite and the nominal size positive".into(),
            );
        }
        Ok(())
    }

    /// Tuples of diagrams, the last factor fastest.
    fn diagrams(&self, bottoms: &[usize], tops: &[usize]) -> Result<Vec<Vec<Diagram>>> {
        let mut all: Vec<Vec<Diagram>> = vec![vec![]];
        for ((&(group, n), &k), &l) in self.factors.iter().zip(bottoms).zip(tops) {
            // Without a size every diagram is needed: it is one with n = k + l.
            let n = n.unwrap_or((k + l).max(1));
            let basis = match self.basis {
                Basis::Spanning => Basis::Spanning,
                _ => Basis::Reduced,
            };
            let own = HomSpace::new(group, n, k, l)?.diagrams(basis)?;
            let count = all.len() as u128 * own.len() as u128;
            if count > MAX_DIAGRAMS {
                return Err(Error::TooLarge {
                    what: "the number of tuples of diagrams".into(),
                    count,
                    limit: MAX_DIAGRAMS,
                    remedy: "lower the orders",
                });
            }
            all = all
                .iter()
                .flat_map(|first| {
                    own.iter().map(move |last| {
                        let mut tuple = first.clone();
                        tuple.push(last.clone());
                        tuple
                    })
                })
                .collect();
        }
        Ok(all)
    }

    fn change(&self, diagrams: &[Vec<Diagram>]) -> Result<Option<Change>> {
        if self.basis != Basis::Orbit {
            return Ok(None);
        }
        if self.factors[0].0 != Group::Symmetric {
            return Err(Error::Argument {
                name: "basis",
                problem: "orbits are a basis of the maps of S only".into(),
            });
        }
        let place: std::collections::HashMap<&Diagram, usize> = diagrams
            .iter()
            .enumerate()
            .map(|(p, tuple)| (&tuple[0], p))
            .collect();
        let mut change = Change::new();
        for (row, tuple) in diagrams.iter().enumerate() {
            for (term, coefficient) in tuple[0].orbit()?.orbit_in_diagrams()? {
                if let Some(&column) = place.get(&term) {
                    change.push((row, column, coefficient as f64));
                }
            }
        }
        Ok(Some(change))
    }

    fn check_fed(&self, blocks: &[Block]) -> Result<()> {
        if self.allow_empty {
            return Ok(());
        }
        let empty = |k: &[usize], l: &[usize]| {
            let &(group, n) = &self.factors[0];
            Err(Error::EmptyHomSpace {
                group: group.letters(),
                n: n.unwrap_or(0),
                k: k.iter().sum(),
                l: l.iter().sum(),
            })
        };
        for (number, (orders, _)) in self.outputs.iter().enumerate() {
            if !blocks.iter().any(|block| block.output == number) {
                return empty(&self.inputs[0].0, orders);
            }
        }
        for (number, (orders, _)) in self.inputs.iter().enumerate() {
            if !blocks.iter().any(|block| block.input == number) {
                return empty(orders, &self.outputs[0].0);
            }
        }
        Ok(())
    }

    fn initial(&self, kernel: &Kernel, constant: usize, sizes: &[usize]) -> Result<Vec<Array>> {
        let mut feeding = vec![0usize; self.outputs.len()];
        for block in kernel.blocks.iter().filter(|block| block.input != constant) {
            feeding[block.output] += self.inputs[block.input].1 * block.diagrams.len();
        }
        let mut weights = Vec::new();
        for (number, (block, shape)) in kernel.blocks.iter().zip(kernel.weight_shapes()).enumerate()
        {
            let count: usize = shape.iter().product();
            let mut values = vec![0.0; count];
            if block.input != constant {
                let mut random = SplitMix64::derived(self.seed, number as u64);
                let fan = block.fan_in(sizes);
                let sums: Vec<f64> = block
                    .diagrams
                    .iter()
                    .map(|diagrams| {
                        let each = diagrams.iter().zip(sizes).map(|(diagram, &n)| {
                            let scaled = self.norm == Norm::Mean && diagram.heads().is_empty();
                            (n as f64).powi(if scaled {
                                2 * diagram.bottom_only() as i32
                            } else {
                                0
                            })
                        });
                        each.product()
                    })
                    .collect();
                let terms = feeding[block.output] as f64;
                for (place, value) in values.iter_mut().enumerate() {
                    let p = place % block.diagrams.len();
                    let variance = self.gain * self.gain * sums[p] / (terms * fan[p]);
                    *value = random.normal() * variance.sqrt();
                }
            }
            let array: Array = match self.dtype {
                DType::F32 => {
                    Tensor::from_vec(values.iter().map(|&x| x as f32).collect(), &shape)?.into()
                }
                _ => Tensor::from_vec(values, &shape)?.into(),
            };
            weights.push(array);
        }
        Ok(weights)
    }
}
