//! Pictures of diagrams and contraction trees.
//!
//! [`svg`] lays a diagram out and returns a self-contained picture; [`dot`]
//! returns Graphviz text for those who want another layout; [`tree_svg`]
//! draws a contraction order.
//!
//! Guarantees: deterministic on every machine with IEEE arithmetic; no
//! network, script or font is needed; colours follow the reader's light or dark
//! setting, or the page's custom properties `--diagram-ink`, `--diagram-ground`,
//! `--diagram-node`, `--diagram-node-edge`, `--diagram-bond`. Not guaranteed: crossing-free
//! drawings; minimising crossings is NP-hard. Cost: O(n²) for n nodes up to
//! 1500, about O(n log n) above.

mod dot;
mod geometry;
mod grid;
mod labels;
mod layout;
mod legs;
mod shapes;
mod sketch;
mod stress;
mod svg;
mod text;
mod tree;

use crate::Diagram;
pub use tree::tree_svg;

/// Which colours a picture has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Light or dark as the reader's system is set.
    #[default]
    Auto,
    /// Dark on light, for print.
    Light,
    /// Light on dark.
    Dark,
}

/// How a diagram is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrawOptions {
    /// What the picture is called for screen readers and tool tips.
    pub title: String,
    /// Colours.
    pub theme: Theme,
    /// Write the dimensions of a node under its name; left out where they are
    /// long, or where a long chain writes them on its bonds.
    pub dims: bool,
    /// Longest straight row of a chain; longer ones turn round.
    pub row: usize,
}

impl Default for DrawOptions {
    fn default() -> Self {
        Self {
            title: "Tensor diagram".to_owned(),
            theme: Theme::Auto,
            dims: true,
            row: 8,
        }
    }
}

/// The normal form of the diagram as an SVG picture.
///
/// Tensors are rounded boxes, an index shared by several is a line (its width
/// grows with log₂ of its dimension) or, from three ends on, a dot; open lines
/// are the boundary, labelled with the names and sizes of the axes. Chains are
/// drawn straight with outputs down and inputs up, stars and rings round, trees
/// from the root, everything else by stress majorisation (Gansner, Koren and
/// North 2004).
///
/// ```
/// use tensegrity_diagram::{Diagram, draw};
/// let mut d = Diagram::new();
/// let (i, j, k) = (d.named_wire("row", 20), d.wire(5), d.named_wire("column", 30));
/// d.input("U", 0, &[i, j])?;
/// d.input("V", 1, &[j, k])?;
/// d.set_cod(&[i, k])?;
/// let picture = draw::svg(&d, &draw::DrawOptions::default());
/// assert!(picture.starts_with("<svg") && picture.contains(">row<"));
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
#[must_use]
pub fn svg(diagram: &Diagram, options: &DrawOptions) -> String {
    let diagram = diagram.normalized();
    let mut sketch = sketch::Sketch::new(&diagram, options.dims);
    layout::arrange(&mut sketch, options.row);
    let labels = labels::place(&sketch);
    svg::render(&sketch, &labels, &diagram, options)
}

/// The normal form of the diagram in Graphviz's language.
///
/// ```
/// use tensegrity_diagram::{Diagram, Space, draw};
/// let copy = Diagram::spider(&Space::plain(2), 1, 2);
/// assert!(draw::dot(&copy).starts_with("graph diagram {"));
/// ```
#[must_use]
pub fn dot(diagram: &Diagram) -> String {
    dot::render(&diagram.normalized())
}

#[cfg(test)]
mod tests {
    use super::geometry::Rect;
    use super::sketch::Sketch;
    use super::{labels, layout, legs};
    use crate::{Diagram, Network};

    fn network(inputs: &[&[u32]], output: &[u32], dims: &[u64]) -> Diagram {
        Diagram::from_network(&Network {
            inputs: inputs.iter().map(|term| term.to_vec()).collect(),
            output: output.to_vec(),
            dims: dims.to_vec(),
        })
        .unwrap()
    }

