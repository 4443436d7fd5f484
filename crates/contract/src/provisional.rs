//! Placeholder of the planner's types until that module lands.
use tensegrity_diagram::Network;

use crate::Result;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    pub memory_limit: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub path: Vec<(usize, usize)>,
}

impl Plan {
    pub fn new(network: &Network, _options: &PlanOptions) -> Result<Self> {
        let n = network.inputs.len();
        let path = (1..n).map(|k| (if k == 1 { 0 } else { n + k - 2 }, k)).collect();
        Ok(Self { path })
    }
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.path
    }
}
