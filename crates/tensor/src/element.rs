//! The element types kernels are compiled for.
//!
//! [`Element`] is what can be stored, moved, added and multiplied: `f32`,
//! `f64`, [`c64`], [`c128`] and `i64` (exact counting, wrapping as NumPy's).
//! [`Scalar`] is the four fields among them. Both are sealed: a kernel is
//! compiled once per type inside this workspace and never again by a caller.

use std::fmt::Debug;

use num_complex::Complex;

use crate::{DType, Tensor};

/// A pair of `f32`: NumPy's `complex64`.
#[allow(non_camel_case_types)]
pub type c64 = Complex<f32>;
/// A pair of `f64`: NumPy's `complex128`.
#[allow(non_camel_case_types)]
pub type c128 = Complex<f64>;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for super::c64 {}
    impl Sealed for super::c128 {}
    impl Sealed for i64 {}
}

/// A stored element: `f32`, `f64`, [`c64`], [`c128`] or `i64`.
pub trait Element:
    sealed::Sealed + Copy + Send + Sync + Debug + Default + PartialEq + 'static
{
    /// The element type as data.
    const DTYPE: DType;
    /// Additive unit.
    const ZERO: Self;
    /// Multiplicative unit.
    const ONE: Self;
    /// Sum (wrapping for integers).
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// Product (wrapping for integers).
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// Additive inverse (wrapping for integers).
    #[must_use]
    fn neg(self) -> Self;
    /// Wraps a tensor of this type in the enum over all of them.
    fn into_array(tensor: Tensor<Self>) -> crate::Array;
    /// The tensor inside `array` if it is of this type.
    fn from_array(array: &crate::Array) -> Option<&Tensor<Self>>;
}

/// A field element: `f32`, `f64`, [`c64`] or [`c128`].
pub trait Scalar: Element {
    /// The type of absolute values.
    type Real: Real;
    /// Whether there is an imaginary part.
    const IS_COMPLEX: bool;
    /// Difference.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// Quotient.
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// Complex conjugate; the value itself for real types.
    #[must_use]
    fn conj(self) -> Self;
    /// Real part.
    fn re(self) -> Self::Real;
    /// Imaginary part; zero for real types.
    fn im(self) -> Self::Real;
    /// Squared absolute value in `f64`, so that sums of squares of `f32` do
    /// not overflow or lose digits.
    fn abs2(self) -> f64;
    /// A real number as this type.
    fn from_real(re: Self::Real) -> Self;
    /// The nearest value to `re + i·im`; the imaginary part is dropped by real types.
    fn from_f64(re: f64, im: f64) -> Self;
    /// Neither part is NaN or infinite.
    fn is_finite(self) -> bool;
}

/// A real field element: `f32` or `f64`.
pub trait Real: Scalar<Real = Self> + PartialOrd {
    /// Distance from one to the next larger value.
    const EPSILON: Self;
    /// Exact for `f32`, identity for `f64`.
    fn to_f64(self) -> f64;
    /// Square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Absolute value.
    #[must_use]
    fn abs(self) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:ident, $variant:ident, $zero:expr, $one:expr, $add:expr, $mul:expr, $neg:expr) => {
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            const ZERO: Self = $zero;
            const ONE: Self = $one;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                $add(self, other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                $mul(self, other)
            }
            #[inline(always)]
            fn neg(self) -> Self {
                $neg(self)
            }
            fn into_array(tensor: Tensor<Self>) -> crate::Array {
                crate::Array::$variant(tensor)
            }
            fn from_array(array: &crate::Array) -> Option<&Tensor<Self>> {
                match array {
                    crate::Array::$variant(tensor) => Some(tensor),
                    _ => None,
                }
            }
        }
    };
}

element!(
    f32,
    F32,
    F32,
    0.0,
    1.0,
    |a, b| a + b,
    |a, b| a * b,
    |a: Self| -a
);
element!(
    f64,
    F64,
    F64,
    0.0,
    1.0,
    |a, b| a + b,
    |a, b| a * b,
    |a: Self| -a
);
element!(
    c64,
    C64,
    C64,
    Complex { re: 0.0, im: 0.0 },
    Complex { re: 1.0, im: 0.0 },
    |a: c64, b: c64| a + b,
    |a: c64, b: c64| a * b,
    |a: c64| -a
);
element!(
    c128,
    C128,
    C128,
    Complex { re: 0.0, im: 0.0 },
    Complex { re: 1.0, im: 0.0 },
    |a: c128, b: c128| a + b,
    |a: c128, b: c128| a * b,
    |a: c128| -a
);
element!(
    i64,
    I64,
    I64,
    0,
    1,
    i64::wrapping_add,
    i64::wrapping_mul,
    i64::wrapping_neg
);

macro_rules! real {
    ($type:ty) => {
        impl Scalar for $type {
            type Real = $type;
            const IS_COMPLEX: bool = false;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline(always)]
            fn conj(self) -> Self {
                self
            }
            #[inline(always)]
            fn re(self) -> Self {
                self
            }
            #[inline(always)]
            fn im(self) -> Self {
                0.0
            }
            #[inline(always)]
            fn abs2(self) -> f64 {
                let wide = f64::from(self);
                wide * wide
            }
            #[inline(always)]
            fn from_real(re: Self) -> Self {
                re
            }
            #[inline(always)]
            fn from_f64(re: f64, _im: f64) -> Self {
                re as $type
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
        }

        impl Real for $type {
            const EPSILON: Self = <$type>::EPSILON;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
        }

        impl Scalar for Complex<$type> {
            type Real = $type;
            const IS_COMPLEX: bool = true;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline(always)]
            fn conj(self) -> Self {
                Complex::conj(&self)
            }
            #[inline(always)]
            fn re(self) -> $type {
                self.re
            }
            #[inline(always)]
            fn im(self) -> $type {
                self.im
            }
            #[inline(always)]
            fn abs2(self) -> f64 {
                let (re, im) = (f64::from(self.re), f64::from(self.im));
                re * re + im * im
            }
            #[inline(always)]
            fn from_real(re: $type) -> Self {
                Complex { re, im: 0.0 }
            }
            #[inline(always)]
            fn from_f64(re: f64, im: f64) -> Self {
                Complex {
                    re: re as $type,
                    im: im as $type,
                }
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.re.is_finite() && self.im.is_finite()
            }
        }
    };
}

real!(f32);
real!(f64);
