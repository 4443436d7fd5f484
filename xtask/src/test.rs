//! `cargo xtask test`: everything that must hold, on a fresh machine.

use std::process::Command;

use crate::tally::Tally;
use crate::venv::Venv;
use crate::{command, readme, root};

/// Runs the Rust tests, the Python tests and the README's examples; every
/// part runs even if an earlier one failed, so one run tells all.
pub fn run() -> Result<(), String> {
    let root = root();
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    let mut part = |name: &str, outcome: Result<(), String>| {
        if let Err(message) = outcome {
            failures.push(format!("{name}: {message}"));
        }
    };
    part("rust", rust(&root, &mut tally));
    part("python", python(&root, &mut tally));
    let built = command::run(cargo(&root).args(["build", "--release", "--quiet"]));
    part(
        "readme",
        built.and_then(|()| readme::run(&root, &mut tally)),
    );
    for failure in &failures {
        eprintln!("FAILED {failure}");
    }
    println!(
        "\n{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    );
    if failures.is_empty() && tally.failed == 0 && tally.passed > 0 {
        Ok(())
    } else {
        Err("the tests did not pass".into())
    }
}

fn rust(root: &std::path::Path, tally: &mut Tally) -> Result<(), String> {
    // The extension module links against an interpreter only when it is loaded by one.
    let mut tests = cargo(root);
    tests.args([
        "test",
        "--workspace",
        "--exclude",
        "tensegrity-python",
        "--no-fail-fast",
    ]);
    command::watch(&mut tests, |line| tally.read(line))
}

fn python(root: &std::path::Path, tally: &mut Tally) -> Result<(), String> {
    let package = root.join("crates").join("python");
    let venv = Venv::ensure(root.join(".venv"), &package.join("requirements-test.txt"))?;
    venv.install_wheel(root)?;
    let mut pytest = Command::new(venv.python());
    pytest
        .args(["-m", "pytest", "-q", "-ra", "tests"])
        .current_dir(&package);
    command::watch(&mut pytest, |line| tally.read(line))
}

fn cargo(root: &std::path::Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}
