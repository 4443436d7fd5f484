//! In which order to contract.
//!
//! A [`Planner`] turns a network into pairs. Planners are registered by name;
//! `optimal`, `greedy` and `auto` are there from the start:
//!
//! | name | method | for |
//! |---|---|---|
//! | `optimal` | dynamic programming over connected subsets, any objective | up to about 20 tensors, 60 in chains and ladders |
//! | `greedy` | one greedy run by memory gained | any size; 10⁵ tensors in about a second |
//! | `auto` | exact up to 12 tensors, else simplification, greedy and random-greedy runs, and exact improvement of pieces of the best | everything |
//!
//! Guarantees: the same network, options and seed give the same path on every
//! machine; budgets count work, not seconds. Not guaranteed: that `auto` is
//! optimal beyond 12 tensors.

mod auto;
mod bundles;
mod exact;
mod greedy;
mod optimal;
mod path;
mod reconfigure;
mod registry;
#[cfg(test)]
mod tests;
mod wire_set;

pub use path::{linear_to_ssa, ssa_to_linear};
pub use registry::{Order, Planner, planner, planner_names, register_planner};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Objective;

/// How much work a planner may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Effort {
    /// Of the order of 10 ms for some hundred tensors.
    Fast,
    /// Of the order of 0.3 s.
    #[default]
    Normal,
    /// Of the order of 10 s.
    High,
}

impl std::str::FromStr for Effort {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        match text {
            "fast" => Ok(Self::Fast),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            _ => Err(crate::Error::UnknownEffort {
                found: text.to_owned(),
            }),
        }
    }
}

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// Work to do.
    pub effort: Effort,
    /// What to make small.
    pub minimize: Objective,
    /// Most bytes of intermediates and result; none is no limit.
    pub memory_limit: Option<u64>,
    /// Names the random choices.
    pub seed: u64,
    /// Name of a registered planner.
    pub planner: Cow<'static, str>,
    /// Whether single precision operands are computed in double precision and
    /// the result rounded once, for sums over very many terms. Costs the time
    /// and memory of double precision.
    pub accumulate_double: bool,
    /// Whether `optimal` also contracts tensors without a common wire.
    pub outer_products: bool,
    /// Bytes of an element, for peak memory. Functions that are given operands
    /// know better and ignore it.
    pub element_bytes: u32,
}

impl Default for PlanOptions {
    /// `auto` for few multiply-adds of 8-byte elements, without a memory limit.
    fn default() -> Self {
        Self {
            effort: Effort::Normal,
            minimize: Objective::Flops,
            memory_limit: None,
            seed: 0,
            planner: Cow::Borrowed("auto"),
            accumulate_double: false,
            outer_products: false,
            element_bytes: 8,
        }
    }
}

/// The path of fewer than three tensors.
pub(crate) fn only_path(operands: usize) -> Vec<(crate::TensorId, crate::TensorId)> {
    if operands == 2 {
        vec![(0, 1)]
    } else {
        Vec::new()
    }
}
