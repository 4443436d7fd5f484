//! `tensegrity.decompose`: Tucker, tensor train and CP under TensorLy's names.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};
use tensegrity::contract::promote::ArrayView;
use tensegrity::decompose::{
    CpInit, CpOptions, CpTensor, Decomposed, Entry, Error, HooiOptions, Report, Tol, TtOptions,
    TtTensor, TuckerOptions, TuckerTensor, cp_als, hooi, st_hosvd, tt_svd,
};
use tensegrity::{Array, Tensor, View};

use crate::array::{Operand, array_to_numpy, count};

/// Runs an expression with `$view` bound to the operand's typed view; integers
/// are converted to `f64` first.
macro_rules! with_field {
    ($operand:expr, $view:ident => $body:expr) => {{
        // SAFETY: Python code that writes to the operand during the call races
        // here as it would in NumPy.
        let mut views = unsafe { crate::einsum::views(std::slice::from_ref(&$operand)) };
        match views.pop() {
            Some(ArrayView::F32($view)) => $body,
            Some(ArrayView::C64($view)) => $body,
            Some(ArrayView::C128($view)) => $body,
            Some(ArrayView::F64($view)) => $body,
            Some(other) => {
                let float = other.cast::<f64>();
                let $view = float.view();
                $body
            }
            None => unreachable!("one operand has one view"),
        }
    }};
}

fn refused(error: &Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Something that expands to a full array.
trait Expand: Send + Sync {
    fn expand(&self) -> Result<Array, Error>;
}

macro_rules! expand {
    ($format:ident) => {
        impl<T: Entry> Expand for $format<T> {
            fn expand(&self) -> Result<Array, Error> {
                Ok(self.to_tensor()?.into())
            }
        }
    };
}
expand!(TuckerTensor);
expand!(TtTensor);
expand!(CpTensor);

fn expanded<'py>(py: Python<'py>, format: &dyn Expand) -> PyResult<Bound<'py, PyAny>> {
    let array = py
        .detach(|| format.expand())
        .map_err(|error| refused(&error))?;
    array_to_numpy(py, array)
}

fn numpy_list<T: Entry>(py: Python<'_>, tensors: &[Tensor<T>]) -> PyResult<Py<PyList>> {
    let arrays: PyResult<Vec<_>> = tensors
        .iter()
        .map(|tensor| array_to_numpy(py, tensor.clone().into()))
        .collect();
    Ok(PyList::new(py, arrays?)?.unbind())
}

/// A rank argument: one number for all places or one for each.
fn ranks(rank: &Bound<'_, PyAny>, places: usize) -> PyResult<Vec<usize>> {
    let wrong = || {
        PyValueError::new_err(format!(
            "rank {rank} is neither a positive whole number nor a sequence of them"
        ))
    };
    if let Ok(one) = rank.extract::<usize>() {
        return Ok(vec![one; places]);
    }
    rank.extract::<Vec<usize>>().map_err(|_| wrong())
}

/// Exactly one of `rank=` and `error=`.
fn one_of<'a, 'py>(
    rank: Option<&'a Bound<'py, PyAny>>,
    error: Option<f64>,
) -> PyResult<Result<&'a Bound<'py, PyAny>, f64>> {
    match (rank, error) {
        (Some(rank), None) => Ok(Ok(rank)),
        (None, Some(error)) if (0.0..1.0).contains(&error) => Ok(Err(error)),
        (None, Some(error)) => Err(PyValueError::new_err(format!(
            "error {error} is out of range; a relative error is at least 0 and below 1"
        ))),
        _ => Err(PyValueError::new_err(
            "give either rank= or error=, not both and not neither",
        )),
    }
}

/// A Tucker decomposition: unpacks into ``core, factors``.
///
/// ``core`` is ``[r_1, …, r_d]``, ``factors[k]`` is ``[n_k, r_k]``; ``error`` is
/// the relative Frobenius error.
#[pyclass(module = "tensegrity.decompose", frozen, name = "TuckerResult")]
pub struct TuckerResult {
    #[pyo3(get)]
    core: Py<PyAny>,
    #[pyo3(get)]
    factors: Py<PyList>,
    #[pyo3(get)]
    error: f64,
    ranks: Vec<usize>,
    format: Box<dyn Expand>,
}

