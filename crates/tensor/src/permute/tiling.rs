//! Which part of a copy is one tile, and in what order tiles are visited.
//!
//! A tile is the product of two groups of axes: `near_target`, the axes of
//! smallest target stride until they span [`LINE`] bytes, and `near_source`,
//! the same for the source. Either group may end in a block of a longer axis.
//! Inside a tile every cache line is used whole on both sides, whatever the
//! rank: forty axes of length two give groups of five axes each.

use smallvec::SmallVec;

use super::layout::{Axis, Layout};

/// Bytes a group spans: four cache lines, which keeps both the prefetchers of
/// the reads and the combining buffers of the writes busy.
pub(super) const LINE: usize = 256;

/// Offsets in bytes, one per step of a group.
pub(super) type Offsets = SmallVec<[isize; 64]>;

/// One group of a tile.
#[derive(Debug)]
pub(super) struct Group {
    /// Offset of every step on the source side.
    pub source: Offsets,
    /// Offset of every step on the target side.
    pub target: Offsets,
    /// Steps of the first block, of the last, and of those between.
    first: usize,
    last: usize,
    full: usize,
}

/// One loop over tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub count: usize,
    /// Step from tile zero to tile one (shorter if the first block is).
    first: [isize; 2],
    step: [isize; 2],
    /// Which group this loop cuts into blocks.
    blocks: Option<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

/// A copy as loops over tiles of runs.
#[derive(Debug)]
pub(super) struct Tiling {
    pub run: usize,
    pub near_target: Group,
    pub near_source: Group,
    /// Innermost first.
    pub loops: SmallVec<[Loop; 12]>,
    pub source_start: isize,
    pub target_start: isize,
}

impl Tiling {
    /// Cuts `layout` into tiles. `target` is the address written first, for
    /// aligning the blocks of writes with cache lines.
    pub fn new(layout: &Layout, target: usize) -> Self {
        let mut axes = layout.axes.clone();
        let steps = (LINE / layout.run).max(1);
        let mut tiling = Self {
            run: layout.run,
            near_target: Group::new(),
            near_source: Group::new(),
            loops: SmallVec::new(),
            source_start: layout.source_start,
            target_start: layout.target_start,
        };
        let mut free: u64 = (1u64 << axes.len()) - 1;
        let lead = lead_in(
            &axes,
            layout.run,
            target.wrapping_add_signed(layout.target_start),
        );
        // Axes are sorted by target stride already.
        for k in 0..axes.len() {
            if 2 * tiling.near_target.full > steps {
                break;
            }
            free &= !(1 << k);
            tiling.take(Side::Target, axes[k], steps, lead);
        }
        let mut by_source: SmallVec<[usize; 12]> = (0..axes.len())
            .filter(|&k| axes[k].source != 0 && axes[k].length > 1)
            .collect();
        by_source.sort_unstable_by_key(|&k| axes[k].source.unsigned_abs());
        let mut span = 1;
        for k in by_source {
            if 2 * span > steps || 2 * tiling.near_source.full > steps {
                break;
            }
            span *= axes[k].length;
            // An axis of both groups is in the tile already.
            if free >> k & 1 == 0 {
                continue;
            }
            free &= !(1 << k);
            if axes[k].source < 0 {
                // Rows of the source should run forwards.
                let last = axes[k].length as isize - 1;
                tiling.source_start += last * axes[k].source;
                tiling.target_start += last * axes[k].target;
                axes[k].source = -axes[k].source;
                axes[k].target = -axes[k].target;
            }
            tiling.take(Side::Source, axes[k], steps, 0);
        }
        for (k, axis) in axes.iter().enumerate() {
            if free >> k & 1 == 1 {
                tiling.loops.push(Loop::over(*axis));
            }
        }
        tiling.order_loops();
        tiling
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.loops.iter().map(|l| l.count).product()
    }

    /// Largest number of bytes in a tile.
    pub fn tile_bytes(&self) -> usize {
        self.run * self.near_target.full * self.near_source.full
    }

    /// Adds `axis`, or a block of it, to a group with room for two steps or
    /// more. A block leaves no such room, so a group has at most one.
    fn take(&mut self, side: Side, axis: Axis, steps: usize, lead: usize) {
        let group = match side {
            Side::Target => &mut self.near_target,
            Side::Source => &mut self.near_source,
        };
        let room = steps / group.full;
        let lead = if group.full == 1 { lead } else { 0 };
        // A little more than the room is better than a small last block.
        if axis.length <= room + room / 4 && lead == 0 {
            group.multiply(axis, axis.length);
            return;
        }
        let blocks = axis.length.div_ceil(room);
        // Equal blocks, in whole micro-tiles where that is possible.
        let unit = if group.full == 1 && room >= 16 { 16 } else { 1 };
        let block = match lead {
            0 => axis
                .length
                .div_ceil(blocks)
                .next_multiple_of(unit)
                .min(room),
            _ => room,
        };
        let inner = group.full;
        group.multiply(axis, block);
        let first = if lead == 0 {
            block
        } else {
            lead.min(axis.length)
        };
        let rest = axis.length - first;
        let count = 1 + rest.div_ceil(block);
        group.first = first * inner;
        group.last = match rest % block {
            0 if rest == 0 => group.first,
            0 => group.full,
            last => last * inner,
        };
        if count > 1 {
            self.loops.push(Loop {
                count,
                first: [first as isize * axis.source, first as isize * axis.target],
                step: [block as isize * axis.source, block as isize * axis.target],
                blocks: Some(side),
            });
        }
    }

