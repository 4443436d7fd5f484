//! Contracting pairs that do not grow, cheapest first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Pass;
use super::reducer::Reducer;

/// Sums of logarithms of equal products differ by rounding only.
const TOLERANCE: f64 = 1e-9;
/// How many tensors are looked at around a new one for legs among its own.
const NEIGHBOURS: usize = 256;
const NOBODY: usize = usize::MAX;

/// A pair worth contracting; the heap yields the cheapest, then the oldest.
struct Candidate {
    /// log2 of the multiplications.
    cost: f64,
    left: usize,
    right: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.cost.total_cmp(&self.cost))
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

/// Absorbs until no pair is left. The cheapest pair goes first, so that a
/// small factor meets the smallest tensor that can take it.
pub(super) fn absorb(reducer: &mut Reducer<'_>) {
    let mut heap = BinaryHeap::new();
    // The tensor each one was last offered to for having all its legs.
    let mut holders: Vec<usize> = vec![NOBODY; reducer.legs.len()];
    for tensor in reducer.living().collect::<Vec<_>>() {
        offer_closing(reducer, tensor, &mut heap);
        offer_holder(reducer, tensor, &mut holders, &mut heap);
    }
    while let Some(Candidate { cost, left, right }) = heap.pop() {
        let orphan = match (reducer.alive[left], reducer.alive[right]) {
            (true, true) => None,
            (false, false) => continue,
            (true, false) => Some((left, right)),
            (false, true) => Some((right, left)),
        };
        if let Some((tensor, gone)) = orphan {
            if holders[tensor] == gone {
                offer_holder(reducer, tensor, &mut holders, &mut heap);
            }
            continue;
        }
        let Some(now) = gain(reducer, left, right) else {
            continue;
        };
        if now > cost + TOLERANCE {
            heap.push(Candidate {
                cost: now,
                left,
                right,
            });
            continue;
        }
        let result = reducer.merge(left, right, Pass::Absorb);
        holders.push(NOBODY);
        offer_closing(reducer, result, &mut heap);
        offer_holder(reducer, result, &mut holders, &mut heap);
        offer_around(reducer, result, &mut heap);
    }
}

/// Cost of a pair if its result is no larger than the larger of the two.
fn gain(reducer: &Reducer<'_>, left: usize, right: usize) -> Option<f64> {
    let logs = |wires: &[u32]| -> f64 { wires.iter().map(|&w| reducer.logs[w as usize]).sum() };
    let result = logs(&reducer.product(left, right));
    let larger = reducer.log_size(left).max(reducer.log_size(right));
    (result <= larger + TOLERANCE).then(|| {
        let a = &reducer.legs[left];
        let rest: Vec<u32> = reducer.set(right);
        let rest: f64 = rest
            .iter()
            .filter(|w| !a.contains(w))
            .map(|&w| reducer.logs[w as usize])
            .sum();
        reducer.log_size(left) + rest
    })
}

/// Offers the pairs a tensor forms over the wires it closes.
fn offer_closing(reducer: &mut Reducer<'_>, tensor: usize, heap: &mut BinaryHeap<Candidate>) {
    for wire in reducer.set(tensor) {
        if reducer.degree[wire as usize] != 2 || reducer.in_output[wire as usize] {
            continue;
        }
        let on = reducer.tensors_on(wire);
        if let Some(&other) = on.iter().find(|&&t| t as usize != tensor) {
            push(reducer, tensor, other as usize, heap);
        }
    }
}

/// Offers a tensor to the smallest one that has all its legs.
fn offer_holder(
    reducer: &mut Reducer<'_>,
    tensor: usize,
    holders: &mut [usize],
    heap: &mut BinaryHeap<Candidate>,
) {
    holders[tensor] = NOBODY;
    let wires = reducer.set(tensor);
    let rarest = wires
        .iter()
        .copied()
        .min_by_key(|&w| reducer.degree[w as usize]);
    // Numbers have no wire; they are multiplied out by their own pass.
    let Some(rarest) = rarest else { return };
    let on: Vec<u32> = reducer.tensors_on(rarest).to_vec();
    let smallest = on
        .into_iter()
        .map(|t| t as usize)
        .filter(|&t| t != tensor && wires.iter().all(|w| reducer.legs[t].contains(w)))
        .min_by(|&a, &b| {
            reducer
                .log_size(a)
                .total_cmp(&reducer.log_size(b))
                .then(a.cmp(&b))
        });
    if let Some(holder) = smallest {
        holders[tensor] = holder;
        push(reducer, tensor, holder, heap);
    }
}

/// Offers the neighbours of a new tensor whose legs are among its own.
fn offer_around(reducer: &mut Reducer<'_>, tensor: usize, heap: &mut BinaryHeap<Candidate>) {
    let wires = reducer.set(tensor);
    let mut left = NEIGHBOURS;
    for &wire in &wires {
        let near: Vec<u32> = reducer
            .tensors_on(wire)
            .iter()
            .copied()
            .take(left)
            .collect();
        left -= near.len();
        for other in near {
            let other = other as usize;
            let inside = other != tensor
                && reducer.legs[other].len() <= wires.len()
                && reducer.legs[other]
                    .iter()
                    .all(|w| wires.binary_search(w).is_ok());
            // Once, at the first wire it shares.
            if inside && reducer.set(other).first() == Some(&wire) {
                push(reducer, other, tensor, heap);
            }
        }
        if left == 0 {
            break;
        }
    }
}

fn push(reducer: &Reducer<'_>, left: usize, right: usize, heap: &mut BinaryHeap<Candidate>) {
    let (left, right) = (left.min(right), left.max(right));
    if let Some(cost) = gain(reducer, left, right) {
        heap.push(Candidate { cost, left, right });
    }
}
