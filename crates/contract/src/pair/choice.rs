//! Which kernel runs a pair, and what it is expected to cost.

use std::fmt;

use tensegrity_tensor::DType;

use super::across::Mode;
use super::loops::{Loop, Loops, volume};
use super::matrix::Matrix;
use super::prepare::Pair;
use super::problem::Problem;
use super::small_batch::SmallBatch;
use super::spec::PairSpec;

/// How a pair contraction is computed; see the [module](super) for what each is good at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Nothing to multiply: an empty result, or a sum over an empty wire.
    Fill,
    /// One operand, nothing summed: a strided copy.
    Copy,
    /// Plain nested loops.
    Direct,
    /// SIMD along a wire of the result.
    Across,
    /// SIMD along a summed wire.
    Along,
    /// Small matrices in bulk, SIMD across the batch.
    SmallBatch,
    /// Dense matrix products on the views.
    Gemm,
    /// Permuted copies, then a dense matrix product.
    Transpose,
    /// Matrix kernel that gathers through the strides.
    Packed,
    /// A structured node through its entries; chosen for no pair of tensors.
    Structured,
}

impl Strategy {
    /// The strategies that multiply, in the order they are considered.
    pub const ALL: [Strategy; 7] = [
        Strategy::Direct,
        Strategy::Across,
        Strategy::Along,
        Strategy::SmallBatch,
        Strategy::Gemm,
        Strategy::Transpose,
        Strategy::Packed,
    ];

    /// A short name, as printed by plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Fill => "fill",
            Strategy::Copy => "copy",
            Strategy::Direct => "loops",
            Strategy::Across => "simd across result",
            Strategy::Along => "simd along sum",
            Strategy::SmallBatch => "small-matrix batch",
            Strategy::Gemm => "gemm",
            Strategy::Transpose => "transpose + gemm",
            Strategy::Packed => "packed gemm",
            Strategy::Structured => "entries",
        }
    }
}

/// The strategy chosen for a pair, the sizes it was chosen for and why it costs what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How it is computed.
    pub strategy: Strategy,
    /// Length of all batch wires together.
    pub batch: usize,
    /// Length of all left-free wires together.
    pub rows: usize,
    /// Length of all right-free wires together.
    pub columns: usize,
    /// Length of all contracted wires together.
    pub depth: usize,
    /// Whether the left and the right operand are summed over wires of their own first.
    pub presummed: [bool; 2],
    /// Whether left operand, right operand and result are permuted through a copy.
    pub copied: [bool; 3],
    /// Predicted time on one thread of a present-day core, in seconds.
    pub seconds: f64,
}

impl fmt::Display for Choice {
    /// `packed gemm, 4 × (11520 × 256 × 140)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.strategy.name())?;
        if matches!(
            self.strategy,
            Strategy::Fill | Strategy::Copy | Strategy::Structured
        ) {
            return Ok(());
        }
        f.write_str(", ")?;
        if self.batch > 1 {
            write!(f, "{} × ", self.batch)?;
        }
        write!(f, "({} × {} × {})", self.rows, self.columns, self.depth)?;
        for (done, what) in [
            (self.presummed[0], "left summed first"),
            (self.presummed[1], "right summed first"),
            (self.copied[0], "left permuted"),
            (self.copied[1], "right permuted"),
            (self.copied[2], "result permuted"),
        ] {
            if done {
                write!(f, ", {what}")?;
            }
        }
        Ok(())
    }
}

/// The choice for a contraction of tensors with these strides (of a, b and c, in elements).
///
/// Cost: some microseconds at most; grows with the square of the number of wires.
#[must_use]
pub fn classify(spec: &PairSpec, strides: [&[isize]; 3], dtype: DType) -> Choice {
    Pair::new(spec, strides, dtype).choice().clone()
}

/// Whether the matrix kernel of the ground is to be offered.
const LIBRARY: bool = true;

/// Machine model: what an element type costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Bytes of an element.
    pub size: usize,
    /// Elements of a vector.
    pub lanes: f64,
    /// Cycles of a vector multiply-add.
    pub multiply: f64,
    /// Whether dense products have a library kernel.
    pub library: bool,
}

