//! Strided views: shape arithmetic without copies.

use std::marker::PhantomData;

use smallvec::SmallVec;

use crate::{Axes, Element, Error, Result, Strides, element_count, row_major};

/// A read-only strided view of a rank-dynamic tensor.
#[derive(Clone, Debug)]
pub struct View<'a, T> {
    pointer: *const T,
    shape: Axes,
    strides: Strides,
    lifetime: PhantomData<&'a [T]>,
}

/// A writable strided view whose elements do not overlap each other.
#[derive(Debug)]
pub struct ViewMut<'a, T> {
    pointer: *mut T,
    shape: Axes,
    strides: Strides,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: a `View` gives only shared access, like `&[T]`.
unsafe impl<T: Sync> Send for View<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for View<'_, T> {}
// SAFETY: a `ViewMut` gives exclusive access, like `&mut [T]`.
unsafe impl<T: Send> Send for ViewMut<'_, T> {}

impl<'a, T: Element> View<'a, T> {
    /// A row-major view of `data`.
    ///
    /// # Panics
    /// If `data` does not have as many elements as `shape`.
    #[must_use]
    pub fn from_slice(data: &'a [T], shape: &[usize]) -> Self {
        assert_eq!(
            Ok(data.len()),
            element_count(shape).map_err(|_| ()),
            "shape {shape:?}"
        );
        Self {
            pointer: data.as_ptr(),
            shape: shape.into(),
            strides: row_major(shape),
            lifetime: PhantomData,
        }
    }

    /// A view of foreign memory, for example of a NumPy array.
    ///
    /// # Safety
    /// For every index inside `shape` the element at
    /// `pointer + Σ index·stride` must be initialised and stay unchanged for
    /// the lifetime `'a`.
    #[must_use]
    pub unsafe fn from_raw(pointer: *const T, shape: &[usize], strides: &[isize]) -> Self {
        debug_assert_eq!(shape.len(), strides.len());
        Self {
            pointer,
            shape: shape.into(),
            strides: strides.into(),
            lifetime: PhantomData,
        }
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Strides in elements.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Address of the element at index zero.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.pointer
    }

