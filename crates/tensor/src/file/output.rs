//! Writing a file so that it is either all there or as it was before.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::{at_path, unwritable};
use crate::Result;

/// Bytes gathered before the operating system is asked to write them.
const BUFFER: usize = 256 * 1024;

/// Writes what `fill` writes to `path`, whole or not at all.
///
/// The bytes go to a temporary file in the same folder, are forced to the disk
/// and then take the name `path` in one step. If `fill` or the disk fails, the
/// temporary is removed and a previous file at `path` is untouched, as it is if
/// the machine stops at any moment. A symbolic link keeps pointing to the file
/// it points to; an existing file keeps its permissions. Devices and pipes are
/// written directly.
///
/// # Errors
/// [`crate::Error::File`] naming the path, the cause and what to do.
pub fn write_atomic(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    replace(path, fill).map_err(|error| at_path(unwritable(&error), path))
}

/// Checks that [`write_atomic`] can create a file at `path`, before long work.
///
/// # Errors
/// As [`write_atomic`].
pub fn ensure_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    probe(path).map_err(|error| at_path(unwritable(&error), path))
}

fn probe(path: &Path) -> io::Result<()> {
    let target = resolve(path)?;
    if is_special(&target) {
        OpenOptions::new().write(true).open(&target)?;
        return Ok(());
    }
    Temporary::create(&target)?;
    Ok(())
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let target = resolve(path)?;
    if is_special(&target) {
        let file = OpenOptions::new().write(true).open(&target)?;
        return write_through(&file, fill);
    }
    let (temporary, file) = Temporary::create(&target)?;
    write_through(&file, fill)?;
    if let Ok(previous) = fs::metadata(&target) {
        file.set_permissions(previous.permissions())?;
    }
    file.sync_all()?;
    drop(file);
    temporary.rename(&target)?;
    sync_folder(&target);
    Ok(())
}

fn write_through(
    file: &File,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    fill(&mut writer)?;
    writer.flush()
}

/// The file a path stands for: links are followed, folders refused.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let target = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
        }
        _ => path.to_path_buf(),
    };
    if target.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if target.file_name().is_none() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path has no file name",
        ));
    }
    Ok(target)
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A file that is removed unless it gets its final name.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates a new file next to `target`.
    fn create(target: &Path) -> io::Result<(Self, File)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_default();
        for _ in 0..64 {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(
                ".{}-{}.tmp",
                std::process::id(),
                COUNTER.fetch_add(1, Ordering::Relaxed)
            ));
            let path = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let renamed = false;
                    return Ok((Self { path, renamed }, file));
                }
                // Left behind by a process of the same number that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing more can be done if this fails too.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the new name itself survive a power failure, where that is possible.
fn sync_folder(target: &Path) {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        // Some file systems cannot do this; the data themselves are safe.
        let _ = folder.sync_all();
    }
}
