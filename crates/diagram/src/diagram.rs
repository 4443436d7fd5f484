//! The diagram type and how to build one wire by wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use tensegrity_tensor::Array;

use crate::node::{NodeId, NodeOp, Payload, SlotId};
use crate::values::dims_of;
use crate::{Error, Generator, Network, Node, Port, Result, Space, Variance, Wire, WireId};

/// A hypergraph of tensors and wires with an input and an output boundary.
///
/// The value has the axes of `cod`, then those of `dom`:
///
/// value\[cod, dom\] = Σ over wires not in the boundary of Π over nodes of T\[legs\],
///
/// and two boundary positions on one wire contribute a Kronecker delta. So a
/// wire may repeat on a node (diagonal or trace), sit on any number of nodes
/// (a copy tensor, also called a spider), repeat in the boundary (an embedded
/// diagonal), occur only there (an identity), or nowhere (a closed loop, worth
/// its dimension).
///
/// Build one by hand as below, from a [`Network`] or an einsum expression, or
/// from smaller ones with [`Diagram::then`], [`Diagram::tensor`],
/// [`Diagram::trace`] and the other operations of the category.
///
/// ```
/// use tensegrity_diagram::Diagram;
/// // The matrix product C[i,k] = Σ_j A[i,j] B[j,k].
/// let mut d = Diagram::new();
/// let (i, j, k) = (d.wire(2), d.wire(3), d.wire(4));
/// d.input("A", 0, &[i, j])?;
/// d.input("B", 1, &[j, k])?;
/// d.set_cod(&[i, k])?;
/// assert_eq!(d.to_einsum(), "ab,bc->ac");
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Diagram {
    pub(crate) nodes: Vec<Node>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) dom: Vec<Port>,
    pub(crate) cod: Vec<Port>,
    /// First node of each slot, whose dimensions bind every other one.
    pub(crate) slots: BTreeMap<SlotId, NodeId>,
}

impl Diagram {
    /// A diagram without nodes, wires or boundary: the number one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

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

    /// The type of the input boundary.
    #[must_use]
    pub fn dom_spaces(&self) -> Vec<Space> {
        self.spaces(&self.dom)
    }

    /// The type of the output boundary.
    #[must_use]
    pub fn cod_spaces(&self) -> Vec<Space> {
        self.spaces(&self.cod)
    }

    fn spaces(&self, ports: &[Port]) -> Vec<Space> {
        let space = |port: &Port| Space {
            dim: self.wires[port.wire.index()].dim,
            variance: port.variance.clone(),
        };
        ports.iter().map(space).collect()
    }

    /// Shape of the value: dimensions of cod, then of dom.
    #[must_use]
    pub fn shape(&self) -> Vec<u64> {
        let ports = self.cod.iter().chain(&self.dom);
        ports.map(|p| self.wires[p.wire.index()].dim).collect()
    }

    /// Dimensions of the legs of a node.
    ///
    /// # Panics
    /// If the node is of another diagram.
    #[must_use]
    pub fn node_dims(&self, node: NodeId) -> Vec<u64> {
        let legs = &self.nodes[node.0 as usize].legs;
        legs.iter().map(|w| self.wires[w.index()].dim).collect()
    }

    /// The run-time arguments in use, in increasing order, with their shapes.
    #[must_use]
    pub fn slots(&self) -> Vec<(SlotId, Vec<u64>)> {
        self.slots
            .iter()
            .map(|(&slot, &node)| (slot, self.node_dims(node)))
            .collect()
    }

    /// Adds a wire of dimension `dim`.
    pub fn wire(&mut self, dim: u64) -> WireId {
        self.wires.push(Wire { dim, name: None });
        WireId::of(self.wires.len() - 1)
    }

    /// Adds a wire with a name; names label pictures and mean nothing.
    pub fn named_wire(&mut self, name: &str, dim: u64) -> WireId {
        let wire = self.wire(dim);
        self.wires[wire.index()].name = Some(name.into());
        wire
    }

    /// Adds run-time argument `slot` as a node on `legs`.
    ///
    /// # Errors
    /// [`Error::UnknownWire`]; [`Error::SlotConflict`] if another node uses the
    /// slot with other dimensions.
    pub fn input(&mut self, name: &str, slot: u32, legs: &[WireId]) -> Result<NodeId> {
        self.node(name, Payload::Input(SlotId(slot)), legs)
    }

