//! What an element type must offer to be contracted.

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

mod linalg {
    use tensegrity_tensor::{Scalar, View, ViewMut};
    pub fn gemm<T: Scalar>(alpha: T, a: &View<'_, T>, b: &View<'_, T>, beta: T, c: &mut ViewMut<'_, T>) -> Result<(), ()> {
        let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
        let s = c.strides().to_vec();
        for i in 0..m {
            for j in 0..n {
                let mut sum = T::ZERO;
                for p in 0..k {
                    sum = sum.add(a.get(&[i, p]).map_err(|_| ())?.mul(b.get(&[p, j]).map_err(|_| ())?));
                }
                let to = unsafe { &mut *c.as_mut_ptr().offset(i as isize * s[0] + j as isize * s[1]) };
                *to = if beta == T::ZERO { alpha.mul(sum) } else { (*to).mul(beta).add(alpha.mul(sum)) };
            }
        }
        Ok(())
    }
    pub fn gemm_batched<T: Scalar>(alpha: T, a: &View<'_, T>, b: &View<'_, T>, beta: T, c: &mut ViewMut<'_, T>) -> Result<(), ()> {
        for i in 0..a.shape()[0] {
            let mut c = c.reborrow().indexed(0, i).map_err(|_| ())?;
            gemm(alpha, &a.indexed(0, i).map_err(|_| ())?, &b.indexed(0, i).map_err(|_| ())?, beta, &mut c)?;
        }
        Ok(())
    }
}
