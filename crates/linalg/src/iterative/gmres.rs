//! Generalised minimal residuals (Saad and Schultz, SIAM J. Sci. Stat. Comput. 7 (1986) 856).

use tensegrity_tensor::Scalar;

use super::arnoldi::Arnoldi;
use super::conjugate_gradients::finish;
use super::vectors::{add, check_finite, norm, real, scale, times};
use super::{Iterate, Map, Stop};
use crate::kernel::Kernel;
use crate::{Error, Field, Result};

/// Solves `A·x = b` for any square map, from a Krylov space that is started
/// anew after `restart` vectors.
///
/// Cost of a cycle of m steps: m applications of the map and 2·m²·n
/// multiply-adds; m + 2 vectors of memory.
///
/// # Errors
/// [`Error::NonFinite`], [`Error::BadMap`], [`Error::BadOption`] for a restart of zero.
pub fn gmres<T: Field>(
    map: &mut Map<'_, T>,
    b: &[T],
    restart: usize,
    stop: &Stop,
) -> Result<Iterate<T>> {
    T::gmres(map, b, restart, stop)
}

pub(crate) fn restarted<T: Kernel>(
    map: &mut Map<'_, T>,
    b: &[T],
    restart: usize,
    stop: &Stop,
) -> Result<Iterate<T>> {
    const WHAT: &str = "gmres";
    stop.check(WHAT)?;
    check_finite(WHAT, "b", b)?;
    if restart == 0 {
        return Err(Error::BadOption {
            what: WHAT,
            option: "restart",
            value: "0".into(),
            wanted: "keep at least one vector",
        });
    }
    let size = norm(b);
    let mut x = vec![T::ZERO; b.len()];
    let mut r = b.to_vec();
    let mut steps = 0;
    loop {
        let start = norm(&r);
        if start <= stop.tolerance * size || steps >= stop.max_steps {
            break;
        }
        let mut unit = r.clone();
        scale(&mut unit, real(1.0 / start));
        let mut space = Arnoldi::new(unit);
        let mut problem = Rotated::new(start);
        while space.columns.len() < restart && steps < stop.max_steps && !space.closed {
            space.grow(WHAT, map)?;
            steps += 1;
            problem.push(space.columns.last().expect("it grew").clone());
            if problem.residual() <= stop.tolerance * size {
                break;
            }
        }
        let factors = problem.solve();
        for (v, &factor) in space.basis.iter().zip(&factors) {
            add(&mut x, factor, v);
        }
        let mut image = vec![T::ZERO; b.len()];
        map(&x, &mut image);
        r.copy_from_slice(b);
        add(&mut r, real(-1.0), &image);
        // Nothing was gained: the map is singular on this space.
        if norm(&r) >= start * (1.0 - 1e-12) {
            break;
        }
    }
    finish(map, x, b, steps, stop)
}

/// A Hessenberg least-squares problem made triangular by Givens rotations.
struct Rotated<T> {
    columns: Vec<Vec<T>>,
    rotations: Vec<(f64, T)>,
    right: Vec<T>,
}

impl<T: Kernel> Rotated<T> {
    fn new(start: f64) -> Self {
        Self {
            columns: Vec::new(),
            rotations: Vec::new(),
            right: vec![real(start)],
        }
    }

    fn push(&mut self, mut column: Vec<T>) {
        for (k, &(c, s)) in self.rotations.iter().enumerate() {
            let (a, b) = (column[k], column[k + 1]);
            column[k] = times(a, c) + s * b;
            column[k + 1] = times(b, c) - Scalar::conj(s) * a;
        }
        let k = self.rotations.len();
        let (a, b) = (column[k], column[k + 1]);
        let (size_a, size_b) = (a.abs2().sqrt(), b.abs2().sqrt());
        let length = size_a.hypot(size_b);
        let (c, s) = if length == 0.0 {
            (1.0, T::ZERO)
        } else if size_a == 0.0 {
            (0.0, times(Scalar::conj(b), 1.0 / size_b))
        } else {
            // s = (a/|a|)·conj(b)/length makes the entry below vanish.
            let phase = times(a, 1.0 / size_a);
            (
                size_a / length,
                times(phase * Scalar::conj(b), 1.0 / length),
            )
        };
        column[k] = times(a, c) + s * b;
        column.truncate(k + 1);
        self.columns.push(column);
        self.rotations.push((c, s));
        let last = self.right[k];
        self.right[k] = times(last, c);
        self.right.push(-(Scalar::conj(s) * last));
    }

    fn residual(&self) -> f64 {
        self.right.last().map_or(0.0, |x| x.abs2().sqrt())
    }

    /// Back substitution; a zero pivot leaves its unknown at zero.
    fn solve(&self) -> Vec<T> {
        let m = self.columns.len();
        let mut x: Vec<T> = self.right[..m].to_vec();
        let largest = (0..m)
            .map(|k| self.columns[k][k].abs2().sqrt())
            .fold(0.0, f64::max);
        for k in (0..m).rev() {
            let pivot = self.columns[k][k];
            let tiny = largest * super::vectors::unit::<T>();
            x[k] = if pivot.abs2().sqrt() <= tiny {
                T::ZERO
            } else {
                Scalar::div(x[k], pivot)
            };
            let value = x[k];
            for (x, &entry) in x[..k].iter_mut().zip(&self.columns[k]) {
                *x -= entry * value;
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensegrity_tensor::c128;

    #[test]
    fn rotations_leave_a_triangle() {
        let z = |re: f64, im: f64| c128::new(re, im);
        let mut problem = Rotated::new(2.0);
        problem.push(vec![z(1.0, 2.0), z(0.5, -1.0)]);
        problem.push(vec![z(0.0, 1.0), z(0.0, 0.0), z(3.0, 0.0)]);
        let x = problem.solve();
        // Normal equations of the 3×2 problem say that this is the minimum.
        let h = [
            [z(1.0, 2.0), z(0.0, 1.0)],
            [z(0.5, -1.0), z(0.0, 0.0)],
            [z(0.0, 0.0), z(3.0, 0.0)],
        ];
        let right = [z(2.0, 0.0), z(0.0, 0.0), z(0.0, 0.0)];
        let rest: Vec<c128> = (0..3)
            .map(|i| right[i] - h[i][0] * x[0] - h[i][1] * x[1])
            .collect();
        for j in 0..2 {
            let gradient: c128 = (0..3).map(|i| h[i][j].conj() * rest[i]).sum();
            assert!(gradient.norm() < 1e-14, "{gradient}");
        }
        let size: f64 = rest.iter().map(|z| z.norm_sqr()).sum::<f64>().sqrt();
        assert!((size - problem.residual()).abs() < 1e-14);
        assert!(problem.residual() > 0.0);
    }
}
