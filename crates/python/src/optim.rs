//! `tensegrity.optim`: optimisers of NumPy arrays in place, norms, schedules.

mod matrix;
mod methods;
mod norms;
mod optimizer;
mod parameters;
mod schedule;
mod state;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tensegrity::linalg::{NewtonSchulz, PolarMethod};
use tensegrity::optim::{Error, NormSpec};

/// Puts the classes and functions into the compiled module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<optimizer::Optimizer>()?;
    module.add_class::<optimizer::StepStats>()?;
    module.add_class::<schedule::Schedule>()?;
    methods::register(module)?;
    module.add_function(wrap_pyfunction!(norms::norm, module)?)?;
    module.add_function(wrap_pyfunction!(norms::dual_norm, module)?)?;
    module.add_function(wrap_pyfunction!(norms::dualize, module)?)?;
    module.add_function(wrap_pyfunction!(norms::steepest, module)?)?;
    module.add_function(wrap_pyfunction!(matrix::polar, module)?)?;
    module.add_function(wrap_pyfunction!(matrix::inverse_root, module)?)
}

fn refused(error: Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn bad(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

fn norm_named(name: &str) -> PyResult<NormSpec> {
    NormSpec::by_name(name).map_err(refused)
}

/// How polar factors are computed, by name.
fn polar_method(
    name: &str,
    steps: Option<usize>,
    coefficients: Option<Vec<[f64; 3]>>,
) -> PyResult<PolarMethod> {
    let iteration = match (name, coefficients) {
        ("svd", None) if steps.is_none() => return Ok(PolarMethod::Svd),
        ("svd", _) => {
            return Err(bad(
                "method \"svd\" takes neither steps nor coefficients; name an iteration: \"muon\", \
                 \"quintic\" or \"cubic\"",
            ));
        }
        ("muon" | "quintic" | "cubic", Some(coefficients)) => match steps {
            Some(steps) if steps != coefficients.len() => {
                return Err(bad(format!(
                    "steps is {steps}, but there are coefficients for {}; leave steps out",
                    coefficients.len()
                )));
            }
            _ => NewtonSchulz::per_step(coefficients),
        },
        ("muon", None) => NewtonSchulz::muon(steps.unwrap_or(5)),
        ("quintic", None) => NewtonSchulz::quintic(steps.unwrap_or(12)),
        ("cubic", None) => NewtonSchulz::cubic(steps.unwrap_or(15)),
        _ => {
            return Err(bad(format!(
                "unknown method {name:?} for polar factors; known are svd, muon, quintic, cubic"
            )));
        }
    };
    Ok(PolarMethod::NewtonSchulz(iteration))
}
