//! Elements as bytes: of every NumPy type, either byte order, row- or
//! column-major, to and from the compute types.

use std::io::{self, Read, Write};

use bytemuck::{Pod, Zeroable};
use half::{bf16, f16};

use super::fault::{FileErrorKind, corrupt, fault, truncated, unreadable};
use super::input::allocate;
use crate::{Array, DType, Element, Result, Tensor, c64, c128, element_count};

/// Elements converted at a time; their bytes stay in the first-level cache.
const CHUNK: usize = 4096;

/// Most axes an array in a file may have: NumPy's limit before version 2.
pub const MAX_FILE_AXES: usize = 32;

/// How the elements of one array lie in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub dtype: DType,
    pub big_endian: bool,
    pub fortran: bool,
    pub shape: Vec<usize>,
}

impl Layout {
    pub(super) fn little(dtype: DType, shape: Vec<usize>) -> Self {
        Self {
            dtype,
            big_endian: false,
            fortran: false,
            shape,
        }
    }

    /// Bytes of all elements.
    pub(super) fn bytes(&self, place: &str) -> Result<u64> {
        byte_count(&self.shape, self.dtype, place)
    }
}

/// Bytes of an array, or an error that names what is too large.
pub(super) fn byte_count(shape: &[usize], dtype: DType, place: &str) -> Result<u64> {
    if shape.len() > MAX_FILE_AXES {
        return Err(fault(
            FileErrorKind::Unsupported,
            place,
            format!(
                "{} axes are more than the {MAX_FILE_AXES} an array in a file may have",
                shape.len()
            ),
            "merge axes with a reshape",
        ));
    }
    let overflow = || {
        corrupt(
            place,
            format!("shape {shape:?} has more elements than any memory holds"),
        )
    };
    let count = element_count(shape).map_err(|_| overflow())?;
    (count as u64)
        .checked_mul(dtype.size() as u64)
        .filter(|&bytes| bytes <= isize::MAX as u64)
        .ok_or_else(overflow)
}

/// Reads one array. The caller has checked that its bytes can be there.
///
/// Compute types are read straight into the memory of the result. Integers,
/// booleans and half floats are widened in chunks. Column-major data are
/// permuted once, which is the only further copy.
pub(super) fn read_array(source: &mut dyn Read, layout: &Layout, exact: bool) -> Result<Array> {
    let count = element_count(&layout.shape)?;
    let big = layout.big_endian;
    match layout.dtype {
        DType::F32 => finish(layout, native::<f32>(source, count, 4, big)?),
        DType::F64 => finish(layout, native::<f64>(source, count, 8, big)?),
        DType::C64 => finish(layout, native::<c64>(source, count, 4, big)?),
        DType::C128 => finish(layout, native::<c128>(source, count, 8, big)?),
        dtype if exact && dtype.is_integer() => finish(layout, integers(source, count, layout)?),
        DType::Bool => widen(source, layout, |[byte]| f32::from(u8::from(byte != 0))),
        DType::U8 => widen(source, layout, |[byte]| f32::from(byte)),
        DType::I8 => widen(source, layout, |b| f32::from(i8::from_le_bytes(b))),
        DType::U16 => widen(source, layout, |b| f32::from(u16::from_le_bytes(b))),
        DType::I16 => widen(source, layout, |b| f32::from(i16::from_le_bytes(b))),
        DType::F16 => widen(source, layout, |b| f16::from_le_bytes(b).to_f32()),
        DType::BF16 => widen(source, layout, |b| bf16::from_le_bytes(b).to_f32()),
        DType::U32 => widen(source, layout, |b| f64::from(u32::from_le_bytes(b))),
        DType::I32 => widen(source, layout, |b| f64::from(i32::from_le_bytes(b))),
        DType::U64 => widen(source, layout, |b| u64::from_le_bytes(b) as f64),
        DType::I64 => widen(source, layout, |b| i64::from_le_bytes(b) as f64),
    }
}