/// Cycles to nanoseconds, roughly, on any machine of the last years.
const CYCLE: f64 = 0.3e-9;
/// Bytes of the first cache, less what else is in it.
const NEAREST: usize = 24 << 10;
/// Bytes of the second cache.
const NEAR: usize = 1 << 20;

impl Machine {
    pub fn new(dtype: DType) -> Self {
        let (size, multiply, library) = match dtype {
            DType::F32 => (4, 1.0, LIBRARY),
            DType::C64 => (8, 2.6, LIBRARY),
            DType::C128 => (16, 2.6, LIBRARY),
            DType::I64 => (8, 4.0, false),
            _ => (8, 1.0, LIBRARY),
        };
        Self {
            size,
            // 512-bit vectors; with 256-bit ones all SIMD strategies are
            // slower together and the comparison stays what it is.
            lanes: 64.0 / size as f64,
            multiply,
            library,
        }
    }

    pub fn seconds(self, cycles: f64) -> f64 {
        cycles * CYCLE
    }

    /// Cycles to read an element along a loop that moves by `stride`, of a
    /// tensor of `elements` that is read `times` over.
    fn touch(self, stride: isize, elements: usize, times: f64) -> f64 {
        let bytes = elements.saturating_mul(self.size);
        match Mode::of(stride) {
            Mode::Fixed => 0.1 / self.lanes,
            Mode::Unit if times > 1.5 && bytes > NEAR => 5.0 / self.lanes,
            Mode::Unit if bytes > NEAREST => 2.0 / self.lanes,
            Mode::Unit => 0.5 / self.lanes,
            Mode::Strided if stride.unsigned_abs() * self.size >= 64 && bytes > NEAR => 5.0,
            Mode::Strided if stride.unsigned_abs() * self.size >= 64 && bytes > NEAREST => 2.0,
            Mode::Strided => 1.0,
        }
    }

    /// Cycles to bring all three tensors from memory, if they are not near.
    fn stream(self, elements: &Elements) -> f64 {
        let elements = elements.a as f64 + elements.b as f64 + elements.c as f64;
        let bytes = elements * self.size as f64;
        (bytes - (4 * NEAR) as f64).max(0.0) * 0.25
    }

    pub fn direct(self, problem: &Problem) -> f64 {
        let kept = volume(&problem.kept()) as f64;
        let products = kept * volume(&problem.summed()) as f64;
        // Up to the size of the first cache one product follows the other;
        // beyond, strides that no prefetcher follows cost what memory costs.
        let far = if problem.bytes(self.size) > NEAREST {
            6.0
        } else {
            1.3
        };
        20.0 + kept * 6.0 + products * far * self.multiply + self.stream(&Elements::of(problem))
    }

    /// The best SIMD index among those of the result, and its cycles.
    pub fn across(self, problem: &Problem) -> Option<(usize, f64)> {
        let kept = problem.kept();
        let sums = volume(&problem.summed()) as f64;
        let elements = Elements::of(problem);
        let total = volume(&kept) as f64 * sums;
        (0..kept.len())
            .map(|at| {
                let l = kept[at];
                let others = volume(&kept) as f64 / l.length as f64;
                let vectors = (l.length as f64 / self.lanes).ceil();
                let read = self.touch(l.a, elements.a, total / elements.a as f64)
                    + self.touch(l.b, elements.b, total / elements.b as f64);
                let work = (self.lanes * read).max(0.5) + 0.5 * self.multiply;
                let write = self.lanes * (0.3 + self.touch(l.c, elements.c, 1.0));
                let cycles = 80.0 + others * (12.0 + vectors * (4.0 + sums * work + write));
                (at, cycles + self.stream(&elements))
            })
            .min_by(|x, y| x.1.total_cmp(&y.1))
    }

