"""tg.optim.minimize: SciPy's conventions, certificates, samples, errors."""

import pickle

import numpy as np
import pytest

import tensegrity as tg

L = np.sqrt(3) / 18


class Logistic:
    """Logistic regression of a fixed random table, all derivatives, batches."""

    def __init__(self, n=400, d=6, ridge=1e-3, seed=0):
        rng = np.random.default_rng(seed)
        a = rng.normal(size=(n, d))
        a /= np.linalg.norm(a, axis=1).max()
        label = np.where(a @ rng.normal(size=d) + 0.3 * rng.normal(size=n) > 0, 1.0, -1.0)
        self.b, self.n, self.d, self.ridge = -label[:, None] * a, n, d, ridge

    def rows(self, batch):
        return self.b if batch is None else self.b[batch]

    def p(self, b, x):
        return 1 / (1 + np.exp(-(b @ x)))

    def fun(self, x, batch=None):
        b = self.rows(batch)
        return float(np.logaddexp(0, b @ x).mean() + self.ridge / 2 * x @ x)

    def jac(self, x, batch=None):
        b = self.rows(batch)
        return b.T @ self.p(b, x) / len(b) + self.ridge * x

    def hess(self, x, batch=None):
        b = self.rows(batch)
        p = self.p(b, x)
        return (b.T * (p * (1 - p))) @ b / len(b) + self.ridge * np.eye(self.d)

    def hessp(self, x, v, batch=None):
        return self.hess(x, batch) @ v

    def third(self, x, v, batch=None):
        b = self.rows(batch)
        p = self.p(b, x)
        return b.T @ (p * (1 - p) * (1 - 2 * p) * (b @ v) ** 2) / len(b)


@pytest.fixture(scope="module")
def loss():
    return Logistic()


def minimize(loss, **options):
    options = dict(jac=loss.jac, hess=loss.hess) | options
    return tg.optim.minimize(options.pop("fun", loss.fun), np.zeros(loss.d), **options)


def test_the_result_is_one_of_scipys_kind(loss):
    res = minimize(loss)
    assert res.success and res.stop_reason == "gradient" and res["message"]
    assert res.x.shape == (loss.d,) and res.x.dtype == np.float64
    assert isinstance(res.fun, float) and res.fun == loss.fun(res.x)
    assert np.linalg.norm(loss.jac(res.x)) <= 1e-8
    assert res.nit == len(res.history) and res.history[-1]["nit"] == res.nit
    assert res.nfev > 0 and res.njev > 0 and res.nhev > 0 and res.nhvp == 0
    assert {"fun", "grad_norm", "M", "nu", "margin", "step", "epochs"} <= set(res.history[0])
    assert "stop_reason: gradient" in repr(res) and f"<{res.nit} iterations>" in repr(res)
    assert "x" in dir(res)
    with pytest.raises(AttributeError, match="stop_reason"):
        res.status
    again = pickle.loads(pickle.dumps(res))
    assert type(again) is type(res)
    assert np.array_equal(again.x, res.x) and again.history == res.history
    assert again.certificate == res.certificate
    assert repr(res.certificate).startswith("Certificate(held=True")


def test_every_method_gets_there(loss):
    best = minimize(loss, tol=1e-12).fun
    exact = ["asn", "tensor", "cubic-newton", "basic-tensor", "damped-newton", "regularized-newton"]
    for method in exact:
        res = minimize(loss, method=method, third=loss.third, tol=1e-10)
        assert res.success and res.fun - best <= 1e-14, method
    for method in ["extra-newton", "similar-triangles", "sgd", "momentum"]:
        res = minimize(loss, method=method, learning_rate=3.0, max_iter=500)
        assert res.fun - best <= 5e-3, method


def test_products_and_pairs_are_enough(loss):
    dense = minimize(loss, M=L, tol=1e-10)
    calls = []

    def both(x):
        calls.append(x)
        return loss.fun(x), loss.jac(x)

    res = minimize(loss, fun=both, jac=True, hess=None, hessp=loss.hessp, M=L, tol=1e-10)
    assert res.success and res.nhvp > 0 and res.nhev == 0
    assert np.allclose(res.x, dense.x, atol=1e-7)
    assert len(calls) < res.nfev + res.njev, "a pair at one point is asked for once"
    for solver in ("eigen", "cholesky", "krylov", "gradient"):
        assert minimize(loss, M=L, solver=solver).success, solver