fn integers(source: &mut dyn Read, count: usize, layout: &Layout) -> Result<Vec<i64>> {
    let big = layout.big_endian;
    match layout.dtype {
        DType::Bool => chunks(source, count, big, |[b]: [u8; 1]| i64::from(b != 0)),
        DType::U8 => chunks(source, count, big, |[b]: [u8; 1]| i64::from(b)),
        DType::I8 => chunks(source, count, big, |b| i64::from(i8::from_le_bytes(b))),
        DType::U16 => chunks(source, count, big, |b| i64::from(u16::from_le_bytes(b))),
        DType::I16 => chunks(source, count, big, |b| i64::from(i16::from_le_bytes(b))),
        DType::U32 => chunks(source, count, big, |b| i64::from(u32::from_le_bytes(b))),
        DType::I32 => chunks(source, count, big, |b| i64::from(i32::from_le_bytes(b))),
        _ => {
            let data = native::<i64>(source, count, 8, big)?;
            match data.iter().position(|&value| value < 0) {
                Some(element) if layout.dtype == DType::U64 => Err(fault(
                    FileErrorKind::Unsupported,
                    format!("element {element}"),
                    format!("{} does not fit int64", data[element] as u64),
                    "save the array as int64 or float64",
                )),
                _ => Ok(data),
            }
        }
    }
}

/// Reads elements whose bytes are those of `T`, in words of `word` bytes.
fn native<T: Pod>(source: &mut dyn Read, count: usize, word: usize, big: bool) -> Result<Vec<T>> {
    let mut data = allocate::<T>(count)?;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut data);
    fill(source, bytes, 0, count * size_of::<T>())?;
    if big != cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
    }
    Ok(data)
}

fn widen<const N: usize, T: Element + Zeroable>(
    source: &mut dyn Read,
    layout: &Layout,
    convert: impl Fn([u8; N]) -> T,
) -> Result<Array> {
    let count = element_count(&layout.shape)?;
    finish(layout, chunks(source, count, layout.big_endian, convert)?)
}

/// Reads elements of `N` bytes; `convert` gets them in little-endian order.
fn chunks<const N: usize, T: Zeroable>(
    source: &mut dyn Read,
    count: usize,
    big: bool,
    convert: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let mut data = allocate::<T>(count)?;
    let mut buffer = vec![0; CHUNK.min(count) * N];
    for (index, target) in data.chunks_mut(CHUNK).enumerate() {
        let bytes = &mut buffer[..target.len() * N];
        fill(source, bytes, index * CHUNK * N, count * N)?;
        for (value, element) in target.iter_mut().zip(bytes.as_chunks::<N>().0) {
            let mut element = *element;
            if big {
                element.reverse();
            }
            *value = convert(element);
        }
    }
    Ok(data)
}

/// Fills `buffer`, which starts `done` bytes into the `total` of an array.
fn fill(source: &mut dyn Read, buffer: &mut [u8], done: usize, total: usize) -> Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => {
                let read = done + filled;
                return Err(truncated(
                    "array data",
                    format!("they end after {read} of {total} bytes"),
                ));
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable("array data", &error)),
        }
    }
    Ok(())
}

fn finish<T: Element>(layout: &Layout, data: Vec<T>) -> Result<Array> {
    if !layout.fortran || layout.shape.len() < 2 {
        return Ok(Tensor::from_vec(data, &layout.shape)?.into());
    }
    let reversed: Vec<usize> = layout.shape.iter().rev().copied().collect();
    let order: Vec<usize> = (0..layout.shape.len()).rev().collect();
    Ok(Tensor::from_vec(data, &reversed)?.permuted(&order)?.into())
}

/// Decodes little-endian row-major elements of `dtype`.
///
/// Integers, booleans and half floats become `f32` or `f64` as [`super::read`]
/// says, or `i64` if `exact` and they are integers or booleans.
///
/// # Errors
/// [`crate::Error::File`] if `bytes` is not exactly the array's, if the shape
/// overflows, or if an exact `u64` does not fit `i64`.
pub fn decode(bytes: &[u8], dtype: DType, shape: &[usize], exact: bool) -> Result<Array> {
    let expected = byte_count(shape, dtype, "")?;
    if bytes.len() as u64 != expected {
        return Err(corrupt(
            "",
            format!(
                "{} bytes do not fill shape {shape:?} of {dtype} ({expected} bytes)",
                bytes.len()
            ),
        ));
    }
    let mut source = bytes;
    read_array(&mut source, &Layout::little(dtype, shape.to_vec()), exact)
}