    /// Adds a known tensor as a node on `legs`; it is shared, not copied.
    ///
    /// # Errors
    /// As [`Diagram::node`].
    pub fn constant(
        &mut self,
        name: &str,
        array: impl Into<Arc<Array>>,
        legs: &[WireId],
    ) -> Result<NodeId> {
        self.node(name, Payload::Const(array.into()), legs)
    }

    /// Adds a generator as a node on `legs` (outputs, then inputs).
    ///
    /// # Errors
    /// As [`Diagram::node`], and [`Generator::validate`].
    pub fn generator(&mut self, generator: Generator, legs: &[WireId]) -> Result<NodeId> {
        let name = generator.symbol();
        self.node(&name, Payload::Generator(generator), legs)
    }

    /// Adds a tensor computed on demand as a node on `legs`.
    ///
    /// # Errors
    /// As [`Diagram::node`].
    pub fn lazy(&mut self, op: Arc<dyn NodeOp>, legs: &[WireId]) -> Result<NodeId> {
        let name = op.name().to_owned();
        self.node(&name, Payload::Lazy(op), legs)
    }

    /// Adds a node.
    ///
    /// # Errors
    /// [`Error::UnknownWire`]; [`Error::ArityMismatch`] or
    /// [`Error::LegDimension`] if the payload has other legs;
    /// [`Error::SlotConflict`].
    pub fn node(&mut self, name: &str, payload: Payload, legs: &[WireId]) -> Result<NodeId> {
        let node = Node {
            name: name.into(),
            legs: legs.to_vec(),
            payload,
            conj: false,
        };
        self.check_node(&node)?;
        let id = NodeId(self.nodes.len() as u32);
        if let Payload::Input(slot) = node.payload {
            self.claim_slot(slot, id, &node.legs)?;
        }
        self.nodes.push(node);
        Ok(id)
    }

    /// Names a node, for pictures and messages.
    ///
    /// # Panics
    /// If the node is of another diagram.
    pub fn name_node(&mut self, node: NodeId, name: &str) {
        self.nodes[node.0 as usize].name = name.into();
    }

    /// Names a wire: the axis it is, if it is one.
    ///
    /// # Panics
    /// If the wire is of another diagram.
    ///
    /// ```
    /// use tensegrity_diagram::{Diagram, Network, NodeId, WireId};
    /// let network = Network { inputs: vec![vec![0, 1]], output: vec![0], dims: vec![4, 3] };
    /// let mut d = Diagram::from_network(&network)?;
    /// d.name_node(NodeId(0), "core");
    /// d.name_wire(WireId(0), "height");
    /// assert_eq!(d.to_string(), "1 → height:4\n  core  height a  input 0\n  sum a:3\n");
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    pub fn name_wire(&mut self, wire: WireId, name: &str) {
        self.wires[wire.index()].name = Some(name.into());
    }

    /// Marks the node as conjugated, or not.
    ///
    /// # Panics
    /// If the node is of another diagram.
    pub fn set_conj(&mut self, node: NodeId, conj: bool) {
        self.nodes[node.0 as usize].conj = conj;
    }

    /// Sets the output boundary, untagged.
    ///
    /// # Errors
    /// [`Error::UnknownWire`].
    pub fn set_cod(&mut self, wires: &[WireId]) -> Result<()> {
        self.cod = self.ports("the output boundary", wires)?;
        Ok(())
    }

    /// Sets the input boundary, untagged.
    ///
    /// # Errors
    /// [`Error::UnknownWire`].
    pub fn set_dom(&mut self, wires: &[WireId]) -> Result<()> {
        self.dom = self.ports("the input boundary", wires)?;
        Ok(())
    }

    /// Tags the output boundary.
    ///
    /// # Errors
    /// [`Error::ArityMismatch`].
    pub fn tag_cod(&mut self, tags: &[Variance]) -> Result<()> {
        tag("tags of the output boundary", &mut self.cod, tags)
    }

    /// Tags the input boundary.
    ///
    /// # Errors
    /// [`Error::ArityMismatch`].
    pub fn tag_dom(&mut self, tags: &[Variance]) -> Result<()> {
        tag("tags of the input boundary", &mut self.dom, tags)
    }

