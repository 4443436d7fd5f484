//! Real tensors as integers times steps.
//!
//! A number `x` of row `j` (an index of the first axis) is stored as the
//! integer `q` near `x / step_j`, where `step_j = Δ · 2^(k_j / 4)`: one
//! fineness `Δ` for a whole representation and one small integer `k_j` per
//! row. This is reverse water-filling (Cover and Thomas, *Elements of
//! Information Theory*, §10.3.3): when row `j` of a factor is multiplied by
//! something of norm `σ_j` further on, `k_j ≈ −4·log2 σ_j` makes every stored
//! number cause the same distortion, which is where the sum of distortions is
//! least for the bits spent; rows below the water level become zero.
//!
//! Integers are chosen by distortion plus price
//! ([`Fineness::lambda`]), and read back at the centroid of what was rounded
//! to them.

use tensegrity_tensor::Scalar;

use super::lattice::{FLAT, Geometry, Kind, Model, Numbers, median_edge, nearest};
use super::range::{Bits, Meter};

/// Integers stay below this, so that differences never overflow.
const LARGEST: f64 = (1u64 << 60) as f64;
/// Quarter octaves around `Δ` a row's step may be away from it.
const FURTHEST: i32 = 4000;
/// Centroids are shifts towards zero in units of 1/32 step.
const SHIFT_UNIT: f64 = 1.0 / 32.0;

/// How finely numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fineness {
    /// The step `Δ` of a number of weight one.
    pub step: f32,
    /// Squared steps a bit is worth. Zero rounds to nearest; about 0.1 is the
    /// slope of the rate-distortion curve and saves the most at equal error.
    pub lambda: f64,
}

/// Quarter octaves by which each row's step differs from `Δ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    /// One for the whole tensor.
    Uniform(i32),
    /// One for each index of the first axis.
    PerRow(Vec<i32>),
}

impl Steps {
    /// Steps inversely proportional to `weights`: how much a unit error in
    /// each row weighs in the end.
    #[must_use]
    pub fn for_weights(weights: &[f64]) -> Self {
        let exponent = |&weight: &f64| {
            let quarters = (-4.0 * weight.max(f64::MIN_POSITIVE).log2()).round();
            (quarters as i32).clamp(-FURTHEST, FURTHEST)
        };
        Steps::PerRow(weights.iter().map(exponent).collect())
    }

    fn of_row(&self, row: usize) -> i32 {
        match self {
            Steps::Uniform(exponent) => *exponent,
            Steps::PerRow(exponents) => exponents[row],
        }
    }
}

/// `Δ · 2^(exponent / 4)`, the same `f64` on every machine.
fn step_of(step: f32, exponent: i32) -> f64 {
    // 2^(1/4), 2^(1/2), 2^(3/4) rounded to nearest.
    const QUARTERS: [f64; 4] = [
        1.0,
        1.189_207_115_002_721,
        std::f64::consts::SQRT_2,
        1.681_792_830_507_429,
    ];
    let octaves = exponent.div_euclid(4);
    let quarter = QUARTERS[exponent.rem_euclid(4) as usize];
    // Powers of two are exact; two factors, so that ±1000 octaves do not overflow midway.
    let half = octaves / 2;
    f64::from(step) * quarter * power_of_two(half) * power_of_two(octaves - half)
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent.clamp(-1022, 1023))) as u64) << 52)
}

/// A tensor of integers with the steps that give them size.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Shape in real numbers: a complex tensor has an axis of two after its first.
    shape: Vec<usize>,
    complex: bool,
    steps: Steps,
    shifts: [i8; 3],
    kinds: Vec<KindByte>,
    numbers: Integers,
}

type KindByte = u8;

/// Integers, narrow where they fit.
#[derive(Clone, Debug, PartialEq)]
enum Integers {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl Integers {
    fn get(&self, index: usize) -> i64 {
        match self {
            Integers::Narrow(numbers) => numbers[index].into(),
            Integers::Wide(numbers) => numbers[index],
        }
    }

    fn extend(&mut self, row: &[i64]) {
        if let Integers::Narrow(narrow) = self {
            if row.iter().all(|&q| i32::try_from(q).is_ok()) {
                narrow.extend(row.iter().map(|&q| q as i32));
                return;
            }
            *self = Integers::Wide(narrow.iter().map(|&q| q.into()).collect());
        }
        if let Integers::Wide(wide) = self {
            wide.extend_from_slice(row);
        }
    }
}

/// Shape in real numbers of a tensor that may be complex.
fn real_shape(shape: &[usize], complex: bool) -> Vec<usize> {
    let mut real = shape.to_vec();
    if complex {
        real.insert(shape.len().min(1), 2);
    }
    real
}

/// Where real number `index` of the stored order is: (element, whether its imaginary part).
#[derive(Clone, Copy, Debug)]
struct Interleaving {
    complex: bool,
    /// Complex numbers of one index of the first axis.
    row: usize,
}

impl Interleaving {
    fn new(shape: &[usize], complex: bool) -> Self {
        let row = shape.iter().skip(1).product::<usize>().max(1);
        Self { complex, row }
    }

