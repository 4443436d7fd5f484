//! Quantised nodes on wires, on their way to a representation.

use tensegrity_diagram::Network;
use tensegrity_tensor::DType;

use crate::{Layout, Packed, Quantised, Representation, Result, Storage};

/// A diagram whose nodes are quantised but not yet coded.
///
/// Wires are numbered by the list of dimensions; candidates push nodes, let
/// [`Draft::trim`] remove what quantisation has made superfluous, and
/// [`Draft::finish`].
#[derive(Clone, Debug)]
pub struct Draft {
    dims: Vec<usize>,
    output: Vec<u32>,
    nodes: Vec<(Quantised, Vec<u32>)>,
}

impl Draft {
    /// No nodes yet; `output` are the finer axes of the layout in order.
    #[must_use]
    pub fn new(dims: Vec<usize>, output: Vec<u32>) -> Self {
        Self {
            dims,
            output,
            nodes: vec![],
        }
    }

    /// Adds a node whose axes are on `wires`.
    pub fn push(&mut self, node: Quantised, wires: Vec<u32>) {
        self.nodes.push((node, wires));
    }

    /// Removes indices of inner wires at which some node is zero throughout:
    /// they contribute nothing. One index is left on every wire.
    pub fn trim(&mut self) {
        for wire in 0..self.dims.len() as u32 {
            if self.output.contains(&wire) {
                continue;
            }
            let mut live = vec![true; self.dims[wire as usize]];
            for (node, wires) in &self.nodes {
                if let Some(axis) = wires.iter().position(|&w| w == wire) {
                    for (all, here) in live.iter_mut().zip(node.live(axis)) {
                        *all &= here;
                    }
                }
            }
            if live.iter().all(|&live| live) {
                continue;
            }
            if !live.contains(&true) {
                live[0] = true;
            }
            for (node, wires) in &mut self.nodes {
                if let Some(axis) = wires.iter().position(|&w| w == wire) {
                    node.retain(axis, &live);
                }
            }
            self.dims[wire as usize] = live.iter().filter(|&&live| live).count();
        }
    }

    /// About the bytes of the file.
    #[must_use]
    pub fn estimated_bytes(&self) -> u64 {
        let bits: f64 = self
            .nodes
            .iter()
            .map(|(node, _)| node.estimated_bits())
            .sum();
        let header = 190 + 8 * self.dims.len() + 4 * self.nodes.len();
        header as u64 + (bits / 8.0) as u64
    }

    /// Codes the nodes, which were quantised with `step`.
    ///
    /// # Errors
    /// As [`Representation::new`].
    pub fn finish(
        self,
        structure: &str,
        layout: Layout,
        dtype: DType,
        step: f32,
    ) -> Result<Representation> {
        let tensors: Vec<&Quantised> = self.nodes.iter().map(|(node, _)| node).collect();
        let packed = Packed::encode(step, &tensors);
        let storage = tensors
            .iter()
            .map(|node| Storage::Packed {
                per_row: node.is_per_row(),
            })
            .collect();
        let network = Network {
            inputs: self.nodes.into_iter().map(|(_, wires)| wires).collect(),
            output: self.output,
            dims: self.dims.into_iter().map(|d| d as u64).collect(),
        };
        Representation::new(structure, layout, dtype, network, storage, Some(packed))
    }
}
