//! The typed micro-operations: one loop over a tile each, compiled for every
//! instruction set.

use std::mem::MaybeUninit;

use super::expr::{Binary, Unary};
use super::level::{Level, Work};
use super::{double, single};
use crate::{DType, Scalar, c64, c128};

/// Applies an operation to `length` elements.
///
/// # Safety
/// The operands the operation has are valid for reads of `length` elements of
/// its operand type, `result` for writes of its result type; `result` overlaps
/// no operand; all are aligned for their type.
pub(super) type Micro =
    unsafe fn(level: Level, operands: [*const u8; 3], result: *mut u8, length: usize);

/// # Safety
/// As [`Micro`].
unsafe fn slice<'a, T>(pointer: *const u8, length: usize) -> &'a [T] {
    // SAFETY: the caller's contract.
    unsafe { std::slice::from_raw_parts(pointer.cast(), length) }
}

/// # Safety
/// As [`Micro`].
unsafe fn slice_mut<'a, T>(pointer: *mut u8, length: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: the caller's contract.
    unsafe { std::slice::from_raw_parts_mut(pointer.cast(), length) }
}

/// A micro-operation from an expression over elements; `FUSED` is in scope.
/// With `beyond LIMIT by FUNCTION`, elements whose absolute value exceeds the
/// limit (rare) are computed again, one at a time.
macro_rules! map {
    (|$a:ident: $A:ty| -> $R:ty { $body:expr } $(beyond $limit:expr, by $exact:expr)?) => {{
        struct Map<'s> {
            a: &'s [$A],
            result: &'s mut [MaybeUninit<$R>],
        }
        impl Work for Map<'_> {
            #[inline(always)]
            fn run<const FUSED: bool>(self) {
                for (result, &$a) in self.result.iter_mut().zip(self.a) {
                    result.write($body);
                }
                $(if self.a.iter().fold(false, |found, x| found | (x.abs() > $limit)) {
                    for (result, &x) in self.result.iter_mut().zip(self.a) {
                        if x.abs() > $limit {
                            result.write($exact(x));
                        }
                    }
                })?
            }
        }
        unsafe fn micro(level: Level, operands: [*const u8; 3], result: *mut u8, length: usize) {
            // SAFETY: the caller's contract.
            let map = unsafe {
                Map { a: slice(operands[0], length), result: slice_mut(result, length) }
            };
            level.run(map);
        }
        micro as Micro
    }};
    (|$a:ident: $A:ty, $b:ident: $B:ty| -> $R:ty { $body:expr }) => {{
        struct Map<'s> {
            a: &'s [$A],
            b: &'s [$B],
            result: &'s mut [MaybeUninit<$R>],
        }
        impl Work for Map<'_> {
            #[inline(always)]
            fn run<const FUSED: bool>(self) {
                for ((result, &$a), &$b) in self.result.iter_mut().zip(self.a).zip(self.b) {
                    result.write($body);
                }
            }
        }
        unsafe fn micro(level: Level, operands: [*const u8; 3], result: *mut u8, length: usize) {
            // SAFETY: the caller's contract.
            let map = unsafe {
                Map {
                    a: slice(operands[0], length),
                    b: slice(operands[1], length),
                    result: slice_mut(result, length),
                }
            };
            level.run(map);
        }
        micro as Micro
    }};
    (|$a:ident: $A:ty, $b:ident: $B:ty, $c:ident: $C:ty| -> $R:ty { $body:expr }) => {{
        struct Map<'s> {
            a: &'s [$A],
            b: &'s [$B],
            c: &'s [$C],
            result: &'s mut [MaybeUninit<$R>],
        }
        impl Work for Map<'_> {
            #[inline(always)]
            fn run<const FUSED: bool>(self) {
                let operands = self.a.iter().zip(self.b).zip(self.c);
                for (result, ((&$a, &$b), &$c)) in self.result.iter_mut().zip(operands) {
                    result.write($body);
                }
            }
        }
        unsafe fn micro(level: Level, operands: [*const u8; 3], result: *mut u8, length: usize) {
            // SAFETY: the caller's contract.
            let map = unsafe {
                Map {
                    a: slice(operands[0], length),
                    b: slice(operands[1], length),
                    c: slice(operands[2], length),
                    result: slice_mut(result, length),
                }
            };
            level.run(map);
        }
        micro as Micro
    }};
}

