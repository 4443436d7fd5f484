//! Where results go, and how numbers read.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;

use tensegrity::file;

use crate::failure::{Failure, Outcome};

/// Prints a line on standard output, as `println!` does, but ends the program
/// where that panics: quietly if the reader has gone, else with a message.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::print(format_args!($($text)*))
    };
}
pub(crate) use say;

/// What [`say!`] does.
pub fn print(line: fmt::Arguments<'_>) {
    let Err(error) = writeln!(std::io::stdout(), "{line}") else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    eprintln!("tensegrity: cannot write to standard output: {error}");
    std::process::exit(1);
}

/// Checks that `path` can become an output before any work is done, and that
/// it is none of `inputs`.
pub fn check(path: &Path, inputs: &[&Path]) -> Outcome<()> {
    for input in inputs {
        if let (Ok(left), Ok(right)) = (path.canonicalize(), input.canonicalize())
            && left == right
        {
            let path = path.display();
            return Err(Failure::Input(format!(
                "output {path}: is also an input; choose another name"
            )));
        }
    }
    file::ensure_writable(path).map_err(|error| Failure::Input(format!("output {error}")))
}

/// Writes `text` to `path`, whole or not at all.
pub fn write(path: &Path, text: &str) -> Outcome<()> {
    file::write_atomic(path, |file: &mut dyn Write| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::Input(format!("output {error}")))
}

/// `1.5 kB`, for tables.
pub fn bytes_text(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.2} GB", value / 1e9),
    }
}

/// `512 × 512 × 3`; no axes are a scalar.
pub fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".into();
    }
    shape
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" × ")
}

/// Four significant digits, plain where that reads well.
pub fn number_text(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if (1e-3..1e4).contains(&value.abs()) {
        let digits = (3 - value.abs().log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_writable_and_no_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.svg");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        check(&path, &[]).unwrap();
        assert!(check(&path, &[&path]).is_err());
        assert!(check(folder.path(), &[]).is_err());
        assert!(check(&folder.path().join("no/such/x"), &[]).is_err());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes_text(786_432), "786.4 kB");
        assert_eq!(shape_text(&[512, 512, 3]), "512 × 512 × 3");
        assert_eq!(shape_text(&[]), "scalar");
        assert_eq!(number_text(0.099_987_6), "0.09999");
        assert_eq!(number_text(1.5e-9), "1.500e-9");
    }
}
