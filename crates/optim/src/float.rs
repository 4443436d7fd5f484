//! The element types of parameters.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use tensegrity_linalg::Field;
use tensegrity_tensor::Real;

use crate::{Method, Optimizer, Registry, Result, Settings, driver};

/// `f32` or `f64`. Sealed: optimisers are compiled here once for each.
pub trait Float:
    Field
    + Real
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + hooks::Hooks
{
    /// The nearest value of the type.
    fn of(x: f64) -> Self;
}

pub(crate) mod hooks {
    use super::*;
    use crate::state::Stored;

    /// Entry points of the code compiled for one type.
    #[allow(missing_docs)]
    pub trait Hooks: Sized {
        #[doc(hidden)]
        fn build(
            method: &Method,
            registry: &Registry,
            settings: &Settings,
        ) -> Result<Box<dyn Optimizer<Self>>>;
        #[doc(hidden)]
        fn store(values: &[Self]) -> Stored;
        #[doc(hidden)]
        fn stored(stored: &Stored) -> Option<&[Self]>;
    }
}

macro_rules! float {
    ($type:ty, $variant:ident) => {
        impl Float for $type {
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $type
            }
        }
        impl hooks::Hooks for $type {
            fn build(
                method: &Method,
                registry: &Registry,
                settings: &Settings,
            ) -> Result<Box<dyn Optimizer<Self>>> {
                driver::build(method, registry, settings)
            }
            fn store(values: &[Self]) -> crate::state::Stored {
                crate::state::Stored::$variant(values.to_vec())
            }
            fn stored(stored: &crate::state::Stored) -> Option<&[Self]> {
                match stored {
                    crate::state::Stored::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

float!(f32, F32);
float!(f64, F64);

/// Independent sums, so that loops become vector instructions.
const LANES: usize = 16;

/// `Σ x·y` in double precision; the order of the sum depends on the length only.
pub(crate) fn dot<T: Float>(x: &[T], y: &[T]) -> f64 {
    let mut sums = [0.0f64; LANES];
    let (mut left, mut right) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for (x, y) in (&mut left).zip(&mut right) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x.to_f64() * y.to_f64();
        }
    }
    let rest = left.remainder().iter().zip(right.remainder());
    for (sum, (x, y)) in sums.iter_mut().zip(rest) {
        *sum += x.to_f64() * y.to_f64();
    }
    sums.iter().sum()
}

/// Euclidean norm, safe against overflow of the squares.
pub(crate) fn norm<T: Float>(x: &[T]) -> f64 {
    let squares = dot(x, x);
    if squares.is_finite() && (squares >= f64::MIN_POSITIVE || squares == 0.0 && all_zero(x)) {
        return squares.sqrt();
    }
    let most = x.iter().map(|x| x.to_f64().abs()).fold(0.0, f64::max);
    most * x
        .iter()
        .map(|x| (x.to_f64() / most).powi(2))
        .sum::<f64>()
        .sqrt()
}

fn all_zero<T: Float>(x: &[T]) -> bool {
    x.iter().all(|x| *x == T::ZERO)
}

/// Sum of absolute values.
pub(crate) fn absolute_sum<T: Float>(x: &[T]) -> f64 {
    x.iter().map(|x| x.to_f64().abs()).sum()
}

/// −1, 0 or 1.
pub(crate) fn sign<T: Float>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        T::ZERO
    }
}

/// `x / y`, zero where `y` is zero.
pub(crate) fn ratio<T: Float>(x: T, y: T) -> T {
    if y == T::ZERO { T::ZERO } else { x / y }
}
