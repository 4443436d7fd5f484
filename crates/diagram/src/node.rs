//! Nodes: the tensors of a diagram.

use std::fmt::Debug;
use std::sync::Arc;

use tensegrity_tensor::{Array, DType};

use crate::{Generator, Result, WireId};

/// Number of a node within its diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Number of a run-time argument.
///
/// Slots are shared by every node that names them, across composition too:
/// two nodes with slot 0 are the same tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u32);

/// A tensor computed only when it is needed.
pub trait NodeOp: Debug + Send + Sync {
    /// Dimensions of its legs.
    fn dims(&self) -> &[u64];
    /// A short name for pictures and messages.
    fn name(&self) -> &str;
    /// Identity of the value: equal fingerprints mean equal tensors.
    fn fingerprint(&self) -> u128;
    /// The dense tensor in the compute type `dtype`.
    ///
    /// # Errors
    /// If it cannot be formed in that type.
    fn materialize(&self, dtype: DType) -> Result<Array>;
}

/// Where the numbers of a node come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// A run-time argument.
    Input(SlotId),
    /// A tensor known when the diagram is built.
    Const(Arc<Array>),
    /// A structured tensor that needs no storage.
    Generator(Generator),
    /// A tensor computed on demand.
    Lazy(Arc<dyn NodeOp>),
}

/// A tensor with an ordered list of legs, each attached to a wire.
#[derive(Clone, Debug)]
pub struct Node {
    /// What people call it; carries no meaning for the value.
    pub name: Arc<str>,
    /// The wire of each leg; a wire may repeat (diagonal, trace).
    pub legs: Vec<WireId>,
    /// Where the numbers come from.
    pub payload: Payload,
    /// Whether the complex conjugate is meant.
    pub conj: bool,
}
