//! One NumPy array: the npy format, versions 1, 2 and 3 (NumPy's NEP 1 and
//! `numpy.lib.format`).

use std::io::{self, Read, Write};

use super::encoding::{Layout, byte_count, read_array, write_elements};
use super::fault::{FileErrorKind, corrupt, fault, truncated, unreadable};
use super::input::{Budget, allocate, as_usize};
use super::literal::{self, Literal};
use super::{Content, Member};
use crate::{Array, DType, Error, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Longest header accepted. NumPy itself accepts 10 000 characters; only
/// structured types, which are refused anyway, need more.
const MAX_HEADER: u64 = 1 << 20;

/// The element type a header names.
#[derive(Clone, Debug, PartialEq)]
enum Descr {
    Known {
        dtype: DType,
        big_endian: bool,
    },
    /// Legal in NumPy, without a numeric meaning here.
    Other(String),
}

struct Header {
    version: u8,
    descr: Descr,
    fortran: bool,
    shape: Vec<usize>,
    /// Bytes before the data.
    length: u64,
}

/// Reads an array from a source that has `available` bytes.
pub(super) fn read(
    source: &mut dyn Read,
    available: u64,
    budget: &mut Budget,
    exact: bool,
) -> Result<Content> {
    let header = read_header(source, available)?;
    let present = available - header.length;
    let layout = header.layout()?;
    let bytes = layout.bytes("header key 'shape'")?;
    if bytes > present {
        return Err(truncated(
            "header key 'shape'",
            format!(
                "shape {:?} of {} needs {bytes} bytes, the file has {present}",
                layout.shape, layout.dtype
            ),
        ));
    }
    budget.take(bytes, "header key 'shape'")?;
    let array = read_array(source, &layout, exact)?;
    let note = (bytes < present)
        .then(|| format!("{} bytes after the array were not read", present - bytes));
    Ok(Content {
        array,
        source: layout.dtype,
        note,
    })
}

/// Reads the header only.
pub(super) fn inspect(source: &mut dyn Read, available: u64) -> Result<Member> {
    let header = read_header(source, available)?;
    let (dtype, type_name, order) = match &header.descr {
        Descr::Known { dtype, big_endian } => {
            let order = match (dtype.size(), big_endian) {
                (1, _) => "none",
                (_, true) => "big",
                (_, false) => "little",
            };
            (Some(*dtype), dtype.name().to_string(), order)
        }
        Descr::Other(text) => (None, text.clone(), "unknown"),
    };
    let present = available - header.length;
    let bytes = match dtype {
        Some(dtype) => byte_count(&header.shape, dtype, "header key 'shape'")?,
        None => present,
    };
    if bytes > present {
        return Err(truncated(
            "header key 'shape'",
            format!("the array needs {bytes} bytes, the file has {present}"),
        ));
    }
    Ok(Member {
        name: String::new(),
        dtype,
        type_name,
        shape: header.shape,
        bytes,
        stored_bytes: available,
        details: vec![
            ("npy version".into(), format!("{}.0", header.version)),
            (
                "element order".into(),
                if header.fortran {
                    "column-major"
                } else {
                    "row-major"
                }
                .into(),
            ),
            ("byte order".into(), order.into()),
        ],
    })
}

impl Header {
    fn layout(self) -> Result<Layout> {
        match self.descr {
            Descr::Known { dtype, big_endian } => Ok(Layout {
                dtype,
                big_endian,
                fortran: self.fortran,
                shape: self.shape,
            }),
            Descr::Other(text) => Err(unsupported(&text)),
        }
    }
}

fn unsupported(descr: &str) -> Error {
    let kind = descr
        .trim_start_matches(['<', '>', '|', '='])
        .chars()
        .next();
    let (problem, remedy) = match kind {
        Some('O') => (
            "the array holds pickled Python objects, which can run code when read".to_string(),
            "in Python, load it with allow_pickle=True and save numbers: \
             numpy.save(file, numpy.asarray(x, dtype=float))",
        ),
        Some('U' | 'S' | 'a' | 'T') => (
            format!("the elements are strings (descr {descr:?})"),
            "convert them to numbers before saving",
        ),
        Some('M' | 'm') => (
            format!("the elements are dates or durations (descr {descr:?})"),
            "save them as numbers: x.astype('int64')",
        ),
        Some('[' | '(') => (
            "the array has a structured element type".to_string(),
            "save each field as an array of its own, for example with numpy.savez",
        ),
        Some('f' | 'c') => (
            format!(
                "extended precision (descr {descr:?}) depends on the machine it was written on"
            ),
            "save it as float64 or complex128",
        ),
        Some('V') => (
            format!("the elements are raw bytes (descr {descr:?})"),
            "if they are bfloat16, save them as float32: x.astype('float32')",
        ),
        _ => (
            format!("element type {descr:?} is unknown"),
            "save the array as float32, float64 or an integer type",
        ),
    };
    fault(
        FileErrorKind::Unsupported,
        "header key 'descr'",
        problem,
        remedy,
    )
}

fn read_header(source: &mut dyn Read, available: u64) -> Result<Header> {
    let magic: [u8; 8] = prefix(source, "byte 0", "the magic string")?;
    if &magic[..6] != MAGIC {
        return Err(fault(
            FileErrorKind::WrongFormat,
            "byte 0",
            "this is not an npy file: it does not begin with \\x93NUMPY",
            "save the array with numpy.save",
        ));
    }
    let version = magic[6];
    let (announced, start) = match version {
        1 => {
            let length: [u8; 2] = prefix(source, "byte 8", "the header length")?;
            (u64::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let length: [u8; 4] = prefix(source, "byte 8", "the header length")?;
            (u64::from(u32::from_le_bytes(length)), 12)
        }
        other => {
            return Err(fault(
                FileErrorKind::Unsupported,
                "byte 6",
                format!("npy version {other}.{} is unknown", magic[7]),
                "versions 1, 2 and 3 exist; save the array again with numpy.save",
            ));
        }
    };
    if announced > available.saturating_sub(start) {
        return Err(truncated(
            "byte 8",
            format!(
                "the header announces {announced} bytes, the file has {} more",
                available.saturating_sub(start)
            ),
        ));
    }
    if announced > MAX_HEADER {
        return Err(corrupt(
            "byte 8",
            format!("a header of {announced} bytes is longer than any array needs"),
        ));
    }
    let mut text = allocate::<u8>(as_usize(announced)?)?;
    source
        .read_exact(&mut text)
        .map_err(|error| unreadable(format!("byte {start}"), &error))?;
    let value = literal::parse(&text).map_err(|(at, problem)| {
        corrupt(
            format!("header, byte {}", start + at as u64),
            format!("{problem}; {:?}", excerpt(&text, at)),
        )
    })?;
    let (descr, fortran, shape) = fields(value)?;
    Ok(Header {
        version,
        descr,
        fortran,
        shape,
        length: start + announced,
    })
}

fn prefix<const N: usize>(source: &mut dyn Read, place: &str, what: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    source
        .read_exact(&mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                truncated(place, format!("the file ends inside {what}"))
            }
            _ => unreadable(place, &error),
        })?;
    Ok(bytes)
}

