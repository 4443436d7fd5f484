//! Where everything goes.
//!
//! Each connected part is laid out in the way its shape asks for; parts are
//! then packed into rows.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::geometry::{Point, Rect};
use super::grid::Grid;
use super::shapes::{self, Kind};
use super::sketch::{BOND_SIZE, End, Sketch};
use super::{legs, stress, text};

const DOWN: f64 = FRAC_PI_2;
const UP: f64 = -FRAC_PI_2;
/// Longest chain whose boxes repeat the dimensions its lines tell.
const TALKATIVE: usize = 6;
/// Shortest visible bond.
const GAP: f64 = 34.0;
/// How far a bond stays from boxes that are not its own.
const OBSTACLE: f64 = 4.0;
/// Distance of the middles of parallel bonds.
const BUNDLE: f64 = 21.0;
/// Empty space between parts and round the picture.
pub(crate) const MARGIN: f64 = 14.0;
/// Width beyond which the next part starts a new row.
const PAGE: f64 = 760.0;

/// Places vertices, legs and bends of bonds.
pub(crate) fn arrange(sketch: &mut Sketch, row: usize) {
    let pairs: Vec<[usize; 2]> = sketch.bonds.iter().map(|b| b.ends).collect();
    let neighbours = shapes::simple_neighbours(sketch.vertices.len(), &pairs);
    let parts = shapes::components(&neighbours);
    let arranger = Arranger {
        gaps: gaps(sketch),
        legs: sketch.legs_of(),
        neighbours,
    };
    let mut corner = Point::new(0.0, 0.0);
    let mut row_height: f64 = 0.0;
    for part in &parts {
        arranger.part(sketch, part, row.max(1));
        bend(sketch, part);
        let bounds = arranger.bounds(sketch, part);
        let size = bounds.half.times(2.0);
        if corner.x > 0.0 && corner.x + size.x > PAGE {
            corner = Point::new(0.0, corner.y + row_height + MARGIN);
            row_height = 0.0;
        }
        let shift = corner.minus(bounds.centre.minus(bounds.half));
        arranger.shift(sketch, part, shift);
        corner.x += size.x + MARGIN;
        row_height = row_height.max(size.y);
    }
}

/// Visible length each vertex wants its bonds to have, so that labels fit.
fn gaps(sketch: &Sketch) -> Vec<f64> {
    let mut gaps = vec![GAP; sketch.vertices.len()];
    let mut bundles = std::collections::BTreeMap::new();
    for bond in &sketch.bonds {
        let [a, b] = bond.ends;
        let bundle = bundles.entry([a.min(b), a.max(b)]).or_insert(0);
        *bundle += 1;
        if *bundle == 2 && a != b {
            // Parallel bonds bend apart, which takes length.
            gaps[a] = gaps[a].max(2.0 * GAP);
            gaps[b] = gaps[b].max(2.0 * GAP);
        }
    }
    for bond in sketch.bonds.iter().filter(|bond| bond.labelled) {
        let wished = text::width(&bond.dim.to_string(), BOND_SIZE) + 12.0;
        for end in bond.ends {
            gaps[end] = gaps[end].max(wished);
        }
    }
    gaps
}

struct Arranger {
    gaps: Vec<f64>,
    legs: Vec<Vec<usize>>,
    neighbours: Vec<Vec<usize>>,
}

impl Arranger {
    fn part(&self, sketch: &mut Sketch, part: &[usize], row: usize) {
        match shapes::classify(part, &self.neighbours) {
            Kind::Chain(order) => {
                if order.len() > TALKATIVE {
                    order.iter().for_each(|&v| sketch.vertices[v].drop_dims());
                }
                self.chain(sketch, &order, row);
            }
            Kind::Ring(order) => self.ring(sketch, &order),
            Kind::Star(centre, leaves) => self.star(sketch, centre, &leaves),
            Kind::Caterpillar(spine, hangers) => self.caterpillar(sketch, &spine, &hangers),
            Kind::Tree(root) => self.tree(sketch, root, part.len()),
            Kind::General => self.general(sketch, part),
        }
    }

    /// Distance of the centres of two neighbours along a direction.
    fn pitch(&self, sketch: &Sketch, a: usize, b: usize, direction: Point) -> f64 {
        let gap = self.gaps[a].min(self.gaps[b]);
        sketch.vertices[a].rect().reach(direction)
            + gap
            + sketch.vertices[b].rect().reach(direction)
    }

    /// Half the width a vertex needs with its legs hanging down or up.
    fn footprint(&self, sketch: &Sketch, v: usize) -> f64 {
        let width = |end: fn(End) -> bool| -> f64 {
            let legs = self.legs[v].iter().map(|&l| &sketch.legs[l]);
            legs.filter(|leg| end(leg.end))
                .map(|leg| 2.0 * leg.label_half().x + 8.0)
                .sum()
        };
        let down = width(|end| end != End::Input);
        let up = width(|end| end == End::Input);
        sketch.vertices[v].half.x.max(down / 2.0).max(up / 2.0)
    }

