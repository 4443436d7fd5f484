//! Contraction: in which order, by which kernels, and running it.
//!
//! [`einsum`](einsum()) evaluates an expression on arrays; [`Einsum`] does the
//! same in steps that can be kept (parse, plan, run); [`contract_log`] keeps
//! exponents apart for values beyond any floating-point number; [`run_diagram`]
//! runs diagrams. Underneath, a [`Program`] runs a sequence of pairs, and
//! [`pair`] contracts two strided tensors.
//!
//! Architecture invariant: this crate knows nothing of decompositions, files
//! or how results are shown.

/// Evaluates `$body` with `$T` naming the element type of a compute [`DType`](tensegrity_tensor::DType).
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            tensegrity_tensor::DType::F32 => {
                type $T = f32;
                $body
            }
            tensegrity_tensor::DType::C64 => {
                type $T = tensegrity_tensor::c64;
                $body
            }
            tensegrity_tensor::DType::C128 => {
                type $T = tensegrity_tensor::c128;
                $body
            }
            tensegrity_tensor::DType::I64 => {
                type $T = i64;
                $body
            }
            _ => {
                type $T = f64;
                $body
            }
        }
    };
}

mod arena;
mod cache;
mod compile;
mod cost;
mod einsum;
mod error;
mod execute;
mod explain;
mod import;
mod layout;
mod log;
pub mod pair;
mod plan;
mod planner;
pub mod promote;
mod run;
mod structured;
mod tree;

pub use cost::{Cost, Count, Objective, WRITE_FACTOR, step_seconds};
pub use einsum::{
    Einsum, EinsumPlan, clear_cache, einsum, einsum_into, einsum_typed, einsum_with, inner,
};
pub use error::{Error, Result};
pub use execute::{Program, StepReport};
pub use explain::{Explanation, StepExplanation};
pub use import::{Instance, read_network};
pub use log::{Scaled, contract_log, contract_log_with};
pub use plan::{PLAN_VERSION, Plan, Provenance};
pub use run::{run_diagram, run_plan};

pub use planner::{
    Effort, Order, PlanOptions, Planner, linear_to_ssa, planner, planner_names, register_planner,
    ssa_to_linear,
};
#[doc(hidden)]
pub use tensegrity_diagram::check_expression as __check_expression;
pub use tree::{TensorId, Tree};
