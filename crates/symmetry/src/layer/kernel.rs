//! A layer without its weights: the trilinear form behind it.
//!
//! F(W, x, g) = ⟨g, L(W, x)⟩ is linear in weights, inputs and cotangents of
//! outputs; the layer and its two derivatives are its derivatives in one of the
//! three, and so are all further derivatives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tensegrity_linalg::Field;

use super::block::{Block, Tensors};
use super::dense::Dense;
use super::mixer::Mixer;
use super::plan::{Explanation, Plan, PlanCost, dense_cost};
use super::separate::Separate;
use crate::row::forest::Factor;
use crate::{Group, Result};

/// Which of the three is computed from the other two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Inputs,
    Outputs,
    Weights,
}

/// Weights of one basis as those of diagrams: (row, column, coefficient), where
/// a row is an element of the basis and a column a diagram.
pub(crate) type Change = Vec<(usize, usize, f64)>;

/// Everything of a layer but sizes and weights.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub groups: Vec<Group>,
    /// Orders in every factor, and channels.
    pub inputs: Vec<(Vec<usize>, usize)>,
    pub outputs: Vec<(Vec<usize>, usize)>,
    /// Blocks; those of the bias take the input after the last.
    pub blocks: Vec<Block>,
    /// For each block, if its weights are not those of diagrams.
    pub changes: Vec<Option<Change>>,
    /// Divide by n for every sum.
    pub mean: bool,
    pub plan: Plan,
    pub compiled: Mutex<Kept>,
}

/// Compiled kernels by sizes and batch.
type Kept = HashMap<(Vec<usize>, usize), Arc<Compiled>>;

/// A kernel for certain sizes.
#[derive(Debug)]
pub(crate) struct Compiled {
    blocks: Vec<Block>,
    engine: Engine,
    pub explanation: Explanation,
}

#[derive(Debug)]
enum Engine {
    Mixed(Mixer),
    Dense(Dense),
    Separate(Separate),
}

/// Sizes kept compiled; more are thrown away all at once.
const MOST_KEPT: usize = 64;

impl Kernel {
    fn with_constant(&self) -> Vec<(Vec<usize>, usize)> {
        let mut inputs = self.inputs.clone();
        inputs.push((vec![0; self.groups.len()], 1));
        inputs
    }

