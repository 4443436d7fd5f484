//! The coupled inverse Newton iteration for `A^(−1/p)`.
//!
//! `X₀ = z^(1/p)·I`, `M₀ = z·A` with `z = (1 + p)/(2‖A‖_F)`, then
//! `T = ((p + 1)·I − M)/p`, `X ← X·T`, `M ← Tᵖ·M`: all are polynomials of `A`,
//! so they commute. Source: Guo and Higham 2006; Iannazzo 2006.

use tensegrity_tensor::{Real, Scalar, SplitMix64, Tensor};

use crate::Result;
use crate::finite::norm_squared;
use crate::inverse_root::{InverseRoot, Ridge, from_lower};
use crate::kernel::{Kernel, RealOf};
use crate::operand::{Operand, Target};
use crate::product::product;

/// Growth of the error in one iteration that counts as divergence.
const DIVERGED: f64 = 1.2;
/// Most iterations for the largest eigenvalue of a relative ridge.
const POWER_ITERATIONS: usize = 200;

/// The root, or `None` if the iteration does not reach its tolerance (or `p`
/// is not a whole number).
pub(crate) fn inverse_root<T: Kernel>(
    a: Operand<'_, T>,
    p: f64,
    ridge: Ridge,
    tolerance: Option<f64>,
    iterations: usize,
) -> Result<Option<InverseRoot<T>>> {
    let n = a.rows;
    let mut full = from_lower(a)?;
    if p.fract() != 0.0 || p > 1024.0 {
        return Ok(None);
    }
    let ridge = match ridge {
        Ridge::Absolute(ridge) => ridge,
        Ridge::Relative(ridge) => ridge * largest_eigenvalue(&full, n),
    };
    let number = |x: f64| <T as Scalar>::from_f64(x, 0.0);
    for i in 0..n {
        full[i * n + i] += number(ridge);
    }
    let single = <RealOf<T> as Real>::EPSILON.to_f64() > 1e-10;
    let tolerance = tolerance.unwrap_or(if single { 1e-6 } else { 1e-10 });
    let norm = norm_squared(Operand::of_slice(&full, n, n)).sqrt();
    let z = (1.0 + p) / (2.0 * norm);
    if !(z.is_finite() && z > 0.0) {
        return Ok(None);
    }
    let mut m = full;
    for x in &mut m {
        *x *= number(z);
    }
    let mut x = identity(n, z.powf(1.0 / p));
    let mut powers = Powers::new(n);
    let mut error = distance(&m, n);
    let mut done = 0;
    while error >= tolerance {
        if done == iterations {
            return Ok(None);
        }
        let mut t = m.clone();
        for value in &mut t {
            *value *= number(-1.0 / p);
        }
        for i in 0..n {
            t[i * n + i] += number((p + 1.0) / p);
        }
        powers.multiply_into(&mut x, &t);
        powers.raise(&t, p as usize);
        powers.apply(&mut m);
        let next = distance(&m, n);
        done += 1;
        if !next.is_finite() || next > DIVERGED * error && next >= tolerance {
            return Ok(None);
        }
        error = next;
    }
    symmetrise(&mut x, n);
    Ok(Some(InverseRoot {
        root: Tensor::from_vec(x, &[n, n])?,
        basis: None,
        iterations: done,
        fell_back: false,
    }))
}

fn identity<T: Kernel>(n: usize, value: f64) -> Vec<T> {
    let mut result = vec![T::ZERO; n * n];
    for i in 0..n {
        result[i * n + i] = <T as Scalar>::from_f64(value, 0.0);
    }
    result
}

/// max |M − I|; NaN if there is one.
fn distance<T: Kernel>(m: &[T], n: usize) -> f64 {
    let mut most = 0.0f64;
    for i in 0..n {
        for j in 0..n {
            let target = if i == j { T::ONE } else { T::ZERO };
            let gap = Scalar::sub(m[i * n + j], target).abs2();
            if gap.is_nan() {
                return f64::NAN;
            }
            most = most.max(gap);
        }
    }
    most.sqrt()
}

fn symmetrise<T: Kernel>(x: &mut [T], n: usize) {
    let half = <T as Scalar>::from_f64(0.5, 0.0);
    for i in 0..n {
        x[i * n + i] = <T as Scalar>::from_real(x[i * n + i].re());
        for j in 0..i {
            let mean = (x[i * n + j] + Scalar::conj(x[j * n + i])) * half;
            x[i * n + j] = mean;
            x[j * n + i] = Scalar::conj(mean);
        }
    }
}

/// Buffers for powers and products of n×n matrices.
struct Powers<T> {
    n: usize,
    /// The power asked for.
    power: Vec<T>,
    /// Repeated squares of the base.
    square: Vec<T>,
    spare: Vec<T>,
}

impl<T: Kernel> Powers<T> {
    fn new(n: usize) -> Self {
        let buffer = || vec![T::ZERO; n * n];
        Self {
            n,
            power: buffer(),
            square: buffer(),
            spare: buffer(),
        }
    }

    /// `x ← x·t`.
    fn multiply_into(&mut self, x: &mut Vec<T>, t: &[T]) {
        multiply(x, t, &mut self.spare, self.n);
        std::mem::swap(x, &mut self.spare);
    }

    /// `power ← t^p` by repeated squares.
    fn raise(&mut self, t: &[T], p: usize) {
        self.square.copy_from_slice(t);
        let mut left = p;
        let mut empty = true;
        loop {
            if left & 1 == 1 {
                if empty {
                    self.power.copy_from_slice(&self.square);
                    empty = false;
                } else {
                    multiply(&self.power, &self.square, &mut self.spare, self.n);
                    std::mem::swap(&mut self.power, &mut self.spare);
                }
            }
            left >>= 1;
            if left == 0 {
                break;
            }
            multiply(&self.square, &self.square, &mut self.spare, self.n);
            std::mem::swap(&mut self.square, &mut self.spare);
        }
    }

    /// `m ← power·m`.
    fn apply(&mut self, m: &mut Vec<T>) {
        multiply(&self.power, m, &mut self.spare, self.n);
        std::mem::swap(m, &mut self.spare);
    }
}

fn multiply<T: Kernel>(a: &[T], b: &[T], c: &mut [T], n: usize) {
    product(
        T::ONE,
        Operand::of_slice(a, n, n),
        Operand::of_slice(b, n, n),
        T::ZERO,
        Target::of_slice(c, n, n),
    );
}

/// The largest eigenvalue of a positive semi-definite matrix by the power
/// method, to about six digits (from below).
fn largest_eigenvalue<T: Kernel>(a: &[T], n: usize) -> f64 {
    let mut vector = SplitMix64::new(1).normal_tensor::<T>(&[n]).into_vec();
    let mut image = vec![T::ZERO; n];
    let mut last = 0.0;
    for _ in 0..POWER_ITERATIONS {
        let length = vector.iter().map(|x| x.abs2()).sum::<f64>().sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return last;
        }
        for x in &mut vector {
            *x *= <T as Scalar>::from_f64(1.0 / length, 0.0);
        }
        product(
            T::ONE,
            Operand::of_slice(a, n, n),
            Operand::of_slice(&vector, n, 1),
            T::ZERO,
            Target::of_slice(&mut image, n, 1),
        );
        let value: f64 = vector
            .iter()
            .zip(&image)
            .map(|(x, y)| Real::to_f64((Scalar::conj(*x) * *y).re()))
            .sum();
        std::mem::swap(&mut vector, &mut image);
        if (value - last).abs() <= 1e-9 * value.abs() {
            return value;
        }
        last = value;
    }
    last
}
