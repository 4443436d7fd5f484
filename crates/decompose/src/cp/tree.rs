//! The products of a tensor with all factors but one, for every mode in turn.
//!
//! A binary tree of mode sets: each node holds the tensor contracted with the
//! factors of all modes outside its set. The root is the tensor itself; its two
//! children cost one matrix product each, everything below is small. Children
//! are formed when they are reached, so they see the factors updated before.

use tensegrity_linalg::matmul;
use tensegrity_tensor::{Tensor, View};

use crate::cp::tensor::balanced_cut;
use crate::unfold::reshaped;
use crate::{Entry, Result};

/// Called with a mode and the transposed product with the conjugates of all
/// other factors, [R, n]; may replace the factor.
pub(crate) type Visit<'a, T> = dyn FnMut(usize, Tensor<T>, &mut [Tensor<T>]) -> Result<()> + 'a;

/// Visits the modes in order.
///
/// Nodes and products are kept with the component first, [R, Π n]: the two
/// large products then run at full speed, and sums over modes along rows.
pub(crate) fn sweep<T: Entry>(
    x: &View<'_, T>,
    factors: &mut [Tensor<T>],
    visit: &mut Visit<'_, T>,
) -> Result<()> {
    let shape = x.shape();
    let modes = shape.len();
    if modes == 1 {
        return visit(0, repeated(x, factors)?, factors);
    }
    let cut = balanced_cut(shape);
    let rows = shape[..cut].iter().product::<usize>();
    let matrix = reshaped(x, &[rows, x.len() / rows])?;
    let right = product_of(&factors[cut..])?;
    let left = matmul(&right.view(), &matrix.permuted(&[1, 0])?)?;
    drop(right);
    descend(left, 0, cut, factors, visit)?;
    let left = product_of(&factors[..cut])?;
    let right = matmul(&left.view(), &matrix)?;
    drop(left);
    descend(right, cut, modes, factors, visit)
}

/// The transposed product for the last mode alone, with the factors as they are.
pub(crate) fn last_product<T: Entry>(x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<Tensor<T>> {
    let modes = factors.len();
    if modes == 1 {
        return repeated(x, factors);
    }
    let cut = balanced_cut(x.shape());
    let rows = x.shape()[..cut].iter().product::<usize>();
    let matrix = reshaped(x, &[rows, x.len() / rows])?;
    let right = matmul(&product_of(&factors[..cut])?.view(), &matrix)?;
    if modes - cut == 1 {
        return Ok(right);
    }
    contract_front(&right, &product_of(&factors[cut..modes - 1])?)
}

/// The product of a vector with no other factor at all: X for every component.
fn repeated<T: Entry>(x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<Tensor<T>> {
    let rank = factors[0].shape()[1];
    Ok(x.broadcast_to(&[rank, x.len()])?.to_tensor())
}

/// Updates the modes `low..high` of a node [R, Π n].
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

/// The transposed, conjugated Khatri–Rao product of some factors, [R, Π n].
fn product_of<T: Entry>(factors: &[Tensor<T>]) -> Result<Tensor<T>> {
    let rank = factors[0].shape()[1];
    let length = factors.iter().map(|factor| factor.shape()[0]).product();
    tensegrity_tensor::element_count(&[rank, length])?;
    let mut data = Vec::with_capacity(rank * length);
    let mut row: Vec<T> = Vec::with_capacity(length);
    let mut longer: Vec<T> = Vec::with_capacity(length);
    for component in 0..rank {
        row.clear();
        row.push(T::ONE);
        for factor in factors {
            let column = factor.as_slice()[component..].iter().step_by(rank);
            let column: Vec<T> = column.map(|x| x.conj()).collect();
            longer.clear();
            for &a in &row {
                longer.extend(column.iter().map(|&b| a.mul(b)));
            }
            std::mem::swap(&mut row, &mut longer);
        }
        data.extend_from_slice(&row);
    }
    Ok(Tensor::from_vec(data, &[rank, length])?)
}

/// Σ_b node[r, a, b]·weights[r, b].
fn contract_back<T: Entry>(node: &Tensor<T>, weights: &Tensor<T>) -> Result<Tensor<T>> {
    let (rank, b) = (weights.shape()[0], weights.shape()[1]);
    let a = node.shape()[1] / b;
    let rows = node.as_slice().chunks_exact(b).enumerate();
    let result = rows
        .map(|(at, row)| dot(row, &weights.as_slice()[at / a * b..][..b]))
        .collect();
    Ok(Tensor::from_vec(result, &[rank, a])?)
}

/// Σ_a node[r, a, b]·weights[r, a].
fn contract_front<T: Entry>(node: &Tensor<T>, weights: &Tensor<T>) -> Result<Tensor<T>> {
    let (rank, a) = (weights.shape()[0], weights.shape()[1]);
    let b = node.shape()[1] / a;
    let mut result = vec![T::ZERO; rank * b];
    let rows = node.as_slice().chunks_exact(b);
    for (at, (row, &weight)) in rows.zip(weights.as_slice()).enumerate() {
        let sums = &mut result[at / a * b..][..b];
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum = sum.add(x.mul(weight));
        }
    }
    Ok(Tensor::from_vec(result, &[rank, b])?)
}

/// Σ a·b in eight lanes, so that it vectorises.
fn dot<T: Entry>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let mut total = rest.fold(T::ZERO, |sum, (&x, &y)| sum.add(x.mul(y)));
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] = lanes[lane].add(x[lane].mul(y[lane]));
        }
    }
    for lane in lanes {
        total = total.add(lane);
    }
    total
}
