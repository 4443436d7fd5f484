//! A contraction order as a binary tree over the operands.

use tensegrity_diagram::Network;

use crate::cost::{Cost, Count, Objective, step_seconds};
use crate::{Error, Result};

/// Number of a tensor of a contraction: operands first, then results of steps.
pub type TensorId = usize;

const NONE: usize = usize::MAX;

/// Which two tensors each step contracts, and the wires of every tensor.
///
/// Wires of a tensor are those another tensor or the output still needs, each
/// once, ascending; axes of length one and wires that are on one operand only
/// do not occur.
#[derive(Clone, Debug)]
pub struct Tree<'n> {
    network: &'n Network,
    /// Number of operands.
    leaves: usize,
    pub(crate) children: Vec<(TensorId, TensorId)>,
    pub(crate) wires: Vec<Vec<u32>>,
}

/// Wires a planner looks at on every operand: distinct, longer than one, and
/// not summed on that operand alone. Also how many tensors, the output among
/// them, have each wire.
pub(crate) fn leaf_wires(network: &Network) -> (Vec<Vec<u32>>, Vec<u32>) {
    let mut uses = vec![0u32; network.dims.len()];
    let mut leaves: Vec<Vec<u32>> = Vec::with_capacity(network.inputs.len());
    let distinct = |term: &[u32]| -> Vec<u32> {
        let mut wires: Vec<u32> = term.to_vec();
        wires.retain(|&w| network.dims[w as usize] != 1);
        wires.sort_unstable();
        wires.dedup();
        wires
    };
    for term in &network.inputs {
        let wires = distinct(term);
        for &wire in &wires {
            uses[wire as usize] += 1;
        }
        leaves.push(wires);
    }
    for wire in distinct(&network.output) {
        uses[wire as usize] += 1;
    }
    for wires in &mut leaves {
        wires.retain(|&w| uses[w as usize] > 1);
    }
    (leaves, uses)
}

/// Merges ascending lists; calls `keep` with each wire and on how many it is.
pub(crate) fn merge_wires(a: &[u32], b: &[u32], mut keep: impl FnMut(u32, u32)) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => {
                keep(a[i], 1);
                i += 1;
            }
            std::cmp::Ordering::Greater => {
                keep(b[j], 1);
                j += 1;
            }
            std::cmp::Ordering::Equal => {
                keep(a[i], 2);
                i += 1;
                j += 1;
            }
        }
    }
    a[i..].iter().chain(&b[j..]).for_each(|&w| keep(w, 1));
}

/// Checks that `path` uses every tensor but the last exactly once.
pub(crate) fn check_ssa(operands: usize, path: &[(TensorId, TensorId)]) -> Result<()> {
    let needed = operands.saturating_sub(1);
    if path.len() != needed {
        return Err(Error::InvalidPath(format!(
            "{operands} operands need {needed} pairs, but {} are given",
            path.len()
        )));
    }
    let mut used = vec![false; operands + path.len()];
    for (step, &(left, right)) in path.iter().enumerate() {
        for tensor in [left, right] {
            if tensor >= operands + step {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which does not exist yet; operands are \
                     0..{operands}, and the result of pair k is {operands} + k"
                )));
            }
            if std::mem::replace(&mut used[tensor], true) {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which was used up before"
                )));
            }
        }
    }
    Ok(())
}

impl<'n> Tree<'n> {
    /// The tree of a path: pair `k` gives tensor `operands + k`.
    ///
    /// # Errors
    /// [`Error::InvalidPath`] if a tensor is used twice, too early or never;
    /// [`Error::Diagram`] for a network with unknown wires.
    pub fn new(network: &'n Network, path: &[(TensorId, TensorId)]) -> Result<Self> {
        network.validate()?;
        check_ssa(network.inputs.len(), path)?;
        Ok(Self::build(network, path))
    }

    /// [`Tree::new`] for a path and network known to be right.
    pub(crate) fn build(network: &'n Network, path: &[(TensorId, TensorId)]) -> Self {
        let (mut wires, mut uses) = leaf_wires(network);
        wires.reserve(path.len());
        for &(left, right) in path {
            let mut result = Vec::with_capacity(wires[left].len().max(wires[right].len()));
            merge_wires(&wires[left], &wires[right], |wire, ours| {
                let uses = &mut uses[wire as usize];
                *uses -= ours;
                if *uses > 0 {
                    *uses += 1;
                    result.push(wire);
                }
            });
            wires.push(result);
        }
        Self {
            network,
            leaves: network.inputs.len(),
            children: path.to_vec(),
            wires,
        }
    }

