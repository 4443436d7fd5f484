//! One-sided Jacobi singular value decomposition: slow, and it always converges.
//!
//! Method: rotate pairs of columns until all are orthogonal (Hestenes 1958;
//! Demmel and Veselić 1992); the column norms are the singular values.

use faer::Mat;
use tensegrity_tensor::{Real, Scalar};

use crate::kernel::{Kernel, RealOf};
use crate::operand::Operand;
use crate::svd::Factors;

/// Sweeps before giving up; ten are usual.
const SWEEPS: usize = 60;

/// The thin decomposition, or `None` after [`SWEEPS`] sweeps.
///
/// Cost: O(sweeps·m·n·min(m, n)).
pub(crate) fn svd<T: Kernel>(a: Operand<'_, T>) -> Option<Factors<T>> {
    if a.rows < a.columns {
        let flipped = svd(a.adjoint())?;
        return Some(Factors {
            u: flipped.v,
            s: flipped.s,
            v: flipped.u,
        });
    }
    let (m, n) = (a.rows, a.columns);
    let mut work = a.to_columns();
    let mut v = Mat::<T>::identity(n, n);
    let limit = <RealOf<T> as Real>::EPSILON.to_f64() * (m as f64).sqrt();
    let mut converged = false;
    for _ in 0..SWEEPS {
        converged = true;
        for p in 0..n {
            for q in p + 1..n {
                converged &= !rotate(&mut work, &mut v, p, q, limit);
            }
        }
        if converged {
            break;
        }
    }
    converged.then(|| collect(&work, &v))
}

/// Makes columns `p` and `q` orthogonal; whether they were not.
fn rotate<T: Kernel>(work: &mut Mat<T>, v: &mut Mat<T>, p: usize, q: usize, limit: f64) -> bool {
    let (mut alpha, mut beta) = (0.0f64, 0.0f64);
    let (mut re, mut im) = (0.0f64, 0.0f64);
    for (&x, &y) in work.col_as_slice(p).iter().zip(work.col_as_slice(q)) {
        alpha += x.abs2();
        beta += y.abs2();
        let (xr, xi) = (x.re().to_f64(), x.im().to_f64());
        let (yr, yi) = (y.re().to_f64(), y.im().to_f64());
        re += xr * yr + xi * yi;
        im += xr * yi - xi * yr;
    }
    let gamma = re.hypot(im);
    if gamma <= limit * (alpha * beta).sqrt() || gamma == 0.0 {
        return false;
    }
    // xᴴy = γ·phase; the rotation of (x, y·conj(phase)) is real.
    let zeta = (beta - alpha) / (2.0 * gamma);
    let sign = if zeta < 0.0 { -1.0 } else { 1.0 };
    let t = sign / (zeta.abs() + zeta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = c * t;
    let turn = <T as Scalar>::from_f64(re / gamma, -im / gamma);
    let (c, s) = (
        <T as Scalar>::from_f64(c, 0.0),
        <T as Scalar>::from_f64(s, 0.0),
    );
    for matrix in [work, v] {
        for i in 0..matrix.nrows() {
            let x = matrix[(i, p)];
            let y = matrix[(i, q)] * turn;
            matrix[(i, p)] = c * x - s * y;
            matrix[(i, q)] = s * x + c * y;
        }
    }
    true
}

/// Sorts the columns by norm and completes null columns to an orthonormal set.
fn collect<T: Kernel>(work: &Mat<T>, v: &Mat<T>) -> Factors<T> {
    let (m, n) = work.shape();
    let norms: Vec<f64> = (0..n)
        .map(|j| {
            work.col_as_slice(j)
                .iter()
                .map(|x| x.abs2())
                .sum::<f64>()
                .sqrt()
        })
        .collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| norms[j].total_cmp(&norms[i]));
    let largest = order.first().map_or(0.0, |&j| norms[j]);
    let floor = largest * <RealOf<T> as Real>::EPSILON.to_f64() * 1e-3;
    let mut u = Mat::<T>::zeros(m, n);
    let mut right = Mat::<T>::zeros(n, n);
    for (to, &from) in order.iter().enumerate() {
        right
            .col_as_slice_mut(to)
            .copy_from_slice(v.col_as_slice(from));
        if norms[from] > floor {
            let factor = <T as Scalar>::from_f64(1.0 / norms[from], 0.0);
            for (x, &y) in u
                .col_as_slice_mut(to)
                .iter_mut()
                .zip(work.col_as_slice(from))
            {
                *x = y * factor;
            }
        } else {
            complete(&mut u, to);
        }
    }
    Factors {
        u: Some(u),
        s: order.iter().map(|&j| norms[j]).collect(),
        v: Some(right),
    }
}

