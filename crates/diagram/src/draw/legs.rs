//! Directions of open ends, and the shape of loops.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::geometry::{Point, Rect, reach};
use super::sketch::{Leg, Sketch, stroke};

/// Visible length of an open end.
const LENGTH: f64 = 24.0;

/// Legs times boxes and bonds beyond which legs stay where the layout put them.
const SETTLED: usize = 300_000;

/// Space between the tip of an open end and its label; the round cap of the
/// line reaches into it.
pub(crate) fn label_gap(dim: u64) -> f64 {
    3.0 + stroke(dim) / 2.0
}

/// The box of the label of a leg.
pub(crate) fn label_rect(leg: &Leg) -> Rect {
    let direction = Point::unit(leg.angle);
    let half = leg.label_half();
    let out = reach(half, direction) + label_gap(leg.dim);
    Rect::new(leg.tip.plus(direction.times(out)), half)
}

fn point(sketch: &mut Sketch, leg: usize, angle: f64) {
    point_at(sketch, leg, angle, LENGTH);
}

fn point_at(sketch: &mut Sketch, leg: usize, angle: f64, visible: f64) {
    let vertex = &sketch.vertices[sketch.legs[leg].vertex];
    let direction = Point::unit(angle);
    let length = vertex.rect().reach(direction) + visible;
    sketch.legs[leg].tip = vertex.at.plus(direction.times(length));
    sketch.legs[leg].angle = angle;
}

/// Spreads legs of one vertex about a direction, as far as their labels need.
pub(crate) fn fan(sketch: &mut Sketch, legs: &[usize], towards: f64) {
    let Some(&first) = legs.first() else {
        return;
    };
    let vertex = &sketch.vertices[sketch.legs[first].vertex];
    let out = reach(vertex.half, Point::unit(towards)) + LENGTH + 10.0;
    let widest = legs
        .iter()
        .map(|&leg| 2.0 * sketch.legs[leg].label_half().x + 8.0)
        .fold(0.0, f64::max);
    let step = 2.0 * (widest / (2.0 * out)).min(0.7).asin();
    let count = legs.len() as f64;
    let step = step.max(0.45).min(0.95 * PI / (count - 1.0).max(1.0));
    // Downwards and upwards, order from left to right.
    let sign = if towards.sin() > 0.3 { -1.0 } else { 1.0 };
    for (k, &leg) in legs.iter().enumerate() {
        let turn = (k as f64 - (count - 1.0) / 2.0) * step;
        point(sketch, leg, towards + sign * turn);
    }
}

/// Puts legs one by one into the largest gap the taken directions leave.
pub(crate) fn fan_in_gaps(sketch: &mut Sketch, legs: &[usize], taken: &[f64]) {
    let mut taken = taken.to_vec();
    for &leg in legs {
        let angle = if taken.is_empty() {
            FRAC_PI_2
        } else {
            largest_gap(&taken).0
        };
        point(sketch, leg, angle);
        taken.push(angle);
    }
}

/// Turns the legs of a part away from what a general layout put in their way:
/// of 32 directions and three lengths, the one that covers least, near the
/// direction the layout chose.
pub(crate) fn settle(sketch: &mut Sketch, part: &[usize], legs_of: &[Vec<usize>]) {
    let inside = |v: usize| part.binary_search(&v).is_ok();
    let bonds: Vec<[usize; 2]> = sketch
        .bonds
        .iter()
        .map(|bond| bond.ends)
        .filter(|ends| inside(ends[0]) && ends[0] != ends[1])
        .collect();
    let count: usize = part.iter().map(|&v| legs_of[v].len()).sum();
    if count * (part.len() + bonds.len()) > SETTLED {
        return;
    }
    let mut placed: Vec<Rect> = Vec::new();
    for &v in part {
        for &leg in &legs_of[v] {
            let wished = sketch.legs[leg].angle;
            let mut best = (f64::INFINITY, wished, LENGTH);
            for turn in 0..32 {
                let angle = wished + TAU * f64::from(turn) / 32.0;
                for visible in [LENGTH, LENGTH + 14.0, LENGTH + 30.0] {
                    point_at(sketch, leg, angle, visible);
                    let taste = 1.0 - (angle - wished).cos() + 0.02 * visible;
                    let cost = obstruction(sketch, leg, part, &bonds, &placed) + taste;
                    if cost < best.0 {
                        best = (cost, angle, visible);
                    }
                }
            }
            point_at(sketch, leg, best.1, best.2);
            placed.push(label_rect(&sketch.legs[leg]));
        }
    }
}

