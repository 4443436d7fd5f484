//! Shapes and strides.

use smallvec::SmallVec;

use crate::{Error, Result};

/// Largest number of axes a tensor may have.
///
/// NumPy stops at 64; einsum networks of two-level systems need more axes than
/// any picture, but an intermediate of more than 64 binary axes does not fit
/// any memory.
pub const MAX_AXES: usize = 64;

/// A list of axis lengths (or axis numbers); inline up to eight axes.
pub type Axes = SmallVec<[usize; 8]>;

/// A list of strides in elements; negative and zero strides are legal.
pub type Strides = SmallVec<[isize; 8]>;

/// Row-major (C order) strides of `shape`, in elements.
///
/// Axes of length zero or one get the stride they would have in a dense array.
#[must_use]
pub fn row_major(shape: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(0, shape.len());
    let mut step: isize = 1;
    for (stride, &length) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.saturating_mul(length.max(1) as isize);
    }
    strides
}

/// Number of elements of `shape`.
///
/// # Errors
/// [`Error::TooLarge`] if the product exceeds 2^63 − 1 (a zero axis makes the
/// product zero whatever the others are), [`Error::TooManyAxes`] above
/// [`MAX_AXES`].
pub fn element_count(shape: &[usize]) -> Result<usize> {
    if shape.len() > MAX_AXES {
        return Err(Error::TooManyAxes {
            axes: shape.len(),
            limit: MAX_AXES,
        });
    }
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |product, &length| product.checked_mul(length))
        .filter(|&count| count <= isize::MAX as usize)
        .ok_or_else(|| Error::TooLarge {
            shape: shape.to_vec(),
        })
}
