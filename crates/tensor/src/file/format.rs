//! Which format a file is in: decided by its content, the extension is a hint.

use std::fmt;
use std::path::Path;

use super::fault::{FileErrorKind, fault};
use crate::{Error, Result};

/// A file format this crate reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Portable Network Graphics (ISO/IEC 15948).
    Png,
    /// JPEG (ITU-T T.81), baseline and progressive.
    Jpeg,
    /// One NumPy array (NEP 1).
    Npy,
    /// A zip archive of NumPy arrays.
    Npz,
    /// Named tensors behind a JSON header; also what a `.tsg` file is.
    Safetensors,
    /// A table of numbers as text.
    Csv,
}

/// Bytes of the beginning of a file that are enough to know its format.
pub(super) const HEAD: usize = 512;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";
const NPY: &[u8] = b"\x93NUMPY";

/// Content this crate recognises only to say what to do with it.
const FOREIGN: [(&[u8], &str, &str); 12] = [
    (b"\x1f\x8b", "a gzip file", "decompress it first (gunzip)"),
    (
        b"\x28\xb5\x2f\xfd",
        "a zstd file",
        "decompress it first (unzstd)",
    ),
    (
        b"\x89HDF",
        "an HDF5 file",
        "save the dataset with numpy.save",
    ),
    (
        b"MATLAB",
        "a MATLAB file",
        "load it with scipy.io.loadmat and numpy.save",
    ),
    (b"II*\0", "a TIFF picture", "convert it to PNG"),
    (b"MM\0*", "a TIFF picture", "convert it to PNG"),
    (b"GIF8", "a GIF picture", "convert it to PNG"),
    (
        b"RIFF",
        "a RIFF file (WebP, WAV)",
        "convert it to PNG or npy",
    ),
    (b"BM", "a BMP picture", "convert it to PNG"),
    (
        b"PAR1",
        "a Parquet file",
        "save its numbers with numpy.save",
    ),
    (b"%PDF", "a PDF file", "save the picture or table in it"),
    (
        b"\x80",
        "a Python pickle",
        "load it in Python and save the array with numpy.save",
    ),
];

impl Format {
    /// The usual name: `png`, `jpeg`, `npy`, `npz`, `safetensors` or `csv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpeg",
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Safetensors => "safetensors",
            Format::Csv => "csv",
        }
    }

    /// The format an extension promises; `None` for extensions that promise nothing.
    #[must_use]
    pub fn of_extension(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "png" => Format::Png,
            "jpg" | "jpeg" => Format::Jpeg,
            "npy" => Format::Npy,
            "npz" => Format::Npz,
            "safetensors" | "tsg" => Format::Safetensors,
            "csv" | "tsv" => Format::Csv,
            _ => return None,
        })
    }

    /// The format content announces by its first bytes, `head`, in a file of
    /// `length` bytes; `None` also for tables, which announce nothing.
    fn of_magic(head: &[u8], length: u64) -> Option<Format> {
        if head.starts_with(PNG) {
            Some(Format::Png)
        } else if head.starts_with(JPEG) {
            Some(Format::Jpeg)
        } else if head.starts_with(NPY) {
            Some(Format::Npy)
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Format::Npz)
        } else if let Some((announced, rest)) = head.split_first_chunk::<8>()
            && rest.first() == Some(&b'{')
            && u64::from_le_bytes(*announced) <= length - 8
        {
            Some(Format::Safetensors)
        } else {
            None
        }
    }

    /// Decides the format from the first bytes, with the extension as a hint.
    ///
    /// Returns the format and a note if the name promises another one.
    pub(super) fn detect(
        head: &[u8],
        length: u64,
        hint: Option<Format>,
    ) -> Result<(Format, Option<String>)> {
        if length == 0 {
            return Err(fault(
                FileErrorKind::WrongFormat,
                "",
                "the file is empty",
                "it may come from a write that failed; write it again",
            ));
        }
        let found = match Format::of_magic(head, length) {
            Some(found) => found,
            // A header longer than the file: its reader says by how much.
            None if hint == Some(Format::Safetensors) => Format::Safetensors,
            None if matches!(hint, None | Some(Format::Csv)) && is_text(head) => Format::Csv,
            None => return Err(unknown(head, hint)),
        };
        let note = hint.filter(|&promised| promised != found).map(|promised| {
            format!("the name promises {promised}, the content is {found} and is read as such")
        });
        Ok((found, note))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the head looks like a table of numbers with perhaps a header line:
/// no control characters but blanks, whatever the encoding of the header.
fn is_text(head: &[u8]) -> bool {
    let utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    utf16
        || head
            .iter()
            .all(|&byte| byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r'))
            && !FOREIGN
                .iter()
                .any(|(magic, ..)| magic.len() > 2 && head.starts_with(magic))
}

fn unknown(head: &[u8], hint: Option<Format>) -> Error {
    let (content, remedy) = match FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        Some((_, content, remedy)) => ((*content).to_string(), (*remedy).to_string()),
        None if is_text(head) => (
            "text".to_string(),
            "if it is a table of numbers, name it .csv".to_string(),
        ),
        None => (
            format!("unknown content beginning with bytes {}", hex(head)),
            "files this program reads: png, jpeg, npy, npz, safetensors, csv".to_string(),
        ),
    };
    let problem = match hint {
        Some(promised) => format!("the name promises {promised}, but this is {content}"),
        None => format!("this is {content}"),
    };
    fault(FileErrorKind::WrongFormat, "", problem, remedy)
}

fn hex(head: &[u8]) -> String {
    let bytes: Vec<String> = head
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    bytes.join(" ")
}