    fn samples() -> Vec<(&'static str, Diagram)> {
        let train: Vec<Vec<u32>> = (0..20)
            .map(|k| {
                [k, 100 + k, k + 1]
                    .into_iter()
                    .filter(|&w| w > 0 && w != 20)
                    .collect()
            })
            .collect();
        let terms: Vec<&[u32]> = train.iter().map(Vec::as_slice).collect();
        let axes: Vec<u32> = (100..120).collect();
        let lattice: Vec<Vec<u32>> = (0..9)
            .map(|v| {
                let (x, y) = (v % 3, v / 3);
                let mut legs = vec![30 + v];
                legs.extend((x > 0).then(|| v - 1));
                legs.extend((x < 2).then_some(v));
                legs.extend((y > 0).then(|| 12 + v - 3));
                legs.extend((y < 2).then_some(12 + v));
                legs
            })
            .collect();
        let sites: Vec<&[u32]> = lattice.iter().map(Vec::as_slice).collect();
        let open: Vec<u32> = (30..39).collect();
        vec![
            ("train", network(&terms, &axes, &[300; 120])),
            ("lattice", network(&sites, &open, &[1024; 40])),
            (
                "tucker",
                network(
                    &[&[0, 1, 2, 3], &[4, 0], &[5, 1], &[6, 2], &[7, 3]],
                    &[4, 5, 6, 7],
                    &[512; 8],
                ),
            ),
            (
                "cp",
                network(&[&[0, 3], &[1, 3], &[2, 3], &[3]], &[0, 1, 2], &[4096; 4]),
            ),
            (
                "ring",
                network(
                    &[&[0, 4, 1], &[1, 5, 2], &[2, 6, 3], &[3, 7, 0]],
                    &[4, 5, 6, 7],
                    &[64; 8],
                ),
            ),
            (
                "tree",
                network(
                    &[
                        &[0, 1, 2],
                        &[0, 3, 4],
                        &[1, 5, 6],
                        &[2, 7, 8],
                        &[3, 9],
                        &[4, 10],
                        &[5, 11],
                        &[6, 12],
                        &[7, 13],
                        &[8, 14],
                    ],
                    &[9, 10, 11, 12, 13, 14],
                    &[100; 15],
                ),
            ),
            (
                "bundle",
                network(&[&[0, 1, 2, 3], &[1, 2, 3, 4]], &[0, 4], &[128; 5]),
            ),
            (
                "many legs",
                network(&[&[0, 1, 2, 3, 4, 5]], &[0, 1, 2, 3, 4, 5], &[1000; 6]),
            ),
        ]
    }

    #[test]
    fn no_text_covers_text_or_a_foreign_box() {
        for (name, diagram) in samples() {
            let mut sketch = Sketch::new(&diagram, true);
            layout::arrange(&mut sketch, 8);
            let mut texts: Vec<Rect> = labels::place(&sketch).iter().map(|l| l.rect).collect();
            texts.extend(sketch.legs.iter().map(legs::label_rect));
            let boxes: Vec<Rect> = sketch.vertices.iter().map(|v| v.rect()).collect();
            for (k, text) in texts.iter().enumerate() {
                for other in boxes.iter().chain(&texts[k + 1..]) {
                    let depth = text.penetration(other);
                    assert!(
                        depth.x <= 0.5 || depth.y <= 0.5,
                        "{name}: {text:?} on {other:?}"
                    );
                }
            }
            for (k, a) in boxes.iter().enumerate() {
                assert!(boxes[k + 1..].iter().all(|b| a.overlap(b) == 0.0), "{name}");
            }
        }
    }

    #[test]
    fn chains_are_straight_and_legs_hang_down() {
        let diagram = network(&[&[0, 1], &[1, 2, 3], &[3, 4]], &[0, 2, 4], &[5; 5]);
        let mut sketch = Sketch::new(&diagram, true);
        layout::arrange(&mut sketch, 8);
        let line = sketch.vertices[0].at.y;
        assert!(sketch.vertices.iter().all(|v| (v.at.y - line).abs() < 1e-9));
        assert!(sketch.vertices.windows(2).all(|v| v[0].at.x < v[1].at.x));
        for leg in &sketch.legs {
            assert!((leg.tip.x - sketch.vertices[leg.vertex].at.x).abs() < 1e-6);
            assert!(leg.tip.y > line);
        }
    }
}
