//! The optimisers: their options under PyTorch's names.

use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tensegrity::optim::{
    self, Eta, Graft, Method, MuonVariant, Precision, Ridge, RootMethod, WeightDecay,
};

use super::optimizer::{Common, Optimizer};
use super::parameters::role_named;
use super::{bad, norm_named, polar_method, refused};

/// A base object by `method`.
fn made<C: PyClass<BaseType = Optimizer>>(
    class: C,
    params: &Bound<'_, PyAny>,
    method: impl Into<Method>,
    lr: f64,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyClassInitializer<C>> {
    let base = Common::new(params, lr, options)?.build(method)?;
    Ok(PyClassInitializer::from(base).add_subclass(class))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sgd>()?;
    module.add_class::<AdaGrad>()?;
    module.add_class::<Adam>()?;
    module.add_class::<AdamW>()?;
    module.add_class::<Lamb>()?;
    module.add_class::<Lbfgs>()?;
    module.add_class::<Shampoo>()?;
    module.add_class::<Soap>()?;
    module.add_class::<NormDescent>()?;
    module.add_class::<Muon>()?;
    module.add_class::<Prodigy>()
}

/// Gradient descent with momentum: ``v = momentum*v + g``, ``w -= lr*v``.
///
/// ``weight_decay`` is decoupled: ``w *= 1 - lr*weight_decay`` before the step. Other
/// arguments as of ``Optimizer``.
///
/// >>> w = np.array([1.0, -2.0])
/// >>> opt = tg.optim.Sgd({"w": w}, lr=0.5)
/// >>> opt.step({"w": w})  # the gradient of (w**2).sum()/2
/// <step 1, lr=0.5, gradient norm 2.236068>
/// >>> w
/// array([ 0.5, -1. ])
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Sgd;

#[pymethods]
impl Sgd {
    #[new]
    #[pyo3(signature = (params, lr=1e-3, momentum=0.0, nesterov=false, weight_decay=0.0, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        momentum: f64,
        nesterov: bool,
        weight_decay: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Sgd::new(lr)
            .momentum(momentum)
            .nesterov(nesterov)
            .weight_decay(weight_decay);
        made(Self, params, method, lr, options)
    }
}

/// Diagonal AdaGrad: ``s += g*g``, ``w -= lr*g/(sqrt(s) + eps)`` (Duchi et al. 2011).
///
/// ``weight_decay`` is decoupled. Other arguments as of ``Optimizer``.
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct AdaGrad;

#[pymethods]
impl AdaGrad {
    #[new]
    #[pyo3(signature = (params, lr=1e-2, eps=1e-10, weight_decay=0.0, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        eps: f64,
        weight_decay: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::AdaGrad::new(lr).eps(eps).weight_decay(weight_decay);
        made(Self, params, method, lr, options)
    }
}

/// Adam (Kingma and Ba 2015), with bias correction.
///
/// ``weight_decay`` is added to the gradient, as in PyTorch; ``AdamW`` decouples it. Other
/// arguments as of ``Optimizer``.
///
/// >>> w = np.array([1.0, -2.0, 0.5])
/// >>> opt = tg.optim.Adam([w], lr=0.1)
/// >>> for _ in range(200):
/// ...     stats = opt.step([w])  # the gradient of (w**2).sum()/2
/// >>> bool(np.abs(w).max() < 1e-3), stats.step
/// (True, 200)
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Adam;

#[pymethods]
impl Adam {
    #[new]
    #[pyo3(signature = (params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Adam::new(lr)
            .betas(betas.0, betas.1)
            .eps(eps)
            .weight_decay(WeightDecay::Coupled(weight_decay));
        made(Self, params, method, lr, options)
    }
}

/// Adam with decoupled weight decay: ``w *= 1 - lr*weight_decay`` (Loshchilov and Hutter 2019).
///
/// Other arguments as of ``Optimizer``.
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct AdamW;

#[pymethods]
impl AdamW {
    #[new]
    #[pyo3(signature = (params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Adam::decoupled(lr, weight_decay)
            .betas(betas.0, betas.1)
            .eps(eps);
        made(Self, params, method, lr, options)
    }
}

