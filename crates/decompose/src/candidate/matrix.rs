//! Small matrix work the families share.

use tensegrity_fit::Result;
use tensegrity_linalg::{Field, eigh, gemm, gemm_batched, gram_rows, lstsq, matmul, solve};
use tensegrity_tensor::{Scalar, Tensor, View};

use super::failed;

/// Orthonormal vectors with their weights.
#[derive(Clone, Debug)]
pub(super) struct Basis<T> {
    /// One vector a row, [r, n], most important first.
    pub(super) rows: Tensor<T>,
    /// All singular values, descending.
    pub(super) values: Vec<f64>,
}

/// The eigenvectors of `gram`, at most `most`, that carry all but `tail` of squared
/// norm, such that `x ≈ Σ_j c_j rows_j` for the vectors `x` whose second moments it has.
pub(super) fn leading<T: Field>(
    name: &str,
    gram: &Tensor<T>,
    tail: f64,
    most: usize,
) -> Result<Basis<T>> {
    let found = eigh(&gram.view()).map_err(|error| failed(name, error))?;
    let n = found.values.len();
    let squares: Vec<f64> = found
        .values
        .iter()
        .rev()
        .map(|&value| value.max(0.0))
        .collect();
    let mut kept = n.min(most);
    let mut lost: f64 = squares[kept..].iter().sum();
    while kept > 1 && lost + squares[kept - 1] <= tail {
        lost += squares[kept - 1];
        kept -= 1;
    }
    let vectors = found.vectors.as_slice();
    let rows = Tensor::from_fn(&[kept, n], |at| vectors[at[1] * n + n - 1 - at[0]])?;
    Ok(Basis {
        rows,
        values: squares.into_iter().map(f64::sqrt).collect(),
    })
}

/// Element-wise complex conjugate.
pub(super) fn conjugate<T: Scalar>(x: &Tensor<T>) -> Tensor<T> {
    if T::IS_COMPLEX {
        x.map(T::conj)
    } else {
        x.clone()
    }
}

/// The `m` [r', r] that minimises ‖Σ_j c_j a_j − Σ_i (m·c)_i b_i‖ for every `c`:
/// coordinates in the rows of `b` [r', n] of the rows of `a` [r, n].
///
/// Cost: r'²·n + r'·r·n + r'³ multiply-adds.
pub(super) fn coordinates<T: Field>(name: &str, b: &Tensor<T>, a: &Tensor<T>) -> Result<Tensor<T>> {
    // Normal equations: quantised orthonormal rows are nearly orthonormal.
    let gram = conjugate(&gram_rows(&b.view()).map_err(|error| failed(name, error))?);
    let transposed = a.view().permuted(&[1, 0])?;
    let right = matmul(&conjugate(b).view(), &transposed).map_err(|error| failed(name, error))?;
    if let Ok(found) = solve(&gram.view(), &right.view()) {
        // Coordinates of unit vectors in a sound basis are at most about one.
        if found.as_slice().iter().all(|value| value.abs2() < 9.0) {
            return Ok(found);
        }
    }
    let columns = b.view().permuted(&[1, 0])?;
    let found = lstsq(&columns, &transposed, Some(0.1)).map_err(|error| failed(name, error))?;
    Ok(found.solution)
}

/// `m` [r', r] applied to axis `axis` of `x`.
///
/// Cost: r'·|x| multiply-adds and the result; nothing is permuted.
pub(super) fn apply<T: Field>(
    name: &str,
    m: &View<'_, T>,
    x: &Tensor<T>,
    axis: usize,
) -> Result<Tensor<T>> {
    let mut shape = x.shape().to_vec();
    let length = shape[axis];
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let rank = m.shape()[0];
    shape[axis] = rank;
    let mut result = Tensor::zeros(&shape)?.reshaped(&[outer, rank, inner])?;
    if inner == 1 {
        let rows = x.clone().reshaped(&[outer, length])?;
        let mut flat = result.reshaped(&[outer, rank])?;
        let transposed = m.permuted(&[1, 0])?;
        gemm(
            T::ONE,
            &rows.view(),
            &transposed,
            T::ZERO,
            &mut flat.view_mut(),
        )
        .map_err(|error| failed(name, error))?;
        return Ok(flat.reshaped(&shape)?);
    }
    let blocks = x.clone().reshaped(&[outer, length, inner])?;
    let repeated = m.inserted(0)?.broadcast_to(&[outer, rank, length])?;
    gemm_batched(
        T::ONE,
        &repeated,
        &blocks.view(),
        T::ZERO,
        &mut result.view_mut(),
    )
    .map_err(|error| failed(name, error))?;
    Ok(result.reshaped(&shape)?)
}

/// Norms of the slices of `x` along `axis`.
pub(super) fn slice_norms<T: Scalar>(x: &Tensor<T>, axis: usize) -> Vec<f64> {
    let length = x.shape()[axis];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let mut squares = vec![0.0; length];
    for (run, values) in x.as_slice().chunks_exact(inner.max(1)).enumerate() {
        squares[run % length] += values.iter().map(|value| value.abs2()).sum::<f64>();
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// The rows of `x` [r, …] whose flag is set.
pub(super) fn select_rows<T: Scalar>(x: &Tensor<T>, keep: &[bool]) -> Result<Tensor<T>> {
    let row = x.len() / x.shape()[0].max(1);
    let mut values = Vec::with_capacity(x.len());
    for (chunk, &keep) in x.as_slice().chunks_exact(row.max(1)).zip(keep) {
        if keep {
            values.extend_from_slice(chunk);
        }
    }
    let mut shape = x.shape().to_vec();
    shape[0] = keep.iter().filter(|&&keep| keep).count();
    Ok(Tensor::from_vec(values, &shape)?)
}

/// `‖x‖²`.
pub(super) fn squared_norm<T: Scalar>(x: &Tensor<T>) -> f64 {
    let norm = x.norm();
    norm * norm
}

/// `Re Σ conj(x)·y`.
pub(super) fn inner<T: Scalar>(x: &Tensor<T>, y: &Tensor<T>) -> f64 {
    let real = |x: T, y: T| {
        let product = x.conj().mul(y);
        tensegrity_tensor::Real::to_f64(product.re())
    };
    let chunks = x.as_slice().chunks(1024).zip(y.as_slice().chunks(1024));
    chunks
        .map(|(x, y)| x.iter().zip(y).map(|(&x, &y)| real(x, y)).sum::<f64>())
        .sum()
}

/// Quantised rows `b` [r', n] measured by exact ones `a` [r, n].
#[derive(Debug)]
pub(super) struct Metric<T> {
    /// `b·aᴴ` [r', r]: coordinates of quantised vectors in the exact basis.
    pub(super) overlap: Tensor<T>,
    /// `b·bᴴ` [r', r'].
    pub(super) gram: Tensor<T>,
}

impl<T: Field> Metric<T> {
    pub(super) fn new(name: &str, b: &Tensor<T>, a: &Tensor<T>) -> Result<Self> {
        let adjoint = conjugate(a);
        let adjoint = adjoint.view().permuted(&[1, 0])?;
        Ok(Self {
            overlap: matmul(&b.view(), &adjoint).map_err(|error| failed(name, error))?,
            gram: gram_rows(&b.view()).map_err(|error| failed(name, error))?,
        })
    }
}