/// Fills column `to` with a unit vector orthogonal to the columns before it.
fn complete<T: Kernel>(u: &mut Mat<T>, to: usize) {
    for axis in 0..u.nrows() {
        let mut candidate = vec![T::ZERO; u.nrows()];
        candidate[axis] = T::ONE;
        // Twice is enough (Kahan, Parlett).
        for _ in 0..2 {
            for j in 0..to {
                let column = u.col_as_slice(j);
                let overlap = column
                    .iter()
                    .zip(&candidate)
                    .fold(T::ZERO, |sum, (&x, &y)| sum + Scalar::conj(x) * y);
                for (y, &x) in candidate.iter_mut().zip(column) {
                    *y -= x * overlap;
                }
            }
        }
        let norm = candidate.iter().map(|x| x.abs2()).sum::<f64>().sqrt();
        // Some axis keeps at least 1/√m of its length.
        if norm * (u.nrows() as f64).sqrt() > 0.5 {
            let factor = <T as Scalar>::from_f64(1.0 / norm, 0.0);
            for (x, y) in u.col_as_slice_mut(to).iter_mut().zip(candidate) {
                *x = y * factor;
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tensegrity_tensor::{SplitMix64, Tensor, c128};

    use super::*;
    use crate::least_squares::multiply;

    fn reproduces<T: Kernel>(rows: usize, columns: usize, rank: usize) {
        let mut rng = SplitMix64::new(5);
        let left: Tensor<T> = rng.normal_tensor(&[rows, rank]);
        let right: Tensor<T> = rng.normal_tensor(&[rank, columns]);
        let a = multiply(
            Operand::of_slice(left.as_slice(), rows, rank),
            Operand::of_slice(right.as_slice(), rank, columns),
        )
        .unwrap();
        let operand = Operand::of_slice(a.as_slice(), rows, columns);
        let factors = svd(operand).unwrap();
        let (u, v) = (factors.u.unwrap(), factors.v.unwrap());
        let close = 1e3 * <RealOf<T> as Real>::EPSILON.to_f64();
        for factor in [&u, &v] {
            let gram = multiply(
                Operand::of(factor.as_ref()).adjoint(),
                Operand::of(factor.as_ref()),
            );
            for (at, &x) in gram.unwrap().as_slice().iter().enumerate() {
                let unit = if at % (factor.ncols() + 1) == 0 {
                    T::ONE
                } else {
                    T::ZERO
                };
                assert!((x - unit).abs2().sqrt() < close);
            }
        }
        for i in 0..rows {
            for j in 0..columns {
                let mut sum = T::ZERO;
                for (l, &s) in factors.s.iter().enumerate() {
                    sum += u[(i, l)] * <T as Scalar>::from_f64(s, 0.0) * Scalar::conj(v[(j, l)]);
                }
                assert!((sum - operand.stored(i, j)).abs2().sqrt() < close * factors.s[0]);
            }
        }
        // The same values as the algorithm it stands in for.
        for (x, y) in factors.s.iter().zip(crate::svd::values(operand).unwrap()) {
            assert!((x - y).abs() < close * factors.s[0]);
        }
    }

    #[test]
    fn rotations_give_the_singular_value_decomposition() {
        for (rows, columns, rank) in [(9, 5, 5), (5, 9, 5), (8, 8, 3), (1, 4, 1), (6, 6, 6)] {
            reproduces::<f64>(rows, columns, rank);
            reproduces::<f32>(rows, columns, rank);
            reproduces::<c128>(rows, columns, rank);
        }
    }
}
