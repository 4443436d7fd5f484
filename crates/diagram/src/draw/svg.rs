//! The picture as SVG text.

use std::fmt::Write;

use super::geometry::{Point, Rect, control_point};
use super::labels::Label;
use super::layout::{MARGIN, bond_path};
use super::sketch::{
    AXIS_SIZE, BOND_SIZE, Bond, DIMS_SIZE, DOT, Leg, NAME_SIZE, Role, Sketch, Vertex, stroke,
};
use super::text::escape;
use super::{DrawOptions, Theme, legs};
use crate::Diagram;

/// Rules every picture needs. A renderer without custom properties drops the
/// second declaration of a pair and keeps the first.
const RULES: &str = "\
.tg-bond{fill:none;stroke:#64748b;stroke:var(--diagram-bond,#64748b);stroke-linecap:round}\
.tg-node{stroke-width:1.5}\
.tg-input{fill:#dbeafe;stroke:#2563eb;fill:var(--diagram-node,#dbeafe);stroke:var(--diagram-node-edge,#2563eb)}\
.tg-const{fill:#dcfce7;stroke:#15803d}\
.tg-generator{fill:#fef3c7;stroke:#b45309}\
.tg-lazy{fill:#f3e8ff;stroke:#7e22ce}\
.tg-dot{fill:#334155;fill:var(--diagram-ink,#334155)}\
.tg-text{fill:#0f172a;fill:var(--diagram-ink,#0f172a);text-anchor:middle;font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}\
.tg-inner{fill:#0f172a}\
.tg-quiet{fill:#475569;fill:var(--diagram-ink,#475569)}\
.tg-halo{paint-order:stroke;stroke:#fff;stroke:var(--diagram-ground,#fff);stroke-width:3px;stroke-linejoin:round}";

/// What changes on a dark ground: class and declarations.
const DARK: [(&str, &str); 9] = [
    ("bond", "stroke:#94a3b8;stroke:var(--diagram-bond,#94a3b8)"),
    (
        "input",
        "fill:#1e3a8a;stroke:#93c5fd;fill:var(--diagram-node,#1e3a8a);stroke:var(--diagram-node-edge,#93c5fd)",
    ),
    ("const", "fill:#14532d;stroke:#86efac"),
    ("generator", "fill:#713f12;stroke:#fcd34d"),
    ("lazy", "fill:#581c87;stroke:#d8b4fe"),
    ("dot", "fill:#e2e8f0;fill:var(--diagram-ink,#e2e8f0)"),
    ("text", "fill:#f1f5f9;fill:var(--diagram-ink,#f1f5f9)"),
    ("quiet", "fill:#cbd5e1;fill:var(--diagram-ink,#cbd5e1)"),
    (
        "halo",
        "stroke:#0f172a;stroke:var(--diagram-ground,#0f172a)",
    ),
];

/// Class of the root and style sheet of a theme. Dark rules hold under their
/// root only, so that pictures of different themes can share a page.
fn style(theme: Theme) -> (&'static str, String) {
    let dark = |root: &str| -> String {
        let rule = |(class, body): &(&str, &str)| format!(".{root} .tg-{class}{{{body}}}");
        let inner = format!(".{root} .tg-inner{{fill:#f8fafc}}");
        DARK.iter().map(rule).chain([inner]).collect()
    };
    let (root, extra) = match theme {
        Theme::Auto => {
            let rules = dark("tg-auto");
            (
                "tg-auto",
                format!("@media (prefers-color-scheme:dark){{{rules}}}"),
            )
        }
        Theme::Light => ("tg-light", String::new()),
        Theme::Dark => ("tg-dark", dark("tg-dark")),
    };
    (root, format!("<style>{RULES}{extra}</style>"))
}

/// Opening tag and head of a picture of a size.
pub(crate) fn open(size: Point, title: &str, description: &str, theme: Theme) -> String {
    let (w, h) = (size.x.ceil(), size.y.ceil());
    let (root, style) = style(theme);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{root}\" role=\"img\" \
         aria-label=\"{title}\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         style=\"max-width:100%;height:auto\">\n<title>{title}</title>\n<desc>{}</desc>\n{style}\n",
        escape(description),
        title = escape(title),
    )
}

