//! The default planner.

use tensegrity_diagram::{Network, Passes, simplify};

use super::exact::Path;
use super::optimal::exact_path;
use super::reconfigure::{PieceOptions, reconfigure};
use super::registry::{Order, Planner};
use super::{Effort, PlanOptions, greedy};
use crate::Result;
use crate::cost::Objective;
use crate::tree::Tree;

/// Exact where that is quick, else greedy with improvements.
#[derive(Debug)]
pub(crate) struct Auto;

/// Up to this many tensors the search is exact.
pub(crate) const EXACT_TENSORS: usize = 12;

/// What an effort allows, in units of work.
struct Budget {
    /// Random-greedy runs, and most tensors of all of them together.
    trials: u64,
    tensors: u64,
    /// How many of the best random paths are improved beside the plain one, by
    /// pieces of how many tensors, and how many pieces are tried for each.
    improved: usize,
    piece: usize,
    pieces: usize,
}

impl Budget {
    fn new(effort: Effort) -> Self {
        match effort {
            Effort::Fast => Self {
                trials: 0,
                tensors: 0,
                improved: 0,
                piece: 6,
                pieces: 500,
            },
            Effort::Normal => Self {
                trials: 32,
                tensors: 12_000,
                improved: 2,
                piece: 8,
                pieces: 3_000,
            },
            Effort::High => Self {
                trials: 512,
                tensors: 400_000,
                improved: 5,
                piece: 10,
                pieces: 20_000,
            },
        }
    }
}

impl Planner for Auto {
    fn order(&self, network: &Network, options: &PlanOptions) -> Result<Order> {
        let count = network.inputs.len();
        let objective = options.minimize;
        if count <= EXACT_TENSORS
            && let Some(path) = exact_path(network, objective, options.outer_products)?
        {
            return Ok(path.into());
        }
        let simple = simplify(network, Passes::ALL)?;
        let budget = Budget::new(options.effort);
        let rest = &simple.network;
        let left = rest.inputs.len();
        let mut starts: Vec<Path> = Vec::new();
        if left <= EXACT_TENSORS
            && let Some(path) = exact_path(rest, objective, options.outer_products)?
        {
            starts.push(path);
        } else {
            let trials = budget.trials.min(budget.tensors / left as u64);
            let found = greedy::best_of(rest, trials, budget.improved, options.seed, objective);
            starts.extend(found.into_iter().map(|(_, path)| path));
        }
        let leading = simple.steps();
        let first = count + leading.len();
        let mut best: Option<(f64, Path)> = None;
        for start in starts {
            let number = |t: usize| simple.tensors.get(t).copied().unwrap_or(first + t - left);
            let mut path = leading.clone();
            path.extend(start.iter().map(|&(l, r)| (number(l), number(r))));
            let pieces = PieceOptions {
                leaves: budget.piece,
                pieces: budget.pieces,
            };
            let path = reconfigure(network, path, objective, pieces);
            let cost = rank(network, &path, objective);
            if best.as_ref().is_none_or(|(known, _)| cost < *known) {
                best = Some((cost, path));
            }
        }
        Ok(Order {
            pairs: best.map(|(_, path)| path).unwrap_or_default(),
            simplified: Passes::ALL,
        })
    }
}

fn rank(network: &Network, path: &Path, objective: Objective) -> f64 {
    Tree::build(network, path).log2_cost(objective)
}
