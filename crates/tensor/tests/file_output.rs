//! Writes are whole or not at all.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use tempfile::tempdir;
use tensegrity_tensor::file::{
    FileErrorKind, Format, NamedArray, ensure_writable, read_one, write, write_atomic, write_to,
};
use tensegrity_tensor::{Array, Error, Tensor};

fn array() -> Array {
    Tensor::<f32>::full(&[300, 400], 1.0).unwrap().into()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn unwritable(error: Error) -> String {
    let Error::File(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind, FileErrorKind::Unwritable);
    error.to_string()
}

#[test]
fn a_failed_write_keeps_the_previous_file_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out.bin");
    fs::write(&path, "previous").unwrap();
    let error = write_atomic(&path, |target| {
        // More than any buffer, so that some bytes have reached the disk.
        target.write_all(&vec![0; 1 << 20])?;
        Err(ErrorKind::StorageFull.into())
    });
    let text = unwritable(error.unwrap_err());
    assert!(
        text.contains("out.bin") && text.contains("free some space"),
        "{text}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"previous");
    assert_eq!(names(folder.path()), ["out.bin"]);

    write_atomic(&path, |target| target.write_all(b"next")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"next");
    assert_eq!(names(folder.path()), ["out.bin"]);
}

#[test]
fn a_panicking_writer_leaves_nothing_either() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out.bin");
    let write = || write_atomic(&path, |_| panic!("a writer's fault"));
    assert!(std::panic::catch_unwind(write).is_err());
    assert!(names(folder.path()).is_empty());
}

/// A disk that is full after some bytes.
struct FullDisk {
    left: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        self.left -= count;
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_format_reports_a_disk_that_fills_up() {
    let array = array();
    let named = [NamedArray {
        name: "x".into(),
        array: &array,
        dtype: None,
    }];
    for format in [
        Format::Png,
        Format::Jpeg,
        Format::Npy,
        Format::Npz,
        Format::Safetensors,
        Format::Csv,
    ] {
        let mut whole = Vec::new();
        write_to(&mut whole, format, &named).unwrap();
        for left in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
            let mut disk = FullDisk { left };
            let error = write_to(&mut disk, format, &named).expect_err("the disk is full");
            let text = unwritable(error);
            assert!(text.contains("free some space"), "{format} {left}: {text}");
        }
        let mut disk = FullDisk { left: whole.len() };
        write_to(&mut disk, format, &named).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_directly() {
    // Through links: a fault here must not replace a device of this machine.
    let folder = tempdir().unwrap();
    let device = |name: &str| {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(Path::new("/dev").join(name), &link).unwrap();
        link
    };
    let full = device("full");
    let error = write_atomic(&full, |target| target.write_all(b"x")).unwrap_err();
    let text = unwritable(error);
    assert!(text.contains("free some space"), "{text}");
    let null = device("null");
    write_atomic(&null, |target| target.write_all(b"x")).unwrap();
    assert!(!null.metadata().unwrap().is_file());
    assert!(full.is_symlink() && null.is_symlink());
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing/out.npy");
    for error in [write(&missing, &array()), ensure_writable(&missing)] {
        let text = unwritable(error.unwrap_err());
        assert!(text.contains("create it first"), "{text}");
    }
    let inside = folder.path().join("folder.npy");
    fs::create_dir(&inside).unwrap();
    let text = unwritable(write(&inside, &array()).unwrap_err());
    assert!(text.contains("not a folder"), "{text}");
    ensure_writable(folder.path().join("out.npy")).unwrap();
    assert_eq!(names(folder.path()), ["folder.npy"]);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let path = folder.path().join("out.npy");
    fs::write(&path, "previous").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let written = write(&path, &array());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The super-user may write anywhere; then the write must be a whole one.
    match written {
        Err(error) => {
            let text = unwritable(error);
            assert!(text.contains("choose a folder you may write to"), "{text}");
            assert_eq!(fs::read(&path).unwrap(), b"previous");
        }
        Ok(()) => assert_eq!(read_one(&path, None).unwrap().array, array()),
    }
    assert_eq!(names(folder.path()), ["out.npy"]);
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempdir().unwrap();
    let (real, link) = (
        folder.path().join("real.npy"),
        folder.path().join("link.npy"),
    );
    fs::write(&real, "previous").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.npy", &link).unwrap();
    write(&link, &array()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read_one(&real, None).unwrap().array, array());
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(names(folder.path()), ["link.npy", "real.npy"]);
}

#[cfg(unix)]
#[test]
fn pipes_are_read() {
    use std::process::Command;
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    if !Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|status| status.success())
    {
        return;
    }
    let mut bytes = Vec::new();
    let array = array();
    let named = [NamedArray {
        name: "x".into(),
        array: &array,
        dtype: None,
    }];
    write_to(&mut bytes, Format::Npy, &named).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, bytes)
    });
    assert_eq!(read_one(&pipe, None).unwrap().array, array);
    writer.join().unwrap().unwrap();
}
