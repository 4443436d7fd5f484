//! The context model of integer tensors.
//!
//! Problem: code a tensor of quantised numbers whose sizes vary over it (the
//! core of a decomposition, its factors, an array itself) in few bits, without
//! being told where they are large.
//! Method: the last two axes are planes, the axes before them number the
//! planes ("slices"). A number is coded after its neighbours to the left and
//! above in its plane and after its *parents*, the numbers at the same place
//! one index lower along each outer axis. Their sizes form the contexts of
//! binary decisions: the bit length of the number (asked upwards or downwards
//! from the expected one), then the bits below its leading bit, then the sign.
//! Eight contexts vote through a mixer. A slice may be empty (one bit), or
//! *predicted*: its numbers are then coded as differences to the median edge
//! predictor (Weinberger, Seroussi and Sapiro, "LOCO-I", 2000).
//!
//! Guarantees: integers only, decoding inverts encoding for every tensor of
//! `i64` with absolute values below 2^62; a hostile stream decodes to some
//! integers or an error, in time proportional to the number of elements.
//! Above [`FLAT`] elements parents are not used, so that memory stays at a few
//! rows. Cost: about ten decisions a number at worst, two to three where the
//! expected size is right, some 60 ns each.

use super::logistic::Logistic;
use super::mixing::{Cell, Mixer, Opinion};
use super::range::{Bits, price};

/// Tensors with more elements than this are coded without parents.
pub(crate) const FLAT: usize = 3 << 25;
/// Outer axes that give parents.
const PARENTS: usize = 4;
/// Decisions about a bit length with cells of their own.
const STEPS: usize = 24;
/// Bit lengths are below this.
const LONGEST: u32 = 63;
const LIMIT: u16 = 250;

/// How a slice is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All numbers are zero.
    Empty,
    /// Numbers are coded as they are.
    Plain,
    /// Numbers are coded as differences to their prediction.
    Predicted,
}

/// A tensor as planes and what numbers them.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    outer: Vec<usize>,
    pub(crate) slices: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Geometry {
    pub(crate) fn of(shape: &[usize]) -> Self {
        let (outer, rows, columns) = match shape {
            [] => (&[][..], 1, 1),
            [n] => (&[][..], 1, *n),
            [outer @ .., rows, columns] => (outer, *rows, *columns),
        };
        Self {
            outer: outer.to_vec(),
            slices: outer.iter().product(),
            rows,
            columns,
        }
    }

    fn flat(&self) -> bool {
        self.slices * self.rows * self.columns > FLAT
    }

    /// Slices one index lower than `slice` along each of the last outer axes.
    fn parents(&self, slice: usize) -> impl Iterator<Item = usize> + '_ {
        let mut stride = 1;
        let inner = self.outer.iter().rev().take(PARENTS);
        inner.filter_map(move |&length| {
            let index = slice / stride % length;
            let parent = (index > 0).then(|| slice - stride);
            stride *= length;
            parent
        })
    }
}

/// Where the numbers come from (encoder) or go to (decoder).
pub(crate) trait Numbers {
    /// How `slice` should be coded; a decoder's answer is ignored.
    fn kind(&mut self, slice: usize) -> Kind;
    /// Fills a row with the numbers to code; a decoder leaves it alone.
    fn load(&mut self, slice: usize, row: usize, numbers: &mut [i64]);
    /// Takes a row of coded numbers of a slice coded as `kind`; false if there
    /// is no memory for it.
    fn store(&mut self, kind: Kind, slice: usize, row: usize, numbers: &[i64]) -> bool;
    /// The unrounded number wanted and the price in squared units of a bit,
    /// where the coder may choose a cheaper number close by.
    fn wish(&self, slice: usize, row: usize, column: usize) -> Option<(f64, f64)>;
}

/// Everything learnt so far.
#[derive(Debug)]
pub(crate) struct Model {
    logistic: Logistic,
    kinds: [[Cell; 2]; 27],
    cells: Vec<Cell>,
    /// The cells of the current slice.
    slice: [Cell; 3 * STEPS],
    mixers: Vec<Mixer<INPUTS>>,
    signs: Vec<Cell>,
    sign_mixer: Mixer<3>,
    mantissa: Vec<Cell>,
    /// Small integers of headers.
    plain: Vec<Cell>,
}

