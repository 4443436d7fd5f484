//! `tensegrity.optim.minimize`: Python callables as an oracle.

use std::ops::ControlFlow;
use std::sync::Mutex;

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tensegrity::optim::minimize::{
    self, Answer, Evaluations, Method, Minimum, Offers, Options, Oracle, Record, Solver, StopReason,
};

use crate::array::numpy_module;

fn refused(error: tensegrity::optim::Error) -> PyErr {
    use tensegrity::optim::Error;
    match error {
        // The callable's own exception, as it was raised.
        Error::Oracle { source, .. } if source.is::<PyErr>() => *source
            .downcast::<PyErr>()
            .unwrap_or_else(|_| unreachable!("it is one")),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// A point with the value and the gradient there.
type Pair = (Vec<f64>, f64, Vec<f64>);

/// Callables `f(x)`, or `f(x, batch)` where there are samples.
struct Callables {
    dimension: usize,
    samples: Option<usize>,
    fun: Option<Py<PyAny>>,
    /// Absent if `fun` returns a pair of value and gradient.
    jac: Option<Py<PyAny>>,
    hess: Option<Py<PyAny>>,
    hessp: Option<Py<PyAny>>,
    third: Option<Py<PyAny>>,
    /// The last pair of a `fun` that returns both, with its point.
    pair: Mutex<Option<Pair>>,
}

impl Callables {
    fn call<'py>(
        &self,
        py: Python<'py>,
        callable: &Option<Py<PyAny>>,
        vectors: &[&[f64]],
        batch: Option<&[usize]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(callable) = callable else {
            return Err(PyValueError::new_err("a derivative is missing"));
        };
        let mut arguments: Vec<Bound<'py, PyAny>> = vectors
            .iter()
            .map(|x| PyArray1::from_slice(py, x).into_any())
            .collect();
        if self.samples.is_some() {
            arguments.push(match batch {
                None => py.None().into_bound(py),
                Some(batch) => {
                    let batch: Vec<i64> = batch.iter().map(|i| *i as i64).collect();
                    PyArray1::from_vec(py, batch).into_any()
                }
            });
        }
        callable.bind(py).call1(PyTuple::new(py, arguments)?)
    }

    fn both(&self, x: &[f64], batch: Option<&[usize]>) -> PyResult<(f64, Vec<f64>)> {
        let mut pair = self.pair.lock().unwrap_or_else(|e| e.into_inner());
        if let (None, Some((last, value, gradient))) = (batch, &*pair)
            && last == x
        {
            return Ok((*value, gradient.clone()));
        }
        Python::attach(|py| {
            let found = self.call(py, &self.fun, &[x], batch)?;
            let (value, gradient): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
                found.extract().map_err(|_| {
                    PyValueError::new_err("with jac=True, fun returns a pair (value, gradient)")
                })?;
            let value = scalar(&value)?;
            let mut out = vec![0.0; x.len()];
            vector("fun", &gradient, &mut out)?;
            if batch.is_none() {
                *pair = Some((x.to_vec(), value, out.clone()));
            }
            Ok((value, out))
        })
    }
}

fn scalar(object: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(value) = object.extract::<f64>() {
        return Ok(value);
    }
    // An array of one entry, as SciPy takes it.
    object.call_method0("item")?.extract()
}

fn as_float<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    numpy_module(object.py())?.call_method1("asarray", (object, "float64"))
}

fn vector(what: &str, object: &Bound<'_, PyAny>, out: &mut [f64]) -> PyResult<()> {
    let array = as_float(object)?;
    let wrong = |array: &Bound<'_, PyAny>| {
        let shape = array.getattr("shape").map(|s| s.to_string());
        PyValueError::new_err(format!(
            "{what} returned an array of shape {}; ({},) is needed",
            shape.unwrap_or_default(),
            out.len()
        ))
    };
    let Ok(view) = array.extract::<PyReadonlyArray1<'_, f64>>() else {
        return Err(wrong(&array));
    };
    if view.as_array().len() != out.len() {
        return Err(wrong(&array));
    }
    for (out, x) in out.iter_mut().zip(view.as_array()) {
        *out = *x;
    }
    Ok(())
}

fn matrix(object: &Bound<'_, PyAny>, n: usize, out: &mut [f64]) -> PyResult<()> {
    let array = as_float(object)?;
    let view = array
        .extract::<PyReadonlyArray2<'_, f64>>()
        .ok()
        .filter(|view| view.as_array().dim() == (n, n));
    let Some(view) = view else {
        let shape = array.getattr("shape")?;
        return Err(PyValueError::new_err(format!(
            "hess returned an array of shape {shape}; ({n}, {n}) is needed"
        )));
    };
    for (out, x) in out.iter_mut().zip(view.as_array()) {
        *out = *x;
    }
    Ok(())
}

impl Oracle for Callables {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn samples(&self) -> Option<usize> {
        self.samples
    }

