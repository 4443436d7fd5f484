//! `tensegrity.einsum` and `contract_log`.

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use smallvec::SmallVec;
use tensegrity::contract::promote::{ArrayView, compute_dtype, result_dtype};
use tensegrity::contract::{
    Einsum, Error, PlanOptions, contract_log_with, einsum_into, einsum_with, linear_to_ssa,
};
use tensegrity::diagram::ExpressionOptions;
use tensegrity::{Array, DType, Element, c64, c128};

use crate::array::{Operand, array_to_numpy, count, dtype_of, narrow, writable};

/// Multiply-adds below which releasing the interpreter lock costs more than
/// the work.
const SMALL: f64 = 32768.0;

pub fn refused(error: &Error) -> PyErr {
    match error {
        Error::MemoryBudget { .. } | Error::OutOfMemory { .. } => {
            PyMemoryError::new_err(format!("memory: {error}"))
        }
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// The operands of a call.
pub type Operands<'py> = SmallVec<[Operand<'py>; 4]>;

pub fn operands<'py>(arrays: &Bound<'py, PyTuple>) -> PyResult<Operands<'py>> {
    arrays
        .iter_borrowed()
        .enumerate()
        .map(|(k, array)| Operand::new(&array, k + 1))
        .collect()
}

/// Views of the operands.
///
/// # Safety
/// Nothing writes to the operands while the views live.
pub unsafe fn views<'a>(operands: &'a [Operand<'_>]) -> SmallVec<[ArrayView<'a>; 4]> {
    // SAFETY: passed on to the caller.
    let view = |operand: &'a Operand<'_>| unsafe {
        match operand.compute {
            DType::F32 => ArrayView::F32(operand.view::<f32>()),
            DType::F64 => ArrayView::F64(operand.view::<f64>()),
            DType::C64 => ArrayView::C64(operand.view::<c64>()),
            DType::C128 => ArrayView::C128(operand.view::<c128>()),
            _ => ArrayView::I64(operand.view::<i64>()),
        }
    };
    operands.iter().map(view).collect()
}

/// Runs `work`, without the interpreter lock if there is enough of it.
pub fn run<R: Send>(py: Python<'_>, most: f64, work: impl FnOnce() -> R + Send) -> R {
    if most < SMALL {
        work()
    } else {
        py.detach(work)
    }
}

