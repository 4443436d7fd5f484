//! What simplification did and what is left.

use super::Pass;
use crate::Network;

/// One exact step of a simplification. Tensors are numbered as in a
/// contraction path: operands from zero, then results of merges in order.
/// Wires are those of the original network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// The axes of these wires, of length one, are dropped.
    Drop {
        /// The tensor.
        tensor: usize,
        /// Wires dropped; a wire may repeat.
        wires: Vec<u32>,
    },
    /// The diagonal of the axes of one wire is read.
    Diagonal {
        /// The tensor.
        tensor: usize,
        /// The wire.
        wire: u32,
    },
    /// The axes of these wires are summed.
    Sum {
        /// The tensor.
        tensor: usize,
        /// Wires summed.
        wires: Vec<u32>,
    },
    /// Two tensors are contracted; wires nobody else has are summed.
    Merge {
        /// First tensor.
        left: usize,
        /// Second tensor.
        right: usize,
        /// Number of the result.
        result: usize,
        /// Wires of the result.
        wires: Vec<u32>,
        /// The pass that did it.
        pass: Pass,
    },
}

/// A simplified network and how it came about.
#[derive(Clone, Debug)]
pub struct Simplified {
    /// What is left to plan, over wires of its own numbering. Wires of the
    /// original that are on no tensor at all stay, so that a factor is not lost.
    pub network: Network,
    /// Original number of each wire of `network`.
    pub wires: Vec<u32>,
    /// Path number of each operand of `network`.
    pub tensors: Vec<usize>,
    /// What was done, in order.
    pub operations: Vec<Operation>,
    /// Wires, in original numbering, that every operand of `network` and its
    /// output have besides those it lists.
    pub batch: Vec<u32>,
    /// Operands of `network` by connected component, each ascending, components
    /// by their first operand. One component of everything if not asked for.
    pub components: Vec<Vec<usize>>,
}

impl Simplified {
    /// The merges as leading pairs of a contraction path over the original
    /// network; [`Simplified::tensors`] continue it.
    #[must_use]
    pub fn steps(&self) -> Vec<(usize, usize)> {
        self.operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Merge { left, right, .. } => Some((*left, *right)),
                _ => None,
            })
            .collect()
    }

    /// Product of the dimensions of the batch wires of `original`.
    #[must_use]
    pub fn batch_size(&self, original: &Network) -> f64 {
        original.size_of(&self.batch)
    }
}
