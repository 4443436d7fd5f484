//! Normal and canonical forms: when two diagrams are the same diagram.
//!
//! Problem: decide equality for caches and laws without solving graph
//! isomorphism. Method: fuse all structure into wires ([`Diagram::normalized`]);
//! in each connected part refine colours of nodes and wires until stable (1-dimensional
//! Weisfeiler–Leman on the incidence graph, leg positions and boundary
//! positions as edge labels), breaking ties by the order of the
//! nodes and refining again.
//!
//! Guarantees: renaming or renumbering wires, or building the same diagram in
//! the same order, never changes the form; neither does reordering nodes that
//! refinement tells apart or that an automorphism exchanges. Not guaranteed: that
//! isomorphic diagrams with indistinguishable, inequivalent nodes (one slot in
//! a strongly regular pattern) get equal forms; equal forms always mean equal
//! diagrams. Deterministic. Cost: O(m log n) for m legs, n nodes and wires,
//! plus one pass over the tensors that are part of the diagram.

use std::collections::BTreeMap;

use tensegrity_tensor::{DType, c128};

use crate::fingerprint::Fingerprint;
use crate::generator::Generator;
use crate::lower::{Fusion, Lowered, Source};
use crate::node::Payload;
use crate::{Diagram, Node, NodeId, Port, Variance, WireId};

/// A diagram up to the names and numbers of its wires and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canonical {
    words: Vec<u64>,
}

impl Canonical {
    /// A 128-bit hash of the form, the same on every machine.
    #[must_use]
    pub fn hash(&self) -> u128 {
        let mut hash = Fingerprint::new();
        for &word in &self.words {
            hash.word(word);
        }
        hash.finish()
    }
}

impl Diagram {
    /// The same diagram with all structure in its wires: no identity, cup,
    /// cap, spider, permutation, Kronecker or diagonal node is left, and at
    /// most one scalar.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let lowered = self.to_network();
        let mut diagram = Self::new();
        for &dim in &lowered.network.dims {
            diagram.wire(dim);
        }
        for (operand, legs) in lowered.operands.iter().zip(&lowered.network.inputs) {
            let original = &self.nodes[operand.node.0 as usize];
            let payload = match &operand.source {
                Source::Slot(slot) => Payload::Input(*slot),
                Source::Const(array) => Payload::Const(array.clone()),
                Source::Generated(generator) => Payload::Generator(generator.clone()),
                Source::Lazy(op) => Payload::Lazy(op.clone()),
            };
            if let Payload::Input(slot) = payload {
                let id = NodeId(diagram.nodes.len() as u32);
                diagram.slots.entry(slot).or_insert(id);
            }
            diagram.nodes.push(Node {
                name: original.name.clone(),
                legs: legs.iter().map(|&w| WireId(w)).collect(),
                payload,
                conj: operand.conj,
            });
        }
        if lowered.scalar != c128::new(1.0, 0.0) {
            diagram.nodes.push(Node {
                name: Generator::Scalar(lowered.scalar).symbol().into(),
                legs: Vec::new(),
                payload: Payload::Generator(Generator::Scalar(lowered.scalar)),
                conj: false,
            });
        }
        self.restore_names(&lowered, &mut diagram);
        let port = |(port, &wire): (&Port, &u32)| Port {
            wire: WireId(wire),
            variance: port.variance.clone(),
        };
        let (cod, dom) = lowered.network.output.split_at(self.cod.len());
        diagram.cod = self.cod.iter().zip(cod).map(port).collect();
        diagram.dom = self.dom.iter().zip(dom).map(port).collect();
        diagram
    }

    /// Carries wire names over to the normal form, through legs and boundary.
    fn restore_names(&self, lowered: &Lowered, normal: &mut Self) {
        let mut carry = |old: WireId, new: u32| {
            let name = &mut normal.wires[new as usize].name;
            if name.is_none() {
                *name = self.wires[old.index()].name.clone();
            }
        };
        let ports = self.cod.iter().chain(&self.dom);
        for (port, &wire) in ports.zip(&lowered.network.output) {
            carry(port.wire, wire);
        }
        for (operand, legs) in lowered.operands.iter().zip(&lowered.network.inputs) {
            let node = &self.nodes[operand.node.0 as usize];
            if node.legs.len() == legs.len() {
                for (&old, &new) in node.legs.iter().zip(legs) {
                    carry(old, new);
                }
            }
        }
    }

    /// The canonical form of the normal form.
    ///
    /// ```
    /// use tensegrity_diagram::{Diagram, Space};
    /// let space = Space::plain(3);
    /// let id = Diagram::id(&[space.clone()]);
    /// // The snake: a wire bent to and fro is a straight wire.
    /// let bent = id.tensor(&Diagram::cap(&space))?;
    /// let snake = Diagram::compose(&bent, &Diagram::cup(&space).tensor(&id)?)?;
    /// assert_eq!(snake.canonical(), id.canonical());
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        let mut parts: Vec<Vec<u64>> = components(&self.normalized())
            .iter()
            .map(|part| part.encode(&Refinement::new(part).run()))
            .collect();
        parts.sort();
        let mut words = vec![self.cod.len() as u64, self.dom.len() as u64];
        for part in parts {
            words.push(part.len() as u64);
            words.extend(part);
        }
        Canonical { words }
    }

    /// The hash of [`Diagram::canonical`], for caches.
    #[must_use]
    pub fn canonical_hash(&self) -> u128 {
        self.canonical().hash()
    }
}

