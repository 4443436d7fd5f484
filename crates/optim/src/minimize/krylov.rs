//! Models solved in Krylov spaces, by Hessian products alone.

use tensegrity_tensor::SplitMix64;

use super::cubic::{Apply, Constants, CubicStep};
use super::spectrum::Spectrum;
use super::vector::{add, dot, norm};
use crate::Result;

/// Largest space; a step that needs more is returned with the residual it has.
const LARGEST: usize = 2_000;

/// A Lanczos basis that grows, for models of one Hessian and one gradient.
///
/// Where the space of the gradient is invariant before it is everything, a
/// random vector orthogonal to it goes on, until the lowest eigenvalue is known:
/// that is how the hard case is seen.
pub(crate) struct Krylov {
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    /// Between each basis vector and the next; 0 where a new start was made.
    below: Vec<f64>,
    next: Option<Vec<f64>>,
    /// Random starts so far.
    starts: usize,
    random: SplitMix64,
}

impl Krylov {
    pub(crate) fn new(gradient: &[f64], seed: u64) -> Self {
        let mut krylov = Self {
            basis: Vec::new(),
            diagonal: Vec::new(),
            below: Vec::new(),
            next: None,
            starts: 0,
            random: SplitMix64::derived(seed, 1),
        };
        let size = norm(gradient);
        if size > 0.0 {
            krylov.next = Some(gradient.iter().map(|g| g / size).collect());
        } else {
            krylov.restart(gradient.len());
        }
        krylov
    }

    pub(crate) fn cubic_step(
        &mut self,
        gradient: &[f64],
        constants: Constants,
        apply: &mut Apply<'_>,
    ) -> Result<CubicStep> {
        let n = gradient.len();
        let size = norm(gradient);
        let target = constants.tolerance.max(4.0 * f64::EPSILON * size);
        let most = n.min(LARGEST);
        let mut wanted = self.basis.len().max(1);
        loop {
            while self.basis.len() < wanted.min(most) && self.next.is_some() {
                self.grow(apply)?;
            }
            let m = self.basis.len();
            let spectrum = Spectrum::of(&self.tridiagonal(), m)?;
            let mut reduced = vec![0.0; m];
            if size > 0.0 && m > 0 {
                reduced[0] = size;
            }
            let inner = spectrum.cubic_step(&reduced, constants);
            let outside = self.below.last().copied().unwrap_or(0.0);
            let last = inner.step.last().copied().unwrap_or(0.0);
            let mut settled = (outside * last).abs() <= target;
            if self.starts == 1 && settled && outside == 0.0 && self.next.is_some() {
                // Invariant for the gradient; the random start is still to be explored.
                settled = false;
            } else if self.starts > 0 && settled {
                // The new start has found the lowest eigenvalue, or it goes on.
                let mut first = vec![0.0; m];
                first[0] = 1.0;
                let tail = spectrum.restored(&first)[m - 1];
                let scale = spectrum.values.iter().fold(0.0f64, |s, w| s.max(w.abs()));
                settled = (outside * tail).abs() <= 1e-10 * scale;
            }
            if settled || m >= most || self.next.is_none() {
                let mut step = vec![0.0; n];
                for (v, y) in self.basis.iter().zip(&inner.step) {
                    add(&mut step, *y, v);
                }
                let curved = apply(&step)?;
                let mut result = CubicStep::measured(step, &curved, gradient, constants);
                result.hard = inner.hard;
                result.inner = m;
                return Ok(result);
            }
            wanted = m + (m / 4).max(1);
        }
    }

    /// One more basis vector.
    fn grow(&mut self, apply: &mut Apply<'_>) -> Result<()> {
        let Some(vector) = self.next.take() else {
            return Ok(());
        };
        let n = vector.len();
        let mut w = apply(&vector)?;
        let curved = norm(&w);
        self.diagonal.push(dot(&w, &vector));
        self.basis.push(vector);
        self.orthogonalise(&mut w);
        let left = norm(&w);
        let scale = self
            .diagonal
            .iter()
            .chain(&self.below)
            .fold(curved, |s, x| s.max(x.abs()));
        if left > 16.0 * f64::EPSILON * scale {
            w.iter_mut().for_each(|x| *x /= left);
            self.below.push(left);
            self.next = Some(w);
        } else {
            self.below.push(0.0);
            self.restart(n);
        }
        Ok(())
    }

    /// Goes on from a random vector orthogonal to the basis, if there is one.
    fn restart(&mut self, n: usize) {
        self.starts += 1;
        self.next = None;
        if self.basis.len() >= n {
            return;
        }
        let mut vector: Vec<f64> = (0..n).map(|_| self.random.normal()).collect();
        self.orthogonalise(&mut vector);
        let left = norm(&vector);
        if left > 0.0 {
            vector.iter_mut().for_each(|x| *x /= left);
            self.next = Some(vector);
        }
    }

    /// Twice is enough (Kahan and Parlett).
    fn orthogonalise(&self, w: &mut [f64]) {
        for _ in 0..2 {
            for v in &self.basis {
                let along = dot(v, w);
                add(w, -along, v);
            }
        }
    }

    fn tridiagonal(&self) -> Vec<f64> {
        let m = self.diagonal.len();
        let mut t = vec![0.0; m * m];
        for (j, &x) in self.diagonal.iter().enumerate() {
            t[j * m + j] = x;
            if j + 1 < m {
                (t[j * m + j + 1], t[(j + 1) * m + j]) = (self.below[j], self.below[j]);
            }
        }
        t
    }
}
