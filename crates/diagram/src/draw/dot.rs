//! Diagrams in Graphviz's language.

use std::fmt::Write;

use super::sketch::{End, Role, Sketch, stroke};
use crate::Diagram;

/// An undirected graph: boxes, points for shared indices, plain text for axes.
pub(crate) fn render(diagram: &Diagram) -> String {
    let sketch = Sketch::new(diagram, true);
    let mut out = String::from(
        "graph diagram {\n  graph [layout=neato, overlap=false, splines=true];\n  \
         node [shape=box, style=\"rounded,filled\", fillcolor=\"#dbeafe\", color=\"#2563eb\", fontname=\"sans-serif\"];\n  \
         edge [color=\"#64748b\", fontname=\"sans-serif\", fontsize=11];\n",
    );
    for (number, vertex) in sketch.vertices.iter().enumerate() {
        if !vertex.is_box() {
            let size = if vertex.role == Role::Bare { 0.01 } else { 0.1 };
            let _ = writeln!(
                out,
                "  v{number} [shape=point, width={size}, label=\"\", color=\"#334155\", fillcolor=\"#334155\"];"
            );
            continue;
        }
        let mut label = quoted(&vertex.name);
        if !vertex.dims.is_empty() {
            let _ = write!(label, "\\n{}", vertex.dims);
        }
        let _ = writeln!(
            out,
            "  v{number} [label=\"{label}\", tooltip=\"{}\"];",
            quoted(&vertex.title)
        );
    }
    for bond in &sketch.bonds {
        let label = if bond.labelled {
            format!("label=\"{}\", ", bond.dim)
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "  v{} -- v{} [{label}penwidth={:.1}];",
            bond.ends[0],
            bond.ends[1],
            stroke(bond.dim)
        );
    }
    for (number, leg) in sketch.legs.iter().enumerate() {
        let label = quoted(&leg.label.join(" "));
        let shape = match leg.end {
            End::Summed => "shape=point, width=0.07, label=\"\", xlabel",
            End::Output | End::Input => "shape=plaintext, style=\"\", label",
        };
        let _ = writeln!(
            out,
            "  l{number} [{shape}=\"{label}\"];\n  v{} -- l{number} [penwidth={:.1}];",
            leg.vertex,
            stroke(leg.dim)
        );
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted
}
