//! The best tree of a small network, by dynamic programming over its connected
//! subsets.
//!
//! Every pair of disjoint connected subsets with a wire between them is looked
//! at exactly once, in an order that has both solved before (Moerkotte and
//! Neumann, VLDB 2006, 930: DPccp). Where connected subsets are too many for
//! that, subsets are solved in the order of their cost and only those cheaper
//! than the whole are touched (Knuth's generalisation of Dijkstra's algorithm,
//! Inf. Process. Lett. 6 (1977) 1), which is what a cost cap amounts to
//! (Pfeifer, Haegeman and Verstraete, Phys. Rev. E 90 (2014) 033315).
//!
//! Cost: the number of pairs, n³/6 for a chain and 3ⁿ/2 for a complete graph.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::bundles::{Bundles, Mask};
use super::wire_set::{Blocks, Sparse, WireSet};
use crate::cost::Objective;

/// Most connected subsets enumerated.
const MOST_SUBSETS: usize = 1 << 20;
/// Most subsets solved when they are taken by cost.
const MOST_SOLVED: usize = 20_000;
/// Most pairs tried when subsets are taken by cost.
const MOST_PAIRS: usize = 4_000_000;
/// Up to this many tensors, subsets index an array.
const DENSE_TENSORS: usize = 16;
const NONE: u32 = u32::MAX;

/// Pairs of tensors, results numbered after the operands.
pub(crate) type Path = Vec<(usize, usize)>;

/// What to search.
#[derive(Clone, Copy)]
pub(crate) struct ExactOptions<'p> {
    pub(crate) objective: Objective,
    /// Whether tensors without a common wire may be contracted.
    pub(crate) outer: bool,
    /// A path to beat: what costs more is not pursued.
    pub(crate) incumbent: Option<&'p [(usize, usize)]>,
    /// Elements of the whole result as written, per element of it without
    /// repeated axes and axes that are on no tensor.
    pub(crate) result_scale: f64,
    /// How much better than the incumbent, relatively, a path must be.
    pub(crate) gain: f64,
    /// Most connected subsets enumerated before subsets are taken by cost.
    pub(crate) subsets: usize,
    /// Most subsets taken by cost; zero never does.
    pub(crate) solved: usize,
}

impl ExactOptions<'_> {
    pub(crate) fn new(objective: Objective) -> Self {
        Self {
            objective,
            outer: false,
            incumbent: None,
            result_scale: 1.0,
            gain: 0.0,
            subsets: MOST_SUBSETS,
            solved: MOST_SOLVED,
        }
    }
}

/// Outcome of a search.
#[derive(Debug, PartialEq)]
pub(crate) enum Exact {
    /// The best path, and its cost in the objective.
    Best(Path, f64),
    /// The incumbent is the best path.
    Incumbent,
    /// More work than allowed.
    TooLarge,
}

/// Searches a connected network (any network with `outer`).
pub(crate) fn search(bundles: &Bundles, options: ExactOptions<'_>) -> Exact {
    let wires = bundles.dims.len();
    if wires <= Blocks::<1>::LIMIT {
        Search::<Blocks<1>>::new(bundles, options).run()
    } else if wires <= Blocks::<4>::LIMIT {
        Search::<Blocks<4>>::new(bundles, options).run()
    } else {
        Search::<Sparse>::new(bundles, options).run()
    }
}

/// The objective, then what decides between equals.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score(f64, f64);

impl Score {
    fn cmp(self, other: Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.total_cmp(&other.1))
    }
}

/// A connected subset and the best tree known for it.
struct Entry<S> {
    mask: Mask,
    /// One half of it; the rest is the other. Zero for a single tensor.
    left: Mask,
    score: Score,
    /// Elements of its result.
    size: f64,
    wires: S,
}

impl<S> Entry<S> {
    /// Elements held while something else is made; operands are not ours.
    fn held(&self) -> f64 {
        if self.left == 0 { 0.0 } else { self.size }
    }
}

struct Search<'b, S> {
    bundles: &'b Bundles,
    options: ExactOptions<'b>,
    neighbours: Vec<Mask>,
    /// Original number of tensor k: tensors are numbered breadth-first.
    order: Vec<usize>,
    holders: Vec<Mask>,
    entries: Vec<Entry<S>>,
    table: Table,
    bound: f64,
}

