//! One input or output of a layer: its forest and where it takes part.

use std::collections::HashMap;

use tensegrity_linalg::Field;

use crate::row::forest::{Factor, Forest, Piece};

/// One side's tensors of one order.
#[derive(Debug)]
pub(super) struct Side {
    pub forest: Forest,
    pub channels: usize,
    /// Node, class, first row (or column) in the class for each use.
    pub uses: Vec<Use>,
    known: HashMap<usize, usize>,
}

/// A node that takes part in a class.
#[derive(Debug)]
pub(super) struct Use {
    pub node: usize,
    pub class: usize,
    pub first: usize,
}

/// Samples `first..first + count` of every tensor.
pub(super) fn cut<'a, T>(
    sides: &[Side],
    tensors: &[&'a [T]],
    first: usize,
    count: usize,
) -> Vec<&'a [T]> {
    let part = |(side, &tensor): (&Side, &&'a [T])| {
        let step = side.step();
        &tensor[first * step..][..count * step]
    };
    sides.iter().zip(tensors).map(part).collect()
}

impl Side {
    pub fn new(factors: &[Factor], orders: &[usize], channels: usize, top: bool) -> Self {
        Self {
            forest: Forest::new(factors, orders, top),
            channels,
            uses: vec![],
            known: HashMap::new(),
        }
    }

    /// The number of a node's use, which is new the first time.
    pub fn register(&mut self, node: usize, class: usize) -> usize {
        let uses = &mut self.uses;
        *self.known.entry(node).or_insert_with(|| {
            uses.push(Use {
                node,
                class,
                first: 0,
            });
            uses.len() - 1
        })
    }

    /// Elements of one sample.
    pub fn step(&self) -> usize {
        self.channels * self.forest.row_size()
    }

    pub fn piece(&self, batch: usize) -> Piece {
        Piece {
            batch,
            channels: self.channels,
        }
    }

    /// Tensors of all used nodes.
    pub fn reduced<T: Field>(&self, x: &[T], batch: usize) -> Vec<Vec<T>> {
        let mut buffers: Vec<Vec<T>> = vec![vec![]; self.forest.len()];
        for used in &self.uses {
            let size = self.forest.size(used.node) * batch * self.channels;
            buffers[used.node] = vec![T::ZERO; size];
        }
        self.forest.reduce(x, self.piece(batch), &mut buffers);
        buffers
    }
}
