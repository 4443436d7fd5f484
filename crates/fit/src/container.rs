//! The bytes of a `.tsg` file: a safetensors file with a short header.
//!
//! Layout: eight bytes with the header's length (little endian), the header
//! in JSON, then the members one after the other without gaps. Strings in
//! `__metadata__` describe the diagram; members hold its numbers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use tensegrity_tensor::file;

use crate::plain::Plain;
use crate::{Error, Result};

/// Longest header a reader accepts, in bytes.
const LONGEST_HEADER: usize = 16 << 20;

/// A named member: safetensors dtype, shape, bytes.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// The bytes of a member, or what makes them when they are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Bytes(Vec<u8>),
    Plain(Plain),
}

impl Member {
    fn len(&self) -> usize {
        match &self.data {
            Data::Bytes(bytes) => bytes.len(),
            Data::Plain(plain) => plain.byte_len(),
        }
    }
}

/// Header strings and members of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Container {
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) members: Vec<Member>,
}

/// safetensors element types a member may have, with their sizes.
const DTYPES: [(&str, usize); 13] = [
    ("BOOL", 1),
    ("U8", 1),
    ("I8", 1),
    ("U16", 2),
    ("I16", 2),
    ("F16", 2),
    ("BF16", 2),
    ("U32", 4),
    ("I32", 4),
    ("F32", 4),
    ("U64", 8),
    ("I64", 8),
    ("F64", 8),
];

impl Container {
    /// The header: length and JSON, padded so that members are aligned if any
    /// is wider than a byte.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("__metadata__".into(), json!(self.metadata));
        let mut offset = 0;
        for member in &self.members {
            let end = offset + member.len();
            object.insert(
                member.name.clone(),
                json!({"dtype": member.dtype, "shape": member.shape, "data_offsets": [offset, end]}),
            );
            offset = end;
        }
        let mut text = Value::Object(object).to_string().into_bytes();
        if self
            .members
            .iter()
            .any(|member| !member.dtype.ends_with('8'))
        {
            text.resize(text.len().next_multiple_of(8), b' ');
        }
        let mut header = (text.len() as u64).to_le_bytes().to_vec();
        header.extend(text);
        header
    }

    /// Length of the file.
    pub(crate) fn len(&self) -> u64 {
        let members: usize = self.members.iter().map(Member::len).sum();
        (self.header().len() + members) as u64
    }

    /// Writes the file whole or not at all; see [`file::write_atomic`].
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(file::write_atomic(path, |mut out: &mut dyn Write| {
            out.write_all(&self.header())?;
            for member in &self.members {
                match &member.data {
                    Data::Bytes(bytes) => out.write_all(bytes)?,
                    Data::Plain(plain) => plain.write(&mut out)?,
                }
            }
            Ok(())
        })?)
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes)
    }

    /// Whether the header of the file at `path` has `key` among its strings;
    /// nothing else of the file is read.
    pub(crate) fn has_string(path: &Path, key: &str) -> bool {
        let header = || -> Option<Map<String, Value>> {
            let mut file = std::fs::File::open(path).ok()?;
            let mut length = [0; 8];
            file.read_exact(&mut length).ok()?;
            let length = usize::try_from(u64::from_le_bytes(length)).ok()?;
            if length > LONGEST_HEADER {
                return None;
            }
            let mut header = Vec::new();
            file.take(length as u64).read_to_end(&mut header).ok()?;
            serde_json::from_slice(&header).ok()
        };
        let header = header().unwrap_or_default();
        let strings = header.get("__metadata__").and_then(Value::as_object);
        strings.is_some_and(|strings| strings.contains_key(key))
    }

    /// The container in `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: String| Error::damaged(reason);
        let (length, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| damaged("it is shorter than its eight-byte length".into()))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        // Of another format altogether.
        if rest.first().is_some_and(|&byte| byte != b'{') {
            return Err(Error::NotRepresentation);
        }
        if length > LONGEST_HEADER || length > rest.len() {
            return Err(damaged(format!(
                "its header is said to have {length} bytes"
            )));
        }
        let (header, data) = rest.split_at(length);
        let header: Map<String, Value> = serde_json::from_slice(header)
            .map_err(|error| damaged(format!("its header is not JSON: {error}")))?;
        let mut container = Self::default();
        let mut covered = 0;
        for (name, value) in header {
            if name == "__metadata__" {
                container.metadata = serde_json::from_value(value)
                    .map_err(|_| damaged("its metadata are not strings".into()))?;
                continue;
            }
            let member = Self::member(name, &value, data)?;
            covered += member.len();
            container.members.push(member);
        }
        if covered != data.len() {
            return Err(damaged(format!(
                "its members cover {covered} of {} data bytes",
                data.len()
            )));
        }
        Ok(container)
    }

    fn member(name: String, value: &Value, data: &[u8]) -> Result<Member> {
        let bad = |what: &str| Error::damaged(format!("member {name:?} has no legal {what}"));
        let integers = |key: &str| -> Option<Vec<usize>> {
            let list = value.get(key)?.as_array()?;
            list.iter()
                .map(|item| usize::try_from(item.as_u64()?).ok())
                .collect()
        };
        let dtype = value.get("dtype").and_then(Value::as_str);
        let (dtype, size) = DTYPES
            .into_iter()
            .find(|(known, _)| Some(*known) == dtype)
            .ok_or_else(|| bad("dtype"))?;
        let shape = integers("shape").ok_or_else(|| bad("shape"))?;
        let [start, end] = integers("data_offsets")
            .and_then(|offsets| offsets.try_into().ok())
            .ok_or_else(|| bad("data_offsets"))?;
        let bytes = data.get(start..end).ok_or_else(|| bad("data_offsets"))?;
        let wanted = shape
            .iter()
            .try_fold(size, |product, &n| product.checked_mul(n));
        if wanted != Some(bytes.len()) {
            return Err(bad("length"));
        }
        Ok(Member {
            dtype,
            shape,
            data: Data::Bytes(bytes.to_vec()),
            name,
        })
    }
}
