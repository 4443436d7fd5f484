"""Types of the compiled module; the docstrings are in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Path = str | PathLike[str]
Effort = Literal["fast", "normal", "high"]
Objective = Literal["flops", "size", "write", "combo", "time", "peak"]

__version__: str

def set_threads(threads: int) -> None: ...
def threads() -> int: ...
def einsum(
    expression: str,
    *arrays: ArrayLike,
    optimize: str | bool | Sequence[Sequence[int] | str] = "auto",
    memory_limit: int | str | None = None,
    out: Array | None = None,
    broadcast: bool = False,
    accumulate: Literal["f64", "float64"] | None = None,
    **sizes: int,
) -> Any: ...
def contract_log(
    expression: str, *arrays: ArrayLike, optimize: str | bool = "auto"
) -> tuple[Array, float]: ...
def vjp(
    expression: str, *arrays: ArrayLike, cotangent: ArrayLike | None = None
) -> list[Array]: ...
def hvp(
    expression: str,
    arrays: Sequence[ArrayLike],
    tangents: Sequence[ArrayLike | None],
    cotangent: ArrayLike | None = None,
) -> list[Array]: ...
def plan(
    expression: str,
    *shapes: Sequence[int],
    effort: Effort = "normal",
    minimize: Objective = "flops",
    memory_limit: int | str | None = None,
    seed: int = 0,
    broadcast: bool = False,
    **sizes: int,
) -> Plan: ...
def find_path(
    inputs: Sequence[Sequence[int]],
    output: Sequence[int],
    sizes: Sequence[int],
    effort: str,
    minimize: str,
    seed: int,
) -> list[tuple[int, ...]]: ...

class Plan:
    @property
    def log10_flops(self) -> float: ...
    @property
    def log2_size(self) -> float: ...
    @property
    def peak_bytes(self) -> int: ...
    @property
    def path(self) -> list[tuple[int, ...]]: ...
    @property
    def n_slices(self) -> int: ...
    def explain(self) -> str: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(text: str) -> Plan: ...
    def run(self, *arrays: ArrayLike) -> Array: ...

def fit(
    x: ArrayLike,
    error: float | None = None,
    bytes: int | None = None,
    ratio: float | None = None,
    structure: str = "auto",
    seed: int | None = None,
) -> Fit: ...
def load(path: Path) -> Fit: ...
def read(path: Path, name: str | None = None) -> Array: ...

class Fit:
    @property
    def structure(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def error(self) -> float | None: ...
    @property
    def stored_bytes(self) -> int: ...
    @property
    def dense_bytes(self) -> int: ...
    @property
    def ratio(self) -> float: ...
    @property
    def candidates(self) -> list[dict[str, Any]]: ...
    def to_array(self) -> Array: ...
    def save(self, path: Path) -> None: ...

class TuckerResult:
    core: Array
    factors: list[Array]
    error: float
    @property
    def rank(self) -> tuple[int, ...]: ...
    def to_array(self) -> Array: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...

class TensorTrainResult:
    factors: list[Array]
    error: float
    @property
    def rank(self) -> tuple[int, ...]: ...
    def to_array(self) -> Array: ...
    def __iter__(self) -> Iterator[Array]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Array: ...

class CpResult:
    weights: Array
    factors: list[Array]
    error: float
    n_iter: int
    @property
    def rank(self) -> int: ...
    def to_array(self) -> Array: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...

def tucker(
    x: ArrayLike,
    rank: int | Sequence[int] | None = None,
    error: float | None = None,
    n_iter_max: int = 100,
    init: Literal["svd"] = "svd",
    tol: float = 1e-8,
    random_state: int | None = None,
) -> TuckerResult: ...
def tensor_train(
    x: ArrayLike,
    rank: int | Sequence[int] | None = None,
    error: float | None = None,
) -> TensorTrainResult: ...
def parafac(
    x: ArrayLike,
    rank: int | None = None,
    error: float | None = None,
    n_iter_max: int = 100,
    tol: float = 1e-8,
    init: Literal["random", "svd"] = "svd",
    random_state: int | None = None,
) -> CpResult: ...

class Span:
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> bool: ...
    def span(self, name: str) -> Span: ...
    def footprint(
        self,
        *,
        pue: float | None = None,
        g_per_kwh: float | None = None,
        lb_per_kwh: float | None = None,
        country: str | None = None,
        usd_per_kwh: float | None = None,
    ) -> dict[str, Any]: ...
    @property
    def joules(self) -> float: ...
    @property
    def kwh(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def watts(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    @property
    def provenance(self) -> Literal["measured", "modelled", "declared"]: ...
    @property
    def scope(self) -> Literal["process", "package", "machine"]: ...
    @property
    def backend(self) -> str: ...
    @property
    def complete(self) -> bool: ...
    @property
    def by_domain(self) -> dict[str, float]: ...
    @property
    def cpu_seconds(self) -> float | None: ...
    @property
    def cpu_share(self) -> float | None: ...
    @property
    def idle_watts(self) -> float | None: ...
    @property
    def net_joules(self) -> float | None: ...
    @property
    def dropped(self) -> int: ...
    @property
    def notes(self) -> list[str]: ...

class Meter(Span):
    def __init__(
        self,
        powercap_root: Path | None = None,
        *,
        watts: float | None = None,
        full_load_watts: float | None = None,
        backend: Literal["powercap", "perf_event", "msr", "hwmon", "battery", "model", "declared"] | None = None,
        scope: Literal["process", "machine"] = "process",
        psys: bool = False,
        msr: bool = False,
        interval: float | None = None,
        idle_seconds: float = 0.0,
        name: str = "meter",
    ) -> None: ...

def energy_probe(powercap_root: Path | None = None) -> list[dict[str, Any]]: ...
def energy_estimate(
    watts: float,
    hours: float,
    *,
    pue: float | None = None,
    g_per_kwh: float | None = None,
    lb_per_kwh: float | None = None,
    country: str | None = None,
    usd_per_kwh: float | None = None,
    device: str | None = None,
    trials: int = 1,
) -> dict[str, Any]: ...

_Arrays = Mapping[str, Array] | Sequence[Array] | Sequence[tuple[str, Array]]
_Parameters = _Arrays | Sequence[dict[str, Any]]
_Gradients = Mapping[str, ArrayLike] | Sequence[ArrayLike | None]
_Polar = Literal["svd", "muon", "quintic", "cubic"]

class Schedule:
    @staticmethod
    def constant() -> Schedule: ...
    @staticmethod
    def linear(steps: int, last: float = 0.0) -> Schedule: ...
    @staticmethod
    def cosine(steps: int, last: float = 0.0) -> Schedule: ...
    def warm_up(self, steps: int) -> Schedule: ...
    def __call__(self, step: int) -> float: ...

class StepStats:
    @property
    def step(self) -> int: ...
    @property
    def skipped(self) -> bool: ...
    @property
    def skipped_total(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def gradient_norm(self) -> float: ...
    @property
    def update_norm(self) -> float | None: ...
    @property
    def value(self) -> float | None: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def search_held(self) -> bool | None: ...
    @property
    def roots_computed(self) -> int: ...
    @property
    def roots_failed(self) -> int: ...
    @property
    def roots_failed_total(self) -> int: ...

class Optimizer:
    """Keyword options of every optimiser (``options``): ``schedule``, ``nonfinite``,
    ``clip_norm``, ``clip_value``, ``roles``, ``frozen``, ``measure_updates``."""

    lr: float
    @property
    def params(self) -> dict[str, Array]: ...
    def step(
        self, grads: _Gradients | Callable[[], tuple[float, _Gradients]]
    ) -> StepStats: ...
    def freeze(self, parameters: Sequence[str | int]) -> None: ...
    def thaw(self, parameters: Sequence[str | int]) -> None: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

class Sgd(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> None: ...

class AdaGrad(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1e-2,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> None: ...

class Adam(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> None: ...

class AdamW(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        **options: Any,
    ) -> None: ...

class Lamb(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        **options: Any,
    ) -> None: ...

class Lbfgs(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1.0,
        history_size: int = 10,
        *,
        line_search_fn: Literal["strong_wolfe"] | None = None,
        max_eval: int = 25,
        **options: Any,
    ) -> None: ...

class Shampoo(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 0.1,
        betas: tuple[float, float] = (0.0, 1.0),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        relative_eps: bool = False,
        decoupled_weight_decay: bool = True,
        momentum: float = 0.0,
        nesterov: bool = False,
        precondition_frequency: int = 10,
        background_steps: int = 0,
        start_preconditioning_step: int = 1,
        max_preconditioner_dim: int | None = 1024,
        merge_dims: int | None = None,
        squeeze_dims: bool = True,
        diagonal_above: int = 1200,
        graft: Literal["sgd", "adagrad", "rmsprop", "adam"] | None = None,
        graft_beta2: float = 0.999,
        graft_eps: float = 1e-8,
        exponent_multiplier: float = 1.0,
        exponent_override: float | None = None,
        bias_correction: bool = True,
        root_method: Literal["eigen", "coupled_newton", "orthogonal"] = "eigen",
        precision: Literal["f64", "f32"] = "f64",
        **options: Any,
    ) -> None: ...
    def memory(self) -> list[dict[str, Any]]: ...

class Soap(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        precondition_frequency: int = 10,
        max_precond_dim: int = 10_000,
        exact: bool = False,
        **options: Any,
    ) -> None: ...

class NormDescent(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 0.02,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        norm: str | None = None,
        norms: Mapping[str, str] | None = None,
        sharpness: float | None = None,
        scales: Mapping[str, float] | None = None,
        polar: _Polar = "svd",
        polar_steps: int | None = None,
        **options: Any,
    ) -> None: ...

class Muon(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 0.02,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.0,
        *,
        ns_steps: int | None = None,
        polar: _Polar = "muon",
        variant: Literal["original", "optax"] = "original",
        adam_lr: float = 3e-4,
        adam_betas: tuple[float, float] = (0.9, 0.95),
        adam_eps: float = 1e-8,
        **options: Any,
    ) -> None: ...

class Prodigy(Optimizer):
    def __init__(
        self,
        params: _Parameters,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = ...,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        averages: bool = True,
        **options: Any,
    ) -> None: ...

def norm(x: ArrayLike, norm: str = "rms->rms") -> float: ...
def dual_norm(g: ArrayLike, norm: str = "rms->rms") -> float: ...
def dualize(g: ArrayLike, norm: str = "rms->rms", *, polar: _Polar = "svd") -> Array: ...
def steepest(
    g: ArrayLike, norm: str = "rms->rms", *, sharpness: float = 1.0
) -> tuple[Array, float, float]: ...
def polar(
    a: ArrayLike,
    method: _Polar = "svd",
    *,
    steps: int | None = None,
    coefficients: Sequence[tuple[float, float, float]] | None = None,
) -> Array: ...
def inverse_root(
    a: ArrayLike,
    p: float,
    *,
    eps: float = 0.0,
    relative: bool = False,
    method: Literal["eigen", "coupled_newton"] = "eigen",
) -> Array: ...

class Certificate:
    def __init__(self, parts: tuple[Any, ...]) -> None: ...
    @property
    def held(self) -> bool: ...
    @property
    def margin(self) -> float: ...
    @property
    def steps(self) -> int: ...
    def bound(self, radius: float) -> float: ...