    /// Outputs down, inputs up.
    fn hang(&self, sketch: &mut Sketch, v: usize, down: f64) {
        let (inputs, others): (Vec<usize>, Vec<usize>) = self.legs[v]
            .iter()
            .partition(|&&leg| sketch.legs[leg].end == End::Input);
        legs::fan(sketch, &others, down);
        legs::fan(sketch, &inputs, -down);
    }

    fn chain(&self, sketch: &mut Sketch, order: &[usize], row: usize) {
        let rows = order.len().div_ceil(row);
        let per_row = order.len().div_ceil(rows.max(1));
        let right = Point::new(1.0, 0.0);
        let mut pitch: f64 = 0.0;
        for pair in order.windows(2) {
            let feet = self.footprint(sketch, pair[0]) + self.footprint(sketch, pair[1]);
            pitch = pitch
                .max(self.pitch(sketch, pair[0], pair[1], right))
                .max(feet);
        }
        // Room for labels between the rows of a chain that turns round.
        let label = |&v: &usize| {
            self.legs[v]
                .iter()
                .map(|&l| sketch.legs[l].label_half().y * 2.0)
        };
        let tallest = order.iter().flat_map(label).fold(0.0, f64::max);
        let height = 44.0 + GAP + if tallest > 0.0 { tallest + 44.0 } else { 10.0 };
        for (k, &v) in order.iter().enumerate() {
            let (line, column) = (k / per_row, k % per_row);
            let column = if line % 2 == 0 {
                column
            } else {
                per_row - 1 - column
            };
            sketch.vertices[v].at = Point::new(column as f64 * pitch, line as f64 * height);
            self.hang(sketch, v, DOWN);
        }
        // The bond that turns round runs beside the legs, not through them.
        for line in 1..rows {
            let corner = order[line * per_row - 1];
            let side = if line % 2 == 1 {
                0.9
            } else {
                std::f64::consts::PI - 0.9
            };
            let outputs: Vec<usize> = self.legs[corner]
                .iter()
                .copied()
                .filter(|&l| sketch.legs[l].end != End::Input)
                .collect();
            legs::fan(sketch, &outputs, std::f64::consts::PI - side);
        }
    }

    fn ring(&self, sketch: &mut Sketch, order: &[usize]) {
        let n = order.len() as f64;
        let mut pitch: f64 = 0.0;
        for (k, &v) in order.iter().enumerate() {
            let next = order[(k + 1) % order.len()];
            let size = |u: usize| sketch.vertices[u].half.length() * 0.8;
            let gap = self.gaps[v].min(self.gaps[next]);
            pitch = pitch.max(size(v) + size(next) + gap);
        }
        let radius = pitch / (2.0 * (std::f64::consts::PI / n).sin());
        for (k, &v) in order.iter().enumerate() {
            // An even ring has a flat top; an odd one stands on its base.
            let turn = if order.len().is_multiple_of(2) {
                0.5
            } else {
                0.0
            };
            let angle = UP + TAU * (k as f64 - turn) / n;
            sketch.vertices[v].at = Point::unit(angle).times(radius);
            legs::fan(sketch, &self.legs[v], angle);
        }
    }

    fn star(&self, sketch: &mut Sketch, centre: usize, leaves: &[usize]) {
        let n = leaves.len() as f64;
        sketch.vertices[centre].at = Point::default();
        let widest = leaves
            .iter()
            .map(|&v| sketch.vertices[v].half.length() + 4.0)
            .fold(0.0, f64::max);
        let crowd = if leaves.len() > 2 {
            widest / (std::f64::consts::PI / n).sin()
        } else {
            0.0
        };
        let mut taken = Vec::new();
        for (k, &v) in leaves.iter().enumerate() {
            let angle = UP + TAU * k as f64 / n;
            let direction = Point::unit(angle);
            let length = self.pitch(sketch, centre, v, direction).max(crowd);
            sketch.vertices[v].at = direction.times(length);
            legs::fan(sketch, &self.legs[v], angle);
            taken.push(angle);
        }
        legs::fan_in_gaps(sketch, &self.legs[centre], &taken);
    }

