//! The index space of an evaluation, cut into tiles.

use smallvec::SmallVec;

use crate::{Axes, Strides};

/// Elements of a tile: 4 to 16 KiB, so that a handful of tiles stay in the
/// first-level cache while a program passes over them.
pub(super) const TILE: usize = 1024;

/// Edge of the square tiles used where operands run along different axes.
const EDGE: usize = 32;

/// Axes, outermost first, with the strides of every operand in elements.
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub lengths: Axes,
    /// `strides[operand][axis]`.
    pub strides: Vec<Strides>,
    /// Tile length along every axis.
    pub blocks: Axes,
    /// Number of tiles along every axis.
    pub counts: Axes,
}

/// One tile of a [`Space`]; reused from tile to tile.
#[derive(Clone, Debug, Default)]
pub(super) struct Tile {
    pub extents: Axes,
    /// Offset of its first element for every operand, in elements.
    pub offsets: SmallVec<[isize; 6]>,
    pub length: usize,
}

impl Space {
    /// Merges neighbouring axes that every operand runs through alike, but
    /// none before with one from `boundary` on; the second result is the new
    /// boundary. Tiles have yet to be chosen.
    pub fn merged(lengths: &[usize], strides: &[Strides], boundary: usize) -> (Self, usize) {
        let mut space = Self {
            lengths: Axes::new(),
            strides: vec![Strides::new(); strides.len()],
            blocks: Axes::new(),
            counts: Axes::new(),
        };
        let mut new_boundary = 0;
        for axis in 0..lengths.len() {
            if axis == boundary {
                new_boundary = space.lengths.len();
            }
            if lengths[axis] == 1 {
                continue;
            }
            let mergeable = space.lengths.len() > if axis >= boundary { new_boundary } else { 0 }
                && (space.strides.iter().zip(strides)).all(|(kept, new)| {
                    *kept.last().unwrap_or(&0) == new[axis] * lengths[axis] as isize
                });
            if mergeable {
                let last = space.lengths.len() - 1;
                space.lengths[last] *= lengths[axis];
                for (kept, new) in space.strides.iter_mut().zip(strides) {
                    kept[last] = new[axis];
                }
            } else {
                space.lengths.push(lengths[axis]);
                for (kept, new) in space.strides.iter_mut().zip(strides) {
                    kept.push(new[axis]);
                }
            }
        }
        if boundary >= lengths.len() {
            new_boundary = space.lengths.len();
        }
        (space, new_boundary)
    }

    /// Tiles for writing results: whole inner axes up to [`TILE`] elements,
    /// or squares if an operand runs along another axis than the last.
    pub fn tiled(mut self) -> Self {
        let last = self.lengths.len().wrapping_sub(1);
        let crossing = self.strides.iter().find_map(|strides| {
            let &inner = strides.last()?;
            if inner == 0 || inner.abs() == 1 || self.lengths[last] < 8 {
                return None;
            }
            (0..last).find(|&axis| strides[axis].abs() == 1 && self.lengths[axis] >= 8)
        });
        self.blocks = Axes::from_elem(1, self.lengths.len());
        if let Some(axis) = crossing {
            self.blocks[last] = EDGE.min(self.lengths[last]);
            self.blocks[axis] = EDGE.min(self.lengths[axis]);
        } else {
            self.fill_blocks(0..self.lengths.len(), TILE);
        }
        self.count();
        self
    }

    /// Tiles for reductions: whole axes of `inner`, and if those leave room
    /// for two steps or more, of `outer`.
    pub fn tiled_in_two(
        mut self,
        outer: std::ops::Range<usize>,
        inner: std::ops::Range<usize>,
    ) -> Self {
        self.blocks = Axes::from_elem(1, self.lengths.len());
        let whole = self.fill_blocks(inner.clone(), TILE);
        let used = self.blocks[inner].iter().product::<usize>().max(1);
        if whole && TILE / used >= 2 {
            self.fill_blocks(outer, TILE / used);
        }
        self.count();
        self
    }

