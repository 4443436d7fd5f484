//! Chores of the workspace: `cargo xtask test`, `cargo xtask bench <room>`.
//!
//! No dependencies on purpose: this is the first thing a fresh machine builds.

// Printing is what a chore does.
#![allow(clippy::print_stdout)]

mod bench;
mod command;
mod readme;
mod tally;
mod test;
mod venv;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

chores:
  test            build, run every Rust test, the Python tests and the README's commands
  bench <room>    measure against the peers: spine, decompose, fit, meter, minimize, optim, symmetry or grad
                  (--quick fewer rounds, --keep write the raw run to bench/runs)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::run(),
        ["bench", room, flags @ ..] => bench::run(room, flags),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask lives one level below the root")
        .to_path_buf()
}
