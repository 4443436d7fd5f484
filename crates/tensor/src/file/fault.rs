//! What can be wrong with a file, in the user's terms.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// The kind of a [`FileError`], for programs that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// There is no such file.
    NotFound,
    /// The file exists and cannot be opened or read.
    Unreadable,
    /// The file cannot be written; a previous one is untouched.
    Unwritable,
    /// The content is no format this crate reads, or not the one its name promises.
    WrongFormat,
    /// The file ends before the data it announces.
    Truncated,
    /// The content contradicts itself or its format.
    Corrupt,
    /// The format is known, this use of it is not (object arrays, 8-bit floats, encryption, …).
    Unsupported,
    /// The data exceed a limit or the memory.
    TooLarge,
    /// The file holds no array of the name asked for, or several and none was named.
    NoSuchMember,
}

/// An error of a file: which one, where in it, what is wrong and what to do.
#[derive(Debug)]
pub struct FileError {
    /// What kind of error.
    pub kind: FileErrorKind,
    /// The file; empty for bytes in memory.
    pub path: PathBuf,
    /// Where in the file: a byte offset, a header key, a member, a line and column.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
    /// What the user can do.
    pub remedy: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.as_os_str().is_empty() {
            write!(f, "{}: ", self.path.display())?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// A fault without a path; [`at_path`] adds it where the path is known.
pub(super) fn fault(
    kind: FileErrorKind,
    place: impl Into<String>,
    problem: impl Into<String>,
    remedy: impl Into<String>,
) -> Error {
    Error::File(Box::new(FileError {
        kind,
        path: PathBuf::new(),
        place: place.into(),
        problem: problem.into(),
        remedy: remedy.into(),
    }))
}

pub(super) fn corrupt(place: impl Into<String>, problem: impl Into<String>) -> Error {
    fault(
        FileErrorKind::Corrupt,
        place,
        problem,
        "the file is damaged or was not written by a conforming program; write it again",
    )
}

pub(super) fn truncated(place: impl Into<String>, problem: impl Into<String>) -> Error {
    fault(
        FileErrorKind::Truncated,
        place,
        problem,
        "the file is incomplete; copy or download it again",
    )
}

/// Names the file in an error that arose inside it.
pub(super) fn at_path(error: Error, path: &Path) -> Error {
    match error {
        Error::File(mut inner) => {
            if inner.path.as_os_str().is_empty() {
                inner.path = path.to_path_buf();
            }
            Error::File(inner)
        }
        other => Error::File(Box::new(FileError {
            kind: FileErrorKind::Corrupt,
            path: path.to_path_buf(),
            place: String::new(),
            problem: other.to_string(),
            remedy: String::new(),
        })),
    }
}

/// Puts the name of a member in front of the place of an error.
pub(super) fn in_member(error: Error, member: &str) -> Error {
    match error {
        Error::File(mut inner) => {
            inner.place = if inner.place.is_empty() {
                format!("member {member:?}")
            } else {
                format!("member {member:?}, {}", inner.place)
            };
            Error::File(inner)
        }
        other => corrupt(format!("member {member:?}"), other.to_string()),
    }
}

/// An operating system error while reading.
pub(super) fn unreadable(place: impl Into<String>, error: &io::Error) -> Error {
    let (kind, remedy) = match error.kind() {
        io::ErrorKind::NotFound => (FileErrorKind::NotFound, "check the name and the folder"),
        io::ErrorKind::PermissionDenied => (
            FileErrorKind::Unreadable,
            "ask for read permission on the file",
        ),
        io::ErrorKind::IsADirectory => (FileErrorKind::Unreadable, "name a file inside the folder"),
        io::ErrorKind::UnexpectedEof => (
            FileErrorKind::Truncated,
            "the file is incomplete; copy or download it again",
        ),
        // What decompressors say of bytes they cannot make sense of.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            return corrupt(place, error.to_string());
        }
        _ => (FileErrorKind::Unreadable, "try again or copy the file"),
    };
    fault(kind, place, format!("cannot read: {error}"), remedy)
}

/// An operating system error while writing.
pub(super) fn unwritable(error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "the folder does not exist; create it first",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another disk; nothing was left behind \
             and a previous file is untouched"
        }
        io::ErrorKind::IsADirectory => "name a file, not a folder",
        _ => "a previous file is untouched; choose another place",
    };
    fault(
        FileErrorKind::Unwritable,
        "",
        format!("cannot write: {error}"),
        remedy,
    )
}
