//! Inputs of an expression, whose element types are known at run time.

use std::marker::PhantomData;

use crate::{Array, Axes, DType, Element, Strides, Tensor, View, with_tensor};

/// A view whose element type is data.
#[derive(Clone, Debug)]
pub struct Operand<'a> {
    pub(super) dtype: DType,
    pub(super) pointer: *const u8,
    pub(super) shape: Axes,
    pub(super) strides: Strides,
    lifetime: PhantomData<&'a [u8]>,
}

// SAFETY: an operand gives only shared access to elements that are `Sync`.
unsafe impl Send for Operand<'_> {}
// SAFETY: as above.
unsafe impl Sync for Operand<'_> {}

impl<'a, T: Element> From<&View<'a, T>> for Operand<'a> {
    fn from(view: &View<'a, T>) -> Self {
        Self {
            dtype: T::DTYPE,
            pointer: view.as_ptr().cast(),
            shape: view.shape().into(),
            strides: view.strides().into(),
            lifetime: PhantomData,
        }
    }
}

impl<'a, T: Element> From<View<'a, T>> for Operand<'a> {
    fn from(view: View<'a, T>) -> Self {
        Self::from(&view)
    }
}

impl<'a, T: Element> From<&'a Tensor<T>> for Operand<'a> {
    fn from(tensor: &'a Tensor<T>) -> Self {
        Self::from(&tensor.view())
    }
}

#[allow(unreachable_patterns)]
impl<'a> From<&'a Array> for Operand<'a> {
    fn from(array: &'a Array) -> Self {
        with_tensor!(array, tensor => Self::from(tensor))
    }
}
