//! `tensegrity expand`.

use serde_json::json;
use tensegrity::file::{self, NamedArray};
use tensegrity::fit::Representation;
use tensegrity::{Array, DType, with_tensor};

use crate::arguments::Expand;
use crate::failure::{Failure, Outcome};
use crate::output::{self, bytes_text, say, shape_text};
use crate::progress::Progress;
use crate::subject;

/// Turns a `.tsg` file back into an array or a picture.
pub fn run(arguments: &Expand, json: bool) -> Outcome<()> {
    output::check(&arguments.output, &[&arguments.file])?;
    let progress = Progress::new();
    progress.wait("reading");
    let representation = Representation::read(&arguments.file)
        .map_err(|error| subject::fit_failure(error).at(&arguments.file))?;
    progress.wait("expanding");
    let array = representation.expand().map_err(subject::fit_failure)?;
    let (array, dtype) = as_written(&arguments.output, array, representation.dtype());
    progress.wait("writing");
    let named = NamedArray {
        name: "array".into(),
        array: &array,
        dtype,
    };
    file::write_all(&arguments.output, &[named])
        .map_err(|error| Failure::Input(format!("output {error}")))?;
    drop(progress);
    let written = std::fs::metadata(&arguments.output).map_or(0, |metadata| metadata.len());
    if json {
        let object = json!({
            "structure": representation.structure(),
            "shape": array.shape(),
            "dtype": array.dtype().name(),
            "output": arguments.output.display().to_string(),
            "bytes": written,
        });
        say!("{object}");
    } else {
        say!(
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

/// The array and the element type to store it in. Pictures of 16 bits stay so,
/// and numbers that were no grey levels are stretched to them.
fn as_written(output: &std::path::Path, array: Array, source: DType) -> (Array, Option<DType>) {
    let is_png =
        (output.extension()).is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    match source {
        _ if !is_png => (array, None),
        DType::U8 | DType::Bool => (array, None),
        DType::U16 => (array, Some(DType::U16)),
        _ if source.is_complex() => (array, None),
        _ => (stretched(&array), None),
    }
}

/// Values mapped linearly so that the smallest is 0 and the largest 255.
fn stretched(array: &Array) -> Array {
    let values: Vec<f64> = match array {
        Array::F32(tensor) => tensor.as_slice().iter().map(|&x| x.into()).collect(),
        Array::F64(tensor) => tensor.as_slice().to_vec(),
        other => with_tensor!(other, tensor => vec![0.0; tensor.len()]),
    };
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low >= high || (low, high) == (0.0, 255.0) {
        return array.clone();
    }
    eprintln!("tensegrity: note: values from {low} to {high} become grey levels from 0 to 255");
    // Halves: the difference of the two may be out of range.
    let span = high / 2.0 - low / 2.0;
    let grey = values.iter().map(|x| (x / 2.0 - low / 2.0) / span * 255.0);
    match tensegrity::Tensor::from_vec(grey.collect(), array.shape()) {
        Ok(tensor) => tensor.into(),
        Err(_) => array.clone(),
    }
}
