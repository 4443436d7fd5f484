//! From a diagram to what an executor needs: wires, operands, one number.
//!
//! Every structural node (identity, cup, cap, spider, permutation) becomes a
//! fusion of wires; scalars and closed loops become one factor; what is left
//! are operands with values.
//!
//! Guarantees: the value is unchanged; operands keep the order of the nodes;
//! wires are numbered by first occurrence over operands, then output. Cost:
//! O(legs · α) by union-find.

use std::sync::Arc;

use tensegrity_tensor::{Array, c128};

use crate::diagram::Diagram;
use crate::node::{NodeId, NodeOp, Payload, SlotId};
use crate::{Generator, Network, WireId};

/// Where the numbers of an operand come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// A run-time argument.
    Slot(SlotId),
    /// A tensor that is part of the diagram.
    Const(Arc<Array>),
    /// A structured tensor, run through its entries; see [`Generator::for_each_run`].
    Generated(Generator),
    /// A tensor computed on demand.
    Lazy(Arc<dyn NodeOp>),
}

/// An operand of a lowered diagram.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Where the numbers come from.
    pub source: Source,
    /// Whether the complex conjugate is meant.
    pub conj: bool,
    /// The node it came from.
    pub node: NodeId,
}

/// A diagram as a contraction.
///
/// The value of the diagram over (cod, dom) is `scalar` times the value of
/// `network` over its output; embedded diagonals and identities are repeated
/// wires of the output.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The wires of operand `t` are `network.inputs[t]`; the output lists cod, then dom.
    pub network: Network,
    /// The operands.
    pub operands: Vec<Operand>,
    /// The product of all scalars and closed loops.
    pub scalar: c128,
}

/// A generator taken apart: local wires, its legs on them, operands on them.
pub(crate) struct Pieces {
    /// Dimension of each local wire.
    pub dims: Vec<u64>,
    /// Local wire of each leg.
    pub legs: Vec<usize>,
    /// Operands with their local wires.
    pub operands: Vec<(Source, Vec<usize>)>,
    /// Factor.
    pub scalar: c128,
}

impl Diagram {
    /// Lowers the diagram to a network and its operands.
    ///
    /// ```
    /// use tensegrity_diagram::{Diagram, Generator};
    /// // A copy of the first leg of A, through an explicit spider node.
    /// let mut d = Diagram::new();
    /// let (i, j) = (d.wire(2), d.wire(3));
    /// let (a, b) = (d.wire(2), d.wire(2));
    /// d.input("A", 0, &[i, j])?;
    /// d.generator(Generator::Spider { dim: 2, inputs: 1, outputs: 2 }, &[a, b, i])?;
    /// d.set_cod(&[a, b])?;
    /// let lowered = d.to_network();
    /// assert_eq!(lowered.network.inputs, [[0, 1]]);
    /// assert_eq!(lowered.network.output, [0, 0]);
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    #[must_use]
    pub fn to_network(&self) -> Lowered {
        let mut lowering = Lowering::new(self);
        for (number, node) in self.nodes.iter().enumerate() {
            lowering.node(NodeId(number as u32), node);
        }
        lowering.finish(self)
    }
}

/// Disjoint sets of wires; the smaller number represents a set.
pub(crate) struct Fusion(Vec<u32>);

impl Fusion {
    pub fn new(wires: usize) -> Self {
        Self((0..wires as u32).collect())
    }

    pub fn push(&mut self) -> u32 {
        let fresh = self.0.len() as u32;
        self.0.push(fresh);
        fresh
    }

    pub fn find(&mut self, mut wire: u32) -> u32 {
        while self.0[wire as usize] != wire {
            // Path halving keeps the trees flat.
            self.0[wire as usize] = self.0[self.0[wire as usize] as usize];
            wire = self.0[wire as usize];
        }
        wire
    }

