//! Leading eigenvectors near known ones, for iterations that change them little.

use tensegrity_linalg::{LeftVectors, SvdMethod, eigh, gemm, gram_rows, matmul, qr};
use tensegrity_tensor::{Element, Scalar, SplitMix64, Tensor, View, copy_into};

use crate::residual::conjugated;
use crate::unfold::{Block, reshaped};
use crate::{Entry, Result};

/// Random columns beside the known ones: they find a leading direction that the
/// known ones have missed.
const EXTRA: usize = 8;
/// Steps before giving up.
const STEPS: usize = 8;
/// Residual ‖G·U − U·Θ‖ that counts as converged, relative to the largest eigenvalue.
const RESIDUAL: f64 = 1e-12;
/// Below this length a full decomposition is as fast.
const SHORT: usize = 48;

/// The leading left vectors of the unfolding of a dense `y` at `axis`, by
/// subspace iteration with Rayleigh–Ritz steps on its Gram matrix in double
/// precision, from the vectors `near`; `None` if a direct method is as good or
/// the iteration does not settle.
///
/// Cost: the Gram matrix, then some n²·r for each step instead of about 10·n³.
pub(crate) fn leading_near<T: Entry>(
    y: &View<'_, T>,
    axis: usize,
    near: &Tensor<T>,
) -> Result<Option<LeftVectors<T>>> {
    let (n, rank) = (near.shape()[0], near.shape()[1]);
    let width = rank + EXTRA;
    if n < SHORT || 3 * width > n {
        return Ok(None);
    }
    let gram = gram_of(y, axis)?;
    let mut basis = qr(&widened(near, width)?.view())?.q;
    for _ in 0..STEPS {
        let image = matmul(&gram.view(), &basis.view())?;
        let small = matmul(&conjugated(&basis).view().permuted(&[1, 0])?, &image.view())?;
        let found = eigh(&small.view())?;
        // Ascending to descending.
        let turn = found.vectors.view().reversed(1)?;
        let ritz = matmul(&basis.view(), &turn)?;
        let image = matmul(&image.view(), &turn)?;
        let values: Vec<f64> = found.values.iter().rev().copied().collect();
        if settled(&ritz, &image, &values, rank) {
            let u = ritz.view().sliced(1, 0..rank)?.to_tensor().map(T::narrow);
            let s: Vec<f64> = values.iter().map(|v| v.max(0.0).sqrt()).collect();
            let discarded = crate::tolerance::tail_norm(&s, rank);
            return Ok(Some(LeftVectors {
                u,
                s,
                discarded,
                method: SvdMethod::Gram,
            }));
        }
        basis = qr(&image.view())?.q;
    }
    Ok(None)
}

/// Whether the leading pairs satisfy G·U = U·Θ to [`RESIDUAL`].
fn settled<W: Entry>(ritz: &Tensor<W>, image: &Tensor<W>, values: &[f64], rank: usize) -> bool {
    let width = values.len();
    let mut squared = 0.0;
    for (u, gu) in ritz
        .as_slice()
        .chunks_exact(width)
        .zip(image.as_slice().chunks_exact(width))
    {
        for ((u, gu), &value) in u.iter().zip(gu).zip(&values[..rank]) {
            squared += Scalar::sub(*gu, Element::mul(*u, W::from_f64(value, 0.0))).abs2();
        }
    }
    squared.sqrt() <= RESIDUAL * values[0]
}

/// Σ over all other axes of y·yᴴ in double precision.
fn gram_of<T: Entry>(y: &View<'_, T>, axis: usize) -> Result<Tensor<T::Wide>> {
    let block = Block::of(y.shape(), axis);
    let y = reshaped(y, &[block.outer, block.length, block.inner])?;
    let wide = y.to_tensor().map(T::widen);
    let wide = wide.view();
    if block.inner == 1 {
        let matrix = reshaped(&wide, &[block.outer, block.length])?;
        return Ok(gram_rows(&matrix.permuted(&[1, 0])?)?);
    }
    let mut total = gram_rows(&wide.indexed(0, 0)?)?;
    for outer in 1..block.outer {
        let slice = wide.indexed(0, outer)?;
        let adjoint = conjugated(&slice.to_tensor());
        let one = <T::Wide as Element>::ONE;
        let adjoint = adjoint.view().permuted(&[1, 0])?;
        gemm(one, &slice, &adjoint, one, &mut total.view_mut())?;
    }
    Ok(total)
}

/// The known vectors and [`EXTRA`] random columns.
fn widened<T: Entry>(near: &Tensor<T>, width: usize) -> Result<Tensor<T::Wide>> {
    let (n, rank) = (near.shape()[0], near.shape()[1]);
    // A fixed stream: the result depends on the input only.
    let random = SplitMix64::new(0x5EED_0B5E).normal_tensor::<T::Wide>(&[n, width - rank]);
    let scale = <T::Wide as Scalar>::from_f64(1.0 / (n as f64).sqrt(), 0.0);
    let random = random.map(|x| Element::mul(x, scale));
    let mut result = Tensor::zeros(&[n, width])?;
    let wide = near.map(T::widen);
    copy_into(&mut result.view_mut().sliced(1, 0..rank)?, &wide.view())?;
    copy_into(
        &mut result.view_mut().sliced(1, rank..width)?,
        &random.view(),
    )?;
    Ok(result)
}
