"""The spine against NumPy, PyTorch (CPU) and opt_einsum: ``cargo xtask bench spine``."""

import numpy as np
import opt_einsum
import torch

import tensegrity as tg
from harness import Bench, arguments

torch.set_num_threads(1)
tg.set_threads(1)
rng = np.random.default_rng(0)

# Complaints other projects' users filed: numpy #22604, pytorch #10661, #57121,
# #110858 and #60295 (operands whose strides are not those of a dense array).
COMPLAINTS = [
    ("numpy-22604", "kdyzBvhwcqfnbeg,htiAzxobvudBw->ywukbnvizxo", None),
    ("pytorch-10661", "ac,abc->cb", [(2, 2000), (2, 2, 2000)]),
    ("pytorch-57121", "jk,ijkl->il", [(100, 90), (80, 100, 90, 70)]),
    ("pytorch-110858", "ijk,bikl->bijl", [(3, 64, 64), (4096, 3, 64, 1)]),
    ("pytorch-60295", "bij,bjk->bik", "strided"),
]
OTHERS = [
    ("ij,ijkl->kl", [(100, 90), (100, 90, 80, 70)]),
    ("abcd,dbea->ec", [(48, 36, 24, 36), (36, 36, 48, 48)]),
    ("abcdef,dfgh->abcegh", [(12, 10, 8, 14, 12, 10), (14, 10, 16, 16)]),
    ("bij,bjk->bik", [(32, 64, 64), (32, 64, 64)]),
    ("bij,bjk->bik", [(32, 128, 128), (32, 128, 128)]),
    ("ab,bc,cd,de->ae", [(64, 64)] * 4),
]


def operands(expression, shapes):
    if shapes is None:
        terms = expression.split("->")[0].split(",")
        return [rng.standard_normal((2,) * len(term)) for term in terms]
    if shapes == "strided":
        a = rng.standard_normal((128, 64, 32)).transpose(2, 0, 1)
        b = rng.standard_normal((128, 32, 64)).transpose(1, 2, 0)
        return [a, b]
    return [rng.standard_normal(shape) for shape in shapes]


def einsum_case(bench, name, expression, arrays, bar=None):
    tensors = [torch.from_numpy(array) for array in arrays]
    wanted = np.einsum(expression, *arrays, optimize=True)
    got = tg.einsum(expression, *arrays)
    scale = max(np.abs(wanted).max(), 1.0)
    assert np.abs(got - wanted).max() <= 1e-11 * scale, f"{name}: results differ"
    bench.case(
        name,
        {
            "tensegrity": lambda: tg.einsum(expression, *arrays),
            "numpy": lambda: np.einsum(expression, *arrays, optimize=True),
            "torch": lambda: torch.einsum(expression, *tensors),
            "opt_einsum": lambda: opt_einsum.contract(expression, *arrays),
        },
        bar,
    )


def main():
    bench = Bench("spine", arguments())
    for name, expression, shapes in COMPLAINTS:
        einsum_case(bench, name, expression, operands(expression, shapes), bar=1.0)
    for expression, shapes in OTHERS:
        einsum_case(bench, f"{expression} {shapes[0]}", expression, operands(expression, shapes))

    small = [rng.standard_normal((4, 4)) for _ in range(2)]
    einsum_case(bench, "cached 4x4", "ij,jk->ik", small)
    ours = bench.rows[-1][1]["tensegrity"]
    bench.figure("cached einsum of two 4x4, from Python", 1e6 * ours, 4.0, "us")
    if "cached_einsum_4x4" in bench.inner:
        inner = 1e6 * bench.inner["cached_einsum_4x4"]["seconds_median"]
        bench.figure("cached einsum of two 4x4, in Rust", inner, 1.5, "us")

    x = rng.standard_normal((256, 256, 256))
    for order, bar in (((2, 1, 0), 8.0), ((1, 0, 2), None), ((0, 2, 1), None)):
        letters = "".join("ijk"[axis] for axis in order)
        out = np.empty(tuple(x.shape[axis] for axis in order))
        view = x.transpose(order)
        bench.case(
            f"permute 256^3 f64 {order}",
            {
                "tensegrity": lambda: tg.einsum(f"ijk->{letters}", x, out=out),
                "numpy": lambda: np.copyto(out, view),
            },
            bar,
        )
    bench.close()


if __name__ == "__main__":
    main()
