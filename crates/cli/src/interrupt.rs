//! Ctrl-C as a flag the work looks at.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The flag; the first Ctrl-C sets it, a second one ends the process at once.
///
/// Work that sees the flag stops at the next safe place, so nothing is left
/// half-written.
pub fn flag() -> &'static AtomicBool {
    // A handler can be set once in a process; a second call keeps the first.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    &INTERRUPTED
}