    #[inline]
    fn locate(self, index: usize) -> (usize, bool) {
        if !self.complex {
            return (index, false);
        }
        let (block, within) = (index / self.row, index % self.row);
        (block / 2 * self.row + within, block % 2 == 1)
    }
}

/// The encoder's side of [`Numbers`]: unrounded values and where results go.
struct Wishes<'a, T> {
    values: &'a [T],
    map: Interleaving,
    /// Inverse step of each row of the first axis.
    inverse: Vec<f64>,
    per_row: usize,
    lambda: f64,
    area: usize,
    columns: usize,
    rows: usize,
    predicted_allowed: bool,
    result: Integers,
    kinds: Vec<Kind>,
}

impl<T: Scalar> Wishes<'_, T> {
    #[inline]
    fn at(&self, index: usize) -> f64 {
        let (element, imaginary) = self.map.locate(index);
        let value = self.values[element];
        let part: f64 = if imaginary {
            wide(value.im())
        } else {
            wide(value.re())
        };
        let scaled = part * self.inverse[index / self.per_row];
        scaled.clamp(-LARGEST, LARGEST)
    }

    /// Chooses how a slice is coded from its rounded numbers.
    fn judge(&self, slice: usize) -> Kind {
        let start = slice * self.area;
        let area = self.rows * self.columns;
        if (start..start + area).all(|index| self.at(index).abs() < 0.5) {
            return Kind::Empty;
        }
        let (mut plain, mut predicted) = (0.0, 0.0);
        let mut previous = vec![0i64; self.columns];
        let mut current = vec![0i64; self.columns];
        for row in 0..self.rows {
            for x in 0..self.columns {
                let q = nearest(self.at(start + row * self.columns + x));
                let guess = match (row, x) {
                    (0, 0) => 0,
                    (0, _) => current[x - 1],
                    (_, 0) => previous[0],
                    _ => median_edge(current[x - 1], previous[x], previous[x - 1]),
                };
                plain += length(q);
                predicted += length(q - guess);
                current[x] = q;
            }
            std::mem::swap(&mut current, &mut previous);
        }
        if self.predicted_allowed && predicted < 0.95 * plain {
            Kind::Predicted
        } else {
            Kind::Plain
        }
    }
}

/// About the bits of an integer.
fn length(q: i64) -> f64 {
    if q == 0 {
        0.3
    } else {
        f64::from(66 - q.unsigned_abs().leading_zeros())
    }
}

#[inline]
fn wide<R: tensegrity_tensor::Real>(value: R) -> f64 {
    value.to_f64()
}

impl<T: Scalar> Numbers for Wishes<'_, T> {
    fn kind(&mut self, slice: usize) -> Kind {
        self.judge(slice)
    }

    fn load(&mut self, slice: usize, row: usize, numbers: &mut [i64]) {
        if self.lambda == 0.0 {
            let start = slice * self.area + row * self.columns;
            for (x, number) in numbers.iter_mut().enumerate() {
                *number = nearest(self.at(start + x));
            }
        }
    }

    fn store(&mut self, kind: Kind, _slice: usize, row: usize, numbers: &[i64]) -> bool {
        if row == 0 {
            self.kinds.push(kind);
        }
        self.result.extend(numbers);
        true
    }

    #[inline]
    fn wish(&self, slice: usize, row: usize, column: usize) -> Option<(f64, f64)> {
        if self.lambda == 0.0 {
            return None;
        }
        let wish = self.at(slice * self.area + row * self.columns + column);
        Some((wish, self.lambda))
    }
}

