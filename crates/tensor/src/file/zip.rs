//! Zip archives, as far as npz files need them (PKWARE APPNOTE 6.3.10): stored
//! and deflated members, zip64, CRC-32 always checked.
//!
//! The central directory is the only authority. Its claims are checked against
//! the length of the file, against each other (members must not overlap) and
//! against what deflate can reach, before a byte of data is read.

use std::io::{self, Read, Write};

use flate2::read::DeflateDecoder;

use super::fault::{FileErrorKind, corrupt, fault, truncated, unreadable};
use super::input::Input;
use crate::Result;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

/// Deflate turns one byte into at most this many (zlib's technical notes).
const DEFLATE_LIMIT: u64 = 1032;

/// How a member's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    Other(u16),
}

/// One member as the central directory describes it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub name: String,
    pub method: Method,
    pub encrypted: bool,
    /// Bytes after unpacking.
    pub size: u64,
    /// Bytes in the archive.
    pub packed: u64,
    crc: u32,
    offset: u64,
}

/// Reads and checks the central directory.
pub(super) fn directory(input: &mut Input<'_>) -> Result<Vec<Entry>> {
    let end = find_end(input)?;
    let (offset, size, count) = (end.offset, end.size, end.count);
    if offset.checked_add(size).is_none_or(|stop| stop > end.at) {
        return Err(corrupt(
            format!("byte {}", end.at),
            format!(
                "the directory of {size} bytes at byte {offset} does not lie before its end record"
            ),
        ));
    }
    input.go_to(offset)?;
    let bytes = input.take_bytes(size, "the archive's directory")?;
    let mut record = Fields {
        bytes: &bytes,
        at: 0,
        base: offset,
    };
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(central_record(&mut record)?);
    }
    check_ranges(&entries, offset)?;
    Ok(entries)
}

struct End {
    at: u64,
    offset: u64,
    size: u64,
    count: u64,
}

/// Finds the record at the end of the archive, behind a comment of any length.
fn find_end(input: &mut Input<'_>) -> Result<End> {
    const RECORD: usize = 22;
    let length = input.length();
    let tail = length.min(RECORD as u64 + u64::from(u16::MAX));
    input.go_to(length - tail)?;
    let bytes = input.take_bytes(tail, "the end of the archive")?;
    let found = (0..(bytes.len() + 1).saturating_sub(RECORD))
        .rev()
        .find(|&at| {
            let comment = usize::from(u16::from_le_bytes([bytes[at + 20], bytes[at + 21]]));
            bytes[at..].starts_with(&END.to_le_bytes()) && at + RECORD + comment <= bytes.len()
        });
    let Some(found) = found else {
        return Err(truncated(
            format!("byte {length}"),
            "the archive has no directory at its end",
        ));
    };
    let at = length - tail + found as u64;
    let mut record = Fields {
        bytes: &bytes[found + 4..],
        at: 0,
        base: at + 4,
    };
    let (disk, start_disk) = (record.u16()?, record.u16()?);
    let (_, count) = (record.u16()?, record.u16()?);
    let (size, offset) = (record.u32()?, record.u32()?);
    let wide = count == u16::MAX || size == u32::MAX || offset == u32::MAX;
    if wide && let Some(end) = find_end_64(input, at)? {
        return Ok(end);
    }
    if disk != 0 || start_disk != 0 {
        return Err(fault(
            FileErrorKind::Unsupported,
            format!("byte {at}"),
            "the archive is split over several files",
            "join it into one file first",
        ));
    }
    Ok(End {
        at,
        offset: u64::from(offset),
        size: u64::from(size),
        count: u64::from(count),
    })
}