/// What a node is, apart from where it sits.
fn node_identity(node: &Node) -> u128 {
    let mut hash = Fingerprint::new();
    hash.word(u64::from(node.conj));
    hash.word(node.legs.len() as u64);
    match &node.payload {
        Payload::Input(slot) => {
            hash.word(1);
            hash.word(u64::from(slot.0));
        }
        Payload::Const(array) => {
            hash.word(2);
            hash.array(array);
        }
        Payload::Lazy(op) => {
            hash.word(3);
            hash.wide(op.fingerprint());
        }
        Payload::Generator(generator) => {
            hash.word(4);
            hash.text(generator.kind());
            match generator {
                Generator::Scalar(c) => {
                    // Adding zero makes −0 equal to 0.
                    hash.word((c.re + 0.0).to_bits());
                    hash.word((c.im + 0.0).to_bits());
                }
                Generator::OneHot { index, .. } => hash.word(*index),
                Generator::Triangular { offset, upper, .. } => {
                    hash.word(*offset as u64);
                    hash.word(u64::from(*upper));
                }
                // The others are told by their kind and the dimensions of
                // their legs, or do not survive normalisation.
                _ => {}
            }
        }
    }
    hash.finish()
}

fn variance_word(variance: &Variance) -> u64 {
    match variance {
        Variance::Plain => 0,
        Variance::Upper => 1,
        Variance::Lower => 2,
        Variance::Irrep(label) => {
            let mut hash = Fingerprint::new();
            hash.text(label);
            hash.finish() as u64
        }
    }
}

/// A connected part of a normal form. Handling parts one by one spares
/// refinement what it cannot do: tell two rings from one of the same length.
#[derive(Default)]
struct Component {
    /// Identity and legs (numbers of `dims`) of each node.
    nodes: Vec<(u128, Vec<u32>)>,
    /// Dimension of each wire.
    dims: Vec<u64>,
    /// Boundary positions: place over cod then dom, tag, wire.
    ports: Vec<(u64, u64, u32)>,
}

/// Connected parts, in order of their first wire or, for nodes without legs,
/// node.
fn components(normal: &Diagram) -> Vec<Component> {
    let mut fusion = Fusion::new(normal.wires.len());
    for node in &normal.nodes {
        for pair in node.legs.windows(2) {
            fusion.union(pair[0].0, pair[1].0);
        }
    }
    let mut parts: Vec<Component> = Vec::new();
    // Part of each wire, by the representative of its set, and its number there.
    let mut part_of = vec![0; normal.wires.len()];
    let mut local = vec![0; normal.wires.len()];
    for (w, wire) in normal.wires.iter().enumerate() {
        let root = fusion.find(w as u32) as usize;
        if root == w {
            part_of[w] = parts.len();
            parts.push(Component::default());
        }
        part_of[w] = part_of[root];
        let part = &mut parts[part_of[w]];
        local[w] = part.dims.len() as u32;
        part.dims.push(wire.dim);
    }
    for node in &normal.nodes {
        let item = (
            node_identity(node),
            node.legs.iter().map(|w| local[w.index()]).collect(),
        );
        match node.legs.first() {
            Some(wire) => parts[part_of[wire.index()]].nodes.push(item),
            None => parts.push(Component {
                nodes: vec![item],
                ..Component::default()
            }),
        }
    }
    let ports = normal.cod.iter().chain(&normal.dom);
    for (position, port) in ports.enumerate() {
        let wire = port.wire.index();
        let item = (position as u64, variance_word(&port.variance), local[wire]);
        parts[part_of[wire]].ports.push(item);
    }
    parts
}

