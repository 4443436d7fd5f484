//! `tensegrity.energy`: the meter as a context manager.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tensegrity::meter::{
    self, Accelerator, Backend, Carbon, Conversion, EstimateInput, Footprint, MeterConfig, Scope,
    SpanReport,
};

fn refused(error: meter::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A stretch of work whose energy is asked for: a context manager.
///
/// After the ``with`` block its attributes hold the figures: ``joules``, ``kwh``,
/// ``seconds``, ``watts``, ``interval`` (bounds in joules), ``provenance``
/// ("measured", "modelled" or "declared"), ``scope``, ``backend``, ``complete``,
/// ``by_domain`` (joules of each domain in the sum), ``cpu_seconds``,
/// ``cpu_share``, ``idle_watts``, ``net_joules``, ``dropped``, ``notes``.
#[pyclass(module = "tensegrity.energy", subclass, frozen)]
pub struct Span {
    meter: Arc<meter::Meter>,
    name: String,
    state: Mutex<State>,
}

/// Before, in and after the ``with`` block.
enum State {
    New,
    Open(meter::Span),
    Done(Box<SpanReport>),
}

impl Span {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report<T>(&self, read: impl FnOnce(&SpanReport) -> T) -> PyResult<T> {
        match &*self.state() {
            State::Done(report) => Ok(read(report)),
            _ => Err(PyRuntimeError::new_err(format!(
                "span {:?} has not ended; read its figures after the with block",
                self.name
            ))),
        }
    }
}

#[pymethods]
impl Span {
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        {
            let this = slf.get();
            let mut state = this.state();
            if matches!(*state, State::Open(_)) {
                return Err(PyRuntimeError::new_err(format!(
                    "span {:?} is running already; start another one with span()",
                    this.name
                )));
            }
            *state = State::Open(this.meter.span(&this.name));
        }
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> bool {
        let mut state = self.state();
        if let State::Open(span) = std::mem::replace(&mut *state, State::New) {
            *state = State::Done(Box::new(span.stop()));
        }
        false
    }

    /// A span inside this one if this one runs, else one of its own.
    fn span(&self, name: &str) -> Span {
        let inside = match &*self.state() {
            State::Open(_) => format!("{}/{name}", self.name),
            _ => name.to_owned(),
        };
        Span {
            meter: self.meter.clone(),
            name: inside,
            state: Mutex::new(State::New),
        }
    }

    /// What the energy amounts to: a dict with ``device_kwh``, ``kwh`` (with PUE),
    /// ``co2_kg``, ``co2_lb``, ``electricity_usd`` and ``notes``. Carbon intensity
    /// is one of ``g_per_kwh``, ``lb_per_kwh`` and ``country``.
    #[pyo3(signature = (*, pue=None, g_per_kwh=None, lb_per_kwh=None, country=None, usd_per_kwh=None))]
    fn footprint<'py>(
        &self,
        py: Python<'py>,
        pue: Option<f64>,
        g_per_kwh: Option<f64>,
        lb_per_kwh: Option<f64>,
        country: Option<&str>,
        usd_per_kwh: Option<f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let conversion = conversion(pue, g_per_kwh, lb_per_kwh, country, usd_per_kwh)?;
        footprint_dict(py, &conversion.apply(self.report(SpanReport::kwh)?))
    }

    /// Energy in joules.
    #[getter]
    fn joules(&self) -> PyResult<f64> {
        self.report(|r| r.joules)
    }

    /// Energy in kilowatt-hours, without PUE.
    #[getter]
    fn kwh(&self) -> PyResult<f64> {
        self.report(SpanReport::kwh)
    }

    /// Length in seconds.
    #[getter]
    fn seconds(&self) -> PyResult<f64> {
        self.report(|r| r.seconds)
    }

    /// Mean power in watts.
    #[getter]
    fn watts(&self) -> PyResult<f64> {
        self.report(|r| r.watts)
    }

    /// Bounds of the energy in joules.
    #[getter]
    fn interval(&self) -> PyResult<(f64, f64)> {
        self.report(|r| r.interval)
    }

    /// "measured", "modelled" or "declared".
    #[getter]
    fn provenance(&self) -> PyResult<String> {
        self.report(|r| r.provenance.to_string())
    }

    /// "process", "package" or "machine".
    #[getter]
    fn scope(&self) -> PyResult<String> {
        self.report(|r| r.scope.to_string())
    }

    /// Name of the backend.
    #[getter]
    fn backend(&self) -> PyResult<String> {
        self.report(|r| r.backend.to_string())
    }

    /// No part of the sum is known to be missing.
    #[getter]
    fn complete(&self) -> PyResult<bool> {
        self.report(|r| r.complete)
    }

    /// Joules of each domain that is in the sum.
    #[getter]
    fn by_domain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parts = self.report(|r| r.by_domain.clone())?;
        let dict = PyDict::new(py);
        for part in parts.iter().filter(|part| part.excluded.is_none()) {
            let name = part.domain.to_string();
            // Two batteries are one domain.
            let before: f64 = match dict.get_item(&name)? {
                Some(value) => value.extract()?,
                None => 0.0,
            };
            dict.set_item(name, before + part.joules)?;
        }
        Ok(dict)
    }

    /// CPU seconds of this process and its children.
    #[getter]
    fn cpu_seconds(&self) -> PyResult<Option<f64>> {
        self.report(|r| r.cpu_seconds)
    }

    /// This process's part of all CPU time used on the machine.
    #[getter]
    fn cpu_share(&self) -> PyResult<Option<f64>> {
        self.report(|r| r.cpu_share)
    }

    /// Power of the idle machine in watts, if it was measured.
    #[getter]
    fn idle_watts(&self) -> PyResult<Option<f64>> {
        self.report(|r| r.idle_watts)
    }

    /// Energy above the idle machine's in joules, if that was measured.
    #[getter]
    fn net_joules(&self) -> PyResult<Option<f64>> {
        self.report(|r| r.net_joules)
    }

    /// Readings that could not be used.
    #[getter]
    fn dropped(&self) -> PyResult<u64> {
        self.report(|r| r.dropped)
    }

    /// What a reader of the figures must know.
    #[getter]
    fn notes(&self) -> PyResult<Vec<String>> {
        self.report(|r| r.notes.clone())
    }

    fn __repr__(&self) -> String {
        match &*self.state() {
            State::New => format!("<span {:?}, not started>", self.name),
            State::Open(_) => format!("<span {:?}, running>", self.name),
            State::Done(report) => format!("<{report}>"),
        }
    }
}

