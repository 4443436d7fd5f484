//! Folding tiles of values into accumulators.

use super::double;
use super::level::{Level, Work};

/// How values are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Sum,
    Max,
    Min,
    LogSumExp,
}

/// Accumulators: one per result.
#[derive(Clone, Debug)]
pub(super) enum Totals {
    /// Sum and what its roundings lost (Neumaier), maximum and nothing, or
    /// maximum m and Σ exp(x − m).
    Real {
        start: f64,
        first: Vec<f64>,
        second: Vec<f64>,
    },
    /// The start, and wrapping sums or extrema.
    Integer(i64, Vec<i64>),
}

/// Values as `[outer, middle, inner]`, row-major; the middle axis is folded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent3 {
    pub outer: usize,
    pub middle: usize,
    pub inner: usize,
}

impl Totals {
    /// Totals of no values; as many as the first tile has results.
    pub fn empty(fold: Fold, integer: bool) -> Self {
        if integer {
            return Totals::Integer(
                match fold {
                    Fold::Max => i64::MIN,
                    Fold::Min => i64::MAX,
                    Fold::Sum | Fold::LogSumExp => 0,
                },
                Vec::new(),
            );
        }
        let first = match fold {
            Fold::Sum => 0.0,
            Fold::Max | Fold::LogSumExp => f64::NEG_INFINITY,
            Fold::Min => f64::INFINITY,
        };
        Totals::Real {
            start: first,
            first: Vec::new(),
            second: Vec::new(),
        }
    }

    /// Makes room for `count` results.
    fn grow(&mut self, count: usize) {
        match self {
            Totals::Real {
                start,
                first,
                second,
            } => {
                first.resize(count, *start);
                second.resize(count, 0.0);
            }
            Totals::Integer(start, totals) => totals.resize(count, *start),
        }
    }

    /// Adds a tile of values.
    ///
    /// # Safety
    /// `values` is valid for the extent, in elements of `f64` or `i64`.
    pub unsafe fn add(&mut self, level: Level, fold: Fold, values: *const u8, extent: Extent3) {
        let length = extent.outer * extent.middle * extent.inner;
        self.grow(extent.outer * extent.inner);
        match self {
            Totals::Real { first, second, .. } => level.run(RealFold {
                fold,
                extent,
                // SAFETY: the caller's contract.
                values: unsafe { std::slice::from_raw_parts(values.cast(), length) },
                first: &mut first[..extent.outer * extent.inner],
                second: &mut second[..extent.outer * extent.inner],
            }),
            Totals::Integer(_, totals) => {
                // SAFETY: the caller's contract.
                let values: &[i64] = unsafe { std::slice::from_raw_parts(values.cast(), length) };
                let plane = extent.middle * extent.inner;
                for (totals, plane) in
                    (totals.chunks_exact_mut(extent.inner)).zip(values.chunks_exact(plane))
                {
                    for row in plane.chunks_exact(extent.inner) {
                        combine_integers(fold, totals, row);
                    }
                }
            }
        }
    }

    /// Adds the totals of other values.
    pub fn merge(&mut self, fold: Fold, other: &Totals) {
        match (self, other) {
            (Totals::Integer(_, ours), Totals::Integer(_, theirs)) => {
                combine_integers(fold, ours, theirs);
            }
            (
                Totals::Real { first, second, .. },
                Totals::Real {
                    first: other_first,
                    second: other_second,
                    ..
                },
            ) => {
                let theirs = other_first.iter().zip(other_second);
                for ((a, b), (&x, &y)) in first.iter_mut().zip(second).zip(theirs) {
                    match fold {
                        Fold::Sum => {
                            add_compensated(a, b, x);
                            *b += y;
                        }
                        Fold::Max => *a = larger(*a, x),
                        Fold::Min => *a = smaller(*a, x),
                        Fold::LogSumExp => {
                            let top = larger(*a, x);
                            if top > f64::NEG_INFINITY || top.is_nan() {
                                *b = *b * shifted_exp(*a, top) + y * shifted_exp(x, top);
                            }
                            *a = top;
                        }
                    }
                }
            }
            _ => unreachable!("totals of one reduction have one type"),
        }
    }

    /// The `count` results, which live as long as the totals.
    pub fn finish(&mut self, fold: Fold, count: usize) -> *const u8 {
        self.grow(count);
        let (first, second) = match self {
            Totals::Real { first, second, .. } => (first, second),
            Totals::Integer(_, totals) => return totals.as_ptr().cast(),
        };
        for (a, &b) in first.iter_mut().zip(second.iter()) {
            *a = match fold {
                // What an infinite sum lost is not a number.
                Fold::Sum if a.is_finite() => *a + b,
                Fold::LogSumExp if a.is_finite() => *a + b.ln(),
                _ => *a,
            };
        }
        first.as_ptr().cast()
    }
}

fn combine_integers(fold: Fold, totals: &mut [i64], values: &[i64]) {
    for (total, &value) in totals.iter_mut().zip(values) {
        *total = match fold {
            Fold::Sum | Fold::LogSumExp => total.wrapping_add(value),
            Fold::Max => (*total).max(value),
            Fold::Min => (*total).min(value),
        };
    }
}

/// exp(x − top) with equal infinities counted as equal.
fn shifted_exp(x: f64, top: f64) -> f64 {
    if x == top { 1.0 } else { (x - top).exp() }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// Adds `x` to the sum and what is rounded off to `lost` (Knuth's two-sum).
#[inline(always)]
fn add_compensated(sum: &mut f64, lost: &mut f64, x: f64) {
    let total = *sum + x;
    let part = total - *sum;
    *lost += (*sum - (total - part)) + (x - part);
    *sum = total;
}

/// Independent partial results, enough to hide the latency of additions.
const LANES: usize = 32;

struct RealFold<'a> {
    fold: Fold,
    extent: Extent3,
    values: &'a [f64],
    first: &'a mut [f64],
    second: &'a mut [f64],
}

