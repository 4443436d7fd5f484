//! What a planning command is about: an expression, a saved plan, a JSON
//! network or a `.tsg` file; and how errors of the engine become failures.

use std::path::Path;

use tensegrity::contract::{
    Effort as EngineEffort, Einsum, EinsumPlan, Error as ContractError, Objective, Plan,
    PlanOptions, read_network,
};
use tensegrity::diagram::{Diagram, ExpressionOptions};
use tensegrity::fit::{Error as FitError, Representation};

use crate::arguments::{Effort, Given, Minimize, Planning, shapes};
use crate::failure::{Failure, Outcome};

/// A planned network with names for its wires.
pub struct Subject {
    /// The plan.
    pub plan: Plan,
    /// A name for each wire.
    pub wires: Vec<String>,
    /// The plan with its expression, where there is one.
    pub einsum: Option<EinsumPlan>,
    /// The diagram with the names of its nodes, where it has any.
    pub diagram: Option<Diagram>,
}

impl Subject {
    /// `what` with `--shapes`: a file if there is one of that name, else an expression.
    pub fn new(
        what: &str,
        shapes_text: Option<&str>,
        given: &Given,
        options: &PlanOptions,
    ) -> Outcome<Self> {
        let path = Path::new(what);
        if path.is_file() {
            if shapes_text.is_some() {
                let message = format!("--shapes goes with an expression, and {what} is a file");
                return Err(Failure::Input(message));
            }
            return Self::of_file(path, options);
        }
        let Some(text) = shapes_text else {
            return Err(Failure::Input(format!(
                "{what:?} is no file; an expression needs --shapes, for example --shapes 3x4,4x5"
            )));
        };
        let shapes = shapes(text).map_err(Failure::Input)?;
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let einsum = parsed(what, given)?;
        let planned = einsum.plan(&shapes, options).map_err(contract_failure)?;
        Ok(Self::of_einsum(planned))
    }

    fn of_einsum(planned: EinsumPlan) -> Self {
        let count = planned.plan().network().dims.len() as u32;
        let wires = (0..count)
            .map(|wire| planned.bound().wire_name(wire))
            .collect();
        Self {
            plan: planned.plan().clone(),
            wires,
            einsum: Some(planned),
            diagram: None,
        }
    }

    /// A saved plan, a JSON network or the network of a `.tsg` file.
    pub fn of_file(path: &Path, options: &PlanOptions) -> Outcome<Self> {
        let name = path.display();
        let unreadable = |error: String| Failure::Input(format!("{name}: {error}"));
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        if Representation::is_stored_at(path) || path.extension().is_some_and(|e| e == "tsg") {
            let representation =
                Representation::from_bytes(&bytes).map_err(|error| fit_failure(error).at(path))?;
            let diagram = representation.diagram();
            let diagram = diagram.map_err(|error| fit_failure(error).at(path))?;
            let network = representation.network().clone();
            let plan = Plan::new(&network, options).map_err(contract_failure)?;
            let wires = (0..network.dims.len())
                .map(|wire| format!("w{wire}"))
                .collect();
            return Ok(Self {
                plan,
                wires,
                einsum: None,
                diagram: Some(diagram),
            });
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| unreadable("is neither a plan, a JSON network nor a .tsg file".into()))?;
        // The keys tell which of the three it is meant to be.
        let object: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let refused = |error: ContractError| contract_failure(error).at(path);
        if object.get("plan").is_some() {
            return EinsumPlan::from_json(&text)
                .map(Self::of_einsum)
                .map_err(refused);
        }
        if object.get("format").is_some() {
            let plan = Plan::from_json(&text).map_err(refused)?;
            let wires = (0..plan.network().dims.len())
                .map(|wire| format!("w{wire}"))
                .collect();
            return Ok(Self {
                plan,
                wires,
                einsum: None,
                diagram: None,
            });
        }
        let instance = read_network(&text).map_err(|error| unreadable(error.to_string()))?;
        let plan = Plan::new(&instance.network, options).map_err(contract_failure)?;
        Ok(Self {
            plan,
            wires: instance.wire_names,
            einsum: None,
            diagram: None,
        })
    }
}

/// The expression with what is given about it.
pub fn parsed(text: &str, given: &Given) -> Outcome<Einsum> {
    let sizes: Vec<(&str, usize)> = (given.sizes.iter())
        .map(|(name, size)| (name.as_str(), *size))
        .collect();
    let options = ExpressionOptions {
        sizes: &sizes,
        broadcast: given.broadcast,
    };
    Einsum::parse_with(text, options).map_err(contract_failure)
}

/// The planning options as the engine knows them.
pub fn plan_options(planning: &Planning) -> PlanOptions {
    PlanOptions {
        effort: match planning.effort {
            Effort::Fast => EngineEffort::Fast,
            Effort::Normal => EngineEffort::Normal,
            Effort::High => EngineEffort::High,
        },
        minimize: match planning.minimize {
            Minimize::Flops => Objective::Flops,
            Minimize::Size => Objective::Size,
            Minimize::Write => Objective::Write,
            Minimize::Combo => Objective::Combo {
                factor: tensegrity::contract::WRITE_FACTOR,
            },
            Minimize::Time => Objective::Time,
            Minimize::Peak => Objective::Peak,
        },
        memory_limit: planning.memory_limit,
        seed: planning.seed,
        planner: planning.optimize.clone().into(),
        ..PlanOptions::default()
    }
}

/// Errors of planning and running: memory is a budget, the rest is input.
pub fn contract_failure(error: ContractError) -> Failure {
    match error {
        ContractError::MemoryBudget { .. } | ContractError::OutOfMemory { .. } => {
            Failure::Budget(error.to_string())
        }
        _ => Failure::Input(error.to_string()),
    }
}

/// Errors of fitting and expanding.
pub fn fit_failure(error: FitError) -> Failure {
    match error {
        FitError::Cancelled => Failure::Interrupted,
        FitError::Unreachable { .. } | FitError::Memory { .. } => {
            Failure::Budget(error.to_string())
        }
        FitError::Candidate { .. } => Failure::Failed(error.to_string()),
        _ => Failure::Input(error.to_string()),
    }
}
