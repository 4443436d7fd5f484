//! Values, dual values and duality maps of the norms.

use tensegrity_linalg::{PolarMethod, msign, msign_each, singular_values};
use tensegrity_tensor::{Tensor, View};

use super::NormSpec;
use super::vector::{conjugate, p_dual, p_norm};
use crate::float::{absolute_sum, norm as euclid};
use crate::{Float, Result};

/// Rows and columns of a shape: a vector is one column, further axes are
/// columns.
pub(super) fn sides(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [rows, rest @ ..] => (*rows, rest.iter().product()),
    }
}

/// A row-major copy without NaN and infinities.
pub(super) fn checked<T: Float>(x: &View<'_, T>) -> Result<Tensor<T>> {
    let copy = x.to_tensor();
    let Some(place) = copy.first_non_finite() else {
        return Ok(copy);
    };
    let mut position = vec![0; copy.ndim()];
    let mut rest = place;
    for (index, &length) in position.iter_mut().zip(copy.shape()).rev() {
        *index = rest % length;
        rest /= length;
    }
    Err(tensegrity_linalg::Error::NonFinite {
        what: "norm",
        argument: "g",
        position,
    }
    .into())
}

fn matrix<T: Float>(x: &Tensor<T>) -> View<'_, T> {
    let (rows, columns) = sides(x.shape());
    View::from_slice(x.as_slice(), &[rows, columns])
}

fn transposed<T: Float>(x: &Tensor<T>) -> Result<Tensor<T>> {
    Ok(matrix(x).permuted(&[1, 0])?.to_tensor())
}

fn column<T: Float>(x: &[T], columns: usize, j: usize) -> impl Iterator<Item = T> + Clone {
    x.iter().skip(j).step_by(columns.max(1)).copied()
}

fn row<T: Float>(x: &[T], columns: usize, i: usize) -> impl Iterator<Item = T> + Clone {
    x[i * columns..(i + 1) * columns].iter().copied()
}

/// The spatial taps of `[d_out, d_in, k, k]` as matrices.
fn taps<T: Float>(x: &Tensor<T>) -> Result<Vec<View<'_, T>>> {
    let [_, _, height, width] = x.shape() else {
        return Ok(Vec::new());
    };
    let mut taps = Vec::new();
    for i in 0..*height {
        for j in 0..*width {
            taps.push(x.view().indexed(2, i)?.indexed(2, j)?);
        }
    }
    Ok(taps)
}

/// `√(d_in/d_out)`, one for an empty side.
fn rms_factor(d_out: usize, d_in: usize) -> f64 {
    if d_out == 0 || d_in == 0 {
        return 1.0;
    }
    (d_in as f64 / d_out as f64).sqrt()
}

/// The norm of a tap is this times its spectral norm.
fn tap_factor(shape: &[usize]) -> f64 {
    (shape[2] * shape[3]) as f64 * rms_factor(shape[0], shape[1])
}

fn spectral<T: Float>(x: &View<'_, T>) -> Result<f64> {
    Ok(singular_values(x)?.first().copied().unwrap_or(0.0))
}

fn nuclear<T: Float>(x: &View<'_, T>) -> Result<f64> {
    Ok(singular_values(x)?.iter().sum())
}

/// The exponent of the columns' (or rows') norm.
fn exponent(norm: &NormSpec) -> f64 {
    match norm {
        NormSpec::L1Lp(p) => *p,
        NormSpec::LpLinf(p) => conjugate(*p),
        _ => 2.0,
    }
}

pub(super) fn norm<T: Float>(spec: &NormSpec, x: &Tensor<T>) -> Result<f64> {
    let (rows, columns) = sides(x.shape());
    let data = x.as_slice();
    let p = exponent(spec);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    Ok(match spec {
        NormSpec::MaxAbs => p_norm(data.iter().copied(), f64::INFINITY),
        NormSpec::Spectral => spectral(&matrix(x))?,
        NormSpec::RmsRms => rms_factor(rows, columns) * spectral(&matrix(x))?,
        NormSpec::L1Rms => {
            let longest = most(&mut (0..columns).map(|j| p_norm(column(data, columns, j), 2.0)));
            longest / (rows.max(1) as f64).sqrt()
        }
        NormSpec::L1Lp(_) => most(&mut (0..columns).map(|j| p_norm(column(data, columns, j), p))),
        NormSpec::LpLinf(_) => most(&mut (0..rows).map(|i| p_norm(row(data, columns, i), p))),
        NormSpec::Frobenius => euclid(data),
        NormSpec::Rms => euclid(data) / (data.len().max(1) as f64).sqrt(),
        NormSpec::Conv2d => {
            let mut largest = 0.0f64;
            for tap in taps(x)? {
                largest = largest.max(spectral(&tap)?);
            }
            tap_factor(x.shape()) * largest
        }
        NormSpec::Transposed(inner) => norm(inner, &transposed(x)?)?,
        NormSpec::Scaled(factor, inner) => factor * norm(inner, x)?,
    })
}

