//! Planners by name.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tensegrity_diagram::{Network, Passes};

use super::{PlanOptions, auto, greedy, optimal};
use crate::{Error, Result, TensorId};

/// A contraction order and how it was prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Pairs of tensors: operands are numbered from zero, the result of pair
    /// `k` is tensor `operands + k`, and every tensor but the last is used once.
    pub pairs: Vec<(TensorId, TensorId)>,
    /// Simplifications made before searching.
    pub simplified: Passes,
}

impl From<Vec<(TensorId, TensorId)>> for Order {
    /// An order found without simplification.
    fn from(pairs: Vec<(TensorId, TensorId)>) -> Self {
        Self {
            pairs,
            simplified: Passes::NONE,
        }
    }
}

/// A way to find a contraction order.
pub trait Planner: Debug + Send + Sync {
    /// Pairs of tensors that contract `network`. Must depend on its arguments
    /// only.
    ///
    /// The order of independent pairs does not matter; a plan puts them in the
    /// order of least peak memory.
    ///
    /// # Errors
    /// If no order can be found within the effort allowed.
    fn order(&self, network: &Network, options: &PlanOptions) -> Result<Order>;
}

type Registry = RwLock<BTreeMap<String, Arc<dyn Planner>>>;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let planners: [(&str, Arc<dyn Planner>); 3] = [
            ("auto", Arc::new(auto::Auto)),
            ("greedy", Arc::new(greedy::Greedy)),
            ("optimal", Arc::new(optimal::Optimal)),
        ];
        RwLock::new(
            planners
                .map(|(name, planner)| (name.to_owned(), planner))
                .into(),
        )
    })
}

/// Makes a planner known under `name`, for the whole process. Returns the one
/// that had the name before.
pub fn register_planner(name: &str, planner: Arc<dyn Planner>) -> Option<Arc<dyn Planner>> {
    let mut planners = registry().write().unwrap_or_else(PoisonError::into_inner);
    planners.insert(name.to_owned(), planner)
}

/// The planner of this name.
///
/// # Errors
/// [`Error::UnknownPlanner`], with the names known.
pub fn planner(name: &str) -> Result<Arc<dyn Planner>> {
    let planners = registry().read().unwrap_or_else(PoisonError::into_inner);
    planners
        .get(name)
        .cloned()
        .ok_or_else(|| Error::UnknownPlanner {
            found: name.to_owned(),
            known: planners.keys().cloned().collect::<Vec<_>>().join(", "),
        })
}

/// Names of all planners, sorted.
#[must_use]
pub fn planner_names() -> Vec<String> {
    let planners = registry().read().unwrap_or_else(PoisonError::into_inner);
    planners.keys().cloned().collect()
}