    fn caterpillar(&self, sketch: &mut Sketch, spine: &[usize], hangers: &[Vec<usize>]) {
        let right = Point::new(1.0, 0.0);
        let down = Point::new(0.0, 1.0);
        let foot = |sketch: &Sketch, k: usize| {
            let below = hangers[k].iter().map(|&h| self.footprint(sketch, h));
            below.fold(self.footprint(sketch, spine[k]), f64::max)
        };
        let mut x = 0.0;
        for (k, &v) in spine.iter().enumerate() {
            if k > 0 {
                let feet = foot(sketch, k - 1) + foot(sketch, k) + 6.0;
                x += self.pitch(sketch, spine[k - 1], v, right).max(feet);
            }
            sketch.vertices[v].at = Point::new(x, 0.0);
            for (h, &hanger) in hangers[k].iter().enumerate() {
                let (side, angle) = if h == 0 { (1.0, DOWN) } else { (-1.0, UP) };
                let length = side * self.pitch(sketch, v, hanger, down);
                sketch.vertices[hanger].at = Point::new(x, length);
                legs::fan(sketch, &self.legs[hanger], angle);
            }
            match hangers[k].len() {
                0 => self.hang(sketch, v, DOWN),
                1 => legs::fan(sketch, &self.legs[v], UP),
                _ => legs::fan(sketch, &self.legs[v], -0.9),
            }
        }
    }

    /// Leaves side by side in order, parents above the middle of their children.
    fn tree(&self, sketch: &mut Sketch, root: usize, size: usize) {
        let mut parent = vec![usize::MAX; sketch.vertices.len()];
        let mut order = Vec::with_capacity(size);
        let mut stack = vec![(root, 0usize)];
        let mut deepest = 0;
        while let Some((v, depth)) = stack.pop() {
            order.push(v);
            sketch.vertices[v].at.y = depth as f64;
            deepest = deepest.max(depth);
            for &child in self.neighbours[v].iter().rev() {
                if child != parent[v] {
                    parent[child] = v;
                    stack.push((child, depth + 1));
                }
            }
        }
        // Preorder: children come after their parent, subtrees in one piece.
        let mut edge = 0.0;
        let mut extent: Vec<Option<(f64, f64)>> = vec![None; sketch.vertices.len()];
        for &v in &order {
            if self.neighbours[v].len() == 1 && v != root {
                let foot = self.footprint(sketch, v) + 5.0;
                extent[v] = Some((edge + foot, edge + foot));
                edge += 2.0 * foot;
            }
        }
        for &v in order.iter().rev() {
            let (low, high) = extent[v].unwrap_or((0.0, 0.0));
            let x = (low + high) / 2.0;
            sketch.vertices[v].at.x = x;
            if v != root {
                let (from, to) = extent[parent[v]].unwrap_or((x, x));
                extent[parent[v]] = Some((from.min(x), to.max(x)));
            }
        }
        for &v in &order {
            sketch.vertices[v].at.y *= 44.0 + GAP + 8.0;
        }
        for &v in &order {
            if self.neighbours[v].len() == 1 && v != root {
                legs::fan(sketch, &self.legs[v], DOWN);
            } else {
                let at = sketch.vertices[v].at;
                let angle = |&u: &usize| sketch.vertices[u].at.minus(at).angle();
                let taken: Vec<f64> = self.neighbours[v].iter().map(angle).collect();
                legs::fan_in_gaps(sketch, &self.legs[v], &taken);
            }
        }
    }

    /// Stress layout with the labels of the legs as boxes of their own.
    fn general(&self, sketch: &mut Sketch, part: &[usize]) {
        let mut number = vec![usize::MAX; sketch.vertices.len()];
        let mut graph = stress::Boxes {
            half: Vec::new(),
            edges: Vec::new(),
        };
        for &v in part {
            number[v] = graph.half.len();
            graph.half.push(sketch.vertices[v].half);
        }
        let radius = |half: Point| 0.7 * half.length();
        for bond in &sketch.bonds {
            let [a, b] = bond.ends;
            if a != b && number[a] != usize::MAX {
                let gap = self.gaps[a].min(self.gaps[b]) + 14.0;
                let size = radius(sketch.vertices[a].half) + radius(sketch.vertices[b].half);
                graph.edges.push((number[a], number[b], size + gap));
            }
        }
        let mut tips = Vec::new();
        for &v in part {
            for &leg in &self.legs[v] {
                let half = sketch.legs[leg].label_half();
                let length = radius(sketch.vertices[v].half) + radius(half) + 26.0;
                graph.edges.push((number[v], graph.half.len(), length));
                graph.half.push(half);
                tips.push((v, leg));
            }
        }
        let at = stress::layout(&graph);
        for &v in part {
            sketch.vertices[v].at = at[number[v]];
        }
        for (k, (v, leg)) in tips.into_iter().enumerate() {
            let label = at[part.len() + k];
            let direction = label.minus(sketch.vertices[v].at).direction();
            sketch.legs[leg].angle = direction.angle();
        }
        legs::settle(sketch, part, &self.legs);
    }

