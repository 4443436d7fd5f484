"""Second-order minimisers against OPTAMI and SciPy: ``cargo xtask bench minimize``.

Logistic regression of the size of a9a: 32 561 rows of 123 binary features, 11 % of them set.
A case is the time from the start to the gap OPTAMI's cubic Newton reaches in ten steps: the least
number of iterations that gets there.
"""

import numpy as np
import scipy.optimize
import torch
import OPTAMI

import tensegrity as tg
from harness import Bench, arguments

tg.set_threads(1)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

RIDGE = 1e-4
STEPS = 10


def problem(rows=32561, d=123, seed=0):
    rng = np.random.default_rng(seed)
    a = (rng.random((rows, d)) < 0.11).astype(float)
    w = rng.normal(size=d)
    label = np.where(a @ w + rng.logistic(size=rows) > np.quantile(a @ w, 0.76), 1.0, -1.0)
    a /= np.linalg.norm(a, axis=1).max()
    return -label[:, None] * a


class Logistic:
    """Derivatives in NumPy, as a user would write them."""

    def __init__(self, b):
        self.b = b
        self.n, self.d = b.shape

    def fun(self, w):
        return float(np.logaddexp(0, self.b @ w).mean() + RIDGE / 2 * w @ w)

    def p(self, w):
        return 1 / (1 + np.exp(-(self.b @ w)))

    def jac(self, w):
        return self.b.T @ self.p(w) / self.n + RIDGE * w

    def hess(self, w):
        p = self.p(w)
        half = self.b * np.sqrt(p * (1 - p) / self.n)[:, None]
        return half.T @ half + RIDGE * np.eye(self.d)

    def torch_loss(self, b, w):
        return torch.nn.functional.softplus(b @ w).mean() + RIDGE / 2 * w.square().sum()


def optami(loss, iterations, make):
    """The final point after so many steps."""
    b = torch.from_numpy(loss.b)
    w = torch.zeros(loss.d, requires_grad=True)
    optimizer = make([w])

    def closure():
        optimizer.zero_grad()
        return loss.torch_loss(b, w)

    for _ in range(iterations):
        optimizer.step(closure)
    return w.detach().numpy()


def needed(run, gap, target, most=64):
    """The least number of iterations (by bisection) whose result is within the target."""
    low, high = 0, 1
    while gap(run(high)) > target:
        low, high = high, 2 * high
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if gap(run(middle)) <= target else (middle, high)
    return high


def main():
    args = arguments()
    bench = Bench("minimize", args)
    loss = Logistic(problem(rows=8192 if args.quick else 32561))
    start = np.zeros(loss.d)
    smooth = np.sqrt(3) / 18
    options = dict(jac=loss.jac, hess=loss.hess)
    best = tg.optim.minimize(loss.fun, start, method="cubic-newton", tol=1e-13, **options).fun

    def gap(w):
        return loss.fun(w) - best

    # Everyone is given the same constant, the Lipschitz constant of the Hessian.
    def ours(method):
        def run(iterations):
            found = tg.optim.minimize(
                loss.fun, start, method=method, M=smooth, max_iter=iterations, tol=0.0, **options
            )
            return found.x

        return run

    def cubic(iterations):
        return optami(loss, iterations, lambda p: OPTAMI.CubicRegularizedNewton(p, L=smooth))

    def nata(iterations):
        return optami(loss, iterations, lambda p: OPTAMI.NATA(p, L=smooth, order=2))

    def exact(iterations):
        options_ = {"maxiter": iterations, "gtol": 0.0}
        with np.errstate(all="ignore"):
            return scipy.optimize.minimize(
                loss.fun, start, jac=loss.jac, hess=loss.hess, method="trust-exact", options=options_
            ).x

    target = gap(cubic(STEPS))
    runs = {"asn": ours("asn"), "cubic-newton": ours("cubic-newton"), "OPTAMI cubic": cubic}
    runs |= {"trust-exact": exact, "OPTAMI NATA": nata}
    counts = {"OPTAMI cubic": STEPS}
    for name, run in runs.items():
        counts.setdefault(name, needed(run, gap, target))
        print(f"{name:<16} {counts[name]} iterations to a gap of {target:.3g}", flush=True)
    times = {name: lambda name=name: runs[name](counts[name]) for name in runs if counts[name]}
    rounds = 3 if args.quick else 5
    title = f"logistic {loss.n}x{loss.d}"
    for name in ("asn", "cubic-newton"):
        first = {name: times[name]}
        bench.case(f"{title}: {name}", first | {"OPTAMI cubic": times["OPTAMI cubic"]}, 10.0, rounds)
        others = {k: times[k] for k in ("trust-exact", "OPTAMI NATA") if k in times}
        bench.case(f"{title}: {name}, others", first | others, None, rounds)
    bench.close()


if __name__ == "__main__":
    main()