    /// Innermost the loop whose smaller stride is smallest: it goes on in a
    /// page, and usually a DRAM row, that is open on one of the sides.
    fn order_loops(&mut self) {
        self.loops.sort_by_key(|l| {
            let [source, target] = l.step.map(isize::unsigned_abs);
            (
                if source == 0 {
                    target
                } else {
                    source.min(target)
                },
                source,
            )
        });
    }
}

/// Runs before the first cache line boundary of the target, if every row of
/// writes has the same; zero if that cannot be arranged.
fn lead_in(axes: &[Axis], run: usize, target: usize) -> usize {
    const CACHE_LINE: usize = 64;
    let Some((inner, outer)) = axes.split_first() else {
        return 0;
    };
    let offset = target % CACHE_LINE;
    let dense = inner.target == run as isize && inner.length * run > 2 * LINE;
    if offset == 0
        || run >= CACHE_LINE
        || !dense
        || !(CACHE_LINE - offset).is_multiple_of(run)
        || !outer
            .iter()
            .all(|axis| axis.target % CACHE_LINE as isize == 0)
    {
        return 0;
    }
    (CACHE_LINE - offset) / run
}

impl Group {
    fn new() -> Self {
        Self {
            source: smallvec::smallvec![0],
            target: smallvec::smallvec![0],
            first: 1,
            last: 1,
            full: 1,
        }
    }

    /// `count` copies of the group, stepping along `axis`.
    fn multiply(&mut self, axis: Axis, count: usize) {
        let inner = self.full;
        self.source.reserve(inner * (count - 1));
        self.target.reserve(inner * (count - 1));
        for step in 1..count as isize {
            for k in 0..inner {
                self.source.push(self.source[k] + step * axis.source);
                self.target.push(self.target[k] + step * axis.target);
            }
        }
        self.full = inner * count;
        self.first = self.full;
        self.last = self.full;
    }

    /// Steps of block `index` of `count`.
    pub fn steps(&self, index: usize, count: usize) -> usize {
        if index == 0 {
            self.first
        } else if index + 1 == count {
            self.last
        } else {
            self.full
        }
    }

    /// Whether steps are `run` bytes apart on the given side.
    pub fn is_dense(&self, side: Side, run: usize) -> bool {
        let offsets = match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        };
        (offsets.windows(2)).all(|pair| pair[1] - pair[0] == run as isize)
    }
}

impl Loop {
    fn over(axis: Axis) -> Self {
        let step = [axis.source, axis.target];
        Self {
            count: axis.length,
            first: step,
            step,
            blocks: None,
        }
    }

    /// Offset of tile `index` on the source and the target side.
    fn offset(&self, index: usize) -> [isize; 2] {
        if index == 0 {
            return [0, 0];
        }
        let further = index as isize - 1;
        [0, 1].map(|side| self.first[side] + further * self.step[side])
    }
}

/// A walk over the tiles of a [`Tiling`] from any tile on.
pub(super) struct Walk<'a> {
    tiling: &'a Tiling,
    index: SmallVec<[usize; 12]>,
    /// Offset of the tile in bytes.
    pub source: isize,
    /// As `source`.
    pub target: isize,
    /// Steps of the tile along `near_target` and `near_source`.
    pub rows: usize,
    /// As `rows`.
    pub columns: usize,
}

impl<'a> Walk<'a> {
    /// A walk that stands on tile number `start`.
    pub fn new(tiling: &'a Tiling, mut start: usize) -> Self {
        let mut walk = Self {
            tiling,
            index: SmallVec::new(),
            source: tiling.source_start,
            target: tiling.target_start,
            rows: tiling.near_target.full,
            columns: tiling.near_source.full,
        };
        // A group cut into a single, shorter block has no loop of its own.
        walk.rows = tiling.near_target.first;
        walk.columns = tiling.near_source.first;
        for l in &tiling.loops {
            let index = start % l.count;
            start /= l.count;
            let [source, target] = l.offset(index);
            walk.source += source;
            walk.target += target;
            walk.enter(l, index);
            walk.index.push(index);
        }
        walk
    }

    fn enter(&mut self, l: &Loop, index: usize) {
        match l.blocks {
            None => {}
            Some(Side::Target) => self.rows = self.tiling.near_target.steps(index, l.count),
            Some(Side::Source) => self.columns = self.tiling.near_source.steps(index, l.count),
        }
    }

    /// Goes on to the next tile; wraps around after the last.
    #[inline]
    pub fn advance(&mut self) {
        let tiling = self.tiling;
        for (k, l) in tiling.loops.iter().enumerate() {
            let index = self.index[k] + 1;
            if index < l.count {
                let step = if index == 1 { l.first } else { l.step };
                self.source += step[0];
                self.target += step[1];
                self.index[k] = index;
                self.enter(l, index);
                return;
            }
            let [source, target] = l.offset(l.count - 1);
            self.source -= source;
            self.target -= target;
            self.index[k] = 0;
            self.enter(l, 0);
        }
    }
}