    /// Whether the elements are dense in row-major order.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        is_dense(&self.shape, &self.strides)
    }

    /// The elements as a slice if [`View::is_contiguous`].
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [T]> {
        // SAFETY: a contiguous view addresses `len` elements from `pointer` on,
        // valid for 'a by the constructor's contract.
        self.is_contiguous()
            .then(|| unsafe { std::slice::from_raw_parts(self.pointer, self.len()) })
    }

    /// The element at `index`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`], or [`Error::AxisOutOfRange`] if the number
    /// of indices is not the number of axes.
    pub fn get(&self, index: &[usize]) -> Result<T> {
        if index.len() != self.ndim() {
            let ndim = self.ndim();
            return Err(Error::AxisOutOfRange {
                what: "get",
                axis: index.len(),
                ndim,
            });
        }
        let mut offset = 0isize;
        for (axis, &i) in index.iter().enumerate() {
            check_index(axis, i, self.shape[axis])?;
            offset += i as isize * self.strides[axis];
        }
        // SAFETY: every index is inside its axis.
        Ok(unsafe { *self.pointer.offset(offset) })
    }

    /// The view with axis `k` of the result being axis `order[k]` of `self`.
    ///
    /// # Errors
    /// [`Error::NotAPermutation`].
    pub fn permuted(&self, order: &[usize]) -> Result<Self> {
        check_permutation(order, self.ndim())?;
        let mut result = self.clone();
        for (k, &axis) in order.iter().enumerate() {
            result.shape[k] = self.shape[axis];
            result.strides[k] = self.strides[axis];
        }
        Ok(result)
    }

    /// The elements `start..end` along `axis`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn sliced(&self, axis: usize, range: std::ops::Range<usize>) -> Result<Self> {
        check_range(axis, &range, &self.shape)?;
        let mut result = self.clone();
        result.shape[axis] = range.len();
        if !range.is_empty() {
            // SAFETY: `start` is inside the axis.
            result.pointer = unsafe { offset(self.pointer, range.start, self.strides[axis]) };
        }
        Ok(result)
    }

    /// The view without `axis`, at `index` along it.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn indexed(&self, axis: usize, index: usize) -> Result<Self> {
        check_axis("indexed", axis, self.ndim())?;
        check_index(axis, index, self.shape[axis])?;
        let mut result = self.clone();
        // SAFETY: `index` is inside the axis.
        result.pointer = unsafe { offset(self.pointer, index, self.strides[axis]) };
        result.shape.remove(axis);
        result.strides.remove(axis);
        Ok(result)
    }

    /// The view with `axis` reversed.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`].
    pub fn reversed(&self, axis: usize) -> Result<Self> {
        check_axis("reversed", axis, self.ndim())?;
        let mut result = self.clone();
        if self.shape[axis] > 0 {
            // SAFETY: the last index is inside the axis.
            result.pointer =
                unsafe { offset(self.pointer, self.shape[axis] - 1, self.strides[axis]) };
        }
        result.strides[axis] = -self.strides[axis];
        Ok(result)
    }

    /// The diagonal over `axes` (all of one length), as axis `axes[0]` of the
    /// result; the other axes of the list disappear. The stride of a diagonal
    /// is the sum of the strides: no copy.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::ShapeMismatch`] if lengths differ.
    pub fn diagonal(&self, axes: &[usize]) -> Result<Self> {
        let Some((&first, rest)) = axes.split_first() else {
            return Ok(self.clone());
        };
        for &axis in axes {
            check_axis("diagonal", axis, self.ndim())?;
            if self.shape[axis] != self.shape[first] {
                return Err(Error::ShapeMismatch {
                    what: "diagonal",
                    left: vec![self.shape[first]],
                    right: vec![self.shape[axis]],
                });
            }
        }
        let mut result = self.clone();
        for &axis in rest {
            result.strides[first] += self.strides[axis];
        }
        let mut gone: Axes = rest.into();
        gone.sort_unstable();
        for &axis in gone.iter().rev() {
            result.shape.remove(axis);
            result.strides.remove(axis);
        }
        Ok(result)
    }

    /// The view repeated to `shape` by NumPy's broadcasting rule (axes aligned
    /// right, length one repeats): no copy, stride zero.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Self> {
        let mismatch = || Error::ShapeMismatch {
            what: "broadcast_to",
            left: self.shape.to_vec(),
            right: shape.to_vec(),
        };
        let extra = shape.len().checked_sub(self.ndim()).ok_or_else(mismatch)?;
        let mut strides: Strides = SmallVec::from_elem(0, shape.len());
        for axis in 0..self.ndim() {
            let (have, want) = (self.shape[axis], shape[extra + axis]);
            if have == want {
                strides[extra + axis] = self.strides[axis];
            } else if have != 1 {
                return Err(mismatch());
            }
        }
        Ok(Self {
            pointer: self.pointer,
            shape: shape.into(),
            strides,
            lifetime: PhantomData,
        })
    }

    /// The view with a new axis of length one before `axis`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`].
    pub fn inserted(&self, axis: usize) -> Result<Self> {
        check_axis("inserted", axis, self.ndim() + 1)?;
        let mut result = self.clone();
        result.shape.insert(axis, 1);
        result.strides.insert(axis, 0);
        Ok(result)
    }

    /// The same elements under another shape if strides allow it without a copy.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the number of elements differs. `Ok(None)`
    /// if a copy would be needed.
    pub fn try_reshaped(&self, shape: &[usize]) -> Result<Option<Self>> {
        let expected = element_count(shape)?;
        if expected != self.len() {
            return Err(Error::LengthMismatch {
                elements: self.len(),
                shape: shape.to_vec(),
                expected,
            });
        }
        let with = |strides| Self {
            pointer: self.pointer,
            shape: shape.into(),
            strides,
            lifetime: PhantomData,
        };
        if expected == 0 {
            return Ok(Some(with(row_major(shape))));
        }
        // Axes of length one carry no stride. The others fall into groups of
        // equal product, and each old group must be one arithmetic progression.
        let old: SmallVec<[(usize, isize); 8]> = (self.shape.iter().zip(&self.strides))
            .filter(|&(&length, _)| length != 1)
            .map(|(&length, &stride)| (length, stride))
            .collect();
        let mut strides: Strides = SmallVec::from_elem(1, shape.len());
        let (mut i, mut j) = (0, 0);
        while i < old.len() && j < shape.len() {
            let (group, fresh) = (i, j);
            let (mut have, mut want) = (old[i].0, shape[j]);
            (i, j) = (i + 1, j + 1);
            while have != want {
                if want < have {
                    want *= shape[j];
                    j += 1;
                } else {
                    have *= old[i].0;
                    i += 1;
                }
            }
            if old[group..i]
                .windows(2)
                .any(|pair| pair[0].1 != pair[1].1 * pair[1].0 as isize)
            {
                return Ok(None);
            }
            let mut step = old[i - 1].1;
            for axis in (fresh..j).rev() {
                strides[axis] = step;
                step *= shape[axis] as isize;
            }
        }
        Ok(Some(with(strides)))
    }

    /// The elements under another shape, copied only if they must be.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn reshape_copy(&self, shape: &[usize]) -> Result<crate::Tensor<T>> {
        self.to_tensor().reshaped(shape)
    }
}

