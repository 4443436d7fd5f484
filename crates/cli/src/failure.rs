//! Failures and their exit codes: the one place where kinds become numbers.

use std::fmt;
use std::process::ExitCode;

use crate::output::say;

/// Why a command did not do its job.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// A result or a check failed (exit code 1).
    Failed(String),
    /// The input is not what it should be (exit code 2).
    Input(String),
    /// A size, memory or error budget cannot be met (exit code 3).
    Budget(String),
    /// A command that was run for the user failed; its exit code becomes ours.
    Command(u8),
    /// So many claims of a reproduction do not hold (exit code 1).
    Claims(usize),
    /// Ctrl-C (exit code 130, as shells count it).
    Interrupted,
}

/// Result of a command.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Names the file in front of the message unless it does so already.
    pub fn at(self, path: &std::path::Path) -> Self {
        let name = path.display().to_string();
        let named = |message: String| {
            if message.contains(&name) {
                message
            } else {
                format!("{name}: {message}")
            }
        };
        match self {
            Failure::Failed(message) => Failure::Failed(named(message)),
            Failure::Input(message) => Failure::Input(named(message)),
            Failure::Budget(message) => Failure::Budget(named(message)),
            Failure::Command(code) => Failure::Command(code),
            Failure::Claims(count) => Failure::Claims(count),
            Failure::Interrupted => Failure::Interrupted,
        }
    }

    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Failed(_) | Failure::Claims(_) => 1,
            Failure::Input(_) => 2,
            Failure::Budget(_) => 3,
            Failure::Command(code) => *code,
            Failure::Interrupted => 130,
        }
    }

    /// Prints the failure, one line on standard error or one JSON object on
    /// standard output, and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        // The result of such commands has been printed already.
        if json && !matches!(self, Failure::Command(_) | Failure::Claims(_)) {
            let object = serde_json::json!({ "error": self.to_string(), "code": self.code() });
            say!("{object}");
        } else {
            eprintln!("tensegrity: {self}");
        }
        ExitCode::from(self.code())
    }
}

/// A mistake in the words of a command.
pub fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    // The first paragraph says what is wrong; usage and tips follow.
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let words: Vec<&str> = lines.map(str::trim).collect();
    let message = words.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Failure::Input(format!("{message} (--help tells more)"))
}

/// The message in one line. An expression with a caret below it becomes the
/// expression with a mark in it.
fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().collect();
    let [first @ .., text, caret] = lines.as_slice() else {
        return lines.join(" ");
    };
    let place = caret.find('^').filter(|_| caret.trim() == "^");
    let at = place.and_then(|place| {
        let before = caret[..place].chars().count();
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.clone().nth(before)
    });
    match at {
        Some(at) if !first.is_empty() => {
            let (before, after) = text.split_at(at);
            format!("{}, here: {}▸{after}", first.join(" "), before.trim_start())
        }
        _ => lines.join(" "),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(message) | Failure::Input(message) | Failure::Budget(message) => {
                f.write_str(&one_line(message))
            }
            Failure::Command(code) => write!(f, "the command ended with exit code {code}"),
            Failure::Claims(1) => f.write_str("1 claim does not hold"),
            Failure::Claims(count) => write!(f, "{count} claims do not hold"),
            Failure::Interrupted => f.write_str("interrupted; nothing was written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_becomes_a_mark() {
        let failure = Failure::Input("index z is unknown\n  ij,jk->iz\n          ^".into());
        assert_eq!(failure.to_string(), "index z is unknown, here: ij,jk->i▸z");
    }
}