/// LAMB: Adam's direction scaled to the norm of each parameter (You et al. 2020).
///
/// Arguments as of ``AdamW``; the decay is part of the direction.
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Lamb;

#[pymethods]
impl Lamb {
    #[new]
    #[pyo3(signature = (params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=1e-2, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Lamb::new(lr)
            .betas(betas.0, betas.1)
            .eps(eps)
            .weight_decay(weight_decay);
        made(Self, params, method, lr, options)
    }
}

/// Limited-memory BFGS over all parameters at once (Liu and Nocedal 1989), for gradients
/// without noise.
///
/// The step is ``lr`` times the quasi-Newton direction; with
/// ``line_search_fn="strong_wolfe"`` its length satisfies the strong Wolfe conditions,
/// ``lr`` is the first length tried, and ``step`` takes a function (at most ``max_eval``
/// evaluations a step). Other arguments as of ``Optimizer``.
///
/// >>> w = np.array([-1.2, 1.0])
/// >>> def rosenbrock():
/// ...     a, b = 1 - w[0], w[1] - w[0]**2
/// ...     return a*a + 100*b*b, [np.array([-2*a - 400*w[0]*b, 200*b])]
/// >>> opt = tg.optim.Lbfgs([w], line_search_fn="strong_wolfe")
/// >>> for _ in range(40):
/// ...     stats = opt.step(rosenbrock)
/// >>> w.round(6)
/// array([1., 1.])
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Lbfgs;

#[pymethods]
impl Lbfgs {
    #[new]
    #[pyo3(signature = (params, lr=1.0, history_size=10, *, line_search_fn=None, max_eval=25,
        **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        history_size: usize,
        line_search_fn: Option<&str>,
        max_eval: usize,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Lbfgs::new(lr).history(history_size);
        let method = match line_search_fn {
            None => method,
            Some("strong_wolfe") => method.strong_wolfe(max_eval),
            Some(other) => {
                return Err(bad(format!(
                    "unknown line_search_fn {other:?}; there is \"strong_wolfe\""
                )));
            }
        };
        made(Self, params, method, lr, options)
    }
}

/// Shampoo: a preconditioner for every axis of every array (Gupta et al. 2018).
///
/// For an array of k axes, ``H_i += G_(i) @ G_(i).T`` for every axis, and the direction is
/// ``G`` times ``(H_i + eps)**(-1/(2*k))`` along every axis: ``L**-1/4 @ G @ R**-1/4`` for a
/// matrix.
///
/// Parameters
/// ----------
/// params, **options : as of ``Optimizer``
/// lr : rate; without a graft good rates are some 100 times those of Adam
/// betas : averages of the gradient (0: none) and of the statistics (1: their sum)
/// eps, relative_eps : ridge of the statistics; relative to their largest eigenvalue
/// weight_decay, decoupled_weight_decay : decay, beside the step or in the gradient
/// momentum, nesterov : of the preconditioned direction
/// precondition_frequency : steps between two computations of the roots
/// background_steps : compute roots beside the steps, and take them this many steps after
///     they were begun, whatever the speed of the machine; 0 for in the step
/// start_preconditioning_step : before it the graft's direction is taken
/// max_preconditioner_dim : axes are cut into blocks of this; None for no cuts
/// merge_dims : neighbouring axes are merged up to this length; None for no merging
/// squeeze_dims : whether axes of length one are left out
/// diagonal_above : longer axes of a block keep the diagonal only
/// graft : "sgd", "adagrad", "rmsprop" or "adam": whose step length is taken over
/// graft_beta2, graft_eps : of the graft
/// exponent_multiplier, exponent_override : exponent ``-multiplier/(2*k)``, or ``-1/override``
/// bias_correction : whether averages are divided by ``1 - beta**t``
/// root_method : "eigen", "coupled_newton" or "orthogonal" (starts from the last basis)
/// precision : of statistics and roots, "f64" or "f32"
///
/// >>> w = np.ones((4, 3))
/// >>> opt = tg.optim.Shampoo({"w": w}, lr=0.1, graft="adam", precondition_frequency=1)
/// >>> for _ in range(100):
/// ...     stats = opt.step({"w": w})  # the gradient of (w**2).sum()/2
/// >>> bool(np.linalg.norm(w) < 0.5), stats.roots_computed
/// (True, 2)
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Shampoo {
    method: optim::Shampoo,
}

