//! The element types decompositions are compiled for.

use tensegrity_linalg::Field;
use tensegrity_tensor::{Scalar, Tensor, View, c64, c128};

use crate::cp::{CpOptions, CpTensor};
use crate::input::Measured;
use crate::tt::{TtOptions, TtTensor};
use crate::tucker::{HooiOptions, TuckerOptions, TuckerTensor};
use crate::{Decomposed, Result, Tol};

/// An element type decompositions are compiled for: `f32`, `f64`, [`c64`] or
/// [`c128`].
///
/// Sealed. The algorithms are compiled once per type in this crate; calling
/// them from generic code compiles nothing again.
pub trait Entry: Field + hooks::Hooks {
    /// The double-precision type that holds this one exactly.
    #[doc(hidden)]
    type Wide: Entry;
    #[doc(hidden)]
    fn widen(self) -> Self::Wide;
    #[doc(hidden)]
    fn narrow(wide: Self::Wide) -> Self;
}

impl Entry for f32 {
    type Wide = f64;
    fn widen(self) -> f64 {
        f64::from(self)
    }
    fn narrow(wide: f64) -> Self {
        wide as f32
    }
}

impl Entry for f64 {
    type Wide = f64;
    fn widen(self) -> f64 {
        self
    }
    fn narrow(wide: f64) -> Self {
        wide
    }
}

impl Entry for c64 {
    type Wide = c128;
    fn widen(self) -> c128 {
        c128::from_f64(f64::from(self.re), f64::from(self.im))
    }
    fn narrow(wide: c128) -> Self {
        c64::from_f64(wide.re, wide.im)
    }
}

impl Entry for c128 {
    type Wide = c128;
    fn widen(self) -> c128 {
        self
    }
    fn narrow(wide: c128) -> Self {
        wide
    }
}

pub(crate) mod hooks {
    use super::*;

    macro_rules! hooks {
        ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty => $path:path;)*) => {
            /// Entry points of the code compiled for one type.
            #[allow(private_interfaces, missing_docs)]
            pub trait Hooks: Sized {
                $(#[doc(hidden)] fn $name($($argument: $type),*) -> $result;)*
            }

            hooks!(@for f32 $($name($($argument: $type),*) -> $result => $path;)*);
            hooks!(@for f64 $($name($($argument: $type),*) -> $result => $path;)*);
            hooks!(@for c64 $($name($($argument: $type),*) -> $result => $path;)*);
            hooks!(@for c128 $($name($($argument: $type),*) -> $result => $path;)*);
        };
        (@for $for:ident $($name:ident($($argument:ident: $type:ty),*) -> $result:ty => $path:path;)*) => {
            #[allow(private_interfaces)]
            impl Hooks for $for {
                $(fn $name($($argument: $type),*) -> $result { $path($($argument),*) })*
            }
        };
    }

    hooks! {
        measure(elements: &[Self]) -> Measured => crate::input::measure;
        residual(x: &View<'_, Self>, a: &View<'_, Self>, b: &View<'_, Self>)
            -> Result<f64> => crate::residual::squared;
        hosvd(x: &View<'_, Self>, tol: &Tol, options: &TuckerOptions)
            -> Result<Decomposed<TuckerTensor<Self>>> => crate::tucker::hosvd::run;
        st_hosvd(x: &View<'_, Self>, tol: &Tol, options: &TuckerOptions)
            -> Result<Decomposed<TuckerTensor<Self>>> => crate::tucker::st_hosvd::run;
        hooi(x: &View<'_, Self>, ranks: &[usize], options: &HooiOptions)
            -> Result<Decomposed<TuckerTensor<Self>>> => crate::tucker::hooi::run;
        tt_svd(x: &View<'_, Self>, tol: &Tol, options: &TtOptions)
            -> Result<Decomposed<TtTensor<Self>>> => crate::tt::svd::run;
        tt_expand(tt: &TtTensor<Self>) -> Result<Tensor<Self>> => crate::tt::expand::run;
        cp_als(x: &View<'_, Self>, rank: usize, options: &CpOptions<Self>)
            -> Result<Decomposed<CpTensor<Self>>> => crate::cp::als::run;
    }
}