#[pymethods]
impl TuckerResult {
    /// The ranks ``(r_1, …, r_d)``.
    #[getter]
    fn rank<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.ranks)
    }

    /// The full array.
    fn to_array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        expanded(py, self.format.as_ref())
    }

    fn __len__(&self) -> usize {
        2
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        pair(py, &self.core, &self.factors)?
            .as_any()
            .get_item(index)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        pair(py, &self.core, &self.factors)?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!(
            "TuckerResult(rank={:?}, error={:.3e})",
            self.ranks, self.error
        )
    }
}

fn pair<'py>(
    py: Python<'py>,
    first: &Py<PyAny>,
    list: &Py<PyList>,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(
        py,
        [first.bind(py).clone(), list.bind(py).clone().into_any()],
    )
}

/// Tucker decomposition by ST-HOSVD, improved by HOOI sweeps.
///
/// Parameters
/// ----------
/// x : array of any real or complex type, [n_1, …, n_d]
/// rank : int or sequence of d ints, or None if ``error`` is given
/// error : largest relative Frobenius error; the smallest ranks the truncation
///     rule finds are used and no sweeps follow
/// n_iter_max : most HOOI sweeps; 0 stops after the ST-HOSVD
/// tol : stop when the squared norm of the core changes by less (relative)
///
/// Returns
/// -------
/// TuckerResult, which unpacks as ``core, factors``
///
/// >>> x = np.fromfunction(lambda i, j, k: 1 / (1 + i + 2 * j + 3 * k), (6, 5, 4))
/// >>> core, factors = tg.decompose.tucker(x, rank=(2, 2, 2))
/// >>> core.shape, [f.shape for f in factors]
/// ((2, 2, 2), [(6, 2), (5, 2), (4, 2)])
/// >>> tg.decompose.tucker(x, error=1e-2).rank
/// (3, 3, 3)
#[pyfunction]
#[pyo3(signature = (x, rank=None, error=None, n_iter_max=100, init="svd", tol=1e-8, random_state=None))]
pub fn tucker(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    rank: Option<&Bound<'_, PyAny>>,
    error: Option<f64>,
    n_iter_max: usize,
    init: &str,
    tol: f64,
    random_state: Option<&Bound<'_, PyAny>>,
) -> PyResult<TuckerResult> {
    if init != "svd" {
        let message = format!("init {init:?} is unknown; tucker starts from \"svd\"");
        return Err(PyValueError::new_err(message));
    }
    // Nothing random is in it; the argument is checked all the same.
    random_state
        .map(|seed| count(seed, "random_state"))
        .transpose()?;
    let operand = Operand::new(x, 0)?;
    let target = match one_of(rank, error)? {
        Ok(rank) => Tol::Ranks(ranks(rank, operand.shape().len())?),
        Err(error) => Tol::Rel(error),
    };
    let options = HooiOptions {
        n_iter: n_iter_max,
        tol,
        ..HooiOptions::default()
    };
    with_field!(operand, view => {
        let found = py.detach(|| run_tucker(&view, &target, &options));
        tucker_result(py, found.map_err(|error| refused(&error))?)
    })
}

fn run_tucker<T: Entry>(
    view: &View<'_, T>,
    target: &Tol,
    options: &HooiOptions,
) -> Result<Decomposed<TuckerTensor<T>>, Error> {
    match target {
        Tol::Ranks(ranks) if options.n_iter > 0 => hooi(view, ranks, options),
        _ => st_hosvd(view, target, &TuckerOptions::default()),
    }
}

fn tucker_result<T: Entry>(
    py: Python<'_>,
    found: Decomposed<TuckerTensor<T>>,
) -> PyResult<TuckerResult> {
    let Decomposed { tensor, report, .. } = found;
    Ok(TuckerResult {
        core: array_to_numpy(py, tensor.core().clone().into())?.unbind(),
        factors: numpy_list(py, tensor.factors())?,
        error: report.error,
        ranks: tensor.ranks().to_vec(),
        format: Box::new(tensor),
    })
}

/// A tensor train: a sequence of cores ``[r, n, r']`` with boundary ranks 1.
///
/// ``factors`` is the list of cores; ``error`` the relative Frobenius error.
#[pyclass(module = "tensegrity.decompose", frozen, name = "TensorTrainResult")]
pub struct TensorTrainResult {
    #[pyo3(get)]
    factors: Py<PyList>,
    #[pyo3(get)]
    error: f64,
    ranks: Vec<usize>,
    format: Box<dyn Expand>,
}