fn graft(name: Option<&str>, beta2: f64, eps: f64) -> PyResult<Graft> {
    Ok(match name {
        None => Graft::None,
        Some("sgd") => Graft::Sgd,
        Some("adagrad") => Graft::AdaGrad { eps },
        Some("rmsprop") => Graft::RmsProp { beta2, eps },
        Some("adam") => Graft::Adam { beta2, eps },
        Some(other) => {
            return Err(bad(format!(
                "unknown graft {other:?}; known are sgd, adagrad, rmsprop, adam"
            )));
        }
    })
}

fn root_method(name: &str) -> PyResult<RootMethod> {
    Ok(match name {
        "eigen" => RootMethod::Eigen,
        "coupled_newton" => RootMethod::coupled_newton(),
        "orthogonal" => RootMethod::Orthogonal {
            sweeps: 10,
            tolerance: 1e-3,
        },
        other => {
            return Err(bad(format!(
                "unknown root_method {other:?}; known are eigen, coupled_newton, orthogonal"
            )));
        }
    })
}

#[pymethods]
impl Shampoo {
    #[new]
    #[pyo3(signature = (params, lr=0.1, betas=(0.0, 1.0), eps=1e-6, weight_decay=0.0, *,
        relative_eps=false, decoupled_weight_decay=true, momentum=0.0, nesterov=false,
        precondition_frequency=10, background_steps=0, start_preconditioning_step=1,
        max_preconditioner_dim=Some(1024), merge_dims=None, squeeze_dims=true,
        diagonal_above=1200, graft=None, graft_beta2=0.999, graft_eps=1e-8,
        exponent_multiplier=1.0, exponent_override=None, bias_correction=true,
        root_method="eigen", precision="f64", **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        relative_eps: bool,
        decoupled_weight_decay: bool,
        momentum: f64,
        nesterov: bool,
        precondition_frequency: u64,
        background_steps: u64,
        start_preconditioning_step: u64,
        max_preconditioner_dim: Option<usize>,
        merge_dims: Option<usize>,
        squeeze_dims: bool,
        diagonal_above: usize,
        graft: Option<&str>,
        graft_beta2: f64,
        graft_eps: f64,
        exponent_multiplier: f64,
        exponent_override: Option<f64>,
        bias_correction: bool,
        root_method: &str,
        precision: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let mut method = optim::Shampoo::new(lr)
            .betas(betas.0, betas.1)
            .ridge(match relative_eps {
                true => Ridge::Relative(eps),
                false => Ridge::Absolute(eps),
            })
            .weight_decay(match decoupled_weight_decay {
                true => WeightDecay::Decoupled(weight_decay),
                false => WeightDecay::Coupled(weight_decay),
            })
            .momentum(momentum)
            .nesterov(nesterov)
            .every(precondition_frequency)
            .background(background_steps)
            .start_preconditioning_step(start_preconditioning_step)
            .squeeze(squeeze_dims)
            .diagonal_above(diagonal_above)
            .graft(self::graft(graft, graft_beta2, graft_eps)?)
            .exponent_multiplier(exponent_multiplier)
            .bias_correction(bias_correction)
            .roots(self::root_method(root_method)?)
            .precision(match precision {
                "f64" => Precision::Double,
                "f32" => Precision::Single,
                other => {
                    return Err(bad(format!(
                        "precision is {other:?}; it is \"f64\" or \"f32\""
                    )));
                }
            });
        method = match max_preconditioner_dim {
            Some(most) => method.block(most),
            None => method.unblocked(),
        };
        if let Some(most) = merge_dims {
            method = method.merge(most);
        }
        if let Some(p) = exponent_override {
            method = method.exponent_override(p);
        }
        let class = Self {
            method: method.clone(),
        };
        made(class, params, method, lr, options)
    }

    /// The memory the state takes: a list of dicts with ``parameter``, ``blocks``, and the
    /// bytes of ``statistics``, ``roots``, ``copies``, ``background`` and in ``total``.
    fn memory<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let py = slf.py();
        let base = slf.as_super().borrow();
        let (method, parameters) = (&slf.borrow().method, base.parameters());
        let plans = match parameters.dtype {
            tensegrity::DType::F32 => method.memory::<f32>(&parameters.registry),
            _ => method.memory::<f64>(&parameters.registry),
        };
        let list = PyList::empty(py);
        for plan in plans.map_err(refused)? {
            let total = plan.total();
            let dict = PyDict::new(py);
            dict.set_item("parameter", plan.parameter)?;
            for (key, value) in [
                ("blocks", plan.blocks),
                ("statistics", plan.statistics),
                ("roots", plan.roots),
                ("copies", plan.copies),
                ("background", plan.background),
                ("total", total),
            ] {
                dict.set_item(key, value)?;
            }
            list.append(dict)?;
        }
        Ok(list)
    }
}