/// The 64-bit end record whose locator lies right before the 32-bit one.
fn find_end_64(input: &mut Input<'_>, end: u64) -> Result<Option<End>> {
    let Some(locator) = end.checked_sub(20) else {
        return Ok(None);
    };
    input.go_to(locator)?;
    let bytes = input.take_bytes(20, "the zip64 locator")?;
    let mut record = Fields {
        bytes: &bytes,
        at: 0,
        base: locator,
    };
    if record.u32()? != LOCATOR_64 {
        return Ok(None);
    }
    record.u32()?;
    let at = record.u64()?;
    if at > locator {
        return Err(corrupt(
            format!("byte {locator}"),
            format!("the zip64 directory end at byte {at} lies behind its locator"),
        ));
    }
    input.go_to(at)?;
    let bytes = input.take_bytes(56, "the zip64 directory end")?;
    let mut record = Fields {
        bytes: &bytes,
        at: 0,
        base: at,
    };
    if record.u32()? != END_64 {
        return Err(corrupt(format!("byte {at}"), "no zip64 directory end here"));
    }
    record.skip(20)?;
    record.u64()?;
    let (count, size, offset) = (record.u64()?, record.u64()?, record.u64()?);
    Ok(Some(End {
        at,
        offset,
        size,
        count,
    }))
}

fn central_record(record: &mut Fields<'_>) -> Result<Entry> {
    let place = format!("byte {}", record.position());
    if record.u32()? != CENTRAL {
        return Err(corrupt(place, "no directory record here"));
    }
    record.skip(4)?;
    let (flags, method) = (record.u16()?, record.u16()?);
    record.skip(4)?;
    let crc = record.u32()?;
    let (packed, size) = (record.u32()?, record.u32()?);
    let (name, extra, comment) = (record.u16()?, record.u16()?, record.u16()?);
    record.skip(8)?;
    let offset = record.u32()?;
    let name = String::from_utf8_lossy(record.take(name.into())?).into_owned();
    let mut extra = Fields {
        bytes: record.take(extra.into())?,
        at: 0,
        base: 0,
    };
    record.skip(comment.into())?;
    let mut entry = Entry {
        name,
        method: match method {
            0 => Method::Stored,
            8 => Method::Deflated,
            other => Method::Other(other),
        },
        encrypted: flags & 1 != 0,
        size: size.into(),
        packed: packed.into(),
        crc,
        offset: offset.into(),
    };
    widen(&mut entry, &mut extra).map_err(|_| {
        corrupt(
            place,
            format!("the zip64 sizes of member {:?} are missing", entry.name),
        )
    })?;
    Ok(entry)
}

/// Takes from the zip64 extra field what does not fit 32 bits.
fn widen(entry: &mut Entry, extra: &mut Fields<'_>) -> Result<()> {
    let full = u64::from(u32::MAX);
    if entry.size != full && entry.packed != full && entry.offset != full {
        return Ok(());
    }
    loop {
        let (tag, length) = (extra.u16()?, extra.u16()?);
        let body = extra.take(length.into())?;
        if tag == 1 {
            let mut wide = Fields {
                bytes: body,
                at: 0,
                base: 0,
            };
            for field in [&mut entry.size, &mut entry.packed, &mut entry.offset] {
                if *field == full {
                    *field = wide.u64()?;
                }
            }
            return Ok(());
        }
    }
}

/// Members lie one after another before the directory, and unpack to no more
/// than their method can reach.
fn check_ranges(entries: &[Entry], directory: u64) -> Result<()> {
    const HEADER: u64 = 30;
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.offset);
    for (index, entry) in order.iter().enumerate() {
        let place = format!("member {:?}", entry.name);
        let next = order.get(index + 1).map_or(directory, |next| next.offset);
        let stop = entry
            .offset
            .checked_add(HEADER)
            .and_then(|at| at.checked_add(entry.packed));
        if stop.is_none_or(|stop| stop > next.min(directory)) {
            return Err(corrupt(
                place,
                format!(
                    "its {} bytes at byte {} run into what lies at byte {next}",
                    entry.packed, entry.offset
                ),
            ));
        }
        let reachable = match entry.method {
            Method::Stored => entry.size == entry.packed,
            _ => entry.size <= entry.packed.saturating_mul(DEFLATE_LIMIT),
        };
        // An encrypted member has its own header among the packed bytes.
        if !reachable && !entry.encrypted && !matches!(entry.method, Method::Other(_)) {
            return Err(corrupt(
                place,
                format!("{} bytes cannot unpack to {}", entry.packed, entry.size),
            ));
        }
    }
    Ok(())
}

