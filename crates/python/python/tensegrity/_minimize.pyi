from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._tensegrity import Certificate

class MinimizeResult(dict[str, Any]):
    x: NDArray[np.float64]
    fun: float | None
    grad_norm: float
    success: bool
    stop_reason: str
    message: str
    nit: int
    nfev: int
    njev: int
    nhev: int
    nhvp: int
    nthird: int
    epochs: float
    certificate: Certificate | None
    history: list[dict[str, Any]]

def minimize(
    fun: Callable[..., Any] | None,
    x0: ArrayLike,
    jac: Callable[..., ArrayLike] | bool | None = None,
    hess: Callable[..., ArrayLike] | None = None,
    hessp: Callable[..., ArrayLike] | None = None,
    third: Callable[..., ArrayLike] | None = None,
    method: str = "asn",
    *,
    M: float | None = None,
    nu: float = 1.0,
    delta: float = 0.0,
    third_error: float = 0.0,
    noise_scale: float = 0.0,
    adaptive: bool | None = None,
    hybrid: bool | None = None,
    samples: int | None = None,
    hess_batch: int | None = None,
    grad_batch: int | None = None,
    strong_convexity: tuple[float, float] | None = None,
    max_iter: int = 100,
    tol: float = 1e-8,
    solver: str = "auto",
    inner_tol: float | None = None,
    learning_rate: float | None = None,
    momentum: float = 0.9,
    callback: Callable[[NDArray[np.float64]], Any] | None = None,
    seed: int = 0,
) -> MinimizeResult: ...