impl Work for RealFold<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Extent3 { middle, inner, .. } = self.extent;
        let planes = self.values.chunks_exact((middle * inner).max(1));
        let totals = (self.first.chunks_exact_mut(inner)).zip(self.second.chunks_exact_mut(inner));
        for (plane, (first, second)) in planes.zip(totals) {
            // Rows so short that whole lanes hold several of them.
            let narrow = LANES.is_multiple_of(inner) && inner <= 4;
            if inner == 1 && middle < LANES && self.fold != Fold::LogSumExp {
                fold_short(self.fold, plane, &mut first[0], &mut second[0]);
                continue;
            }
            match self.fold {
                Fold::Sum if narrow => {
                    let lanes = fold_lanes(plane, 0.0, |a, b| a + b);
                    for (k, (sum, lost)) in first.iter_mut().zip(second).enumerate() {
                        add_compensated(sum, lost, tree(&lanes, k, inner, |a, b| a + b));
                    }
                }
                Fold::Max if narrow => {
                    let lanes = fold_lanes(plane, f64::NEG_INFINITY, larger);
                    for (k, top) in first.iter_mut().enumerate() {
                        *top = larger(*top, tree(&lanes, k, inner, larger));
                    }
                }
                Fold::Min if narrow => {
                    let lanes = fold_lanes(plane, f64::INFINITY, smaller);
                    for (k, bottom) in first.iter_mut().enumerate() {
                        *bottom = smaller(*bottom, tree(&lanes, k, inner, smaller));
                    }
                }
                Fold::LogSumExp if inner == 1 => {
                    log_sum_exp_row::<FUSED>(plane, &mut first[0], &mut second[0]);
                }
                fold => {
                    for row in plane.chunks_exact(inner) {
                        fold_row::<FUSED>(fold, row, first, second);
                    }
                }
            }
        }
    }
}

/// Folds a few values one after another.
#[inline(always)]
fn fold_short(fold: Fold, values: &[f64], first: &mut f64, second: &mut f64) {
    let Some((&start, rest)) = values.split_first() else {
        return;
    };
    match fold {
        Fold::Max => {
            *first = rest
                .iter()
                .fold(larger(*first, start), |a, &b| larger(a, b))
        }
        Fold::Min => {
            *first = rest
                .iter()
                .fold(smaller(*first, start), |a, &b| smaller(a, b))
        }
        Fold::Sum | Fold::LogSumExp => {
            let sum = rest.iter().fold(start, |a, &b| a + b);
            add_compensated(first, second, sum);
        }
    }
}

/// Folds elements k, k + 32, … into lane k.
#[inline(always)]
fn fold_lanes(values: &[f64], empty: f64, combine: impl Fn(f64, f64) -> f64) -> [f64; LANES] {
    let mut lanes = [empty; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for k in 0..LANES {
            lanes[k] = combine(lanes[k], chunk[k]);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, value);
    }
    lanes
}

/// Combines the lanes `first`, `first + step`, … pairwise.
#[inline(always)]
fn tree(lanes: &[f64; LANES], first: usize, step: usize, combine: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = *lanes;
    let mut width = LANES / 2;
    while width >= step {
        for k in 0..width {
            lanes[k] = combine(lanes[k], lanes[k + width]);
        }
        width /= 2;
    }
    lanes[first]
}

/// Adds a row of values to a running maximum and Σ exp(x − maximum).
#[inline(always)]
fn log_sum_exp_row<const FUSED: bool>(values: &[f64], top: &mut f64, sum: &mut f64) {
    let lanes = fold_lanes(values, f64::NEG_INFINITY, larger);
    let new = larger(*top, tree(&lanes, 0, 1, larger));
    if !new.is_finite() {
        // All −∞ adds nothing; +∞ and NaN are the result whatever follows.
        *top = new;
        return;
    }
    let mut lanes = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for k in 0..LANES {
            lanes[k] += double::exp::<FUSED>(chunk[k] - new);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += double::exp::<FUSED>(value - new);
    }
    let scale = if *top == new {
        1.0
    } else {
        double::exp::<FUSED>(*top - new)
    };
    *sum = *sum * scale + tree(&lanes, 0, 1, |a, b| a + b);
    *top = new;
}

/// Adds one value to every total.
#[inline(always)]
fn fold_row<const FUSED: bool>(fold: Fold, row: &[f64], first: &mut [f64], second: &mut [f64]) {
    // Index loops over slices of one length: the form that vectorises.
    let count = row.len();
    let (first, second) = (&mut first[..count], &mut second[..count]);
    match fold {
        Fold::Sum => {
            for k in 0..count {
                let (sum, x) = (first[k], row[k]);
                let total = sum + x;
                let part = total - sum;
                second[k] += (sum - (total - part)) + (x - part);
                first[k] = total;
            }
        }
        Fold::Max => {
            for k in 0..count {
                first[k] = larger(first[k], row[k]);
            }
        }
        Fold::Min => {
            for k in 0..count {
                first[k] = smaller(first[k], row[k]);
            }
        }
        Fold::LogSumExp => {
            for k in 0..count {
                let (top, x) = (first[k], row[k]);
                // Equal infinities must not give NaN.
                let distance = if x == top { 0.0 } else { (x - top).abs() };
                let e = double::exp::<FUSED>(-distance);
                let grown = second[k] * e + 1.0;
                let added = second[k] + e;
                second[k] = if x > top { grown } else { added };
                first[k] = larger(top, x);
            }
        }
    }
}
