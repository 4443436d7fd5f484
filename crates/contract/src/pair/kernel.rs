//! What an element type must offer to be contracted.

use tensegrity_linalg as linalg;
use tensegrity_tensor::{View, ViewMut, c64, c128};

use super::lane::Lane;

/// An element type kernels are compiled for. Sealed through `Element`.
pub trait Kernel: Lane {
    /// c = a·b + (c if `accumulate`), matrices of any strides.
    ///
    /// Only called for types the machine model says have a library kernel.
    fn gemm(a: &View<'_, Self>, b: &View<'_, Self>, accumulate: bool, c: &mut ViewMut<'_, Self>);

    /// As [`Kernel::gemm`] with a leading batch axis.
    fn gemm_batched(
        a: &View<'_, Self>,
        b: &View<'_, Self>,
        accumulate: bool,
        c: &mut ViewMut<'_, Self>,
    );
}

macro_rules! library {
    ($type:ty) => {
        impl Kernel for $type {
            fn gemm(
                a: &View<'_, Self>,
                b: &View<'_, Self>,
                accumulate: bool,
                c: &mut ViewMut<'_, Self>,
            ) {
                let keep = Self::from(if accumulate { 1.0 } else { 0.0 });
                linalg::gemm(Self::from(1.0), a, b, keep, c).expect("shapes of one contraction");
            }

            fn gemm_batched(
                a: &View<'_, Self>,
                b: &View<'_, Self>,
                accumulate: bool,
                c: &mut ViewMut<'_, Self>,
            ) {
                let keep = Self::from(if accumulate { 1.0 } else { 0.0 });
                linalg::gemm_batched(Self::from(1.0), a, b, keep, c)
                    .expect("shapes of one contraction");
            }
        }
    };
}

library!(f32);
library!(f64);
library!(c64);
library!(c128);

impl Kernel for i64 {
    fn gemm(_: &View<'_, Self>, _: &View<'_, Self>, _: bool, _: &mut ViewMut<'_, Self>) {
        unreachable!("integers have no library kernel");
    }

    fn gemm_batched(_: &View<'_, Self>, _: &View<'_, Self>, _: bool, _: &mut ViewMut<'_, Self>) {
        unreachable!("integers have no library kernel");
    }
}
