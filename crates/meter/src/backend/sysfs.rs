//! Small files of numbers, and why they cannot be read.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Reader of sysfs files. A struct so that tests can deny access to files that
/// the user running the tests could read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sysfs {
    #[cfg(test)]
    pub denied: Vec<PathBuf>,
}

impl Sysfs {
    /// A short text without its line end.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        #[cfg(test)]
        if self.denied.iter().any(|denied| denied == path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Values of sysfs fit in a page; a larger file is none of them.
        let mut text = String::new();
        fs::File::open(path)?
            .take(65_536)
            .read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }

    /// A text of any length: `cpuinfo` and `stat` of large machines exceed a page.
    pub fn text_whole(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    /// A non-negative integer.
    pub fn number(&self, path: &Path) -> io::Result<u64> {
        let text = self.text(path)?;
        text.parse().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{text:?} is no non-negative integer"),
            )
        })
    }

    /// Entries of a folder whose name starts with `prefix`, sorted by name;
    /// numbers in names sort as numbers.
    pub fn entries(&self, folder: &Path, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path())
            .collect();
        paths.sort_by_key(|path| natural_key(&name_of(path)));
        paths
    }
}

/// The last component of a path as text.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A sort key in which `zone:10` comes after `zone:9`.
pub(crate) fn natural_key(text: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (word, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (number, tail) = tail.split_at(end);
        key.push((word.to_owned(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    key
}
