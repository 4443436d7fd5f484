//! `tensegrity completions`.

use clap::CommandFactory;
use serde_json::json;

use crate::arguments::{Arguments, Completions};
use crate::failure::Outcome;
use crate::output::say;

/// Prints the completion script of a shell.
pub fn run(arguments: &Completions, json: bool) -> Outcome<()> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "tensegrity", &mut script);
    let script = String::from_utf8_lossy(&script);
    if json {
        let shell = arguments.shell.to_string();
        say!("{}", json!({ "shell": shell, "script": script }));
    } else {
        say!("{}", script.trim_end());
    }
    Ok(())
}
