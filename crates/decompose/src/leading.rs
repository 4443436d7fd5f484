//! Leading left singular vectors of the unfoldings of a dense tensor.

use tensegrity_linalg::{LeftVectors, SvdMethod, Truncation, eigh, gram_rows, left_vectors};
use tensegrity_tensor::{Tensor, View, ViewMut, copy_into};

use crate::input::is_single;
use crate::unfold::{Block, reshaped};
use crate::{Entry, Result};

/// Columns of a packed panel of an unfolding.
const PANEL: usize = 2048;

/// Left vectors and all singular values known of the unfolding of a dense `x`
/// at `axis`.
///
/// [`SvdMethod::Auto`] means the deterministic choice: Gram matrices where they
/// are accurate enough for the truncation, the triangle of a QR factorisation
/// otherwise; never a random sketch.
pub(crate) fn leading<T: Entry>(
    x: &View<'_, T>,
    axis: usize,
    truncation: &Truncation,
    method: SvdMethod,
    norm: f64,
) -> Result<LeftVectors<T>> {
    let block = Block::of(x.shape(), axis);
    let matrix = if block.outer == 1 {
        reshaped(x, &[block.length, block.inner])?
    } else if block.inner == 1 {
        reshaped(x, &[block.outer, block.length])?.permuted(&[1, 0])?
    } else {
        return middle(x, block, truncation, method, norm);
    };
    of_matrix(&matrix, truncation, method, norm)
}

/// [`leading`] of a matrix.
pub(crate) fn of_matrix<T: Entry>(
    matrix: &View<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
    norm: f64,
) -> Result<LeftVectors<T>> {
    if method != SvdMethod::Auto {
        return Ok(left_vectors(matrix, truncation, method)?);
    }
    if truncation.max_rank.is_none() || truncation.tolerance > 0.0 && is_fine(truncation, norm) {
        return Ok(left_vectors(matrix, truncation, SvdMethod::Auto)?);
    }
    let found = left_vectors(matrix, truncation, SvdMethod::Gram)?;
    if gram_suffices(&found.s, found.u.shape()[1], norm) {
        return Ok(found);
    }
    Ok(left_vectors(matrix, truncation, SvdMethod::Qr)?)
}

/// Whether the tolerance is below what a Gram matrix can resolve.
fn is_fine(truncation: &Truncation, norm: f64) -> bool {
    truncation.tolerance < 1e-7 * norm
}

/// Whether squaring the spectrum has left the kept vectors accurate.
///
/// The error of a Gram matrix turns vector r by about ε·(s₁/s_r)², which costs
/// ε·s₁²/s_r in the norm. That matters only where the discarded tail is itself
/// within the noise floor √ε·s₁ of the Gram matrix.
pub(crate) fn gram_suffices(s: &[f64], rank: usize, norm: f64) -> bool {
    let tail = crate::tolerance::tail_norm(s, rank);
    let last = s.get(rank - 1).copied().unwrap_or(0.0);
    tail > 1e-7 * norm || last > 1e-3 * norm
}

/// The unfolding at an axis with elements on both sides: no matrix of two
/// strides, so the Gram matrix is summed over panels.
fn middle<T: Entry>(
    x: &View<'_, T>,
    block: Block,
    truncation: &Truncation,
    method: SvdMethod,
    norm: f64,
) -> Result<LeftVectors<T>> {
    let gram_is_legal = match method {
        SvdMethod::Gram => true,
        SvdMethod::Auto => {
            let keeps_all = truncation.tolerance == 0.0
                && truncation.max_rank.is_none_or(|rank| rank >= block.length);
            let too_fine = truncation.tolerance > 0.0 && is_fine(truncation, norm);
            !(keeps_all || too_fine)
        }
        _ => false,
    };
    let x = reshaped(x, &[block.outer, block.length, block.inner])?;
    if gram_is_legal {
        // Single precision is summed in its own type only for coarse tolerances.
        let coarse = truncation.max_rank.is_none() && truncation.tolerance >= 1e-3 * norm;
        let found = if is_single::<T>() && !coarse {
            from_gram(panels(&x, block, T::widen)?, truncation, T::narrow)?
        } else {
            from_gram(panels(&x, block, |x| x)?, truncation, |x: T| x)?
        };
        if method == SvdMethod::Gram
            || truncation.max_rank.is_none()
            || gram_suffices(&found.s, found.u.shape()[1], norm)
        {
            return Ok(found);
        }
    }
    let columns = block.outer * block.inner;
    let unfolding = x
        .permuted(&[1, 0, 2])?
        .reshape_copy(&[block.length, columns])?;
    let method = match method {
        SvdMethod::Auto if columns < 2 * block.length => SvdMethod::Full,
        SvdMethod::Auto => SvdMethod::Qr,
        method => method,
    };
    Ok(left_vectors(&unfolding.view(), truncation, method)?)
}

/// Σ_l X_l·X_lᴴ over the slices X_l of [outer, length, inner], in the type `W`.
fn panels<T: Entry, W: Entry>(
    x: &View<'_, T>,
    block: Block,
    convert: fn(T) -> W,
) -> Result<Tensor<W>> {
    let n = block.length;
    let mut total = Tensor::<W>::zeros(&[n, n])?;
    let mut add = |panel: &View<'_, W>| -> Result<()> {
        let gram = gram_rows(panel)?;
        for (sum, &term) in total.as_mut_slice().iter_mut().zip(gram.as_slice()) {
            *sum = sum.add(term);
        }
        Ok(())
    };
    let slices = (PANEL / block.inner).clamp(1, block.outer);
    let width = block.inner.min(PANEL);
    let mut packed = vec![T::ZERO; n * slices * width];
    for first in (0..block.outer).step_by(slices) {
        let end = (first + slices).min(block.outer);
        let part = x.sliced(0, first..end)?;
        for start in (0..block.inner).step_by(width) {
            let stop = (start + width).min(block.inner);
            let part = part.sliced(2, start..stop)?.permuted(&[1, 0, 2])?;
            let shape = [n, end - first, stop - start];
            let columns = shape[1] * shape[2];
            let data = &mut packed[..n * columns];
            copy_into(&mut ViewMut::from_slice(data, &shape), &part)?;
            let wide: Vec<W> = data.iter().map(|&x| convert(x)).collect();
            add(&View::from_slice(&wide, &[n, columns]))?;
        }
    }
    Ok(total)
}

fn from_gram<T: Entry, W: Entry>(
    gram: Tensor<W>,
    truncation: &Truncation,
    convert: fn(W) -> T,
) -> Result<LeftVectors<T>> {
    let n = gram.shape()[0];
    let found = eigh(&gram.view())?;
    let s: Vec<f64> = found
        .values
        .iter()
        .rev()
        .map(|w| w.max(0.0).sqrt())
        .collect();
    let (rank, discarded) = truncation.kept(&s, 0.0);
    let mut u = Vec::with_capacity(n * rank);
    for row in found.vectors.as_slice().chunks_exact(n) {
        u.extend(row.iter().rev().take(rank).map(|&x| convert(x)));
    }
    Ok(LeftVectors {
        u: Tensor::from_vec(u, &[n, rank])?,
        s,
        discarded,
        method: SvdMethod::Gram,
    })
}
