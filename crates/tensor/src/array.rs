//! Tensors whose element type is known at run time.

use crate::{DType, Element, Error, Result, Tensor, c64, c128};

/// A tensor of one of the compute types.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Array {
    /// Single precision.
    F32(Tensor<f32>),
    /// Double precision.
    F64(Tensor<f64>),
    /// Pairs of single precision.
    C64(Tensor<c64>),
    /// Pairs of double precision.
    C128(Tensor<c128>),
    /// Exact integers.
    I64(Tensor<i64>),
}

/// Runs an expression with `$tensor` bound to the typed tensor inside an [`Array`].
#[macro_export]
macro_rules! with_tensor {
    ($array:expr, $tensor:ident => $body:expr) => {
        match $array {
            $crate::Array::F32($tensor) => $body,
            $crate::Array::F64($tensor) => $body,
            $crate::Array::C64($tensor) => $body,
            $crate::Array::C128($tensor) => $body,
            $crate::Array::I64($tensor) => $body,
            _ => unreachable!("every variant of Array is listed"),
        }
    };
}

impl Array {
    /// Axis lengths.
    #[must_use]
    #[allow(unreachable_patterns)]
    pub fn shape(&self) -> &[usize] {
        with_tensor!(self, tensor => tensor.shape())
    }

    /// Number of elements.
    #[must_use]
    #[allow(unreachable_patterns)]
    pub fn len(&self) -> usize {
        with_tensor!(self, tensor => tensor.len())
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Array::F32(_) => DType::F32,
            Array::F64(_) => DType::F64,
            Array::C64(_) => DType::C64,
            Array::C128(_) => DType::C128,
            Array::I64(_) => DType::I64,
        }
    }

    /// The typed tensor inside.
    ///
    /// # Errors
    /// [`Error::WrongDType`] if it is of another type.
    pub fn typed<T: Element>(&self) -> Result<&Tensor<T>> {
        T::from_array(self).ok_or(Error::WrongDType {
            found: self.dtype(),
            wanted: T::DTYPE,
        })
    }
}

impl<T: Element> From<Tensor<T>> for Array {
    fn from(tensor: Tensor<T>) -> Self {
        T::into_array(tensor)
    }
}
