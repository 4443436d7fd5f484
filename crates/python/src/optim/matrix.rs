//! Polar factors and inverse roots of matrices and stacks of them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tensegrity::linalg::{
    Error, Field, PolarMethod, Ridge, RootMethod, RootTask, inverse_roots, msign_each,
};
use tensegrity::{Array, Tensor, View};

use super::{bad, polar_method};
use crate::array::{Operand, array_to_numpy};

fn refused(error: Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Inexact numbers in row-major order.
fn numbers(operand: &Operand<'_>) -> Array {
    match operand.to_array() {
        Array::I64(x) => x.map(|x| x as f64).into(),
        other => other,
    }
}

/// Applies `work` to the list of matrices of a stack `[…, m, n]`.
fn each<T: Field>(
    stack: Tensor<T>,
    work: impl FnOnce(&[View<'_, T>]) -> Vec<Result<Tensor<T>, Error>>,
) -> Result<Tensor<T>, Error> {
    let shape = stack.shape().to_vec();
    let sides = &shape[shape.len() - 2..];
    let size = sides[0] * sides[1];
    if size == 0 {
        return Ok(stack);
    }
    let matrices: Vec<View<'_, T>> = stack
        .as_slice()
        .chunks_exact(size)
        .map(|matrix| View::from_slice(matrix, sides))
        .collect();
    let mut values = Vec::with_capacity(stack.len());
    for found in work(&matrices) {
        values.extend_from_slice(found?.as_slice());
    }
    Ok(Tensor::from_vec(values, &shape)?)
}

macro_rules! with_field {
    ($array:expr, $x:ident => $body:expr) => {
        match $array {
            Array::F32($x) => $body.map(Array::from),
            Array::F64($x) => $body.map(Array::from),
            Array::C64($x) => $body.map(Array::from),
            Array::C128($x) => $body.map(Array::from),
            other => Err(Error::BadOption {
                what: "matrix",
                option: "dtype",
                value: other.dtype().to_string(),
                wanted: "give real or complex numbers",
            }),
        }
    };
}

fn check_stack(what: &str, operand: &Operand<'_>, square: bool) -> PyResult<()> {
    let shape = operand.shape();
    let fits = match shape {
        [.., rows, columns] => !square || rows == columns,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let wanted = if square { "[..., n, n]" } else { "[..., m, n]" };
    Err(bad(format!(
        "{what} has shape {shape:?}; {wanted} is needed"
    )))
}

/// The polar factor ``U @ Vh`` of a matrix ``U @ diag(s) @ Vh``, or of every matrix of a
/// stack ``[..., m, n]``.
///
/// Parameters
/// ----------
/// a : real or complex matrices
/// method : "svd" (exact; a matrix of low rank gives the partial isometry), or a
///     Newton–Schulz iteration: "cubic" and "quintic" converge (15 and 12 steps),
///     "muon" (5 steps) does not, and leaves singular values in about [0.68, 1.13]
/// steps : steps of the iteration
/// coefficients : list of ``(a, b, c)``, one a step: ``s -> a*s + b*s**3 + c*s**5``
///
/// The matrices of a stack are spread over the threads.
///
/// >>> tg.optim.polar(np.array([[0.0, 3.0], [-2.0, 0.0]])).round(12) + 0.0
/// array([[ 0.,  1.],
///        [-1.,  0.]])
#[pyfunction]
#[pyo3(signature = (a, method="svd", *, steps=None, coefficients=None))]
pub fn polar<'py>(
    py: Python<'py>,
    a: &Bound<'py, PyAny>,
    method: &str,
    steps: Option<usize>,
    coefficients: Option<Vec<[f64; 3]>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operand = Operand::new(a, 0)?;
    check_stack("a", &operand, false)?;
    let method: PolarMethod = polar_method(method, steps, coefficients)?;
    let array = numbers(&operand);
    let found = py.detach(|| with_field!(array, x => each(x, |views| msign_each(views, &method))));
    array_to_numpy(py, found.map_err(refused)?)
}

/// ``(a + ridge)**(-1/p)`` of a Hermitian positive semi-definite matrix, or of every
/// matrix of a stack ``[..., n, n]``, of which the lower triangles are read.
///
/// Parameters
/// ----------
/// a : real or complex matrices
/// p : the root, any number above zero
/// eps : the ridge, added to every eigenvalue
/// relative : whether ``eps`` is relative to the largest eigenvalue
/// method : "eigen", or "coupled_newton" (products only, for whole ``p``)
///
/// The matrices of a stack are spread over the threads.
///
/// >>> a = np.array([[5.0, 4.0], [4.0, 5.0]])  # eigenvalues 9 and 1
/// >>> tg.optim.inverse_root(a, 2).round(12)
/// array([[ 0.66666667, -0.33333333],
///        [-0.33333333,  0.66666667]])
#[pyfunction]
#[pyo3(signature = (a, p, *, eps=0.0, relative=false, method="eigen"))]
pub fn inverse_root<'py>(
    py: Python<'py>,
    a: &Bound<'py, PyAny>,
    p: f64,
    eps: f64,
    relative: bool,
    method: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let operand = Operand::new(a, 0)?;
    check_stack("a", &operand, true)?;
    let ridge = if relative {
        Ridge::Relative(eps)
    } else {
        Ridge::Absolute(eps)
    };
    let method = match method {
        "eigen" => RootMethod::Eigen,
        "coupled_newton" => RootMethod::coupled_newton(),
        other => {
            return Err(bad(format!(
                "unknown method {other:?} for roots; known are eigen, coupled_newton"
            )));
        }
    };
    let array = numbers(&operand);
    let found =
        py.detach(|| with_field!(array, x => each(x, |views| roots(views, p, ridge, method))));
    array_to_numpy(py, found.map_err(refused)?)
}

fn roots<T: Field>(
    matrices: &[View<'_, T>],
    p: f64,
    ridge: Ridge,
    method: RootMethod,
) -> Vec<Result<Tensor<T>, Error>> {
    let tasks: Vec<RootTask<'_, T>> = matrices
        .iter()
        .map(|matrix| RootTask {
            matrix: matrix.clone(),
            p,
            start: None,
        })
        .collect();
    inverse_roots(&tasks, ridge, method)
        .into_iter()
        .map(|found| found.map(|found| found.root))
        .collect()
}