impl Quantised {
    /// The integers for `values`, row-major of `shape`.
    ///
    /// Cost: about 100 ns a number with a price on bits, 10 ns without.
    ///
    /// # Panics
    /// If `values` does not fill `shape` or `steps` does not have a step for
    /// every index of the first axis.
    #[must_use]
    pub fn new<T: Scalar>(values: &[T], shape: &[usize], steps: Steps, fineness: Fineness) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        let first = shape.first().copied().unwrap_or(1);
        if let Steps::PerRow(exponents) = &steps {
            assert_eq!(exponents.len(), first);
        }
        let real = real_shape(shape, T::IS_COMPLEX);
        let geometry = Geometry::of(&real);
        let total: usize = real.iter().product();
        // Searching for cheaper integers is worth it where the model sees all of the tensor.
        let lambda = if total > FLAT { 0.0 } else { fineness.lambda };
        let mut wishes = Wishes {
            values,
            map: Interleaving::new(shape, T::IS_COMPLEX),
            inverse: (0..first)
                .map(|row| 1.0 / step_of(fineness.step, steps.of_row(row)))
                .collect(),
            per_row: (total / first.max(1)).max(1),
            lambda,
            area: geometry.rows * geometry.columns,
            columns: geometry.columns,
            rows: geometry.rows,
            predicted_allowed: geometry.columns * geometry.rows > 8,
            result: Integers::Narrow(Vec::new()),
            kinds: Vec::new(),
        };
        if lambda > 0.0 {
            Model::new().tensor(&mut Meter::default(), &geometry, &mut wishes);
        } else {
            let mut row_of = vec![0; geometry.columns];
            for slice in 0..geometry.slices {
                let kind = wishes.judge(slice);
                for row in 0..geometry.rows {
                    wishes.load(slice, row, &mut row_of);
                    wishes.store(kind, slice, row, &row_of);
                }
            }
        }
        let mut result = Self {
            shape: real,
            complex: T::IS_COMPLEX,
            steps,
            shifts: [0; 3],
            kinds: Vec::new(),
            numbers: std::mem::replace(&mut wishes.result, Integers::Narrow(Vec::new())),
        };
        result.settle_kinds(&wishes.kinds, &geometry);
        if total <= FLAT {
            result.settle_shifts(&wishes);
        }
        result
    }

    /// Slices the search has emptied become empty.
    fn settle_kinds(&mut self, kinds: &[Kind], geometry: &Geometry) {
        let area = geometry.rows * geometry.columns;
        self.kinds = (0..geometry.slices)
            .map(|slice| {
                let zero = (slice * area..(slice + 1) * area).all(|i| self.numbers.get(i) == 0);
                byte(if zero { Kind::Empty } else { kinds[slice] })
            })
            .collect();
    }

    /// The mean distance of what was rounded to 1, to 2 and to more.
    fn settle_shifts<T: Scalar>(&mut self, wishes: &Wishes<'_, T>) {
        let (mut sums, mut counts) = ([0.0f64; 3], [0u32; 3]);
        for slice in 0..self.kinds.len() {
            if self.kinds[slice] != byte(Kind::Plain) {
                continue;
            }
            for index in slice * wishes.area..(slice + 1) * wishes.area {
                let q = self.numbers.get(index);
                if q != 0 {
                    let class = q.unsigned_abs().min(3) as usize - 1;
                    sums[class] += q.unsigned_abs() as f64 - wishes.at(index) * q.signum() as f64;
                    counts[class] += 1;
                }
            }
        }
        for class in 0..3 {
            // Fewer numbers than this cannot pay for the bits of a shift.
            if counts[class] >= 16 {
                let mean = sums[class] / f64::from(counts[class]);
                self.shifts[class] = (mean / SHIFT_UNIT).round().clamp(-12.0, 12.0) as i8;
            }
        }
    }

    /// Number of integers that are not zero.
    #[must_use]
    pub fn nonzero(&self) -> usize {
        let count = self.shape.iter().product();
        (0..count).filter(|&i| self.numbers.get(i) != 0).count()
    }

    /// Whether each index of the first axis has its own step.
    #[must_use]
    pub fn is_per_row(&self) -> bool {
        matches!(self.steps, Steps::PerRow(_))
    }

    /// (length before, length of, length after) of an axis of the tensor, in
    /// stored numbers; the two parts of complex numbers lie after the first axis.
    fn around(&self, axis: usize) -> (usize, usize, usize) {
        let axis = if axis > 0 {
            axis + usize::from(self.complex)
        } else {
            0
        };
        let length = |part: &[usize]| part.iter().product::<usize>();
        let (before, rest) = self.shape.split_at(axis);
        (length(before), rest[0], length(&rest[1..]))
    }

    /// For each index of `axis` whether any of its integers is not zero.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    pub fn live(&self, axis: usize) -> Vec<bool> {
        let (before, length, after) = self.around(axis);
        let mut live = vec![false; length];
        for outer in 0..before {
            for (index, live) in live.iter_mut().enumerate() {
                let start = (outer * length + index) * after;
                *live = *live || (start..start + after).any(|i| self.numbers.get(i) != 0);
            }
        }
        live
    }

    /// Drops the indices of `axis` that are not kept.
    ///
    /// # Panics
    /// If the axis does not exist or has another length than `keep`.
    pub fn retain(&mut self, axis: usize, keep: &[bool]) {
        let (before, length, after) = self.around(axis);
        assert_eq!(length, keep.len());
        let mut kept = Integers::Narrow(Vec::new());
        let mut row = vec![0; after];
        for outer in 0..before {
            for index in (0..length).filter(|&index| keep[index]) {
                let start = (outer * length + index) * after;
                for (k, number) in row.iter_mut().enumerate() {
                    *number = self.numbers.get(start + k);
                }
                kept.extend(&row);
            }
        }
        let real_axis = if axis > 0 {
            axis + usize::from(self.complex)
        } else {
            0
        };
        let planes = self.shape.len().saturating_sub(2);
        if real_axis < planes {
            // Slices go with the outer axes.
            let inner: usize = self.shape[real_axis + 1..planes].iter().product();
            let kinds = std::mem::take(&mut self.kinds);
            self.kinds = kinds
                .into_iter()
                .enumerate()
                .filter(|(slice, _)| keep[slice / inner % length])
                .map(|(_, kind)| kind)
                .collect();
        }
        self.shape[real_axis] = keep.iter().filter(|&&keep| keep).count();
        if let (Steps::PerRow(exponents), 0) = (&mut self.steps, axis) {
            let mut flags = keep.iter();
            exponents.retain(|_| *flags.next().expect("one per row"));
        }
        self.numbers = kept;
    }

    /// The numbers as a decoder will see them.
    #[must_use]
    pub fn values<T: Scalar>(&self, step: f32) -> Vec<T> {
        let mut sink = Sink::<T>::new(self.shape.clone(), self.steps.clone(), self.shifts, step);
        let geometry = Geometry::of(&self.shape);
        let mut numbers = vec![0i64; geometry.columns];
        for slice in 0..geometry.slices {
            let kind = kind_of(self.kinds[slice]);
            for row in 0..geometry.rows {
                let start = (slice * geometry.rows + row) * geometry.columns;
                for (x, number) in numbers.iter_mut().enumerate() {
                    *number = self.numbers.get(start + x);
                }
                sink.store(kind, slice, row, &numbers);
            }
        }
        sink.values
    }

    /// Writes the tensor to a stream.
    pub(crate) fn encode<B: Bits>(&self, model: &mut Model, bits: &mut B) {
        code_header(
            model,
            bits,
            &mut Header {
                steps: self.steps.clone(),
                shifts: self.shifts,
            },
        );
        let geometry = Geometry::of(&self.shape);
        model.tensor(bits, &geometry, &mut Fixed(self, &geometry));
    }

    /// About the bits of the tensor in a stream.
    #[must_use]
    pub fn estimated_bits(&self) -> f64 {
        let mut meter = Meter::default();
        self.encode(&mut Model::new(), &mut meter);
        meter.bits()
    }
}

