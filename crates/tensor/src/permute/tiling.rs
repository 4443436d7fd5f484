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
    /// Whether blocks are stretches of the offsets rather than the same
    /// offsets from another place.
    sliced: bool,
}

const CACHE_LINE: usize = 64;

/// Bytes of a memory page: loops are cut so that both sides finish a few
/// hundred pages before they go on to the next, which is what the second-level
/// translation buffers of current processors hold.
const PAGE: usize = 4096;

/// One loop over tiles.
#[derive(Clone, Copy, Debug)]
struct Loop {
    count: usize,
    /// Step from tile zero to tile one (shorter if the first block is).
    first: [isize; 2],
    step: [isize; 2],
    /// Which group this loop cuts into blocks.
    blocks: Option<Side>,
}

/// A digit of the number of a tile. The index of a loop is the sum of its
/// digits times their weights; numbers whose index exceeds the loop are no
/// tiles and are skipped.
#[derive(Clone, Copy, Debug)]
struct Digit {
    of: usize,
    base: usize,
    weight: usize,
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
    loops: SmallVec<[Loop; 12]>,
    /// Lowest first.
    digits: SmallVec<[Digit; 16]>,
    pub source_start: isize,
    pub target_start: isize,
}

impl Tiling {
    /// Cuts `layout` into tiles. `target` is the address written first, for
    /// aligning the blocks of writes with cache lines, which for a `large`
    /// copy is worth longer tables.
    pub fn new(layout: &Layout, target: usize, large: bool) -> Self {
        let mut axes = layout.axes.clone();
        let steps = (LINE / layout.run).max(1);
        let mut tiling = Self {
            run: layout.run,
            near_target: Group::new(),
            near_source: Group::new(),
            loops: SmallVec::new(),
            digits: SmallVec::new(),
            source_start: layout.source_start,
            target_start: layout.target_start,
        };
        let mut free: u64 = (1u64 << axes.len()) - 1;
        let by_source = near_source_axes(&axes, steps);
        let lead = lead_in(
            &axes,
            layout.run,
            target.wrapping_add_signed(layout.target_start),
        );
        let chain = match large {
            true => tiling.take_chain(&axes, steps, &by_source, target),
            false => 0,
        };
        free &= !((1 << chain) - 1);
        // Axes are sorted by target stride already.
        for k in chain..axes.len() {
            if 2 * tiling.near_target.full > steps {
                break;
            }
            free &= !(1 << k);
            tiling.take(Side::Target, axes[k], steps, lead);
        }
        for k in by_source {
            if 2 * tiling.near_source.full > steps {
                break;
            }
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

    /// Upper end of the numbers of tiles; a few numbers may be no tiles.
    pub fn numbers(&self) -> usize {
        self.digits.iter().map(|digit| digit.base).product()
    }

    /// Largest number of bytes in a tile.
    pub fn tile_bytes(&self) -> usize {
        self.run * self.near_target.full * self.near_source.full
    }

    /// Takes the first axes into `near_target` as one long stretch of the
    /// target, to be cut at cache lines, if short axes and an unaligned target
    /// would otherwise have every block end inside a line. The result is the
    /// number of axes taken.
    fn take_chain(
        &mut self,
        axes: &[Axis],
        steps: usize,
        near_source: &[usize],
        target: usize,
    ) -> usize {
        let address = target.wrapping_add_signed(self.target_start);
        let lead = address.wrapping_neg() % CACHE_LINE;
        if lead == 0 || self.run >= CACHE_LINE || !lead.is_multiple_of(self.run) {
            return 0;
        }
        let (mut taken, mut length) = (0, 1);
        for (k, axis) in axes.iter().enumerate() {
            let longer = length * axis.length;
            // Reads of an axis near in the source belong in every tile.
            let apart = length >= steps && near_source.contains(&k);
            if axis.target != (length * self.run) as isize || longer > 16 * steps || apart {
                break;
            }
            (taken, length) = (k + 1, longer);
        }
        let aligned = (axes[taken..].iter()).all(|axis| axis.target % CACHE_LINE as isize == 0);
        if taken < 2 || length < 4 * steps || !aligned {
            return 0;
        }
        for axis in &axes[..taken] {
            self.near_target.multiply(*axis, axis.length);
        }
        let first = lead / self.run;
        let rest = length - first;
        let count = 1 + rest.div_ceil(steps);
        let group = &mut self.near_target;
        (group.sliced, group.first, group.full) = (true, first, steps);
        group.last = rest - (count - 2) * steps;
        self.loops.push(Loop {
            count,
            first: [0, 0],
            step: [0, 0],
            blocks: Some(Side::Target),
        });
        taken
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
    /// page, and usually a DRAM row, that is open on one of the sides. Longer
    /// loops are cut at the page, so that the other side gets its turn.
    fn order_loops(&mut self) {
        for (of, l) in self.loops.iter().enumerate() {
            let low = (PAGE / l.nearer_step().max(1)).max(1);
            let mut digit = |base, weight| self.digits.push(Digit { of, base, weight });
            if low >= 4 && l.count > low {
                digit(low, 1);
                digit(l.count.div_ceil(low), low);
            } else {
                digit(l.count, 1);
            }
        }
        let loops = &self.loops;
        (self.digits).sort_unstable_by_key(|digit| {
            let l = &loops[digit.of];
            let step = digit.weight * l.nearer_step();
            (step, l.step[0].unsigned_abs(), digit.of)
        });
    }
}

/// The axes of smallest source stride, until they span `steps` runs.
fn near_source_axes(axes: &[Axis], steps: usize) -> SmallVec<[usize; 12]> {
    let mut list: SmallVec<[usize; 12]> =
        (0..axes.len()).filter(|&k| axes[k].source != 0).collect();
    list.sort_unstable_by_key(|&k| axes[k].source.unsigned_abs());
    let mut span = 1;
    let needed = (list.iter())
        .take_while(|&&k| {
            let needed = 2 * span <= steps;
            span *= axes[k].length;
            needed
        })
        .count();
    list.truncate(needed);
    list
}

/// Runs before the first cache line boundary of the target, if every row of
/// writes has the same; zero if that cannot be arranged.
fn lead_in(axes: &[Axis], run: usize, target: usize) -> usize {
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
            sliced: false,
        }
    }

    /// `count` copies of the group, stepping along `axis`.
    fn multiply(&mut self, axis: Axis, count: usize) {
        let inner = self.full;
        self.full = inner * count;
        self.first = self.full;
        self.last = self.full;
        for (offsets, stride) in [
            (&mut self.source, axis.source),
            (&mut self.target, axis.target),
        ] {
            offsets.resize(self.full, 0);
            let (known, new) = offsets.split_at_mut(inner);
            for (copy, step) in new.chunks_exact_mut(inner).zip(1..) {
                for (offset, &base) in copy.iter_mut().zip(known.iter()) {
                    *offset = base + step * stride;
                }
            }
        }
    }

    /// Steps of the largest block.
    pub fn block(&self) -> usize {
        self.full
    }

    /// First offset of block `index`.
    fn start(&self, index: usize) -> usize {
        match (self.sliced, index) {
            (false, _) | (true, 0) => 0,
            (true, index) => self.first + (index - 1) * self.full,
        }
    }

    /// Steps of block `index` of `count`.
    fn steps(&self, index: usize, count: usize) -> usize {
        if index == 0 {
            self.first
        } else if index + 1 == count {
            self.last
        } else {
            self.full
        }
    }

    /// Offsets that touch every cache line of the source, wherever the first
    /// one starts; none if steps are not `run` bytes apart.
    pub fn dense_lines(&self, run: usize) -> Offsets {
        if !self.is_dense(Side::Source, run) {
            return Offsets::new();
        }
        let last = (self.full * run - 1) as isize;
        (0..last).step_by(CACHE_LINE).chain([last]).collect()
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

    /// The smaller step of the two sides, the target's for a broadcast.
    fn nearer_step(&self) -> usize {
        let [source, target] = self.step.map(isize::unsigned_abs);
        match source {
            0 => target,
            source => source.min(target),
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

/// A walk over the tiles of a [`Tiling`] from any number on.
pub(super) struct Walk<'a> {
    tiling: &'a Tiling,
    /// Numbers left to visit.
    left: usize,
    digits: SmallVec<[usize; 16]>,
    indices: SmallVec<[usize; 12]>,
    source: isize,
    target: isize,
    first_row: usize,
    rows: usize,
    columns: usize,
}

/// Where a tile is and how much of it exists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Offset of the tile in bytes.
    pub source: isize,
    /// As `source`.
    pub target: isize,
    /// The first step along `near_target`, whose target offset is part of
    /// `target` already.
    pub first_row: usize,
    /// Steps along `near_target`.
    pub rows: usize,
    /// Steps along `near_source`.
    pub columns: usize,
}

impl Place {
    /// Source offsets of the rows of the tile.
    pub fn source_rows<'t>(&self, tiling: &'t Tiling) -> impl Iterator<Item = isize> + 't {
        let rows = &tiling.near_target.source[self.first_row..self.first_row + self.rows];
        let start = self.source;
        rows.iter().map(move |row| start + row)
    }
}

impl<'a> Walk<'a> {
    /// A walk over the tiles with numbers in `range`.
    pub fn new(tiling: &'a Tiling, range: std::ops::Range<usize>) -> Self {
        let mut walk = Self {
            tiling,
            left: range.len(),
            digits: SmallVec::new(),
            indices: SmallVec::from_elem(0, tiling.loops.len()),
            source: tiling.source_start,
            target: tiling.target_start,
            first_row: 0,
            // A group cut into a single, shorter block has no loop of its own.
            rows: tiling.near_target.first,
            columns: tiling.near_source.first,
        };
        let mut number = range.start;
        for digit in &tiling.digits {
            let value = number % digit.base;
            number /= digit.base;
            walk.digits.push(value);
            walk.set(digit.of, walk.indices[digit.of] + value * digit.weight);
        }
        walk
    }