impl<'a, T: Element> ViewMut<'a, T> {
    /// A row-major writable view of `data`.
    ///
    /// # Panics
    /// If `data` does not have as many elements as `shape`.
    #[must_use]
    pub fn from_slice(data: &'a mut [T], shape: &[usize]) -> Self {
        assert_eq!(
            Ok(data.len()),
            element_count(shape).map_err(|_| ()),
            "shape {shape:?}"
        );
        Self {
            pointer: data.as_mut_ptr(),
            shape: shape.into(),
            strides: row_major(shape),
            lifetime: PhantomData,
        }
    }

    /// A writable view of foreign memory.
    ///
    /// # Safety
    /// For every index inside `shape` the element at
    /// `pointer + Σ index·stride` must be valid for reads and writes, reached
    /// by no other index, and touched by nobody else for the lifetime `'a`.
    #[must_use]
    pub unsafe fn from_raw(pointer: *mut T, shape: &[usize], strides: &[isize]) -> Self {
        debug_assert_eq!(shape.len(), strides.len());
        Self {
            pointer,
            shape: shape.into(),
            strides: strides.into(),
            lifetime: PhantomData,
        }
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Strides in elements.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether the elements are dense in row-major order.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        is_dense(&self.shape, &self.strides)
    }

    /// Address of the element at index zero.
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.pointer
    }

    /// The elements as a slice if [`ViewMut::is_contiguous`].
    pub fn as_mut_slice(&mut self) -> Option<&mut [T]> {
        // SAFETY: a contiguous view addresses `len` elements from `pointer` on,
        // exclusively borrowed through `self`.
        self.is_contiguous()
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.pointer, self.len()) })
    }

    /// A read-only view of the same elements.
    #[must_use]
    pub fn as_view(&self) -> View<'_, T> {
        View {
            pointer: self.pointer,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            lifetime: PhantomData,
        }
    }

    /// A shorter-lived writable view of the same elements.
    pub fn reborrow(&mut self) -> ViewMut<'_, T> {
        ViewMut {
            pointer: self.pointer,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            lifetime: PhantomData,
        }
    }

    /// As [`View::permuted`].
    ///
    /// # Errors
    /// [`Error::NotAPermutation`].
    pub fn permuted(mut self, order: &[usize]) -> Result<Self> {
        check_permutation(order, self.ndim())?;
        let (shape, strides) = (self.shape.clone(), self.strides.clone());
        for (k, &axis) in order.iter().enumerate() {
            self.shape[k] = shape[axis];
            self.strides[k] = strides[axis];
        }
        Ok(self)
    }

    /// As [`View::sliced`].
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn sliced(mut self, axis: usize, range: std::ops::Range<usize>) -> Result<Self> {
        check_range(axis, &range, &self.shape)?;
        self.shape[axis] = range.len();
        if !range.is_empty() {
            // SAFETY: `start` is inside the axis.
            self.pointer =
                unsafe { offset(self.pointer, range.start, self.strides[axis]) }.cast_mut();
        }
        Ok(self)
    }

    /// As [`View::indexed`].
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn indexed(mut self, axis: usize, index: usize) -> Result<Self> {
        check_axis("indexed", axis, self.ndim())?;
        check_index(axis, index, self.shape[axis])?;
        // SAFETY: `index` is inside the axis.
        self.pointer = unsafe { offset(self.pointer, index, self.strides[axis]) }.cast_mut();
        self.shape.remove(axis);
        self.strides.remove(axis);
        Ok(self)
    }

    /// As [`View::diagonal`]: writing through it writes the embedded diagonal.
    ///
    /// # Errors
    /// As [`View::diagonal`].
    pub fn diagonal(self, axes: &[usize]) -> Result<Self> {
        let view = self.as_view().diagonal(axes)?;
        let (shape, strides) = (view.shape.clone(), view.strides.clone());
        Ok(Self {
            pointer: self.pointer,
            shape,
            strides,
            lifetime: PhantomData,
        })
    }
}