impl Component {
    /// The part as words, nodes sorted by their place in `order`, wires
    /// renumbered by first use.
    fn encode(&self, order: &[u32]) -> Vec<u64> {
        let mut sorted: Vec<usize> = (0..self.nodes.len()).collect();
        sorted.sort_by_key(|&n| order[n]);
        let mut places: Vec<Option<u64>> = vec![None; self.dims.len()];
        let mut dims = Vec::with_capacity(self.dims.len());
        let mut place = |wire: u32| {
            *places[wire as usize].get_or_insert_with(|| {
                dims.push(self.dims[wire as usize]);
                dims.len() as u64 - 1
            })
        };
        let mut words = vec![self.ports.len() as u64, self.nodes.len() as u64];
        for &(position, tag, wire) in &self.ports {
            words.extend([position, tag, place(wire)]);
        }
        for n in sorted {
            let (identity, legs) = &self.nodes[n];
            words.extend([*identity as u64, (*identity >> 64) as u64]);
            words.push(legs.len() as u64);
            words.extend(legs.iter().map(|&leg| place(leg)));
        }
        words.extend(dims);
        words
    }
}

/// Partition refinement over nodes and wires.
///
/// Nodes and wires share one numbering of vertices, nodes first.
struct Refinement<'a> {
    part: &'a Component,
    /// Colour of each vertex; equal colours are not yet told apart.
    colour: Vec<u32>,
    /// Vertices of each colour.
    cells: Vec<Vec<u32>>,
    /// Where in its cell each vertex stands.
    place: Vec<u32>,
    /// For each wire: (node, leg).
    attached: Vec<Vec<(u32, u32)>>,
}

impl<'a> Refinement<'a> {
    fn new(part: &'a Component) -> Self {
        let nodes = part.nodes.len();
        let mut attached = vec![Vec::new(); part.dims.len()];
        for (n, (_, legs)) in part.nodes.iter().enumerate() {
            for (leg, &wire) in legs.iter().enumerate() {
                attached[wire as usize].push((n as u32, leg as u32));
            }
        }
        let mut positions = vec![Vec::new(); part.dims.len()];
        for &(position, _, wire) in &part.ports {
            positions[wire as usize].push(position);
        }
        let mut keyed: Vec<(Vec<u64>, u32)> = Vec::with_capacity(nodes + part.dims.len());
        for (n, (identity, legs)) in part.nodes.iter().enumerate() {
            let mut key = vec![0, *identity as u64, (*identity >> 64) as u64];
            key.extend(legs.iter().map(|&w| part.dims[w as usize]));
            keyed.push((key, n as u32));
        }
        for (w, positions) in positions.into_iter().enumerate() {
            let mut key = vec![1, part.dims[w]];
            key.extend(positions);
            keyed.push((key, (nodes + w) as u32));
        }
        keyed.sort();
        let mut refinement = Self {
            part,
            colour: vec![0; keyed.len()],
            cells: Vec::new(),
            place: vec![0; keyed.len()],
            attached,
        };
        for group in keyed.chunk_by(|a, b| a.0 == b.0) {
            let cell: Vec<u32> = group.iter().map(|item| item.1).collect();
            refinement.new_cell(cell);
        }
        refinement
    }

    fn new_cell(&mut self, cell: Vec<u32>) {
        self.cells.push(Vec::new());
        self.fill_cell(self.cells.len() - 1, cell);
    }

    fn fill_cell(&mut self, number: usize, cell: Vec<u32>) {
        for (place, &vertex) in cell.iter().enumerate() {
            self.colour[vertex as usize] = number as u32;
            self.place[vertex as usize] = place as u32;
        }
        self.cells[number] = cell;
    }

    /// Takes a vertex out of its cell in constant time.
    fn remove(&mut self, vertex: u32) {
        let cell = &mut self.cells[self.colour[vertex as usize] as usize];
        let place = self.place[vertex as usize];
        cell.swap_remove(place as usize);
        if let Some(&moved) = cell.get(place as usize) {
            self.place[moved as usize] = place;
        }
    }

    /// Place of every vertex in a total order.
    fn run(mut self) -> Vec<u32> {
        let everything: Vec<u32> = (0..self.colour.len() as u32).collect();
        self.refine(everything);
        let nodes = self.part.nodes.len() as u32;
        // Only nodes need telling apart: wires follow from them. Cells are
        // only ever split and appended, so one sweep sees every tie.
        let mut number = 0;
        while number < self.cells.len() {
            let cell = &self.cells[number];
            if cell.len() < 2 || cell[0] >= nodes {
                number += 1;
                continue;
            }
            let chosen = cell[0];
            self.remove(chosen);
            self.new_cell(vec![chosen]);
            let touched = self.neighbours(chosen);
            self.refine(touched);
        }
        self.colour
    }

