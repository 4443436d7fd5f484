//! Element types as data.

use std::fmt;

/// The element type of an array, named as in NumPy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// One byte, zero or one.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32` (bfloat16).
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// A pair of `f32` (NumPy's `complex64`).
    C64,
    /// A pair of `f64` (NumPy's `complex128`).
    C128,
}

impl DType {
    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// NumPy's name, for example `float32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
        }
    }

    /// The inverse of [`DType::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Every element type, in declaration order.
    pub const ALL: [DType; 15] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
    ];

    /// Whether elements have an imaginary part.
    #[must_use]
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// Whether elements are integers or booleans.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            DType::Bool
                | DType::I8
                | DType::I16
                | DType::I32
                | DType::I64
                | DType::U8
                | DType::U16
                | DType::U32
                | DType::U64
        )
    }

    /// The smallest type both fit in, by NumPy's promotion table
    /// (`numpy.promote_types`; `bfloat16` with `float16` gives `float32`).
    #[must_use]
    pub fn promote(self, other: DType) -> DType {
        use DType::*;
        if self == other {
            return self;
        }
        let (low, high) = if self < other {
            (self, other)
        } else {
            (other, self)
        };
        match (low, high) {
            (Bool, high) => high,
            (I8 | I16 | I32 | I64, I8 | I16 | I32 | I64) => high,
            (U8 | U16 | U32 | U64, U8 | U16 | U32 | U64) => high,
            (signed @ (I8 | I16 | I32 | I64), unsigned) if unsigned.is_integer() => {
                match signed.size().max(2 * unsigned.size()) {
                    2 => I16,
                    4 => I32,
                    8 => I64,
                    _ => F64,
                }
            }
            (I8 | U8, F16 | BF16) => high,
            (I16 | U16, F16 | BF16) => F32,
            (I32 | U32 | I64 | U64, F16 | BF16) => F64,
            (I8 | U8 | I16 | U16, F32 | C64) => high,
            (I32 | U32 | I64 | U64, F32) => F64,
            (I32 | U32 | I64 | U64, C64) => C128,
            (F16, BF16) => F32,
            (F64, C64) => C128,
            _ => high,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::DType::{self, *};

    #[test]
    fn promotion_agrees_with_numpy() {
        // numpy.promote_types, read off NumPy 2.4.
        for (a, b, wanted) in [
            (U8, I8, I16),
            (U16, I8, I32),
            (U32, I32, I64),
            (U64, I64, F64),
            (I8, F16, F16),
            (I16, F16, F32),
            (U16, F32, F32),
            (I32, F32, F64),
            (I64, C64, C128),
            (I16, C64, C64),
            (F64, C64, C128),
            (Bool, U8, U8),
            (F16, F32, F32),
            (F16, C64, C64),
            (I32, I16, I32),
        ] {
            assert_eq!(a.promote(b), wanted, "{a} {b}");
            assert_eq!(b.promote(a), wanted, "{b} {a}");
        }
    }

    #[test]
    fn names_are_inverse() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
        }
    }
}