/// The whole picture.
pub(crate) fn render(
    sketch: &Sketch,
    labels: &[Label],
    diagram: &Diagram,
    options: &DrawOptions,
) -> String {
    let (low, high) = bounds(sketch, labels);
    let size = high.minus(low);
    let mut out = open(size, &options.title, &diagram.to_string(), options.theme);
    let (dx, dy) = (number(-low.x), number(-low.y));
    let _ = writeln!(out, "<g transform=\"translate({dx} {dy})\">");
    for bond in &sketch.bonds {
        draw_bond(&mut out, sketch, bond);
    }
    for leg in &sketch.legs {
        draw_leg(&mut out, sketch, leg);
    }
    for vertex in &sketch.vertices {
        draw_vertex(&mut out, vertex);
    }
    for label in labels {
        let class = "tg-text tg-quiet tg-halo";
        draw_text(&mut out, class, BOND_SIZE, label.rect.centre, &label.text);
    }
    for leg in &sketch.legs {
        draw_axis(&mut out, leg);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn bounds(sketch: &Sketch, labels: &[Label]) -> (Point, Point) {
    let mut rects: Vec<Rect> = sketch.vertices.iter().map(Vertex::rect).collect();
    rects.extend(sketch.legs.iter().map(legs::label_rect));
    rects.extend(labels.iter().map(|label| label.rect));
    for bond in &sketch.bonds {
        let path = bond_path(sketch, bond);
        let margin = Point::new(stroke(bond.dim), stroke(bond.dim)).times(0.5);
        rects.extend(path.into_iter().map(|p| Rect::new(p, margin)));
    }
    if rects.is_empty() {
        rects.push(Rect::new(Point::default(), Point::new(12.0, 12.0)));
    }
    let edge = |f: &dyn Fn(&Rect) -> f64| rects.iter().map(f).fold(f64::NEG_INFINITY, f64::max);
    let low = Point::new(
        -edge(&|r| r.half.x - r.centre.x) - MARGIN,
        -edge(&|r| r.half.y - r.centre.y) - MARGIN,
    );
    let high = Point::new(
        edge(&|r| r.centre.x + r.half.x) + MARGIN,
        edge(&|r| r.centre.y + r.half.y) + MARGIN,
    );
    (low, high)
}

/// A coordinate with one decimal, without a trailing zero.
pub(crate) fn number(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

fn at(p: Point) -> String {
    format!("{} {}", number(p.x), number(p.y))
}

/// Dashes for indices that carry nothing (dimension 0 or 1).
fn dashes(dim: u64) -> &'static str {
    if dim <= 1 {
        " stroke-dasharray=\"3 5\""
    } else {
        ""
    }
}

fn draw_bond(out: &mut String, sketch: &Sketch, bond: &Bond) {
    let [from, to] = bond.ends.map(|v| sketch.vertices[v].at);
    let path = if bond.ends[0] == bond.ends[1] {
        let rect = sketch.vertices[bond.ends[0]].rect();
        let [start, one, two, end] = legs::loop_controls(rect, bond.bulge);
        format!("M{}C{} {} {}", at(start), at(one), at(two), at(end))
    } else if bond.bulge == 0.0 {
        format!("M{}L{}", at(from), at(to))
    } else {
        format!(
            "M{}Q{} {}",
            at(from),
            at(control_point(from, to, bond.bulge)),
            at(to)
        )
    };
    let _ = writeln!(
        out,
        "<path class=\"tg-bond\" d=\"{path}\" stroke-width=\"{}\"{}><title>size {}</title></path>",
        number(stroke(bond.dim)),
        dashes(bond.dim),
        bond.dim,
    );
}

fn draw_leg(out: &mut String, sketch: &Sketch, leg: &Leg) {
    let from = sketch.vertices[leg.vertex].at;
    let _ = writeln!(
        out,
        "<path class=\"tg-bond\" d=\"M{}L{}\" stroke-width=\"{}\"{}/>",
        at(from),
        at(leg.tip),
        number(stroke(leg.dim)),
        dashes(leg.dim),
    );
    if leg.end == super::sketch::End::Summed {
        let (x, y) = (number(leg.tip.x), number(leg.tip.y));
        let _ = writeln!(
            out,
            "<circle class=\"tg-dot\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>"
        );
    }
}

fn draw_vertex(out: &mut String, vertex: &Vertex) {
    let class = match vertex.role {
        Role::Bare => return,
        Role::Spider => {
            let (x, y) = (number(vertex.at.x), number(vertex.at.y));
            let title = escape(&vertex.title);
            let _ = writeln!(
                out,
                "<circle class=\"tg-dot\" cx=\"{x}\" cy=\"{y}\" r=\"{DOT}\"><title>{title}</title></circle>"
            );
            return;
        }
        Role::Input => "tg-input",
        Role::Const => "tg-const",
        Role::Generator => "tg-generator",
        Role::Lazy => "tg-lazy",
    };
    let corner = vertex.at.minus(vertex.half);
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect class=\"tg-node {class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\"/>",
        escape(&vertex.title),
        number(corner.x),
        number(corner.y),
        number(2.0 * vertex.half.x),
        number(2.0 * vertex.half.y),
    );
    let up = if vertex.dims.is_empty() { 0.0 } else { 7.0 };
    let name = vertex.at.minus(Point::new(0.0, up));
    draw_text(out, "tg-text tg-inner", NAME_SIZE, name, &vertex.name);
    if !vertex.dims.is_empty() {
        let dims = vertex.at.plus(Point::new(0.0, 11.0));
        draw_text(out, "tg-text tg-inner", DIMS_SIZE, dims, &vertex.dims);
    }
    out.push_str("</g>\n");
}

fn draw_axis(out: &mut String, leg: &Leg) {
    let centre = legs::label_rect(leg).centre;
    let line = 1.2 * AXIS_SIZE;
    let first = centre.y - line * (leg.label.len() as f64 - 1.0) / 2.0;
    for (k, text) in leg.label.iter().enumerate() {
        let at = Point::new(centre.x, first + line * k as f64);
        let last = k + 1 == leg.label.len();
        let class = if last && leg.label.len() > 1 {
            "tg-text tg-quiet"
        } else {
            "tg-text"
        };
        draw_text(out, class, AXIS_SIZE, at, text);
    }
}

/// Text centred on a point; the baseline is 0.35 em below it in every renderer,
/// which `dominant-baseline` is not.
pub(crate) fn draw_text(out: &mut String, class: &str, size: f64, centre: Point, text: &str) {
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"middle\">{}</text>",
        number(centre.x),
        number(centre.y + 0.35 * size),
        escape(text),
    );
}
