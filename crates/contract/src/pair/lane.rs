//! SIMD vectors of each element type.

use pulp::{MemMask, Simd};
use tensegrity_tensor::{Element, c64, c128};

/// An element type with SIMD vectors.
///
/// All methods are inlined into a function compiled for the instruction set of
/// `S`; called outside of one they are correct and slow.
pub trait Lane: Element {
    /// A vector.
    type V<S: Simd>: Copy;
    /// Elements of a vector.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::V<S>>() / size_of::<Self>()
    }
    fn splat<S: Simd>(simd: S, value: Self) -> Self::V<S>;
    fn vadd<S: Simd>(simd: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    /// x·y + z
    fn mul_add<S: Simd>(simd: S, x: Self::V<S>, y: Self::V<S>, z: Self::V<S>) -> Self::V<S>;
    fn sum<S: Simd>(simd: S, x: Self::V<S>) -> Self;
    /// The first `count` elements of a vector, zeros behind.
    ///
    /// # Safety
    /// `count` elements are readable; `count` is at most the lanes.
    unsafe fn load_part<S: Simd>(simd: S, from: *const Self, count: usize) -> Self::V<S>;
    /// # Safety
    /// `count` elements are writable; `count` is at most the lanes.
    unsafe fn store_part<S: Simd>(simd: S, to: *mut Self, count: usize, value: Self::V<S>);
    /// # Safety
    /// A vector is readable.
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> Self::V<S> {
        // SAFETY: the caller's.
        unsafe { from.cast::<Self::V<S>>().read_unaligned() }
    }
    /// # Safety
    /// A vector is writable.
    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, value: Self::V<S>) {
        // SAFETY: the caller's.
        unsafe { to.cast::<Self::V<S>>().write_unaligned(value) };
    }
}

// Masks made by `mask_between` carry a routine that is called for each access;
// made anew from their bits they become single masked instructions.
macro_rules! lane {
    ($type:ty, $vector:ident, $splat:ident, $add:ident, $mul_add:ident, $sum:ident, $mask:ident, $word:ty, $load:ident, $store:ident) => {
        impl Lane for $type {
            type V<S: Simd> = S::$vector;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn vadd<S: Simd>(simd: S, x: S::$vector, y: S::$vector) -> S::$vector {
                simd.$add(x, y)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                x: S::$vector,
                y: S::$vector,
                z: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(x, y, z)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, x: S::$vector) -> Self {
                simd.$sum(x)
            }
            #[inline(always)]
            unsafe fn load_part<S: Simd>(simd: S, from: *const Self, count: usize) -> S::$vector {
                let words = count * (size_of::<Self>() / size_of::<$word>());
                let mask = MemMask::new(simd.$mask(0, words as $word).mask());
                // SAFETY: the caller's; masked lanes are not read.
                unsafe { simd.$load(mask, from) }
            }
            #[inline(always)]
            unsafe fn store_part<S: Simd>(simd: S, to: *mut Self, count: usize, value: S::$vector) {
                let words = count * (size_of::<Self>() / size_of::<$word>());
                let mask = MemMask::new(simd.$mask(0, words as $word).mask());
                // SAFETY: the caller's; masked lanes are not written.
                unsafe { simd.$store(mask, to, value) };
            }
        }
    };
}

lane!(
    f32,
    f32s,
    splat_f32s,
    add_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s,
    mask_between_m32s,
    u32,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s
);
lane!(
    f64,
    f64s,
    splat_f64s,
    add_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s,
    mask_between_m64s,
    u64,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s
);
lane!(
    c64,
    c32s,
    splat_c32s,
    add_c32s,
    mul_add_e_c32s,
    reduce_sum_c32s,
    mask_between_m32s,
    u32,
    mask_load_ptr_c32s,
    mask_store_ptr_c32s
);
lane!(
    c128,
    c64s,
    splat_c64s,
    add_c64s,
    mul_add_e_c64s,
    reduce_sum_c64s,
    mask_between_m64s,
    u64,
    mask_load_ptr_c64s,
    mask_store_ptr_c64s
);
impl Lane for i64 {
    type V<S: Simd> = S::i64s;
    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::i64s {
        simd.splat_i64s(value)
    }
    #[inline(always)]
    fn vadd<S: Simd>(simd: S, x: S::i64s, y: S::i64s) -> S::i64s {
        simd.add_i64s(x, y)
    }
    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, x: S::i64s, y: S::i64s, z: S::i64s) -> S::i64s {
        simd.add_i64s(simd.mul_i64s(x, y), z)
    }
    #[inline(always)]
    fn sum<S: Simd>(_: S, x: S::i64s) -> Self {
        let lanes: &[i64] = pulp::bytemuck::cast_slice(std::slice::from_ref(&x));
        lanes.iter().fold(0, |sum, &lane| sum.wrapping_add(lane))
    }
    #[inline(always)]
    unsafe fn load_part<S: Simd>(simd: S, from: *const Self, count: usize) -> S::i64s {
        let mask = MemMask::new(simd.mask_between_m64s(0, count as u64).mask());
        // SAFETY: the caller's; masked lanes are not read.
        unsafe { simd.mask_load_ptr_i64s(mask, from) }
    }
    #[inline(always)]
    unsafe fn store_part<S: Simd>(simd: S, to: *mut Self, count: usize, value: S::i64s) {
        let mask = MemMask::new(simd.mask_between_m64s(0, count as u64).mask());
        // SAFETY: the caller's; masked lanes are not written.
        unsafe { simd.mask_store_ptr_i64s(mask, to, value) };
    }
}
