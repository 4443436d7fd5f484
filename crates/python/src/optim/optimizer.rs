//! The base class of all optimisers.

use numpy::PyUntypedArray;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tensegrity::optim::{self, Clip, Error, Float, Method, NonFinite, Settings, build};
use tensegrity::{DType, Tensor, View, ViewMut};

use super::parameters::{Parameters, check_writable};
use super::schedule::Schedule;
use super::{bad, refused, state};
use crate::array::{Operand, writable};

/// The compiled optimiser for the element type of the parameters.
enum Engine {
    F32(Box<dyn optim::Optimizer<f32>>),
    F64(Box<dyn optim::Optimizer<f64>>),
}

/// Evaluates an expression of the optimiser of either type.
macro_rules! with_engine {
    ($engine:expr, $optimizer:ident => $body:expr) => {
        match $engine {
            Engine::F32($optimizer) => $body,
            Engine::F64($optimizer) => $body,
        }
    };
}

/// What all optimisers of ``tensegrity.optim`` have in common.
///
/// ``params`` is a dict of NumPy arrays by name, a list of arrays or of pairs ``(name,
/// array)``, or a list of groups: dicts with ``params`` and any of ``name``, ``lr``,
/// ``weight_decay``, ``role``, ``frozen``. Arrays are float32 or float64, all of one
/// type, of any strides, and are updated in place.
///
/// Options of every optimiser, by keyword:
///
/// schedule : a ``Schedule``, the factor on ``lr`` by step
/// nonfinite : "error" refuses a step whose gradients hold NaN or an infinity, "skip"
///     leaves it out and counts it; neither changes a parameter or the state
/// clip_norm : bound of the Euclidean norm of all gradients together
/// clip_value : bound of the magnitude of every element of a gradient
/// roles : dict from a parameter (its name or number) to what it does: "linear" (default of
///     two axes and more), "embedding", "head", "conv2d" (d_out × d_in × k × k), "vector"
///     (default of fewer axes), or the name of a norm
/// frozen : list of parameters that are not trained: no state, gradients not read
/// measure_updates : whether ``step`` tells the norm of the change
#[pyclass(module = "tensegrity.optim", subclass)]
pub struct Optimizer {
    parameters: Parameters,
    engine: Engine,
}

/// Options that do not belong to a method.
pub struct Common {
    parameters: Parameters,
    settings: Settings,
}

const OPTIONS: [&str; 7] = [
    "schedule",
    "nonfinite",
    "clip_norm",
    "clip_value",
    "roles",
    "frozen",
    "measure_updates",
];

impl Common {
    pub fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        for key in options.iter().flat_map(|options| options.keys()) {
            let key: String = key.extract()?;
            if !OPTIONS.contains(&key.as_str()) {
                return Err(PyTypeError::new_err(format!(
                    "unknown option {key:?}; every optimiser also takes {OPTIONS:?}"
                )));
            }
        }
        let option = |key: &str| match options {
            Some(options) => Ok::<_, PyErr>(options.get_item(key)?.filter(|x| !x.is_none())),
            None => Ok(None),
        };
        let mut settings = Settings::default();
        if let Some(schedule) = option("schedule")? {
            settings.schedule = schedule
                .extract::<Schedule>()
                .map_err(|_| PyTypeError::new_err("schedule is no tensegrity.optim.Schedule"))?
                .inner;
        }
        if let Some(policy) = option("nonfinite")? {
            settings.non_finite = match policy.extract::<String>()?.as_str() {
                "error" => NonFinite::Error,
                "skip" => NonFinite::Skip,
                other => {
                    return Err(bad(format!(
                        "nonfinite is {other:?}; it is \"error\" or \"skip\""
                    )));
                }
            };
        }
        settings.clip = match (option("clip_norm")?, option("clip_value")?) {
            (None, None) => Clip::Off,
            (Some(most), None) => Clip::Norm(most.extract()?),
            (None, Some(most)) => Clip::Value(most.extract()?),
            (Some(_), Some(_)) => return Err(bad("give one of clip_norm and clip_value")),
        };
        if let Some(measured) = option("measure_updates")? {
            settings.measure_updates = measured.extract()?;
        }
        let (roles, frozen) = (option("roles")?, option("frozen")?);
        Ok(Self {
            parameters: Parameters::new(params, lr, roles.as_ref(), frozen.as_ref())?,
            settings,
        })
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub fn build(self, method: impl Into<Method>) -> PyResult<Optimizer> {
        let method = method.into();
        let (registry, settings) = (&self.parameters.registry, &self.settings);
        let engine = match self.parameters.dtype {
            DType::F32 => Engine::F32(build(&method, registry, settings).map_err(refused)?),
            _ => Engine::F64(build(&method, registry, settings).map_err(refused)?),
        };
        Ok(Optimizer {
            parameters: self.parameters,
            engine,
        })
    }
}

