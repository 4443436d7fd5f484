//! One mode of a row-major tensor at a time: products, Gram matrices, blocks.

use std::ops::Range;

use tensegrity_linalg::{gemm, gemm_batched, gram_columns, gram_rows};
use tensegrity_tensor::{Tensor, View, ViewMut, copy_into};

use crate::{Float, Result};

/// Lengths before, at and after a mode.
fn around(dims: &[usize], mode: usize) -> (usize, usize, usize) {
    let left = dims[..mode].iter().product();
    let right = dims[mode + 1..].iter().product();
    (left, dims[mode], right)
}

/// `out ← x ×_mode matrix` for a row-major n×n `matrix`, or its transpose.
pub(crate) fn mode_product<S: Float>(
    x: &[S],
    dims: &[usize],
    mode: usize,
    matrix: &[S],
    transposed: bool,
    out: &mut Vec<S>,
) -> Result<()> {
    let (left, n, right) = around(dims, mode);
    let order = if transposed { [1, 0] } else { [0, 1] };
    let matrix = View::from_slice(matrix, &[n, n]).permuted(&order)?;
    out.resize(x.len(), S::ZERO);
    if right == 1 {
        let x = View::from_slice(x, &[left, n]);
        let mut out = ViewMut::from_slice(out, &[left, n]);
        gemm(S::ONE, &x, &matrix.permuted(&[1, 0])?, S::ZERO, &mut out)?;
    } else if left == 1 {
        let x = View::from_slice(x, &[n, right]);
        let mut out = ViewMut::from_slice(out, &[n, right]);
        gemm(S::ONE, &matrix, &x, S::ZERO, &mut out)?;
    } else {
        let x = View::from_slice(x, &[left, n, right]);
        let mut out = ViewMut::from_slice(out, &[left, n, right]);
        let matrix = matrix.inserted(0)?.broadcast_to(&[left, n, n])?;
        gemm_batched(S::ONE, &matrix, &x, S::ZERO, &mut out)?;
    }
    Ok(())
}

/// `X·Xᵀ` of the mode's unfolding, n×n.
pub(crate) fn mode_gram<S: Float>(x: &[S], dims: &[usize], mode: usize) -> Result<Tensor<S>> {
    let (left, n, right) = around(dims, mode);
    Ok(if left == 1 {
        gram_rows(&View::from_slice(x, &[n, right]))?
    } else if right == 1 {
        gram_columns(&View::from_slice(x, &[left, n]))?
    } else {
        let x = View::from_slice(x, &[left, n, right]).permuted(&[1, 0, 2])?;
        gram_rows(&x.reshape_copy(&[n, left * right])?.view())?
    })
}

/// The diagonal of [`mode_gram`].
pub(crate) fn mode_squares<S: Float>(x: &[S], dims: &[usize], mode: usize) -> Vec<S> {
    let (left, n, right) = around(dims, mode);
    let mut sums = vec![S::ZERO; n];
    for outer in 0..left {
        for (i, sum) in sums.iter_mut().enumerate() {
            let start = (outer * n + i) * right;
            *sum += x[start..start + right].iter().map(|&x| x * x).sum();
        }
    }
    sums
}

/// Multiplies slice `i` of the mode by `factors[i]`.
pub(crate) fn mode_scale<S: Float>(x: &mut [S], dims: &[usize], mode: usize, factors: &[S]) {
    let (left, n, right) = around(dims, mode);
    for outer in 0..left {
        for (i, &factor) in factors.iter().enumerate() {
            let start = (outer * n + i) * right;
            x[start..start + right]
                .iter_mut()
                .for_each(|x| *x *= factor);
        }
    }
}

/// Slice `i` of the mode of the result is slice `order[i]` of `x`.
pub(crate) fn mode_permute<S: Float>(x: &mut Vec<S>, dims: &[usize], mode: usize, order: &[usize]) {
    let (left, n, right) = around(dims, mode);
    let mut out = Vec::with_capacity(x.len());
    for outer in 0..left {
        for &from in order {
            let start = (outer * n + from) * right;
            out.extend_from_slice(&x[start..start + right]);
        }
    }
    *x = out;
}

/// The elements of a block, row-major, in another precision.
pub(crate) fn gather<T: Float, S: Float>(
    x: &[T],
    dims: &[usize],
    block: &[Range<usize>],
    out: &mut Vec<S>,
) -> Result<()> {
    out.clear();
    if block.iter().zip(dims).all(|(range, &n)| range.len() == n) {
        out.extend(x.iter().map(|x| S::of(x.to_f64())));
        return Ok(());
    }
    let mut view = View::from_slice(x, dims);
    for (axis, range) in block.iter().enumerate() {
        view = view.sliced(axis, range.clone())?;
    }
    out.extend(
        view.to_tensor()
            .as_slice()
            .iter()
            .map(|x| S::of(x.to_f64())),
    );
    Ok(())
}

/// Writes a block's elements where [`gather`] reads them.
pub(crate) fn scatter<T: Float, S: Float>(
    block_values: &[S],
    dims: &[usize],
    block: &[Range<usize>],
    out: &mut [T],
) -> Result<()> {
    let values: Vec<T> = block_values.iter().map(|x| T::of(x.to_f64())).collect();
    let lengths: Vec<usize> = block.iter().map(Range::len).collect();
    let mut view = ViewMut::from_slice(out, dims);
    for (axis, range) in block.iter().enumerate() {
        view = view.sliced(axis, range.clone())?;
    }
    Ok(copy_into(&mut view, &View::from_slice(&values, &lengths))?)
}
