//! Which of three ways a layer is computed, and why.

use std::fmt;

use super::block::{Block, Tensors};
use crate::{Diagram, Error};

/// How a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Plan {
    /// The cheapest by the model of costs.
    #[default]
    Auto,
    /// Contract, mix, broadcast.
    Mixed,
    /// One matrix between all elements of input and output.
    Dense,
    /// One product a diagram.
    Separate,
}

impl std::str::FromStr for Plan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Plan::Auto),
            "mixed" => Ok(Plan::Mixed),
            "dense" => Ok(Plan::Dense),
            "separate" => Ok(Plan::Separate),
            _ => Err(Error::Argument {
                name: "plan",
                problem: format!("{text:?} is none of auto, mixed, dense, separate"),
            }),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plan::Auto => "auto",
            Plan::Mixed => "mixed",
            Plan::Dense => "dense",
            Plan::Separate => "separate",
        })
    }
}

/// How many multiply-adds of a matrix product one element of a strided sum,
/// copy or diagonal is worth. A product runs from cache at many a cycle, a
/// strided pass waits for memory.
const STEP: f64 = 6.0;
/// Elements of a dense matrix that is still considered.
const MAX_DENSE: f64 = (1u64 << 26) as f64;

/// The cost of one plan, for the whole batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanCost {
    /// The plan.
    pub plan: Plan,
    /// Multiply-adds of matrix products.
    pub products: f64,
    /// Elements of sums, copies and diagonals.
    pub steps: f64,
}

impl PlanCost {
    /// Both in multiply-adds.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.products + STEP * self.steps
    }
}

/// Why a layer is computed as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Samples in the batch.
    pub batch: usize,
    /// The plan in use.
    pub chosen: Plan,
    /// Whether it was asked for.
    pub forced: bool,
    /// All plans that are possible.
    pub costs: Vec<PlanCost>,
    /// Diagrams of all blocks.
    pub diagrams: usize,
    /// Bytes that must be moved in any case, in `f32`.
    pub least_bytes: u128,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.forced { "asked for" } else { "cheapest" };
        writeln!(
            f,
            "{} diagrams, batch of {}: {} ({how})",
            self.diagrams, self.batch, self.chosen
        )?;
        writeln!(
            f,
            "{:10} {:>12} {:>12} {:>12}",
            "plan", "products", "steps", "total"
        )?;
        for cost in &self.costs {
            let name = cost.plan.to_string();
            let (products, steps, total) = (cost.products, cost.steps, cost.total());
            writeln!(
                f,
                "{name:10} {products:>12.3e} {steps:>12.3e} {total:>12.3e}"
            )?;
        }
        write!(f, "at least {} bytes to move", self.least_bytes)
    }
}

/// Non-zero entries of a tuple of diagrams, at most.
fn entries(diagrams: &[Diagram], sizes: &[usize]) -> f64 {
    let pairs = diagrams.iter().zip(sizes);
    pairs
        .map(|(diagram, &n)| (n as f64).powi(diagram.block_count() as i32))
        .product()
}

/// The dense plan, if its matrices fit.
pub(crate) fn dense_cost(
    blocks: &[Block],
    sides: &Tensors,
    sizes: &[usize],
    batch: usize,
) -> Option<PlanCost> {
    let (mut products, mut steps) = (0.0, 0.0);
    for block in blocks {
        let (rows, columns) = sides.sizes(block);
        let (co, ci) = sides.channels(block);
        let matrix = (co * rows) as f64 * (ci * columns) as f64;
        if matrix > MAX_DENSE {
            return None;
        }
        let listed: f64 = block.diagrams.iter().map(|d| entries(d, sizes)).sum();
        if listed > MAX_DENSE / 16.0 {
            return None;
        }
        products += batch as f64 * matrix;
        steps += (co * ci) as f64 * listed + matrix;
    }
    Some(PlanCost {
        plan: Plan::Dense,
        products,
        steps,
    })
}