pub(super) fn dual_norm<T: Float>(spec: &NormSpec, g: &Tensor<T>) -> Result<f64> {
    let (rows, columns) = sides(g.shape());
    let data = g.as_slice();
    let q = conjugate(exponent(spec));
    Ok(match spec {
        NormSpec::MaxAbs => absolute_sum(data),
        NormSpec::Spectral => nuclear(&matrix(g))?,
        NormSpec::RmsRms => nuclear(&matrix(g))? / rms_factor(rows, columns),
        NormSpec::L1Rms => {
            let sum: f64 = (0..columns)
                .map(|j| p_norm(column(data, columns, j), 2.0))
                .sum();
            sum * (rows as f64).sqrt()
        }
        NormSpec::L1Lp(_) => (0..columns)
            .map(|j| p_norm(column(data, columns, j), q))
            .sum(),
        NormSpec::LpLinf(_) => (0..rows).map(|i| p_norm(row(data, columns, i), q)).sum(),
        NormSpec::Frobenius => euclid(data),
        NormSpec::Rms => euclid(data) * (data.len() as f64).sqrt(),
        NormSpec::Conv2d => {
            let mut sum = 0.0;
            for tap in taps(g)? {
                sum += nuclear(&tap)?;
            }
            sum / tap_factor(g.shape())
        }
        NormSpec::Transposed(inner) => dual_norm(inner, &transposed(g)?)?,
        NormSpec::Scaled(factor, inner) => dual_norm(inner, g)? / factor,
    })
}

fn scale<T: Float>(x: &mut [T], factor: f64) {
    let factor = T::of(factor);
    x.iter_mut().for_each(|x| *x *= factor);
}

fn polar<T: Float>(g: &Tensor<T>, factor: f64, method: &PolarMethod) -> Result<Tensor<T>> {
    let mut result = msign(&matrix(g), method)?;
    scale(result.as_mut_slice(), factor);
    Ok(result.reshaped(g.shape())?)
}

/// Every column replaced by its dual vector times `factor`.
fn by_columns<T: Float>(g: &Tensor<T>, p: f64, factor: f64) -> Result<Tensor<T>> {
    let (_, columns) = sides(g.shape());
    let mut result = g.clone();
    for j in 0..columns {
        let dual = p_dual(column(g.as_slice(), columns, j), p);
        for (i, value) in dual.into_iter().enumerate() {
            result.as_mut_slice()[i * columns + j] = value * T::of(factor);
        }
    }
    Ok(result)
}

pub(super) fn dualize<T: Float>(
    spec: &NormSpec,
    g: &Tensor<T>,
    method: &PolarMethod,
) -> Result<Tensor<T>> {
    let (rows, columns) = sides(g.shape());
    let data = g.as_slice();
    let p = exponent(spec);
    match spec {
        NormSpec::MaxAbs => {
            let signs = p_dual(data.iter().copied(), f64::INFINITY);
            Ok(Tensor::from_vec(signs, g.shape())?)
        }
        NormSpec::Spectral => polar(g, 1.0, method),
        NormSpec::RmsRms => polar(g, 1.0 / rms_factor(rows, columns), method),
        NormSpec::L1Rms => by_columns(g, 2.0, (rows as f64).sqrt()),
        NormSpec::L1Lp(_) => by_columns(g, p, 1.0),
        NormSpec::LpLinf(_) => {
            let duals = (0..rows).flat_map(|i| p_dual(row(data, columns, i), p));
            Ok(Tensor::from_vec(duals.collect(), g.shape())?)
        }
        NormSpec::Frobenius | NormSpec::Rms => {
            let mut values = p_dual(data.iter().copied(), 2.0);
            if *spec == NormSpec::Rms {
                scale(&mut values, (data.len() as f64).sqrt());
            }
            Ok(Tensor::from_vec(values, g.shape())?)
        }
        NormSpec::Conv2d => {
            let factor = 1.0 / tap_factor(g.shape());
            let width = g.shape()[3];
            let mut result = g.clone();
            for (number, tap) in msign_each(&taps(g)?, method).into_iter().enumerate() {
                let mut tap = tap?;
                scale(tap.as_mut_slice(), factor);
                let all = result.view_mut();
                let mut place = all.indexed(2, number / width)?.indexed(2, number % width)?;
                tensegrity_tensor::copy_into(&mut place, &tap.view())?;
            }
            Ok(result)
        }
        NormSpec::Transposed(inner) => {
            let turned = dualize(inner, &transposed(g)?, method)?;
            Ok(transposed(&turned)?.reshaped(g.shape())?)
        }
        NormSpec::Scaled(factor, inner) => {
            let mut result = dualize(inner, g, method)?;
            scale(result.as_mut_slice(), 1.0 / factor);
            Ok(result)
        }
    }
}
