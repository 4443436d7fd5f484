//! Layout of general graphs by stress.
//!
//! Method: distances along shortest paths; a start from pivot multidimensional
//! scaling (Brandes and Pich 2007); stress majorisation with weights d⁻²
//! (Gansner, Koren and North 2004), one vertex at a time, over all pairs or, in
//! large graphs, over neighbours and pivots only; then boxes that
//! overlap and boxes crossed by foreign bonds are pushed apart.
//!
//! Deterministic: the only randomness is a seeded jitter that parts vertices
//! the start puts on one spot.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tensegrity_tensor::SplitMix64;

use super::geometry::{Point, Rect, offset_from_segment, reach};
use super::grid::Grid;

/// Space kept between boxes.
const MARGIN: f64 = 7.0;
/// Vertices above which wishes are kept to neighbours and pivots.
const MAJORISED: usize = 1500;

/// A graph of boxes to lay out.
pub(crate) struct Boxes {
    /// Half extents of each vertex.
    pub half: Vec<Point>,
    /// Ends and wished length of each edge.
    pub edges: Vec<(usize, usize, f64)>,
}

/// Centres of the boxes of a connected graph.
pub(crate) fn layout(graph: &Boxes) -> Vec<Point> {
    let n = graph.half.len();
    let mut neighbours = vec![Vec::new(); n];
    for &(a, b, length) in &graph.edges {
        neighbours[a].push((b, length));
        neighbours[b].push((a, length));
    }
    let pivots = pivot_distances(&neighbours);
    let mut at = pivot_start(&neighbours, &pivots);
    let wishes: Vec<Vec<(usize, f64)>> = if n <= MAJORISED {
        (0..n)
            .map(|v| shortest(&neighbours, v).into_iter().enumerate().collect())
            .collect()
    } else {
        sparse_wishes(&neighbours, &pivots)
    };
    majorise(&mut at, &wishes);
    orient(&mut at, &graph.edges);
    make_room(&mut at, graph);
    push_apart(&mut at, graph);
    at
}

/// Lengths of shortest paths from `source` (Dijkstra); lengths are multiples
/// of 2⁻¹⁰ so that they can be compared as integers.
fn shortest(neighbours: &[Vec<(usize, f64)>], source: usize) -> Vec<f64> {
    const GRAIN: f64 = 1024.0;
    let mut best = vec![u64::MAX; neighbours.len()];
    let mut queue = BinaryHeap::from([Reverse((0u64, source))]);
    best[source] = 0;
    while let Some(Reverse((distance, v))) = queue.pop() {
        if distance > best[v] {
            continue;
        }
        for &(u, length) in &neighbours[v] {
            let next = distance + (length * GRAIN) as u64;
            if next < best[u] {
                best[u] = next;
                queue.push(Reverse((next, u)));
            }
        }
    }
    best.into_iter().map(|d| d as f64 / GRAIN).collect()
}

/// Distances to a few vertices, each as far as possible from those before.
fn pivot_distances(neighbours: &[Vec<(usize, f64)>]) -> Vec<(usize, Vec<f64>)> {
    let n = neighbours.len();
    let mut nearest = vec![f64::INFINITY; n];
    let mut pivot = 0;
    let mut columns = Vec::new();
    for _ in 0..n.min(50) {
        let column = shortest(neighbours, pivot);
        for (near, &d) in nearest.iter_mut().zip(&column) {
            *near = near.min(d);
        }
        columns.push((pivot, column));
        pivot = (0..n)
            .max_by(|&a, &b| nearest[a].total_cmp(&nearest[b]).then(b.cmp(&a)))
            .unwrap_or(0);
    }
    columns
}

/// Wishes to neighbours and pivots only, for graphs too large for all pairs.
fn sparse_wishes(
    neighbours: &[Vec<(usize, f64)>],
    pivots: &[(usize, Vec<f64>)],
) -> Vec<Vec<(usize, f64)>> {
    let wishes = |(v, near): (usize, &Vec<(usize, f64)>)| {
        let far = pivots.iter().map(|(pivot, column)| (*pivot, column[v]));
        near.iter().copied().chain(far).collect()
    };
    neighbours.iter().enumerate().map(wishes).collect()
}