    /// The network contracted.
    #[must_use]
    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// The steps, in order.
    #[must_use]
    pub fn path(&self) -> &[(TensorId, TensorId)] {
        &self.children
    }

    /// The steps without the rest.
    pub(crate) fn into_path(self) -> Vec<(TensorId, TensorId)> {
        self.children
    }

    /// Wires of a tensor.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn wires(&self, tensor: TensorId) -> &[u32] {
        &self.wires[tensor]
    }

    fn dim(&self, wire: u32) -> u64 {
        self.network.dims[wire as usize]
    }

    /// Elements of a tensor. The last result has those of the output.
    #[must_use]
    pub fn size(&self, tensor: TensorId) -> Count {
        let last = self.wires.len().checked_sub(1);
        if tensor >= self.leaves && last == Some(tensor) {
            return Count::product(self.network.output.iter().map(|&w| self.dim(w)));
        }
        Count::product(self.wires[tensor].iter().map(|&w| self.dim(w)))
    }

    /// Multiply-adds of step `step`.
    #[must_use]
    pub fn flops(&self, step: usize) -> Count {
        let (left, right) = self.children[step];
        let mut union = smallvec::SmallVec::<[u64; 32]>::new();
        merge_wires(&self.wires[left], &self.wires[right], |wire, _| {
            union.push(self.dim(wire))
        });
        Count::product(union.into_iter())
    }

    /// All costs; `weighted` uses the factor of `objective`.
    #[must_use]
    pub fn cost(&self, objective: Objective) -> Cost {
        let mut total = Totals::new(objective);
        let mut alive = Alive::default();
        for (step, &(left, right)) in self.children.iter().enumerate() {
            let result = self.leaves + step;
            let write = self.size(result);
            let [a, b] = [left, right].map(|t| self.size(t).to_f64());
            total.step(self.flops(step), a, b, write);
            alive.add(write);
            for used in [left, right] {
                if used >= self.leaves {
                    alive.remove(self.size(used));
                }
            }
        }
        if self.children.is_empty() {
            // One operand is summed or copied, none is filled with ones.
            let write = Count::product(self.network.output.iter().map(|&w| self.dim(w)));
            let read = self.network.inputs.first().map_or(write, |term| {
                let mut all: Vec<u32> = term.iter().chain(&self.network.output).copied().collect();
                all.sort_unstable();
                all.dedup();
                Count::product(all.into_iter().map(|w| self.dim(w)))
            });
            total.step(read, read.to_f64(), 0.0, write);
            alive.add(write);
        }
        total.finish(alive.peak)
    }

    /// The cost in the objective as a binary logarithm (for [`Objective::Peak`]
    /// in the best depth-first order), by logarithms only: faster than
    /// [`Tree::cost`] and never out of range. An empty wire counts as length one.
    pub(crate) fn log2_cost(&self, objective: Objective) -> f64 {
        if objective == Objective::Peak {
            return self.reordered().cost(objective).peak.log2();
        }
        let logs: Vec<f64> = self
            .network
            .dims
            .iter()
            .map(|&d| (d.max(1) as f64).log2())
            .collect();
        let log_size = |wires: &Vec<u32>| -> f64 { wires.iter().map(|&w| logs[w as usize]).sum() };
        let mut size: Vec<f64> = self.wires.iter().map(log_size).collect();
        if let (Some(last), false) = (size.last_mut(), self.children.is_empty()) {
            *last = log_size(&self.network.output);
        }
        let mut total = f64::NEG_INFINITY;
        for (step, &(left, right)) in self.children.iter().enumerate() {
            let mut flops = 0.0;
            merge_wires(&self.wires[left], &self.wires[right], |w, _| {
                flops += logs[w as usize]
            });
            let write = size[self.leaves + step];
            let cost = match objective {
                Objective::Combo { factor } => add_log2(flops, write + factor.log2()),
                Objective::Limit { factor } => flops.max(write + factor.log2()),
                Objective::Time => {
                    let [f, a, b, w] = [flops, size[left], size[right], write].map(f64::exp2);
                    step_seconds(f, a, b, w).log2()
                }
                Objective::Flops | Objective::Max => flops,
                Objective::Size | Objective::Write | Objective::Peak => write,
            };
            total = if objective.is_maximum() {
                total.max(cost)
            } else {
                add_log2(total, cost)
            };
        }
        total
    }

    /// The same tree with its steps in the depth-first order of least peak:
    /// the child that needs more room while it is made than it leaves behind
    /// goes first (Liu, ACM Trans. Math. Softw. 12 (1986) 249).
    #[must_use]
    pub fn reordered(&self) -> Self {
        let count = self.leaves + self.children.len();
        let mut size = vec![0.0f64; count];
        let mut peak = vec![0.0f64; count];
        let mut first_right = vec![false; self.children.len()];
        for (step, &(left, right)) in self.children.iter().enumerate() {
            let result = self.leaves + step;
            size[result] = self.size(result).to_f64();
            let both = size[left] + size[right] + size[result];
            let left_first = peak[left].max(size[left] + peak[right]);
            let right_first = peak[right].max(size[right] + peak[left]);
            first_right[step] = right_first < left_first;
            peak[result] = left_first.min(right_first).max(both);
        }
        let mut order: Vec<usize> = Vec::with_capacity(self.children.len());
        // Last child first: the reverse of this order is depth-first.
        let mut stack: Vec<usize> = self.children.len().checked_sub(1).into_iter().collect();
        while let Some(step) = stack.pop() {
            order.push(step);
            let (left, right) = self.children[step];
            let (first, second) = if first_right[step] {
                (right, left)
            } else {
                (left, right)
            };
            for child in [first, second] {
                if child >= self.leaves {
                    stack.push(child - self.leaves);
                }
            }
        }
        order.reverse();
        self.renumbered(&order)
    }

    /// The same steps in another order, children before parents.
    fn renumbered(&self, order: &[usize]) -> Self {
        let mut number = vec![NONE; self.leaves + self.children.len()];
        for (leaf, number) in number.iter_mut().take(self.leaves).enumerate() {
            *number = leaf;
        }
        for (place, &step) in order.iter().enumerate() {
            number[self.leaves + step] = self.leaves + place;
        }
        let mut wires = self.wires[..self.leaves].to_vec();
        let mut children = Vec::with_capacity(order.len());
        for &step in order {
            let (left, right) = self.children[step];
            children.push((number[left], number[right]));
            wires.push(self.wires[self.leaves + step].clone());
        }
        Self {
            network: self.network,
            leaves: self.leaves,
            children,
            wires,
        }
    }
}