/// SOAP: Adam in the eigenbasis of Shampoo's statistics (Vyas et al. 2024).
///
/// The first step builds the bases and moves nothing. ``exact`` refreshes them by
/// eigenvalues instead of one power iteration. Other arguments as of ``Optimizer``.
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Soap;

#[pymethods]
impl Soap {
    #[new]
    #[pyo3(signature = (params, lr=3e-3, betas=(0.95, 0.95), eps=1e-8, weight_decay=1e-2, *,
        precondition_frequency=10, max_precond_dim=10_000, exact=false, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        precondition_frequency: u64,
        max_precond_dim: usize,
        exact: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = optim::Soap::new(lr)
            .betas(betas.0, betas.1)
            .eps(eps)
            .weight_decay(weight_decay)
            .every(precondition_frequency)
            .max_dim(max_precond_dim)
            .exact(exact);
        made(Self, params, method, lr, options)
    }
}

/// Steepest descent under a norm for every parameter (Bernstein and Newhouse 2024):
/// ``w -= lr * dualize(u)`` with ``u`` the gradient or its moving average.
///
/// Parameters
/// ----------
/// params, **options : as of ``Optimizer``; the role of a parameter names its norm
/// lr : rate, the norm of the step
/// norm : one norm for everything; None for "rms->rms" for linear and head, "l1->rms" for
///     embeddings, "conv2d" and "rms" for vectors
/// norms : dict from roles to norms, before ``norm``
/// momentum, nesterov : of the moving average; its look-ahead
/// sharpness : step of the modular norm, ``lr * sum(dual norms)/sharpness`` in every layer
/// scales : dict from parameters to their scales in the modular norm
/// weight_decay : decoupled
/// polar, polar_steps : how polar factors are computed, as of ``polar``
///
/// >>> w = np.array([[3.0, -1.0]])
/// >>> stats = tg.optim.NormDescent([w], lr=0.5, norm="max-abs").step([w])
/// >>> w
/// array([[ 2.5, -0.5]])
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct NormDescent;

#[pymethods]
impl NormDescent {
    #[new]
    #[pyo3(signature = (params, lr=0.02, momentum=0.0, nesterov=false, weight_decay=0.0, *,
        norm=None, norms=None, sharpness=None, scales=None, polar="svd", polar_steps=None,
        **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        momentum: f64,
        nesterov: bool,
        weight_decay: f64,
        norm: Option<&str>,
        norms: Option<std::collections::BTreeMap<String, String>>,
        sharpness: Option<f64>,
        scales: Option<std::collections::BTreeMap<String, f64>>,
        polar: &str,
        polar_steps: Option<usize>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let common = Common::new(params, lr, options)?;
        let mut method = optim::NormDescent::new(lr)
            .momentum(momentum)
            .nesterov(nesterov)
            .weight_decay(weight_decay)
            .polar(polar_method(polar, polar_steps, None)?);
        if let Some(norm) = norm {
            method = method.everywhere(norm_named(norm)?);
        }
        for (role, norm) in norms.unwrap_or_default() {
            method = method.assign(role_named(&role)?, norm_named(&norm)?);
        }
        if let Some(sharpness) = sharpness {
            method = method.eta(Eta::Sharpness(sharpness));
        }
        for (parameter, scale) in scales.unwrap_or_default() {
            common.parameters().require(&parameter, "scales")?;
            method = method.scale(parameter, scale);
        }
        Ok(PyClassInitializer::from(common.build(method)?).add_subclass(Self))
    }
}

