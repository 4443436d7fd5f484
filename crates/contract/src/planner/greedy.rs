//! Greedy orders, plain and randomised.
//!
//! Pairs that share a wire wait in a queue by
//! `size(ab)/α − α·(size(a) + size(b))`, the memory a contraction gains; with a
//! temperature τ by `sign(s)·ln|s| − τ·g`, g Gumbel distributed (Gray and
//! Kourtis, Quantum 5 (2021) 410, as in cotengra). What is left in pieces is
//! joined by outer products, smallest first.
//!
//! Cost: O(steps · neighbours · wires of a tensor · log). On a wire of very
//! many tensors only some pairs are offered at a time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tensegrity_diagram::Network;
use tensegrity_tensor::SplitMix64;

use super::PlanOptions;
use super::exact::Path;
use super::registry::{Order, Planner};
use crate::Result;
use crate::cost::Objective;
use crate::tree::{Tree, add_log2, leaf_wires, merge_wires};

/// On a wire of more tensors than this, each is offered to a few of the others.
const CROWD: usize = 24;
/// To how many.
const COMPANY: usize = 6;
/// Sizes are compared as numbers up to this power of two.
const LARGEST: f64 = 1000.0;

/// How a greedy search weighs pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighing {
    /// α: above 1 removes large operands early, below 1 avoids large results.
    pub(crate) alpha: f64,
    /// τ: zero is deterministic.
    pub(crate) temperature: f64,
    /// Names the random stream.
    pub(crate) seed: u64,
}

impl Weighing {
    pub(crate) const PLAIN: Self = Self {
        alpha: 1.0,
        temperature: 0.0,
        seed: 0,
    };

    /// Trial `number`: α log-uniform in [0.1, 4], τ log-uniform in [0.001, 1].
    fn trial(seed: u64, number: u64) -> Self {
        let mut rng = SplitMix64::derived(seed, number);
        let mut log_uniform = |low: f64, high: f64| low * (high / low).powf(rng.uniform());
        Self {
            alpha: log_uniform(0.1, 4.0),
            temperature: log_uniform(0.001, 1.0),
            seed: rng.next_u64(),
        }
    }
}

/// A network ready for any number of greedy runs.
#[derive(Clone)]
pub(crate) struct Ground {
    wires: Vec<Vec<u32>>,
    /// Living tensors and the output, by wire.
    uses: Vec<u32>,
    on: Vec<Vec<u32>>,
    logs: Vec<f64>,
}

impl Ground {
    pub(crate) fn new(network: &Network) -> Self {
        let (wires, uses) = leaf_wires(network);
        let mut on = vec![Vec::new(); network.dims.len()];
        for (tensor, list) in wires.iter().enumerate() {
            for &wire in list {
                on[wire as usize].push(tensor as u32);
            }
        }
        Self {
            wires,
            uses,
            on,
            // An empty wire costs nothing whatever the order.
            logs: network
                .dims
                .iter()
                .map(|&d| (d.max(1) as f64).log2())
                .collect(),
        }
    }

    /// One greedy path; `None` if its flops pass `limit` (log2).
    pub(crate) fn run(&self, weighing: Weighing, limit: f64) -> Option<Path> {
        Run::new(self.clone(), weighing, limit).path()
    }
}