#[pymethods]
impl TensorTrainResult {
    /// The ranks ``(1, r_1, …, 1)``.
    #[getter]
    fn rank<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.ranks)
    }

    /// The full array.
    fn to_array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        expanded(py, self.format.as_ref())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.factors.bind(py).len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        self.factors.bind(py).as_any().get_item(index)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.factors.bind(py).try_iter()
    }

    fn __repr__(&self) -> String {
        format!(
            "TensorTrainResult(rank={:?}, error={:.3e})",
            self.ranks, self.error
        )
    }
}

/// Tensor train (matrix product state) by TT-SVD.
///
/// Parameters
/// ----------
/// x : array of any real or complex type, [n_1, …, n_d]
/// rank : int (every bond at most this), or d + 1 ints with 1 at both ends
/// error : largest relative Frobenius error
///
/// Returns
/// -------
/// TensorTrainResult, a sequence of cores [r, n, r']
///
/// >>> x = np.sin(0.3 * np.indices((8, 8, 8)).sum(axis=0))
/// >>> train = tg.decompose.tensor_train(x, error=1e-8)
/// >>> train.rank
/// (1, 2, 2, 1)
/// >>> bool(np.abs(train.to_array() - x).max() < 1e-7)
/// True
#[pyfunction]
#[pyo3(signature = (x, rank=None, error=None))]
pub fn tensor_train(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    rank: Option<&Bound<'_, PyAny>>,
    error: Option<f64>,
) -> PyResult<TensorTrainResult> {
    let operand = Operand::new(x, 0)?;
    let places = operand.shape().len() + 1;
    let target = match one_of(rank, error)? {
        Ok(rank) => {
            let mut ranks = ranks(rank, places)?;
            // One number bounds the bonds; the boundary is one by definition.
            if rank.extract::<usize>().is_ok_and(|rank| rank > 0) {
                ranks[0] = 1;
                ranks[places - 1] = 1;
            }
            Tol::Ranks(ranks)
        }
        Err(error) => Tol::Rel(error),
    };
    with_field!(operand, view => {
        let found = py.detach(|| tt_svd(&view, &target, &TtOptions::default()));
        train_result(py, found.map_err(|error| refused(&error))?)
    })
}

fn train_result<T: Entry>(
    py: Python<'_>,
    found: Decomposed<TtTensor<T>>,
) -> PyResult<TensorTrainResult> {
    let Decomposed { tensor, report, .. } = found;
    Ok(TensorTrainResult {
        factors: numpy_list(py, tensor.cores())?,
        error: report.error,
        ranks: tensor.ranks(),
        format: Box::new(tensor),
    })
}

/// A CP (canonical polyadic) decomposition: unpacks into ``weights, factors``.
///
/// ``weights`` is ``[r]``, non-negative and descending; the columns of
/// ``factors[k]`` (``[n_k, r]``) have norm one.
#[pyclass(module = "tensegrity.decompose", frozen, name = "CpResult")]
pub struct CpResult {
    #[pyo3(get)]
    weights: Py<PyAny>,
    #[pyo3(get)]
    factors: Py<PyList>,
    #[pyo3(get)]
    error: f64,
    #[pyo3(get)]
    n_iter: usize,
    rank: usize,
    format: Box<dyn Expand>,
}

#[pymethods]
impl CpResult {
    /// The number of terms.
    #[getter]
    fn rank(&self) -> usize {
        self.rank
    }

    /// The full array.
    fn to_array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        expanded(py, self.format.as_ref())
    }

    fn __len__(&self) -> usize {
        2
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        pair(py, &self.weights, &self.factors)?
            .as_any()
            .get_item(index)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        pair(py, &self.weights, &self.factors)?.try_iter()
    }

    fn __repr__(&self) -> String {
        let Self {
            rank,
            error,
            n_iter,
            ..
        } = self;
        format!("CpResult(rank={rank}, error={error:.3e}, n_iter={n_iter})")
    }
}

