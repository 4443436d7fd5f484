//! Norms of arrays and their duality maps.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tensegrity::optim::{Float, NormSpec, Result};
use tensegrity::{DType, Tensor, View};

use super::{norm_named, polar_method, refused};
use crate::array::{Operand, tensor_to_numpy};

/// `x` as real numbers: whole numbers become f64.
enum Real<'a> {
    F32(View<'a, f32>),
    F64(View<'a, f64>),
    Converted(Tensor<f64>),
}

/// # Safety
/// Nothing writes to the array while the result lives.
unsafe fn real<'a>(operand: &'a Operand<'_>) -> PyResult<Real<'a>> {
    // SAFETY: the types match; the rest is the caller's.
    unsafe {
        match operand.compute {
            DType::F32 => Ok(Real::F32(operand.view())),
            DType::F64 => Ok(Real::F64(operand.view())),
            DType::I64 => Ok(Real::Converted(
                operand.view::<i64>().to_tensor().map(|x| x as f64),
            )),
            other => Err(PyTypeError::new_err(format!(
                "x has element type {other}; these norms are those of real arrays"
            ))),
        }
    }
}

/// Evaluates an expression of the view of `$operand`, without the interpreter lock.
macro_rules! with_real {
    ($py:expr, $operand:expr, $x:ident => $body:expr) => {
        // SAFETY: Python code that writes to the array during the call (only
        // possible because the lock is released) races as it would in NumPy.
        match unsafe { real(&$operand)? } {
            Real::F32(view) => {
                let $x = &view;
                $py.detach(|| $body).map_err(refused).map(Either::Single)
            }
            Real::F64(view) => {
                let $x = &view;
                $py.detach(|| $body).map_err(refused).map(Either::Double)
            }
            Real::Converted(tensor) => {
                let $x = &tensor.view();
                $py.detach(|| $body).map_err(refused).map(Either::Double)
            }
        }
    };
}

/// A result for either type.
enum Either<A, B> {
    Single(A),
    Double(B),
}

impl<A> Either<A, A> {
    fn any(self) -> A {
        match self {
            Self::Single(a) | Self::Double(a) => a,
        }
    }
}

impl Either<Tensor<f32>, Tensor<f64>> {
    fn deliver(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Single(tensor) => tensor_to_numpy(py, tensor),
            Self::Double(tensor) => tensor_to_numpy(py, tensor),
        }
    }
}

/// The norm called ``norm`` of an array.
///
/// Matrices are d_out × d_in with inputs as columns; vectors are one column, further
/// axes count as columns. Norms: "max-abs" (largest magnitude), "spectral",
/// "rms->rms" (sqrt(d_in/d_out) times the spectral norm), "l1->rms" (largest root
/// mean square of a column), "l1->l2" (largest p-norm of a column; any power),
/// "l2->linf" (largest dual p-norm of a row; any power), "frobenius", "rms",
/// "conv2d" (d_out × d_in × k × k).
///
/// >>> tg.optim.norm(np.diag([3.0, -4.0]), "spectral")
/// 4.0
#[pyfunction]
#[pyo3(signature = (x, norm="rms->rms"))]
pub fn norm(py: Python<'_>, x: &Bound<'_, PyAny>, norm: &str) -> PyResult<f64> {
    let (operand, norm) = (Operand::new(x, 0)?, norm_named(norm)?);
    with_real!(py, operand, x => norm.norm(x)).map(Either::any)
}

/// The dual norm: the largest inner product of ``g`` with an array of norm one.
///
/// Norms as of ``norm``.
///
/// >>> tg.optim.dual_norm([[1.0, -2.0], [0.0, 3.0]], "max-abs")
/// 6.0
#[pyfunction]
#[pyo3(signature = (g, norm="rms->rms"))]
pub fn dual_norm(py: Python<'_>, g: &Bound<'_, PyAny>, norm: &str) -> PyResult<f64> {
    let (operand, norm) = (Operand::new(g, 0)?, norm_named(norm)?);
    with_real!(py, operand, g => norm.dual_norm(g)).map(Either::any)
}

/// The array of norm one that has the largest inner product with ``g``: the direction
/// of steepest ascent under a norm.
///
/// Norms as of ``norm``; ``polar`` is how polar factors are computed: "svd" or, faster
/// and approximate, "muon", "quintic", "cubic". Zero for zero, and zero in rows,
/// columns and singular directions in which ``g`` is zero.
///
/// >>> tg.optim.dualize([[1.0, -2.0], [0.0, 3.0]], "max-abs")
/// array([[ 1., -1.],
///        [ 0.,  1.]])
#[pyfunction]
#[pyo3(signature = (g, norm="rms->rms", *, polar="svd"))]
pub fn dualize<'py>(
    py: Python<'py>,
    g: &Bound<'py, PyAny>,
    norm: &str,
    polar: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let (operand, norm) = (Operand::new(g, 0)?, norm_named(norm)?);
    let method = polar_method(polar, None, None)?;
    with_real!(py, operand, g => norm.dualize_with(g, &method))?.deliver(py)
}

/// The step of steepest descent at a sharpness: the ``d`` with the least
/// ``(g * d).sum() + sharpness/2 * norm(d)**2``.
///
/// Returns ``(d, rate, value)``: the minimiser, its norm, and the minimum.
///
/// >>> d, rate, value = tg.optim.steepest([1.0, -3.0], "max-abs", sharpness=2.0)
/// >>> d, rate, value
/// (array([-2.,  2.]), 2.0, -4.0)
#[pyfunction]
#[pyo3(signature = (g, norm="rms->rms", *, sharpness=1.0))]
pub fn steepest<'py>(
    py: Python<'py>,
    g: &Bound<'py, PyAny>,
    norm: &str,
    sharpness: f64,
) -> PyResult<(Bound<'py, PyAny>, f64, f64)> {
    fn parts<T: Float>(
        norm: &NormSpec,
        g: &View<'_, T>,
        sharpness: f64,
    ) -> Result<(Tensor<T>, f64, f64)> {
        let found = norm.steepest(g, sharpness)?;
        Ok((found.direction, found.rate, found.value))
    }
    let (operand, norm) = (Operand::new(g, 0)?, norm_named(norm)?);
    Ok(
        match with_real!(py, operand, g => parts(&norm, g, sharpness))? {
            Either::Single((d, rate, value)) => (tensor_to_numpy(py, d)?, rate, value),
            Either::Double((d, rate, value)) => (tensor_to_numpy(py, d)?, rate, value),
        },
    )
}
