//! The diagram type.

use crate::{Node, Port, Wire};

/// A hypergraph of tensors and wires with an input and an output boundary.
#[derive(Clone, Debug, Default)]
pub struct Diagram {
    pub(crate) nodes: Vec<Node>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) dom: Vec<Port>,
    pub(crate) cod: Vec<Port>,
}

impl Diagram {
    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The wires.
    #[must_use]
    pub fn wires(&self) -> &[Wire] {
        &self.wires
    }

    /// The input boundary.
    #[must_use]
    pub fn dom(&self) -> &[Port] {
        &self.dom
    }

    /// The output boundary.
    #[must_use]
    pub fn cod(&self) -> &[Port] {
        &self.cod
    }
}
