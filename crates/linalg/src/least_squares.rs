//! Least squares, pseudo-inverse and polar decomposition through the singular
//! value decomposition.

use faer::Mat;
use tensegrity_tensor::{Real, Scalar, Tensor, View};

use crate::finite::magnitude;
use crate::gemm::mismatch;
use crate::kernel::{Kernel, RealOf};
use crate::operand::{Operand, Target, tensor_with};
use crate::product::product;
use crate::{Error, Field, Result, svd};

/// The minimum-norm solution of a least-squares problem.
#[derive(Clone, Debug)]
pub struct LeastSquares<T> {
    /// `X` of shape `[n]` or `[n, k]`: smallest ‖X‖ among the minimisers of ‖A·X − B‖.
    pub solution: Tensor<T>,
    /// Singular values above the cut-off.
    pub rank: usize,
    /// Singular values of `A`, descending.
    pub s: Vec<f64>,
}

/// `A = U·P` with orthonormal columns (rows, if m < n) in `U` and `P` Hermitian
/// positive semi-definite.
#[derive(Clone, Debug)]
pub struct Polar<T> {
    /// The nearest matrix to `A` with orthonormal columns or rows, m×n.
    pub unitary: Tensor<T>,
    /// `√(Aᴴ·A)`, n×n.
    pub positive: Tensor<T>,
}

/// Minimises ‖A·X − B‖ over `X`, the smallest `X` if there are several; `a` is
/// m×n, `b` has shape `[m]` or `[m, k]`.
///
/// Singular values up to `rcond` times the largest count as zero; `None` means
/// max(m, n) times the rounding unit, as in NumPy.
///
/// Cost: one [`crate::svd()`] and two products.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::ShapeMismatch`], [`Error::NonFinite`],
/// [`Error::BadOption`] for a negative `rcond` or NaN.
pub fn lstsq<T: Field>(
    a: &View<'_, T>,
    b: &View<'_, T>,
    rcond: Option<f64>,
) -> Result<LeastSquares<T>> {
    let columns = match b.ndim() {
        1 => b.inserted(1)?,
        _ => b.clone(),
    };
    let left = Operand::new("lstsq", "a", a)?;
    let right = Operand::new("lstsq", "b", &columns)?;
    if left.rows != right.rows {
        return Err(mismatch("lstsq", "a", a.shape(), "b", b.shape()));
    }
    let mut result = T::lstsq(left, right, rcond)?;
    if b.ndim() == 1 {
        result.solution = result.solution.reshaped(&[left.columns])?;
    }
    Ok(result)
}

/// The Moore–Penrose inverse, n×m.
///
/// Singular values up to `rcond` times the largest count as zero; `None` means
/// max(m, n) times the rounding unit.
///
/// # Errors
/// As [`lstsq`].
pub fn pinv<T: Field>(a: &View<'_, T>, rcond: Option<f64>) -> Result<Tensor<T>> {
    T::pinv(Operand::new("pinv", "a", a)?, rcond)
}

/// The polar decomposition.
///
/// Cost: one [`crate::svd()`] and two products.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NonFinite`].
pub fn polar<T: Field>(a: &View<'_, T>) -> Result<Polar<T>> {
    T::polar(Operand::new("polar", "a", a)?)
}

/// Number of singular values above the cut-off.
fn rank<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    s: &[f64],
    rcond: Option<f64>,
) -> Result<usize> {
    let rcond = match rcond {
        None => a.rows.max(a.columns) as f64 * <RealOf<T> as Real>::EPSILON.to_f64(),
        Some(rcond) if rcond >= 0.0 => rcond,
        Some(rcond) => {
            return Err(Error::BadOption {
                what,
                option: "rcond",
                value: rcond.to_string(),
                wanted: "give a ratio of at least zero",
            });
        }
    };
    let cut = rcond * s.first().copied().unwrap_or(0.0);
    Ok(s.iter().take_while(|&&x| x > cut).count())
}

/// The factors of a pseudo-inverse.
struct Inverse<T> {
    /// `V·diag(1/s)` in the first `rank` columns.
    v: Mat<T>,
    u: Mat<T>,
    s: Vec<f64>,
    rank: usize,
}

fn inverse_factors<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    rcond: Option<f64>,
) -> Result<Inverse<T>> {
    let factors = svd::factors(what, a, true, true)?;
    let rank = rank(what, a, &factors.s, rcond)?;
    let u = factors.u.expect("left vectors were asked for");
    let mut v = factors.v.expect("right vectors were asked for");
    for j in 0..rank {
        scale_column(&mut v, j, 1.0 / factors.s[j]);
    }
    Ok(Inverse {
        v,
        u,
        s: factors.s,
        rank,
    })
}

fn scale_column<T: Kernel>(matrix: &mut Mat<T>, column: usize, factor: f64) {
    let factor = <T as Scalar>::from_f64(factor, 0.0);
    for x in matrix.col_as_slice_mut(column) {
        *x *= factor;
    }
}

pub(crate) fn minimum_norm<T: Kernel>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    rcond: Option<f64>,
) -> Result<LeastSquares<T>> {
    magnitude("lstsq", "b", b)?;
    let Inverse { v, u, s, rank } = inverse_factors("lstsq", a, rcond)?;
    let left = Operand::of(v.as_ref()).column_range(0..rank);
    let right = Operand::of(u.as_ref()).column_range(0..rank).adjoint();
    let projected = multiply(right, b)?;
    let projected = Operand::of_slice(projected.as_slice(), rank, b.columns);
    Ok(LeastSquares {
        solution: multiply(left, projected)?,
        rank,
        s,
    })
}

pub(crate) fn pseudo_inverse<T: Kernel>(
    a: Operand<'_, T>,
    rcond: Option<f64>,
) -> Result<Tensor<T>> {
    let Inverse { v, u, rank, .. } = inverse_factors("pinv", a, rcond)?;
    let left = Operand::of(v.as_ref()).column_range(0..rank);
    multiply(
        left,
        Operand::of(u.as_ref()).column_range(0..rank).adjoint(),
    )
}

pub(crate) fn polar_factors<T: Kernel>(a: Operand<'_, T>) -> Result<Polar<T>> {
    let factors = svd::factors("polar", a, true, true)?;
    let u = factors.u.expect("left vectors were asked for");
    let v = factors.v.expect("right vectors were asked for");
    let unitary = multiply(Operand::of(u.as_ref()), Operand::of(v.as_ref()).adjoint())?;
    // With w = v·√s, P = w·wᴴ is Hermitian to the last bit.
    let mut w = v;
    for (j, s) in factors.s.iter().enumerate() {
        scale_column(&mut w, j, s.sqrt());
    }
    Ok(Polar {
        unitary,
        positive: crate::gram::gram(Operand::of(w.as_ref()))?,
    })
}

/// `a·b` as a new row-major tensor.
pub(crate) fn multiply<T: Kernel>(a: Operand<'_, T>, b: Operand<'_, T>) -> Result<Tensor<T>> {
    let shape = [a.rows, b.columns];
    // SAFETY: with `beta` of zero the product writes every element.
    unsafe {
        tensor_with(&shape, |pointer| {
            let target = Target::from_raw(pointer, shape, [shape[1] as isize, 1]);
            product(T::ONE, a, b, T::ZERO, target);
        })
    }
}
