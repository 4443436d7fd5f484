//! What Shampoo's state takes, before a run.

use super::block::{cut, dimensions, is_warm};
use super::{Precision, Shampoo};
use crate::{Float, Registry, Result};

/// Bytes of the state of one parameter once roots exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The parameter.
    pub parameter: String,
    /// Independent blocks it is cut into.
    pub blocks: usize,
    /// Statistics of all modes of all blocks.
    pub statistics: usize,
    /// Their roots, and the bases kept for warm starts.
    pub roots: usize,
    /// Averages, graft and momentum: copies of the parameter.
    pub copies: usize,
    /// Roots that wait for their step; while they are computed, as much again
    /// for the statistics they are computed from.
    pub background: usize,
}

impl MemoryPlan {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.statistics + self.roots + self.copies + self.background
    }
}

impl Shampoo {
    /// The memory the state of each trained parameter of type `T` will take.
    ///
    /// # Errors
    /// [`crate::Error::Option`] for an option out of range.
    pub fn memory<T: Float>(&self, registry: &Registry) -> Result<Vec<MemoryPlan>> {
        self.check()?;
        let statistic = match self.precision {
            Precision::Double => 8,
            Precision::Single => 4,
        };
        let copies = usize::from(self.beta1 > 0.0)
            + usize::from(self.graft.has_state())
            + usize::from(self.momentum > 0.0);
        let element = size_of::<T>();
        let plan = |index: usize| {
            let spec = &registry.parameters()[index];
            let dims = dimensions(&spec.shape, self.squeeze, self.merge);
            let blocks = cut(&dims, self.block);
            let (mut numbers, mut full) = (0, 0);
            for length in blocks.iter().flatten().map(|range| range.len()) {
                if length > self.diagonal_above {
                    numbers += length;
                } else {
                    numbers += length * length;
                    full += length * length;
                }
            }
            let bases = if is_warm(self.roots) { full } else { 0 };
            MemoryPlan {
                parameter: spec.name.clone(),
                blocks: blocks.len(),
                statistics: numbers * statistic,
                roots: (numbers + bases) * statistic,
                background: if self.delay > 0 {
                    (numbers + bases) * statistic
                } else {
                    0
                },
                copies: copies * spec.shape.iter().product::<usize>() * element,
            }
        };
        Ok(registry.trained().map(plan).collect())
    }
}
