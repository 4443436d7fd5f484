//! Where the sizes of bonds are written: beside the line, clear of everything.

use super::geometry::{Point, Rect};
use super::grid::Grid;
use super::sketch::{BOND_SIZE, Sketch, stroke};
use super::{layout, legs, text};

/// A placed label of a bond.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub text: String,
    pub rect: Rect,
}

/// Candidates along the visible part of the line, best first.
const ALONG: [f64; 7] = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8];

/// Places the labels one after another, each where it covers least.
pub(crate) fn place(sketch: &Sketch) -> Vec<Label> {
    let mut scene = Scene::default();
    for vertex in &sketch.vertices {
        scene.add_box(vertex.rect().grown(1.0));
    }
    for leg in &sketch.legs {
        scene.add_box(legs::label_rect(leg));
        let from = sketch.vertices[leg.vertex].at;
        scene.add_line(from, leg.tip, stroke(leg.dim) / 2.0);
    }
    let mut paths = Vec::new();
    for bond in &sketch.bonds {
        let path = layout::bond_path(sketch, bond);
        for segment in path.windows(2) {
            scene.add_line(segment[0], segment[1], stroke(bond.dim) / 2.0);
        }
        paths.push(path);
    }
    let mut labels = Vec::new();
    for (bond, path) in sketch.bonds.iter().zip(&paths) {
        if !bond.labelled {
            continue;
        }
        let content = bond.dim.to_string();
        let half = Point::new(text::width(&content, BOND_SIZE) / 2.0, 0.56 * BOND_SIZE);
        let visible = visible_part(sketch, bond.ends, path);
        let mut best: Option<(f64, Rect)> = None;
        for (rank, &t) in ALONG.iter().enumerate() {
            let (at, direction) = along(&visible, t);
            let normal = upwards(direction.turned());
            for side in [1.0, -1.0] {
                let normal = normal.times(side);
                let out = support(half, normal) + stroke(bond.dim) / 2.0 + 3.0;
                for extra in [0.0, 5.0] {
                    let rect = Rect::new(at.plus(normal.times(out + extra)), half);
                    let taste = rank as f64 * 2.0 + if side < 0.0 { 1.0 } else { 0.0 } + extra;
                    let cost = 100.0 * scene.covered(&rect) + taste;
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, rect));
                    }
                }
            }
        }
        if let Some((_, rect)) = best {
            scene.add_box(rect.grown(1.0));
            labels.push(Label {
                text: content,
                rect,
            });
        }
    }
    labels
}

/// Extent of a box along a direction.
fn support(half: Point, direction: Point) -> f64 {
    half.x * direction.x.abs() + half.y * direction.y.abs()
}

/// The same normal, pointing up, or right if it is level.
fn upwards(normal: Point) -> Point {
    if normal.y > 1e-6 || (normal.y.abs() <= 1e-6 && normal.x < 0.0) {
        return normal.times(-1.0);
    }
    normal
}

/// What labels should not cover.
#[derive(Default)]
struct Scene {
    boxes: Vec<Rect>,
    box_grid: Grid,
    /// Segments with half their widths.
    lines: Vec<(Point, Point, f64)>,
    line_grid: Grid,
}

impl Scene {
    fn add_box(&mut self, rect: Rect) {
        self.box_grid.insert(&rect, self.boxes.len());
        self.boxes.push(rect);
    }

    fn add_line(&mut self, from: Point, to: Point, half: f64) {
        self.line_grid.insert_segment(from, to, self.lines.len());
        self.lines.push((from, to, half));
    }

    /// How much a box covers of boxes, and of lines with their widths.
    fn covered(&self, rect: &Rect) -> f64 {
        let boxes = self.box_grid.near(rect);
        let area: f64 = boxes.iter().map(|&k| rect.overlap(&self.boxes[k])).sum();
        let lines = self.line_grid.near(&rect.grown(6.0));
        let length: f64 = lines
            .iter()
            .map(|&k| {
                let (from, to, half) = self.lines[k];
                rect.grown(half).clip(from, to)
            })
            .sum();
        area + 2.0 * length
    }
}

/// The points of a path outside the boxes at its ends.
fn visible_part(sketch: &Sketch, ends: [usize; 2], path: &[Point]) -> Vec<Point> {
    let rects = ends.map(|v| sketch.vertices[v].rect());
    let fine: Vec<Point> = path
        .windows(2)
        .flat_map(|s| (0..8).map(move |k| s[0].between(s[1], f64::from(k) / 8.0)))
        .chain(path.last().copied())
        .collect();
    let outside = |p: &Point| {
        rects.iter().all(|r| {
            let offset = p.minus(r.centre);
            offset.x.abs() > r.half.x || offset.y.abs() > r.half.y
        })
    };
    let visible: Vec<Point> = fine.iter().copied().filter(outside).collect();
    if visible.len() < 2 { fine } else { visible }
}

/// Point and direction at a fraction of the length of a path.
fn along(path: &[Point], t: f64) -> (Point, Point) {
    let lengths: Vec<f64> = path.windows(2).map(|s| s[1].minus(s[0]).length()).collect();
    let mut left = t * lengths.iter().sum::<f64>();
    for (segment, &length) in path.windows(2).zip(&lengths) {
        if left <= length && length > 0.0 {
            let at = segment[0].between(segment[1], left / length);
            return (at, segment[1].minus(segment[0]).direction());
        }
        left -= length;
    }
    (path[path.len() / 2], Point::new(1.0, 0.0))
}
