//! `tensegrity completions`.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions};
use crate::failure::Outcome;

/// Prints the completion script of a shell.
pub fn run(arguments: &Completions) -> Outcome<()> {
    let mut command = Arguments::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "tensegrity",
        &mut std::io::stdout(),
    );
    Ok(())
}
