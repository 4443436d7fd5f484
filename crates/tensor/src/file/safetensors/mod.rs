//! Named tensors behind a JSON header: the safetensors format.
//!
//! A file is the length of the header (8 bytes, little-endian), the header, and
//! the elements of all tensors without gaps. A `.tsg` file is a safetensors
//! file whose `__metadata__` describes a diagram; [`read_raw`] and
//! [`write_raw`] give access to names, element types, shapes, bytes and
//! metadata without interpreting the elements.
//!
//! Guarantees: every offset handed out lies inside the file, belongs to one
//! tensor only and has the size its shape and type need; files written have a
//! compact header padded to 8 bytes and nothing else.

mod header;

use std::io::{self, Cursor, Write};
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use super::encoding::{Layout, byte_count, decode, read_array, write_elements};
use super::fault::{FileErrorKind, at_path, corrupt, fault, in_member, truncated};
use super::input::{Budget, Input, as_usize};
use super::{Content, Inspection, Member, NamedArray, Selection, open_file, write_atomic};
use crate::{Array, DType, Result};
use header::{Parsed, TensorInfo};

/// Longest header accepted, as in the reference implementation.
const MAX_HEADER: u64 = 100_000_000;
/// The header entry that holds strings instead of a tensor.
const METADATA: &str = "__metadata__";
/// Bytes before the header.
const PREFIX: u64 = 8;

/// One tensor of a safetensors file.
#[derive(Clone, Debug, PartialEq)]
pub struct RawMember {
    /// Its name.
    pub name: String,
    /// Its element type; `None` if this crate does not compute with it (8-bit floats and smaller).
    pub dtype: Option<DType>,
    /// The element type as the file names it, for example `F32` or `F8_E4M3`.
    pub type_name: String,
    /// Its axis lengths.
    pub shape: Vec<usize>,
    /// Where its bytes lie, counted from the end of the header.
    pub range: Range<usize>,
}

/// A safetensors file in memory, checked.
#[derive(Clone, Debug)]
pub struct Raw {
    members: Vec<RawMember>,
    metadata: Vec<(String, String)>,
    file: Vec<u8>,
    data_start: usize,
}

impl Raw {
    /// Checks the bytes of a whole file.
    ///
    /// # Errors
    /// [`crate::Error::File`] if the header is not JSON of the right form, names a tensor
    /// twice, or gives sizes or offsets that contradict each other or the file.
    pub fn from_bytes(file: Vec<u8>) -> Result<Self> {
        let mut cursor = Cursor::new(file.as_slice());
        let header = read_header(&mut Input::new(&mut cursor, file.len() as u64))?;
        Ok(Self {
            members: header.members,
            metadata: header.metadata,
            data_start: as_usize(header.data_start)?,
            file,
        })
    }

    /// The tensors, in the order of their bytes.
    #[must_use]
    pub fn members(&self) -> &[RawMember] {
        &self.members
    }

    /// The metadata, in the order of the file.
    #[must_use]
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// One metadata string.
    #[must_use]
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        let entry = self.metadata.iter().find(|(name, _)| name == key)?;
        Some(&entry.1)
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// [`crate::Error::File`] if there is none.
    pub fn member(&self, name: &str) -> Result<&RawMember> {
        let found = self.members.iter().find(|member| member.name == name);
        found.ok_or_else(|| {
            fault(
                FileErrorKind::NoSuchMember,
                "",
                format!("there is no tensor {name:?}"),
                "the file may come from another version of the program",
            )
        })
    }

    /// The bytes of the tensor of a name.
    ///
    /// # Errors
    /// As [`Raw::member`].
    pub fn bytes(&self, name: &str) -> Result<&[u8]> {
        let range = self.member(name)?.range.clone();
        Ok(&self.file[self.data_start..][range])
    }

    /// The tensor of a name, converted as [`decode`] does.
    ///
    /// # Errors
    /// As [`Raw::member`] and [`decode`]; also if the element type is unsupported.
    pub fn array(&self, name: &str, exact: bool) -> Result<Array> {
        let member = self.member(name)?;
        let dtype = member.supported()?;
        decode(self.bytes(name)?, dtype, &member.shape, exact).map_err(|e| in_member(e, name))
    }
}

