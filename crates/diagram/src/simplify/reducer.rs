//! The network while it is being simplified.

use std::collections::HashMap;

use super::{Operation, Pass};
use crate::Network;

/// Tensors with their legs, wires with their tensors.
pub(super) struct Reducer<'n> {
    pub(super) network: &'n Network,
    /// log2 of each dimension.
    pub(super) logs: Vec<f64>,
    /// Legs of every tensor ever, in axis order; only operands may repeat a wire.
    pub(super) legs: Vec<Vec<u32>>,
    pub(super) alive: Vec<bool>,
    /// Tensors that have or had the wire.
    on: Vec<Vec<u32>>,
    /// Living tensors on the wire.
    pub(super) degree: Vec<u32>,
    pub(super) in_output: Vec<bool>,
    /// Wires of dimension one are no longer wires.
    pub(super) units_dropped: bool,
    pub(super) operations: Vec<Operation>,
}

impl<'n> Reducer<'n> {
    pub(super) fn new(network: &'n Network) -> Self {
        let wires = network.dims.len();
        let mut on = vec![Vec::new(); wires];
        let mut degree = vec![0; wires];
        for (tensor, term) in network.inputs.iter().enumerate() {
            for (axis, &wire) in term.iter().enumerate() {
                if !term[..axis].contains(&wire) {
                    on[wire as usize].push(tensor as u32);
                    degree[wire as usize] += 1;
                }
            }
        }
        let mut in_output = vec![false; wires];
        for &wire in &network.output {
            in_output[wire as usize] = true;
        }
        Self {
            network,
            logs: network.dims.iter().map(|&d| (d as f64).log2()).collect(),
            legs: network.inputs.clone(),
            alive: vec![true; network.inputs.len()],
            on,
            degree,
            in_output,
            units_dropped: false,
            operations: Vec::new(),
        }
    }

    pub(super) fn living(&self) -> impl Iterator<Item = usize> {
        self.alive
            .iter()
            .enumerate()
            .filter_map(|(tensor, &alive)| alive.then_some(tensor))
    }

    /// Living tensors on a wire; forgets the dead ones.
    pub(super) fn tensors_on(&mut self, wire: u32) -> &[u32] {
        let Self {
            on, alive, legs, ..
        } = self;
        let list = &mut on[wire as usize];
        list.retain(|&t| alive[t as usize] && legs[t as usize].contains(&wire));
        list
    }

    /// The wires of a tensor, each once, ascending.
    pub(super) fn set(&self, tensor: usize) -> Vec<u32> {
        let mut set = self.legs[tensor].clone();
        set.sort_unstable();
        set.dedup();
        set
    }

    /// log2 of the number of elements, repeated legs counted once.
    pub(super) fn log_size(&self, tensor: usize) -> f64 {
        let legs = &self.legs[tensor];
        let first = |(k, w): &(usize, &u32)| !legs[..*k].contains(w);
        let logs = legs.iter().enumerate().filter(first);
        logs.map(|(_, &w)| self.logs[w as usize]).sum()
    }

    pub(super) fn drop_unit_wires(&mut self) {
        self.units_dropped = true;
        for tensor in 0..self.legs.len() {
            let is_unit = |&wire: &u32| self.network.dims[wire as usize] == 1;
            let (wires, kept): (Vec<u32>, Vec<u32>) =
                self.legs[tensor].iter().partition(|wire| is_unit(wire));
            if !wires.is_empty() {
                self.legs[tensor] = kept;
                self.operations.push(Operation::Drop { tensor, wires });
            }
        }
        for (wire, &dim) in self.network.dims.iter().enumerate() {
            if dim == 1 {
                self.degree[wire] = 0;
                self.on[wire].clear();
            }
        }
    }

