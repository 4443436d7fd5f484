"""Optimisers against torch.optim, pytorch-optimizer, facebookresearch's Distributed Shampoo and
optax: ``cargo xtask bench optim``.

Distributed Shampoo is not on a package index: put the folder ``distributed_shampoo`` of the
repository facebookresearch/optimizers (and, of versions before April 2025, the modules beside it)
on ``PYTHONPATH``. Peers that cannot be imported are left out, and that is said.
"""

import importlib
import statistics
import time

import numpy as np
import torch

import tensegrity as tg
from harness import Bench, arguments

torch.set_num_threads(1)
tg.set_threads(1)
rng = np.random.default_rng(0)

SIDE = 1024
PERIOD = 10  # steps between two refreshes


def module(name):
    """A peer, or None if it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        print(f"left out: {name} ({problem})")
        return None


GRADIENTS = [rng.standard_normal((SIDE, SIDE)).astype("float32") for _ in range(PERIOD)]


def ours(make):
    """A period of steps of an optimiser of one array."""
    optimizer = make([np.zeros((SIDE, SIDE), "float32")])

    def period():
        for gradient in GRADIENTS:
            optimizer.step([gradient])

    return period


def torchs(make):
    """The same of an optimiser of torch's kind."""
    parameter = torch.nn.Parameter(torch.zeros(SIDE, SIDE))
    optimizer = make([parameter])
    gradients = [torch.from_numpy(gradient) for gradient in GRADIENTS]

    def period():
        for gradient in gradients:
            parameter.grad = gradient
            optimizer.step()

    return period


def optaxs(optax, jax, transformation):
    """The same of an optax transformation, compiled."""
    parameter = jax.numpy.zeros((SIDE, SIDE))
    gradients = [jax.numpy.asarray(gradient) for gradient in GRADIENTS]

    @jax.jit
    def step(gradient, state, parameter):
        change, state = transformation.update(gradient, state, parameter)
        return optax.apply_updates(parameter, change), state

    held = [parameter, transformation.init(parameter)]

    def period():
        for gradient in gradients:
            held[:] = step(gradient, held[1], held[0])
        held[0].block_until_ready()

    return period


SHAMPOO = dict(
    betas=(0.9, 0.99),
    graft="adam",
    precondition_frequency=PERIOD,
    precision="f32",
    eps=1e-6,
    relative_eps=True,
)


def shampoo(params):
    return tg.optim.Shampoo(params, lr=1e-3, **SHAMPOO)


def shampoo_newton(params):
    return tg.optim.Shampoo(params, lr=1e-3, root_method="coupled_newton", **SHAMPOO)


def shampoo_cases(bench):
    calls = {"tensegrity": ours(shampoo)}
    other = module("pytorch_optimizer")
    if other:
        calls["pytorch-optimizer"] = torchs(
            lambda p: other.Shampoo(p, lr=1e-3, preconditioning_compute_steps=PERIOD)
        )
        calls["pytorch-optimizer, scalable"] = torchs(
            lambda p: other.ScalableShampoo(
                p,
                lr=1e-3,
                start_preconditioning_step=1,
                preconditioning_compute_steps=PERIOD,
                block_size=SIDE,
            )
        )
    meta = module("distributed_shampoo")
    if meta:
        graft = getattr(meta, "AdamGraftingConfig", None) or meta.AdamPreconditionerConfig
        calls["facebookresearch"] = torchs(
            lambda p: meta.DistributedShampoo(
                p,
                lr=1e-3,
                betas=(0.9, 0.99),
                epsilon=1e-6,
                max_preconditioner_dim=SIDE,
                precondition_frequency=PERIOD,
                start_preconditioning_step=1,
                grafting_config=graft(beta2=0.999, epsilon=1e-8),
            )
        )
    if len(calls) > 1:
        bench.case(f"Shampoo, {PERIOD} steps with a refresh, {SIDE}² f32", calls, 1.0, rounds=3)