/// Pivot multidimensional scaling: the two leading directions of the double
/// centred squared distances to the pivots.
fn pivot_start(neighbours: &[Vec<(usize, f64)>], pivots: &[(usize, Vec<f64>)]) -> Vec<Point> {
    let n = neighbours.len();
    let mut columns: Vec<Vec<f64>> = pivots.iter().map(|(_, column)| column.clone()).collect();
    let pivots = columns.len().max(1);
    for column in &mut columns {
        column.iter_mut().for_each(|d| *d = -0.5 * (*d * *d));
        let mean = column.iter().sum::<f64>() / n as f64;
        column.iter_mut().for_each(|d| *d -= mean);
    }
    for v in 0..n {
        let mean = columns.iter().map(|c| c[v]).sum::<f64>() / pivots as f64;
        columns.iter_mut().for_each(|c| c[v] -= mean);
    }
    let mut rng = SplitMix64::new(0x5EED);
    let first = leading(&columns, None, &mut rng);
    let second = leading(&columns, Some(&first), &mut rng);
    let project = |direction: &[f64], v: usize| -> f64 {
        columns.iter().zip(direction).map(|(c, x)| c[v] * x).sum()
    };
    let mut at: Vec<Point> = (0..n)
        .map(|v| Point::new(project(&first, v), project(&second, v)))
        .collect();
    // Scale to the lengths wished for, then part what coincides.
    let (mut wished, mut found) = (0.0, 1e-9);
    for (v, list) in neighbours.iter().enumerate() {
        for &(u, length) in list {
            wished += length;
            found += at[v].minus(at[u]).length();
        }
    }
    let scale = (wished / found).min(1e9);
    for point in &mut at {
        let jitter = Point::new(rng.centred(), rng.centred()).times(8.0);
        *point = point.times(scale).plus(jitter);
    }
    at
}