    fn offers(&self) -> Offers {
        let mut offers = Offers::gradients();
        if self.fun.is_some() {
            offers = offers.value();
        }
        if self.hess.is_some() {
            offers = offers.hessian();
        }
        if self.hessp.is_some() {
            offers = offers.product();
        }
        if self.third.is_some() {
            offers = offers.third();
        }
        offers
    }

    fn value(&self, x: &[f64], batch: Option<&[usize]>) -> Answer<f64> {
        if self.jac.is_none() {
            return Ok(self.both(x, batch)?.0);
        }
        Ok(Python::attach(|py| {
            scalar(&self.call(py, &self.fun, &[x], batch)?)
        })?)
    }

    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        if self.jac.is_none() {
            out.copy_from_slice(&self.both(x, batch)?.1);
            return Ok(());
        }
        Ok(Python::attach(|py| {
            vector("jac", &self.call(py, &self.jac, &[x], batch)?, out)
        })?)
    }

    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        Ok(Python::attach(|py| {
            matrix(&self.call(py, &self.hess, &[x], batch)?, x.len(), out)
        })?)
    }

    fn product(
        &self,
        x: &[f64],
        v: &[f64],
        batch: Option<&[usize]>,
        out: &mut [f64],
    ) -> Answer<()> {
        Ok(Python::attach(|py| {
            vector("hessp", &self.call(py, &self.hessp, &[x, v], batch)?, out)
        })?)
    }

    fn third(&self, x: &[f64], v: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        Ok(Python::attach(|py| {
            vector("third", &self.call(py, &self.third, &[x, v], batch)?, out)
        })?)
    }
}

/// What an accelerated run with exact values and gradients proved about a convex
/// function: ``held`` (the inequality held after every step), ``margin`` (its
/// least slack, ``A * psi - fun``), ``steps``, and :meth:`bound`.
///
/// >>> res = tg.optim.minimize(lambda x: float(x @ x), np.ones(2), jac=lambda x: 2 * x,
/// ...     hess=lambda x: 2 * np.eye(2), M=1.0, adaptive=False, max_iter=5)
/// >>> res.certificate.held, bool(res.fun <= res.certificate.bound(2.0))
/// (True, True)
#[pyclass(module = "tensegrity.optim", frozen)]
#[derive(Clone)]
pub struct Certificate {
    inner: minimize::Certificate,
}

/// The parts of a certificate, in the order of its fields.
type Parts = (bool, f64, usize, bool, f64, [f64; 3], f64, f64, f64);

#[pymethods]
impl Certificate {
    /// Made of the parts another one was pickled to.
    #[new]
    fn new(parts: Parts) -> Self {
        let (held, margin, steps, holds, weight, regularizer, value, intercept, slope) = parts;
        Self {
            inner: minimize::Certificate {
                held,
                margin,
                steps,
                holds,
                weight,
                regularizer,
                value,
                intercept,
                slope,
            },
        }
    }

    /// Whether ``fun <= A * psi`` held after every accelerated step.
    #[getter]
    fn held(&self) -> bool {
        self.inner.held
    }

    /// Least ``A * psi - fun`` of all steps.
    #[getter]
    fn margin(&self) -> f64 {
        self.inner.margin
    }

    /// Accelerated steps since the last restart.
    #[getter]
    fn steps(&self) -> usize {
        self.inner.steps
    }

    /// Upper bound on the gap of ``fun`` if some minimiser lies within ``radius``
    /// of ``x0`` (of the last restart, if there were any).
    fn bound(&self, radius: f64) -> f64 {
        self.inner.bound(radius)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Parts,))> {
        let c = &slf.get().inner;
        let parts = (
            c.held,
            c.margin,
            c.steps,
            c.holds,
            c.weight,
            c.regularizer,
            c.value,
            c.intercept,
            c.slope,
        );
        Ok((slf.get_type().into_any(), (parts,)))
    }

    fn __repr__(&self) -> String {
        let c = &self.inner;
        let held = if c.held { "True" } else { "False" };
        format!(
            "Certificate(held={held}, margin={:.6e}, steps={})",
            c.margin, c.steps
        )
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

fn count(dict: &Bound<'_, PyDict>, evaluations: &Evaluations) -> PyResult<()> {
    dict.set_item("nfev", evaluations.values)?;
    dict.set_item("njev", evaluations.gradients)?;
    dict.set_item("nhev", evaluations.hessians)?;
    dict.set_item("nhvp", evaluations.products)?;
    dict.set_item("nthird", evaluations.thirds)?;
    dict.set_item("epochs", evaluations.epochs)
}

fn entry<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("nit", record.iteration)?;
    dict.set_item("fun", record.value)?;
    dict.set_item("grad_norm", record.gradient_norm)?;
    dict.set_item("step_norm", record.step_norm)?;
    dict.set_item("M", record.regularization)?;
    dict.set_item("nu", record.nu)?;
    dict.set_item("attempts", record.attempts)?;
    dict.set_item("inner", record.inner)?;
    dict.set_item("margin", record.margin)?;
    dict.set_item("step", record.step.name())?;
    count(&dict, &record.evaluations)?;
    Ok(dict)
}