/// # Safety
/// `index` is inside the axis of the given stride, which starts at `pointer`.
unsafe fn offset<T>(pointer: *const T, index: usize, stride: isize) -> *const T {
    // SAFETY: by the contract the result addresses an element of the view.
    unsafe { pointer.offset(index as isize * stride) }
}

fn is_dense(shape: &[usize], strides: &[isize]) -> bool {
    let mut step = 1isize;
    for (&length, &stride) in shape.iter().zip(strides).rev() {
        if length == 0 {
            return true;
        }
        if length > 1 && stride != step {
            return shape.contains(&0);
        }
        step *= length as isize;
    }
    true
}

fn check_axis(what: &'static str, axis: usize, ndim: usize) -> Result<()> {
    if axis < ndim {
        Ok(())
    } else {
        Err(Error::AxisOutOfRange { what, axis, ndim })
    }
}

fn check_index(axis: usize, index: usize, length: usize) -> Result<()> {
    if index < length {
        Ok(())
    } else {
        Err(Error::IndexOutOfRange {
            axis,
            index,
            length,
        })
    }
}

fn check_range(axis: usize, range: &std::ops::Range<usize>, shape: &[usize]) -> Result<()> {
    check_axis("sliced", axis, shape.len())?;
    let length = shape[axis];
    if range.end > length || range.start > range.end {
        return Err(Error::IndexOutOfRange {
            axis,
            index: range.end.max(range.start),
            length,
        });
    }
    Ok(())
}

fn check_permutation(order: &[usize], ndim: usize) -> Result<()> {
    let mut seen = [false; crate::MAX_AXES + 1];
    let legal = order.len() == ndim
        && order
            .iter()
            .all(|&axis| axis < ndim && !std::mem::replace(&mut seen[axis], true));
    if legal {
        Ok(())
    } else {
        Err(Error::NotAPermutation {
            order: order.to_vec(),
            ndim,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    fn counting(shape: &[usize]) -> Tensor<f64> {
        let count = shape.iter().product::<usize>();
        Tensor::from_vec((0..count).map(|i| i as f64).collect(), shape).unwrap()
    }

    #[test]
    fn diagonal_adds_strides() {
        let x = counting(&[3, 2, 3]);
        let d = x.view().diagonal(&[0, 2]).unwrap();
        assert_eq!(d.shape(), [3, 2]);
        assert_eq!(d.to_tensor().as_slice(), [0.0, 3.0, 7.0, 10.0, 14.0, 17.0]);
    }

    #[test]
    fn reversed_twice_is_the_same() {
        let x = counting(&[2, 3]);
        let y = x.view().reversed(1).unwrap();
        assert_eq!(y.to_tensor().as_slice(), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert_eq!(y.reversed(1).unwrap().to_tensor(), x);
    }

    #[test]
    fn reshaping_a_view_copies_only_when_it_must() {
        let x = counting(&[4, 6]);
        let split = x.view().try_reshaped(&[2, 2, 3, 2]).unwrap().unwrap();
        assert_eq!(split.strides(), [12, 6, 2, 1]);
        let transposed = x.view().permuted(&[1, 0]).unwrap();
        assert!(transposed.try_reshaped(&[24]).unwrap().is_none());
        let kept = transposed.try_reshaped(&[3, 2, 4]).unwrap().unwrap();
        assert_eq!(
            kept.to_tensor().as_slice(),
            transposed.to_tensor().as_slice()
        );
        let ones = x.view().try_reshaped(&[1, 24, 1]).unwrap().unwrap();
        assert_eq!(ones.to_tensor().as_slice(), x.as_slice());
        assert!(x.view().try_reshaped(&[5]).is_err());
    }

    #[test]
    fn broadcasting_aligns_right() {
        let x = counting(&[3]);
        let y = x.view().broadcast_to(&[2, 3]).unwrap().to_tensor();
        assert_eq!(y.as_slice(), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
        assert!(x.view().broadcast_to(&[3, 2]).is_err());
    }
}