/// Sums over the steps.
struct Totals {
    flops: Count,
    max: Count,
    size: Count,
    write: Count,
    weighted: f64,
    seconds: f64,
    objective: Objective,
}

impl Totals {
    fn new(objective: Objective) -> Self {
        Self {
            flops: Count::ZERO,
            max: Count::ZERO,
            size: Count::ZERO,
            write: Count::ZERO,
            weighted: f64::NEG_INFINITY,
            seconds: 0.0,
            objective,
        }
    }

    fn step(&mut self, flops: Count, a: f64, b: f64, write: Count) {
        self.flops = self.flops.plus(flops);
        self.max = self.max.larger(flops);
        self.size = self.size.larger(write);
        self.write = self.write.plus(write);
        self.seconds += step_seconds(flops.to_f64(), a, b, write.to_f64());
        let (f, w) = (flops.log2(), write.log2());
        let weighted = match self.objective {
            Objective::Limit { factor } => f.max(w + factor.log2()),
            Objective::Combo { factor } => add_log2(f, w + factor.log2()),
            _ => add_log2(f, w + crate::cost::WRITE_FACTOR.log2()),
        };
        self.weighted = add_log2(self.weighted, weighted);
    }

    fn finish(self, peak: Count) -> Cost {
        Cost {
            flops: self.flops,
            max: self.max,
            size: self.size,
            write: self.write,
            peak,
            weighted: self.weighted,
            seconds: self.seconds,
        }
    }
}

/// log2(2^a + 2^b).
pub(crate) fn add_log2(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp2().ln_1p() * std::f64::consts::LOG2_E
}

/// What is held at a moment and was held at most. Beyond 128 bits the largest
/// tensor stands for the sum.
#[derive(Default)]
struct Alive {
    now: u128,
    huge: Vec<Count>,
    peak: Count,
}

impl Default for Count {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Alive {
    fn add(&mut self, count: Count) {
        match count.exact() {
            Some(exact) => self.now = self.now.saturating_add(exact),
            None => self.huge.push(count),
        }
        let now = self
            .huge
            .iter()
            .fold(Count::from(self.now), |sum, &c| sum.plus(c));
        self.peak = self.peak.larger(now);
    }

    fn remove(&mut self, count: Count) {
        match count.exact() {
            Some(exact) => self.now = self.now.saturating_sub(exact),
            None => {
                if let Some(at) = self.huge.iter().position(|&held| held == count) {
                    self.huge.swap_remove(at);
                }
            }
        }
    }
}
