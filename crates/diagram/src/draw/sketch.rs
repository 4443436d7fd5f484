//! What is drawn: boxes, dots, bonds and open ends, before and after layout.

use super::geometry::{Point, Rect};
use super::text;
use crate::node::Payload;
use crate::{Diagram, WireId};

/// Size of the name of a node.
pub(crate) const NAME_SIZE: f64 = 16.0;
/// Size of the dimensions inside a node.
pub(crate) const DIMS_SIZE: f64 = 11.0;
/// Size of labels of bonds.
pub(crate) const BOND_SIZE: f64 = 13.0;
/// Size of labels of open ends.
pub(crate) const AXIS_SIZE: f64 = 14.0;
/// Radius of a dot.
pub(crate) const DOT: f64 = 6.0;

/// What a box or dot stands for, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Const,
    Generator,
    Lazy,
    /// A wire with three ends or more.
    Spider,
    /// A wire that touches no box: only a place for its ends.
    Bare,
}

#[derive(Clone, Debug)]
pub(crate) struct Vertex {
    pub role: Role,
    /// First line.
    pub name: String,
    /// Second line.
    pub dims: String,
    /// Tool tip.
    pub title: String,
    /// Half extents.
    pub half: Point,
    /// Centre, set by layout.
    pub at: Point,
}

impl Vertex {
    pub fn rect(&self) -> Rect {
        Rect::new(self.at, self.half)
    }

    /// Forgets the second line; the tool tip keeps it.
    pub fn drop_dims(&mut self) {
        if self.is_box() {
            self.dims.clear();
            self.half = box_half(&self.name, "");
        }
    }

    pub fn is_box(&self) -> bool {
        !matches!(self.role, Role::Spider | Role::Bare)
    }
}

/// A line between two vertices (a loop if they are the same).
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    pub ends: [usize; 2],
    pub dim: u64,
    /// Whether the size is written on it; a dot writes it once.
    pub labelled: bool,
    /// How far the middle is off the straight line, set by layout. For a loop:
    /// the angle it points to.
    pub bulge: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Output,
    Input,
    /// Summed over alone.
    Summed,
}

/// An open end of a wire.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub vertex: usize,
    pub end: End,
    pub dim: u64,
    /// Lines of the label: name, size.
    pub label: Vec<String>,
    /// Direction and tip, set by layout.
    pub angle: f64,
    pub tip: Point,
}

impl Leg {
    /// Half extents of the label.
    pub fn label_half(&self) -> Point {
        let width = self
            .label
            .iter()
            .map(|line| text::width(line, AXIS_SIZE))
            .fold(0.0, f64::max);
        let height = 1.2 * AXIS_SIZE * self.label.len() as f64;
        Point::new(width / 2.0, height / 2.0)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    pub vertices: Vec<Vertex>,
    pub bonds: Vec<Bond>,
    pub legs: Vec<Leg>,
}

impl Sketch {
    /// Everything a normalised diagram shows, unplaced.
    pub fn new(diagram: &Diagram, dims: bool) -> Self {
        let mut sketch = Self::default();
        for node in &diagram.nodes {
            sketch.vertices.push(node_vertex(diagram, node, dims));
        }
        let mut touching: Vec<Vec<usize>> = vec![Vec::new(); diagram.wires.len()];
        for (n, node) in diagram.nodes.iter().enumerate() {
            for leg in &node.legs {
                touching[leg.index()].push(n);
            }
        }
        let mut open: Vec<Vec<End>> = vec![Vec::new(); diagram.wires.len()];
        for (ports, end) in [(&diagram.cod, End::Output), (&diagram.dom, End::Input)] {
            for port in ports {
                open[port.wire.index()].push(end);
            }
        }
        if diagram.nodes.is_empty() && diagram.wires.is_empty() {
            // The empty diagram is the number one.
            sketch.vertices.push(Vertex {
                role: Role::Generator,
                name: "1".to_owned(),
                dims: String::new(),
                title: "1".to_owned(),
                half: box_half("1", ""),
                at: Point::default(),
            });
        }
        for (wire, (nodes, ends)) in touching.into_iter().zip(open).enumerate() {
            sketch.add_wire(diagram, WireId::of(wire), &nodes, ends);
        }
        sketch
    }

