//! What a model can contract, and so which polynomials it can compute.

use std::collections::HashSet;

use super::Polynomial;
use crate::{Error, Result};

/// The contractions of one layer of a model: it may sum over an unmarked node
/// that has at most so many different neighbours. The node goes and its
/// neighbours are joined by a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractionBank {
    neighbours: usize,
}

impl ContractionBank {
    /// Message passing: nodes with one neighbour, at a cost of n².
    pub const NODE: Self = Self { neighbours: 1 };
    /// Matrix products, entrywise products, transposition and the identity:
    /// nodes with two neighbours, at a cost of n³.
    pub const EDGE: Self = Self { neighbours: 2 };

    /// Tensors of order `neighbours`, at a cost of n^(neighbours + 1).
    #[must_use]
    pub const fn of_order(neighbours: usize) -> Self {
        Self { neighbours }
    }

    /// Whether some order of sums leaves the marked nodes only.
    ///
    /// Cost: at most two to the number of unmarked nodes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 24 unmarked nodes.
    pub fn computes(self, polynomial: &Polynomial) -> Result<bool> {
        let marked = polynomial
            .marked()
            .iter()
            .fold(0_u64, |set, &v| set | 1 << v);
        let all = (1_u64 << polynomial.nodes()) - 1;
        let free = all & !marked;
        if free.count_ones() > 24 {
            return Err(Error::TooLarge {
                what: "the number of unmarked nodes".into(),
                count: u128::from(free.count_ones()),
                limit: 24,
                remedy: "split the polynomial into factors",
            });
        }
        let mut adjacent = vec![0_u64; polynomial.nodes()];
        for &(a, b) in polynomial.edges().iter().filter(|(a, b)| a != b) {
            adjacent[a] |= 1 << b;
            adjacent[b] |= 1 << a;
        }
        // Sets of nodes that are gone; what a set can reach does not depend on
        // the order its members went in.
        let mut seen = HashSet::from([0_u64]);
        let mut open = vec![0_u64];
        while let Some(gone) = open.pop() {
            if gone == free {
                return Ok(true);
            }
            for v in (0..polynomial.nodes()).filter(|&v| free & !gone & 1 << v != 0) {
                let next = gone | 1 << v;
                let few = neighbours(&adjacent, v, gone).count_ones() as usize <= self.neighbours;
                if few && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        Ok(false)
    }
}

/// Neighbours of `v` once the nodes of `gone` are summed over: those reached
/// from it through them.
fn neighbours(adjacent: &[u64], v: usize, gone: u64) -> u64 {
    let mut reached = adjacent[v];
    loop {
        let through = (0..adjacent.len()).filter(|&u| reached & gone & 1 << u != 0);
        let next = through.fold(reached, |set, u| set | adjacent[u]);
        if next == reached {
            return reached & !gone & !(1 << v);
        }
        reached = next;
    }
}
