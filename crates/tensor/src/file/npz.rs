//! Archives of NumPy arrays (`numpy.savez`, `numpy.savez_compressed`).

use std::io::{self, Write};

use super::fault::{FileErrorKind, corrupt, fault, in_member};
use super::input::{Budget, Input};
use super::zip::{self, Entry, Method};
use super::{Content, Inspection, Member, NamedArray, Selection, npy};
use crate::Result;

const SUFFIX: &str = ".npy";

/// Reads the selected members.
pub(super) fn read(
    input: &mut Input<'_>,
    selection: &Selection<'_>,
    budget: &mut Budget,
    exact: bool,
) -> Result<Vec<(String, Content)>> {
    let (entries, _) = arrays(input)?;
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let mut contents = Vec::new();
    for index in selection.choose(&names)? {
        let (name, entry) = &entries[index];
        let content =
            read_member(input, entry, budget, exact).map_err(|error| in_member(error, name))?;
        contents.push((name.clone(), content));
    }
    Ok(contents)
}

fn read_member(
    input: &mut Input<'_>,
    entry: &Entry,
    budget: &mut Budget,
    exact: bool,
) -> Result<Content> {
    let mut reader = zip::open(input, entry)?;
    let content = npy::read(&mut reader, entry.size, budget, exact)?;
    reader.finish()?;
    Ok(content)
}

/// Reads the headers of all members.
pub(super) fn inspect(input: &mut Input<'_>) -> Result<Inspection> {
    let (entries, others) = arrays(input)?;
    let mut members = Vec::new();
    for (name, entry) in &entries {
        let member = zip::open(input, entry)
            .and_then(|mut reader| npy::inspect(&mut reader, entry.size))
            .map_err(|error| in_member(error, name))?;
        let packing = match entry.method {
            Method::Stored => "stored",
            _ => "deflated",
        };
        let mut details = member.details;
        details.push(("packing".into(), packing.into()));
        members.push(Member {
            name: name.clone(),
            stored_bytes: entry.packed,
            details,
            ..member
        });
    }
    let metadata = others
        .into_iter()
        .map(|name| ("not an array".to_string(), name))
        .collect();
    Ok(Inspection::new(members, metadata))
}

/// A member by the name of its array, which has no `.npy`.
type ArrayEntry = (String, Entry);

/// The members that are arrays, and the names of the others.
fn arrays(input: &mut Input<'_>) -> Result<(Vec<ArrayEntry>, Vec<String>)> {
    let mut arrays: Vec<ArrayEntry> = Vec::new();
    let mut others = Vec::new();
    for entry in zip::directory(input)? {
        match entry.name.strip_suffix(SUFFIX) {
            Some(name) => arrays.push((name.to_string(), entry)),
            None => others.push(entry.name),
        }
    }
    let mut names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(corrupt("", format!("member {:?} occurs twice", pair[0])));
    }
    if arrays.is_empty() && !others.is_empty() {
        let pickled = others.iter().any(|name| name.ends_with("data.pkl"));
        return Err(fault(
            FileErrorKind::WrongFormat,
            "",
            format!(
                "this zip archive holds no NumPy array (it begins with {:?})",
                others[0]
            ),
            if pickled {
                "it is a PyTorch checkpoint; save it with safetensors.torch.save_file"
            } else {
                "write it with numpy.savez"
            },
        ));
    }
    Ok((arrays, others))
}

/// Prepares an archive; the result writes it.
pub(super) fn prepare<'a>(
    arrays: &'a [NamedArray<'a>],
) -> Result<impl Fn(&mut dyn Write) -> io::Result<()> + 'a> {
    let mut headers = Vec::new();
    let mut parts = Vec::new();
    for named in arrays {
        let dtype = named.stored_dtype();
        let header = npy::header(named.array.shape(), dtype)
            .map_err(|error| in_member(error, &named.name))?;
        let mut digest = Digest::default();
        // A digest never fails to be written to.
        let _ = npy::write(&mut digest, &header, named.array, dtype);
        let name = format!("{}{SUFFIX}", named.name);
        if name.len() > usize::from(u16::MAX) {
            return Err(fault(
                FileErrorKind::Unsupported,
                "",
                "a member name is longer than 65 535 bytes",
                "shorten it",
            ));
        }
        parts.push(zip::Part {
            name,
            size: digest.count,
            crc: digest.hasher.finalize(),
        });
        headers.push(header);
    }
    Ok(move |target: &mut dyn Write| {
        zip::write(target, &parts, |index, target| {
            let named = &arrays[index];
            npy::write(target, &headers[index], named.array, named.stored_dtype())
        })
    })
}

/// Takes the checksum of what is written to it.
#[derive(Default)]
struct Digest {
    hasher: crc32fast::Hasher,
    count: u64,
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.count += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