/// Meters energy: a context manager whose attributes hold the figures afterwards.
///
/// Takes the first backend that works: RAPL counters below ``powercap_root``
/// (default: ``TENSEGRITY_POWERCAP_ROOT``, else the kernel's), power sensors, a
/// battery, a model of the load; or ``watts`` as declared. ``full_load_watts``
/// calibrates the model. ``idle_seconds`` measures the idle machine first.
///
/// >>> with tg.energy.Meter(watts=50.0) as m:
/// ...     total = sum(range(10000))
/// >>> m.provenance, abs(m.joules - 50.0 * m.seconds) < 1e-9
/// ('declared', True)
#[pyclass(module = "tensegrity.energy", extends = Span, frozen)]
pub struct Meter;

#[pymethods]
impl Meter {
    #[new]
    #[pyo3(signature = (powercap_root=None, *, watts=None, full_load_watts=None, backend=None,
        scope="process", psys=false, msr=false, interval=None, idle_seconds=0.0, name="meter"))]
    fn new(
        py: Python<'_>,
        powercap_root: Option<PathBuf>,
        watts: Option<f64>,
        full_load_watts: Option<f64>,
        backend: Option<&str>,
        scope: &str,
        psys: bool,
        msr: bool,
        interval: Option<f64>,
        idle_seconds: f64,
        name: &str,
    ) -> PyResult<PyClassInitializer<Self>> {
        if !(0.0..=3600.0).contains(&idle_seconds) {
            return Err(PyValueError::new_err(format!(
                "idle_seconds: {idle_seconds} is not between 0 and 3600"
            )));
        }
        let mut config = config(powercap_root);
        config.watts = watts;
        config.full_load_watts = full_load_watts;
        config.backend = backend.map(backend_named).transpose()?;
        config.scope = match scope {
            "process" => Scope::Process,
            "machine" => Scope::Machine,
            other => {
                return Err(PyValueError::new_err(format!(
                    "scope: {other:?} is neither \"process\" nor \"machine\""
                )));
            }
        };
        config.psys = psys;
        config.msr = msr;
        config.interval = interval;
        let meter = py.detach(|| {
            let meter = meter::Meter::auto(config)?;
            if idle_seconds > 0.0 {
                meter.measure_idle(Duration::from_secs_f64(idle_seconds));
            }
            Ok(meter)
        });
        let span = Span {
            meter: Arc::new(meter.map_err(refused)?),
            name: name.to_owned(),
            state: Mutex::new(State::New),
        };
        Ok(PyClassInitializer::from(span).add_subclass(Meter))
    }
}

/// The options; where RAPL zones are is the only one read from the environment.
fn config(powercap_root: Option<PathBuf>) -> MeterConfig {
    let mut config = MeterConfig::default();
    let set = std::env::var_os("TENSEGRITY_POWERCAP_ROOT").filter(|root| !root.is_empty());
    if let Some(root) = powercap_root.or_else(|| set.map(PathBuf::from)) {
        config.powercap_root = root;
    }
    config
}

fn backend_named(name: &str) -> PyResult<Backend> {
    const KNOWN: [Backend; 7] = [
        Backend::Powercap,
        Backend::PerfEvent,
        Backend::Msr,
        Backend::Hwmon,
        Backend::Battery,
        Backend::Model,
        Backend::Declared,
    ];
    KNOWN
        .into_iter()
        .find(|backend| backend.name() == name)
        .ok_or_else(|| {
            let known = KNOWN.map(Backend::name).join(", ");
            PyValueError::new_err(format!("backend: unknown {name:?}; known: {known}"))
        })
}

