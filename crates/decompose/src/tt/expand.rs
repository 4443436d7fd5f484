//! Dense tensors out of trains.

use tensegrity_linalg::matmul;
use tensegrity_tensor::{Tensor, View, element_count};

use crate::tt::tensor::core_shape;
use crate::unfold::reshaped;
use crate::{Entry, Result, TtTensor};

/// The dense tensor: both halves of the train, then one product.
pub(crate) fn run<T: Entry>(tt: &TtTensor<T>) -> Result<Tensor<T>> {
    let shape = tt.shape();
    element_count(&shape)?;
    let (left, right) = tt.halves()?;
    Ok(matmul(&left.view(), &right.view())?.reshaped(&shape)?)
}

impl<T: Entry> TtTensor<T> {
    /// The train as a product of two matrices: the modes before the cheapest
    /// bond to cut, [Π n, r], and those after it, [r, Π n].
    pub(crate) fn halves(&self) -> Result<(Tensor<T>, Tensor<T>)> {
        let cut = self.cheapest_cut();
        let left = self.left_part(cut)?;
        let right = self.right_part(cut)?;
        Ok((left, right))
    }

    /// ‖X − X̂‖² for a dense row-major `x` of the same shape.
    pub(crate) fn squared_residual(&self, x: &View<'_, T>) -> Result<f64> {
        let (left, right) = self.halves()?;
        let matrix = reshaped(x, &[left.shape()[0], right.shape()[1]])?;
        T::residual(&matrix, &left.view(), &right.view())
    }

    /// The cores before `cut` multiplied out, [Π n, r_cut]; [1, 1] for none.
    fn left_part(&self, cut: usize) -> Result<Tensor<T>> {
        let mut product = Tensor::eye(1)?;
        for core in &self.cores[..cut] {
            let [r, n, s] = core_shape(core);
            let rows = product.shape()[0];
            product = matmul(&product.view(), &reshaped(&core.view(), &[r, n * s])?)?
                .reshaped(&[rows * n, s])?;
        }
        Ok(product)
    }

    /// The cores from `cut` on multiplied out, [r_cut, Π n]; [1, 1] for none.
    fn right_part(&self, cut: usize) -> Result<Tensor<T>> {
        let mut product = Tensor::eye(1)?;
        for core in self.cores[cut..].iter().rev() {
            let [r, n, s] = core_shape(core);
            let columns = product.shape()[1];
            product = matmul(&reshaped(&core.view(), &[r * n, s])?, &product.view())?
                .reshaped(&[r, n * columns])?;
        }
        Ok(product)
    }

    /// The bond where cutting makes the whole expansion cheapest.
    fn cheapest_cut(&self) -> usize {
        let (shape, ranks) = (self.shape(), self.ranks());
        let d = shape.len();
        let cost = |cut: usize| -> f64 {
            let mut total = 0.0;
            let mut rows = 1.0;
            for k in 0..cut {
                rows *= shape[k] as f64;
                total += rows * ranks[k] as f64 * ranks[k + 1] as f64;
            }
            let mut columns = 1.0;
            for k in (cut..d).rev() {
                columns *= shape[k] as f64;
                total += columns * ranks[k] as f64 * ranks[k + 1] as f64;
            }
            total + rows * columns * ranks[cut] as f64
        };
        (1..d)
            .min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
            .unwrap_or(0)
    }
}
