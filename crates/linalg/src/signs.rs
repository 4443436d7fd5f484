//! The phase convention that makes factorisations comparable across libraries:
//! the entry of largest magnitude of each left vector is real and positive,
//! the first one among equals.

use faer::Mat;
use tensegrity_tensor::{Real, Scalar};

use crate::kernel::{Kernel, RealOf};

/// Relative slack inside which two magnitudes count as equal, so that rounding
/// does not decide which of two equal entries is the first.
const TIE: f64 = 64.0;

/// Turns every column of `left` to the convention and the same column of
/// `right` (if given) so that `left·diag·rightᴴ` stays.
pub(crate) fn fix_columns<T: Kernel>(left: &mut Mat<T>, mut right: Option<&mut Mat<T>>) {
    for column in 0..left.ncols() {
        let Some(phase) = phase(left.col_as_slice(column)) else {
            continue;
        };
        // Multiplying both columns by one unit number leaves l·rᴴ unchanged.
        let turn = Scalar::conj(phase);
        turn_column(left.col_as_slice_mut(column), turn);
        if let Some(right) = right.as_mut() {
            turn_column(right.col_as_slice_mut(column), turn);
        }
    }
}

fn turn_column<T: Kernel>(column: &mut [T], turn: T) {
    for x in column {
        *x *= turn;
    }
}

/// The unit number the leading entry points along; `None` if it is one or
/// there is no entry to go by.
pub(crate) fn phase<T: Kernel>(column: &[T]) -> Option<T> {
    let largest = column.iter().map(|x| x.abs2()).fold(0.0, f64::max);
    if largest == 0.0 {
        return None;
    }
    let slack = 1.0 - TIE * <RealOf<T> as Real>::EPSILON.to_f64();
    let leading = *column.iter().find(|x| x.abs2() >= slack * largest)?;
    unit(leading)
}

/// `x/|x|`, or `None` if that is one (or `x` is zero).
pub(crate) fn unit<T: Kernel>(x: T) -> Option<T> {
    let (re, im) = (x.re().to_f64(), x.im().to_f64());
    let size = re.hypot(im);
    if size == 0.0 || im == 0.0 && re > 0.0 {
        return None;
    }
    Some(<T as Scalar>::from_f64(re / size, im / size))
}

/// As [`fix_columns`] for row-major `left` (r columns) and the adjoint of
/// `right`, row-major with r rows.
pub(crate) fn fix_row_major<T: Kernel>(left: &mut [T], rank: usize, mut right: Option<&mut [T]>) {
    if rank == 0 {
        return;
    }
    let mut largest = vec![0.0f64; rank];
    for row in left.chunks_exact(rank) {
        for (most, x) in largest.iter_mut().zip(row) {
            *most = most.max(x.abs2());
        }
    }
    let slack = 1.0 - TIE * <RealOf<T> as Real>::EPSILON.to_f64();
    let mut leading = vec![T::ZERO; rank];
    for row in left.chunks_exact(rank) {
        for ((first, &x), most) in leading.iter_mut().zip(row).zip(&largest) {
            if *first == T::ZERO && x.abs2() >= slack * most {
                *first = x;
            }
        }
    }
    let phases: Vec<T> = leading.iter().map(|&x| unit(x).unwrap_or(T::ONE)).collect();
    for row in left.chunks_exact_mut(rank) {
        for (x, &phase) in row.iter_mut().zip(&phases) {
            *x *= Scalar::conj(phase);
        }
    }
    if let Some(right) = right.as_mut() {
        let columns = right.len() / rank;
        for (row, &phase) in right.chunks_exact_mut(columns.max(1)).zip(&phases) {
            if phase != T::ONE {
                row.iter_mut().for_each(|x| *x *= phase);
            }
        }
    }
}