    /// Moves loop `of` to `index`, which may lie beyond its end.
    #[inline]
    fn set(&mut self, of: usize, index: usize) {
        let l = &self.tiling.loops[of];
        let (old, new) = (l.offset(self.indices[of]), l.offset(index));
        self.source += new[0] - old[0];
        self.target += new[1] - old[1];
        self.indices[of] = index;
        match l.blocks {
            None => {}
            Some(Side::Target) => {
                self.rows = self.tiling.near_target.steps(index, l.count);
                self.first_row = self.tiling.near_target.start(index);
            }
            Some(Side::Source) => self.columns = self.tiling.near_source.steps(index, l.count),
        }
    }

    /// Goes on to the next number.
    #[inline]
    fn advance(&mut self) {
        self.left -= 1;
        for (k, digit) in self.tiling.digits.iter().enumerate() {
            let (old, index) = (self.digits[k], self.indices[digit.of]);
            if old + 1 < digit.base {
                self.digits[k] = old + 1;
                self.set(digit.of, index + digit.weight);
                return;
            }
            self.digits[k] = 0;
            self.set(digit.of, index - old * digit.weight);
        }
    }

    fn is_tile(&self) -> bool {
        (self.indices.iter().zip(&self.tiling.loops)).all(|(&index, l)| index < l.count)
    }
}

impl Iterator for Walk<'_> {
    type Item = Place;

    #[inline]
    fn next(&mut self) -> Option<Place> {
        while self.left > 0 {
            let place = Place {
                source: self.source,
                target: self.target + (self.first_row * self.tiling.run) as isize,
                first_row: self.first_row,
                rows: self.rows,
                columns: self.columns,
            };
            let is_tile = self.is_tile();
            self.advance();
            if is_tile {
                return Some(place);
            }
        }
        None
    }
}
