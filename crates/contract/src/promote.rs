//! Which type a contraction has, by NumPy's rules, and casts to it.
//!
//! | operands | result | computed as |
//! |---|---|---|
//! | all bool | bool: "or" of "and"s | `i64`; true where the count is not zero |
//! | integers and bool | `numpy.result_type` | `i64`, wrapping; the low bits are those of any narrower type |
//! | `f16`, `bf16` | the same | `f32`, rounded once at the end |
//! | anything else | `numpy.result_type` | itself |
//!
//! Guarantee: integer results are exact modulo 2^bits, as NumPy's.

use tensegrity_tensor::{Array, DType, Element, Tensor, View, c64, c128};

/// The type of the result for operands of these types; `f64` for none.
///
/// ```
/// use tensegrity_contract::promote::result_dtype;
/// use tensegrity_tensor::DType;
/// assert_eq!(result_dtype([DType::Bool, DType::U8]), DType::U8);
/// assert_eq!(result_dtype([DType::I64, DType::F32]), DType::F64);
/// ```
#[must_use]
pub fn result_dtype(operands: impl IntoIterator<Item = DType>) -> DType {
    operands
        .into_iter()
        .reduce(DType::promote)
        .unwrap_or(DType::F64)
}

/// The type kernels compute a result of type `result` in.
#[must_use]
pub fn compute_dtype(result: DType) -> DType {
    match result {
        DType::F16 | DType::BF16 => DType::F32,
        integer if integer.is_integer() => DType::I64,
        other => other,
    }
}

/// A strided operand of one of the compute types.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ArrayView<'a> {
    /// Single precision.
    F32(View<'a, f32>),
    /// Double precision.
    F64(View<'a, f64>),
    /// Pairs of single precision.
    C64(View<'a, c64>),
    /// Pairs of double precision.
    C128(View<'a, c128>),
    /// Exact integers.
    I64(View<'a, i64>),
}

/// Runs an expression with `$view` bound to the typed view inside an [`ArrayView`].
macro_rules! with_view {
    ($any:expr, $view:ident => $body:expr) => {
        match $any {
            $crate::promote::ArrayView::F32($view) => $body,
            $crate::promote::ArrayView::F64($view) => $body,
            $crate::promote::ArrayView::C64($view) => $body,
            $crate::promote::ArrayView::C128($view) => $body,
            $crate::promote::ArrayView::I64($view) => $body,
        }
    };
}
pub(crate) use with_view;

impl<'a> ArrayView<'a> {
    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        with_view!(self, view => view.shape())
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            ArrayView::F32(_) => DType::F32,
            ArrayView::F64(_) => DType::F64,
            ArrayView::C64(_) => DType::C64,
            ArrayView::C128(_) => DType::C128,
            ArrayView::I64(_) => DType::I64,
        }
    }

    /// The typed view inside if it is of this type.
    #[must_use]
    pub fn typed<T: Element>(&self) -> Option<View<'a, T>> {
        with_view!(self, view => retype(view))
    }

    /// The part at `index` of `axis`, one axis less.
    ///
    /// # Errors
    /// As `View::indexed`.
    pub(crate) fn indexed(&self, axis: usize, index: usize) -> tensegrity_tensor::Result<Self> {
        Ok(with_view!(self, view => view.indexed(axis, index)?.into()))
    }

    /// A row-major copy as `T`. Real numbers become complex ones with
    /// imaginary part zero; an imaginary part is dropped, a fraction cut off,
    /// as `numpy.ndarray.astype` does.
    #[must_use]
    pub fn cast<T: Element>(&self) -> Tensor<T> {
        with_view!(self, view => {
            let source = view.to_tensor();
            match retype_tensor(&source) {
                Some(same) => same,
                None => source.map(|x| convert(x)),
            }
        })
    }
}

impl<'a> From<&'a Array> for ArrayView<'a> {
    fn from(array: &'a Array) -> Self {
        tensegrity_tensor::with_tensor!(array, tensor => ArrayView::from(tensor.view()))
    }
}