macro_rules! real_unary {
    ($op:expr, $T:ident, $DTYPE:expr, $functions:ident) => {
        (
            match $op {
                Unary::Neg => map!(|x: $T| -> $T { -x }),
                Unary::Abs => map!(|x: $T| -> $T { x.abs() }),
                Unary::Abs2 => map!(|x: $T| -> $T { x * x }),
                Unary::Sqrt => map!(|x: $T| -> $T { x.sqrt() }),
                Unary::Exp => map!(|x: $T| -> $T { $functions::exp::<FUSED>(x) }),
                Unary::Log => map!(|x: $T| -> $T { $functions::log::<FUSED>(x) }),
                Unary::Tanh => map!(|x: $T| -> $T { $functions::tanh::<FUSED>(x) }),
                Unary::Sin => map!(|x: $T| -> $T { $functions::sin::<FUSED>(x) }
                    beyond $functions::TRIGONOMETRIC_LIMIT, by $T::sin),
                Unary::Cos => map!(|x: $T| -> $T { $functions::cos::<FUSED>(x) }
                    beyond $functions::TRIGONOMETRIC_LIMIT, by $T::cos),
                Unary::Sigmoid => map!(|x: $T| -> $T { $functions::sigmoid::<FUSED>(x) }),
                Unary::Relu => map!(|x: $T| -> $T { if x < 0.0 { 0.0 } else { x } }),
                // The compiler drops these for real types.
                Unary::Conj | Unary::Re | Unary::Im => return None,
            },
            $DTYPE,
        )
    };
}

/// `Re` is the type of parts, `wide` the absolute value.
macro_rules! complex_unary {
    ($op:expr, $T:ident, $DTYPE:expr, $R:ident, $REAL:expr, |$x:ident| $abs:expr) => {
        match $op {
            Unary::Neg => (map!(|x: $T| -> $T { -x }), $DTYPE),
            Unary::Abs => (map!(|$x: $T| -> $R { $abs }), $REAL),
            Unary::Abs2 => (map!(|x: $T| -> $R { x.re * x.re + x.im * x.im }), $REAL),
            Unary::Sqrt => (map!(|x: $T| -> $T { x.sqrt() }), $DTYPE),
            Unary::Exp => (map!(|x: $T| -> $T { x.exp() }), $DTYPE),
            Unary::Log => (map!(|x: $T| -> $T { x.ln() }), $DTYPE),
            Unary::Sin => (map!(|x: $T| -> $T { x.sin() }), $DTYPE),
            Unary::Cos => (map!(|x: $T| -> $T { x.cos() }), $DTYPE),
            Unary::Conj => (map!(|x: $T| -> $T { Scalar::conj(x) }), $DTYPE),
            Unary::Re => (map!(|x: $T| -> $R { x.re }), $REAL),
            Unary::Im => (map!(|x: $T| -> $R { x.im }), $REAL),
            Unary::Tanh | Unary::Sigmoid | Unary::Relu => return None,
        }
    };
}