impl<'b, S: WireSet> Search<'b, S> {
    fn new(bundles: &'b Bundles, options: ExactOptions<'b>) -> Self {
        let count = bundles.tensors.len();
        let everyone = full(count);
        let original = if options.outer {
            (0..count).map(|t| everyone & !(1 << t)).collect()
        } else {
            bundles.neighbours()
        };
        let order = breadth_first(&original);
        let mut place = vec![0; count];
        for (k, &tensor) in order.iter().enumerate() {
            place[tensor] = k;
        }
        let moved = |mask: Mask| bits(mask).fold(0, |m, t| m | 1 << place[t]);
        let mut search = Self {
            bundles,
            options,
            neighbours: order.iter().map(|&t| moved(original[t])).collect(),
            holders: bundles.holders.iter().map(|&m| moved(m)).collect(),
            entries: Vec::with_capacity(if count <= 4 { 15 } else { 4 * count }),
            table: Table::new(count),
            bound: f64::INFINITY,
            order,
        };
        for k in 0..count {
            let list = &bundles.tensors[search.order[k]];
            let entry = Entry {
                mask: 1 << k,
                left: 0,
                score: Score(0.0, 0.0),
                size: list.iter().map(|&b| bundles.dims[b as usize]).product(),
                wires: S::of(list),
            };
            search.table.set(entry.mask, search.entries.len() as u32);
            search.entries.push(entry);
        }
        if let Some(path) = options.incumbent {
            search.bound = search.evaluate(path, &place);
        }
        search
    }

    /// Cost of a path, by the arithmetic of the search.
    fn evaluate(&mut self, path: &[(usize, usize)], place: &[usize]) -> f64 {
        let mut masks: Vec<Mask> = place.iter().map(|&k| 1 << k).collect();
        for &(left, right) in path {
            let (left, right) = (masks[left], masks[right]);
            self.join(left, right);
            masks.push(left | right);
        }
        let whole = masks.last().and_then(|&mask| self.table.get(mask));
        let cost = whole.map_or(f64::INFINITY, |e| self.entries[e as usize].score.0);
        // The steps stay known: they are as good a start as any.
        cost
    }

    fn run(mut self) -> Exact {
        let whole = full(self.order.len());
        let connected = self.count_subsets();
        if connected.is_some() {
            self.enumerate();
        } else if self.options.solved == 0 || !self.by_cost(whole) {
            return Exact::TooLarge;
        }
        match self.table.get(whole) {
            None => Exact::TooLarge,
            Some(e) => {
                let cost = self.entries[e as usize].score.0;
                if self.options.incumbent.is_some()
                    && cost >= self.bound * (1.0 - self.options.gain)
                {
                    return Exact::Incumbent;
                }
                Exact::Best(self.path(whole), cost)
            }
        }
    }

    /// Tries the pair (left, right); whether it is the best for its union so far.
    fn join(&mut self, left: Mask, right: Mask) -> bool {
        let (Some(l), Some(r)) = (self.table.get(left), self.table.get(right)) else {
            return false;
        };
        let (a, b) = (&self.entries[l as usize], &self.entries[r as usize]);
        let mask = left | right;
        let known = self.table.get(mask);
        let objective = self.options.objective;
        // Without the step itself it is too dear already.
        let least = if objective.is_maximum() || objective == Objective::Peak {
            a.score.0.max(b.score.0)
        } else {
            a.score.0 + b.score.0
        };
        if least > self.bound || known.is_some_and(|e| least > self.entries[e as usize].score.0) {
            return false;
        }
        let mut shared = 1.0;
        let mut closed = 1.0;
        a.wires.for_common(&b.wires, |bundle| {
            let bundle = bundle as usize;
            shared *= self.bundles.dims[bundle];
            if !self.bundles.open[bundle] && self.holders[bundle] & !mask == 0 {
                closed *= self.bundles.dims[bundle];
            }
        });
        let flops = a.size * b.size / shared;
        let mut size = flops / closed;
        if mask == full(self.order.len()) {
            size *= self.options.result_scale;
        }
        let score = score(objective, a, b, flops, size);
        // An overflow has no order; whoever asked falls back on logarithms.
        if score.0 > self.bound || !score.0.is_finite() {
            return false;
        }
        match known {
            Some(e) => {
                let entry = &mut self.entries[e as usize];
                let better = score.cmp(entry.score) == Ordering::Less;
                if better {
                    entry.score = score;
                    entry.left = left;
                }
                better
            }
            None => {
                let mut wires = a.wires.union(&b.wires);
                let mut gone = smallvec::SmallVec::<[u32; 16]>::new();
                a.wires.for_common(&b.wires, |bundle| {
                    let b = bundle as usize;
                    if !self.bundles.open[b] && self.holders[b] & !mask == 0 {
                        gone.push(bundle);
                    }
                });
                for bundle in gone {
                    wires.remove(bundle);
                }
                self.table.set(mask, self.entries.len() as u32);
                self.entries.push(Entry {
                    mask,
                    left,
                    score,
                    size,
                    wires,
                });
                true
            }
        }
    }

