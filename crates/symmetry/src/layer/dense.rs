//! The layer as one matrix a block: best when tensors are tiny.

use tensegrity_linalg::{Field, gemm};
use tensegrity_tensor::{View, ViewMut};

use super::block::{Block, Tensors};
use crate::Result;
use crate::row::forest::Factor;

/// Entries of the diagrams of every block.
#[derive(Debug)]
pub(crate) struct Dense {
    sides: Tensors,
    /// For each block and diagram: rows, columns and signed factors.
    entries: Vec<Vec<Vec<(u32, u32, f64)>>>,
}

/// Entries of a tuple of diagrams: the Kronecker product of theirs.
fn entries_of(
    diagrams: &[crate::Diagram],
    factors: &[Factor],
    scale: f64,
) -> Result<Vec<(u32, u32, f64)>> {
    let mut all = vec![(0u32, 0u32, scale)];
    for (diagram, &(group, n)) in diagrams.iter().zip(factors) {
        let mut own = Vec::new();
        diagram.for_each_entry(group, n, |row, column, sign| {
            own.push((row as u32, column as u32, f64::from(sign)));
        })?;
        let rows = n.pow(diagram.outputs() as u32) as u32;
        let columns = n.pow(diagram.inputs() as u32) as u32;
        all = all
            .iter()
            .flat_map(|&(r, c, x)| {
                own.iter()
                    .map(move |&(row, column, y)| (r * rows + row, c * columns + column, x * y))
            })
            .collect();
    }
    Ok(all)
}

impl Dense {
    pub(crate) fn new(factors: &[Factor], sides: &Tensors, blocks: &[Block]) -> Result<Self> {
        let entries = blocks
            .iter()
            .map(|block| {
                let pairs = block.diagrams.iter().zip(&block.factors);
                pairs
                    .map(|(diagrams, &scale)| entries_of(diagrams, factors, scale))
                    .collect()
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            sides: sides.clone(),
            entries,
        })
    }

    /// The matrix `[out · row, in · column]` of a block.
    fn matrix<T: Field>(&self, number: usize, block: &Block, weights: &[T]) -> Vec<T> {
        let (rows, columns) = self.sides.sizes(block);
        let (co, ci) = self.sides.channels(block);
        let count = block.diagrams.len();
        let mut matrix = vec![T::ZERO; co * rows * ci * columns];
        for (p, entries) in self.entries[number].iter().enumerate() {
            for o in 0..co {
                for i in 0..ci {
                    let w = weights[(o * ci + i) * count + p];
                    for &(row, column, factor) in entries {
                        let place = (o * rows + row as usize) * ci * columns
                            + i * columns
                            + column as usize;
                        matrix[place] = matrix[place].add(w.mul(T::from_f64(factor, 0.0)));
                    }
                }
            }
        }
        matrix
    }

    pub(crate) fn forward<T: Field>(
        &self,
        blocks: &[Block],
        weights: &[&[T]],
        x: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let mut y = self.sides.zeros::<T>(&self.sides.outputs, batch);
        for (number, block) in blocks.iter().enumerate() {
            let [rows, columns] = self.shape(block);
            let matrix = self.matrix(number, block, weights[number]);
            let matrix = View::from_slice(&matrix, &[rows, columns]).permuted(&[1, 0])?;
            let x = View::from_slice(x[block.input], &[batch, columns]);
            let mut y = ViewMut::from_slice(&mut y[block.output], &[batch, rows]);
            gemm(T::ONE, &x, &matrix, T::ONE, &mut y)?;
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
            let [rows, columns] = self.shape(block);
            let matrix = self.matrix(number, block, weights[number]);
            let matrix = View::from_slice(&matrix, &[rows, columns]);
            let g = View::from_slice(g[block.output], &[batch, rows]);
            let mut x = ViewMut::from_slice(&mut x[block.input], &[batch, columns]);
            gemm(T::ONE, &g, &matrix, T::ONE, &mut x)?;
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
        let mut found = Vec::with_capacity(blocks.len());
        for (number, block) in blocks.iter().enumerate() {
            let [height, width] = self.shape(block);
            let mut matrix = vec![T::ZERO; height * width];
            let g = View::from_slice(g[block.output], &[batch, height]).permuted(&[1, 0])?;
            let x = View::from_slice(x[block.input], &[batch, width]);
            gemm(
                T::ONE,
                &g,
                &x,
                T::ZERO,
                &mut ViewMut::from_slice(&mut matrix, &[height, width]),
            )?;
            let (rows, columns) = self.sides.sizes(block);
            let (co, ci) = self.sides.channels(block);
            let count = block.diagrams.len();
            let mut weights = vec![T::ZERO; co * ci * count];
            for (p, entries) in self.entries[number].iter().enumerate() {
                for o in 0..co {
                    for i in 0..ci {
                        let w = &mut weights[(o * ci + i) * count + p];
                        for &(row, column, factor) in entries {
                            let place =
                                (o * rows + row as usize) * width + i * columns + column as usize;
                            *w = w.add(matrix[place].mul(T::from_f64(factor, 0.0)));
                        }
                    }
                }
            }
            found.push(weights);
        }
        Ok(found)
    }

    fn shape(&self, block: &Block) -> [usize; 2] {
        let (rows, columns) = self.sides.sizes(block);
        let (co, ci) = self.sides.channels(block);
        [co * rows, ci * columns]
    }
}