    /// The best SIMD index among the summed ones, and its cycles.
    pub fn along(self, problem: &Problem) -> Option<(usize, f64)> {
        let (kept, summed) = (volume(&problem.kept()) as f64, problem.summed());
        let elements = Elements::of(problem);
        let total = kept * volume(&summed) as f64;
        (0..summed.len())
            .map(|at| {
                let l = summed[at];
                let others = volume(&summed) as f64 / l.length as f64;
                let vectors = (l.length as f64 / self.lanes).ceil();
                let read = self.touch(l.a, elements.a, total / elements.a as f64)
                    + self.touch(l.b, elements.b, total / elements.b as f64);
                let unit = |s: isize| matches!(s, 0 | 1);
                // Gathered sums are scalar.
                let scalar = if unit(l.a) && unit(l.b) {
                    0.0
                } else {
                    self.lanes
                };
                let work = (self.lanes * read).max(0.5) + 0.5 * self.multiply + scalar;
                let cycles = 80.0 + kept * (30.0 + others * (4.0 + vectors * work));
                (at, cycles + self.stream(&elements))
            })
            .min_by(|x, y| x.1.total_cmp(&y.1))
    }

    pub fn small_batch(self, problem: &Problem, plan: &SmallBatch) -> f64 {
        let [batch, m, n, k] = problem.sizes();
        let k = k as f64 * (volume(&problem.left_sum) * volume(&problem.right_sum)) as f64;
        let (batch, m, n) = (batch as f64, m as f64, n as f64);
        let products = batch * m * n * k / self.lanes * (1.0 + 0.5 * self.multiply);
        let moved = batch * plan.buffered() as f64 * 2.0;
        self.stream(&Elements::of(problem))
            + products
            + moved
            + plan.chunks() as f64 * (250.0 + m * n * 20.0)
            + 100.0
    }

    pub fn packed(self, problem: &Problem) -> f64 {
        let [batch, m, n, k] = problem.sizes();
        let k = k * volume(&problem.left_sum) * volume(&problem.right_sum);
        let pad = |x: usize, to: usize| x.next_multiple_of(to) as f64;
        let shape = (pad(m, 8) * pad(n, 4)).min(pad(m, 4) * pad(n, 8));
        let multiply = shape * k as f64 / self.lanes * self.multiply * 1.1;
        // A panel is gathered along lines where a group is contiguous.
        let gather = |loops: [&Loops; 2], stride: fn(&Loop) -> isize| {
            let unit = |loops: &Loops| loops.iter().any(|l| stride(l).abs() == 1 && l.length >= 4);
            if unit(loops[0]) {
                4.0 / self.lanes
            } else if unit(loops[1]) {
                1.0
            } else {
                1.6
            }
        };
        let summed = problem.summed();
        let pack = (m * k) as f64 * gather([&problem.left, &summed], |l| l.a)
            + (n * k) as f64 * gather([&problem.right, &summed], |l| l.b);
        let scattered = |l: &Loop| l.c.abs() == 1 && l.length >= 4;
        let store = if problem.left.iter().chain(&problem.right).any(scattered) {
            2.0 / self.lanes
        } else {
            1.5
        };
        let blocks = k.div_ceil(256) as f64;
        self.stream(&Elements::of(problem))
            + 400.0
            + batch as f64 * (multiply + pack + (m * n) as f64 * store * blocks + 60.0)
    }

    pub fn matrix(self, problem: &Problem, plan: &Matrix) -> f64 {
        let [batch, m, n, k] = plan.sizes();
        let products = m.next_multiple_of(8) as f64 * n.next_multiple_of(4) as f64 * k as f64;
        let moved = (m * k + n * k + m * n) as f64 * 0.7;
        // A batch is one call; its small products have kernels of their own.
        let overhead = if batch > 1 { 40.0 } else { 300.0 };
        let one = products / self.lanes * self.multiply * 1.05 + moved + overhead;
        let calls = plan.calls() as f64;
        self.stream(&Elements::of(problem))
            + calls * (batch as f64 * one + 150.0)
            + 3.0 * plan.copied() as f64
    }
}

/// Elements of the three tensors.
struct Elements {
    a: usize,
    b: usize,
    c: usize,
}

impl Elements {
    fn of(problem: &Problem) -> Self {
        let [batch, m, n, k] = problem.sizes();
        Self {
            a: batch * m * k * volume(&problem.left_sum),
            b: batch * n * k * volume(&problem.right_sum),
            c: batch * m * n,
        }
    }
}
