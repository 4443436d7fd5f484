//! Signals: Ctrl-C as a flag the work looks at, and limits as errors.

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

/// Makes a write beyond the limit on the size of files (`ulimit -f`) fail like
/// any other write, instead of ending the process with files half-written.
pub fn survive_file_limit() {
    #[cfg(unix)]
    {
        let ignored = std::sync::Arc::new(AtomicBool::new(false));
        // Without the handler the limit ends the process, as it did before.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, ignored);
    }
}