/// How much a leg and its label cover of boxes, bonds and other labels.
fn obstruction(
    sketch: &Sketch,
    leg: usize,
    part: &[usize],
    bonds: &[[usize; 2]],
    placed: &[Rect],
) -> f64 {
    let leg = &sketch.legs[leg];
    let from = sketch.vertices[leg.vertex].at;
    let label = label_rect(leg).grown(2.0);
    let mut cost: f64 = placed.iter().map(|other| label.overlap(other)).sum();
    for &v in part {
        let rect = sketch.vertices[v].rect().grown(3.0);
        cost += rect.overlap(&label);
        if v != leg.vertex {
            cost += 4.0 * rect.clip(from, leg.tip);
        }
    }
    for ends in bonds {
        let [a, b] = ends.map(|v| sketch.vertices[v].at);
        cost += 3.0 * label.clip(a, b);
        if ends.contains(&leg.vertex) {
            // Bonds of the same box are kept at some angle.
            let other = if ends[0] == leg.vertex { b } else { a };
            let apart = (other.minus(from).angle() - leg.angle).cos();
            cost += 40.0 * (apart - 0.85).max(0.0);
        } else if crosses(from, leg.tip, a, b) {
            cost += 12.0;
        }
    }
    cost
}

/// Whether two segments cross.
fn crosses(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |p: Point, q: Point, r: Point| {
        let (u, v) = (q.minus(p), r.minus(p));
        u.x * v.y - u.y * v.x
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Middle and size of the largest gap between directions; of equal gaps the
/// one nearest to downwards.
pub(crate) fn largest_gap(taken: &[f64]) -> (f64, f64) {
    let mut sorted: Vec<f64> = taken.iter().map(|a| a.rem_euclid(TAU)).collect();
    sorted.sort_by(f64::total_cmp);
    let mut best = (FRAC_PI_2, -1.0);
    for (k, &from) in sorted.iter().enumerate() {
        let to = sorted.get(k + 1).copied().unwrap_or(sorted[0] + TAU);
        let (middle, size) = ((from + to) / 2.0, to - from);
        let down = |angle: f64| angle.sin();
        let better = size > best.1 + 1e-6;
        let equal = (size - best.1).abs() <= 1e-6;
        if better || (equal && down(middle) > down(best.0) + 1e-6) {
            best = (middle, size);
        }
    }
    best
}

/// The curve of a loop at a box, pointing along `angle`.
pub(crate) fn loop_path(rect: Rect, angle: f64) -> Vec<Point> {
    let [start, one, two, end] = loop_controls(rect, angle);
    (0..=14)
        .map(|k| {
            let t = f64::from(k) / 14.0;
            let (a, b, c) = (
                start.between(one, t),
                one.between(two, t),
                two.between(end, t),
            );
            a.between(b, t).between(b.between(c, t), t)
        })
        .collect()
}

/// Bézier points of a loop.
pub(crate) fn loop_controls(rect: Rect, angle: f64) -> [Point; 4] {
    let foot = |turn: f64| {
        let direction = Point::unit(angle + turn);
        rect.centre
            .plus(direction.times(0.8 * rect.reach(direction)))
    };
    let far = |turn: f64| {
        let direction = Point::unit(angle + turn);
        rect.centre
            .plus(direction.times(rect.reach(direction) + 46.0))
    };
    [foot(-0.45), far(-0.5), far(0.5), foot(0.45)]
}
