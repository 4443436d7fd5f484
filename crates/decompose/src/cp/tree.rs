//! The products of a tensor with all factors but one, for every mode in turn.
//!
//! A binary tree of mode sets: each node holds the tensor contracted with the
//! factors of all modes outside its set. The root is the tensor itself; its two
//! children cost one matrix product each, everything below is small. Children
//! are formed when they are reached, so they see the factors updated before.

use tensegrity_linalg::matmul;
use tensegrity_tensor::{Tensor, View};

use crate::cp::tensor::balanced_cut;
use crate::residual::conjugated;
use crate::unfold::{khatri_rao, reshaped};
use crate::{Entry, Result};

/// Called with a mode and its product with the conjugates of all other factors,
/// [n, R]; may replace the factor.
pub(crate) type Visit<'a, T> = dyn FnMut(usize, Tensor<T>, &mut [Tensor<T>]) -> Result<()> + 'a;

/// Visits the modes in order.
pub(crate) fn sweep<T: Entry>(
    x: &View<'_, T>,
    factors: &mut [Tensor<T>],
    visit: &mut Visit<'_, T>,
) -> Result<()> {
    let shape = x.shape();
    let modes = shape.len();
    if modes == 1 {
        // The product with no other factor at all: X in every column.
        let rank = factors[0].shape()[1];
        let column = x.inserted(1)?.broadcast_to(&[shape[0], rank])?;
        return visit(0, column.to_tensor(), factors);
    }
    let cut = balanced_cut(shape);
    let rows = shape[..cut].iter().product::<usize>();
    let matrix = reshaped(x, &[rows, x.len() / rows])?;
    let right = product_of(&factors[cut..])?;
    let left = matmul(&matrix, &right.view())?;
    drop(right);
    descend(left, 0, cut, factors, visit)?;
    let left = product_of(&factors[..cut])?;
    let right = matmul(&matrix.permuted(&[1, 0])?, &left.view())?;
    drop(left);
    descend(right, cut, modes, factors, visit)
}

/// The product for the last mode alone, with the factors as they are.
pub(crate) fn last_product<T: Entry>(x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<Tensor<T>> {
    let modes = factors.len();
    if modes == 1 {
        let rank = factors[0].shape()[1];
        return Ok(x.inserted(1)?.broadcast_to(&[x.len(), rank])?.to_tensor());
    }
    let cut = balanced_cut(x.shape());
    let rows = x.shape()[..cut].iter().product::<usize>();
    let matrix = reshaped(x, &[rows, x.len() / rows])?;
    let left = product_of(&factors[..cut])?;
    let right = matmul(&matrix.permuted(&[1, 0])?, &left.view())?;
    if modes - cut == 1 {
        return Ok(right);
    }
    let before = product_of(&factors[cut..modes - 1])?;
    contract_front(&right, &before)
}

/// Updates the modes `low..high` of a node [Π n, R].
fn descend<T: Entry>(
    node: Tensor<T>,
    low: usize,
    high: usize,
    factors: &mut [Tensor<T>],
    visit: &mut Visit<'_, T>,
) -> Result<()> {
    if high - low == 1 {
        return visit(low, node, factors);
    }
    let lengths: Vec<usize> = factors[low..high].iter().map(|f| f.shape()[0]).collect();
    let middle = low + balanced_cut(&lengths);
    let back = product_of(&factors[middle..high])?;
    descend(contract_back(&node, &back)?, low, middle, factors, visit)?;
    let front = product_of(&factors[low..middle])?;
    descend(contract_front(&node, &front)?, middle, high, factors, visit)
}

/// The conjugated Khatri–Rao product of some factors.
fn product_of<T: Entry>(factors: &[Tensor<T>]) -> Result<Tensor<T>> {
    let views: Vec<View<'_, T>> = factors.iter().map(Tensor::view).collect();
    Ok(conjugated(&khatri_rao(&views)?))
}

/// Σ_b node[a, b, r]·weights[b, r].
fn contract_back<T: Entry>(node: &Tensor<T>, weights: &Tensor<T>) -> Result<Tensor<T>> {
    let (b, rank) = (weights.shape()[0], weights.shape()[1]);
    let a = node.shape()[0] / b;
    let mut result = vec![T::ZERO; a * rank];
    for (row, block) in result
        .chunks_exact_mut(rank)
        .zip(node.as_slice().chunks_exact(b * rank))
    {
        let pairs = block
            .chunks_exact(rank)
            .zip(weights.as_slice().chunks_exact(rank));
        for (values, weights) in pairs {
            accumulate(row, values, weights);
        }
    }
    Ok(Tensor::from_vec(result, &[a, rank])?)
}

/// Σ_a node[a, b, r]·weights[a, r].
fn contract_front<T: Entry>(node: &Tensor<T>, weights: &Tensor<T>) -> Result<Tensor<T>> {
    let (a, rank) = (weights.shape()[0], weights.shape()[1]);
    let b = node.shape()[0] / a;
    let mut result = vec![T::ZERO; b * rank];
    let blocks = node.as_slice().chunks_exact(b * rank);
    for (block, weights) in blocks.zip(weights.as_slice().chunks_exact(rank)) {
        for (row, values) in result.chunks_exact_mut(rank).zip(block.chunks_exact(rank)) {
            accumulate(row, values, weights);
        }
    }
    Ok(Tensor::from_vec(result, &[b, rank])?)
}

#[inline(always)]
fn accumulate<T: Entry>(row: &mut [T], values: &[T], weights: &[T]) {
    for ((sum, &x), &w) in row.iter_mut().zip(values).zip(weights) {
        *sum = sum.add(x.mul(w));
    }
}
