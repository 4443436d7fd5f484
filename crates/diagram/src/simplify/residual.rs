//! From a reduced state to the network that is left.

use super::reducer::Reducer;
use super::{Pass, Passes, Simplified};
use crate::Network;

const ABSENT: u32 = u32::MAX;

pub(super) fn finish(reducer: Reducer<'_>, passes: Passes) -> Simplified {
    let tensors: Vec<usize> = reducer.living().collect();
    let output = output(&reducer, passes.has(Pass::Spiders));
    let batch = if passes.has(Pass::BatchWires) {
        batch(&reducer, tensors.len(), &output)
    } else {
        Vec::new()
    };
    let mut is_batch = vec![false; reducer.network.dims.len()];
    for &wire in &batch {
        is_batch[wire as usize] = true;
    }
    let mut numbering = Numbering {
        numbers: vec![ABSENT; reducer.network.dims.len()],
        wires: Vec::new(),
    };
    let mut renumber = |term: &[u32]| -> Vec<u32> {
        let kept = term.iter().filter(|&&w| !is_batch[w as usize]);
        kept.map(|&w| numbering.number(w)).collect()
    };
    let inputs: Vec<Vec<u32>> = tensors
        .iter()
        .map(|&t| renumber(&reducer.legs[t]))
        .collect();
    let output = renumber(&output);
    // A wire on nothing multiplies the value by its length.
    let mut occurs = vec![false; reducer.network.dims.len()];
    for &wire in reducer.network.inputs.iter().flatten() {
        occurs[wire as usize] = true;
    }
    for (wire, &dim) in reducer.network.dims.iter().enumerate() {
        if !occurs[wire] && !reducer.in_output[wire] && dim != 1 {
            numbering.number(wire as u32);
        }
    }
    let wires = numbering.wires;
    let network = Network {
        inputs,
        output,
        dims: wires
            .iter()
            .map(|&w| reducer.network.dims[w as usize])
            .collect(),
    };
    let components = if passes.has(Pass::Components) {
        components(&network)
    } else {
        vec![(0..tensors.len()).collect()]
    };
    Simplified {
        network,
        wires,
        tensors,
        operations: reducer.operations,
        batch,
        components,
    }
}

struct Numbering {
    numbers: Vec<u32>,
    wires: Vec<u32>,
}

impl Numbering {
    fn number(&mut self, wire: u32) -> u32 {
        let known = &mut self.numbers[wire as usize];
        if *known == ABSENT {
            *known = self.wires.len() as u32;
            self.wires.push(wire);
        }
        *known
    }
}

/// The output without axes of length one if they are dropped; with `fuse`
/// each wire once, and only those that are on a tensor.
fn output(reducer: &Reducer<'_>, fuse: bool) -> Vec<u32> {
    let mut output: Vec<u32> = Vec::new();
    let mut placed = vec![false; reducer.network.dims.len()];
    for &wire in &reducer.network.output {
        let w = wire as usize;
        if reducer.units_dropped && reducer.network.dims[w] == 1 {
            continue;
        }
        let seen = std::mem::replace(&mut placed[w], true);
        if !fuse || (!seen && reducer.degree[w] > 0) {
            output.push(wire);
        }
    }
    output
}

/// Wires on every tensor and in the output, exactly once on each, ascending.
fn batch(reducer: &Reducer<'_>, tensors: usize, output: &[u32]) -> Vec<u32> {
    let once = |term: &[u32], wire: u32| term.iter().filter(|&&w| w == wire).count() == 1;
    let mut batch: Vec<u32> = output
        .iter()
        .copied()
        .filter(|&w| tensors > 0 && reducer.degree[w as usize] as usize == tensors)
        .filter(|&w| once(output, w) && reducer.living().all(|t| once(&reducer.legs[t], w)))
        .collect();
    batch.sort_unstable();
    batch
}

/// Connected components over shared wires, by path halving.
fn components(network: &Network) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..network.inputs.len()).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while parent[node] != node {
            parent[node] = parent[parent[node]];
            node = parent[node];
        }
        node
    }
    let mut first = vec![usize::MAX; network.dims.len()];
    for (tensor, term) in network.inputs.iter().enumerate() {
        for &wire in term {
            let holder = &mut first[wire as usize];
            if *holder == usize::MAX {
                *holder = tensor;
            } else {
                let (a, b) = (root(&mut parent, *holder), root(&mut parent, tensor));
                // The smaller number stays the root.
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    let mut place = vec![usize::MAX; network.inputs.len()];
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for tensor in 0..network.inputs.len() {
        let root = root(&mut parent, tensor);
        if place[root] == usize::MAX {
            place[root] = groups.len();
            groups.push(Vec::new());
        }
        groups[place[root]].push(tensor);
    }
    groups
}
