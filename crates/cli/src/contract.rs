//! `tensegrity contract`.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use tensegrity::contract::promote::{ArrayView, compute_dtype, result_dtype};
use tensegrity::contract::{PlanOptions, contract_log_with, run_plan};
use tensegrity::file::{self, NamedArray, ReadOptions};
use tensegrity::fit::read_array;
use tensegrity::{Array, DType};

use crate::arguments::Contract;
use crate::energy::metered::{self, Metered};
use crate::failure::{Failure, Outcome};
use crate::output::{self, say, shape_text};
use crate::progress::Progress;
use crate::subject::{self, Subject};

/// Reads the operands, contracts them and writes the result.
pub fn run(arguments: &Contract, json: bool) -> Outcome<()> {
    let what = Path::new(&arguments.expression);
    let is_file = what.is_file();
    if !is_file
        && what
            .extension()
            .is_some_and(|extension| extension == "json")
    {
        let message = format!("{}: there is no such file", arguments.expression);
        return Err(Failure::Input(message));
    }
    let inputs: Vec<&Path> = (arguments.files.iter().chain(&arguments.data))
        .map(AsRef::as_ref)
        .chain(is_file.then_some(what))
        .collect();
    output::check(&arguments.output, &inputs)?;
    let progress = Progress::new();
    progress.wait("reading");
    let mut loaded: Vec<file::Loaded> = (arguments.files.iter())
        .map(|path| read(path))
        .collect::<Outcome<_>>()?;
    for path in &arguments.data {
        let arrays = file::read_with(path, &EXACT);
        loaded.extend(arrays.map_err(|error| Failure::Input(error.to_string()))?);
    }
    let options = subject::plan_options(&arguments.planning);
    let views: Vec<ArrayView<'_>> = loaded
        .iter()
        .map(|one| ArrayView::from(&one.array))
        .collect();
    let clock = Instant::now();
    progress.wait("planning");
    let metered = Metered::start("contract");
    let given = &arguments.given;
    if arguments.log && (given.broadcast || !given.sizes.is_empty()) {
        let message = "--log goes with neither --sizes nor --broadcast";
        return Err(Failure::Input(message.into()));
    }
    let mut tell = |part: f64| progress.tell("contracting", part);
    let (result, log10_scale) = if is_file {
        let result = saved(arguments, &views, &options, &mut tell)?;
        (result, None)
    } else if arguments.log {
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
            .and_then(|plan| plan.run_with_progress(&views, &mut tell))
            .map_err(subject::contract_failure)?;
        (result, None)
    };
    let seconds = clock.elapsed().as_secs_f64();
    progress.wait("writing");
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
    drop(progress);
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

/// Runs a saved plan or a JSON network.
fn saved(
    arguments: &Contract,
    views: &[ArrayView<'_>],
    options: &PlanOptions,
    tell: &mut dyn FnMut(f64),
) -> Outcome<Array> {
    let refused = |flag: &str| {
        let file = &arguments.expression;
        let message = format!("{flag} goes with an expression, and {file} is a file");
        Err(Failure::Input(message))
    };
    if arguments.log {
        return refused("--log");
    }
    if arguments.given.broadcast || !arguments.given.sizes.is_empty() {
        return refused("--sizes and --broadcast");
    }
    let path = Path::new(&arguments.expression);
    let subject = Subject::of_file(path, options)?;
    if subject.diagram.is_some() {
        let name = path.display();
        let message =
            format!("{name} is a representation, not a network; `expand` gives its array");
        return Err(Failure::Input(message));
    }
    let shapes: Vec<&[usize]> = views.iter().map(ArrayView::shape).collect();
    let limit = options.memory_limit;
    let result = match &subject.einsum {
        Some(planned) => (planned.plan().check_memory(limit))
            .and_then(|()| planned.run_with_progress(views, tell)),
        None => (subject.plan.check_shapes(&shapes))
            .and_then(|()| run_plan(&subject.plan, views, limit)),
    };
    result.map_err(|error| subject::contract_failure(error).at(path))
}

/// Integers stay exact, as NumPy's do.
const EXACT: ReadOptions = ReadOptions {
    exact_integers: true,
    max_bytes: None,
};

fn read(path: &Path) -> Outcome<file::Loaded> {
    read_array(path, None, &EXACT).map_err(|error| subject::fit_failure(error).at(path))
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
