//! Numbers stored one by one in an ordinary element type.

use std::io::Write;

use half::{bf16, f16};
use tensegrity_tensor::{Array, DType, Scalar, Tensor, c64, c128};

use crate::{Error, Result};

/// An array and the element type it is stored in.
///
/// The array is shared with whoever it came from: a plain node of a large
/// array costs no memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    array: Array,
    stored: DType,
}

impl Plain {
    /// `array`, to be stored as `stored`.
    ///
    /// Integers are stored rounded and clamped to the range of the type,
    /// `int64` and `uint64` through `f64` unless the array itself is of integers.
    ///
    /// # Errors
    /// [`Error::Layout`] if one of the two is complex and the other is not.
    pub fn new(array: Array, stored: DType) -> Result<Self> {
        if array.dtype().is_complex() != stored.is_complex() {
            return Err(Error::Layout {
                reason: format!("{} cannot be stored as {stored}", array.dtype()),
            });
        }
        Ok(Self { array, stored })
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// The element type stored.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.stored
    }

    /// Bytes stored.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.array.len() * self.stored.size()
    }

    /// safetensors' name of the stored type; complex numbers are pairs.
    pub(crate) fn member_dtype(&self) -> &'static str {
        safetensors_name(self.stored)
    }

    /// Shape of the stored member.
    pub(crate) fn member_shape(&self) -> Vec<usize> {
        let mut shape = self.shape().to_vec();
        if self.stored.is_complex() {
            shape.push(2);
        }
        shape
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        #[allow(unreachable_patterns)]
        match &self.array {
            Array::F32(t) => write_each(out, self.stored, t.as_slice(), |x| (f64::from(x), 0.0)),
            Array::F64(t) => write_each(out, self.stored, t.as_slice(), |x| (x, 0.0)),
            Array::C64(t) => write_each(out, self.stored, t.as_slice(), |z: c64| {
                (z.re.into(), z.im.into())
            }),
            Array::C128(t) => write_each(out, self.stored, t.as_slice(), |z: c128| (z.re, z.im)),
            Array::I64(t) if self.stored == DType::I64 => t
                .as_slice()
                .iter()
                .try_for_each(|x| out.write_all(&x.to_le_bytes())),
            Array::I64(t) => write_each(out, self.stored, t.as_slice(), |x| (x as f64, 0.0)),
            _ => unreachable!("every variant of Array is listed"),
        }
    }

    /// Numbers of a member: `bytes` in the stored type `dtype`.
    pub(crate) fn parse(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        let array = match dtype {
            DType::C64 => Array::from(read_each(bytes, shape, |b: [u8; 8]| {
                let [r0, r1, r2, r3, i0, i1, i2, i3] = b;
                c64::new(
                    f32::from_le_bytes([r0, r1, r2, r3]),
                    f32::from_le_bytes([i0, i1, i2, i3]),
                )
            })?),
            DType::C128 => Array::from(read_each(bytes, shape, |b: [u8; 16]| {
                let (re, im) = b.split_at(8);
                let part = |half: &[u8]| f64::from_le_bytes(half.try_into().expect("eight bytes"));
                c128::new(part(re), part(im))
            })?),
            DType::F64 => Array::from(read_each(bytes, shape, f64::from_le_bytes)?),
            DType::F32 => Array::from(read_each(bytes, shape, f32::from_le_bytes)?),
            DType::F16 => Array::from(read_each(bytes, shape, |b| f16::from_le_bytes(b).to_f32())?),
            DType::BF16 => Array::from(read_each(bytes, shape, |b| {
                bf16::from_le_bytes(b).to_f32()
            })?),
            DType::U8 | DType::Bool => {
                Array::from(read_each(bytes, shape, |[b]: [u8; 1]| f32::from(b))?)
            }
            DType::I8 => Array::from(read_each(bytes, shape, |b| {
                f32::from(i8::from_le_bytes(b))
            })?),
            DType::U16 => Array::from(read_each(bytes, shape, |b| {
                f32::from(u16::from_le_bytes(b))
            })?),
            DType::I16 => Array::from(read_each(bytes, shape, |b| {
                f32::from(i16::from_le_bytes(b))
            })?),
            DType::U32 => Array::from(read_each(bytes, shape, |b| {
                f64::from(u32::from_le_bytes(b))
            })?),
            DType::I32 => Array::from(read_each(bytes, shape, |b| {
                f64::from(i32::from_le_bytes(b))
            })?),
            DType::U64 => Array::from(read_each(bytes, shape, |b| u64::from_le_bytes(b) as f64)?),
            DType::I64 => Array::from(read_each(bytes, shape, |b| i64::from_le_bytes(b) as f64)?),
            _ => return Err(Error::damaged(format!("numbers of type {dtype}"))),
        };
        Ok(Self {
            array,
            stored: dtype,
        })
    }

    /// The numbers as a reader of the file will see them.
    pub(crate) fn values<T: Scalar>(&self) -> Tensor<T> {
        let stored = self.stored;
        // What is stored as it is needs no copy.
        if stored == self.array.dtype()
            && let Ok(same) = self.array.typed::<T>()
        {
            return same.clone();
        }
        #[allow(unreachable_patterns)]
        match &self.array {
            Array::F32(t) => t.map(|x| T::from_f64(rounded(stored, x.into()), 0.0)),
            Array::F64(t) => t.map(|x| T::from_f64(rounded(stored, x), 0.0)),
            Array::I64(t) => t.map(|x| T::from_f64(rounded(stored, x as f64), 0.0)),
            Array::C64(t) => {
                t.map(|z| T::from_f64(rounded(stored, z.re.into()), rounded(stored, z.im.into())))
            }
            Array::C128(t) => t.map(|z| T::from_f64(rounded(stored, z.re), rounded(stored, z.im))),
            _ => unreachable!("every variant of Array is listed"),
        }
    }
}

