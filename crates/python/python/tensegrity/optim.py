"""Optimisers of NumPy arrays in place, norms with their duality maps, schedules, and
minimisers of functions with first, second and third derivatives.

An optimiser takes the arrays once and their gradients at every step, wherever those come
from; ``tensegrity.vjp`` gives those of einsum expressions.

>>> rng = np.random.default_rng(0)
>>> x, y = rng.normal(size=(64, 8)), rng.normal(size=(64, 3))
>>> w = np.zeros((8, 3))
>>> opt = tg.optim.Adam({"w": w}, lr=0.1)
>>> for _ in range(300):
...     residual = tg.einsum("bi,ij->bj", x, w) - y
...     _, gradient = tg.vjp("bi,ij->bj", x, w, cotangent=residual)
...     stats = opt.step({"w": gradient})
>>> bool(np.allclose(w, np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-4))
True
"""

from ._minimize import MinimizeResult, minimize
from ._tensegrity import (
    AdaGrad,
    Adam,
    AdamW,
    Certificate,
    Lamb,
    Lbfgs,
    Muon,
    NormDescent,
    Optimizer,
    Prodigy,
    Schedule,
    Sgd,
    Shampoo,
    Soap,
    StepStats,
    dual_norm,
    dualize,
    inverse_root,
    norm,
    polar,
    steepest,
)


def sign_sgd(params, lr=1e-3, **options):
    """Sign descent: :class:`NormDescent` under "max-abs", what Adam is without averages.

    >>> w = np.array([3.0, -0.1])
    >>> stats = tg.optim.sign_sgd([w], lr=0.5).step([w])
    >>> w
    array([2.5, 0.4])
    """
    return NormDescent(params, lr, norm="max-abs", **options)


def signum(params, lr=1e-3, momentum=0.9, **options):
    """Sign descent along the moving average of gradients."""
    return NormDescent(params, lr, momentum, norm="max-abs", **options)


def spectral_descent(params, lr=0.02, **options):
    """:class:`NormDescent` under "spectral", what Shampoo is without sums: ``w -= lr * polar(g)``."""
    return NormDescent(params, lr, norm="spectral", **options)


__all__ = [
    "AdaGrad",
    "Adam",
    "AdamW",
    "Certificate",
    "Lamb",
    "Lbfgs",
    "MinimizeResult",
    "Muon",
    "NormDescent",
    "Optimizer",
    "Prodigy",
    "Schedule",
    "Sgd",
    "Shampoo",
    "Soap",
    "StepStats",
    "dual_norm",
    "dualize",
    "inverse_root",
    "minimize",
    "norm",
    "polar",
    "sign_sgd",
    "signum",
    "spectral_descent",
    "steepest",
]