macro_rules! from_view {
    ($type:ty, $variant:ident) => {
        impl<'a> From<View<'a, $type>> for ArrayView<'a> {
            fn from(view: View<'a, $type>) -> Self {
                ArrayView::$variant(view)
            }
        }
        impl<'a> From<&View<'a, $type>> for ArrayView<'a> {
            fn from(view: &View<'a, $type>) -> Self {
                ArrayView::$variant(view.clone())
            }
        }
        impl<'a> From<&'a Tensor<$type>> for ArrayView<'a> {
            fn from(tensor: &'a Tensor<$type>) -> Self {
                ArrayView::$variant(tensor.view())
            }
        }
    };
}
from_view!(f32, F32);
from_view!(f64, F64);
from_view!(c64, C64);
from_view!(c128, C128);
from_view!(i64, I64);

/// `view` as a view of `T` if that is what it is.
fn retype<'a, S: Element, T: Element>(view: &View<'a, S>) -> Option<View<'a, T>> {
    // SAFETY: `Element` is sealed and each type has a `DTYPE` of its own, so
    // equal ones mean S is T.
    (S::DTYPE == T::DTYPE)
        .then(|| unsafe { View::from_raw(view.as_ptr().cast(), view.shape(), view.strides()) })
}

fn retype_tensor<S: Element, T: Element>(tensor: &Tensor<S>) -> Option<Tensor<T>> {
    T::from_array(&S::into_array(tensor.clone())).cloned()
}

/// One number as another type.
fn convert<S: Element, T: Element>(x: S) -> T {
    // Matches on constants: one arm is left after compilation.
    let (re, im, whole) = match S::DTYPE {
        DType::F32 => (f64::from(get::<S, f32>(x)), 0.0, None),
        DType::F64 => (get::<S, f64>(x), 0.0, None),
        DType::C64 => {
            let z = get::<S, c64>(x);
            (f64::from(z.re), f64::from(z.im), None)
        }
        DType::C128 => {
            let z = get::<S, c128>(x);
            (z.re, z.im, None)
        }
        _ => {
            let integer = get::<S, i64>(x);
            (integer as f64, 0.0, Some(integer))
        }
    };
    match T::DTYPE {
        DType::F32 => put::<f32, T>(re as f32),
        DType::F64 => put::<f64, T>(re),
        DType::C64 => put::<c64, T>(c64::new(re as f32, im as f32)),
        DType::C128 => put::<c128, T>(c128::new(re, im)),
        _ => put::<i64, T>(whole.unwrap_or(re as i64)),
    }
}

fn get<S: Element, T: Element>(x: S) -> T {
    assert_eq!(S::DTYPE, T::DTYPE);
    // SAFETY: equal `DTYPE`s of the sealed trait mean S is T.
    unsafe { std::mem::transmute_copy(&x) }
}

fn put<S: Element, T: Element>(x: S) -> T {
    get(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compute_types() {
        assert_eq!(compute_dtype(DType::Bool), DType::I64);
        assert_eq!(compute_dtype(DType::U64), DType::I64);
        assert_eq!(compute_dtype(DType::BF16), DType::F32);
        assert_eq!(compute_dtype(DType::C64), DType::C64);
        assert_eq!(result_dtype([]), DType::F64);
    }

    #[test]
    fn casts_keep_values() {
        let integers = Tensor::from_vec(vec![1i64, -7, i64::MAX], &[3]).unwrap();
        let view = ArrayView::from(&integers);
        assert_eq!(view.cast::<f64>().as_slice(), [1.0, -7.0, i64::MAX as f64]);
        assert_eq!(view.cast::<i64>(), integers);
        let complex = view.cast::<c128>();
        assert_eq!(complex.as_slice()[1], c128::new(-7.0, 0.0));
        assert_eq!(ArrayView::from(&complex).cast::<f32>().as_slice()[1], -7.0);
        assert!(view.typed::<f64>().is_none());
        assert_eq!(view.typed::<i64>().unwrap().shape(), [3]);
    }
}
