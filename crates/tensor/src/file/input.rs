//! Bytes to read: a file or memory, with its length known in advance.

use std::io::{self, Read, Seek, SeekFrom};

use super::ReadOptions;
use super::fault::{FileErrorKind, corrupt, fault, truncated, unreadable};
use crate::Result;

/// What a reader needs of a file.
pub(super) trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// A seekable source that knows its length and where it is.
pub(super) struct Input<'a> {
    source: &'a mut dyn Source,
    length: u64,
    position: u64,
}

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a mut dyn Source, length: u64) -> Self {
        Self {
            source,
            length,
            position: 0,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes between here and the end.
    pub(super) fn remaining(&self) -> u64 {
        self.length.saturating_sub(self.position)
    }

    pub(super) fn go_to(&mut self, position: u64) -> Result<()> {
        self.seek(SeekFrom::Start(position))
            .map_err(|error| unreadable(format!("byte {position}"), &error))?;
        Ok(())
    }

    /// Reads `count` bytes of `what`; the count is checked before memory is taken.
    pub(super) fn take_bytes(&mut self, count: u64, what: &str) -> Result<Vec<u8>> {
        let at = format!("byte {}", self.position);
        if count > self.remaining() {
            let left = self.remaining();
            return Err(truncated(
                at,
                format!("{what} needs {count} bytes, the file has {left} more"),
            ));
        }
        let mut bytes = allocate(as_usize(count)?)?;
        self.read_exact(&mut bytes)
            .map_err(|error| unreadable(at, &error))?;
        Ok(bytes)
    }

    pub(super) fn take_array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.take_bytes(N as u64, what)?);
        Ok(bytes)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.source.seek(to)?;
        Ok(self.position)
    }
}

/// How many bytes of array data a file may still expand to.
///
/// Stored data are bounded by the file itself. Compressed data are bounded by
/// what their compression can reach and by a total: without the total, a file
/// of a few kilobytes could ask for gigabytes.
pub(super) struct Budget {
    limit: u64,
    left: u64,
}

/// Compressed files may always expand to this many bytes…
const FREE: u64 = 1 << 30;
/// …and beyond that to this many times their own size.
const EXPANSION: u64 = 64;

impl Budget {
    pub(super) fn new(options: &ReadOptions, length: u64, compressed: bool) -> Self {
        let limit = options.max_bytes.unwrap_or(if compressed {
            length.saturating_mul(EXPANSION).max(FREE)
        } else {
            u64::MAX
        });
        Self { limit, left: limit }
    }

    /// Asks for `bytes` more.
    pub(super) fn take(&mut self, bytes: u64, place: &str) -> Result<()> {
        if bytes > self.left {
            return Err(fault(
                FileErrorKind::TooLarge,
                place,
                format!(
                    "the data expand to {bytes} bytes, more than the {} allowed here",
                    self.limit
                ),
                "if the file is to be trusted, raise max_bytes or save it uncompressed",
            ));
        }
        self.left -= bytes;
        Ok(())
    }
}

/// A zeroed vector, or an error instead of an abort if memory is short.
///
/// The pages are zeroed by the operating system when first touched, so memory
/// is used only as data arrive.
pub(super) fn allocate<T: bytemuck::Zeroable>(count: usize) -> Result<Vec<T>> {
    bytemuck::allocation::try_zeroed_vec(count).map_err(|()| {
        let bytes = count.saturating_mul(size_of::<T>());
        fault(
            FileErrorKind::TooLarge,
            "",
            format!("there is no memory for {bytes} bytes"),
            "read one member at a time or use a machine with more memory",
        )
    })
}

pub(super) fn as_usize(count: u64) -> Result<usize> {
    usize::try_from(count).map_err(|_| {
        corrupt(
            "",
            format!("{count} bytes are more than this machine can address"),
        )
    })
}