    pub(super) fn take_diagonals(&mut self) {
        for tensor in 0..self.legs.len() {
            let mut seen: Vec<u32> = Vec::with_capacity(self.legs[tensor].len());
            let mut repeated: Vec<u32> = Vec::new();
            for &wire in &self.legs[tensor] {
                if !seen.contains(&wire) {
                    seen.push(wire);
                } else if !repeated.contains(&wire) {
                    repeated.push(wire);
                }
            }
            if repeated.is_empty() {
                continue;
            }
            self.legs[tensor] = seen;
            let diagonals = repeated.iter();
            self.operations
                .extend(diagonals.map(|&wire| Operation::Diagonal { tensor, wire }));
        }
    }

    pub(super) fn sum_lone_wires(&mut self) {
        for tensor in 0..self.legs.len() {
            let is_lone =
                |&wire: &u32| self.degree[wire as usize] == 1 && !self.in_output[wire as usize];
            let (mut wires, kept): (Vec<u32>, Vec<u32>) =
                self.legs[tensor].iter().partition(|wire| is_lone(wire));
            if wires.is_empty() {
                continue;
            }
            wires.sort_unstable();
            // A repeated leg whose diagonal was not taken is a trace.
            wires.dedup();
            for &wire in &wires {
                self.degree[wire as usize] = 0;
            }
            self.legs[tensor] = kept;
            self.operations.push(Operation::Sum { tensor, wires });
        }
    }

    /// Wires of the product of two tensors, each once, in the order they have.
    pub(super) fn product(&self, left: usize, right: usize) -> Vec<u32> {
        let (a, b) = (&self.legs[left], &self.legs[right]);
        let mut wires: Vec<u32> = Vec::with_capacity(a.len() + b.len());
        for &wire in a.iter().chain(b) {
            let ours = u32::from(a.contains(&wire)) + u32::from(b.contains(&wire));
            let needed = self.in_output[wire as usize] || self.degree[wire as usize] > ours;
            if needed && !wires.contains(&wire) {
                wires.push(wire);
            }
        }
        wires
    }

    /// Contracts two living tensors; returns the number of the result.
    pub(super) fn merge(&mut self, left: usize, right: usize, pass: Pass) -> usize {
        let wires = self.product(left, right);
        let result = self.legs.len();
        for tensor in [left, right] {
            for wire in self.set(tensor) {
                self.degree[wire as usize] -= 1;
            }
            self.alive[tensor] = false;
        }
        for &wire in &wires {
            self.degree[wire as usize] += 1;
            self.on[wire as usize].push(result as u32);
        }
        self.alive.push(true);
        self.legs.push(wires.clone());
        self.operations.push(Operation::Merge {
            left,
            right,
            result,
            wires,
            pass,
        });
        result
    }

    /// Multiplies tensors over the same wires until all differ. A product may
    /// close wires and so equal yet another tensor.
    pub(super) fn merge_equal(&mut self) {
        let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut pending: Vec<usize> = self.living().collect();
        pending.reverse();
        while let Some(tensor) = pending.pop() {
            let set = self.set(tensor);
            if set.is_empty() {
                // Numbers are multiplied out by their own pass.
                continue;
            }
            match known.remove(&set) {
                Some(other) => {
                    let (left, right) = (other.min(tensor), other.max(tensor));
                    pending.push(self.merge(left, right, Pass::Hadamard));
                }
                None => {
                    known.insert(set, tensor);
                }
            }
        }
    }

    pub(super) fn multiply_scalars(&mut self) {
        let (scalars, others): (Vec<usize>, Vec<usize>) =
            self.living().partition(|&t| self.legs[t].is_empty());
        let product = scalars
            .into_iter()
            .reduce(|product, scalar| self.merge(product, scalar, Pass::Scalars));
        let smallest = others
            .into_iter()
            .min_by(|&a, &b| self.log_size(a).total_cmp(&self.log_size(b)));
        if let (Some(product), Some(smallest)) = (product, smallest) {
            self.merge(smallest, product, Pass::Scalars);
        }
    }
}
