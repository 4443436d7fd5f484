//! How alike two CP models are.

use tensegrity_linalg::matmul;

use crate::cp::assignment::best_assignment;
use crate::residual::conjugated;
use crate::{CpTensor, Entry, Error, Result};

impl<T: Entry> CpTensor<T> {
    /// Tucker's congruence between the components of two models:
    /// Π_k |⟨u_k, v_k⟩| over normalised columns, one row for each component of
    /// `self` and one column for each of `other`.
    ///
    /// With itself it is one on the diagonal; a value near one off it means two
    /// components that (nearly) repeat or cancel.
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes differ.
    pub fn congruence(&self, other: &Self) -> Result<Vec<Vec<f64>>> {
        if self.shape() != other.shape() {
            return Err(Error::Shape {
                what: "congruence",
                found: other.shape(),
                expected: self.shape(),
            });
        }
        let mut table = vec![vec![1.0; other.rank()]; self.rank()];
        for (a, b) in self.factors().iter().zip(other.factors()) {
            let (mut a, mut b) = (a.clone(), b.clone());
            crate::cp::tensor::normalize_columns(&mut a);
            crate::cp::tensor::normalize_columns(&mut b);
            let cosines = matmul(&conjugated(&a).view().permuted(&[1, 0])?, &b.view())?;
            for (row, cosines) in table
                .iter_mut()
                .zip(cosines.as_slice().chunks_exact(b.shape()[1]))
            {
                for (entry, cosine) in row.iter_mut().zip(cosines) {
                    *entry *= cosine.abs2().sqrt();
                }
            }
        }
        Ok(table)
    }

    /// The factor match score, in [0, 1]: the mean over components of
    /// congruence times 1 − |λ − λ'|/max(λ, λ'), for the assignment of
    /// components that makes it largest (Acar et al. 2011). One only for equal
    /// models, up to order and signs.
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes or ranks differ.
    pub fn factor_match_score(&self, other: &Self) -> Result<f64> {
        if self.rank() != other.rank() {
            return Err(Error::Shape {
                what: "factor_match_score (numbers of components)",
                found: vec![other.rank()],
                expected: vec![self.rank()],
            });
        }
        let (a, b) = (self.normalized(), other.normalized());
        let mut table = a.congruence(&b)?;
        for (row, x) in table.iter_mut().zip(a.weights()) {
            for (entry, y) in row.iter_mut().zip(b.weights()) {
                let largest = x.max(*y);
                if largest > 0.0 {
                    *entry *= 1.0 - (x - y).abs() / largest;
                }
            }
        }
        let order = best_assignment(&table);
        let total: f64 = order.iter().enumerate().map(|(i, &j)| table[i][j]).sum();
        Ok(total / self.rank() as f64)
    }
}
