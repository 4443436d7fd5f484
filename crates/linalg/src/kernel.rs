//! What the generic code of this crate needs of an element type.

use faer::traits::{ComplexField, RealField};
use pulp::Simd;
use tensegrity_tensor::{Scalar, c64, c128};

/// An element type with vector instructions, faer's factorisations and a wider
/// type for sums that need more digits.
pub(crate) trait Kernel:
    crate::Field + Scalar<Real: RealField> + ComplexField<Real = <Self as Scalar>::Real>
{
    /// Double precision of the same kind.
    type Wide: Kernel<Wide = Self::Wide>;
    /// A register of elements.
    type Lanes<S: Simd>: Copy;
    /// Exact conversion to double precision.
    fn widen(self) -> Self::Wide;
    /// Rounding from double precision.
    fn narrow(wide: Self::Wide) -> Self;
    /// The same value in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// `a·b + c`, or `conj(a)·b + c`.
    fn mul_add<S: Simd, const CONJ: bool>(
        simd: S,
        a: Self::Lanes<S>,
        b: Self::Lanes<S>,
        c: Self::Lanes<S>,
    ) -> Self::Lanes<S>;
    /// Lane by lane sum.
    fn lanes_add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// Sum over the lanes.
    fn reduce<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
}

/// The real type of an element type.
pub(crate) type RealOf<T> = <T as Scalar>::Real;

macro_rules! kernel {
    (
        $type:ty, $wide:ty, $lanes:ident, $widen:expr, $narrow:expr,
        $splat:ident, $mul_add:ident, $conj_mul_add:ident, $add:ident, $reduce:ident
    ) => {
        impl Kernel for $type {
            type Wide = $wide;
            type Lanes<S: Simd> = S::$lanes;
            #[inline(always)]
            fn widen(self) -> $wide {
                $widen(self)
            }
            #[inline(always)]
            fn narrow(wide: $wide) -> Self {
                $narrow(wide)
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$lanes {
                simd.$splat(value)
            }
            #[inline(always)]
            fn mul_add<S: Simd, const CONJ: bool>(
                simd: S,
                a: S::$lanes,
                b: S::$lanes,
                c: S::$lanes,
            ) -> S::$lanes {
                if CONJ {
                    simd.$conj_mul_add(a, b, c)
                } else {
                    simd.$mul_add(a, b, c)
                }
            }
            #[inline(always)]
            fn lanes_add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn reduce<S: Simd>(simd: S, a: S::$lanes) -> Self {
                simd.$reduce(a)
            }
        }
    };
}

kernel!(
    f32,
    f64,
    f32s,
    f64::from,
    |x| x as f32,
    splat_f32s,
    mul_add_f32s,
    mul_add_f32s,
    add_f32s,
    reduce_sum_f32s
);
kernel!(
    f64,
    f64,
    f64s,
    |x| x,
    |x| x,
    splat_f64s,
    mul_add_f64s,
    mul_add_f64s,
    add_f64s,
    reduce_sum_f64s
);
kernel!(
    c64,
    c128,
    c32s,
    |x: c64| c128::new(f64::from(x.re), f64::from(x.im)),
    |x: c128| c64::new(x.re as f32, x.im as f32),
    splat_c32s,
    mul_add_c32s,
    conj_mul_add_c32s,
    add_c32s,
    reduce_sum_c32s
);
kernel!(
    c128,
    c128,
    c64s,
    |x| x,
    |x| x,
    splat_c64s,
    mul_add_c64s,
    conj_mul_add_c64s,
    add_c64s,
    reduce_sum_c64s
);