    /// Gives the axes of `range`, from the last, blocks of at most `room`
    /// elements together; whether all of them are whole.
    fn fill_blocks(&mut self, range: std::ops::Range<usize>, mut room: usize) -> bool {
        for axis in range.rev() {
            self.blocks[axis] = self.lengths[axis].min(room);
            if self.blocks[axis] < self.lengths[axis] {
                return false;
            }
            room /= self.blocks[axis].max(1);
        }
        true
    }

    fn count(&mut self) {
        self.counts = (self.lengths.iter().zip(&self.blocks))
            .map(|(&length, &block)| length.div_ceil(block.max(1)))
            .collect();
    }

    /// Number of tiles along the axes of `range`.
    pub fn tiles(&self, range: std::ops::Range<usize>) -> usize {
        self.counts[range].iter().product()
    }

    /// Elements of the largest tile.
    pub fn largest(&self) -> usize {
        self.blocks.iter().product()
    }

    /// Moves `tile` to `number` in row-major order.
    pub fn place(&self, mut number: usize, tile: &mut Tile) {
        tile.extents.clear();
        tile.extents.resize(self.lengths.len(), 1);
        tile.offsets.clear();
        tile.offsets.resize(self.strides.len(), 0);
        tile.length = 1;
        for axis in (0..self.lengths.len()).rev() {
            let index = number % self.counts[axis];
            number /= self.counts[axis];
            let start = index * self.blocks[axis];
            let extent = self.blocks[axis].min(self.lengths[axis] - start);
            tile.extents[axis] = extent;
            tile.length *= extent;
            for (offset, strides) in tile.offsets.iter_mut().zip(&self.strides) {
                *offset += start as isize * strides[axis];
            }
        }
    }
}

impl Tile {
    /// Whether an operand of these strides is row-major dense in the tile.
    pub fn is_dense(&self, strides: &[isize]) -> bool {
        let mut step = 1;
        for (&extent, &stride) in self.extents.iter().zip(strides).rev() {
            if extent > 1 && stride != step {
                return false;
            }
            step *= extent as isize;
        }
        true
    }

    /// Whether an operand of these strides has one value in the tile.
    pub fn is_constant(&self, strides: &[isize]) -> bool {
        (self.extents.iter().zip(strides)).all(|(&extent, &stride)| extent == 1 || stride == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strides(list: &[&[isize]]) -> Vec<Strides> {
        list.iter().map(|&s| s.into()).collect()
    }

    #[test]
    fn axes_merge_only_if_every_operand_agrees_and_not_across_the_boundary() {
        let same = strides(&[&[12, 4, 1], &[12, 4, 1]]);
        let (space, boundary) = Space::merged(&[2, 3, 4], &same, 0);
        assert_eq!((&space.lengths[..], boundary), (&[24][..], 0));
        let (space, boundary) = Space::merged(&[2, 3, 4], &same, 1);
        assert_eq!((&space.lengths[..], boundary), (&[2, 12][..], 1));
        let broadcast = strides(&[&[12, 4, 1], &[0, 4, 1]]);
        let (space, _) = Space::merged(&[2, 3, 4], &broadcast, 0);
        assert_eq!(space.lengths[..], [2, 12]);
        let (space, boundary) = Space::merged(&[1, 1], &strides(&[&[1, 1]]), 1);
        assert_eq!((space.lengths.len(), boundary), (0, 0));
    }

    #[test]
    fn tiles_partition_the_space() {
        for (lengths, steps) in [
            (vec![50, 70], vec![1isize, 50]),
            (vec![7, 3000], vec![3000, 1]),
            (vec![2; 13], (0..13).map(|k| 1 << k).collect()),
        ] {
            let (space, _) = Space::merged(&lengths, &strides(&[&steps]), 0);
            let space = space.tiled();
            let mut tile = Tile::default();
            let mut total = 0;
            for number in 0..space.tiles(0..space.lengths.len()) {
                space.place(number, &mut tile);
                assert!(tile.length <= TILE.max(EDGE * EDGE));
                total += tile.length;
            }
            assert_eq!(total, lengths.iter().product::<usize>());
        }
    }
}
