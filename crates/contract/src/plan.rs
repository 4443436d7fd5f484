//! A contraction order that can be kept.

use serde::{Deserialize, Serialize};
use tensegrity_diagram::{Network, Pass};

use crate::planner::{Effort, Order, planner};
use crate::tree::check_ssa;
use crate::{Cost, Error, Objective, PlanOptions, Result, TensorId, Tree};

/// Version of the stored form of a plan.
pub const PLAN_VERSION: u32 = 1;

/// What marks a file as a plan.
const FORMAT: &str = "tensegrity-plan";

/// Where a plan comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// Name of the planner, or `path` for a path that was given.
    pub planner: String,
    /// What was made small.
    pub minimize: String,
    /// Work allowed.
    pub effort: Effort,
    /// Seed of random choices.
    pub seed: u64,
    /// Simplifications made before searching.
    pub simplifications: Vec<Pass>,
}

/// Which pairs to contract, in which order, for one network.
///
/// A plan depends on wires and dimensions only, never on values. It is
/// immutable; running it is the affair of [`Program`](crate::Program).
///
/// ```
/// use tensegrity_contract::{Plan, PlanOptions};
/// use tensegrity_diagram::Expression;
/// let shapes: [&[usize]; 3] = [&[2, 100], &[100, 3], &[3, 50]];
/// let bound = Expression::parse("ij,jk,kl->il")?.bind(&shapes)?;
/// let plan = Plan::new(&bound.network, &PlanOptions::default())?;
/// assert_eq!(plan.pairs(), [(0, 1), (3, 2)]);
/// assert_eq!(plan.cost().flops.exact(), Some(2 * 100 * 3 + 2 * 3 * 50));
/// let again = Plan::from_json(&plan.to_json())?;
/// assert_eq!(again, plan);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    network: Network,
    pairs: Vec<(TensorId, TensorId)>,
    sliced: Vec<u32>,
    element_bytes: u32,
    cost: Cost,
    provenance: Provenance,
}

impl Plan {
    /// Plans a network with the planner named in `options`.
    ///
    /// Cost: some microseconds for a few operands; beyond, as
    /// [`Effort`] says.
    ///
    /// # Errors
    /// [`Error::UnknownPlanner`]; [`Error::Diagram`] for an invalid network;
    /// [`Error::MemoryBudget`] if intermediates and result need more than
    /// [`PlanOptions::memory_limit`] at their peak; the errors of the planner.
    pub fn new(network: &Network, options: &PlanOptions) -> Result<Self> {
        network.validate()?;
        let planner = planner(&options.planner)?;
        let order = match network.inputs.len() {
            // There is nothing to choose.
            0..=2 => crate::planner::only_path(network.inputs.len()).into(),
            _ => planner.order(network, options)?,
        };
        Self::finish(network, &order, options, Some(&options.planner))
    }

    /// A plan that follows `path`: pairs numbered after the operands, in the
    /// order given. For paths of opt_einsum and NumPy see
    /// [`linear_to_ssa`](crate::linear_to_ssa).
    ///
    /// # Errors
    /// [`Error::InvalidPath`] if a tensor is used twice, too early or never;
    /// [`Error::Diagram`] and [`Error::MemoryBudget`] as [`Plan::new`].
    pub fn with_path(
        network: &Network,
        path: &[(TensorId, TensorId)],
        options: &PlanOptions,
    ) -> Result<Self> {
        network.validate()?;
        Self::finish(network, &path.to_vec().into(), options, None)
    }

    fn finish(
        network: &Network,
        order: &Order,
        options: &PlanOptions,
        planner: Option<&str>,
    ) -> Result<Self> {
        check_ssa(network.inputs.len(), &order.pairs)?;
        let mut tree = Tree::build(network, &order.pairs);
        // A path that was given keeps its order.
        if planner.is_some() && order.pairs.len() > 2 {
            tree = tree.reordered();
        }
        let plan = Self {
            cost: tree.cost(options.minimize),
            pairs: tree.into_path(),
            network: network.clone(),
            sliced: Vec::new(),
            element_bytes: options.element_bytes,
            provenance: Provenance {
                planner: planner.unwrap_or("path").to_owned(),
                minimize: options.minimize.to_string(),
                effort: options.effort,
                seed: options.seed,
                simplifications: order.simplified.iter().collect(),
            },
        };
        plan.check_memory(options.memory_limit)?;
        Ok(plan)
    }

    /// The network it is for.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Pairs of tensors in order: operands are numbered from zero, the result
    /// of pair `k` is tensor `operands + k`.
    #[must_use]
    pub fn pairs(&self) -> &[(TensorId, TensorId)] {
        &self.pairs
    }

    /// Wires whose values are taken one at a time. None yet: slicing is not
    /// implemented.
    #[must_use]
    pub fn sliced(&self) -> &[u32] {
        &self.sliced
    }

    /// Number of slices: 1, as nothing is sliced yet.
    #[must_use]
    pub fn slices(&self) -> u64 {
        let dims = self.sliced.iter().map(|&w| self.network.dims[w as usize]);
        dims.fold(1, u64::saturating_mul)
    }

