//! `tensegrity contract`.

use std::time::Instant;

use serde_json::json;
use tensegrity::contract::promote::{ArrayView, compute_dtype, result_dtype};
use tensegrity::contract::{PlanOptions, contract_log_with};
use tensegrity::file::{self, NamedArray, ReadOptions};
use tensegrity::fit::read_array;
use tensegrity::{Array, DType};

use crate::arguments::Contract;
use crate::energy::metered::{self, Metered};
use crate::failure::{Failure, Outcome};
use crate::output::{self, say, shape_text};
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
    let metered = Metered::start("contract");
    let given = &arguments.given;
    if arguments.log && (given.broadcast || !given.sizes.is_empty()) {
        let message = "--log goes with neither --sizes nor --broadcast";
        return Err(Failure::Input(message.into()));
    }
    let (result, log10_scale) = if arguments.log {
        let scaled = contract_log_with(&arguments.expression, &views, &options)
            .map_err(subject::contract_failure)?;
        (scaled.mantissa, Some(scaled.log10_scale))
    } else {
        let shapes: Vec<&[usize]> = views.iter().map(ArrayView::shape).collect();
        let parsed = subject::parsed(&arguments.expression, &arguments.given)?;
        let dtype = compute_dtype(result_dtype(views.iter().map(ArrayView::dtype)));
        let options = PlanOptions {
            element_bytes: dtype.size() as u32,
            ..options
        };
        let result = parsed
            .plan(&shapes, &options)
            .and_then(|plan| plan.run(&views))
            .map_err(subject::contract_failure)?;
        (result, None)
    };
    let seconds = clock.elapsed().as_secs_f64();
    let energy = metered.report();
    let dtype = if arguments.log {
        result.dtype()
    } else {
        stored_dtype(&loaded, &result)
    };
    let result = wrapped(result, dtype);
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
            "energy": metered::object(energy.as_ref()),
            "output": arguments.output.display().to_string(),
        });
        say!("{object}");
    } else {
        let shape = shape_text(result.shape());
        say!(
            "{shape} {dtype} in {seconds:.3} s{}, written to {}",
            metered::text(energy.as_ref()),
            arguments.output.display()
        );
        if let Some(scale) = log10_scale {
            say!("log10 of the scale: {scale}");
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
    read_array(path, None, &options).map_err(|error| subject::fit_failure(error).at(path))
}

/// Integers too long for the type of the result keep their low bits, as NumPy's do.
fn wrapped(result: Array, dtype: DType) -> Array {
    let Array::I64(tensor) = &result else {
        return result;
    };
    match dtype {
        DType::Bool => tensor.map(|x| i64::from(x != 0)).into(),
        DType::U8 => tensor.map(|x| i64::from(x as u8)).into(),
        DType::I8 => tensor.map(|x| i64::from(x as i8)).into(),
        DType::U16 => tensor.map(|x| i64::from(x as u16)).into(),
        DType::I16 => tensor.map(|x| i64::from(x as i16)).into(),
        DType::U32 => tensor.map(|x| i64::from(x as u32)).into(),
        DType::I32 => tensor.map(|x| i64::from(x as i32)).into(),
        _ => result,
    }
}

/// The type NumPy would give the result.
fn stored_dtype(loaded: &[file::Loaded], result: &Array) -> DType {
    match result_dtype(loaded.iter().map(|one| one.source)) {
        // npy has no bfloat16.
        DType::BF16 => result.dtype(),
        dtype => dtype,
    }
}
