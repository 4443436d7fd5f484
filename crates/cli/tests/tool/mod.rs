//! The real binary in a folder of its own.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tensegrity_tensor::{Array, Tensor, file};

/// A temporary folder and the tool that runs in it.
pub struct Tool {
    pub folder: tempfile::TempDir,
}

/// What one run left.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Tool {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `tensegrity` with words split at blanks.
    pub fn run(&self, line: &str) -> Run {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub fn run_words(&self, words: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tensegrity"));
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .expect("the tool starts");
        Run {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).expect("UTF-8"),
            stderr: String::from_utf8(stderr).expect("UTF-8"),
        }
    }

    /// Runs a line of the shell in which `tensegrity` is the tool.
    pub fn shell(&self, line: &str) -> Run {
        let tool = env!("CARGO_BIN_EXE_tensegrity");
        let line = format!("tensegrity() {{ '{tool}' \"$@\"; }}; {line}");
        let mut shell = Command::new("bash");
        let output = shell
            .args(["-c", &line])
            .current_dir(self.folder.path())
            .output()
            .expect("bash starts");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    pub fn write(&self, name: &str, array: impl Into<Array>) {
        file::write(self.path(name), &array.into()).expect("the input is written");
    }

    /// Elements of a real array file as `f64`.
    pub fn read(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let array = file::read_one(self.path(name), None)
            .expect("the output is read")
            .array;
        let values = match &array {
            Array::F32(tensor) => tensor.as_slice().iter().map(|&x| f64::from(x)).collect(),
            Array::F64(tensor) => tensor.as_slice().to_vec(),
            Array::I64(tensor) => tensor.as_slice().iter().map(|&x| x as f64).collect(),
            other => panic!("{} is not real", other.dtype()),
        };
        (array.shape().to_vec(), values)
    }

    /// Names in the folder, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is readable");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

impl Run {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stderr: {}", self.stderr);
        self
    }

    /// The failure's one line, after checking the code and that it is one line.
    #[track_caller]
    pub fn fails(&self, code: i32) -> &str {
        assert_eq!(
            self.code, code,
            "stdout: {} stderr: {}",
            self.stdout, self.stderr
        );
        let line = self.stderr.trim_end();
        assert!(line.starts_with("tensegrity: "), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one JSON object on standard output")
    }
}

/// A smooth tensor with structure to find.
pub fn smooth(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |index| {
        let sum: usize = index.iter().sum();
        1.0 / (1.0 + sum as f64) + 0.1 * (0.3 * index[0] as f64).sin()
    })
    .expect("a small shape")
}

pub fn relative_error(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let distance: f64 = x.iter().zip(y).map(|(a, b)| (a - b) * (a - b)).sum();
    (distance / x.iter().map(|a| a * a).sum::<f64>()).sqrt()
}

/// The repository's data folder.
pub fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(name);
    path.canonicalize()
        .expect("the data is there")
        .display()
        .to_string()
}