/// Muon: momentum made orthogonal by Newton–Schulz (Jordan et al. 2024).
///
/// Matrices of role "linear" and kernels of role "conv2d" only; everything else (roles
/// "embedding", "head", "vector") is updated by Adam with ``adam_lr``, ``adam_betas`` and
/// ``adam_eps``, which follows the same schedule and groups. ``variant="optax"`` corrects
/// the momentum as the optax library does. ``polar`` and ``ns_steps`` choose how polar
/// factors are computed, as of ``polar``. Other arguments as of ``Optimizer``.
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Muon;

#[pymethods]
impl Muon {
    #[new]
    #[pyo3(signature = (params, lr=0.02, momentum=0.95, nesterov=true, weight_decay=0.0, *,
        ns_steps=None, polar="muon", variant="original", adam_lr=3e-4, adam_betas=(0.9, 0.95),
        adam_eps=1e-8, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        momentum: f64,
        nesterov: bool,
        weight_decay: f64,
        ns_steps: Option<usize>,
        polar: &str,
        variant: &str,
        adam_lr: f64,
        adam_betas: (f64, f64),
        adam_eps: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let adam = optim::Adam::new(adam_lr)
            .betas(adam_betas.0, adam_betas.1)
            .eps(adam_eps);
        let mut method = optim::Muon::new(lr)
            .momentum(momentum)
            .nesterov(nesterov)
            .weight_decay(weight_decay)
            .rest(adam)
            .variant(match variant {
                "original" => MuonVariant::Original,
                "optax" => MuonVariant::Optax,
                other => {
                    return Err(bad(format!(
                        "variant is {other:?}; it is \"original\" or \"optax\""
                    )));
                }
            });
        if polar != "muon" || ns_steps.is_some_and(|steps| steps != 5) {
            method = method.polar(polar_method(polar, ns_steps, None)?);
        }
        made(Self, params, method, lr, options)
    }
}

/// Prodigy: Adam that finds its own rate (Mishchenko and Defazio 2023).
///
/// Parameters
/// ----------
/// params, **options : as of ``Optimizer``
/// lr : factor on the rate found; leave it at one
/// betas, eps : as of Adam
/// weight_decay : decoupled
/// d0 : first estimate of the distance to the solution, small
/// d_coef : factor on the estimate
/// growth_rate : largest factor the estimate grows by in one step
/// use_bias_correction, safeguard_warmup : as in the authors' code
/// averages : False for sign descent with the growing rate alone
#[pyclass(module = "tensegrity.optim", extends = Optimizer)]
pub struct Prodigy;

#[pymethods]
impl Prodigy {
    #[new]
    #[pyo3(signature = (params, lr=1.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, *,
        d0=1e-6, d_coef=1.0, growth_rate=f64::INFINITY, use_bias_correction=false,
        safeguard_warmup=false, averages=true, **options))]
    fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        betas: (f64, f64),
        eps: f64,
        weight_decay: f64,
        d0: f64,
        d_coef: f64,
        growth_rate: f64,
        use_bias_correction: bool,
        safeguard_warmup: bool,
        averages: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let method = match averages {
            true => optim::Prodigy::new(),
            false => optim::Prodigy::without_averages(),
        };
        let method = method
            .rate(lr)
            .betas(betas.0, betas.1)
            .eps(eps)
            .weight_decay(weight_decay)
            .start(d0)
            .d_coef(d_coef)
            .growth_rate(growth_rate)
            .bias_correction(use_bias_correction)
            .safeguard_warmup(safeguard_warmup);
        made(Self, params, method, lr, options)
    }
}
