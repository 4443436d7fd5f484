//! Tensors as matrices and back, and products along modes.
//!
//! Conventions: storage is row-major; the mode-k unfolding X₍ₖ₎ has mode k as
//! rows and the other modes, in increasing order with the last fastest, as
//! columns (Kolda and Bader 2009 have the first fastest). With it
//! X₍ₖ₎ = U_k · diag(λ) · khatri_rao(U_j, j ≠ k)ᵀ holds for a CP tensor.

use tensegrity_linalg::{gemm, gemm_batched};
use tensegrity_tensor::{Axes, Element, Tensor, View, ViewMut};

use crate::{Entry, Error, Result};

/// The unfolding X₍ₖ₎ of shape [n_k, Π_{j≠k} n_j].
///
/// Cost: one copy.
///
/// # Errors
/// [`Error::Mode`].
pub fn unfold<T: Element>(x: &View<'_, T>, mode: usize) -> Result<Tensor<T>> {
    check_mode("unfold", mode, x.ndim())?;
    let others: Vec<usize> = (0..x.ndim()).filter(|&axis| axis != mode).collect();
    matricize(x, &[mode], &others)
}

/// The tensor of `shape` whose [`unfold`] at `mode` is `matrix`.
///
/// # Errors
/// [`Error::Mode`]; [`Error::Shape`] if the matrix is not an unfolding of that shape.
pub fn fold<T: Element>(matrix: &View<'_, T>, mode: usize, shape: &[usize]) -> Result<Tensor<T>> {
    check_mode("fold", mode, shape.len())?;
    let others: usize = shape
        .iter()
        .enumerate()
        .filter(|&(axis, _)| axis != mode)
        .map(|(_, &n)| n)
        .product();
    if matrix.shape() != [shape[mode], others] {
        return Err(Error::Shape {
            what: "fold",
            found: matrix.shape().to_vec(),
            expected: vec![shape[mode], others],
        });
    }
    let mut moved: Axes = shape.into();
    let length = moved.remove(mode);
    moved.insert(0, length);
    let back: Axes = (0..shape.len())
        .map(|axis| match axis {
            axis if axis == mode => 0,
            axis if axis < mode => axis + 1,
            axis => axis,
        })
        .collect();
    Ok(matrix
        .reshape_copy(&moved)?
        .view()
        .permuted(&back)?
        .to_tensor())
}

/// The matrix with the modes `rows` (in that order, last fastest) as rows and
/// `columns` as columns.
///
/// # Errors
/// [`Error::Mode`] unless the two lists together name every mode once.
pub fn matricize<T: Element>(
    x: &View<'_, T>,
    rows: &[usize],
    columns: &[usize],
) -> Result<Tensor<T>> {
    let order: Axes = rows.iter().chain(columns).copied().collect();
    check_modes("matricize", &order, x.ndim())?;
    if let Some(missing) = (0..x.ndim()).find(|axis| !order.contains(axis)) {
        return Err(Error::Mode {
            what: "matricize",
            mode: missing,
            modes: x.ndim(),
        });
    }
    let count = |modes: &[usize]| modes.iter().map(|&mode| x.shape()[mode]).product();
    let shape = [count(rows), count(columns)];
    Ok(x.permuted(&order)?.reshape_copy(&shape)?)
}

/// The product along `mode`: (X ×ₖ A)₍ₖ₎ = A·X₍ₖ₎ for `matrix` A of shape [m, n_k].
///
/// Nothing is conjugated. Cost: m·|X| multiply-adds; a copy of `x` if it is not dense.
///
/// # Errors
/// [`Error::Mode`]; [`Error::Shape`] if the matrix does not have n_k columns.
pub fn mode_product<T: Entry>(
    x: &View<'_, T>,
    matrix: &View<'_, T>,
    mode: usize,
) -> Result<Tensor<T>> {
    check_mode("mode_product", mode, x.ndim())?;
    if matrix.ndim() != 2 || matrix.shape()[1] != x.shape()[mode] {
        return Err(Error::Shape {
            what: "mode_product",
            found: matrix.shape().to_vec(),
            expected: vec![x.shape()[mode], x.shape()[mode]],
        });
    }
    if x.is_contiguous() {
        return dense_mode_product(x, matrix, mode);
    }
    let copy = x.to_tensor();
    dense_mode_product(&copy.view(), matrix, mode)
}