/// The operation on one operand of type `dtype`, and the type of its result.
pub(super) fn unary(op: Unary, dtype: DType) -> Option<(Micro, DType)> {
    Some(match dtype {
        DType::F32 => real_unary!(op, f32, DType::F32, single),
        DType::F64 => real_unary!(op, f64, DType::F64, double),
        DType::C64 => complex_unary!(op, c64, DType::C64, f32, DType::F32, |x| {
            // In double precision nothing over- or underflows.
            let (re, im) = (f64::from(x.re), f64::from(x.im));
            (re * re + im * im).sqrt() as f32
        }),
        DType::C128 => complex_unary!(op, c128, DType::C128, f64, DType::F64, |x| {
            x.re.hypot(x.im)
        }),
        DType::I64 => {
            let micro = match op {
                Unary::Neg => map!(|x: i64| -> i64 { x.wrapping_neg() }),
                Unary::Abs => map!(|x: i64| -> i64 { x.wrapping_abs() }),
                Unary::Abs2 => map!(|x: i64| -> i64 { x.wrapping_mul(x) }),
                Unary::Relu => map!(|x: i64| -> i64 { x.max(0) }),
                _ => return None,
            };
            (micro, DType::I64)
        }
        _ => return None,
    })
}

macro_rules! real_binary {
    ($op:expr, $T:ident) => {
        match $op {
            Binary::Add => map!(|x: $T, y: $T| -> $T { x + y }),
            Binary::Sub => map!(|x: $T, y: $T| -> $T { x - y }),
            Binary::Mul => map!(|x: $T, y: $T| -> $T { x * y }),
            Binary::Div => map!(|x: $T, y: $T| -> $T { x / y }),
            // The second test is for NaN in the first operand.
            Binary::Min => map!(|x: $T, y: $T| -> $T { if x < y || x.is_nan() { x } else { y } }),
            Binary::Max => map!(|x: $T, y: $T| -> $T { if x > y || x.is_nan() { x } else { y } }),
            Binary::Less => map!(|x: $T, y: $T| -> $T { if x < y { 1.0 } else { 0.0 } }),
            Binary::LessEqual => map!(|x: $T, y: $T| -> $T { if x <= y { 1.0 } else { 0.0 } }),
            Binary::Equal => map!(|x: $T, y: $T| -> $T { if x == y { 1.0 } else { 0.0 } }),
        }
    };
}

macro_rules! complex_binary {
    ($op:expr, $T:ident, $DTYPE:expr) => {
        match $op {
            Binary::Add => map!(|x: $T, y: $T| -> $T { x + y }),
            Binary::Sub => map!(|x: $T, y: $T| -> $T { x - y }),
            Binary::Mul => map!(|x: $T, y: $T| -> $T { x * y }),
            Binary::Div => map!(|x: $T, y: $T| -> $T { x / y }),
            Binary::Equal => {
                map!(|x: $T, y: $T| -> $T { $T::new(if x == y { 1.0 } else { 0.0 }, 0.0) })
            }
            Binary::Min | Binary::Max | Binary::Less | Binary::LessEqual => return None,
        }
    };
}

/// The operation on two operands of type `dtype`, and the type of its result.
pub(super) fn binary(op: Binary, dtype: DType) -> Option<(Micro, DType)> {
    let micro = match dtype {
        DType::F32 => real_binary!(op, f32),
        DType::F64 => real_binary!(op, f64),
        DType::C64 => complex_binary!(op, c64, DType::C64),
        DType::C128 => complex_binary!(op, c128, DType::C128),
        DType::I64 => match op {
            Binary::Add => map!(|x: i64, y: i64| -> i64 { x.wrapping_add(y) }),
            Binary::Sub => map!(|x: i64, y: i64| -> i64 { x.wrapping_sub(y) }),
            Binary::Mul => map!(|x: i64, y: i64| -> i64 { x.wrapping_mul(y) }),
            Binary::Min => map!(|x: i64, y: i64| -> i64 { x.min(y) }),
            Binary::Max => map!(|x: i64, y: i64| -> i64 { x.max(y) }),
            Binary::Less => map!(|x: i64, y: i64| -> i64 { i64::from(x < y) }),
            Binary::LessEqual => map!(|x: i64, y: i64| -> i64 { i64::from(x <= y) }),
            Binary::Equal => map!(|x: i64, y: i64| -> i64 { i64::from(x == y) }),
            Binary::Div => return None,
        },
        _ => return None,
    };
    Some((micro, dtype))
}