/// Contexts that vote on a bit length.
const INPUTS: usize = 8;
/// Values each of the table contexts may take.
const CONTEXTS: [usize; INPUTS - 1] = [96, 16 * 16, 48 * 8, 160, 256, 256, 96];
const OFFSETS: [usize; INPUTS] = {
    let mut offsets = [0; INPUTS];
    let mut k = 0;
    while k < INPUTS - 1 {
        offsets[k + 1] = offsets[k] + CONTEXTS[k] * 3 * STEPS;
        k += 1;
    }
    offsets
};

/// The neighbourhood of one number, reduced to what the model asks of it.
#[derive(Debug)]
struct Scene {
    /// First cell of each table context.
    bases: [usize; INPUTS - 1],
    /// The bit length asked for first.
    start: u32,
    sign: [usize; 3],
}

/// Rows around the one being coded; absent ones are empty.
#[derive(Default)]
struct Rows<'a> {
    up: &'a [i32],
    up2: &'a [i32],
    /// The same row of each parent and the rows above and below it.
    parents: [[&'a [i32]; 3]; PARENTS],
    count: usize,
}

#[inline]
fn size(row: &[i32], column: usize) -> u32 {
    row.get(column).map_or(0, |value| value.unsigned_abs())
}

#[inline]
fn sign_of(row: &[i32], column: usize) -> usize {
    row.get(column)
        .map_or(1, |value| (value.signum() + 1) as usize)
}

#[inline]
fn bit_length(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Zero, then two levels an octave.
#[inline]
fn coarse(value: u64) -> usize {
    if value < 2 {
        return value as usize;
    }
    let length = bit_length(value);
    (2 * length as usize - 2) + ((value >> (length - 2)) & 1) as usize
}

/// Zero, then four levels an octave.
#[inline]
fn fine(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let length = bit_length(value);
    (4 * length as usize - 8) + ((value >> (length - 3)) & 3) as usize
}

impl Scene {
    #[inline]
    fn look(rows: &Rows, done: &[i32], slice_mean: u64, row: usize, column: usize) -> Self {
        let x = column;
        let left = size(done, x.wrapping_sub(1));
        let up = size(rows.up, x);
        let (upleft, upright) = (size(rows.up, x.wrapping_sub(1)), size(rows.up, x + 1));
        let (left2, up2) = (size(done, x.wrapping_sub(2)), size(rows.up2, x));
        let mut same = 0u64;
        let mut around = 0u64;
        for [here, above, below] in &rows.parents[..rows.count] {
            same += u64::from(size(here, x));
            around += u64::from(size(here, x.wrapping_sub(1)))
                + u64::from(size(here, x + 1))
                + u64::from(size(above, x))
                + u64::from(size(below, x));
        }
        let near = 2 * (u64::from(left) + u64::from(up)) + u64::from(upleft) + u64::from(upright);
        let far = u64::from(left2) + u64::from(up2);
        // Sixteen times the weighted mean of everything known.
        let count = rows.count as u64;
        let weighted = 64 * near + 32 * far + 64 * same + 16 * around + 4 * slice_mean;
        let weight = 4 * 6 + 2 * 2 + 4 * count + 4 * count + 4;
        let expected = weighted / weight;
        let start = bit_length(expected >> 4).saturating_sub(1);
        let capped = |value: usize, limit: usize| value.min(limit - 1);
        let contexts = [
            capped(coarse(near), 96),
            capped(coarse(left.into()), 16) * 16 + capped(coarse(up.into()), 16),
            capped(coarse(2 * same + around / 2), 48) * 8 + capped(coarse(near / 2), 8),
            capped(fine(expected), 160),
            capped(x, 256),
            capped(row, 256),
            capped(coarse(far + around), 96),
        ];
        let mut bases = [0; INPUTS - 1];
        for k in 0..INPUTS - 1 {
            bases[k] = OFFSETS[k] + contexts[k] * 3 * STEPS;
        }
        let parent = |k: usize| sign_of(rows.parents[k][0], x);
        Self {
            bases,
            start,
            sign: [
                sign_of(done, x.wrapping_sub(1)) * 3 + sign_of(rows.up, x),
                9 + parent(0) * 3 + parent(1),
                18,
            ],
        }
    }
}

/// The nearest integer, halves away from zero.
#[inline]
pub(crate) fn nearest(value: f64) -> i64 {
    // `f64::round` is a function call on processors without SSE 4.1.
    (value + 0.5f64.copysign(value)) as i64
}

/// A question about a bit length: is it above `threshold`, asked coming from
/// the start (0), upwards (1) or downwards (2).
#[inline]
fn question(threshold: u32, direction: usize) -> usize {
    direction * STEPS + (threshold as usize).min(STEPS - 1)
}

impl Model {
    pub(crate) fn new() -> Self {
        let new = Cell::NEW;
        Self {
            logistic: Logistic::new(),
            kinds: [[new; 2]; 27],
            cells: vec![new; OFFSETS[INPUTS - 1]],
            slice: [new; 3 * STEPS],
            mixers: vec![Mixer::new(); 3 * STEPS],
            signs: vec![new; 19],
            sign_mixer: Mixer::new(),
            mantissa: vec![new; 64 * 8],
            plain: vec![new; 64 * 64],
        }
    }

    #[inline]
    fn opinion(&self, scene: &Scene, question: usize) -> Opinion<INPUTS> {
        let mut cells = [self.slice[question]; INPUTS];
        for k in 0..INPUTS - 1 {
            cells[k] = self.cells[scene.bases[k] + question];
        }
        self.mixers[question].mix(&cells, self.logistic)
    }

    #[inline]
    fn ask<B: Bits>(&mut self, bits: &mut B, scene: &Scene, question: usize, bit: bool) -> bool {
        let opinion = self.opinion(scene, question);
        let bit = bits.bit(bit, opinion.p1);
        self.mixers[question].learn(&opinion, bit);
        for base in scene.bases {
            self.cells[base + question].learn_mixed(bit, LIMIT, self.logistic);
        }
        self.slice[question].learn_mixed(bit, 60, self.logistic);
        bit
    }

    fn length<B: Bits>(&mut self, bits: &mut B, scene: &Scene, length: u32) -> u32 {
        let mut at = scene.start;
        if self.ask(bits, scene, question(at, 0), length > at) {
            at += 1;
            while at < LONGEST && self.ask(bits, scene, question(at, 1), length > at) {
                at += 1;
            }
        } else {
            while at > 0 && !self.ask(bits, scene, question(at - 1, 2), length > at - 1) {
                at -= 1;
            }
        }
        at
    }

    /// The price of a bit length, in 1/65536 bit.
    fn length_price(&self, scene: &Scene, length: u32) -> u32 {
        let ask = |threshold: u32, direction| {
            let p1 = self.opinion(scene, question(threshold, direction)).p1;
            price(length > threshold, p1)
        };
        let start = scene.start;
        let mut total = ask(start, 0);
        if length > start {
            for at in start + 1..=length {
                total += ask(at, 1);
            }
        } else {
            for at in (length.max(1)..=start).rev() {
                total += ask(at - 1, 2);
            }
        }
        total
    }

    /// One integer, with its neighbourhood.
    #[inline]
    fn number<B: Bits>(&mut self, bits: &mut B, scene: &Scene, number: i64) -> i64 {
        let magnitude = number.unsigned_abs();
        let length = self.length(bits, scene, bit_length(magnitude));
        if length == 0 {
            return 0;
        }
        let mut value = 1u64;
        for below in (0..length - 1).rev() {
            let wanted = (magnitude >> below) & 1 == 1;
            let bit = if value < 8 {
                let cell = &mut self.mantissa[length as usize * 8 + value as usize];
                let bit = bits.bit(wanted, cell.p1());
                cell.learn(bit, LIMIT);
                bit
            } else {
                bits.bit(wanted, 1 << 15)
            };
            value = (value << 1) | u64::from(bit);
        }
        let cells = scene.sign.map(|k| self.signs[k]);
        let opinion = self.sign_mixer.mix(&cells, self.logistic);
        let negative = bits.bit(number < 0, opinion.p1);
        self.sign_mixer.learn(&opinion, negative);
        for (k, limit) in scene.sign.into_iter().zip([LIMIT, LIMIT, 30]) {
            self.signs[k].learn_mixed(negative, limit, self.logistic);
        }
        if negative {
            -(value as i64)
        } else {
            value as i64
        }
    }

    /// The cheaper of `number` and its neighbour towards zero, by distortion
    /// plus price: rate-distortion optimised quantisation.
    fn choose(&self, scene: &Scene, wish: f64, lambda: f64) -> i64 {
        let number = nearest(wish);
        // A number that rounds up by less than a fifth never pays for moving down.
        if number == 0 || (number as f64 - wish).abs() < 0.2 && number.unsigned_abs() > 1 {
            return number;
        }
        let cost = |candidate: i64| {
            let length = bit_length(candidate.unsigned_abs());
            let bits = f64::from(self.length_price(scene, length)) / 65536.0
                + f64::from(length.saturating_sub(1))
                + f64::from(u8::from(candidate != 0));
            let miss = wish - candidate as f64;
            miss * miss + lambda * bits
        };
        let lower = number - number.signum();
        let mut best = (cost(number), number);
        let candidates = [lower, 0];
        for &candidate in &candidates[..1 + usize::from(lower != 0)] {
            let price = cost(candidate);
            if price < best.0 {
                best = (price, candidate);
            }
        }
        best.1
    }

    /// A small integer outside any tensor, in context `context` (below 64).
    pub(crate) fn header<B: Bits>(&mut self, bits: &mut B, context: usize, number: i64) -> i64 {
        // Signed Exp-Golomb: 0, 1, -1, 2, -2, ... as 1, 2, 3, 4, 5, ...
        let zigzag = if number > 0 {
            2 * number as u64
        } else {
            2 * number.unsigned_abs() + 1
        };
        let wanted = bit_length(zigzag);
        let cells = &mut self.plain[context * 64..][..64];
        let mut length = 1u32;
        while length < LONGEST {
            let cell = &mut cells[length as usize];
            let more = bits.bit(wanted > length, cell.p1());
            cell.learn(more, 30);
            if !more {
                break;
            }
            length += 1;
        }
        let value = (1 << (length - 1)) | bits.raw(zigzag, length - 1);
        let half = (value / 2) as i64;
        if value.is_multiple_of(2) { half } else { -half }
    }

    /// Codes a whole tensor.
    ///
    /// Returns false if the stream ended too early (decoders only).
    pub(crate) fn tensor<B: Bits, N: Numbers>(
        &mut self,
        bits: &mut B,
        geometry: &Geometry,
        numbers: &mut N,
    ) -> bool {
        for cell in &mut self.slice {
            cell.relax(4, self.logistic);
        }
        self.signs[18].relax(1, self.logistic);
        let mut history = History::new(geometry);
        let mut kinds: Vec<Kind> = Vec::new();
        for slice in 0..geometry.slices {
            let kind = self.kind(bits, geometry, &kinds, numbers.kind(slice));
            // A hostile header may announce any number of slices: grow as they come.
            kinds.push(kind);
            if bits.exhausted() || !history.begin(kind) {
                return false;
            }
            let done = self.plane(bits, geometry, slice, kind, &mut history, numbers);
            if done.is_none() || bits.exhausted() {
                return false;
            }
            for cell in &mut self.slice {
                cell.relax(6, self.logistic);
            }
            self.signs[18].relax(2, self.logistic);
        }
        true
    }

    fn kind<B: Bits>(
        &mut self,
        bits: &mut B,
        geometry: &Geometry,
        kinds: &[Kind],
        kind: Kind,
    ) -> Kind {
        let slice = kinds.len();
        let mut context = 0;
        for parent in geometry.parents(slice).take(3) {
            context = context * 3 + 1 + usize::from(kinds[parent] == Kind::Empty);
        }
        let [empty, predicted] = &mut self.kinds[context.min(26)];
        let is_empty = bits.bit(kind == Kind::Empty, empty.p1());
        empty.learn(is_empty, 60);
        if is_empty {
            return Kind::Empty;
        }
        let is_predicted = bits.bit(kind == Kind::Predicted, predicted.p1());
        predicted.learn(is_predicted, 60);
        if is_predicted {
            Kind::Predicted
        } else {
            Kind::Plain
        }
    }

    fn plane<B: Bits, N: Numbers>(
        &mut self,
        bits: &mut B,
        geometry: &Geometry,
        slice: usize,
        kind: Kind,
        history: &mut History,
        numbers: &mut N,
    ) -> Option<()> {
        let width = geometry.columns;
        let mut current = zeros(width)?;
        if kind == Kind::Empty {
            for row in 0..geometry.rows {
                if !numbers.store(kind, slice, row, &current) {
                    return None;
                }
            }
            return Some(());
        }
        let mut previous = zeros(width)?;
        let (mut total, mut seen) = (0u64, 0u64);
        for row in 0..geometry.rows {
            numbers.load(slice, row, &mut current);
            let (rows, done) = history.rows(geometry, slice, row);
            for column in 0..width {
                let mean = (16 * total + 8) / (seen + 1);
                let scene = Scene::look(&rows, &done[..column], mean, row, column);
                let prediction = match kind {
                    Kind::Predicted => predict(&current, &previous, row, column),
                    _ => 0,
                };
                let wanted = match numbers.wish(slice, row, column) {
                    Some((wish, lambda)) => self.choose(&scene, wish - prediction as f64, lambda),
                    None => current[column].wrapping_sub(prediction),
                };
                let coded = self.number(bits, &scene, wanted);
                current[column] = prediction.wrapping_add(coded);
                done[column] = coded.clamp(-HIGH, HIGH) as i32;
                total += coded.unsigned_abs().min(HIGH as u64);
                seen += 1;
            }
            history.end_row();
            if !numbers.store(kind, slice, row, &current) || bits.exhausted() {
                return None;
            }
            std::mem::swap(&mut current, &mut previous);
        }
        Some(())
    }
}

/// A row of zeros; `None` if memory does not suffice, as a hostile shape may have it.
fn zeros(width: usize) -> Option<Vec<i64>> {
    let mut row = Vec::new();
    row.try_reserve_exact(width).ok()?;
    row.resize(width, 0);
    Some(row)
}

/// Sizes above this look alike to the contexts.
const HIGH: i64 = 1 << 30;

/// The median edge predictor: the left or upper neighbour at an edge, their
/// plane in between.
#[inline]
fn predict(current: &[i64], previous: &[i64], row: usize, column: usize) -> i64 {
    if row == 0 {
        return if column == 0 { 0 } else { current[column - 1] };
    }
    if column == 0 {
        return previous[0];
    }
    median_edge(current[column - 1], previous[column], previous[column - 1])
}

#[inline]
pub(crate) fn median_edge(left: i64, up: i64, corner: i64) -> i64 {
    let (low, high) = (left.min(up), left.max(up));
    if corner >= high {
        low
    } else if corner <= low {
        high
    } else {
        left.wrapping_add(up).wrapping_sub(corner)
    }
}

/// What has been coded, as far back as contexts look.
#[derive(Debug)]
struct History {
    /// The whole tensor, or three rows if it is flat.
    coded: Vec<i32>,
    flat: bool,
    width: usize,
    area: usize,
}

impl History {
    fn new(geometry: &Geometry) -> Self {
        let flat = geometry.flat();
        let width = geometry.columns;
        Self {
            coded: Vec::new(),
            flat,
            width,
            area: geometry.rows * width,
        }
    }

    /// Makes room for one more slice; false if memory does not suffice.
    fn begin(&mut self, kind: Kind) -> bool {
        let wanted = if self.flat {
            if kind == Kind::Empty {
                0
            } else {
                3 * self.width
            }
        } else {
            self.coded.len() + self.area
        };
        if self.flat {
            self.coded.clear();
        }
        let more = wanted.saturating_sub(self.coded.len());
        if self.coded.try_reserve(more).is_err() {
            return false;
        }
        self.coded.resize(wanted.max(self.coded.len()), 0);
        true
    }

    /// The rows around `row` of `slice`, and the row itself for writing.
    fn rows(&mut self, geometry: &Geometry, slice: usize, row: usize) -> (Rows<'_>, &mut [i32]) {
        let width = self.width;
        if self.flat {
            let (before, current) = self.coded.split_at_mut(2 * width);
            let (up2, up) = before.split_at(width);
            let rows = Rows {
                up: if row > 0 { up } else { &[] },
                up2: if row > 1 { up2 } else { &[] },
                ..Rows::default()
            };
            return (rows, current);
        }
        let start = slice * self.area + row * width;
        let (before, rest) = self.coded.split_at_mut(start);
        let before = &*before;
        let back = |count: usize| {
            if row >= count {
                &before[start - count * width..][..width]
            } else {
                &[]
            }
        };
        let mut rows = Rows {
            up: back(1),
            up2: back(2),
            ..Rows::default()
        };
        for parent in geometry.parents(slice) {
            let plane = &before[parent * self.area..][..self.area];
            let line = |row: usize| plane.get(row * width..(row + 1) * width).unwrap_or(&[]);
            let above = if row > 0 { line(row - 1) } else { &[] };
            rows.parents[rows.count] = [line(row), above, line(row + 1)];
            rows.count += 1;
        }
        (rows, &mut rest[..width])
    }

    fn end_row(&mut self) {
        if self.flat {
            // The oldest row becomes the next one to write.
            self.coded.rotate_left(self.width);
        }
    }
}
