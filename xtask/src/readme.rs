//! The README's console examples, run as a reader would.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::tally::Tally;

/// The lines after `$ ` in the README's `console` blocks.
pub fn commands(readme: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.trim_start() {
            "```console" => inside = true,
            "```" => inside = false,
            text if inside => found.extend(text.strip_prefix("$ ").map(str::to_owned)),
            _ => {}
        }
    }
    found
}

/// Runs every example but `cargo xtask …` itself, with `tensegrity` on the
/// path and the repository's `data` folder in sight, in a folder of its own
/// that is removed at the end.
pub fn run(root: &Path, tally: &mut Tally) -> Result<(), String> {
    let text =
        std::fs::read_to_string(root.join("README.md")).map_err(|error| error.to_string())?;
    let release = root.join("target").join("release");
    let folder = root.join("target").join("readme");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    copy_folder(&root.join("data"), &folder.join("data"))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(release).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths).map_err(|error| error.to_string())?;
    let mut failures = Vec::new();
    for line in commands(&text) {
        let line = line.replace("cargo run --release -- ", "tensegrity ");
        if line.starts_with("cargo ") || line.starts_with("git ") || line.starts_with("pip ") {
            continue;
        }
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", &line])
            .env("PATH", &path)
            .current_dir(&folder);
        match command::run(&mut shell) {
            Ok(()) => tally.passed += 1,
            Err(message) => {
                tally.failed += 1;
                failures.push(message);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("; "))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let explain = |error: std::io::Error| format!("copying {}: {error}", from.display());
    std::fs::create_dir_all(to).map_err(explain)?;
    for entry in std::fs::read_dir(from).map_err(explain)? {
        let entry = entry.map_err(explain)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(explain)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn only_prompted_lines_of_console_blocks_are_commands() {
        let text =
            "```console\n$ tensegrity fit x\noutput\n```\n$ not this\n```sh\n$ nor this\n```\n";
        assert_eq!(commands(text), ["tensegrity fit x"]);
    }
}