    /// All pairs, smaller subsets first.
    fn enumerate(&mut self) {
        for start in (0..self.order.len()).rev() {
            let single = 1 << start;
            self.complements(single);
            self.grow(single, below(start), &mut |search, subset| {
                search.complements(subset)
            });
        }
    }

    /// Calls `emit` with every connected superset of `set` that avoids `excluded`.
    fn grow(&mut self, set: Mask, excluded: Mask, emit: &mut impl FnMut(&mut Self, Mask)) {
        let around = self.around(set) & !excluded & !set;
        if around == 0 {
            return;
        }
        let mut part: Mask = 0;
        loop {
            part = part.wrapping_sub(around) & around;
            if part == 0 {
                break;
            }
            emit(self, set | part);
        }
        loop {
            part = part.wrapping_sub(around) & around;
            if part == 0 {
                break;
            }
            self.grow(set | part, excluded | around, emit);
        }
    }

    /// Joins a subset with every connected one beside it that has only later tensors.
    fn complements(&mut self, set: Mask) {
        if self.table.get(set).is_none() {
            return;
        }
        let excluded = below(set.trailing_zeros() as usize) | set;
        let around = self.around(set) & !excluded;
        let mut left = around;
        while left != 0 {
            let start = 63 - left.leading_zeros() as usize;
            left &= !(1 << start);
            self.join(set, 1 << start);
            let excluded = excluded | (below(start) & around);
            self.grow(1 << start, excluded, &mut |search, other| {
                search.join(set, other);
            });
        }
    }

    fn around(&self, set: Mask) -> Mask {
        bits(set).fold(0, |m, t| m | self.neighbours[t])
    }

    /// How many connected subsets there are, if allowed.
    fn count_subsets(&self) -> Option<usize> {
        let mut count = 0;
        for start in (0..self.order.len()).rev() {
            count += 1;
            if !self.count_from(1 << start, below(start), &mut count) {
                return None;
            }
        }
        Some(count)
    }

    fn count_from(&self, set: Mask, excluded: Mask, count: &mut usize) -> bool {
        let around = self.around(set) & !excluded & !set;
        // A hub with more neighbours has more subsets than are ever allowed.
        if around.count_ones() > 40 {
            return false;
        }
        *count += (1usize << around.count_ones()) - 1;
        if *count > self.options.subsets {
            return false;
        }
        let mut part: Mask = 0;
        loop {
            part = part.wrapping_sub(around) & around;
            if part == 0 {
                return true;
            }
            if !self.count_from(set | part, excluded | around, count) {
                return false;
            }
        }
    }

    /// Solves subsets by rising cost until `whole` is; false if that takes too many.
    fn by_cost(&mut self, whole: Mask) -> bool {
        let mut heap: BinaryHeap<Ranked> = BinaryHeap::new();
        for entry in &self.entries {
            heap.push(Ranked(entry.score, entry.mask));
        }
        let mut done: Vec<Mask> = Vec::new();
        let mut pairs = 0;
        let mut solved: std::collections::HashSet<Mask> = std::collections::HashSet::new();
        while let Some(Ranked(score, mask)) = heap.pop() {
            let current = self.table.get(mask).map(|e| self.entries[e as usize].score);
            if current != Some(score) || !solved.insert(mask) {
                continue;
            }
            if mask == whole {
                return true;
            }
            if done.len() >= self.options.solved {
                return false;
            }
            let around = self.around(mask);
            for &other in &done {
                if other & mask != 0 || other & around == 0 {
                    continue;
                }
                pairs += 1;
                if pairs > MOST_PAIRS {
                    return false;
                }
                if self.join(mask, other) {
                    let union = mask | other;
                    if let Some(e) = self.table.get(union) {
                        heap.push(Ranked(self.entries[e as usize].score, union));
                    }
                }
            }
            done.push(mask);
        }
        // Nothing beats the incumbent.
        self.options.incumbent.is_some()
    }

