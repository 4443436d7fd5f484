//! The system call that opens a counter.

use std::fs::File;
use std::io;

/// Opens the counter of an event for all processes on one processor.
#[cfg(target_os = "linux")]
pub(super) fn open(kind: u32, event: u64, cpu: usize) -> io::Result<File> {
    use std::os::fd::FromRawFd;

    /// `struct perf_event_attr` in its first published form, which every kernel
    /// accepts. Zeros mean: count, do not sample, start at once.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        rest: [u64; 6],
    }
    const _: () = assert!(size_of::<Attributes>() == 64);

    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        config: event,
        ..Attributes::default()
    };
    let cpu = libc::c_int::try_from(cpu).map_err(io::Error::other)?;
    let (everybody, no_group, close_on_exec): (libc::pid_t, libc::c_int, libc::c_ulong) =
        (-1, -1, 8);
    // SAFETY: the kernel reads `size` bytes of `attributes`, which lives through
    // the call and has the layout it documents; the other arguments are numbers.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            everybody,
            cpu,
            no_group,
            close_on_exec,
        )
    };
    let descriptor = match libc::c_int::try_from(opened) {
        Ok(descriptor) if descriptor >= 0 => descriptor,
        _ => return Err(io::Error::last_os_error()),
    };
    // SAFETY: the call succeeded, so the descriptor is open and nobody else's.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open(_: u32, _: u64, _: usize) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