/// A bound of the multiply-adds of any contraction of the operands.
fn most_work(views: &[ArrayView<'_>]) -> f64 {
    let lengths = views.iter().flat_map(|view| view.shape());
    lengths.fold(1.0, |product, &length| product * length.max(2) as f64)
}

/// NumPy's name for the result type of operands of these types.
pub fn numpy_dtype(operands: &[Operand<'_>]) -> DType {
    result_dtype(operands.iter().map(|operand| operand.source))
}

/// A number of bytes, or text such as "2GiB".
pub fn memory_limit(limit: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u64>> {
    let Some(limit) = limit else { return Ok(None) };
    if let Ok(bytes) = limit.extract::<u64>() {
        return Ok(Some(bytes));
    }
    let wrong = || {
        PyValueError::new_err(format!(
            "memory_limit {limit} is no size; write a number of bytes or text such as \"2GiB\""
        ))
    };
    let text: String = limit.extract().map_err(|_| wrong())?;
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let value: f64 = text[..split].parse().map_err(|_| wrong())?;
    let unit = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    Ok(Some((value * unit) as u64))
}

/// What `optimize=` asks for.
enum Order {
    Planner(PlanOptions),
    Path(Vec<Vec<usize>>),
}

fn order(optimize: Option<&Bound<'_, PyAny>>) -> PyResult<Order> {
    let mut options = PlanOptions::default();
    let Some(optimize) = optimize else {
        return Ok(Order::Planner(options));
    };
    if let Ok(text) = optimize.cast::<PyString>() {
        options.planner = text.to_string().into();
        return Ok(Order::Planner(options));
    }
    if optimize.is_none() || optimize.is_instance_of::<PyBool>() {
        // NumPy's False means "as written"; ours is never worse than that.
        return Ok(Order::Planner(options));
    }
    let wrong = || {
        PyValueError::new_err(
            "optimize is neither the name of a planner, a bool nor a path: a list of tuples of \
             positions, as numpy.einsum_path and opt_einsum give",
        )
    };
    // Contraction trees of other planners know their path.
    let tree;
    let optimize = match optimize.getattr_opt("get_path")? {
        Some(get_path) => {
            tree = get_path.call0()?;
            &tree
        }
        None => optimize,
    };
    let mut path = Vec::new();
    for (number, item) in optimize.try_iter().map_err(|_| wrong())?.enumerate() {
        let item = item?;
        if number == 0 && item.is_instance_of::<PyString>() {
            continue; // NumPy's paths begin with "einsum_path".
        }
        path.push(item.extract::<Vec<usize>>().map_err(|_| wrong())?);
    }
    Ok(Order::Path(path))
}

/// Evaluates an einsum expression, as ``numpy.einsum`` does, planned and fast.
///
/// Parameters
/// ----------
/// expression : "ij,jk->ik", with names "b q d, b k d -> b q k", or with groups
///     "(h d) n -> h d n" where all sizes but one are known or given (``h=4``)
/// *arrays : operands; result types follow NumPy
/// optimize : name of a planner ("auto", "optimal", "greedy"), a path, or a
///     contraction tree with a method ``get_path``
/// memory_limit : most bytes of intermediates and result, or text such as "2GiB"
/// out : array to write to, of any strides; may be an operand
/// broadcast : whether an axis of length 1 fits an index of any size
/// accumulate : "f64" computes single precision operands in double precision
///     and rounds the result once
/// **sizes : sizes of indices that do not follow from the operands
///
/// Beyond NumPy: repeated output indices embed a diagonal, zero operands give 1,
/// indices may be any letters.
///
/// >>> a = np.arange(6.0).reshape(2, 3)
/// >>> tg.einsum("ij,kj->ik", a, a)
/// array([[ 5., 14.],
///        [14., 50.]])
/// >>> tg.einsum("i->ii", np.array([1, 2]))
/// array([[1, 0],
///        [0, 2]])
/// >>> tg.einsum("(h d) n -> h d n", np.ones((6, 2)), h=3).shape
/// (3, 2, 2)
#[pyfunction]
#[pyo3(signature = (expression, *arrays, optimize=None, memory_limit=None, out=None, broadcast=false, accumulate=None, **sizes))]
pub fn einsum<'py>(
    py: Python<'py>,
    expression: &str,
    arrays: &Bound<'py, PyTuple>,
    optimize: Option<&Bound<'py, PyAny>>,
    memory_limit: Option<&Bound<'py, PyAny>>,
    out: Option<&Bound<'py, PyAny>>,
    broadcast: bool,
    accumulate: Option<&str>,
    sizes: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let double = match accumulate {
        None => false,
        Some("f64" | "float64") => true,
        Some(other) => {
            let message = format!("accumulate {other:?} is unknown; there is \"f64\"");
            return Err(PyValueError::new_err(message));
        }
    };
    let operands = operands(arrays)?;
    // SAFETY: Python code that writes to an operand during the call (only
    // possible once the lock is released) races here as it would in NumPy.
    let views = unsafe { views(&operands) };
    let wanted = numpy_dtype(&operands);
    let limit = self::memory_limit(memory_limit)?;
    let options = match order(optimize)? {
        Order::Planner(options) => PlanOptions {
            memory_limit: limit,
            accumulate_double: double,
            ..options
        },
        Order::Path(_) if double => {
            return Err(PyValueError::new_err(
                "accumulate goes with no path; convert the operands",
            ));
        }
        Order::Path(path) => {
            let options = PlanOptions {
                memory_limit: limit,
                ..PlanOptions::default()
            };
            let parsed = parsed(expression, broadcast, sizes)?;
            let result = along(py, &parsed, &views, &path, &options)?;
            return deliver(py, result, wanted, out);
        }
    };
    if double && (broadcast || sizes.is_some()) {
        return Err(PyValueError::new_err(
            "accumulate goes with neither broadcast nor sizes; convert the operands",
        ));
    }
    if broadcast || sizes.is_some() {
        let parsed = parsed(expression, broadcast, sizes)?;
        let shapes: Vec<&[usize]> = views.iter().map(ArrayView::shape).collect();
        let options = PlanOptions {
            element_bytes: wanted.size() as u32,
            ..options
        };
        let evaluate = || parsed.plan(&shapes, &options)?.run(&views);
        let result = py.detach(evaluate).map_err(|error| refused(&error))?;
        return deliver(py, result, wanted, out);
    }
    if let Some(out) = out
        && let Some(target) = direct_output(out, wanted)?
    {
        write_into(py, expression, &views, target, &options)?;
        return Ok(out.clone());
    }
    let result = run(py, most_work(&views), || {
        einsum_with(expression, &views, &options)
    })
    .map_err(|error| refused(&error))?;
    deliver(py, result, wanted, out)
}

/// The expression with what keywords say about it.
pub fn parsed(
    expression: &str,
    broadcast: bool,
    sizes: Option<&Bound<'_, PyDict>>,
) -> PyResult<Einsum> {
    let mut given: Vec<(String, usize)> = Vec::new();
    for (name, size) in sizes.iter().flat_map(|sizes| sizes.iter()) {
        let name: String = name.extract()?;
        let size = count(&size, &name)? as usize;
        given.push((name, size));
    }
    let given: Vec<(&str, usize)> = given.iter().map(|(n, size)| (n.as_str(), *size)).collect();
    let options = ExpressionOptions {
        sizes: &given,
        broadcast,
    };
    Einsum::parse_with(expression, options).map_err(|error| refused(&error))
}

/// Evaluates along a given path.
fn along(
    py: Python<'_>,
    expression: &Einsum,
    views: &[ArrayView<'_>],
    path: &[Vec<usize>],
    options: &PlanOptions,
) -> PyResult<Array> {
    let groups: Vec<&[usize]> = path.iter().map(Vec::as_slice).collect();
    let shapes: Vec<&[usize]> = views.iter().map(ArrayView::shape).collect();
    let evaluate = || {
        let pairs = linear_to_ssa(views.len(), &groups)?;
        expression.plan_along(&shapes, &pairs, options)?.run(views)
    };
    py.detach(evaluate).map_err(|error| refused(&error))
}

/// `out` if the engine can write the result straight into it.
fn direct_output<'a, 'py>(
    out: &'a Bound<'py, PyAny>,
    wanted: DType,
) -> PyResult<Option<&'a Bound<'py, PyUntypedArray>>> {
    let array = out
        .cast::<PyUntypedArray>()
        .map_err(|_| PyTypeError::new_err("out is not a NumPy array"))?;
    let same = dtype_of(array) == Some(wanted) && compute_dtype(wanted) == wanted;
    Ok(same.then_some(array))
}

fn write_into(
    py: Python<'_>,
    expression: &str,
    views: &[ArrayView<'_>],
    target: &Bound<'_, PyUntypedArray>,
    options: &PlanOptions,
) -> PyResult<()> {
    fn typed<T: Element>(
        py: Python<'_>,
        expression: &str,
        views: &[ArrayView<'_>],
        target: &Bound<'_, PyUntypedArray>,
        options: &PlanOptions,
    ) -> PyResult<()> {
        let Some(mut output) = writable::<T>(target)? else {
            return Err(PyValueError::new_err("out is read-only or not aligned"));
        };
        run(py, most_work(views), || {
            einsum_into(expression, views, &mut output, options)
        })
        .map_err(|error| match error {
            Error::OutputShape { .. } => PyValueError::new_err(format!("out: {error}")),
            other => refused(&other),
        })
    }
    match dtype_of(target) {
        Some(DType::F32) => typed::<f32>(py, expression, views, target, options),
        Some(DType::C64) => typed::<c64>(py, expression, views, target, options),
        Some(DType::C128) => typed::<c128>(py, expression, views, target, options),
        Some(DType::I64) => typed::<i64>(py, expression, views, target, options),
        _ => typed::<f64>(py, expression, views, target, options),
    }
}

/// The result as NumPy would return it, copied into `out` if there is one.
fn deliver<'py>(
    py: Python<'py>,
    result: Array,
    wanted: DType,
    out: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let computed = result.dtype();
    let made = narrow(array_to_numpy(py, result)?, computed, wanted)?;
    let Some(out) = out else {
        // NumPy gives numbers, not arrays without axes.
        let scalar = made
            .cast::<PyUntypedArray>()
            .is_ok_and(|array| array.ndim() == 0);
        return if scalar {
            made.get_item(PyTuple::empty(py))
        } else {
            Ok(made)
        };
    };
    let shape = |array: &Bound<'py, PyAny>| array.getattr("shape");
    if !shape(out)?.eq(shape(&made)?)? {
        let message = format!(
            "out has shape {}, the result has {}",
            shape(out)?,
            shape(&made)?
        );
        return Err(PyValueError::new_err(message));
    }
    let numpy = crate::array::numpy_module(py)?;
    numpy.call_method1("copyto", (out, made)).map_err(|error| {
        PyTypeError::new_err(format!("out cannot hold the result: {}", error.value(py)))
    })?;
    Ok(out.clone())
}

/// Evaluates an expression whose result may overflow: ``(mantissa, log10_scale)``.
///
/// The result is ``mantissa * 10**log10_scale``.
///
/// >>> huge = np.full((2, 2), 1e200)
/// >>> mantissa, scale = tg.contract_log("ij,jk,ki->", huge, huge, huge)
/// >>> bool(abs(np.log10(float(mantissa)) + scale - 600.90309) < 1e-5)
/// True
#[pyfunction]
#[pyo3(signature = (expression, *arrays, optimize=None))]
pub fn contract_log<'py>(
    py: Python<'py>,
    expression: &str,
    arrays: &Bound<'py, PyTuple>,
    optimize: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, f64)> {
    let operands = operands(arrays)?;
    // SAFETY: as in `einsum`.
    let views = unsafe { views(&operands) };
    let Order::Planner(options) = order(optimize)? else {
        return Err(PyValueError::new_err(
            "optimize: contract_log takes the name of a planner",
        ));
    };
    let scaled = py
        .detach(|| contract_log_with(expression, &views, &options))
        .map_err(|error| refused(&error))?;
    Ok((array_to_numpy(py, scaled.mantissa)?, scaled.log10_scale))
}