    fn add_wire(&mut self, diagram: &Diagram, wire: WireId, nodes: &[usize], mut ends: Vec<End>) {
        let data = &diagram.wires[wire.index()];
        let bond = |bonds: &mut Vec<Bond>, a, b, labelled| {
            bonds.push(Bond {
                ends: [a, b],
                dim: data.dim,
                labelled,
                bulge: 0.0,
            });
        };
        let hub = match (nodes, ends.len()) {
            (&[a, b], 0) => return bond(&mut self.bonds, a, b, true),
            (&[a], 0) => {
                ends.push(End::Summed);
                a
            }
            (&[a], 1) => a,
            _ => {
                let role = if nodes.len() + ends.len() < 3 {
                    Role::Bare
                } else {
                    Role::Spider
                };
                let name = data.name.as_deref().unwrap_or("");
                self.vertices.push(Vertex {
                    role,
                    name: String::new(),
                    dims: String::new(),
                    title: format!("index {name} of size {}", data.dim),
                    half: Point::new(DOT, DOT),
                    at: Point::default(),
                });
                let hub = self.vertices.len() - 1;
                for (k, &node) in nodes.iter().enumerate() {
                    bond(&mut self.bonds, node, hub, k == 0 && ends.is_empty());
                }
                if nodes.is_empty() && ends.is_empty() {
                    bond(&mut self.bonds, hub, hub, true);
                }
                hub
            }
        };
        for end in ends {
            let mut label: Vec<String> = Vec::new();
            label.extend(data.name.as_deref().map(|name| text::shortened(name, 14)));
            label.push(data.dim.to_string());
            self.legs.push(Leg {
                vertex: hub,
                end,
                dim: data.dim,
                label,
                angle: 0.0,
                tip: Point::default(),
            });
        }
    }

    /// Open ends of each vertex.
    pub fn legs_of(&self) -> Vec<Vec<usize>> {
        let mut legs = vec![Vec::new(); self.vertices.len()];
        for (number, leg) in self.legs.iter().enumerate() {
            legs[leg.vertex].push(number);
        }
        legs
    }
}

fn node_vertex(diagram: &Diagram, node: &crate::Node, dims: bool) -> Vertex {
    let shape: Vec<u64> = node
        .legs
        .iter()
        .map(|w| diagram.wires[w.index()].dim)
        .collect();
    let role = match node.payload {
        Payload::Input(_) => Role::Input,
        Payload::Const(_) => Role::Const,
        Payload::Lazy(_) => Role::Lazy,
        Payload::Generator(_) => Role::Generator,
    };
    let full = format!("{}{}", node.name, if node.conj { "*" } else { "" });
    let name = text::shortened(&full, 12);
    // A list of many dimensions would dwarf the picture; its bonds tell them.
    let mut line = String::new();
    if dims && !shape.is_empty() && text::shape(&shape).chars().count() <= 13 {
        line = text::shape(&shape);
    }
    Vertex {
        role,
        title: format!("{full}: {}", text::shape(&shape)),
        half: box_half(&name, &line),
        name,
        dims: line,
        at: Point::default(),
    }
}

/// Half extents of a box round two lines of text.
fn box_half(name: &str, dims: &str) -> Point {
    let inner = text::width(name, NAME_SIZE).max(text::width(dims, DIMS_SIZE));
    let height = if dims.is_empty() { 36.0 } else { 44.0 };
    Point::new(f64::max(inner + 16.0, 40.0) / 2.0, height / 2.0)
}

/// Width of the line of a wire: grows with the number of bits of its index.
pub(crate) fn stroke(dim: u64) -> f64 {
    let bits = (dim.max(1) as f64).log2();
    (1.5 + 0.75 * bits).min(11.0)
}