def layer_seconds(batch):
    """Forward and both backward products of a linear layer."""
    x, w = (rng.standard_normal(shape).astype("float32") for shape in [(batch, SIDE), (SIDE, SIDE)])
    seed = rng.standard_normal((batch, SIDE)).astype("float32")
    tg.vjp("bi,oi->bo", x, w, cotangent=seed)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        tg.vjp("bi,oi->bo", x, w, cotangent=seed)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step_seconds(make):
    """Mean seconds of a step, over whole periods between refreshes."""
    period = ours(make)
    period()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        period()
        times.append((time.perf_counter() - start) / PERIOD)
    return statistics.median(times)


def overhead(bench):
    adam = step_seconds(lambda p: tg.optim.Adam(p))
    for name, make in [("Shampoo", shampoo), ("Shampoo, Newton roots", shampoo_newton)]:
        seconds = step_seconds(make)
        for batch, bar in [(4096, 2.0), (256, None)]:
            layer = layer_seconds(batch)
            ratio = (layer + seconds) / (layer + adam)
            bar = bar if name == "Shampoo" else None
            bench.figure(f"{name} step / Adam step, {SIDE}², batch {batch}", ratio, bar)


def newton_schulz(bench):
    g = GRADIENTS[0]
    product = np.empty_like(g)

    def products():
        for _ in range(15):
            tg.einsum("ij,jk->ik", g, g, out=product)

    t = torch.from_numpy(g)

    def torch_products():
        for _ in range(15):
            torch.mm(t, t)

    # Ratio 15 products / polar factor: 1/1.3 is the bar.
    bench.case(
        f"Newton–Schulz, 5 steps, {SIDE}² f32 (against 15 products)",
        {
            "tensegrity": lambda: tg.optim.polar(g, "muon"),
            "15 products": products,
            "15 of torch": torch_products,
        },
        1 / 1.3,
    )


def other_cases(bench):
    jax, optax = module("jax"), module("optax")
    muon = {
        "tensegrity": ours(lambda p: tg.optim.Muon(p, weight_decay=0.1)),
        "torch": torchs(lambda p: torch.optim.Muon(p, lr=0.02, weight_decay=0.1)),
    }
    adam = {
        "tensegrity": ours(lambda p: tg.optim.AdamW(p)),
        "torch": torchs(lambda p: torch.optim.AdamW(p)),
    }
    if jax and optax:
        muon["optax"] = optaxs(optax, jax, optax.contrib.muon(0.02, weight_decay=0.1))
        adam["optax"] = optaxs(optax, jax, optax.adamw(1e-3))
    bench.case(f"Muon, {PERIOD} steps, {SIDE}² f32", muon, rounds=3)
    bench.case(f"AdamW, {PERIOD} steps, {SIDE}² f32", adam, rounds=5)


def kronecker(bench):
    """f(W) = |A (W - W*) B|²/2 with singular values from 1 to 10^-1.5: what is left of f after
    400 steps at the best of 13 rates."""

    def conditioned(n):
        left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
        return left * np.logspace(0, -1.5, n) @ right

    a, b, target = conditioned(32), conditioned(24), rng.standard_normal((32, 24))

    def left_over(make):
        w = np.zeros((32, 24))
        optimizer = make([w])
        first = None
        for _ in range(400):
            residual = a @ (w - target) @ b
            value = (residual**2).sum()
            first = first or value
            if not np.isfinite(value) or value > 1e6 * first:
                return np.inf
            optimizer.step([a.T @ residual @ b.T])
        return ((a @ (w - target) @ b) ** 2).sum() / first

    adam = min(left_over(lambda p: tg.optim.Adam(p, lr)) for lr in np.logspace(-3, 0, 13))
    ours = min(
        left_over(lambda p: tg.optim.Shampoo(p, lr, precondition_frequency=1))
        for lr in np.logspace(-2, 2, 13)
    )
    print(f"Kronecker least squares: Adam leaves {adam:.2e}, Shampoo {ours:.2e}")
    bench.figure("Kronecker least squares: Adam / Shampoo", adam / ours, 1000.0, smaller=False)


def main():
    bench = Bench("optim", arguments())
    kronecker(bench)
    newton_schulz(bench)
    overhead(bench)
    shampoo_cases(bench)
    other_cases(bench)
    bench.close()


if __name__ == "__main__":
    main()