    fn neighbours(&self, vertex: u32) -> Vec<u32> {
        let nodes = self.part.nodes.len();
        let vertex = vertex as usize;
        if vertex < nodes {
            let legs = &self.part.nodes[vertex].1;
            legs.iter().map(|&w| w + nodes as u32).collect()
        } else {
            self.attached[vertex - nodes].iter().map(|a| a.0).collect()
        }
    }

    /// What a vertex sees: the colours round it, with leg positions.
    fn signature(&self, vertex: u32) -> Vec<u64> {
        let nodes = self.part.nodes.len();
        let vertex = vertex as usize;
        let seen = |v: usize| u64::from(self.colour[v]);
        if vertex < nodes {
            let legs = &self.part.nodes[vertex].1;
            legs.iter().map(|&w| seen(nodes + w as usize)).collect()
        } else {
            let mut around: Vec<u64> = self.attached[vertex - nodes]
                .iter()
                .map(|&(node, leg)| seen(node as usize) << 32 | u64::from(leg))
                .collect();
            around.sort_unstable();
            around
        }
    }

    /// Splits cells until members of a cell see the same, starting from the
    /// vertices whose surroundings changed.
    fn refine(&mut self, mut dirty: Vec<u32>) {
        while !dirty.is_empty() {
            dirty.sort_unstable();
            dirty.dedup();
            let mut by_cell: BTreeMap<u32, Vec<(Vec<u64>, u32)>> = BTreeMap::new();
            for &vertex in &dirty {
                let cell = self.colour[vertex as usize];
                if self.cells[cell as usize].len() > 1 {
                    let item = (self.signature(vertex), vertex);
                    by_cell.entry(cell).or_default().push(item);
                }
            }
            dirty.clear();
            for (cell, members) in by_cell {
                for vertex in self.split(cell, members) {
                    dirty.extend(self.neighbours(vertex));
                }
            }
        }
    }

    /// Splits one cell by the signatures of its dirty members; the clean ones
    /// still agree with each other. The largest fragment keeps the colour (the
    /// clean one, then the lowest signature, among equals), so that each
    /// vertex is recoloured O(log n) times. Returns what got a new colour.
    fn split(&mut self, cell: u32, mut members: Vec<(Vec<u64>, u32)>) -> Vec<u32> {
        members.sort();
        let mut fragments: Vec<Vec<u32>> = members
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| group.iter().map(|item| item.1).collect())
            .collect();
        let size = self.cells[cell as usize].len();
        let clean = size - members.len();
        if clean == 0 && fragments.len() == 1 {
            return Vec::new();
        }
        let mut largest = 0;
        for (k, fragment) in fragments.iter().enumerate() {
            if fragment.len() > fragments[largest].len() {
                largest = k;
            }
        }
        for item in &members {
            self.remove(item.1);
        }
        if clean == 0 || fragments[largest].len() > clean {
            let keeper = fragments.remove(largest);
            let rest = std::mem::take(&mut self.cells[cell as usize]);
            self.fill_cell(cell as usize, keeper);
            if !rest.is_empty() {
                fragments.push(rest);
            }
        }
        let moved = fragments.concat();
        for fragment in fragments {
            self.new_cell(fragment);
        }
        moved
    }
}

impl Fingerprint {
    /// Element type, shape and every element.
    #[allow(unreachable_patterns)]
    fn array(&mut self, array: &tensegrity_tensor::Array) {
        use tensegrity_tensor::Array;
        self.text(array.dtype().name());
        for &n in array.shape() {
            self.word(n as u64);
        }
        match array {
            Array::F32(t) => t
                .as_slice()
                .iter()
                .for_each(|x| self.word(x.to_bits().into())),
            Array::F64(t) => t.as_slice().iter().for_each(|x| self.word(x.to_bits())),
            Array::I64(t) => t.as_slice().iter().for_each(|x| self.word(*x as u64)),
            Array::C64(t) => t.as_slice().iter().for_each(|z| {
                self.word(u64::from(z.re.to_bits()) << 32 | u64::from(z.im.to_bits()));
            }),
            Array::C128(t) => t.as_slice().iter().for_each(|z| {
                self.word(z.re.to_bits());
                self.word(z.im.to_bits());
            }),
            other => unreachable!("{} is not a compute type", other.dtype()),
        }
        debug_assert!(array.dtype() != DType::Bool);
    }
}
