"""Minimisers of functions with first, second and third derivatives."""

from __future__ import annotations

import numpy as np

from . import _tensegrity


class MinimizeResult(dict):
    """The result of :func:`minimize`: a dict whose entries are attributes too.

    ``x`` the best point (the last one if values are sampled or unknown), ``fun`` its value or None,
    ``grad_norm``, ``nit``, ``success``, ``stop_reason`` ("gradient", "max_iter", "stalled" or
    "callback") with a sentence in ``message``, ``certificate`` (a :class:`Certificate`, or None where
    values or gradients are sampled), ``history`` (a list with one dict an iteration: ``nit``, ``fun``,
    ``grad_norm``, ``step_norm``, ``M``, ``nu``, ``attempts``, ``inner``, ``margin``, ``step`` and the
    counts so far), and the counts ``nfev``, ``njev``, ``nhev``, ``nhvp``, ``nthird``, ``epochs``.
    """

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a MinimizeResult has no {name!r}; it has {', '.join(self)}") from None

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    def __dir__(self):
        return [*super().__dir__(), *self]

    def __repr__(self):
        lines = []
        for key, value in self.items():
            if key == "history":
                value = f"<{len(value)} iterations>"
            lines.append(f"{key:>12}: {value}")
        return "\n".join(lines)


def minimize(
    fun,
    x0,
    jac=None,
    hess=None,
    hessp=None,
    third=None,
    method="asn",
    *,
    M=None,
    nu=1.0,
    delta=0.0,
    third_error=0.0,
    noise_scale=0.0,
    adaptive=None,
    hybrid=None,
    samples=None,
    hess_batch=None,
    grad_batch=None,
    strong_convexity=None,
    max_iter=100,
    tol=1e-8,
    solver="auto",
    inner_tol=None,
    learning_rate=None,
    momentum=0.9,
    callback=None,
    seed=0,
):
    """Minimise a smooth function with its derivatives.

    The default is the accelerated second-order method of Agafonov et al. (2023), which is optimal in
    the noise of gradients and the error of Hessians. With exact values and gradients it is adaptive: a
    computed certificate sets its constants, and ``result.certificate`` bounds the gap of a convex
    function.

    Parameters
    ----------
    fun : callable or None
        ``fun(x) -> float``. None if values are not known; adaptive and hybrid runs need them.
    x0 : array of shape (d,)
        Where to start.
    jac : callable or True
        ``jac(x) -> (d,)``. True: ``fun`` returns the pair of value and gradient.
    hess, hessp : callable
        ``hess(x) -> (d, d)``, symmetric, or ``hessp(x, v) -> (d,)``; one of them for methods of second
        and third order.
    third : callable
        ``third(x, v) -> (d,)``, the third derivative along ``v`` twice; for "tensor" and "basic-tensor".
    method : str
        "asn", "tensor" (accelerated, of second and third order); "cubic-newton", "basic-tensor",
        "damped-newton", "regularized-newton", "extra-newton"; "similar-triangles", "sgd", "momentum".
    M : float
        Constant of the model's regulariser: theory asks for twice the Lipschitz constant of the Hessian
        ("asn"), once ("cubic-newton"), or for that of the third derivative ("tensor"). The first trial
        of an adaptive run. Measured at ``x0`` if not given.
    nu : float
        Scale of the estimating function's regulariser, in (0, 1]; 1 is the theory's.
    delta, third_error : float
        Bounds on the error of Hessians (spectral norm) and third derivatives.
    noise_scale : float
        Standard deviation of sampled gradients over the distance to a solution.
    adaptive : bool
        Let the certificate set ``nu`` and the model's bound ``M``. By default on where everything is exact.
    hybrid : bool
        Also try the cubic Newton step, and hand over to it once it is superlinear. By default as ``adaptive``.
    samples : int
        The function is the mean over so many samples; every callable then takes one more argument
        ``batch``, an array of indices, or None for all of them.
    grad_batch, hess_batch : int
        Samples a gradient (default all of them up to 10 000) and a Hessian (default 150).
    strong_convexity : (mu, radius)
        Restarts by theory for a ``mu``-strongly convex function with its minimiser within ``radius``.
    max_iter, tol : int, float
        Iterations at most; gradient norm at which to end (not looked at if gradients are sampled).
    solver : str
        Of the models: "auto", "eigen", "cholesky", "krylov", "gradient".
    inner_tol : float
        ``c`` of the model gradient norm ``c / t**1.5`` at which the solver may stop.
    learning_rate, momentum : float
        Of the gradient methods; ``learning_rate`` also scales "extra-newton".
    callback : callable
        ``callback(x)`` after every iteration; returning True or raising StopIteration ends the run.
    seed : int
        Of batches and random starts.

    Returns
    -------
    MinimizeResult

    Raises
    ------
    ValueError
        For options out of range (an unknown method lists the known), NaN or infinities from a callable
        with their iteration, Hessians that are not symmetric, indefinite ones at third order. Exceptions
        of the callables pass through.

    Examples
    --------
    >>> def fun(x):
    ...     return float(np.sum(np.logaddexp(0, x)) + 0.05 * x @ x)
    >>> def jac(x):
    ...     return 1 / (1 + np.exp(-x)) + 0.1 * x
    >>> def hess(x):
    ...     p = 1 / (1 + np.exp(-x))
    ...     return np.diag(p * (1 - p) + 0.1)
    >>> res = tg.optim.minimize(fun, np.zeros(3), jac, hess)
    >>> res.stop_reason, bool(np.allclose(jac(res.x), 0, atol=1e-8)), res.certificate.held
    ('gradient', True, True)
    """
    if fun is None and jac is True:
        raise ValueError("jac is True, but there is no fun to return the gradient")
    if jac is None or jac is False:
        raise ValueError("jac is missing; give jac=callable, or jac=True if fun returns (value, gradient)")
    for name, callable_ in (("fun", fun), ("hess", hess), ("hessp", hessp), ("third", third)):
        if callable_ is not None and not callable(callable_):
            raise ValueError(f"{name} is {callable_!r}; a callable is needed")
    if jac is not True and not callable(jac):
        raise ValueError(f"jac is {jac!r}; a callable or True is needed")
    x0 = np.asarray(x0)
    if x0.dtype.kind not in "biuf":
        raise ValueError(f"x0 has element type {x0.dtype}; real numbers are needed")
    if x0.ndim != 1:
        raise ValueError(f"x0 has shape {x0.shape}; one axis is needed")
    options = {
        "M": M,
        "nu": nu,
        "delta": delta,
        "third_error": third_error,
        "noise_scale": noise_scale,
        "adaptive": adaptive,
        "hybrid": hybrid,
        "grad_batch": grad_batch,
        "hess_batch": hess_batch,
        "strong_convexity": strong_convexity,
        "max_iter": max_iter,
        "tol": tol,
        "solver": solver,
        "inner_tol": inner_tol,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "seed": seed,
    }
    callables = [fun, None if jac is True else jac, hess, hessp, third]
    found = _tensegrity._minimize(
        callables, np.asarray(x0, np.float64), method, samples, callback, options
    )
    return MinimizeResult(found)
