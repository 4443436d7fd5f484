//! The Python face: arguments in, NumPy arrays out, no algorithm.

mod array;
mod decompose;
mod derivative;
mod einsum;
mod energy;
mod fit;
mod minimize;
mod optim;
mod plan;

use pyo3::prelude::*;

/// How many threads a call may use.
///
/// >>> tg.threads() >= 1
/// True
#[pyfunction]
fn threads() -> usize {
    tensegrity::threads()
}

/// Sets how many threads a call may use; results do not depend on it.
///
/// >>> tg.set_threads(1)
#[pyfunction]
fn set_threads(threads: usize) {
    tensegrity::set_threads(threads);
}

/// The compiled part of the package ``tensegrity``.
#[pymodule]
fn _tensegrity(module: &Bound<'_, PyModule>) -> PyResult<()> {
    tensegrity::set_threads(std::thread::available_parallelism().map_or(1, usize::from));
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(einsum::einsum, module)?)?;
    module.add_function(wrap_pyfunction!(einsum::contract_log, module)?)?;
    module.add_function(wrap_pyfunction!(derivative::vjp, module)?)?;
    module.add_function(wrap_pyfunction!(derivative::hvp, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)?;
    module.add_function(wrap_pyfunction!(plan::find_path, module)?)?;
    module.add_class::<plan::Plan>()?;
    module.add_function(wrap_pyfunction!(fit::fit, module)?)?;
    module.add_function(wrap_pyfunction!(fit::load, module)?)?;
    module.add_function(wrap_pyfunction!(fit::read, module)?)?;
    module.add_class::<fit::Fit>()?;
    module.add_function(wrap_pyfunction!(decompose::tucker, module)?)?;
    module.add_function(wrap_pyfunction!(decompose::tensor_train, module)?)?;
    module.add_function(wrap_pyfunction!(decompose::parafac, module)?)?;
    module.add_class::<decompose::TuckerResult>()?;
    module.add_class::<decompose::TensorTrainResult>()?;
    module.add_class::<decompose::CpResult>()?;
    module.add_class::<energy::Span>()?;
    module.add_class::<energy::Meter>()?;
    module.add_function(wrap_pyfunction!(energy::energy_probe, module)?)?;
    module.add_function(wrap_pyfunction!(energy::energy_estimate, module)?)?;
    minimize::register(module)?;
    optim::register(module)
}