/// The arrays of the parameters as views; frozen ones as nothing.
fn values<'a, T: Float>(
    parameters: &Parameters,
    arrays: &'a [Bound<'_, PyUntypedArray>],
) -> PyResult<Vec<ViewMut<'a, T>>> {
    (arrays.iter().enumerate())
        .map(|(number, array)| {
            let spec = parameters.spec(number);
            if spec.frozen {
                return Ok(ViewMut::from_slice(&mut [], &[0]));
            }
            check_writable(&spec.name, array)?;
            match crate::array::dtype_of(array) == Some(parameters.dtype) {
                true => writable(array)?,
                false => None,
            }
            .ok_or_else(|| {
                bad(format!(
                    "parameter {:?} is not an aligned array of {} any more",
                    spec.name, parameters.dtype
                ))
            })
        })
        .collect()
}

fn stepped<T: Float>(
    py: Python<'_>,
    optimizer: &mut dyn optim::Optimizer<T>,
    parameters: &Parameters,
    gradients: &[Option<Operand<'_>>],
) -> PyResult<optim::StepStats> {
    let arrays: Vec<Bound<'_, PyUntypedArray>> = parameters
        .arrays
        .iter()
        .map(|array| array.bind(py).clone())
        .collect();
    let mut values = values::<T>(parameters, &arrays)?;
    let views: Vec<View<'_, T>> = gradients
        .iter()
        .map(|gradient| match gradient {
            // SAFETY: `Parameters::gradients` made them of this type and apart from
            // the parameters; Python code that writes to them during the call races
            // as it would in NumPy.
            Some(gradient) => unsafe { gradient.view() },
            None => View::from_slice(&[], &[0]),
        })
        .collect();
    py.detach(|| optimizer.step(&mut values, &views))
        .map_err(refused)
}

/// A step of a Python function that returns `(value, gradients)`.
fn stepped_with<T: Float>(
    py: Python<'_>,
    optimizer: &mut dyn optim::Optimizer<T>,
    parameters: &Parameters,
    function: &Bound<'_, PyAny>,
) -> PyResult<optim::StepStats> {
    let arrays: Vec<Bound<'_, PyUntypedArray>> = parameters
        .arrays
        .iter()
        .map(|array| array.bind(py).clone())
        .collect();
    let mut values = values::<T>(parameters, &arrays)?;
    // The function reads the arrays themselves, which hold the trial points.
    let mut evaluate = |_: &[View<'_, T>]| {
        let evaluated = || -> PyResult<(f64, Vec<Tensor<T>>)> {
            let (value, grads): (f64, Bound<'_, PyAny>) = function.call0()?.extract()?;
            let tensor = |gradient: Option<Operand<'_>>| match gradient {
                // SAFETY: of this type, and the lock is held while copying.
                Some(gradient) => Ok(unsafe { gradient.view::<T>() }.to_tensor()),
                None => Tensor::zeros(&[0]).map_err(|error| bad(error.to_string())),
            };
            let gradients = parameters.gradients(&grads)?.into_iter().map(tensor);
            Ok((value, gradients.collect::<PyResult<_>>()?))
        };
        evaluated().map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)
    };
    let found = optimizer.step_with(&mut values, &mut evaluate);
    found.map_err(|error| match error {
        Error::Function(error) => match error.downcast::<PyErr>() {
            Ok(error) => *error,
            Err(other) => bad(other.to_string()),
        },
        other => refused(other),
    })
}

#[pymethods]
impl Optimizer {
    /// Updates the parameters, in place, by their gradients.
    ///
    /// ``grads`` is a dict of arrays by name or a list in the order of the parameters, of
    /// their shapes; gradients of another real type are converted, those of frozen
    /// parameters are not read. Or it is a function without arguments that returns the
    /// value at the present parameters and such ``grads``. Returns ``StepStats``.
    ///
    /// Raises ``ValueError`` for a shape that does not fit, a missing gradient, and, unless
    /// such steps are skipped, for NaN or an infinity; nothing has changed then.
    fn step(&mut self, py: Python<'_>, grads: &Bound<'_, PyAny>) -> PyResult<StepStats> {
        let parameters = &self.parameters;
        if grads.is_callable() {
            let stats = with_engine!(&mut self.engine, optimizer => {
                stepped_with(py, &mut **optimizer, parameters, grads)
            });
            return stats.map(StepStats::from);
        }
        let gradients = parameters.gradients(grads)?;
        with_engine!(&mut self.engine, optimizer => {
            stepped(py, &mut **optimizer, parameters, &gradients)
        })
        .map(StepStats::from)
    }

