//! `tensegrity.vjp` and `tensegrity.hvp`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tensegrity::grad::{self, Variable, unrecorded};
use tensegrity::{Array, DType};

use crate::array::{Operand, array_to_numpy, narrow};

fn refused(error: grad::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Operands as variables.
struct Arguments {
    variables: Vec<Variable>,
    /// Element types of the derivatives: the user's, where they are inexact.
    types: Vec<DType>,
}

/// Numbers as `f32`, `f64`, `c64` or `c128`: whole numbers become `f64`.
fn inexact(operand: &Operand<'_>) -> Array {
    match operand.to_array() {
        Array::I64(x) => x.map(|x| x as f64).into(),
        other => other,
    }
}

impl Arguments {
    fn new<'py>(arrays: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>) -> PyResult<Self> {
        let (mut variables, mut types) = (Vec::new(), Vec::new());
        for (number, array) in arrays.enumerate() {
            let operand = Operand::new(&array?, number + 1)?;
            types.push(match operand.source {
                source if source.is_integer() => DType::F64,
                source => source,
            });
            variables.push(Variable::new(inexact(&operand)));
        }
        if variables.is_empty() {
            return Err(PyValueError::new_err(
                "no arrays were given to differentiate with respect to",
            ));
        }
        Ok(Self { variables, types })
    }

    fn references(&self) -> Vec<&Variable> {
        self.variables.iter().collect()
    }

    fn evaluate(&self, py: Python<'_>, expression: &str) -> PyResult<Variable> {
        py.detach(|| grad::einsum(expression, &self.references()))
            .map_err(refused)
    }

    fn deliver<'py>(
        &self,
        py: Python<'py>,
        derivatives: Vec<Variable>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        (derivatives.into_iter().zip(&self.types))
            .map(|(derivative, &wanted)| {
                let computed = derivative.dtype();
                narrow(
                    array_to_numpy(py, derivative.into_value())?,
                    computed,
                    wanted,
                )
            })
            .collect()
    }
}

/// A seed (cotangent or tangent) in the shape and type of what it belongs to.
fn seed(object: &Bound<'_, PyAny>, name: &str, of: &Variable) -> PyResult<Variable> {
    let operand = Operand::new(object, 0)
        .map_err(|error| PyTypeError::new_err(format!("{name}: {}", error.value(object.py()))))?;
    if operand.shape() != of.shape() {
        return Err(PyValueError::new_err(format!(
            "{name} has shape {:?}; it needs the shape {:?} of what it belongs to",
            operand.shape(),
            of.shape()
        )));
    }
    let is_complex = |dtype: DType| matches!(dtype, DType::C64 | DType::C128);
    if is_complex(operand.compute) && !is_complex(of.dtype()) {
        return Err(PyValueError::new_err(format!(
            "{name} is complex, but belongs to real numbers ({}); give its real part",
            of.dtype()
        )));
    }
    Variable::constant(inexact(&operand))
        .cast(of.dtype())
        .map_err(refused)
}

/// The given cotangent of `result`, or ones.
fn cotangent_of(given: Option<&Bound<'_, PyAny>>, result: &Variable) -> PyResult<Variable> {
    match given {
        Some(given) => seed(given, "cotangent", result),
        None => Variable::ones(result.shape(), result.dtype()).map_err(refused),
    }
}

/// The gradients of an einsum expression with respect to every operand.
///
/// Parameters
/// ----------
/// expression : as of ``einsum``
/// *arrays : the operands; whole numbers count as float64
/// cotangent : weights of the elements of the result, in its shape; ones by default,
///     which gives the gradients of the sum of the result
///
/// Returns a list with an array for every operand, in its shape and element type:
/// the gradients of ``(cotangent * result).sum()``. With complex numbers that is
/// ``(cotangent.conj() * result).sum().real``, and a gradient is
/// d/d(real part) + 1j * d/d(imaginary part). All gradients together cost about
/// two contractions for every one of the expression's plan.
///
/// Raises ``ValueError`` for an expression that does not fit the operands or a
/// cotangent that does not fit the result.
///
/// >>> a = np.arange(4.0).reshape(2, 2)
/// >>> tg.vjp("ij,jk->ik", a, np.eye(2))
/// [array([[1., 1.],
///        [1., 1.]]), array([[2., 2.],
///        [4., 4.]])]
#[pyfunction]
#[pyo3(signature = (expression, *arrays, cotangent=None))]
pub fn vjp<'py>(
    py: Python<'py>,
    expression: &str,
    arrays: &Bound<'py, PyTuple>,
    cotangent: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let arguments = Arguments::new(arrays.iter().map(Ok))?;
    let result = arguments.evaluate(py, expression)?;
    let cotangent = cotangent_of(cotangent, &result)?;
    let gradients = py
        .detach(|| unrecorded(|| grad::vjp(&[&result], &[&cotangent], &arguments.references())))
        .map_err(refused)?;
    arguments.deliver(py, gradients)
}

/// The derivative of the gradients of an einsum expression along tangents: a
/// Hessian-vector product.
///
/// Parameters
/// ----------
/// expression : as of ``einsum``
/// arrays : list of the operands
/// tangents : list of directions, one for every operand, in its shape; ``None``
///     for an operand that stands still
/// cotangent : as of ``vjp``, held fixed
///
/// Returns a list with an array for every operand: the derivatives along the
/// tangents of what ``vjp`` returns. For a loss ``f`` of the result ``y``, its
/// Hessian-vector product is this with the cotangent ``f'(y)`` plus ``vjp`` with
/// the cotangent ``f''(y)`` applied to the tangent of the result.
///
/// Raises ``ValueError`` as ``vjp`` does, and for tangents that do not fit.
///
/// >>> x = np.array([1.0, 2.0, 3.0])
/// >>> tg.hvp("i,i,i->", [x, x, x], [[1.0, 0.0, 0.0]] * 3)[0]
/// array([2., 0., 0.])
#[pyfunction]
#[pyo3(signature = (expression, arrays, tangents, cotangent=None))]
pub fn hvp<'py>(
    py: Python<'py>,
    expression: &str,
    arrays: &Bound<'py, PyAny>,
    tangents: &Bound<'py, PyAny>,
    cotangent: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let arguments = Arguments::new(arrays.try_iter()?)?;
    let given: Vec<Bound<'py, PyAny>> = tangents.try_iter()?.collect::<PyResult<_>>()?;
    if given.len() != arguments.variables.len() {
        return Err(PyValueError::new_err(format!(
            "{} tangents for {} arrays; give one each, None for an array that stands still",
            given.len(),
            arguments.variables.len()
        )));
    }
    let (mut moving, mut directions) = (Vec::new(), Vec::new());
    for (number, (tangent, variable)) in given.iter().zip(&arguments.variables).enumerate() {
        if !tangent.is_none() {
            moving.push(variable);
            directions.push(seed(tangent, &format!("tangent {}", number + 1), variable)?);
        }
    }
    let result = arguments.evaluate(py, expression)?;
    let cotangent = cotangent_of(cotangent, &result)?;
    let derivatives = py
        .detach(|| {
            let gradients = grad::vjp(&[&result], &[&cotangent], &arguments.references())?;
            let directions: Vec<&Variable> = directions.iter().collect();
            let gradients: Vec<&Variable> = gradients.iter().collect();
            unrecorded(|| grad::jvp(&gradients, &moving, &directions))
        })
        .map_err(refused)?;
    arguments.deliver(py, derivatives)
}
