//! `tensegrity contract`.

use std::time::Instant;

use serde_json::json;
use tensegrity::contract::promote::{ArrayView, result_dtype};
use tensegrity::contract::{contract_log_with, einsum_with};
use tensegrity::file::{self, NamedArray, ReadOptions};
use tensegrity::{Array, DType};

use crate::arguments::Contract;
use crate::failure::{Failure, Outcome};
use crate::output::{self, shape_text};
use crate::subject;

/// Reads the operands, contracts them and writes the result.
pub fn run(arguments: &Contract, json: bool) -> Outcome<()> {
    let inputs: Vec<&std::path::Path> = arguments.files.iter().map(AsRef::as_ref).collect();
    output::check(&arguments.output, &inputs)?;
    let loaded: Vec<file::Loaded> = inputs
        .iter()
        .map(|path| read(path))
        .collect::<Outcome<_>>()?;
    let options = subject::plan_options(&arguments.planning);
    let views: Vec<ArrayView<'_>> = loaded
        .iter()
        .map(|one| ArrayView::from(&one.array))
        .collect();
    let clock = Instant::now();
    let (result, log10_scale) = if arguments.log {
        let scaled = contract_log_with(&arguments.expression, &views, &options)
            .map_err(subject::contract_failure)?;
        (scaled.mantissa, Some(scaled.log10_scale))
    } else {
        let result = einsum_with(&arguments.expression, &views, &options)
            .map_err(subject::contract_failure)?;
        (result, None)
    };
    let seconds = clock.elapsed().as_secs_f64();
    let dtype = if arguments.log {
        result.dtype()
    } else {
        stored_dtype(&loaded, &result)
    };
    let named = NamedArray {
        name: "result".into(),
        array: &result,
        dtype: Some(dtype),
    };
    file::write_all(&arguments.output, &[named])
        .map_err(|error| Failure::Input(format!("output {error}")))?;
    if json {
        let object = json!({
            "shape": result.shape(),
            "dtype": dtype.name(),
            "log10_scale": log10_scale,
            "seconds": seconds,
            "output": arguments.output.display().to_string(),
        });
        println!("{object}");
    } else {
        let shape = shape_text(result.shape());
        println!(
            "{shape} {dtype} in {seconds:.3} s, written to {}",
            arguments.output.display()
        );
        if let Some(scale) = log10_scale {
            println!("log10 of the scale: {scale}");
        }
    }
    Ok(())
}

/// Integers stay exact, as NumPy's do.
fn read(path: &std::path::Path) -> Outcome<file::Loaded> {
    let options = ReadOptions {
        exact_integers: true,
        ..ReadOptions::default()
    };
    file::read_one_with(path, None, &options).map_err(|error| Failure::Input(error.to_string()))
}

/// The type NumPy would give the result.
fn stored_dtype(loaded: &[file::Loaded], result: &Array) -> DType {
    match result_dtype(loaded.iter().map(|one| one.source)) {
        // npy has no bfloat16.
        DType::BF16 => result.dtype(),
        dtype => dtype,
    }
}