impl RawMember {
    fn supported(&self) -> Result<DType> {
        self.dtype.ok_or_else(|| {
            fault(
                FileErrorKind::Unsupported,
                format!("member {:?}", self.name),
                format!("elements of type {} are not supported", self.type_name),
                "convert the tensor to float16, bfloat16 or float32 first",
            )
        })
    }
}

/// Reads a whole safetensors file into memory.
///
/// # Errors
/// As [`Raw::from_bytes`], and if the file cannot be read.
pub fn read_raw(path: impl AsRef<Path>) -> Result<Raw> {
    let path = path.as_ref();
    let read = || -> Result<Raw> {
        let bytes = open_file(path, |input| input.take_bytes(input.length(), "the file"))?;
        Raw::from_bytes(bytes)
    };
    read().map_err(|error| at_path(error, path))
}

/// One tensor to be written as it is.
#[derive(Clone, Debug)]
pub struct RawTensor<'a> {
    /// Its name, unique in the file.
    pub name: &'a str,
    /// Its element type; raw bytes are [`DType::U8`].
    pub dtype: DType,
    /// Its axis lengths.
    pub shape: &'a [usize],
    /// Its elements, little-endian and row-major.
    pub bytes: &'a [u8],
}

/// Writes a safetensors file of these tensors, in this order, atomically.
///
/// # Errors
/// [`crate::Error::File`] if a name occurs twice or is `__metadata__`, if bytes
/// and shape disagree, for `complex128` (the format has none), or if the file
/// cannot be written.
pub fn write_raw(
    path: impl AsRef<Path>,
    tensors: &[RawTensor<'_>],
    metadata: &[(&str, &str)],
) -> Result<()> {
    let path = path.as_ref();
    let header = raw_header(tensors, metadata).map_err(|error| at_path(error, path))?;
    write_atomic(path, |target| {
        target.write_all(&header)?;
        tensors
            .iter()
            .try_for_each(|tensor| target.write_all(tensor.bytes))
    })
}

/// The bytes [`write_raw`] writes.
///
/// # Errors
/// As [`write_raw`].
pub fn to_bytes(tensors: &[RawTensor<'_>], metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut bytes = raw_header(tensors, metadata)?;
    for tensor in tensors {
        bytes.extend_from_slice(tensor.bytes);
    }
    Ok(bytes)
}

fn raw_header(tensors: &[RawTensor<'_>], metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    for tensor in tensors {
        let expected = byte_count(tensor.shape, tensor.dtype, "shape")
            .map_err(|error| in_member(error, tensor.name))?;
        if expected != tensor.bytes.len() as u64 {
            return Err(corrupt(
                format!("member {:?}", tensor.name),
                format!(
                    "{} bytes do not fill shape {:?} of {} ({expected} bytes)",
                    tensor.bytes.len(),
                    tensor.shape,
                    tensor.dtype
                ),
            ));
        }
    }
    let entries = tensors.iter().map(|t| (t.name, t.dtype, t.shape));
    header_bytes(entries, metadata)
}

/// Length, JSON and padding of a header.
fn header_bytes<'a>(
    tensors: impl Iterator<Item = (&'a str, DType, &'a [usize])>,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>> {
    let mut entries = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    if !metadata.is_empty() {
        let strings: Vec<String> = metadata
            .iter()
            .map(|(key, value)| format!("{}:{}", json(key), json(value)))
            .collect();
        check_unique(
            metadata.iter().map(|(key, _)| *key).collect(),
            "metadata key",
        )?;
        entries.push(format!("\"{METADATA}\":{{{}}}", strings.join(",")));
    }
    let mut offset = 0u64;
    for (name, dtype, shape) in tensors {
        let code = code(dtype).ok_or_else(|| {
            fault(
                FileErrorKind::Unsupported,
                format!("member {name:?}"),
                format!("safetensors files have no {dtype}"),
                "write a .npy or .npz file",
            )
        })?;
        let end = byte_count(shape, dtype, "shape")
            .ok()
            .and_then(|bytes| offset.checked_add(bytes))
            .ok_or_else(|| corrupt(format!("member {name:?}"), "the shape is too large"))?;
        let info = Entry {
            dtype: code,
            shape,
            data_offsets: [offset, end],
        };
        entries.push(format!("{}:{}", json(name), json(&info)));
        names.push(name);
        offset = end;
    }
    names.push(METADATA);
    check_unique(names, "tensor name")?;
    let mut text = format!("{{{}}}", entries.join(","));
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    if text.len() as u64 > MAX_HEADER {
        return Err(fault(
            FileErrorKind::TooLarge,
            "header",
            "names and metadata exceed 100 MB",
            "store them as a uint8 tensor",
        ));
    }
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    Ok(bytes)
}

#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [u64; 2],
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("strings and numbers are JSON")
}

fn check_unique(mut names: Vec<&str>, what: &str) -> Result<()> {
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) if pair[0] == METADATA => Err(fault(
            FileErrorKind::Unsupported,
            "",
            format!("{what} {METADATA:?} is reserved by the format"),
            "choose another name",
        )),
        Some(pair) => Err(fault(
            FileErrorKind::Unsupported,
            "",
            format!("{what} {:?} occurs twice", pair[0]),
            "give each a name of its own",
        )),
        None => Ok(()),
    }
}