/// Integers that are already chosen.
struct Fixed<'a>(&'a Quantised, &'a Geometry);

impl Numbers for Fixed<'_> {
    fn kind(&mut self, slice: usize) -> Kind {
        kind_of(self.0.kinds[slice])
    }

    fn load(&mut self, slice: usize, row: usize, numbers: &mut [i64]) {
        let start = (slice * self.1.rows + row) * self.1.columns;
        for (x, number) in numbers.iter_mut().enumerate() {
            *number = self.0.numbers.get(start + x);
        }
    }

    fn store(&mut self, _: Kind, _: usize, _: usize, _: &[i64]) -> bool {
        true
    }

    fn wish(&self, _: usize, _: usize, _: usize) -> Option<(f64, f64)> {
        None
    }
}

fn byte(kind: Kind) -> KindByte {
    kind as u8
}

fn kind_of(byte: KindByte) -> Kind {
    match byte {
        0 => Kind::Empty,
        1 => Kind::Plain,
        _ => Kind::Predicted,
    }
}

/// What precedes the integers of a tensor.
struct Header {
    steps: Steps,
    shifts: [i8; 3],
}

/// Codes the header; `header.steps` has the right variant and length for a
/// decoder to fill in.
fn code_header<B: Bits>(model: &mut Model, bits: &mut B, header: &mut Header) {
    match &mut header.steps {
        Steps::Uniform(exponent) => {
            *exponent = bounded(model.header(bits, 0, (*exponent).into()));
        }
        Steps::PerRow(exponents) => {
            let mut last = 0;
            for (row, exponent) in exponents.iter_mut().enumerate() {
                let context = 1 + row.min(1);
                last = bounded(
                    model.header(bits, context, (*exponent - last).into()) + i64::from(last),
                );
                *exponent = last;
                if bits.exhausted() {
                    return;
                }
            }
        }
    }
    for (class, shift) in header.shifts.iter_mut().enumerate() {
        *shift = model
            .header(bits, 4 + class, (*shift).into())
            .clamp(-31, 31) as i8;
    }
}