    /// The best tree of `whole`, in original numbers.
    fn path(&self, whole: Mask) -> Path {
        let count = self.order.len();
        let mut steps: Vec<(Mask, Mask)> = Vec::with_capacity(count);
        let mut stack = vec![whole];
        while let Some(mask) = stack.pop() {
            let Some(e) = self.table.get(mask) else {
                continue;
            };
            let left = self.entries[e as usize].left;
            if left != 0 {
                steps.push((left, mask & !left));
                stack.extend([left, mask & !left]);
            }
        }
        steps.reverse();
        let mut number: HashMap<Mask, usize> = HashMap::with_capacity(2 * count);
        for (k, &tensor) in self.order.iter().enumerate() {
            number.insert(1 << k, tensor);
        }
        let mut path = Path::with_capacity(steps.len());
        for (left, right) in steps {
            number.insert(left | right, count + path.len());
            path.push((number[&left], number[&right]));
        }
        path
    }
}

fn score<S>(objective: Objective, a: &Entry<S>, b: &Entry<S>, flops: f64, write: f64) -> Score {
    let step = objective.step(flops, a.size, b.size, write);
    if objective == Objective::Peak {
        let left_first = a.score.0.max(a.held() + b.score.0);
        let right_first = b.score.0.max(b.held() + a.score.0);
        let peak = left_first.min(right_first).max(a.held() + b.held() + write);
        return Score(peak, a.score.1 + b.score.1 + flops);
    }
    if objective.is_maximum() {
        let most = a.score.0.max(b.score.0).max(step);
        return Score(most, a.score.1 + b.score.1 + flops);
    }
    Score(a.score.0 + b.score.0 + step, a.score.1 + b.score.1 + write)
}

fn full(count: usize) -> Mask {
    if count >= 64 {
        Mask::MAX
    } else {
        (1 << count) - 1
    }
}

/// Tensors 0..=k.
fn below(k: usize) -> Mask {
    full(k + 1)
}

fn bits(mut mask: Mask) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            bit
        })
    })
}

fn breadth_first(neighbours: &[Mask]) -> Vec<usize> {
    let mut order = Vec::with_capacity(neighbours.len());
    let mut seen: Mask = 0;
    for start in 0..neighbours.len() {
        if seen >> start & 1 == 1 {
            continue;
        }
        seen |= 1 << start;
        let mut at = order.len();
        order.push(start);
        while at < order.len() {
            let fresh = neighbours[order[at]] & !seen;
            seen |= fresh;
            order.extend(bits(fresh));
            at += 1;
        }
    }
    order
}

/// A subset by cost, cheapest first out of a heap.
#[derive(PartialEq)]
struct Ranked(Score, Mask);

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(self.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// From subsets to entries.
enum Table {
    Dense(Vec<u32>),
    Hashed(HashMap<Mask, u32, BuildHasherDefault<MaskHasher>>),
}

impl Table {
    fn new(count: usize) -> Self {
        if count <= DENSE_TENSORS {
            Self::Dense(vec![NONE; 1 << count])
        } else {
            Self::Hashed(HashMap::default())
        }
    }

    #[inline]
    fn get(&self, mask: Mask) -> Option<u32> {
        match self {
            Self::Dense(list) => Some(list[mask as usize]).filter(|&e| e != NONE),
            Self::Hashed(map) => map.get(&mask).copied(),
        }
    }

    fn set(&mut self, mask: Mask, entry: u32) {
        match self {
            Self::Dense(list) => list[mask as usize] = entry,
            Self::Hashed(map) => {
                map.insert(mask, entry);
            }
        }
    }
}

/// Multiplication by an odd constant, high bits folded down: masks are not hostile.
#[derive(Default)]
struct MaskHasher(u64);

impl Hasher for MaskHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
}