    pub fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

struct Lowering {
    fusion: Fusion,
    dims: Vec<u64>,
    operands: Vec<Operand>,
    legs: Vec<Vec<u32>>,
    scalars: Vec<c128>,
}

impl Lowering {
    fn new(diagram: &Diagram) -> Self {
        Self {
            fusion: Fusion::new(diagram.wires.len()),
            dims: diagram.wires.iter().map(|wire| wire.dim).collect(),
            operands: Vec::with_capacity(diagram.nodes.len()),
            legs: Vec::with_capacity(diagram.nodes.len()),
            scalars: Vec::new(),
        }
    }

    fn push(&mut self, source: Source, conj: bool, node: NodeId, legs: Vec<u32>) {
        self.operands.push(Operand { source, conj, node });
        self.legs.push(legs);
    }

    fn node(&mut self, id: NodeId, node: &crate::Node) {
        let legs = || node.legs.iter().map(|w| w.0).collect();
        match &node.payload {
            Payload::Input(slot) => self.push(Source::Slot(*slot), node.conj, id, legs()),
            Payload::Const(array) => {
                let conj = node.conj && array.dtype().is_complex();
                self.push(Source::Const(Arc::clone(array)), conj, id, legs());
            }
            Payload::Lazy(op) => self.push(Source::Lazy(Arc::clone(op)), node.conj, id, legs()),
            Payload::Generator(generator) => self.generator(id, generator, node),
        }
    }

    fn generator(&mut self, id: NodeId, generator: &Generator, node: &crate::Node) {
        let pieces = generator.pieces();
        let local: Vec<u32> = pieces
            .dims
            .iter()
            .map(|&dim| {
                self.dims.push(dim);
                self.fusion.push()
            })
            .collect();
        for (wire, &leg) in node.legs.iter().zip(&pieces.legs) {
            self.fusion.union(wire.0, local[leg]);
        }
        for (source, legs) in pieces.operands {
            let complex = matches!(&source, Source::Const(array) if array.dtype().is_complex());
            let legs = legs.into_iter().map(|leg| local[leg]).collect();
            self.push(source, node.conj && complex, id, legs);
        }
        let scalar = pieces.scalar;
        self.scalars
            .push(if node.conj { scalar.conj() } else { scalar });
    }

    /// Renumbers the fused wires and gathers the factor.
    fn finish(mut self, diagram: &Diagram) -> Lowered {
        const UNSEEN: u32 = u32::MAX;
        let mut numbers = vec![UNSEEN; self.fusion.len()];
        let mut dims = Vec::new();
        let fusion = &mut self.fusion;
        let mut number = |wire: u32, all: &[u64]| {
            let root = fusion.find(wire) as usize;
            if numbers[root] == UNSEEN {
                numbers[root] = dims.len() as u32;
                dims.push(all[root]);
            }
            numbers[root]
        };
        let inputs = self
            .legs
            .iter()
            .map(|legs| legs.iter().map(|&w| number(w, &self.dims)).collect())
            .collect();
        let boundary = diagram.cod.iter().chain(&diagram.dom);
        let output = boundary.map(|p| number(p.wire.0, &self.dims)).collect();
        for wire in 0..self.fusion.len() as u32 {
            // A class without legs is a closed loop, worth its dimension.
            if self.fusion.find(wire) == wire && numbers[wire as usize] == UNSEEN {
                self.scalars
                    .push(c128::new(self.dims[wire as usize] as f64, 0.0));
            }
        }
        Lowered {
            network: Network {
                inputs,
                output,
                dims,
            },
            operands: self.operands,
            scalar: product(self.scalars),
        }
    }
}

/// The product in an order that depends on the values only, so that equal
/// diagrams built in different orders get the same bits.
fn product(mut factors: Vec<c128>) -> c128 {
    factors.retain(|z| *z != c128::new(1.0, 0.0));
    factors.sort_by(|a, b| a.re.total_cmp(&b.re).then(a.im.total_cmp(&b.im)));
    factors.into_iter().fold(c128::new(1.0, 0.0), |a, b| a * b)
}

impl WireId {
    pub(crate) fn of(number: usize) -> Self {
        Self(number as u32)
    }
}
