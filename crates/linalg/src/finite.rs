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
    let by_columns = a.row_stride.abs() < a.column_stride.abs();
    let walk = if by_columns { a.transposed() } else { a };
    let mut largest = 0.0f64;
    let mut finite = true;
    for row in 0..walk.rows {
        // SAFETY: the row is inside the matrix.
        let start = unsafe { walk.pointer.offset(row as isize * walk.row_stride) };
        let (most, sum) = if walk.column_stride == 1 {
            // SAFETY: the row has `columns` dense elements.
            row_magnitude(
                unsafe { std::slice::from_raw_parts(start, walk.columns) }
                    .iter()
                    .copied(),
            )
        } else {
            row_magnitude((0..walk.columns).map(|column| walk.stored(row, column)))
        };
        largest = largest.max(most);
        finite &= sum;
    }
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

/// The largest absolute part and whether all are finite.
fn row_magnitude<T: Kernel>(elements: impl Iterator<Item = T>) -> (f64, bool) {
    let zero = <RealOf<T> as tensegrity_tensor::Element>::ZERO;
    // NaN and infinities survive in a sum of products with zero; comparisons
    // alone would drop NaN. Both compile to vector instructions.
    let (mut most, mut trace) = (zero, zero);
    for x in elements {
        let re = Real::abs(x.re());
        most = if re > most { re } else { most };
        trace += re * zero;
        if T::IS_COMPLEX {
            let im = Real::abs(x.im());
            most = if im > most { im } else { most };
            trace += im * zero;
        }
    }
    (most.to_f64(), trace == zero)
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
    let mut sums = [0.0f64; 8];
    for column in 0..a.columns {
        sums[column % 8] += a.stored(0, column).abs2();
    }
    sums.iter().sum()
}
