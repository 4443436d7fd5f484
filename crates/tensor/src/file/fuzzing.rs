//! Entry points of the fuzz targets and of the mutation tests: any bytes, read
//! as a given format, must give arrays or an error, and what reading and
//! inspecting say must agree.

use std::io::Cursor;

use super::input::Input;
use super::safetensors::{Raw, RawTensor, to_bytes};
use super::{Format, ReadOptions, Selection, inspect_format, read_format};

/// Bytes of elements the fuzz targets allow.
pub const MAX_BYTES: u64 = 1 << 24;

/// Reads and inspects `data` as `format`; returns the number of elements read.
fn check(data: &[u8], format: Format) -> Option<usize> {
    let length = data.len() as u64;
    let mut cursor = Cursor::new(data);
    let inspection = inspect_format(&mut Input::new(&mut cursor, length), format, "array");
    let mut elements = None;
    for exact_integers in [false, true] {
        let options = ReadOptions {
            exact_integers,
            max_bytes: Some(MAX_BYTES),
        };
        let mut input = Input::new(&mut cursor, length);
        let read = read_format(&mut input, format, &Selection::All, &options, "array");
        let Ok(arrays) = read else { continue };
        let inspection = inspection
            .as_ref()
            .expect("what can be read can be inspected");
        assert_eq!(arrays.len(), inspection.members.len());
        for (array, member) in arrays.iter().zip(&inspection.members) {
            assert_eq!(array.name, member.name);
            assert_eq!(array.array.shape(), member.shape);
            assert_eq!(array.source_bytes(), member.bytes);
        }
        elements = Some(arrays.iter().map(|array| array.array.len()).sum());
    }
    elements
}

/// One npy file.
pub fn fuzz_npy(data: &[u8]) -> Option<usize> {
    check(data, Format::Npy)
}

/// One npz archive.
pub fn fuzz_npz(data: &[u8]) -> Option<usize> {
    check(data, Format::Npz)
}

/// One safetensors file; what was read raw is written and read again.
pub fn fuzz_safetensors(data: &[u8]) -> Option<usize> {
    let elements = check(data, Format::Safetensors);
    if let Ok(raw) = Raw::from_bytes(data.to_vec()) {
        rewrite(&raw);
    }
    elements
}

fn rewrite(raw: &Raw) {
    let tensors: Option<Vec<RawTensor<'_>>> = raw
        .members()
        .iter()
        .map(|member| {
            Some(RawTensor {
                name: &member.name,
                dtype: member.dtype?,
                shape: &member.shape,
                bytes: raw.bytes(&member.name).ok()?,
            })
        })
        .collect();
    let Some(tensors) = tensors else { return };
    let metadata: Vec<(&str, &str)> = raw
        .metadata()
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let written = to_bytes(&tensors, &metadata).expect("what was read can be written");
    let again = Raw::from_bytes(written).expect("what was written can be read");
    assert_eq!(again.metadata(), raw.metadata());
    assert_eq!(again.members().len(), raw.members().len());
    for member in raw.members() {
        assert_eq!(again.bytes(&member.name).ok(), raw.bytes(&member.name).ok());
    }
}

/// One table.
pub fn fuzz_csv(data: &[u8]) -> Option<usize> {
    check(data, Format::Csv)
}

/// One PNG picture.
pub fn fuzz_png(data: &[u8]) -> Option<usize> {
    check(data, Format::Png)
}

/// One JPEG picture.
pub fn fuzz_jpeg(data: &[u8]) -> Option<usize> {
    check(data, Format::Jpeg)
}
