//! Orthonormal bases of Krylov spaces.

use super::Map;
use super::vectors::{check_image, norm, orthogonalize, real, scale, unit};
use crate::Result;
use crate::kernel::Kernel;

/// `A·V = V·H + w·e_mᵀ`, grown one vector at a time.
pub(crate) struct Arnoldi<T> {
    /// Orthonormal vectors.
    pub basis: Vec<Vec<T>>,
    /// Columns of H, each with its entry below the diagonal last.
    pub columns: Vec<Vec<T>>,
    /// The space is invariant: the last entry below the diagonal is zero.
    pub closed: bool,
    scale: f64,
}

impl<T: Kernel> Arnoldi<T> {
    /// Starts from a unit vector.
    pub fn new(start: Vec<T>) -> Self {
        Self {
            basis: vec![start],
            columns: Vec::new(),
            closed: false,
            scale: 0.0,
        }
    }

    /// Applies the map to the last vector and appends the next.
    pub fn grow(&mut self, what: &'static str, map: &mut Map<'_, T>) -> Result<()> {
        let last = self.basis.last().expect("there is a start");
        let mut image = vec![T::ZERO; last.len()];
        map(last, &mut image);
        let whole = norm(&image);
        check_image(what, self.columns.len(), whole)?;
        self.scale = self.scale.max(whole);
        let mut column = orthogonalize(&mut image, &self.basis);
        let beta = norm(&image);
        self.closed = beta <= 8.0 * unit::<T>() * self.scale;
        column.push(real(if self.closed { 0.0 } else { beta }));
        self.columns.push(column);
        if !self.closed {
            scale(&mut image, real(1.0 / beta));
            self.basis.push(image);
        }
        Ok(())
    }

    /// The m×m matrix H in row-major order.
    pub fn square(&self) -> Vec<T> {
        let m = self.columns.len();
        let mut h = vec![T::ZERO; m * m];
        for (j, column) in self.columns.iter().enumerate() {
            for (i, &x) in column.iter().enumerate().take(m) {
                h[i * m + j] = x;
            }
        }
        h
    }
}