    /// The box round a part with its legs and their labels.
    fn bounds(&self, sketch: &Sketch, part: &[usize]) -> Rect {
        let mut low = Point::new(f64::INFINITY, f64::INFINITY);
        let mut high = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut include = |rect: Rect| {
            low = Point::new(
                low.x.min(rect.centre.x - rect.half.x),
                low.y.min(rect.centre.y - rect.half.y),
            );
            high = Point::new(
                high.x.max(rect.centre.x + rect.half.x),
                high.y.max(rect.centre.y + rect.half.y),
            );
        };
        for &v in part {
            include(sketch.vertices[v].rect());
            for &leg in &self.legs[v] {
                include(legs::label_rect(&sketch.legs[leg]));
            }
        }
        for bond in &sketch.bonds {
            if part.binary_search(&bond.ends[0]).is_ok() {
                for point in bond_path(sketch, bond) {
                    include(Rect::new(point, Point::new(6.0, 6.0)));
                }
            }
        }
        Rect::new(low.between(high, 0.5), high.minus(low).times(0.5))
    }

    fn shift(&self, sketch: &mut Sketch, part: &[usize], by: Point) {
        for &v in part {
            sketch.vertices[v].at = sketch.vertices[v].at.plus(by);
            for &leg in &self.legs[v] {
                sketch.legs[leg].tip = sketch.legs[leg].tip.plus(by);
            }
        }
    }
}

/// The curve of a bond as points.
pub(crate) fn bond_path(sketch: &Sketch, bond: &super::sketch::Bond) -> Vec<Point> {
    let [a, b] = bond.ends.map(|v| sketch.vertices[v].at);
    if bond.ends[0] == bond.ends[1] {
        return legs::loop_path(sketch.vertices[bond.ends[0]].rect(), bond.bulge);
    }
    super::geometry::quadratic(a, b, bond.bulge, if bond.bulge == 0.0 { 1 } else { 12 })
}

/// Parts parallel bonds, points loops into free space, and bends bonds round
/// boxes in their way.
fn bend(sketch: &mut Sketch, part: &[usize]) {
    let inside = |v: usize| part.binary_search(&v).is_ok();
    let mut boxes = Grid::default();
    for &v in part {
        boxes.insert(&sketch.vertices[v].rect().grown(OBSTACLE), v);
    }
    let numbers: Vec<usize> = (0..sketch.bonds.len())
        .filter(|&k| inside(sketch.bonds[k].ends[0]))
        .collect();
    let mut bundles: std::collections::BTreeMap<[usize; 2], Vec<usize>> = Default::default();
    for &k in &numbers {
        let [a, b] = sketch.bonds[k].ends;
        bundles.entry([a.min(b), a.max(b)]).or_default().push(k);
    }
    for ([a, b], bundle) in bundles {
        if a == b {
            for k in bundle {
                sketch.bonds[k].bulge = free_angle(sketch, a);
            }
            continue;
        }
        let count = bundle.len() as f64;
        if count > 1.0 {
            for (position, k) in bundle.into_iter().enumerate() {
                let bulge = (position as f64 - (count - 1.0) / 2.0) * BUNDLE;
                // The sign of a bulge depends on the direction of the bond.
                let flip = if sketch.bonds[k].ends[0] == a {
                    1.0
                } else {
                    -1.0
                };
                sketch.bonds[k].bulge = flip * bulge;
            }
            continue;
        }
        let k = bundle[0];
        let blocked = |bulge: f64| -> f64 {
            let mut bond = sketch.bonds[k].clone();
            bond.bulge = bulge;
            let path = bond_path(sketch, &bond);
            let foreign = boxes.along(&path).into_iter().filter(|&v| v != a && v != b);
            foreign
                .map(|v| {
                    let rect = sketch.vertices[v].rect().grown(OBSTACLE);
                    path.windows(2).map(|s| rect.clip(s[0], s[1])).sum::<f64>()
                })
                .sum()
        };
        let mut best = (blocked(0.0), 0.0);
        if best.0 > 0.0 {
            for bulge in [18.0, -18.0, 32.0, -32.0, 48.0, -48.0] {
                let cost = blocked(bulge);
                if cost < best.0 {
                    best = (cost, bulge);
                }
            }
        }
        sketch.bonds[k].bulge = best.1;
    }
}

/// The middle of the largest gap between the lines at a vertex.
fn free_angle(sketch: &Sketch, v: usize) -> f64 {
    let at = sketch.vertices[v].at;
    let mut taken = Vec::new();
    for bond in &sketch.bonds {
        let [a, b] = bond.ends;
        if a == b {
            if a == v && bond.bulge != 0.0 {
                taken.push(bond.bulge);
            }
        } else if a == v || b == v {
            let other = if a == v { b } else { a };
            taken.push(sketch.vertices[other].at.minus(at).angle());
        }
    }
    let legs = sketch.legs.iter().filter(|leg| leg.vertex == v);
    taken.extend(legs.map(|leg| leg.angle));
    if taken.is_empty() {
        return UP;
    }
    legs::largest_gap(&taken).0
}