/// CP decomposition by alternating least squares with a dimension tree.
///
/// Parameters
/// ----------
/// x : array of any real or complex type, [n_1, …, n_d]
/// rank : number of terms, or None if ``error`` is given
/// error : largest relative Frobenius error; ranks are tried upwards, each
///     start continuing from the one before
/// n_iter_max : most sweeps
/// tol : stop when the fit changes by less; 0 never stops early
/// init : "svd" or "random"
/// random_state : seed of everything random; None is 0
///
/// Returns
/// -------
/// CpResult, which unpacks as ``weights, factors``
///
/// >>> x = np.einsum("i,j,k->ijk", [1., 2.], [3., 4., 5.], [1., 0.])
/// >>> weights, factors = tg.decompose.parafac(x, rank=1)
/// >>> round(float(weights[0]), 6), [f.shape for f in factors]
/// (15.811388, [(2, 1), (3, 1), (2, 1)])
#[pyfunction]
#[pyo3(signature = (x, rank=None, error=None, n_iter_max=100, tol=1e-8, init="svd", random_state=None))]
pub fn parafac(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    rank: Option<&Bound<'_, PyAny>>,
    error: Option<f64>,
    n_iter_max: usize,
    tol: f64,
    init: &str,
    random_state: Option<&Bound<'_, PyAny>>,
) -> PyResult<CpResult> {
    let operand = Operand::new(x, 0)?;
    let target = match one_of(rank, error)? {
        Ok(rank) => Ok(rank.extract::<usize>().map_err(|_| {
            PyValueError::new_err(format!("rank {rank} is not a positive whole number"))
        })?),
        Err(error) => Err(error),
    };
    let random = match init {
        "svd" => false,
        "random" => true,
        _ => {
            let message = format!("init {init:?} is unknown; there are \"svd\" and \"random\"");
            return Err(PyValueError::new_err(message));
        }
    };
    let sweeps = Sweeps {
        n_iter: n_iter_max,
        tol,
        seed: random_state.map_or(Ok(0), |seed| count(seed, "random_state"))?,
        random,
    };
    with_field!(operand, view => {
        let found = py.detach(|| run_cp(&view, target, &sweeps));
        cp_result(py, found.map_err(|error| refused(&error))?)
    })
}

struct Sweeps {
    n_iter: usize,
    tol: f64,
    seed: u64,
    random: bool,
}

impl Sweeps {
    fn options<T: Entry>(&self) -> CpOptions<T> {
        let init = if self.random {
            CpInit::Random
        } else {
            CpInit::Svd
        };
        CpOptions {
            init,
            n_iter: self.n_iter,
            tol: self.tol,
            seed: self.seed,
            ..CpOptions::default()
        }
    }
}

fn run_cp<T: Entry>(
    view: &View<'_, T>,
    target: Result<usize, f64>,
    sweeps: &Sweeps,
) -> Result<Decomposed<CpTensor<T>>, Error> {
    let limit = match target {
        Ok(rank) => return cp_als(view, rank, &sweeps.options()),
        Err(limit) => limit,
    };
    // A rank of elements over the longest mode represents anything.
    let longest = view.shape().iter().copied().max().unwrap_or(1).max(1);
    let most = (view.len() / longest).max(1);
    let mut rank = 1;
    let mut found = cp_als(view, rank, &sweeps.options())?;
    while found.report.error > limit && rank < most {
        rank = (rank + rank.div_ceil(8)).min(most);
        let options = CpOptions {
            init: CpInit::Given(found.tensor),
            ..sweeps.options()
        };
        found = cp_als(view, rank, &options)?;
    }
    if found.report.error > limit {
        return Err(Error::NotReached {
            wanted: limit,
            reached: found.report.error,
            rank,
        });
    }
    Ok(found)
}

fn cp_result<T: Entry>(py: Python<'_>, found: Decomposed<CpTensor<T>>) -> PyResult<CpResult> {
    let Decomposed { tensor, report, .. } = found;
    let Report { error, n_iter, .. } = report;
    let weights = Tensor::from_vec(tensor.weights().to_vec(), &[tensor.rank()])
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(CpResult {
        weights: array_to_numpy(py, weights.into())?.unbind(),
        factors: numpy_list(py, tensor.factors())?,
        error,
        n_iter,
        rank: tensor.rank(),
        format: Box::new(tensor),
    })
}
