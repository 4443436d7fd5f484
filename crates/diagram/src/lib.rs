//! Tensor work as diagrams: what is to be computed, before anyone decides how.
//!
//! A [`Diagram`] is a hypergraph of tensors (nodes) and indices (wires) with an
//! input and an output boundary. Diagrams compose, stand side by side, bend and
//! reflect as morphisms of a compact closed category; copies, traces, swaps
//! and identities are wires and cost nothing. A [`Network`] is the same
//! thing seen by a planner: which wire sits on which operand, and how long it
//! is.
//!
//! Guarantees: nothing here depends on tensor values unless it says so; equal
//! inputs give equal outputs on every machine; bad input is an [`Error`], never
//! a panic.
//!
//! Architecture invariant: this crate does not contract anything. It knows no
//! cost model, no kernel and no linear algebra.

mod canonical;
mod category;
mod diagram;
mod display;
pub mod draw;
mod entries;
mod error;
mod expression;
mod fingerprint;
mod generator;
mod lower;
mod naive;
mod network;
mod node;
mod outline;
mod simplify;
mod values;
mod wire;

pub use canonical::Canonical;
pub use diagram::Diagram;
pub use entries::Run;
pub use error::{Error, Result};
pub use expression::{
    Bound, Caret, Expression, ExpressionOptions, OperandBinding, check_expression,
};
pub use generator::{Generator, MAX_LEVI_CIVITA, Terms, levi_civita_pair};
pub use lower::{Lowered, Operand, Source};
#[doc(hidden)]
pub use naive::{evaluate_lowered_naive, evaluate_naive};
pub use network::Network;
pub use node::{Node, NodeId, NodeOp, Payload, SlotId};
pub use outline::{Outline, OutlineKind, OutlineNode};
pub use simplify::{Operation, Pass, Passes, Simplified, simplify};
pub use wire::{Port, Space, Variance, Wire, WireId};