/// Little-endian fields of a record.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the record lies in the file.
    base: u64,
}

impl<'a> Fields<'a> {
    fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let place = self.position();
        let part = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let part = part.ok_or_else(|| {
            corrupt(
                format!("byte {place}"),
                "a record of the archive's directory is cut off",
            )
        })?;
        self.at += count;
        Ok(part)
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(|_| ())
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.number()?))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.number()?))
    }
}

/// The unpacked bytes of one member.
pub(super) struct MemberReader<'a, 'b> {
    packing: Packing<'a, 'b>,
    digest: crc32fast::Hasher,
    expected_crc: u32,
    /// Bytes still to come.
    left: u64,
}

enum Packing<'a, 'b> {
    Stored(io::Take<&'a mut Input<'b>>),
    Deflated(Box<DeflateDecoder<io::Take<&'a mut Input<'b>>>>),
}

/// Opens a member for reading.
pub(super) fn open<'a, 'b>(
    input: &'a mut Input<'b>,
    entry: &Entry,
) -> Result<MemberReader<'a, 'b>> {
    if entry.encrypted {
        return Err(fault(
            FileErrorKind::Unsupported,
            "",
            "the member is encrypted",
            "unpack the archive with its password first",
        ));
    }
    input.go_to(entry.offset)?;
    let bytes = input.take_bytes(30, "the member's header")?;
    let mut header = Fields {
        bytes: &bytes,
        at: 0,
        base: entry.offset,
    };
    if header.u32()? != LOCAL {
        return Err(corrupt(
            format!("byte {}", entry.offset),
            "no member begins here",
        ));
    }
    header.skip(22)?;
    let (name, extra) = (header.u16()?, header.u16()?);
    let start = entry.offset + 30 + u64::from(name) + u64::from(extra);
    if start + entry.packed > input.length() {
        return Err(truncated(
            format!("byte {start}"),
            format!(
                "the member's {} bytes reach past the end of the file",
                entry.packed
            ),
        ));
    }
    input.go_to(start)?;
    let packed = input.take(entry.packed);
    let packing = match entry.method {
        Method::Stored => Packing::Stored(packed),
        Method::Deflated => Packing::Deflated(Box::new(DeflateDecoder::new(packed))),
        Method::Other(number) => {
            return Err(fault(
                FileErrorKind::Unsupported,
                "",
                format!("compression method {number} is not one NumPy uses"),
                "write the archive with numpy.savez or numpy.savez_compressed",
            ));
        }
    };
    Ok(MemberReader {
        packing,
        digest: crc32fast::Hasher::new(),
        expected_crc: entry.crc,
        left: entry.size,
    })
}