/// The format's code for an element type; it has no `complex128`.
fn code(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
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
        DType::F32 => "F32",
        DType::F64 => "F64",
        DType::C64 => "C64",
        DType::C128 => return None,
    })
}

/// Bits of the element types known by name only.
fn foreign_bits(type_name: &str) -> Option<u64> {
    match type_name {
        "F4" => Some(4),
        "F6_E2M3" | "F6_E3M2" => Some(6),
        name if name.starts_with("F8_") => Some(8),
        _ => None,
    }
}

/// Writes all arrays, the widest element type first so that each is aligned.
pub(super) fn prepare<'a>(
    arrays: &'a [NamedArray<'a>],
) -> Result<impl Fn(&mut dyn Write) -> io::Result<()> + 'a> {
    let mut order: Vec<&NamedArray<'a>> = arrays.iter().collect();
    order.sort_by_key(|named| std::cmp::Reverse(named.stored_dtype().size()));
    let entries = order.iter().map(|named| {
        let shape = named.array.shape();
        (named.name.as_str(), named.stored_dtype(), shape)
    });
    let header = header_bytes(entries, &[])?;
    Ok(move |target: &mut dyn Write| {
        target.write_all(&header)?;
        order
            .iter()
            .try_for_each(|named| write_elements(target, named.array, named.stored_dtype()))
    })
}

/// Reads the selected tensors, each straight from its place.
pub(super) fn read(
    input: &mut Input<'_>,
    selection: &Selection<'_>,
    budget: &mut Budget,
    exact: bool,
) -> Result<Vec<(String, Content)>> {
    let header = read_header(input)?;
    let names: Vec<&str> = header.members.iter().map(|m| m.name.as_str()).collect();
    let mut contents = Vec::new();
    for index in selection.choose(&names)? {
        let member = &header.members[index];
        let dtype = member.supported()?;
        let place = format!("member {:?}", member.name);
        budget.take(member.range.len() as u64, &place)?;
        input.go_to(header.data_start + member.range.start as u64)?;
        let layout = Layout::little(dtype, member.shape.clone());
        let array =
            read_array(input, &layout, exact).map_err(|error| in_member(error, &member.name))?;
        let content = Content {
            array,
            source: dtype,
            note: None,
        };
        contents.push((member.name.clone(), content));
    }
    Ok(contents)
}

/// Reads the header only.
pub(super) fn inspect(input: &mut Input<'_>) -> Result<Inspection> {
    let header = read_header(input)?;
    let members = header
        .members
        .into_iter()
        .map(|member| Member {
            name: member.name,
            type_name: match member.dtype {
                Some(dtype) => dtype.name().to_string(),
                None => member.type_name,
            },
            dtype: member.dtype,
            shape: member.shape,
            bytes: member.range.len() as u64,
            stored_bytes: member.range.len() as u64,
            details: Vec::new(),
        })
        .collect();
    Ok(Inspection::new(members, header.metadata))
}

