//! `tensegrity expand`.

use serde_json::json;
use tensegrity::file;
use tensegrity::fit::Representation;

use crate::arguments::Expand;
use crate::failure::{Failure, Outcome};
use crate::output::{self, bytes_text, shape_text};
use crate::subject;

/// Turns a `.tsg` file back into an array or a picture.
pub fn run(arguments: &Expand, json: bool) -> Outcome<()> {
    output::check(&arguments.output, &[&arguments.file])?;
    let representation = Representation::read(&arguments.file)
        .map_err(|error| subject::fit_failure(error).at(&arguments.file))?;
    let array = representation.expand().map_err(subject::fit_failure)?;
    file::write(&arguments.output, &array)
        .map_err(|error| Failure::Input(format!("output {error}")))?;
    let written = std::fs::metadata(&arguments.output).map_or(0, |metadata| metadata.len());
    if json {
        let object = json!({
            "structure": representation.structure(),
            "shape": array.shape(),
            "dtype": array.dtype().name(),
            "output": arguments.output.display().to_string(),
            "bytes": written,
        });
        println!("{object}");
    } else {
        println!(
            "{} {} from {}, written to {} ({})",
            shape_text(array.shape()),
            array.dtype(),
            representation.structure(),
            arguments.output.display(),
            bytes_text(written),
        );
    }
    Ok(())
}