/// Leading eigenvector of CᵀC by power iteration, orthogonal to `against`.
fn leading(columns: &[Vec<f64>], against: Option<&[f64]>, rng: &mut SplitMix64) -> Vec<f64> {
    let k = columns.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let gram: Vec<Vec<f64>> = columns
        .iter()
        .map(|a| columns.iter().map(|b| dot(a, b)).collect())
        .collect();
    let mut vector: Vec<f64> = (0..k).map(|_| rng.centred()).collect();
    for _ in 0..100 {
        if let Some(other) = against {
            let along = dot(&vector, other);
            vector
                .iter_mut()
                .zip(other)
                .for_each(|(x, y)| *x -= along * y);
        }
        let norm = dot(&vector, &vector).sqrt();
        if norm < 1e-12 {
            return vec![0.0; k];
        }
        vector.iter_mut().for_each(|x| *x /= norm);
        vector = gram.iter().map(|row| dot(row, &vector)).collect();
    }
    let norm = dot(&vector, &vector).sqrt().max(1e-12);
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

/// Moves each vertex to where the weighted wishes (vertex, distance) put it.
fn majorise(at: &mut [Point], wishes: &[Vec<(usize, f64)>]) {
    let terms: usize = wishes.iter().map(Vec::len).sum();
    let sweeps = (20_000_000 / terms.max(1)).clamp(20, 300);
    for _ in 0..sweeps {
        let mut moved: f64 = 0.0;
        for i in 0..at.len() {
            let (mut sum, mut weights) = (Point::default(), 0.0);
            for &(j, wished) in &wishes[i] {
                if i == j || wished <= 0.0 {
                    continue;
                }
                let weight = 1.0 / (wished * wished);
                let pull = at[i].minus(at[j]).direction().times(wished);
                sum = sum.plus(at[j].plus(pull).times(weight));
                weights += weight;
            }
            if weights > 0.0 {
                let next = sum.times(1.0 / weights);
                moved = moved.max(next.minus(at[i]).length());
                at[i] = next;
            }
        }
        if moved < 0.05 {
            break;
        }
    }
}

/// Turns the drawing so that its bonds follow the axes if most of them agree
/// on directions a quarter turn apart (grids), else so that it is wide.
fn orient(at: &mut [Point], edges: &[(usize, usize, f64)]) {
    let mut fourfold = Point::default();
    for &(a, b, _) in edges {
        fourfold = fourfold.plus(Point::unit(4.0 * at[b].minus(at[a]).angle()));
    }
    let n = at.len().max(1) as f64;
    let mean = at
        .iter()
        .fold(Point::default(), |sum, p| sum.plus(*p))
        .times(1.0 / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for point in at.iter_mut() {
        *point = point.minus(mean);
        xx += point.x * point.x;
        xy += point.x * point.y;
        yy += point.y * point.y;
    }
    let agreed = fourfold.length() > 0.5 * edges.len() as f64;
    let angle = if agreed {
        fourfold.angle() / 4.0
    } else {
        0.5 * (2.0 * xy).atan2(xx - yy)
    };
    let axis = Point::unit(angle);
    for point in at.iter_mut() {
        let along = point.x * axis.x + point.y * axis.y;
        let across = point.y * axis.x - point.x * axis.y;
        *point = Point::new(along, across);
    }
    let spread = |f: fn(&Point) -> f64| at.iter().map(f).map(|x| x * x).sum::<f64>();
    if spread(|p| p.y) > 1.2 * spread(|p| p.x) {
        at.iter_mut().for_each(|p| *p = Point::new(p.y, -p.x));
    }
}

/// Spreads a drawing whose boxes would fill more than a quarter of it.
fn make_room(at: &mut [Point], graph: &Boxes) {
    let boxes: f64 = graph
        .half
        .iter()
        .map(|half| 4.0 * (half.x + MARGIN) * (half.y + MARGIN))
        .sum();
    let extent = |f: fn(&Point) -> f64| {
        let high = at.iter().map(f).fold(f64::NEG_INFINITY, f64::max);
        high - at.iter().map(f).fold(f64::INFINITY, f64::min)
    };
    let area = (extent(|p| p.x) * extent(|p| p.y)).max(1.0);
    let scale = (4.0 * boxes / area).sqrt().min(10.0);
    if at.len() > MAJORISED && scale > 1.0 {
        at.iter_mut().for_each(|p| *p = p.times(scale));
    }
}

/// Parts boxes that overlap, and moves boxes out of the way of foreign bonds
/// where the graph is small enough for that to help.
fn push_apart(at: &mut [Point], graph: &Boxes) {
    let n = at.len();
    let crossings = n * graph.edges.len() <= 200_000;
    for _ in 0..120 {
        let mut clean = part_boxes(at, graph);
        if crossings {
            clean &= clear_bonds(at, graph);
        }
        if clean {
            break;
        }
    }
}

/// One round of pushing overlapping boxes apart; whether none did.
fn part_boxes(at: &mut [Point], graph: &Boxes) -> bool {
    let rect = |at: &[Point], v: usize| Rect::new(at[v], graph.half[v]).grown(MARGIN);
    let mut grid = Grid::default();
    for v in 0..at.len() {
        grid.insert(&rect(at, v), v);
    }
    let mut clean = true;
    for a in 0..at.len() {
        for b in grid.near(&rect(at, a)) {
            let depth = rect(at, a).penetration(&rect(at, b));
            if b <= a || depth.x <= 0.0 || depth.y <= 0.0 {
                continue;
            }
            clean = false;
            let apart = at[b].minus(at[a]);
            let push = if depth.x < depth.y {
                Point::new(0.5 * depth.x.copysign(apart.x), 0.0)
            } else {
                Point::new(0.0, 0.5 * depth.y.copysign(apart.y))
            };
            at[a] = at[a].minus(push);
            at[b] = at[b].plus(push);
        }
    }
    clean
}

/// One round of pushing boxes off bonds that are not theirs; whether none was.
fn clear_bonds(at: &mut [Point], graph: &Boxes) -> bool {
    let mut clean = true;
    for &(a, b, _) in &graph.edges {
        for v in 0..at.len() {
            if v == a || v == b {
                continue;
            }
            let offset = offset_from_segment(at[v], at[a], at[b]);
            let away = if offset.length() < 1e-6 {
                at[b].minus(at[a]).direction().turned()
            } else {
                offset.direction()
            };
            let lack = reach(graph.half[v], away) + MARGIN - offset.length();
            if lack > 0.0 {
                clean = false;
                at[v] = at[v].plus(away.times(0.4 * lack));
                at[a] = at[a].minus(away.times(0.15 * lack));
                at[b] = at[b].minus(away.times(0.15 * lack));
            }
        }
    }
    clean
}