/// Encodes `array` as little-endian row-major elements of `dtype`.
///
/// To integers values are rounded (ties to even) and clipped to the range of
/// the type; to narrower floats they are rounded.
///
/// # Errors
/// [`crate::Error::File`] if complex values should become real or NaN an integer.
pub fn encode(array: &Array, dtype: DType) -> Result<Vec<u8>> {
    check_conversion(array, dtype)?;
    let mut bytes = Vec::with_capacity(array.len() * dtype.size());
    write_elements(&mut bytes, array, dtype).map_err(|error| unreadable("", &error))?;
    Ok(bytes)
}

/// Whether every element of `array` has a value as `dtype`.
pub(super) fn check_conversion(array: &Array, dtype: DType) -> Result<()> {
    if array.dtype().is_complex() && !dtype.is_complex() {
        return Err(fault(
            FileErrorKind::Unsupported,
            "",
            format!("{} elements cannot be stored as {dtype}", array.dtype()),
            "store the real part, the imaginary part or the absolute value",
        ));
    }
    if !dtype.is_integer() {
        return Ok(());
    }
    let nan = match array {
        Array::F32(tensor) => tensor.as_slice().iter().position(|x| x.is_nan()),
        Array::F64(tensor) => tensor.as_slice().iter().position(|x| x.is_nan()),
        _ => None,
    };
    match nan {
        Some(flat) => Err(fault(
            FileErrorKind::Unsupported,
            format!("index {:?}", unravel(flat, array.shape())),
            format!("NaN cannot be stored as {dtype}"),
            "store floats, or replace the NaN first",
        )),
        None => Ok(()),
    }
}

/// Writes the elements; [`check_conversion`] has passed.
pub(super) fn write_elements(
    target: &mut dyn Write,
    array: &Array,
    dtype: DType,
) -> io::Result<()> {
    if array.dtype() == dtype && cfg!(target_endian = "little") {
        return target.write_all(native_bytes(array));
    }
    match array {
        Array::F32(t) => convert(target, t, |part, out| {
            real(part.iter().map(|&x| f64::from(x)), dtype, out);
        }),
        Array::F64(t) => convert(target, t, |part, out| {
            real(part.iter().copied(), dtype, out);
        }),
        Array::I64(t) => convert(target, t, |part, out| {
            integer(part.iter().copied(), dtype, out);
        }),
        Array::C64(t) => convert(target, t, |part, out| {
            let pairs = part.iter().map(|z| (f64::from(z.re), f64::from(z.im)));
            complex(pairs, dtype, out);
        }),
        Array::C128(t) => convert(target, t, |part, out| {
            complex(part.iter().map(|z| (z.re, z.im)), dtype, out);
        }),
    }
}

fn native_bytes(array: &Array) -> &[u8] {
    match array {
        Array::F32(t) => bytemuck::cast_slice(t.as_slice()),
        Array::F64(t) => bytemuck::cast_slice(t.as_slice()),
        Array::C64(t) => bytemuck::cast_slice(t.as_slice()),
        Array::C128(t) => bytemuck::cast_slice(t.as_slice()),
        Array::I64(t) => bytemuck::cast_slice(t.as_slice()),
    }
}

fn convert<T: Element>(
    target: &mut dyn Write,
    tensor: &Tensor<T>,
    put: impl Fn(&[T], &mut Vec<u8>),
) -> io::Result<()> {
    let mut out = Vec::new();
    for part in tensor.as_slice().chunks(CHUNK) {
        out.clear();
        put(part, &mut out);
        target.write_all(&out)?;
    }
    Ok(())
}

/// Appends the little-endian bytes of every value.
fn put<const N: usize>(bytes: impl Iterator<Item = [u8; N]>, out: &mut Vec<u8>) {
    for element in bytes {
        out.extend_from_slice(&element);
    }
}

