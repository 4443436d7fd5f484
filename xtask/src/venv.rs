//! Virtual environments with pinned packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;

/// A virtual environment under the root of the workspace.
pub struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Makes the environment if it is not there and installs `requirements`
    /// (a file of pinned packages); installing what is installed is quick.
    pub fn ensure(folder: PathBuf, requirements: &Path) -> Result<Self, String> {
        let venv = Self { folder };
        if !venv.python().exists() {
            let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
            command::run(Command::new(python).args(["-m", "venv"]).arg(&venv.folder))?;
        }
        let mut install = venv.pip();
        command::run(install.arg("-r").arg(requirements))?;
        Ok(venv)
    }

    /// The environment's interpreter.
    pub fn python(&self) -> PathBuf {
        let relative = if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        };
        self.folder.join(relative)
    }

    /// Builds the wheel in release mode and installs it, replacing an older build.
    pub fn install_wheel(&self, root: &Path) -> Result<(), String> {
        let wheels = root.join("target").join("wheels");
        // Old wheels would match the pattern below and install stale code.
        if wheels.exists() {
            std::fs::remove_dir_all(&wheels).map_err(|error| error.to_string())?;
        }
        let mut build = Command::new(self.python());
        build
            .args(["-m", "maturin", "build", "--release", "--quiet", "--out"])
            .arg(&wheels);
        build.arg("--interpreter").arg(self.python());
        command::run(build.current_dir(root.join("crates/python")))?;
        let wheel = std::fs::read_dir(&wheels)
            .map_err(|error| error.to_string())?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or("maturin reported success but left no wheel")?;
        command::run(
            self.pip()
                .args(["--force-reinstall", "--no-deps"])
                .arg(wheel),
        )
    }

    fn pip(&self) -> Command {
        let mut pip = Command::new(self.python());
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        pip
    }
}