/// a·b + c on operands of type `dtype`.
pub(super) fn mul_add(dtype: DType) -> Option<Micro> {
    Some(match dtype {
        DType::F32 => map!(|a: f32, b: f32, c: f32| -> f32 { a.mul_add(b, c) }),
        DType::F64 => map!(|a: f64, b: f64, c: f64| -> f64 { a.mul_add(b, c) }),
        DType::C64 => map!(|a: c64, b: c64, c: c64| -> c64 { a * b + c }),
        DType::C128 => map!(|a: c128, b: c128, c: c128| -> c128 { a * b + c }),
        DType::I64 => {
            map!(|a: i64, b: i64, c: i64| -> i64 { a.wrapping_mul(b).wrapping_add(c) })
        }
        _ => return None,
    })
}

/// a·b + c, or a·b − c, rounded twice: the two commonest neighbours in one
/// loop, which saves a pass over a tile.
pub(super) fn mul_then(op: Binary, dtype: DType) -> Option<Micro> {
    Some(match (op, dtype) {
        (Binary::Add, DType::F32) => map!(|a: f32, b: f32, c: f32| -> f32 { a * b + c }),
        (Binary::Add, DType::F64) => map!(|a: f64, b: f64, c: f64| -> f64 { a * b + c }),
        (Binary::Sub, DType::F32) => map!(|a: f32, b: f32, c: f32| -> f32 { a * b - c }),
        (Binary::Sub, DType::F64) => map!(|a: f64, b: f64, c: f64| -> f64 { a * b - c }),
        _ => return None,
    })
}

/// b where a is not zero, else c, on operands of type `dtype`.
pub(super) fn select(dtype: DType) -> Option<Micro> {
    macro_rules! select {
        ($T:ty, $zero:expr) => {
            map!(|a: $T, b: $T, c: $T| -> $T { if a != $zero { b } else { c } })
        };
    }
    Some(match dtype {
        DType::F32 => select!(f32, 0.0),
        DType::F64 => select!(f64, 0.0),
        DType::C64 => select!(c64, c64::new(0.0, 0.0)),
        DType::C128 => select!(c128, c128::new(0.0, 0.0)),
        DType::I64 => select!(i64, 0),
        _ => return None,
    })
}

/// The conversion between two different types; none from complex to real.
pub(super) fn cast(from: DType, to: DType) -> Option<Micro> {
    use DType::{C64, C128, F32, F64, I64};
    Some(match (from, to) {
        (F32, F64) => map!(|x: f32| -> f64 { f64::from(x) }),
        (F32, I64) => map!(|x: f32| -> i64 { x as i64 }),
        (F32, C64) => map!(|x: f32| -> c64 { c64::new(x, 0.0) }),
        (F32, C128) => map!(|x: f32| -> c128 { c128::new(f64::from(x), 0.0) }),
        (F64, F32) => map!(|x: f64| -> f32 { x as f32 }),
        (F64, I64) => map!(|x: f64| -> i64 { x as i64 }),
        (F64, C64) => map!(|x: f64| -> c64 { c64::new(x as f32, 0.0) }),
        (F64, C128) => map!(|x: f64| -> c128 { c128::new(x, 0.0) }),
        (I64, F32) => map!(|x: i64| -> f32 { x as f32 }),
        (I64, F64) => map!(|x: i64| -> f64 { x as f64 }),
        (I64, C64) => map!(|x: i64| -> c64 { c64::new(x as f32, 0.0) }),
        (I64, C128) => map!(|x: i64| -> c128 { c128::new(x as f64, 0.0) }),
        (C64, C128) => {
            map!(|x: c64| -> c128 { c128::new(f64::from(x.re), f64::from(x.im)) })
        }
        (C128, C64) => map!(|x: c128| -> c64 { c64::new(x.re as f32, x.im as f32) }),
        _ => return None,
    })
}