/// Casting a float to an integer with `as` clips to the range of the integer.
fn real(values: impl Iterator<Item = f64>, dtype: DType, out: &mut Vec<u8>) {
    let rounded = |x: f64| x.round_ties_even();
    match dtype {
        DType::Bool => put(values.map(|x| [u8::from(rounded(x) != 0.0)]), out),
        DType::I8 => put(values.map(|x| (rounded(x) as i8).to_le_bytes()), out),
        DType::I16 => put(values.map(|x| (rounded(x) as i16).to_le_bytes()), out),
        DType::I32 => put(values.map(|x| (rounded(x) as i32).to_le_bytes()), out),
        DType::I64 => put(values.map(|x| (rounded(x) as i64).to_le_bytes()), out),
        DType::U8 => put(values.map(|x| [rounded(x) as u8]), out),
        DType::U16 => put(values.map(|x| (rounded(x) as u16).to_le_bytes()), out),
        DType::U32 => put(values.map(|x| (rounded(x) as u32).to_le_bytes()), out),
        DType::U64 => put(values.map(|x| (rounded(x) as u64).to_le_bytes()), out),
        DType::F16 => put(values.map(|x| f16::from_f64(x).to_le_bytes()), out),
        DType::BF16 => put(values.map(|x| bf16::from_f64(x).to_le_bytes()), out),
        DType::F32 => put(values.map(|x| (x as f32).to_le_bytes()), out),
        DType::F64 => put(values.map(f64::to_le_bytes), out),
        DType::C64 | DType::C128 => complex(values.map(|x| (x, 0.0)), dtype, out),
    }
}

fn integer(values: impl Iterator<Item = i64>, dtype: DType, out: &mut Vec<u8>) {
    match dtype {
        DType::Bool => put(values.map(|x| [u8::from(x != 0)]), out),
        DType::I8 => put(values.map(|x| [x.clamp(-128, 127) as u8]), out),
        DType::I16 => put(
            values.map(|x| (x.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes()),
            out,
        ),
        DType::I32 => put(
            values.map(|x| (x.clamp(i32::MIN.into(), i32::MAX.into()) as i32).to_le_bytes()),
            out,
        ),
        DType::I64 => put(values.map(i64::to_le_bytes), out),
        DType::U8 => put(values.map(|x| [x.clamp(0, 255) as u8]), out),
        DType::U16 => put(
            values.map(|x| (x.clamp(0, u16::MAX.into()) as u16).to_le_bytes()),
            out,
        ),
        DType::U32 => put(
            values.map(|x| (x.clamp(0, u32::MAX.into()) as u32).to_le_bytes()),
            out,
        ),
        DType::U64 => put(values.map(|x| (x.max(0) as u64).to_le_bytes()), out),
        // Once, not through `f64`: two roundings are not one.
        DType::F32 => put(values.map(|x| (x as f32).to_le_bytes()), out),
        _ => real(values.map(|x| x as f64), dtype, out),
    }
}

fn complex(values: impl Iterator<Item = (f64, f64)>, dtype: DType, out: &mut Vec<u8>) {
    for (re, im) in values {
        if dtype == DType::C64 {
            out.extend_from_slice(&(re as f32).to_le_bytes());
            out.extend_from_slice(&(im as f32).to_le_bytes());
        } else {
            out.extend_from_slice(&re.to_le_bytes());
            out.extend_from_slice(&im.to_le_bytes());
        }
    }
}

/// The index tuple of a row-major position.
pub(super) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &length) in index.iter_mut().zip(shape).rev() {
        *i = flat % length.max(1);
        flat /= length.max(1);
    }
    index
}

/// Index of the first element that is NaN or infinite, in row-major order.
#[must_use]
pub fn first_non_finite(array: &Array) -> Option<Vec<usize>> {
    let flat = match array {
        Array::F32(t) => t.first_non_finite(),
        Array::F64(t) => t.first_non_finite(),
        Array::C64(t) => t.first_non_finite(),
        Array::C128(t) => t.first_non_finite(),
        Array::I64(_) => None,
    };
    flat.map(|flat| unravel(flat, array.shape()))
}
