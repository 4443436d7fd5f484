//! The command line of Tensegrity: arguments in, one job done, an exit code out.
//!
//! Exit codes: 0 ok, 1 a result or check failed, 2 bad input, 3 a budget cannot
//! be met, 130 interrupted; `energy run` ends with the exit code of its command.
//! Tables go to standard output, progress and failures
//! to standard error; with `--json` standard output is one JSON object.

mod arguments;
mod completions;
mod contract;
mod draw;
mod energy;
mod expand;
mod explain;
mod failure;
mod fit;
mod inspect;
mod interrupt;
mod output;
mod plan;
mod progress;
mod reproduce;
mod subject;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    interrupt::survive_file_limit();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; everything else is bad input.
            if !error.use_stderr() {
                output::print(format_args!("{}", error.render().to_string().trim_end()));
                return ExitCode::SUCCESS;
            }
            let json = std::env::args_os().any(|word| word == "--json");
            return failure::usage(&error).report(json);
        }
    };
    if let Some(threads) = arguments.threads {
        tensegrity::set_threads(threads.into());
    } else {
        tensegrity::set_threads(std::thread::available_parallelism().map_or(1, usize::from));
    }
    let json = arguments.json;
    let outcome = match &arguments.command {
        Command::Fit(arguments) => fit::run(arguments, json),
        Command::Expand(arguments) => expand::run(arguments, json),
        Command::Inspect(arguments) => inspect::run(arguments, json),
        Command::Contract(arguments) => contract::run(arguments, json),
        Command::Plan(arguments) => plan::run(arguments, json),
        Command::Explain(arguments) => explain::run(arguments, json),
        Command::Draw(arguments) => draw::run(arguments, json),
        Command::Energy(arguments) => energy::run(arguments, json),
        Command::Reproduce(arguments) => reproduce::run(arguments, json),
        Command::Completions(arguments) => completions::run(arguments, json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