fn conversion(
    pue: Option<f64>,
    g_per_kwh: Option<f64>,
    lb_per_kwh: Option<f64>,
    country: Option<&str>,
    usd_per_kwh: Option<f64>,
) -> PyResult<Conversion> {
    let mut conversion = Conversion::default();
    if let Some(pue) = pue {
        conversion = conversion.with_pue(pue).map_err(refused)?;
    }
    let mut carbons = Vec::new();
    carbons.extend(g_per_kwh.map(Carbon::grams));
    carbons.extend(lb_per_kwh.map(Carbon::pounds));
    carbons.extend(country.map(Carbon::country));
    if carbons.len() > 1 {
        return Err(PyValueError::new_err(
            "give one of g_per_kwh, lb_per_kwh and country",
        ));
    }
    if let Some(carbon) = carbons.pop() {
        conversion = conversion.with_carbon(carbon.map_err(refused)?);
    }
    if let Some(price) = usd_per_kwh {
        conversion = conversion.with_price(price).map_err(refused)?;
    }
    Ok(conversion)
}

fn footprint_dict<'py>(py: Python<'py>, footprint: &Footprint) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("device_kwh", footprint.device_kwh)?;
    dict.set_item("kwh", footprint.kwh)?;
    dict.set_item("co2_kg", footprint.co2_kg)?;
    dict.set_item("co2_lb", footprint.co2_lb)?;
    dict.set_item("electricity_usd", footprint.electricity_usd)?;
    dict.set_item("notes", footprint.notes.clone())?;
    Ok(dict)
}

/// Which backends there are, and why the others are not: a list of dicts with
/// ``backend``, ``available``, ``used``, ``provenance``, ``scope``, ``domains``
/// and ``reason``.
///
/// >>> [entry["backend"] for entry in tg.energy.probe()][0]
/// 'powercap'
#[pyfunction]
#[pyo3(signature = (powercap_root=None))]
pub fn energy_probe(py: Python<'_>, powercap_root: Option<PathBuf>) -> PyResult<Bound<'_, PyList>> {
    let found = meter::probe(&config(powercap_root)).map_err(refused)?;
    let list = PyList::empty(py);
    for entry in found {
        let dict = PyDict::new(py);
        dict.set_item("backend", entry.backend.name())?;
        dict.set_item("available", entry.available)?;
        dict.set_item("used", entry.used)?;
        dict.set_item("provenance", entry.provenance.to_string())?;
        dict.set_item("scope", entry.scope.map(|scope| scope.to_string()))?;
        let domains: Vec<String> = entry
            .domains
            .iter()
            .filter(|domain| domain.excluded.is_none())
            .map(|domain| domain.domain.clone())
            .collect();
        dict.set_item("domains", domains)?;
        dict.set_item("reason", entry.reason)?;
        list.append(dict)?;
    }
    Ok(list)
}

/// Energy, CO2 and cost from watts and hours: PUE · hours · watts / 1000 kWh.
///
/// ``device`` is for example "P100:8". Returns a dict: that of
/// ``Span.footprint`` and ``cloud_usd``, a pair or None.
///
/// >>> e = tg.energy.estimate(1415.78, 12, pue=1.58, lb_per_kwh=0.954, device="P100:8")
/// >>> round(e["kwh"], 2), round(e["co2_lb"], 2), round(e["cloud_usd"][0], 2)
/// (26.84, 25.61, 41.28)
#[pyfunction]
#[pyo3(signature = (watts, hours, *, pue=None, g_per_kwh=None, lb_per_kwh=None, country=None,
    usd_per_kwh=None, device=None, trials=1))]
pub fn energy_estimate<'py>(
    py: Python<'py>,
    watts: f64,
    hours: f64,
    pue: Option<f64>,
    g_per_kwh: Option<f64>,
    lb_per_kwh: Option<f64>,
    country: Option<&str>,
    usd_per_kwh: Option<f64>,
    device: Option<&str>,
    trials: u32,
) -> PyResult<Bound<'py, PyDict>> {
    let conversion = conversion(pue, g_per_kwh, lb_per_kwh, country, usd_per_kwh)?;
    let device = device
        .map(Accelerator::parse)
        .transpose()
        .map_err(refused)?;
    let estimate = EstimateInput {
        watts: Some(watts),
        hours,
        conversion,
        device,
        trials: Some(trials),
    }
    .estimate()
    .map_err(refused)?;
    let dict = match &estimate.footprint {
        Some(footprint) => footprint_dict(py, footprint)?,
        None => PyDict::new(py),
    };
    let cost: Option<(f64, f64)> = estimate.cloud_usd.map(|usd| (usd.low, usd.high));
    dict.set_item("cloud_usd", cost)?;
    Ok(dict)
}
