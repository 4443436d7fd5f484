//! `cargo xtask bench <room>`: ours and the peers side by side in one run.
//!
//! The measuring itself is Python (`bench/<room>.py`), because that is where
//! the peers live: every round times ours and each peer in turn in one
//! process, so a slow moment of the machine hits both. What Python cannot see
//! (the cost of a cached `einsum` inside Rust) comes from the Rust benches,
//! which print one JSON object a line.

use std::path::Path;
use std::process::Command;

use crate::venv::Venv;
use crate::{command, root};

/// Rust benches (package, bench target) that belong to a room.
fn rust_benches(room: &str) -> Result<&'static [(&'static str, &'static str)], String> {
    match room {
        "spine" => Ok(&[
            ("tensegrity-tensor", "permute"),
            ("tensegrity-tensor", "elementwise"),
            ("tensegrity-linalg", "linalg"),
            ("tensegrity-contract", "pair"),
            ("tensegrity-contract", "planner"),
        ]),
        "decompose" => Ok(&[("tensegrity-decompose", "decompose")]),
        "fit" | "meter" | "minimize" => Ok(&[]),
        "symmetry" => Ok(&[("tensegrity-symmetry", "graph")]),
        "grad" => Ok(&[("tensegrity-grad", "gradient")]),
        "optim" => Ok(&[("tensegrity-optim", "optim")]),
        _ => Err(format!(
            "unknown room {room:?}; there are spine, decompose, fit, meter, minimize, optim, symmetry and grad"
        )),
    }
}

/// Builds the wheel into the bench environment and runs the room's script.
pub fn run(room: &str, flags: &[&str]) -> Result<(), String> {
    let benches = rust_benches(room)?;
    if let Some(flag) = flags
        .iter()
        .find(|flag| !["--quick", "--keep"].contains(flag))
    {
        return Err(format!(
            "unknown flag {flag:?}; there are --quick and --keep"
        ));
    }
    let root = root();
    let folder = root.join("bench");
    let venv = Venv::ensure(root.join(".bench-venv"), &folder.join("requirements.txt"))?;
    venv.install_wheel(&root)?;
    let out = folder.join("out");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let inner = out.join(format!("{room}-rust.jsonl"));
    std::fs::write(&inner, measure_rust(&root, benches)?).map_err(|error| error.to_string())?;
    command::run(cargo(&root).args(["build", "--release", "--quiet"]))?;

    let mut script = Command::new(venv.python());
    script
        .arg(folder.join(format!("{room}.py")))
        .arg("--rust")
        .arg(inner)
        .args(flags);
    // One thread each, so that a ratio compares work and not core counts.
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        script.env(name, "1");
    }
    command::run(script.current_dir(&root))
}

fn measure_rust(root: &Path, benches: &[(&str, &str)]) -> Result<String, String> {
    let mut lines = String::new();
    for (package, bench) in benches {
        let mut command = cargo(root);
        command.args(["bench", "--quiet", "--package", package, "--bench", bench]);
        command::watch(&mut command, |line| {
            if line.starts_with('{') {
                lines.push_str(line);
                lines.push('\n');
            }
        })?;
    }
    Ok(lines)
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}