    /// One input node per operand, slots in order, named `A`, `B`, …
    ///
    /// The result may be too large for any memory: a diagram need not be
    /// contracted.
    ///
    /// # Errors
    /// [`Error::UnknownWire`].
    ///
    /// ```
    /// use tensegrity_diagram::{Diagram, Network};
    /// let network = Network {
    ///     inputs: vec![vec![0, 1], vec![1, 1]],
    ///     output: vec![0],
    ///     dims: vec![2, 3],
    /// };
    /// let d = Diagram::from_network(&network)?;
    /// assert_eq!(d.to_network().network, network);
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    pub fn from_network(network: &Network) -> Result<Self> {
        network.check_wires()?;
        let mut diagram = Self::new();
        for &dim in &network.dims {
            diagram.wire(dim);
        }
        let ids = |wires: &[u32]| wires.iter().map(|&w| WireId(w)).collect::<Vec<_>>();
        for (number, term) in network.inputs.iter().enumerate() {
            let name = operand_name(number, network.inputs.len());
            diagram.input(&name, number as u32, &ids(term))?;
        }
        diagram.set_cod(&ids(&network.output))?;
        Ok(diagram)
    }

    /// The einsum expression of the lowered diagram, cod then dom as output.
    ///
    /// The factor of scalars and closed loops is not part of it; see
    /// [`Diagram::to_network`].
    #[must_use]
    pub fn to_einsum(&self) -> String {
        self.to_network().network.to_einsum()
    }

    fn ports(&self, what: &str, wires: &[WireId]) -> Result<Vec<Port>> {
        self.check_wires(what, wires)?;
        let port = |&wire: &WireId| Port {
            wire,
            variance: Variance::Plain,
        };
        Ok(wires.iter().map(port).collect())
    }

    fn check_wires(&self, what: &str, wires: &[WireId]) -> Result<()> {
        match wires.iter().find(|w| w.index() >= self.wires.len()) {
            Some(wire) => Err(Error::UnknownWire {
                what: what.to_owned(),
                wire: wire.0,
                wires: self.wires.len(),
            }),
            None => Ok(()),
        }
    }

    fn check_node(&self, node: &Node) -> Result<()> {
        self.check_wires(&format!("node `{}`", node.name), &node.legs)?;
        let dims = match &node.payload {
            Payload::Input(_) => return Ok(()),
            Payload::Const(array) => dims_of(array),
            Payload::Lazy(op) => op.dims().to_vec(),
            Payload::Generator(generator) => {
                generator.validate()?;
                generator.dims()
            }
        };
        if dims.len() != node.legs.len() {
            return Err(Error::ArityMismatch {
                what: format!("legs of node `{}`", node.name),
                found: node.legs.len(),
                expected: dims.len(),
            });
        }
        for (leg, (&found, wire)) in dims.iter().zip(&node.legs).enumerate() {
            let expected = self.wires[wire.index()].dim;
            if found != expected {
                return Err(Error::LegDimension {
                    node: node.name.to_string(),
                    leg,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Registers `slot`, or checks it against its first use. Dimensions are
    /// read from wires of this diagram.
    pub(crate) fn claim_slot(&mut self, slot: SlotId, id: NodeId, legs: &[WireId]) -> Result<()> {
        let Some(&first) = self.slots.get(&slot) else {
            self.slots.insert(slot, id);
            return Ok(());
        };
        let left = self.node_dims(first);
        let right: Vec<u64> = legs.iter().map(|w| self.wires[w.index()].dim).collect();
        if left == right {
            return Ok(());
        }
        Err(Error::SlotConflict {
            slot: slot.0,
            left,
            right,
        })
    }
}

fn tag(what: &str, ports: &mut [Port], tags: &[Variance]) -> Result<()> {
    if tags.len() != ports.len() {
        return Err(Error::ArityMismatch {
            what: what.to_owned(),
            found: tags.len(),
            expected: ports.len(),
        });
    }
    for (port, tag) in ports.iter_mut().zip(tags) {
        port.variance = tag.clone();
    }
    Ok(())
}

/// `A`, `B`, … for up to 26 operands, `T0`, `T1`, … for more.
fn operand_name(number: usize, count: usize) -> String {
    match u8::try_from(number) {
        Ok(letter) if count <= 26 => char::from(b'A' + letter).to_string(),
        _ => format!("T{number}"),
    }
}
