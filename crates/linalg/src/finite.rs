//! Checks that keep NaN, infinities and extreme magnitudes out of algorithms
//! that would not end, or would overflow, on them.

use tensegrity_tensor::{Real, Scalar};

use crate::kernel::{Kernel, RealOf};
use crate::operand::Operand;
use crate::{Error, Result};

/// The largest absolute real or imaginary part; an error at the first entry in
/// row-major order that is not finite.
///
/// Cost: one pass in memory order.
pub(crate) fn magnitude<T: Kernel>(
    what: &'static str,
    argument: &'static str,
    a: Operand<'_, T>,
) -> Result<f64> {
    let walk = if a.row_stride.abs() < a.column_stride.abs() {
        a.transposed()
    } else {
        a
    };
    let mut scan = Scan::<T>::new();
    for row in 0..walk.rows {
        if walk.column_stride == 1 {
            scan.slice(walk.dense_row(row));
        } else {
            for column in 0..walk.columns {
                scan.element(column % LANES, walk.stored(row, column));
            }
        }
    }
    let (largest, finite) = scan.finish();
    if finite {
        return Ok(largest);
    }
    for row in 0..a.rows {
        for column in 0..a.columns {
            if !Scalar::is_finite(a.stored(row, column)) {
                return Err(Error::NonFinite {
                    what,
                    argument,
                    position: vec![row, column],
                });
            }
        }
    }
    unreachable!("one entry is not finite");
}

/// Independent accumulators, so that loops become vector instructions.
const LANES: usize = 16;

/// A running largest absolute part and trace of anything not finite.
///
/// NaN and infinities survive in a sum of products with zero; comparisons alone
/// would drop NaN.
struct Scan<T: Kernel> {
    most: [RealOf<T>; LANES],
    trace: [RealOf<T>; LANES],
}

impl<T: Kernel> Scan<T> {
    fn new() -> Self {
        let zero = T::ZERO.re();
        Self {
            most: [zero; LANES],
            trace: [zero; LANES],
        }
    }

    #[inline(always)]
    fn element(&mut self, lane: usize, x: T) {
        self.part(lane, x.re());
        if T::IS_COMPLEX {
            self.part(lane, x.im());
        }
    }

    #[inline(always)]
    fn part(&mut self, lane: usize, x: RealOf<T>) {
        let size = Real::abs(x);
        self.most[lane] = if size > self.most[lane] {
            size
        } else {
            self.most[lane]
        };
        self.trace[lane] += x * T::ZERO.re();
    }

    fn slice(&mut self, elements: &[T]) {
        let mut chunks = elements.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (lane, &x) in chunk.iter().enumerate() {
                self.element(lane, x);
            }
        }
        for (lane, &x) in chunks.remainder().iter().enumerate() {
            self.element(lane, x);
        }
    }

    fn finish(self) -> (f64, bool) {
        let most = self.most.iter().map(|x| x.to_f64()).fold(0.0, f64::max);
        let finite = self.trace.iter().all(|x| *x == T::ZERO.re());
        (most, finite)
    }
}

/// The power of two to multiply a matrix of this magnitude by so that squares
/// of its entries neither overflow nor vanish; one if they do not anyway.
pub(crate) fn safe_scale<T: Kernel>(magnitude: f64) -> f64 {
    let single = <RealOf<T> as Real>::EPSILON.to_f64() > 1e-10;
    // Squares, and sums of up to 2^40 of them, stay normal in these ranges.
    let (low, high) = if single {
        (1e-12, 1e12)
    } else {
        (1e-120, 1e120)
    };
    if magnitude == 0.0 || (low..=high).contains(&magnitude) {
        1.0
    } else {
        // Subnormal magnitudes are below the exponent range of their inverse.
        (-magnitude.log2().floor()).clamp(-1022.0, 1022.0).exp2()
    }
}

/// Squared Frobenius norm in `f64`, pairwise over rows.
pub(crate) fn norm_squared<T: Kernel>(a: Operand<'_, T>) -> f64 {
    let walk = if a.row_stride.abs() < a.column_stride.abs() {
        a.transposed()
    } else {
        a
    };
    rows_norm(walk)
}

fn rows_norm<T: Kernel>(a: Operand<'_, T>) -> f64 {
    if a.rows > 1 {
        let half = a.rows / 2;
        return rows_norm(a.row_range(0..half)) + rows_norm(a.row_range(half..a.rows));
    }
    if a.columns > 1024 {
        let half = a.columns / 2;
        return rows_norm(a.column_range(0..half)) + rows_norm(a.column_range(half..a.columns));
    }
    if a.rows == 0 {
        return 0.0;
    }
    let mut sums = [0.0f64; LANES];
    if a.column_stride == 1 {
        let row = a.dense_row(0);
        let mut chunks = row.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x.abs2();
            }
        }
        for (sum, x) in sums.iter_mut().zip(chunks.remainder()) {
            *sum += x.abs2();
        }
    } else {
        for column in 0..a.columns {
            sums[column % LANES] += a.stored(0, column).abs2();
        }
    }
    sums.iter().sum()
}