    /// What it costs.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Bytes of intermediates and result alive at once, at most. Operands and
    /// copies a kernel makes while it works are not counted; `u64::MAX` stands
    /// for more.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        let bytes = self
            .cost
            .peak
            .saturating()
            .saturating_mul(self.element_bytes.into());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Bytes of an element it was planned for.
    #[must_use]
    pub fn element_bytes(&self) -> u32 {
        self.element_bytes
    }

    /// Where it comes from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Checks [`Plan::peak_bytes`], and the bytes of each operand, against a limit.
    ///
    /// # Errors
    /// [`Error::MemoryBudget`].
    pub fn check_memory(&self, limit: Option<u64>) -> Result<()> {
        let operands = self.network.inputs.iter().map(|wires| {
            let lengths = wires.iter().map(|&w| self.network.dims[w as usize]);
            lengths.fold(u64::from(self.element_bytes), u64::saturating_mul)
        });
        let needed = self.peak_bytes().max(operands.max().unwrap_or(0));
        match limit {
            Some(limit) if needed > limit => Err(Error::MemoryBudget { needed, limit }),
            _ => Ok(()),
        }
    }

    /// Checks that the plan is for operands of these shapes.
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::PlanShape`].
    pub fn check_shapes(&self, shapes: &[&[usize]]) -> Result<()> {
        if shapes.len() != self.network.inputs.len() {
            return Err(Error::OperandCount {
                what: "the plan".to_owned(),
                expected: self.network.inputs.len(),
                found: shapes.len(),
            });
        }
        for (operand, (term, &found)) in self.network.inputs.iter().zip(shapes).enumerate() {
            let expected = self.network.shape_of(term);
            if !expected.iter().copied().eq(found.iter().map(|&d| d as u64)) {
                return Err(Error::PlanShape {
                    operand,
                    expected: expected.iter().map(|&d| d as usize).collect(),
                    found: found.to_vec(),
                });
            }
        }
        Ok(())
    }

    /// The plan as JSON.
    ///
    /// Keys: `format` ("tensegrity-plan"), `version`, `network` {inputs, output,
    /// dims}, `path` (pairs numbered after the operands), `sliced`,
    /// `element_bytes`, `cost`, `kernels` (by step, on row-major operands),
    /// `provenance`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = Stored {
            format: FORMAT.to_owned(),
            version: PLAN_VERSION,
            network: self.network.clone(),
            path: self.pairs.clone(),
            sliced: self.sliced.clone(),
            element_bytes: self.element_bytes,
            cost: Some(self.cost),
            kernels: self.kernels(),
            provenance: self.provenance.clone(),
        };
        // Plain data: no map with odd keys, nothing that can refuse.
        serde_json::to_string_pretty(&stored).unwrap_or_default()
    }

    /// The kernel each step would run with on row-major operands; nothing if
    /// an intermediate is too large for any.
    fn kernels(&self) -> Vec<String> {
        let explained = self.explain_kernels();
        let names = explained.iter().flatten();
        names
            .map(|choice| choice.strategy.name().to_owned())
            .collect()
    }

    /// Reads what [`Plan::to_json`] wrote. The cost is computed anew.
    ///
    /// # Errors
    /// [`Error::InvalidFile`], [`Error::PlanVersion`], [`Error::InvalidPath`],
    /// [`Error::Diagram`].
    pub fn from_json(text: &str) -> Result<Self> {
        let invalid = |reason: String| Error::InvalidFile {
            what: "plan",
            reason,
        };
        // The version decides how to read the rest.
        let stamp: Stamp = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        if stamp.format != FORMAT {
            return Err(invalid(format!(
                "format is `{}`, not `{FORMAT}`",
                stamp.format
            )));
        }
        if stamp.version != u64::from(PLAN_VERSION) {
            return Err(Error::PlanVersion {
                found: stamp.version,
                expected: PLAN_VERSION,
            });
        }
        let stored: Stored = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        if let Some(wire) = stored.sliced.first() {
            return Err(invalid(format!(
                "wire {wire} is sliced; this version does not run sliced plans"
            )));
        }
        if stored.element_bytes == 0 {
            return Err(invalid("element_bytes is 0".into()));
        }
        let minimize: Objective = stored.provenance.minimize.parse()?;
        let tree = Tree::new(&stored.network, &stored.path)?;
        Ok(Self {
            cost: tree.cost(minimize),
            pairs: stored.path.clone(),
            network: stored.network.clone(),
            sliced: stored.sliced,
            element_bytes: stored.element_bytes,
            provenance: stored.provenance,
        })
    }
}

#[derive(Deserialize)]
struct Stamp {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    version: u32,
    network: Network,
    path: Vec<(TensorId, TensorId)>,
    sliced: Vec<u32>,
    element_bytes: u32,
    /// For readers of the file; never trusted.
    #[serde(default, deserialize_with = "ignore")]
    cost: Option<Cost>,
    /// As `cost`: strides may differ when the plan runs.
    #[serde(default, skip_deserializing)]
    kernels: Vec<String>,
    provenance: Provenance,
}

fn ignore<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Cost>, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| None)
}
