//! From an array to the finer axes a network works on, and back.
//!
//! Every axis of the array is split into factors, slowest first: 512 into
//! 32 × 16 turns an axis of pixels into blocks and pixels within a block. A
//! length that does not factor is padded at its end by repeating the last
//! entry, and cropped again on the way back. The finer axes are only ever a
//! reshape of the (padded) array; where a format wants them in another order
//! or several as one, that is wiring, kept in the diagram.
//!
//! Guarantees: [`Layout::gather`] after [`Layout::spread`] is the identity for
//! every array of the layout's shape.

use tensegrity_tensor::{Element, Tensor, View, ViewMut, copy_into};

use crate::{Error, Result};

/// How an array's axes are split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Vec<usize>,
    factors: Vec<Vec<usize>>,
}

impl Layout {
    /// The layout of an array as it is.
    #[must_use]
    pub fn plain(shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            factors: shape.iter().map(|&length| vec![length]).collect(),
        }
    }

    /// Splits axis `k` of `shape` into `factors[k]`, slowest first.
    ///
    /// # Errors
    /// [`Error::Layout`] if there is not one list per axis, if a product is
    /// shorter than its axis or so long that a whole slice of the slowest
    /// factor would be padding, or overflows.
    pub fn new(shape: &[usize], factors: Vec<Vec<usize>>) -> Result<Self> {
        let wrong = |reason: String| Err(Error::Layout { reason });
        if factors.len() != shape.len() {
            return wrong(format!(
                "{} lists of factors for {} axes",
                factors.len(),
                shape.len()
            ));
        }
        for (axis, (&length, split)) in shape.iter().zip(&factors).enumerate() {
            let inner = split
                .iter()
                .skip(1)
                .try_fold(1usize, |p, &f| p.checked_mul(f));
            let fits = inner.is_some_and(|inner| {
                inner > 0 && split.first().copied().unwrap_or(1) == length.div_ceil(inner)
            });
            if !fits {
                return wrong(format!(
                    "axis {axis} of length {length} does not split into {split:?}"
                ));
            }
        }
        Ok(Self {
            shape: shape.to_vec(),
            factors,
        })
    }

    /// Shape of the array.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Factors of each axis, slowest first.
    #[must_use]
    pub fn factors(&self) -> &[Vec<usize>] {
        &self.factors
    }

    /// Lengths of the finer axes.
    #[must_use]
    pub fn fine_shape(&self) -> Vec<usize> {
        self.factors.iter().flatten().copied().collect()
    }

    /// Lengths of the axes after padding.
    #[must_use]
    pub fn padded_shape(&self) -> Vec<usize> {
        self.factors
            .iter()
            .map(|split| split.iter().product())
            .collect()
    }

    /// Whether any axis is longer than in the array.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        self.padded_shape() != self.shape
    }

    /// The array over the finer axes, padded by repeating the last entries.
    ///
    /// Cost: one copy.
    ///
    /// # Errors
    /// [`Error::Layout`] if `array` has another shape.
    pub fn spread<T: Element>(&self, array: &View<'_, T>) -> Result<Tensor<T>> {
        if array.shape() != self.shape {
            return Err(Error::Layout {
                reason: format!("it is for shape {:?}, not {:?}", self.shape, array.shape()),
            });
        }
        let fine = self.fine_shape();
        if !self.is_padded() {
            return Ok(array.to_tensor().reshaped(&fine)?);
        }
        let padded = self.padded_shape();
        let mut result = Tensor::zeros(&padded)?;
        copy_into(&mut corner(&mut result, &self.shape), array)?;
        for axis in 0..padded.len() {
            repeat_last(&mut result, axis, self.shape[axis]);
        }
        Ok(result.reshaped(&fine)?)
    }

    /// The array from its finer axes: reshaped and cropped.
    ///
    /// Cost: no copy unless there is padding.
    ///
    /// # Errors
    /// [`Error::Layout`] if `fine` has another shape than [`Layout::fine_shape`].
    pub fn gather<T: Element>(&self, fine: Tensor<T>) -> Result<Tensor<T>> {
        if fine.shape() != self.fine_shape() {
            return Err(Error::Layout {
                reason: format!(
                    "the finer shape is {:?}, not {:?}",
                    self.fine_shape(),
                    fine.shape()
                ),
            });
        }
        let padded = fine.reshaped(&self.padded_shape())?;
        if !self.is_padded() {
            return Ok(padded);
        }
        let mut view = padded.view();
        for (axis, &length) in self.shape.iter().enumerate() {
            view = view.sliced(axis, 0..length)?;
        }
        Ok(view.to_tensor())
    }
}

/// The part of `tensor` with indices below `shape`.
fn corner<'a, T: Element>(tensor: &'a mut Tensor<T>, shape: &[usize]) -> ViewMut<'a, T> {
    let strides = tensor.view().strides().to_vec();
    let pointer = tensor.as_mut_slice().as_mut_ptr();
    // SAFETY: a corner of a dense tensor addresses a subset of its elements,
    // each once, and the tensor is exclusively borrowed.
    unsafe { ViewMut::from_raw(pointer, shape, &strides) }
}

/// Fills indices `length..` of `axis` with the entries at `length - 1`.
fn repeat_last<T: Element>(tensor: &mut Tensor<T>, axis: usize, length: usize) {
    let shape = tensor.shape().to_vec();
    let inner: usize = shape[axis + 1..].iter().product();
    let block = shape[axis] * inner;
    for chunk in tensor.as_mut_slice().chunks_exact_mut(block) {
        for index in length..shape[axis] {
            chunk.copy_within((length - 1) * inner..length * inner, index * inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tensegrity_tensor::SplitMix64;

    use super::*;

    #[test]
    fn padding_repeats_the_last_entry() {
        let layout = Layout::new(&[3, 2], vec![vec![2, 2], vec![2]]).unwrap();
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2]).unwrap();
        let fine = layout.spread(&x.view()).unwrap();
        assert_eq!(fine.shape(), [2, 2, 2]);
        assert_eq!(fine.as_slice(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0]);
    }

    #[test]
    fn bad_splits_are_named() {
        for factors in [vec![vec![5, 2]], vec![vec![0]], vec![], vec![vec![4, 2]]] {
            let message = Layout::new(&[7], factors.clone()).map(|_| ()).err();
            let legal = factors == vec![vec![4, 2]];
            assert_eq!(message.is_none(), legal, "{factors:?}");
        }
        assert!(Layout::new(&[usize::MAX], vec![vec![2, usize::MAX, usize::MAX]]).is_err());
    }

    proptest! {
        #[test]
        fn gather_undoes_spread(
            axes in prop::collection::vec((1usize..20, prop::collection::vec(1usize..5, 0..3)), 0..4),
            seed: u64,
        ) {
            let shape: Vec<usize> = axes.iter().map(|(length, _)| *length).collect();
            let factors = axes.iter().map(|(length, inner)| {
                let mut split = vec![length.div_ceil(inner.iter().product())];
                split.extend(inner);
                split
            }).collect();
            let layout = Layout::new(&shape, factors).unwrap();
            let x: Tensor<f64> = SplitMix64::new(seed).centred_tensor(&shape);
            let fine = layout.spread(&x.view()).unwrap();
            prop_assert_eq!(layout.gather(fine).unwrap(), x);
        }
    }
}
