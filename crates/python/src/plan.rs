//! `tensegrity.plan`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensegrity::contract::{
    Effort, EinsumPlan, Objective, Plan as EnginePlan, PlanOptions, ssa_to_linear,
};
use tensegrity::diagram::Network;
use tensegrity::{Array, DType};

use crate::array::{array_to_numpy, narrow};
use crate::einsum::{memory_limit, numpy_dtype, operands, parsed, refused, views};

/// A planned contraction: inspect it, save it, run it.
#[pyclass(module = "tensegrity", frozen, name = "Plan")]
pub struct Plan {
    planned: EinsumPlan,
}

fn options(
    effort: &str,
    minimize: &str,
    limit: Option<&Bound<'_, PyAny>>,
    seed: u64,
) -> PyResult<PlanOptions> {
    Ok(PlanOptions {
        effort: effort.parse::<Effort>().map_err(|error| refused(&error))?,
        minimize: minimize
            .parse::<Objective>()
            .map_err(|error| refused(&error))?,
        memory_limit: memory_limit(limit)?,
        seed,
        ..PlanOptions::default()
    })
}

#[pymethods]
impl Plan {
    /// Decimal logarithm of the number of multiply-adds.
    #[getter]
    fn log10_flops(&self) -> f64 {
        self.planned.plan().cost().flops.log10()
    }

    /// Binary logarithm of the largest intermediate or result, in elements.
    #[getter]
    fn log2_size(&self) -> f64 {
        self.planned.plan().cost().size.log2()
    }

    /// Most bytes of intermediates and result alive at once, at 8 bytes an element.
    #[getter]
    fn peak_bytes(&self) -> u64 {
        self.planned.plan().peak_bytes()
    }

    /// Pairs of positions in the list of what is left, as NumPy and opt_einsum count.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let plan = self.planned.plan();
        let path = ssa_to_linear(plan.network().inputs.len(), plan.pairs())
            .map_err(|error| refused(&error))?;
        path.into_iter()
            .map(|(a, b)| PyTuple::new(py, [a, b]))
            .collect()
    }

    /// Number of slices the contraction is cut into.
    #[getter]
    fn n_slices(&self) -> u64 {
        self.planned.plan().slices()
    }

    /// Every step in words: what meets, how large, by which kernel.
    fn explain(&self) -> PyResult<String> {
        let name = |wire| self.planned.bound().wire_name(wire);
        let explained = self.planned.plan().explain_named(DType::F64, name);
        explained
            .map(|text| text.to_string())
            .map_err(|error| refused(&error))
    }

    /// Expression, shapes and plan as JSON.
    fn to_json(&self) -> String {
        self.planned.to_json()
    }

    /// The inverse of ``to_json``.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        EinsumPlan::from_json(text)
            .map(|planned| Self { planned })
            .map_err(|error| refused(&error))
    }

    /// Runs on arrays of the shapes planned for.
    #[pyo3(signature = (*arrays))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        arrays: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let operands = operands(arrays)?;
        // SAFETY: as in `einsum`: a concurrent writer races as it would in NumPy.
        let views = unsafe { views(&operands) };
        let result: Array = py
            .detach(|| self.planned.run(&views))
            .map_err(|error| refused(&error))?;
        let computed = result.dtype();
        narrow(
            array_to_numpy(py, result)?,
            computed,
            numpy_dtype(&operands),
        )
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let class = py.get_type::<Self>();
        Ok((class.getattr("from_json")?, (self.to_json(),)))
    }

    fn __repr__(&self) -> String {
        format!(
            "Plan({:?}, log10_flops={:.3}, log2_size={:.3})",
            self.planned.bound().expression().to_string(),
            self.log10_flops(),
            self.log2_size(),
        )
    }
}

/// Plans a contraction from shapes alone.
///
/// Parameters
/// ----------
/// expression : as for ``einsum``
/// *shapes : one for each operand
/// effort : "fast", "normal" or "high"
/// minimize : "flops", "size", "write", "combo", "time" or "peak"
/// memory_limit : most bytes of intermediates and result, or text such as "2GiB"
/// seed : seed of randomised planners
/// broadcast, **sizes : as for ``einsum``
///
/// Returns
/// -------
/// Plan
///
/// >>> plan = tg.plan("ab,bc,cd->ad", (9, 2), (2, 9), (9, 2))
/// >>> plan.path
/// [(1, 2), (0, 1)]
/// >>> round(10 ** plan.log10_flops)
/// 72
#[pyfunction]
#[pyo3(signature = (expression, *shapes, effort="normal", minimize="flops", memory_limit=None, seed=0, broadcast=false, **sizes))]
pub fn plan(
    py: Python<'_>,
    expression: &str,
    shapes: &Bound<'_, PyTuple>,
    effort: &str,
    minimize: &str,
    memory_limit: Option<&Bound<'_, PyAny>>,
    seed: u64,
    broadcast: bool,
    sizes: Option<&Bound<'_, PyDict>>,
) -> PyResult<Plan> {
    let parsed = parsed(expression, broadcast, sizes)?;
    let mut lengths: Vec<Vec<usize>> = Vec::with_capacity(shapes.len());
    for (number, shape) in shapes.iter().enumerate() {
        lengths.push(shape.extract().map_err(|_| {
            PyValueError::new_err(format!(
                "shape {} is {shape}; a tuple of axis lengths is needed",
                number + 1
            ))
        })?);
    }
    let options = options(effort, minimize, memory_limit, seed)?;
    let shapes: Vec<&[usize]> = lengths.iter().map(Vec::as_slice).collect();
    let planned = py
        .detach(|| parsed.plan(&shapes, &options))
        .map_err(|error| refused(&error))?;
    Ok(Plan { planned })
}

/// The pairwise path for a network of numbered indices; what ``Optimizer`` calls.
///
/// >>> from tensegrity import _tensegrity
/// >>> _tensegrity.find_path([[0, 1], [1, 2]], [0, 2], [2, 3, 4], "fast", "flops", 0)
/// [(0, 1)]
#[pyfunction]
pub fn find_path(
    py: Python<'_>,
    inputs: Vec<Vec<u32>>,
    output: Vec<u32>,
    sizes: Vec<u64>,
    effort: &str,
    minimize: &str,
    seed: u64,
) -> PyResult<Vec<(usize, usize)>> {
    let options = options(effort, minimize, None, seed)?;
    let network = Network {
        inputs,
        output,
        dims: sizes,
    };
    py.detach(|| {
        let plan = EnginePlan::new(&network, &options)?;
        ssa_to_linear(network.inputs.len(), plan.pairs())
    })
    .map_err(|error| refused(&error))
}