/// A few characters around a place in a header, for a message.
fn excerpt(text: &[u8], at: usize) -> String {
    let end = text.len().min(at.saturating_add(20));
    let start = at.saturating_sub(12).min(end);
    String::from_utf8_lossy(&text[start..end]).into_owned()
}

/// The three entries of a header: element type, order and shape.
fn fields(value: Literal) -> Result<(Descr, bool, Vec<usize>)> {
    let Literal::Dict(entries) = value else {
        return Err(corrupt("header", "it is not a dictionary"));
    };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    for (key, value) in entries {
        match key.as_str() {
            "descr" => descr = Some(parse_descr(&value)?),
            "fortran_order" => match value {
                Literal::Bool(value) => fortran = Some(value),
                // Old writers used 0 and 1.
                Literal::Integer(value @ 0..=1) => fortran = Some(value == 1),
                _ => {
                    return Err(corrupt(
                        "header key 'fortran_order'",
                        "it is neither True nor False",
                    ));
                }
            },
            "shape" => shape = Some(parse_shape(value)?),
            _ => return Err(corrupt("header", format!("unknown key {key:?}"))),
        }
    }
    let missing = |key: &str| corrupt("header", format!("key '{key}' is missing"));
    Ok((
        descr.ok_or_else(|| missing("descr"))?,
        fortran.ok_or_else(|| missing("fortran_order"))?,
        shape.ok_or_else(|| missing("shape"))?,
    ))
}

fn parse_shape(value: Literal) -> Result<Vec<usize>> {
    let items = match value {
        Literal::Sequence(items) => items,
        single @ Literal::Integer(_) => vec![single],
        _ => return Err(corrupt("header key 'shape'", "it is not a tuple")),
    };
    items
        .into_iter()
        .map(|item| match item {
            Literal::Integer(length) => as_usize(length),
            other => Err(corrupt(
                "header key 'shape'",
                format!("{other:?} is not the length of an axis"),
            )),
        })
        .collect()
}

fn parse_descr(value: &Literal) -> Result<Descr> {
    let text = match value {
        Literal::Text(text) => text,
        Literal::Sequence(_) => return Ok(Descr::Other("[structured]".into())),
        _ => {
            return Err(corrupt(
                "header key 'descr'",
                "it is neither a string nor a list of fields",
            ));
        }
    };
    let (big_endian, code) = match text.as_bytes().first() {
        Some(b'>') => (true, &text[1..]),
        Some(b'<' | b'|') => (false, &text[1..]),
        Some(b'=') => (cfg!(target_endian = "big"), &text[1..]),
        _ => (cfg!(target_endian = "big"), text.as_str()),
    };
    let dtype = match code {
        "b1" | "?" => DType::Bool,
        "i1" | "b" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" | "B" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "c8" => DType::C64,
        "c16" => DType::C128,
        _ => return Ok(Descr::Other(text.clone())),
    };
    Ok(Descr::Known { dtype, big_endian })
}

/// NumPy's code for a little-endian element type.
fn code(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "|b1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::C128 => "<c16",
        DType::BF16 => return None,
    })
}

/// The magic string and header of a row-major little-endian array.
///
/// # Errors
/// For `bfloat16`, which NumPy does not have, and for too many axes.
pub(super) fn header(shape: &[usize], dtype: DType) -> Result<Vec<u8>> {
    let code = code(dtype).ok_or_else(|| {
        fault(
            FileErrorKind::Unsupported,
            "",
            format!("NumPy files have no {dtype}"),
            "write float32, or a .safetensors file",
        )
    })?;
    byte_count(shape, dtype, "shape")?;
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text = format!(
        "{{'descr': '{code}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        lengths.join(", ")
    );
    // The data start at a multiple of 64 bytes, the text ends with a new line.
    let unpadded = MAGIC.len() + 4 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let length =
        u16::try_from(text.len()).map_err(|_| corrupt("shape", "the header is too long"))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(bytes)
}

/// Writes a `header` and the elements after it.
pub(super) fn write(
    target: &mut dyn Write,
    header: &[u8],
    array: &Array,
    dtype: DType,
) -> io::Result<()> {
    target.write_all(header)?;
    write_elements(target, array, dtype)
}