struct Header {
    members: Vec<RawMember>,
    metadata: Vec<(String, String)>,
    data_start: u64,
}

fn read_header(input: &mut Input<'_>) -> Result<Header> {
    input.go_to(0)?;
    let announced = u64::from_le_bytes(input.take_array("the header length")?);
    if announced > input.remaining() {
        return Err(truncated(
            "byte 0",
            format!(
                "the header announces {announced} bytes, the file has {} more",
                input.remaining()
            ),
        ));
    }
    if announced > MAX_HEADER {
        return Err(corrupt(
            "byte 0",
            format!("a header of {announced} bytes is longer than the format allows"),
        ));
    }
    let text = input.take_bytes(announced, "the header")?;
    let parsed: Parsed = serde_json::from_slice(&text).map_err(|error| {
        corrupt(
            format!("header, {}", json_place(&text, &error)),
            json_problem(&error),
        )
    })?;
    let length = input.remaining();
    let mut members = Vec::with_capacity(parsed.tensors.len());
    for (name, info) in parsed.tensors {
        let member = check_member(&name, info, length);
        members.push(member.map_err(|error| in_member(error, &name))?);
    }
    members.sort_by_key(|member| (member.range.start, member.range.end));
    check_gaps(&members, length)?;
    Ok(Header {
        members,
        metadata: parsed.metadata,
        data_start: PREFIX + announced,
    })
}

fn json_place(text: &[u8], error: &serde_json::Error) -> String {
    let line_start = text
        .split_inclusive(|&byte| byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum::<usize>();
    format!("byte {}", PREFIX as usize + line_start + error.column())
}

fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

fn check_member(name: &str, info: TensorInfo, length: u64) -> Result<RawMember> {
    let [start, end] = info.data_offsets;
    if start > end {
        return Err(corrupt(
            "header key 'data_offsets'",
            format!("the end {end} lies before the start {start}"),
        ));
    }
    if end > length {
        return Err(truncated(
            "header key 'data_offsets'",
            format!("the data end at byte {end} after the header, the file has {length}"),
        ));
    }
    let shape: Vec<usize> = info
        .shape
        .into_iter()
        .map(as_usize)
        .collect::<Result<_>>()?;
    let dtype = DType::ALL
        .into_iter()
        .find(|&dtype| code(dtype) == Some(info.dtype.as_str()));
    let expected = match (dtype, foreign_bits(&info.dtype)) {
        (Some(dtype), _) => Some(byte_count(&shape, dtype, "header key 'shape'")?),
        (None, Some(bits)) => {
            let count = byte_count(&shape, DType::U8, "header key 'shape'")?;
            count.checked_mul(bits).map(|bits| bits / 8)
        }
        // Nothing is known of its elements; their extent still is.
        (None, None) => Some(end - start),
    };
    if expected != Some(end - start) {
        return Err(corrupt(
            "header key 'data_offsets'",
            format!(
                "{} bytes do not fill shape {shape:?} of {}",
                end - start,
                info.dtype
            ),
        ));
    }
    Ok(RawMember {
        name: name.to_string(),
        dtype,
        type_name: info.dtype,
        shape,
        range: as_usize(start)?..as_usize(end)?,
    })
}

/// The format wants the data of all tensors to fill the file without gaps.
fn check_gaps(members: &[RawMember], length: u64) -> Result<()> {
    let mut reached = 0;
    for member in members {
        let place = || format!("member {:?}, header key 'data_offsets'", member.name);
        let start = member.range.start;
        if start < reached {
            return Err(corrupt(
                place(),
                format!("byte {start} belongs to another tensor already"),
            ));
        }
        if start > reached {
            return Err(corrupt(
                place(),
                format!("bytes {reached} to {start} belong to no tensor"),
            ));
        }
        reached = member.range.end;
    }
    if reached as u64 != length {
        return Err(corrupt(
            "end of the file",
            format!("{} bytes belong to no tensor", length - reached as u64),
        ));
    }
    Ok(())
}
