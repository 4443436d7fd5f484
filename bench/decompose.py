"""Decompositions against TensorLy: ``cargo xtask bench decompose``."""

import numpy as np
import tensorly
from tensorly.decomposition import parafac, tensor_train, tucker

import tensegrity as tg
from harness import Bench, arguments

tg.set_threads(1)


def low_rank(size, rank, noise, seed):
    rng = np.random.default_rng(seed)
    factors = [rng.standard_normal((size, rank)) for _ in range(3)]
    x = np.einsum("ir,jr,kr->ijk", *factors, optimize=True)
    return x + noise * np.linalg.norm(x) / np.sqrt(x.size) * rng.standard_normal(x.shape)


def error(x, y):
    return np.linalg.norm(x - y) / np.linalg.norm(x)


def main():
    bench = Bench("decompose", arguments())
    x = low_rank(100, 10, 1e-2, 0)

    ours = tg.decompose.tucker(x, rank=(10, 10, 10), n_iter_max=0)
    theirs = tucker(x, rank=[10, 10, 10], init="svd")
    slack = 1.001
    assert error(x, ours.to_array()) <= slack * error(x, tensorly.tucker_to_tensor(theirs))
    bench.case(
        "ST-HOSVD 100^3 -> (10,10,10)",
        {
            "tensegrity": lambda: tg.decompose.tucker(x, rank=(10, 10, 10), n_iter_max=0),
            "tensorly tucker(init=svd)": lambda: tucker(x, rank=[10, 10, 10], init="svd"),
            "tensorly 1 sweep": lambda: tucker(x, rank=[10, 10, 10], init="svd", n_iter_max=1),
        },
        15.0,
    )

    ours = tg.decompose.tensor_train(x, rank=(1, 10, 10, 1))
    theirs = tensor_train(x, rank=[1, 10, 10, 1])
    assert error(x, ours.to_array()) <= slack * error(x, tensorly.tt_to_tensor(theirs))
    bench.case(
        "TT-SVD 100^3 (10,10)",
        {
            "tensegrity": lambda: tg.decompose.tensor_train(x, rank=(1, 10, 10, 1)),
            "tensorly": lambda: tensor_train(x, rank=[1, 10, 10, 1]),
        },
        5.0,
    )

    sweeps = dict(n_iter_max=10, tol=0)
    ours = tg.decompose.parafac(x, rank=10, init="svd", **sweeps)
    theirs = parafac(x, rank=10, init="svd", **sweeps)
    print(
        "CP errors after 10 sweeps: ours "
        f"{error(x, ours.to_array()):.6f}, TensorLy {error(x, tensorly.cp_to_tensor(theirs)):.6f}"
    )
    bench.case(
        "CP-ALS rank 10, 10 sweeps, 100^3",
        {
            "tensegrity": lambda: tg.decompose.parafac(x, rank=10, init="svd", **sweeps),
            "tensorly": lambda: parafac(x, rank=10, init="svd", **sweeps),
        },
        2.0,
    )

    index = np.indices((12,) * 5)
    smooth = np.sqrt(1.0 + (index**2).sum(axis=0))
    ranks = (1, 7, 8, 8, 7, 1)
    bench.case(
        "TT-SVD 12^5 (7,8,8,7)",
        {
            "tensegrity": lambda: tg.decompose.tensor_train(smooth, rank=ranks),
            "tensorly": lambda: tensor_train(smooth, rank=list(ranks)),
        },
    )
    bench.close()


if __name__ == "__main__":
    main()