fn dense_mode_product<T: Entry>(
    x: &View<'_, T>,
    matrix: &View<'_, T>,
    mode: usize,
) -> Result<Tensor<T>> {
    let block = Block::of(x.shape(), mode);
    let rows = matrix.shape()[0];
    let mut shape: Axes = x.shape().into();
    shape[mode] = rows;
    let mut result = Tensor::zeros(&shape)?;
    if block.inner == 1 {
        let source = reshaped(x, &[block.outer, block.length])?;
        let transposed = matrix.permuted(&[1, 0])?;
        let mut target = ViewMut::from_slice(result.as_mut_slice(), &[block.outer, rows]);
        gemm(T::ONE, &source, &transposed, T::ZERO, &mut target)?;
    } else if block.outer == 1 {
        let source = reshaped(x, &[block.length, block.inner])?;
        let mut target = ViewMut::from_slice(result.as_mut_slice(), &[rows, block.inner]);
        gemm(T::ONE, matrix, &source, T::ZERO, &mut target)?;
    } else {
        let source = reshaped(x, &[block.outer, block.length, block.inner])?;
        let repeated = matrix.broadcast_to(&[block.outer, rows, block.length])?;
        let mut target =
            ViewMut::from_slice(result.as_mut_slice(), &[block.outer, rows, block.inner]);
        gemm_batched(T::ONE, &repeated, &source, T::ZERO, &mut target)?;
    }
    Ok(result)
}

/// The column-wise Kronecker product of matrices [n_k, r]: shape [Π n_k, r],
/// the rows of the last matrix fastest.
///
/// # Errors
/// [`Error::Shape`] if the list is empty or the numbers of columns differ.
pub fn khatri_rao<T: Entry>(matrices: &[View<'_, T>]) -> Result<Tensor<T>> {
    let Some(first) = matrices.first() else {
        return Err(Error::Shape {
            what: "khatri_rao",
            found: Vec::new(),
            expected: vec![1],
        });
    };
    let columns = first.shape().get(1).copied().unwrap_or(0);
    for matrix in matrices {
        if matrix.ndim() != 2 || matrix.shape()[1] != columns {
            return Err(Error::Shape {
                what: "khatri_rao",
                found: matrix.shape().to_vec(),
                expected: vec![matrix.shape().first().copied().unwrap_or(0), columns],
            });
        }
    }
    let mut product = first.to_tensor();
    for matrix in &matrices[1..] {
        let right = matrix.to_tensor();
        let shape = [product.shape()[0] * right.shape()[0], columns];
        tensegrity_tensor::element_count(&shape)?;
        let mut data = Vec::with_capacity(shape[0] * columns);
        for left in product.as_slice().chunks_exact(columns.max(1)) {
            for row in right.as_slice().chunks_exact(columns.max(1)) {
                data.extend(left.iter().zip(row).map(|(&a, &b)| a.mul(b)));
            }
        }
        product = Tensor::from_vec(data, &shape)?;
    }
    Ok(product)
}

/// A dense shape seen from one mode: [outer, length, inner].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) outer: usize,
    pub(crate) length: usize,
    pub(crate) inner: usize,
}

impl Block {
    pub(crate) fn of(shape: &[usize], mode: usize) -> Self {
        Self {
            outer: shape[..mode].iter().product(),
            length: shape[mode],
            inner: shape[mode + 1..].iter().product(),
        }
    }
}

/// A dense view under another shape.
pub(crate) fn reshaped<'a, T: Element>(x: &View<'a, T>, shape: &[usize]) -> Result<View<'a, T>> {
    Ok(x.try_reshaped(shape)?
        .expect("a dense tensor takes any shape"))
}

pub(crate) fn check_mode(what: &'static str, mode: usize, modes: usize) -> Result<()> {
    if mode < modes {
        Ok(())
    } else {
        Err(Error::Mode { what, mode, modes })
    }
}

/// Every mode exists and none is named twice.
pub(crate) fn check_modes(what: &'static str, list: &[usize], modes: usize) -> Result<()> {
    for (k, &mode) in list.iter().enumerate() {
        if mode >= modes || list[..k].contains(&mode) {
            return Err(Error::Mode { what, mode, modes });
        }
    }
    Ok(())
}
