//! The copy kernel: any strided view into any strided view.

use std::mem::MaybeUninit;

use crate::{Element, Error, Result, Scalar, View, ViewMut, row_major};

/// Copies `source` into `target`, element by element index.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn copy_into<T: Element>(target: &mut ViewMut<'_, T>, source: &View<'_, T>) -> Result<()> {
    if target.shape() != source.shape() {
        return Err(Error::ShapeMismatch {
            what: "copy_into",
            left: target.shape().to_vec(),
            right: source.shape().to_vec(),
        });
    }
    let strides = target.strides().to_vec();
    // SAFETY: both views are valid for their shape, and a `ViewMut` is exclusive.
    unsafe { copy_strided(target.as_mut_ptr(), &strides, source) };
    Ok(())
}

/// Copies `source` row-major into uninitialised memory of exactly its length.
pub(crate) fn copy_uninit<T: Element>(target: &mut [MaybeUninit<T>], source: &View<'_, T>) {
    assert_eq!(target.len(), source.len());
    // SAFETY: the target is exclusive and dense for the shape.
    unsafe {
        copy_strided(
            target.as_mut_ptr().cast(),
            &row_major(source.shape()),
            source,
        )
    };
}

/// # Safety
/// `target` with `strides` is valid for writes at every index of the shape of `source`.
unsafe fn copy_strided<T: Element>(target: *mut T, strides: &[isize], source: &View<'_, T>) {
    if source.is_empty() {
        return;
    }
    let mut index = vec![0usize; source.ndim()];
    for _ in 0..source.len() {
        let (mut from, mut to) = (0isize, 0isize);
        for (axis, &i) in index.iter().enumerate() {
            from += i as isize * source.strides()[axis];
            to += i as isize * strides[axis];
        }
        // SAFETY: the index is inside the shape.
        unsafe { *target.offset(to) = *source.as_ptr().offset(from) };
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < source.shape()[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Sum of squared absolute values, pairwise in `f64`.
pub(crate) fn sum_of_squares<T: Scalar>(data: &[T]) -> f64 {
    if data.len() <= 1024 {
        return data.iter().map(|x| x.abs2()).sum();
    }
    let (left, right) = data.split_at(data.len() / 2);
    sum_of_squares(left) + sum_of_squares(right)
}