def test_the_certificate_bounds_the_gap(loss):
    best = minimize(loss, tol=1e-12)
    radius = np.linalg.norm(best.x)
    for adaptive in (True, False):
        res = minimize(loss, M=2 * L, adaptive=adaptive, hybrid=False, max_iter=20, tol=0)
        assert res.certificate.held and res.certificate.margin >= -1e-12
        assert res.certificate.steps == 20
        assert res.fun - best.fun <= res.certificate.bound(radius)
        assert res.certificate.bound(radius) < loss.fun(np.zeros(loss.d)) * 4


def test_samples_are_drawn_by_seed(loss):
    seen = {"jac": set(), "hess": set()}

    def jac(x, batch):
        assert batch.dtype == np.int64 and np.all(np.diff(batch) > 0) and batch.max() < loss.n
        seen["jac"].add(len(batch))
        return loss.jac(x, batch)

    def hess(x, batch):
        seen["hess"].add(len(batch))
        return loss.hess(x, batch)

    options = dict(fun=None, jac=jac, hess=hess, samples=loss.n, grad_batch=80, hess_batch=40)
    options |= dict(M=2 * L, delta=0.02, max_iter=60)
    one, two = minimize(loss, seed=1, **options), minimize(loss, seed=1, **options)
    assert np.array_equal(one.x, two.x)
    assert not np.array_equal(one.x, minimize(loss, seed=2, **options).x)
    assert seen == {"jac": {80}, "hess": {40}}
    assert one.fun is None and one.certificate is None and one.stop_reason == "max_iter"
    start, best = loss.fun(np.zeros(loss.d)), minimize(loss, tol=1e-12).fun
    assert loss.fun(one.x) - best < (start - best) / 3


def test_callbacks(loss):
    points = []
    res = minimize(loss, callback=points.append)
    assert len(points) == res.nit and np.array_equal(points[-1], res.x)
    assert minimize(loss, callback=lambda x: True).stop_reason == "callback"

    def stop(x):
        raise StopIteration

    assert minimize(loss, callback=stop).nit == 1

    def fail(x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        minimize(loss, callback=fail)
    with pytest.raises(RuntimeError, match="mine"):
        minimize(loss, hess=fail)
    with pytest.raises(ZeroDivisionError):
        minimize(loss, fun=lambda x: 1 / 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(method="bfgs"), "asn, tensor, cubic-newton"),
        (dict(solver="qr"), "krylov"),
        (dict(M=0.0), "M is 0"),
        (dict(M="big"), "M is big; a number"),
        (dict(nu=2.0), "nu is 2"),
        (dict(delta=-1.0), "delta is -1"),
        (dict(max_iter=0), "max_iter is 0"),
        (dict(max_iter=-1), "max_iter is -1; an integer"),
        (dict(tol=-1.0), "tol is -1"),
        (dict(hess_batch=10), "samples"),
        (dict(jac=None), "jac is missing"),
        (dict(hess=None), "needs the Hessian"),
        (dict(method="tensor"), "third derivative"),
        (dict(fun=None, adaptive=True), "needs the value"),
        (dict(hess=lambda x: np.eye(3)), r"shape \(3, 3\); \(6, 6\)"),
        (dict(jac=lambda x: np.ones(3)), r"jac returned an array of shape \(3,\)"),
        (dict(jac=lambda x: x * np.nan), "gradient has NaN at position 0 in iteration 0"),
        (dict(hess=lambda x: np.full((6, 6), np.inf), M=1.0), "Hessian has inf at position 0 in iteration 1"),
        (dict(hess=lambda x: np.triu(np.ones((6, 6)))), "not symmetric"),
        (dict(hess=lambda x: -np.eye(6), method="tensor", third=lambda x, v: 0 * v), "eigenvalue"),
        (dict(strong_convexity=1.0), "a pair"),
        (dict(fun=3), "fun is 3; a callable"),
    ],
)
def test_bad_input_is_named(loss, options, words):
    with pytest.raises(ValueError, match=words):
        minimize(loss, **options)


def test_starts_that_do_not_fit(loss):
    for start, words in [(np.zeros((2, 3)), "shape"), (["a"], "element type"), ([], "length 0")]:
        with pytest.raises(ValueError, match=words):
            tg.optim.minimize(loss.fun, start, loss.jac, loss.hess)
    with pytest.raises(ValueError, match="NaN at 1"):
        tg.optim.minimize(loss.fun, [0.0, np.nan], loss.jac, loss.hess)


def test_a_saddle_is_left_along_negative_curvature():
    def fun(x):
        return float(np.sum(x**4 - x**2))

    res = tg.optim.minimize(
        fun,
        [0.1, 0.0],
        jac=lambda x: 4 * x**3 - 2 * x,
        hess=lambda x: np.diag(12 * x**2 - 2),
        method="cubic-newton",
    )
    assert res.success and abs(res.fun + 0.5) < 1e-12