impl Read for MemberReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = match &mut self.packing {
            Packing::Stored(reader) => reader.read(&mut buffer[..wanted])?,
            Packing::Deflated(reader) => reader.read(&mut buffer[..wanted])?,
        };
        self.digest.update(&buffer[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}

impl MemberReader<'_, '_> {
    /// Reads what is left and compares the checksum.
    pub(super) fn finish(mut self) -> Result<()> {
        let mut rest = [0; 4096];
        while self.left > 0 {
            match self.read(&mut rest) {
                Ok(0) => {
                    return Err(truncated(
                        "",
                        format!("the member ends {} bytes early", self.left),
                    ));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable("compressed data", &error)),
            }
        }
        let found = self.digest.finalize();
        if found != self.expected_crc {
            return Err(corrupt(
                "",
                format!(
                    "the checksum of the data is {found:08x}, the archive says {:08x}",
                    self.expected_crc
                ),
            ));
        }
        Ok(())
    }
}

/// A member to be written: stored, with its checksum known beforehand.
pub(super) struct Part {
    pub name: String,
    pub size: u64,
    pub crc: u32,
}

/// Writes an archive of stored members; `fill` writes the bytes of one.
///
/// Times are fixed, so the same arrays give the same file.
pub(super) fn write(
    target: &mut dyn Write,
    parts: &[Part],
    fill: impl Fn(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut directory = Vec::new();
    let mut offset = 0u64;
    for (index, part) in parts.iter().enumerate() {
        let header = local_header(part);
        target.write_all(&header)?;
        fill(index, target)?;
        directory.extend_from_slice(&central_header(part, offset));
        offset += header.len() as u64 + part.size;
    }
    target.write_all(&directory)?;
    target.write_all(&end_records(
        parts.len() as u64,
        directory.len() as u64,
        offset,
    ))
}

/// Midnight of 1 January 1980, the first time a zip file can name.
const TIME_AND_DATE: u32 = 0x0021_0000;
const UTF8_NAMES: u16 = 1 << 11;

/// A size as 32 bits, or the mark that says it is in the zip64 field.
fn narrow(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn is_wide(size: u64) -> bool {
    size >= u64::from(u32::MAX)
}

/// Version needed, flags, method, time, checksum and both sizes.
fn common_fields(part: &Part, wide: bool, out: &mut Vec<u8>) {
    let version: u16 = if wide { 45 } else { 20 };
    out.extend_from_slice(&version.to_le_bytes());
    let flags = if part.name.is_ascii() { 0 } else { UTF8_NAMES };
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&0u16.to_le_bytes());
    out.extend_from_slice(&TIME_AND_DATE.to_le_bytes());
    out.extend_from_slice(&part.crc.to_le_bytes());
    out.extend_from_slice(&narrow(part.size).to_le_bytes());
    out.extend_from_slice(&narrow(part.size).to_le_bytes());
    out.extend_from_slice(&(part.name.len() as u16).to_le_bytes());
}

fn zip64_field(values: &[u64]) -> Vec<u8> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut field = vec![1, 0];
    field.extend_from_slice(&(8 * values.len() as u16).to_le_bytes());
    for value in values {
        field.extend_from_slice(&value.to_le_bytes());
    }
    field
}

fn local_header(part: &Part) -> Vec<u8> {
    let wide = is_wide(part.size);
    let sizes = [part.size; 2];
    let extra = zip64_field(if wide { &sizes } else { &[] });
    let mut out = LOCAL.to_le_bytes().to_vec();
    common_fields(part, wide, &mut out);
    out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
    out.extend_from_slice(part.name.as_bytes());
    out.extend_from_slice(&extra);
    out
}

fn central_header(part: &Part, offset: u64) -> Vec<u8> {
    let mut values = Vec::new();
    if is_wide(part.size) {
        values.extend([part.size, part.size]);
    }
    if is_wide(offset) {
        values.push(offset);
    }
    let extra = zip64_field(&values);
    let mut out = CENTRAL.to_le_bytes().to_vec();
    let made_by: u16 = 45;
    out.extend_from_slice(&made_by.to_le_bytes());
    common_fields(part, !values.is_empty(), &mut out);
    out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
    // No comment, disk 0, no attributes.
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(&narrow(offset).to_le_bytes());
    out.extend_from_slice(part.name.as_bytes());
    out.extend_from_slice(&extra);
    out
}

fn end_records(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if count >= u64::from(u16::MAX) || is_wide(size) || is_wide(offset) {
        out.extend_from_slice(&END_64.to_le_bytes());
        out.extend_from_slice(&44u64.to_le_bytes());
        out.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [count, count, size, offset] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&LOCATOR_64.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&(offset + size).to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
    }
    out.extend_from_slice(&END.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let short = u16::try_from(count).unwrap_or(u16::MAX);
    out.extend_from_slice(&short.to_le_bytes());
    out.extend_from_slice(&short.to_le_bytes());
    out.extend_from_slice(&narrow(size).to_le_bytes());
    out.extend_from_slice(&narrow(offset).to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}
