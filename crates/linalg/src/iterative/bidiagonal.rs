//! Leading singular triplets by Lanczos bidiagonalisation
//! (Golub and Kahan, SIAM J. Numer. Anal. 2 (1965) 205) with full
//! orthogonalisation.

use tensegrity_tensor::Tensor;

use super::lanczos::check_count;
use super::vectors::{check_image, combination, fresh, norm, orthogonalize, real, scale, unit};
use super::{Map, Stop};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Field, Result, Svd, signs, svd};

/// The stream of random starts.
const SEED: u64 = 0xB1D1_A601;

/// A rectangular map and its adjoint.
pub struct SvdMaps<'a, 'b, T> {
    /// Length of the images.
    pub rows: usize,
    /// Length of the arguments.
    pub columns: usize,
    /// Writes `A·x`.
    pub map: &'a mut Map<'b, T>,
    /// Writes `Aᴴ·y`.
    pub adjoint: &'a mut Map<'b, T>,
}

/// The `k` largest singular values with their vectors.
///
/// Cost: a map and an adjoint a step, and 2·(m + n)·j multiply-adds in step j;
/// as many pairs of vectors as steps. Steps end when the error of every wanted
/// triplet, by the recurrence, is below the tolerance times the largest value,
/// or when [`Stop::max_steps`] or the smaller side is reached.
///
/// # Errors
/// [`crate::Error::BadOption`] unless 1 ≤ k ≤ min(rows, columns);
/// [`crate::Error::BadMap`], [`crate::Error::NoConvergence`].
pub fn svds<T: Field>(maps: &mut SvdMaps<'_, '_, T>, k: usize, stop: &Stop) -> Result<Svd<T>> {
    T::svds(maps, k, stop)
}

pub(crate) fn leading<T: Kernel>(
    maps: &mut SvdMaps<'_, '_, T>,
    k: usize,
    stop: &Stop,
) -> Result<Svd<T>> {
    const WHAT: &str = "svds";
    stop.check(WHAT)?;
    let (rows, columns) = (maps.rows, maps.columns);
    check_count(WHAT, k, rows.min(columns))?;
    let mut left: Vec<Vec<T>> = Vec::new();
    let mut right: Vec<Vec<T>> = Vec::new();
    // Uᴴ·A·V, upper bidiagonal but for the coefficients that
    // orthogonalisation leaves; row j is (0 … alpha_j beta_j).
    let mut alphas: Vec<f64> = Vec::new();
    let mut betas: Vec<f64> = Vec::new();
    let mut next = fresh::<T>(columns, SEED, &[]);
    let mut largest = 0.0f64;
    while let Some(v) = next.take() {
        let step = left.len();
        let mut u = vec![T::ZERO; rows];
        (maps.map)(&v, &mut u);
        check_image(WHAT, step, norm(&u))?;
        right.push(v);
        if let (Some(beta), Some(before)) = (betas.last(), left.last()) {
            super::vectors::add(&mut u, real(-*beta), before);
        }
        orthogonalize(&mut u, &left);
        let mut alpha = norm(&u);
        largest = largest.max(alpha);
        if alpha <= 8.0 * unit::<T>() * largest || left.len() == rows {
            alpha = 0.0;
            match fresh(rows, SEED ^ (2 * step + 1) as u64, &left) {
                Some(other) => u = other,
                None => break,
            }
        } else {
            scale(&mut u, real(1.0 / alpha));
        }
        let mut w = vec![T::ZERO; columns];
        (maps.adjoint)(&u, &mut w);
        check_image(WHAT, step, norm(&w))?;
        left.push(u);
        alphas.push(alpha);
        orthogonalize(&mut w, &right);
        let mut beta = norm(&w);
        largest = largest.max(beta);
        if beta <= 8.0 * unit::<T>() * largest {
            beta = 0.0;
            next = fresh(columns, SEED ^ (2 * step + 2) as u64, &right);
        } else {
            scale(&mut w, real(1.0 / beta));
            next = Some(w);
        }
        betas.push(beta);
        let enough = alphas.len() >= stop.max_steps.max(k) || alphas.len() == rows.min(columns);
        // The small problem is solved now and then: its cost grows with the cube.
        let look = alphas.len() >= k && (alphas.len() - k).is_multiple_of(2 + k / 4);
        if enough || (look && settled(&alphas, &betas, k, stop.tolerance)?) {
            break;
        }
    }
    let m = alphas.len();
    let small = bidiagonal::<T>(&alphas, &betas);
    let factors = svd::thin(Operand::of_slice(&small, m, m))?;
    let (u, vh) = (factors.u.as_slice(), factors.vh.as_slice());
    let mut us = vec![T::ZERO; rows * k];
    let mut vhs = Vec::with_capacity(k * columns);
    for j in 0..k {
        let column: Vec<T> = (0..m).map(|i| u[i * m + j]).collect();
        for (i, x) in combination(&left, &column, rows).into_iter().enumerate() {
            us[i * k + j] = x;
        }
        // vh row j of the small problem, conjugated, combines right vectors;
        // conjugated again it is a row of Vᴴ.
        let row: Vec<T> = (0..m)
            .map(|i| tensegrity_tensor::Scalar::conj(vh[j * m + i]))
            .collect();
        let v = combination(&right, &row, columns);
        vhs.extend(v.into_iter().map(tensegrity_tensor::Scalar::conj));
    }
    signs::fix_row_major(&mut us, k, Some(&mut vhs));
    Ok(Svd {
        u: Tensor::from_vec(us, &[rows, k])?,
        s: factors.s[..k].to_vec(),
        vh: Tensor::from_vec(vhs, &[k, columns])?,
    })
}

fn bidiagonal<T: Kernel>(alphas: &[f64], betas: &[f64]) -> Vec<T> {
    let m = alphas.len();
    let mut small = vec![T::ZERO; m * m];
    for i in 0..m {
        small[i * m + i] = real(alphas[i]);
        if i + 1 < m {
            small[i * m + i + 1] = real(betas[i]);
        }
    }
    small
}

/// Whether the leading `k` triplets of the small problem are those of the map:
/// A·v = σ·u holds exactly, and Aᴴ·u misses σ·v by beta_m times the last entry of u.
fn settled(alphas: &[f64], betas: &[f64], k: usize, tolerance: f64) -> Result<bool> {
    let m = alphas.len();
    let small = bidiagonal::<f64>(alphas, betas);
    let factors = svd::thin(Operand::of_slice(&small, m, m))?;
    let beta = betas.last().copied().unwrap_or(0.0);
    let limit = factors.s[0] * tolerance.max(f64::EPSILON);
    let last = &factors.u.as_slice()[(m - 1) * m..];
    Ok(last[..k].iter().all(|x| (beta * x).abs() <= limit))
}
