//! Which boxes are near a place, without asking every one.

use std::collections::HashMap;

use super::geometry::{Point, Rect};

/// Side of a cell, about the size of a box with its bond.
const CELL: f64 = 90.0;

/// Numbers of boxes by the cells they touch.
#[derive(Default)]
pub(crate) struct Grid {
    cells: HashMap<(i64, i64), Vec<usize>>,
}

impl Grid {
    pub fn insert(&mut self, rect: &Rect, number: usize) {
        for cell in cells(rect) {
            self.cells.entry(cell).or_default().push(number);
        }
    }

    /// Puts a segment into the cells along it.
    pub fn insert_segment(&mut self, from: Point, to: Point, number: usize) {
        for piece in pieces(from, to) {
            self.insert(&piece, number);
        }
    }

    /// Numbers in the cells along a path, increasing, each once.
    pub fn along(&self, path: &[Point]) -> Vec<usize> {
        let mut found: Vec<usize> = path
            .windows(2)
            .flat_map(|ends| pieces(ends[0], ends[1]))
            .flat_map(|piece| self.near(&piece))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Numbers in the cells of a box, increasing, each once.
    pub fn near(&self, rect: &Rect) -> Vec<usize> {
        let mut found: Vec<usize> = cells(rect)
            .filter_map(|cell| self.cells.get(&cell))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn cells(rect: &Rect) -> impl Iterator<Item = (i64, i64)> + use<> {
    let range = |centre: f64, half: f64| {
        let low = ((centre - half) / CELL).floor() as i64;
        low..=(((centre + half) / CELL).floor() as i64).max(low)
    };
    let rows = range(rect.centre.y, rect.half.y);
    range(rect.centre.x, rect.half.x).flat_map(move |x| rows.clone().map(move |y| (x, y)))
}

/// Boxes of short pieces of a segment.
fn pieces(from: Point, to: Point) -> impl Iterator<Item = Rect> {
    let steps = (to.minus(from).length() / (0.5 * CELL)).ceil().max(1.0) as u32;
    (0..steps).map(move |k| {
        let ends = [k, k + 1].map(|k| from.between(to, f64::from(k) / f64::from(steps)));
        let half = ends[1].minus(ends[0]).times(0.5);
        let half = Point::new(half.x.abs(), half.y.abs());
        Rect::new(ends[0].between(ends[1], 0.5), half)
    })
}