/// The plain run and the `keep` best of `trials` randomised ones, each with
/// its cost (log2) in the objective, best first. A trial is given up when its
/// flops pass those of the worst kept, if flops are what counts.
pub(crate) fn best_of(
    network: &Network,
    trials: u64,
    keep: usize,
    seed: u64,
    objective: Objective,
) -> Vec<(f64, Path)> {
    let ground = Ground::new(network);
    let cost = |path: &Path| Tree::build(network, path).log2_cost(objective);
    let plain = ground
        .run(Weighing::PLAIN, f64::INFINITY)
        .map(|path| (cost(&path), path));
    let mut found: Vec<(f64, Path)> = Vec::with_capacity(keep + 2);
    for number in 1..=trials {
        let limit = match found.last() {
            Some((worst, _)) if objective == Objective::Flops && found.len() == keep => *worst,
            _ => f64::INFINITY,
        };
        let Some(path) = ground.run(Weighing::trial(seed, number), limit) else {
            continue;
        };
        let cost = cost(&path);
        let place = found.partition_point(|(c, _)| *c <= cost);
        found.insert(place, (cost, path));
        found.truncate(keep);
    }
    found.extend(plain);
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

struct Candidate {
    score: f64,
    left: u32,
    right: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.score.total_cmp(&self.score))
            .then(other.left.cmp(&self.left))
            .then(other.right.cmp(&self.right))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

struct Run {
    ground: Ground,
    alive: Vec<bool>,
    /// log2 of the elements of each tensor.
    log_size: Vec<f64>,
    /// The same as numbers.
    size: Vec<f64>,
    heap: BinaryHeap<Candidate>,
    weighing: Weighing,
    rng: SplitMix64,
    path: Path,
    log_flops: f64,
    limit: f64,
}

impl Run {
    fn new(ground: Ground, weighing: Weighing, limit: f64) -> Self {
        let count = ground.wires.len();
        let logs =
            |wires: &Vec<u32>| -> f64 { wires.iter().map(|&w| ground.logs[w as usize]).sum() };
        let log_size: Vec<f64> = ground.wires.iter().map(logs).collect();
        Self {
            size: log_size.iter().map(|&s| s.min(LARGEST).exp2()).collect(),
            log_size,
            alive: vec![true; count],
            heap: BinaryHeap::with_capacity(4 * count),
            rng: SplitMix64::new(weighing.seed),
            path: Path::with_capacity(count.saturating_sub(1)),
            log_flops: f64::NEG_INFINITY,
            weighing,
            limit,
            ground,
        }
    }

    fn path(mut self) -> Option<Path> {
        // A second round only finds what crowds on one wire hid in the first.
        while self.offer_all() {
            while let Some(Candidate { left, right, .. }) = self.heap.pop() {
                let (left, right) = (left as usize, right as usize);
                if !(self.alive[left] && self.alive[right]) {
                    continue;
                }
                let result = self.contract(left, right);
                if self.log_flops > self.limit {
                    return None;
                }
                self.offer_around(result);
            }
        }
        self.join_pieces();
        (self.log_flops <= self.limit).then_some(self.path)
    }

    /// Offers pairs on every wire; whether there were any.
    fn offer_all(&mut self) -> bool {
        for wire in 0..self.ground.on.len() {
            let count = self.ground.on[wire].len();
            if count < 2 {
                continue;
            }
            if count > CROWD {
                let mut list = std::mem::take(&mut self.ground.on[wire]);
                let size = &self.log_size;
                list.sort_by(|&a, &b| {
                    size[a as usize]
                        .total_cmp(&size[b as usize])
                        .then(a.cmp(&b))
                });
                self.ground.on[wire] = list;
            }
            let reach = if count > CROWD { COMPANY } else { count };
            for i in 0..count {
                for j in i + 1..count.min(i + 1 + reach) {
                    let (a, b) = (self.ground.on[wire][i], self.ground.on[wire][j]);
                    self.offer(a, b);
                }
            }
        }
        !self.heap.is_empty()
    }

    fn offer(&mut self, a: u32, b: u32) {
        let (left, right) = (a.min(b), a.max(b));
        let (l, r) = (left as usize, right as usize);
        let mut log_result = 0.0;
        let ground = &self.ground;
        merge_wires(&ground.wires[l], &ground.wires[r], |wire, ours| {
            if ground.uses[wire as usize] > ours {
                log_result += ground.logs[wire as usize];
            }
        });
        let alpha = self.weighing.alpha;
        let mut score =
            log_result.min(LARGEST).exp2() / alpha - alpha * (self.size[l] + self.size[r]);
        if self.weighing.temperature > 0.0 {
            let gumbel = -(-(1.0 - self.rng.uniform()).ln()).ln();
            let magnitude = if score == 0.0 { 0.0 } else { score.abs().ln() };
            score = score.signum() * magnitude - self.weighing.temperature * gumbel;
        }
        self.heap.push(Candidate { score, left, right });
    }

    fn offer_around(&mut self, tensor: usize) {
        let mut near: Vec<u32> = Vec::new();
        for &wire in &self.ground.wires[tensor] {
            let list = &self.ground.on[wire as usize];
            let reach = if list.len() > CROWD {
                CROWD
            } else {
                list.len()
            };
            near.extend(list.iter().take(reach).filter(|&&t| t as usize != tensor));
        }
        near.sort_unstable();
        near.dedup();
        for other in near {
            self.offer(tensor as u32, other);
        }
    }

    fn contract(&mut self, left: usize, right: usize) -> usize {
        let result = self.ground.wires.len();
        let [a, b] = [left, right].map(|t| std::mem::take(&mut self.ground.wires[t]));
        let mut wires = Vec::with_capacity(a.len().max(b.len()));
        let (mut log_flops, mut log_size) = (0.0, 0.0);
        let Ground { uses, on, logs, .. } = &mut self.ground;
        merge_wires(&a, &b, |wire, ours| {
            let w = wire as usize;
            log_flops += logs[w];
            let list = &mut on[w];
            uses[w] -= ours;
            let kept = uses[w] > 0;
            if kept {
                uses[w] += 1;
                log_size += logs[w];
                wires.push(wire);
            }
            // The result takes the place of one, the other leaves.
            let mut placed = !kept;
            list.retain_mut(|t| {
                let used = *t as usize == left || *t as usize == right;
                if used && !placed {
                    placed = true;
                    *t = result as u32;
                    return true;
                }
                !used
            });
        });
        for used in [left, right] {
            self.alive[used] = false;
        }
        self.alive.push(true);
        self.ground.wires.push(wires);
        self.log_size.push(log_size);
        self.size.push(log_size.min(LARGEST).exp2());
        self.log_flops = add_log2(self.log_flops, log_flops);
        self.path.push((left, right));
        result
    }

    fn join_pieces(&mut self) {
        let mut pieces: BinaryHeap<Candidate> = BinaryHeap::new();
        let piece = |score: f64, tensor: usize| Candidate {
            score,
            left: tensor as u32,
            right: 0,
        };
        for (tensor, &alive) in self.alive.iter().enumerate() {
            if alive {
                pieces.push(piece(self.log_size[tensor], tensor));
            }
        }
        while let Some(first) = pieces.pop() {
            let Some(second) = pieces.pop() else { break };
            let result = self.contract(first.left as usize, second.left as usize);
            pieces.push(piece(self.log_size[result], result));
        }
    }
}

/// One greedy run.
#[derive(Debug)]
pub(crate) struct Greedy;

impl Planner for Greedy {
    fn order(&self, network: &Network, _: &PlanOptions) -> Result<Order> {
        network.validate()?;
        let path = Ground::new(network).run(Weighing::PLAIN, f64::INFINITY);
        Ok(path.unwrap_or_default().into())
    }
}