/// The dtype of a member that holds `dtype`.
pub(crate) fn safetensors_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "BOOL",
        DType::I8 => "I8",
        DType::I16 => "I16",
        DType::I32 => "I32",
        DType::I64 => "I64",
        DType::U8 => "U8",
        DType::U16 => "U16",
        DType::U32 => "U32",
        DType::U64 => "U64",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::F32 | DType::C64 => "F32",
        _ => "F64",
    }
}

/// `value` after a round trip through `dtype`.
fn rounded(dtype: DType, value: f64) -> f64 {
    let integer = |low: f64, high: f64| value.round().clamp(low, high);
    match dtype {
        DType::Bool => integer(0.0, 1.0),
        DType::I8 => integer(-128.0, 127.0),
        DType::U8 => integer(0.0, 255.0),
        DType::I16 => integer(-32768.0, 32767.0),
        DType::U16 => integer(0.0, 65535.0),
        DType::I32 => integer(f64::from(i32::MIN), f64::from(i32::MAX)),
        DType::U32 => integer(0.0, f64::from(u32::MAX)),
        DType::I64 => value.round() as i64 as f64,
        DType::U64 => value.round() as u64 as f64,
        DType::F16 => f16::from_f64(value).to_f64(),
        DType::BF16 => bf16::from_f64(value).to_f64(),
        DType::F32 | DType::C64 => f64::from(value as f32),
        _ => value,
    }
}

fn write_each<T: Copy>(
    out: &mut impl Write,
    dtype: DType,
    values: &[T],
    parts: impl Fn(T) -> (f64, f64),
) -> std::io::Result<()> {
    for &value in values {
        let (re, im) = parts(value);
        let kept = rounded(dtype, re);
        match dtype {
            DType::Bool | DType::U8 => out.write_all(&[kept as u8])?,
            DType::I8 => out.write_all(&(kept as i8).to_le_bytes())?,
            DType::I16 => out.write_all(&(kept as i16).to_le_bytes())?,
            DType::U16 => out.write_all(&(kept as u16).to_le_bytes())?,
            DType::I32 => out.write_all(&(kept as i32).to_le_bytes())?,
            DType::U32 => out.write_all(&(kept as u32).to_le_bytes())?,
            DType::I64 => out.write_all(&(kept as i64).to_le_bytes())?,
            DType::U64 => out.write_all(&(kept as u64).to_le_bytes())?,
            DType::F16 => out.write_all(&f16::from_f64(kept).to_le_bytes())?,
            DType::BF16 => out.write_all(&bf16::from_f64(kept).to_le_bytes())?,
            DType::F32 => out.write_all(&(kept as f32).to_le_bytes())?,
            DType::C64 => {
                out.write_all(&(re as f32).to_le_bytes())?;
                out.write_all(&(im as f32).to_le_bytes())?;
            }
            DType::C128 => {
                out.write_all(&re.to_le_bytes())?;
                out.write_all(&im.to_le_bytes())?;
            }
            _ => out.write_all(&kept.to_le_bytes())?,
        }
    }
    Ok(())
}

fn read_each<const N: usize, T: Scalar>(
    bytes: &[u8],
    shape: &[usize],
    convert: impl Fn([u8; N]) -> T,
) -> Result<Tensor<T>> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let values = chunks.iter().map(|&chunk| convert(chunk)).collect();
    Tensor::from_vec(values, shape).map_err(|_| Error::damaged("a member does not fill its node"))
}