    /// The kernel for these sizes of the factors and about this batch.
    pub(crate) fn compiled(&self, sizes: &[usize], batch: usize) -> Result<Arc<Compiled>> {
        // Plans for a batch serve all up to the next power of two.
        let batch = batch.max(1).next_power_of_two();
        let key = (sizes.to_vec(), batch);
        if let Ok(known) = self.compiled.lock()
            && let Some(found) = known.get(&key)
        {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(self.compile(sizes, batch)?);
        if let Ok(mut known) = self.compiled.lock() {
            if known.len() >= MOST_KEPT {
                known.clear();
            }
            known.insert(key, Arc::clone(&made));
        }
        Ok(made)
    }

    fn compile(&self, sizes: &[usize], batch: usize) -> Result<Compiled> {
        let factors: Vec<Factor> = self
            .groups
            .iter()
            .copied()
            .zip(sizes.iter().copied())
            .collect();
        let inputs = self.with_constant();
        let sides = Tensors::new(&factors, &inputs, &self.outputs)?;
        let mut blocks = self.blocks.clone();
        if self.mean {
            for block in &mut blocks {
                block.factors = block
                    .diagrams
                    .iter()
                    .map(|diagrams| {
                        let each = diagrams.iter().zip(sizes).map(|(diagram, &n)| {
                            match diagram.heads().is_empty() {
                                true => (n as f64).powi(-(diagram.bottom_only() as i32)),
                                false => 1.0,
                            }
                        });
                        each.product()
                    })
                    .collect();
            }
        }
        let mixer = Mixer::new(&factors, &inputs, &self.outputs, &blocks)?;
        let [contract, mix, broadcast] = mixer.work();
        let samples = batch as f64;
        let mut costs = vec![PlanCost {
            plan: Plan::Mixed,
            products: samples * mix as f64,
            steps: samples * (contract + broadcast) as f64,
        }];
        let dense = dense_cost(&blocks, &sides, sizes, batch);
        costs.extend(dense);
        let diagrams = blocks.iter().map(|block| block.diagrams.len()).sum();
        let mut separate = None;
        if self.plan == Plan::Separate || diagrams <= 4 {
            let made = Separate::new(&factors, &sides, &blocks)?;
            costs.push(PlanCost {
                plan: Plan::Separate,
                products: 0.0,
                steps: samples * made.work(&blocks) as f64,
            });
            separate = Some(made);
        }
        let cheapest = costs
            .iter()
            .reduce(|best, cost| {
                if cost.total() < best.total() {
                    cost
                } else {
                    best
                }
            })
            .map_or(Plan::Mixed, |cost| cost.plan);
        let chosen = match self.plan {
            Plan::Auto => cheapest,
            asked => asked,
        };
        let engine = match (chosen, separate) {
            (Plan::Separate, Some(separate)) => Engine::Separate(separate),
            (Plan::Dense, _) => Engine::Dense(Dense::new(&factors, &sides, &blocks)?),
            _ => Engine::Mixed(mixer),
        };
        let moved: u128 = (sides.inputs.iter().chain(&sides.outputs))
            .map(|&(size, channels)| (size * channels * batch) as u128)
            .sum();
        Ok(Compiled {
            engine,
            explanation: Explanation {
                batch,
                chosen,
                forced: self.plan != Plan::Auto,
                costs,
                diagrams,
                least_bytes: 4 * moved,
            },
            blocks,
        })
    }

    /// Weights of diagrams from weights of the basis.
    fn to_diagrams<T: Field>(&self, weights: &[&[T]]) -> Vec<Option<Vec<T>>> {
        let one = |((block, change), weights): ((&Block, &Option<Change>), &&[T])| {
            change
                .as_ref()
                .map(|change| changed(change, weights, block.diagrams.len(), false))
        };
        self.blocks
            .iter()
            .zip(&self.changes)
            .zip(weights)
            .map(one)
            .collect()
    }

    /// One of the three tensors from the other two. `given` are the two in the
    /// order inputs, outputs, weights; `constant` is what feeds the bias.
    pub(crate) fn run<T: Field>(
        &self,
        slot: Slot,
        sizes: &[usize],
        batch: usize,
        first: &[&[T]],
        second: &[&[T]],
        constant: bool,
    ) -> Result<Vec<Vec<T>>> {
        let compiled = self.compiled(sizes, batch)?;
        let blocks = &compiled.blocks;
        let feed = vec![if constant { T::ONE } else { T::ZERO }; batch];
        match slot {
            Slot::Outputs => {
                let mut x = first.to_vec();
                x.push(&feed);
                let own = self.to_diagrams(second);
                let weights = chosen(second, &own);
                match &compiled.engine {
                    Engine::Mixed(mixer) => mixer.forward(blocks, &weights, &x, batch),
                    Engine::Dense(dense) => dense.forward(blocks, &weights, &x, batch),
                    Engine::Separate(all) => all.forward(blocks, &weights, &x, batch),
                }
            }
            Slot::Inputs => {
                let own = self.to_diagrams(second);
                let weights = chosen(second, &own);
                let mut x = match &compiled.engine {
                    Engine::Mixed(mixer) => mixer.backward_inputs(blocks, &weights, first, batch),
                    Engine::Dense(dense) => dense.backward_inputs(blocks, &weights, first, batch),
                    Engine::Separate(all) => all.backward_inputs(blocks, &weights, first, batch),
                }?;
                x.pop();
                Ok(x)
            }
            Slot::Weights => {
                let mut x = first.to_vec();
                x.push(&feed);
                let mut found = match &compiled.engine {
                    Engine::Mixed(mixer) => mixer.backward_weights(blocks, &x, second, batch),
                    Engine::Dense(dense) => dense.backward_weights(blocks, &x, second, batch),
                    Engine::Separate(all) => all.backward_weights(blocks, &x, second, batch),
                }?;
                for ((block, change), weights) in
                    self.blocks.iter().zip(&self.changes).zip(&mut found)
                {
                    if let Some(change) = change {
                        *weights = changed(change, weights, block.diagrams.len(), true);
                    }
                }
                Ok(found)
            }
        }
    }
}

fn chosen<'a, T>(given: &[&'a [T]], own: &'a [Option<Vec<T>>]) -> Vec<&'a [T]> {
    given
        .iter()
        .zip(own)
        .map(|(&given, own)| own.as_deref().unwrap_or(given))
        .collect()
}

/// Applies a change of basis, or its transpose, to `[pairs, count]`.
fn changed<T: Field>(change: &Change, weights: &[T], count: usize, back: bool) -> Vec<T> {
    let mut result = vec![T::ZERO; weights.len()];
    for (given, made) in weights.chunks(count).zip(result.chunks_mut(count)) {
        for &(row, column, factor) in change {
            let (to, from) = if back { (row, column) } else { (column, row) };
            made[to] = made[to].add(given[from].mul(T::from_f64(factor, 0.0)));
        }
    }
    result
}