    /// Freezes parameters (names or numbers): their state is dropped, and their gradients are
    /// not read any more.
    fn freeze(&mut self, parameters: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_frozen(parameters, true)
    }

    /// Trains frozen parameters again, from a state without history.
    ///
    /// Raises ``ValueError`` if one of them cannot be updated in place.
    fn thaw(&mut self, parameters: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_frozen(parameters, false)
    }

    /// The rate before schedule and groups; can be set.
    #[getter]
    fn lr(&self) -> f64 {
        with_engine!(&self.engine, optimizer => optimizer.rate())
    }

    #[setter]
    fn set_lr(&mut self, lr: f64) -> PyResult<()> {
        with_engine!(&mut self.engine, optimizer => optimizer.set_rate(lr)).map_err(refused)
    }

    /// The arrays by name.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (number, array) in self.parameters.arrays.iter().enumerate() {
            dict.set_item(&self.parameters.spec(number).name, array)?;
        }
        Ok(dict)
    }

    /// Everything carried to the next step, as a dict of NumPy arrays that can be pickled.
    ///
    /// The parameters themselves are not in it. A run restored by ``load_state_dict``
    /// goes on bit for bit.
    fn state_dict<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = with_engine!(&mut self.engine, optimizer => optimizer.state());
        state::to_dict(py, state)
    }

    /// Puts a saved state in place of the present one.
    ///
    /// Raises ``ValueError`` for the state of another method, model, element type or
    /// version; the present state is unchanged then.
    fn load_state_dict(&mut self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let state = state::from_dict(state)?;
        with_engine!(&mut self.engine, optimizer => optimizer.restore(&state)).map_err(refused)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let this = slf.borrow();
        let (all, trained) = this.parameters.registry.counts();
        let class = slf.get_type().name()?;
        let lr = this.lr();
        Ok(format!(
            "<{class} of {} parameters, {trained} of {all} numbers trained, lr={lr}>",
            this.parameters.arrays.len()
        ))
    }
}

impl Optimizer {
    fn set_frozen(&mut self, keys: &Bound<'_, PyAny>, frozen: bool) -> PyResult<()> {
        let py = keys.py();
        let registry = self.parameters.with_frozen(py, keys, frozen)?;
        let mask = |spec: &optim::ParameterSpec| {
            let known = registry.parameters().iter().find(|p| p.name == spec.name);
            known.is_some_and(|parameter| parameter.frozen)
        };
        with_engine!(&mut self.engine, optimizer => optimizer.freeze(&mask)).map_err(refused)?;
        self.parameters.registry = registry;
        Ok(())
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// What happened in a step.
///
/// ``step`` counts the steps taken, ``skipped`` tells whether this one was left out,
/// ``lr`` is the rate used (schedule included, groups not), ``gradient_norm`` and
/// ``update_norm`` are Euclidean, ``roots_computed`` and ``roots_failed`` count matrix
/// roots of this step; a failed one leaves the previous root in use. Of a step of a
/// function, ``value`` is what it was before the step, ``evaluations`` counts its calls,
/// and ``search_held`` tells whether a line search found what it wanted.
#[pyclass(module = "tensegrity.optim", frozen, get_all)]
pub struct StepStats {
    step: u64,
    skipped: bool,
    skipped_total: u64,
    lr: f64,
    gradient_norm: f64,
    update_norm: Option<f64>,
    value: Option<f64>,
    evaluations: usize,
    search_held: Option<bool>,
    roots_computed: usize,
    roots_failed: usize,
    roots_failed_total: u64,
}

impl From<optim::StepStats> for StepStats {
    fn from(stats: optim::StepStats) -> Self {
        Self {
            step: stats.step,
            skipped: stats.skipped,
            skipped_total: stats.skipped_total,
            lr: stats.rate,
            gradient_norm: stats.gradient_norm,
            update_norm: stats.update_norm,
            value: stats.value,
            evaluations: stats.evaluations,
            search_held: stats.search_held,
            roots_computed: stats.roots_computed,
            roots_failed: stats.roots_failed,
            roots_failed_total: stats.roots_failed_total,
        }
    }
}

#[pymethods]
impl StepStats {
    fn __repr__(&self) -> String {
        let skipped = if self.skipped { ", skipped" } else { "" };
        format!(
            "<step {}{skipped}, lr={}, gradient norm {:.6}>",
            self.step, self.lr, self.gradient_norm
        )
    }
}