fn result<'py>(py: Python<'py>, found: &Minimum) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("x", PyArray1::from_slice(py, &found.x))?;
    dict.set_item("fun", found.value)?;
    dict.set_item("grad_norm", found.gradient_norm)?;
    dict.set_item("success", found.converged())?;
    dict.set_item("stop_reason", found.stop.name())?;
    dict.set_item("message", found.stop.message())?;
    dict.set_item("nit", found.iterations())?;
    count(&dict, &found.evaluations)?;
    let certificate = found.certificate.map(|inner| Certificate { inner });
    dict.set_item("certificate", certificate)?;
    let history: PyResult<Vec<_>> = found.history.iter().map(|r| entry(py, r)).collect();
    dict.set_item("history", PyList::new(py, history?)?)?;
    Ok(dict)
}

/// The run behind ``tensegrity.optim.minimize``, which documents it.
#[pyfunction]
#[pyo3(name = "_minimize", signature = (callables, x0, method, samples, callback, options))]
pub fn run<'py>(
    py: Python<'py>,
    callables: [Option<Py<PyAny>>; 5],
    x0: PyReadonlyArray1<'py, f64>,
    method: &str,
    samples: Option<usize>,
    callback: Option<Py<PyAny>>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let x0 = x0.as_array().to_vec();
    let [fun, jac, hess, hessp, third] = callables;
    let oracle = Callables {
        dimension: x0.len(),
        samples,
        fun,
        jac,
        hess,
        hessp,
        third,
        pair: Mutex::new(None),
    };
    let options = read(method, options)?;
    let mut failure = None;
    let mut observer = |_: &Record, x: &[f64]| match observe(&callback, x) {
        Ok(flow) => flow,
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    };
    let found = py.detach(|| minimize::minimize_observed(&oracle, &x0, &options, &mut observer));
    let found = found.map_err(refused)?;
    match failure {
        Some(error) if found.stop == StopReason::Observer => Err(error),
        _ => result(py, &found),
    }
}

/// Calls back; ``True`` and ``StopIteration`` end the run.
fn observe(callback: &Option<Py<PyAny>>, x: &[f64]) -> PyResult<ControlFlow<()>> {
    Python::attach(|py| {
        py.check_signals()?;
        let Some(callback) = callback else {
            return Ok(ControlFlow::Continue(()));
        };
        let stop = match callback.bind(py).call1((PyArray1::from_slice(py, x),)) {
            Ok(answer) => !answer.is_none() && answer.is_truthy()?,
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => true,
            Err(error) => return Err(error),
        };
        Ok(if stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })
}

fn read(method: &str, given: &Bound<'_, PyDict>) -> PyResult<Options> {
    let method = Method::named(method).map_err(refused)?;
    let mut options = Options::new(method);
    macro_rules! take {
        ($($name:literal => $set:ident: $type:ty),+ $(,)?) => {
            $(if let Some(value) = given.get_item($name)?
                && !value.is_none()
            {
                let value: $type = value.extract().map_err(|_| {
                    let wanted = stringify!($type);
                    PyValueError::new_err(format!(
                        "{} is {value}; {} is needed", $name, kind(wanted)
                    ))
                })?;
                options = options.$set(value);
            })+
        };
    }
    take!(
        "M" => regularization: f64,
        "nu" => nu: f64,
        "delta" => hessian_error: f64,
        "third_error" => third_error: f64,
        "noise_scale" => noise_scale: f64,
        "adaptive" => adaptive: bool,
        "hybrid" => hybrid: bool,
        "grad_batch" => gradient_batch: usize,
        "hess_batch" => hessian_batch: usize,
        "max_iter" => max_iterations: usize,
        "tol" => tolerance: f64,
        "inner_tol" => inner_tolerance: f64,
        "learning_rate" => learning_rate: f64,
        "momentum" => momentum: f64,
        "seed" => seed: u64,
    );
    if let Some(value) = given.get_item("solver")? {
        let name: String = value.extract()?;
        options = options.solver(Solver::named(&name).map_err(refused)?);
    }
    if let Some(value) = given.get_item("strong_convexity")?
        && !value.is_none()
    {
        let (mu, radius): (f64, f64) = value.extract().map_err(|_| {
            PyValueError::new_err(format!(
                "strong_convexity is {value}; a pair (mu, radius) is needed"
            ))
        })?;
        options = options.strong_convexity(mu, radius);
    }
    Ok(options)
}

fn kind(rust: &str) -> &'static str {
    match rust {
        "f64" => "a number",
        "bool" => "True or False",
        _ => "an integer of at least zero",
    }
}

/// Adds the names to the compiled module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Certificate>()?;
    module.add_function(wrap_pyfunction!(run, module)?)
}
