//! One diagram in stages: reduce, rearrange, spread.

use tensegrity_linalg::Field;

use super::forest::{Factor, Forest, Piece};
use super::rearranged::{Rearranged, middle_dims};
use super::structure::Split;
use crate::{Diagram, Result};

/// One diagram in stages.
#[derive(Debug)]
pub(crate) struct Chain {
    bottom: (Forest, usize),
    middle: Rearranged,
    dims: Vec<usize>,
    top: (Forest, usize),
}

impl Chain {
    pub(crate) fn new(diagrams: &[Diagram], factors: &[Factor]) -> Result<Self> {
        let splits: Vec<Split> = diagrams
            .iter()
            .zip(factors)
            .map(|(diagram, &(group, n))| Split::new(diagram, group, n))
            .collect();
        let orders =
            |of: &dyn Fn(&Diagram) -> usize| -> Vec<usize> { diagrams.iter().map(of).collect() };
        let mut bottom = Forest::new(factors, &orders(&|d| d.inputs()), false);
        let keys: Vec<_> = splits.iter().map(|split| split.bottom.clone()).collect();
        let from = bottom.node(&keys)?;
        let mut top = Forest::new(factors, &orders(&|d| d.outputs()), true);
        let keys: Vec<_> = splits.iter().map(|split| split.top.clone()).collect();
        let to = top.node(&keys)?;
        let classes = bottom.classes(from);
        let sigma: Vec<&[usize]> = splits.iter().map(|split| split.sigma.as_slice()).collect();
        Ok(Self {
            middle: Rearranged::new(&classes, factors, &sigma)?,
            dims: middle_dims(&classes, factors)?,
            bottom: (bottom, from),
            top: (top, to),
        })
    }

    /// Elements of one sample of the input and of the output.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.bottom.0.row_size(), self.top.0.row_size())
    }

    /// Multiply-adds for one sample.
    pub(crate) fn work(&self) -> u128 {
        self.bottom.0.work() + self.top.0.work()
    }

    /// Adds the image of `x`, `[batch, row...]`, to `y`.
    pub(crate) fn forward<T: Field>(&self, x: &[T], batch: usize, y: &mut [T]) {
        let piece = Piece { batch, channels: 1 };
        let mut moved = reduced(&self.bottom, x, piece);
        if !matches!(self.middle, Rearranged::Not) {
            let own = std::mem::take(&mut moved);
            moved = vec![T::ZERO; own.len()];
            self.middle.forward(&own, &mut moved, batch, &self.dims);
        }
        spread(&self.top, moved, piece, y);
    }

    /// Adds the image of `g` under the transpose to `x`.
    pub(crate) fn backward<T: Field>(&self, g: &[T], batch: usize, x: &mut [T]) {
        let piece = Piece { batch, channels: 1 };
        let own = reduced(&self.top, g, piece);
        let mut moved = vec![T::ZERO; own.len()];
        self.middle.backward(&own, &mut moved, batch, &self.dims);
        spread(&self.bottom, moved, piece, x);
    }
}

fn reduced<T: Field>((forest, node): &(Forest, usize), x: &[T], piece: Piece) -> Vec<T> {
    let mut buffers = vec![vec![]; forest.len()];
    buffers[*node] = vec![T::ZERO; forest.size(*node) * piece.batch];
    forest.reduce(x, piece, &mut buffers);
    std::mem::take(&mut buffers[*node])
}

fn spread<T: Field>((forest, node): &(Forest, usize), own: Vec<T>, piece: Piece, y: &mut [T]) {
    let mut buffers = vec![vec![]; forest.len()];
    buffers[*node] = own;
    forest.spread(y, piece, &mut buffers);
}
