//! Single elements of a train, many at a time.

use tensegrity_linalg::matmul;
use tensegrity_tensor::Tensor;

use crate::tt::tensor::core_shape;
use crate::{Entry, Error, Result, TtTensor};

impl<T: Entry> TtTensor<T> {
    /// The elements at many indices: `indices` holds one row of d numbers after
    /// another.
    ///
    /// Rows that share an index in a mode go through that core's matrix in one
    /// product. Cost: O(count·Σ r_k·r_{k+1}).
    ///
    /// # Errors
    /// [`Error::Shape`] if the list is not a whole number of rows, [`Error::Index`].
    pub fn evaluate(&self, indices: &[usize]) -> Result<Vec<T>> {
        let d = self.ndim();
        if !indices.len().is_multiple_of(d) {
            return Err(Error::Shape {
                what: "evaluate (a row of indices has one for each mode)",
                found: vec![indices.len()],
                expected: vec![indices.len() / d, d],
            });
        }
        let shape = self.shape();
        for row in indices.chunks_exact(d) {
            for (mode, (&index, &length)) in row.iter().zip(&shape).enumerate() {
                if index >= length {
                    return Err(Error::Index {
                        mode,
                        index,
                        length,
                    });
                }
            }
        }
        let count = indices.len() / d;
        let mut rows = vec![T::ONE; count];
        for (mode, core) in self.cores.iter().enumerate() {
            let [r, n, s] = core_shape(core);
            let mut next = vec![T::ZERO; count * s];
            let mut groups: Vec<Vec<usize>> = vec![Vec::new(); n];
            for sample in 0..count {
                groups[indices[sample * d + mode]].push(sample);
            }
            for (index, group) in groups.iter().enumerate().filter(|(_, g)| !g.is_empty()) {
                let gathered: Vec<T> = group
                    .iter()
                    .flat_map(|&sample| rows[sample * r..][..r].iter().copied())
                    .collect();
                let gathered = Tensor::from_vec(gathered, &[group.len(), r])?;
                let product = matmul(&gathered.view(), &core.view().indexed(1, index)?)?;
                for (&sample, row) in group.iter().zip(product.as_slice().chunks_exact(s)) {
                    next[sample * s..][..s].copy_from_slice(row);
                }
            }
            rows = next;
        }
        Ok(rows)
    }
}
