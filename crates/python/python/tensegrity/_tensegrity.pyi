"""Types of the compiled module; the docstrings are in it."""

from collections.abc import Callable, Iterator, Sequence
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
