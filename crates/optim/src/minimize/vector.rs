//! Arithmetic on slices.

pub(crate) use crate::float::{dot, norm};

/// `y + a·x`.
pub(crate) fn plus(y: &[f64], a: f64, x: &[f64]) -> Vec<f64> {
    y.iter().zip(x).map(|(y, x)| y + a * x).collect()
}

/// `y ← y + a·x`.
pub(crate) fn add(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// `y − x`.
pub(crate) fn minus(y: &[f64], x: &[f64]) -> Vec<f64> {
    plus(y, -1.0, x)
}

/// `a·x`.
pub(crate) fn scaled(a: f64, x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| a * x).collect()
}

/// `A·x` for a square matrix, row by row.
pub(crate) fn multiply(a: &[f64], x: &[f64]) -> Vec<f64> {
    a.chunks_exact(x.len().max(1))
        .map(|row| dot(row, x))
        .collect()
}

/// `Aᵀ·x` for a square matrix, row by row.
pub(crate) fn multiply_transposed(a: &[f64], x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for (row, &x) in a.chunks_exact(x.len().max(1)).zip(x) {
        add(&mut y, x, row);
    }
    y
}
