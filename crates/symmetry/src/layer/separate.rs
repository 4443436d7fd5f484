//! One fast product a diagram, as published: simple, and the fewest sums when
//! a layer has only a few diagrams.

use tensegrity_linalg::{Field, gemm};
use tensegrity_tensor::{View, ViewMut};

use super::block::{Block, Tensors};
use crate::Result;
use crate::row::chain::Chain;
use crate::row::forest::Factor;

/// The stages of every diagram of every block.
#[derive(Debug)]
pub(crate) struct Separate {
    sides: Tensors,
    chains: Vec<Vec<Chain>>,
}

impl Separate {
    pub(crate) fn new(factors: &[Factor], sides: &Tensors, blocks: &[Block]) -> Result<Self> {
        let chains = blocks
            .iter()
            .map(|block| {
                block
                    .diagrams
                    .iter()
                    .map(|d| Chain::new(d, factors))
                    .collect()
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            sides: sides.clone(),
            chains,
        })
    }

    pub(crate) fn work(&self, blocks: &[Block]) -> u128 {
        let mut total = 0;
        for (block, chains) in blocks.iter().zip(&self.chains) {
            let (co, ci) = self.sides.channels(block);
            let (rows, _) = self.sides.sizes(block);
            for chain in chains {
                let steps = chain.work();
                total += ci as u128 * steps + (co * ci * rows) as u128;
            }
        }
        total
    }

    /// Σ_p W_p · (D_p x), block by block.
    pub(crate) fn forward<T: Field>(
        &self,
        blocks: &[Block],
        weights: &[&[T]],
        x: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let mut y = self.sides.zeros::<T>(&self.sides.outputs, batch);
        for (number, block) in blocks.iter().enumerate() {
            let (rows, _) = self.sides.sizes(block);
            let (co, ci) = self.sides.channels(block);
            for (p, chain) in self.chains[number].iter().enumerate() {
                let mut image = vec![T::ZERO; batch * ci * rows];
                chain.forward(x[block.input], batch * ci, &mut image);
                let w = slice_of(weights[number], co * ci, p, block);
                let w = View::from_slice(&w, &[co, ci]);
                for sample in 0..batch {
                    let z =
                        View::from_slice(&image[sample * ci * rows..][..ci * rows], &[ci, rows]);
                    let target = &mut y[block.output][sample * co * rows..][..co * rows];
                    gemm(
                        T::ONE,
                        &w,
                        &z,
                        T::ONE,
                        &mut ViewMut::from_slice(target, &[co, rows]),
                    )?;
                }
            }
        }
        Ok(y)
    }

    pub(crate) fn backward_inputs<T: Field>(
        &self,
        blocks: &[Block],
        weights: &[&[T]],
        g: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let mut x = self.sides.zeros::<T>(&self.sides.inputs, batch);
        for (number, block) in blocks.iter().enumerate() {
            let (rows, _) = self.sides.sizes(block);
            let (co, ci) = self.sides.channels(block);
            for (p, chain) in self.chains[number].iter().enumerate() {
                let w = slice_of(weights[number], co * ci, p, block);
                let w = View::from_slice(&w, &[co, ci]).permuted(&[1, 0])?;
                let mut mixed = vec![T::ZERO; batch * ci * rows];
                for sample in 0..batch {
                    let g = &g[block.output][sample * co * rows..][..co * rows];
                    let g = View::from_slice(g, &[co, rows]);
                    let target = &mut mixed[sample * ci * rows..][..ci * rows];
                    gemm(
                        T::ONE,
                        &w,
                        &g,
                        T::ZERO,
                        &mut ViewMut::from_slice(target, &[ci, rows]),
                    )?;
                }
                chain.backward(&mixed, batch * ci, &mut x[block.input]);
            }
        }
        Ok(x)
    }

    pub(crate) fn backward_weights<T: Field>(
        &self,
        blocks: &[Block],
        x: &[&[T]],
        g: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let mut found = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            let (rows, _) = self.sides.sizes(block);
            let (co, ci) = self.sides.channels(block);
            let count = block.diagrams.len();
            let mut weights = vec![T::ZERO; co * ci * count];
            for (p, chain) in self.chains[number].iter().enumerate() {
                let mut image = vec![T::ZERO; batch * ci * rows];
                chain.forward(x[block.input], batch * ci, &mut image);
                let mut own = vec![T::ZERO; co * ci];
                for sample in 0..batch {
                    let z =
                        View::from_slice(&image[sample * ci * rows..][..ci * rows], &[ci, rows]);
                    let g = &g[block.output][sample * co * rows..][..co * rows];
                    let g = View::from_slice(g, &[co, rows]);
                    let mut target = ViewMut::from_slice(&mut own, &[co, ci]);
                    gemm(T::ONE, &g, &z.permuted(&[1, 0])?, T::ONE, &mut target)?;
                }
                let factor = T::from_f64(block.factors[p], 0.0);
                for (pair, w) in own.into_iter().enumerate() {
                    weights[pair * count + p] = w.mul(factor);
                }
            }
            found.push(weights);
        }
        Ok(found)
    }
}

/// Weights of diagram `p` for all pairs of channels, with its factor.
fn slice_of<T: Field>(weights: &[T], pairs: usize, p: usize, block: &Block) -> Vec<T> {
    let factor = T::from_f64(block.factors[p], 0.0);
    (0..pairs)
        .map(|pair| weights[pair * block.diagrams.len() + p].mul(factor))
        .collect()
}