fn bounded(exponent: i64) -> i32 {
    exponent.clamp(-i64::from(FURTHEST), FURTHEST.into()) as i32
}

/// The decoder's side of [`Numbers`]: integers in, values out.
struct Sink<T> {
    values: Vec<T>,
    map: Interleaving,
    steps: Vec<f64>,
    per_row: usize,
    rows: usize,
    columns: usize,
    shifts: [f64; 3],
}

impl<T: Scalar> Sink<T> {
    fn new(real_shape: Vec<usize>, steps: Steps, shifts: [i8; 3], step: f32) -> Self {
        let geometry = Geometry::of(&real_shape);
        let total: usize = real_shape.iter().product();
        let mut shape = real_shape;
        if T::IS_COMPLEX {
            shape.remove(shape.len().min(2) - 1);
        }
        let first = match &steps {
            Steps::Uniform(_) => 1,
            Steps::PerRow(exponents) => exponents.len(),
        };
        Self {
            values: Vec::new(),
            map: Interleaving::new(&shape, T::IS_COMPLEX),
            steps: match &steps {
                Steps::Uniform(exponent) => vec![step_of(step, *exponent)],
                Steps::PerRow(exponents) => exponents.iter().map(|&k| step_of(step, k)).collect(),
            },
            per_row: (total / first.max(1)).max(1),
            rows: geometry.rows,
            columns: geometry.columns,
            shifts: shifts.map(|shift| f64::from(shift) * SHIFT_UNIT),
        }
    }

    fn value(&self, index: usize, number: i64, kind: Kind) -> f64 {
        if number == 0 {
            return 0.0;
        }
        let shift = match kind {
            Kind::Plain => self.shifts[number.unsigned_abs().min(3) as usize - 1],
            _ => 0.0,
        };
        let size = number.unsigned_abs() as f64 - shift;
        let step = self.steps[index / self.per_row];
        if number < 0 {
            -size * step
        } else {
            size * step
        }
    }
}

impl<T: Scalar> Numbers for Sink<T> {
    fn kind(&mut self, _: usize) -> Kind {
        Kind::Empty
    }

    fn load(&mut self, _: usize, _: usize, _: &mut [i64]) {}

    fn store(&mut self, kind: Kind, slice: usize, row: usize, numbers: &[i64]) -> bool {
        let start = (slice * self.rows + row) * self.columns;
        let elements = self.map.locate((start + numbers.len()).saturating_sub(1)).0 + 1;
        if self
            .values
            .try_reserve(elements.saturating_sub(self.values.len()))
            .is_err()
        {
            return false;
        }
        for (x, &number) in numbers.iter().enumerate() {
            let index = start + x;
            let value = self.value(index, number, kind);
            let (element, imaginary) = self.map.locate(index);
            if imaginary {
                let re = wide(self.values[element].re());
                self.values[element] = T::from_f64(re, value);
            } else {
                if self.values.len() <= element {
                    self.values.resize(element + 1, T::ZERO);
                }
                self.values[element] = T::from_f64(value, 0.0);
            }
        }
        true
    }

    fn wish(&self, _: usize, _: usize, _: usize) -> Option<(f64, f64)> {
        None
    }
}

/// Reads a tensor of `shape` from a stream; `None` if the stream ends early.
pub(crate) fn decode<T: Scalar, B: Bits>(
    model: &mut Model,
    bits: &mut B,
    shape: &[usize],
    per_row: bool,
    step: f32,
) -> Option<Vec<T>> {
    let first = shape.first().copied().unwrap_or(1);
    let steps = if per_row {
        let mut exponents = Vec::new();
        exponents.try_reserve_exact(first).ok()?;
        exponents.resize(first, 0);
        Steps::PerRow(exponents)
    } else {
        Steps::Uniform(0)
    };
    let mut header = Header {
        steps,
        shifts: [0; 3],
    };
    code_header(model, bits, &mut header);
    if bits.exhausted() {
        return None;
    }
    let real = real_shape(shape, T::IS_COMPLEX);
    let mut sink = Sink::<T>::new(real.clone(), header.steps, header.shifts, step);
    model
        .tensor(bits, &Geometry::of(&real), &mut sink)
        .then_some(sink.values)
}
