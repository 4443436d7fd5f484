//! Owned, shared tensors.

use std::sync::Arc;

use crate::{Axes, Element, Error, Result, Scalar, View, ViewMut, element_count, permute, storage};

/// A dense row-major tensor that owns its elements.
///
/// Cloning shares the elements; writing through [`Tensor::as_mut_slice`] or
/// [`Tensor::view_mut`] copies them first if they are shared.
///
/// ```
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
/// let y = x.view().permuted(&[1, 0])?.to_tensor();
/// assert_eq!(y.as_slice(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # Ok::<(), tensegrity_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    data: Arc<Vec<T>>,
    shape: Axes,
}

impl<T: Element> Tensor<T> {
    /// A tensor of `shape` over `data` in row-major order; no copy.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths disagree, [`Error::TooLarge`]
    /// and [`Error::TooManyAxes`] as [`element_count`].
    pub fn from_vec(data: Vec<T>, shape: &[usize]) -> Result<Self> {
        let expected = element_count(shape)?;
        if data.len() != expected {
            return Err(Error::LengthMismatch {
                elements: data.len(),
                shape: shape.to_vec(),
                expected,
            });
        }
        Ok(Self {
            data: Arc::new(data),
            shape: shape.into(),
        })
    }

    /// A tensor filled with `value`.
    ///
    /// # Errors
    /// As [`element_count`].
    pub fn full(shape: &[usize], value: T) -> Result<Self> {
        Self::from_vec(storage::filled(element_count(shape)?, value), shape)
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// As [`element_count`].
    pub fn zeros(shape: &[usize]) -> Result<Self> {
        Self::full(shape, T::ZERO)
    }

    /// The identity matrix of size `n`.
    ///
    /// # Errors
    /// As [`element_count`].
    pub fn eye(n: usize) -> Result<Self> {
        let mut matrix = Self::zeros(&[n, n])?;
        for entry in matrix.as_mut_slice().iter_mut().step_by(n + 1) {
            *entry = T::ONE;
        }
        Ok(matrix)
    }

    /// A tensor without axes.
    #[must_use]
    pub fn scalar(value: T) -> Self {
        Self {
            data: Arc::new(vec![value]),
            shape: Axes::new(),
        }
    }

    /// A tensor whose element at `index` is `f(index)`.
    ///
    /// # Errors
    /// As [`element_count`].
    pub fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> T) -> Result<Self> {
        let count = element_count(shape)?;
        let mut index: Axes = smallvec::smallvec![0; shape.len()];
        let mut data = Vec::with_capacity(count);
        for _ in 0..count {
            data.push(f(&index));
            for (i, &length) in index.iter_mut().zip(shape).rev() {
                *i += 1;
                if *i < length {
                    break;
                }
                *i = 0;
            }
        }
        Self::from_vec(data, shape)
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, for writing; copies them first if shared.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        let elements: &mut Vec<T> = Arc::make_mut(&mut self.data);
        elements
    }

    /// The elements for writing, if this tensor is the only one that shares them.
    pub fn exclusive(&mut self) -> Option<&mut [T]> {
        Arc::get_mut(&mut self.data).map(Vec::as_mut_slice)
    }

    /// The elements in row-major order; no copy unless they are shared.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        Arc::unwrap_or_clone(self.data)
    }

    /// A view of the whole tensor.
    #[must_use]
    pub fn view(&self) -> View<'_, T> {
        View::from_slice(&self.data, &self.shape)
    }

    /// A writable view of the whole tensor; copies the elements first if shared.
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        let shape = self.shape.clone();
        ViewMut::from_slice(self.as_mut_slice(), &shape)
    }

    /// The same elements under another shape; no copy.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the number of elements differs.
    pub fn reshaped(self, shape: &[usize]) -> Result<Self> {
        let expected = element_count(shape)?;
        if expected != self.len() {
            return Err(Error::LengthMismatch {
                elements: self.len(),
                shape: shape.to_vec(),
                expected,
            });
        }
        Ok(Self {
            data: self.data,
            shape: shape.into(),
        })
    }

    /// A permuted copy: axis `k` of the result is axis `order[k]` of `self`.
    ///
    /// # Errors
    /// [`Error::NotAPermutation`].
    pub fn permuted(&self, order: &[usize]) -> Result<Self> {
        Ok(self.view().permuted(order)?.to_tensor())
    }

    /// The element at `index`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] or [`Error::AxisOutOfRange`].
    pub fn get(&self, index: &[usize]) -> Result<T> {
        self.view().get(index)
    }

    /// A new tensor with `f` applied to every element.
    #[must_use]
    pub fn map<U: Element>(&self, f: impl FnMut(T) -> U) -> Tensor<U> {
        Tensor {
            data: Arc::new(self.data.iter().copied().map(f).collect()),
            shape: self.shape.clone(),
        }
    }
}

impl<T: Scalar> Tensor<T> {
    /// Row-major index of the first element that is NaN or infinite.
    #[must_use]
    pub fn first_non_finite(&self) -> Option<usize> {
        self.data.iter().position(|x| !x.is_finite())
    }
}

impl<T: Element> View<'_, T> {
    /// A row-major copy.
    #[must_use]
    pub fn to_tensor(&self) -> Tensor<T> {
        let mut data = storage::with_room(self.len());
        permute::copy_uninit(&mut data.spare_capacity_mut()[..self.len()], self);
        // SAFETY: `copy_uninit` has written every one of the `len` elements.
        unsafe { data.set_len(self.len()) };
        Tensor {
            data: Arc::new(data),
            shape: self.shape().into(),
        }
    }
}

impl<T: Element> ViewMut<'_, T> {
    /// Overwrites every element with `value`.
    pub fn fill(&mut self, value: T) {
        let source = Tensor::scalar(value);
        let source = source
            .view()
            .broadcast_to(self.shape())
            .expect("a scalar broadcasts");
        permute::copy_into(self, &source).expect("shapes are equal");
    }
}
