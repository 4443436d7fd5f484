"""Tucker, tensor train and CP under TensorLy's names."""

import numpy as np
import pytest

import tensegrity as tg


def relative(x, y):
    return np.linalg.norm(x - y) / np.linalg.norm(x)


def golden_tucker():
    i, j, k = np.indices((6, 5, 4))
    return 1.0 / (1 + i + 2 * j + 3 * k)


def test_tucker_reaches_the_golden_errors():
    x = golden_tucker()
    result = tg.decompose.tucker(x, rank=(2, 2, 2), tol=1e-12)
    assert abs(result.error - 0.023891830816) < 1e-9
    assert abs(relative(x, result.to_array()) - result.error) < 1e-12
    start = tg.decompose.tucker(x, rank=(2, 2, 2), n_iter_max=0)
    assert result.error <= start.error


def test_tucker_unpacks_as_tensorly_does():
    x = golden_tucker()
    core, factors = tg.decompose.tucker(x, rank=[3, 2, 2])
    assert core.shape == (3, 2, 2)
    assert [factor.shape for factor in factors] == [(6, 3), (5, 2), (4, 2)]
    rebuilt = np.einsum("abc,ia,jb,kc->ijk", core, *factors)
    assert abs(relative(x, rebuilt) - 0.021773133864) < 1e-6


def test_tucker_to_an_error():
    x = golden_tucker()
    result = tg.decompose.tucker(x, error=1e-3)
    assert relative(x, result.to_array()) <= 1e-3
    assert np.prod(result.rank) < x.size


def test_tensor_train_reaches_the_golden_ranks():
    index = np.indices((6,) * 4).sum(axis=0)
    x = 1.0 / (1 + index)
    result = tg.decompose.tensor_train(x, error=1e-4)
    assert result.rank == (1, 4, 5, 4, 1)
    assert abs(result.error - 6.32996e-5) < 1e-9
    cores = list(result)
    rebuilt = np.einsum("aib,bjc,ckd,dle->ijkl", *cores)
    assert abs(relative(x, rebuilt) - result.error) < 1e-12


def test_tensor_train_at_given_ranks():
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    assert tg.decompose.tensor_train(x, rank=3).rank == (1, 3, 3, 1)
    assert tg.decompose.tensor_train(x, rank=(1, 2, 3, 1)).rank == (1, 2, 3, 1)
    assert tg.decompose.tensor_train(x, rank=100).rank == (1, 4, 6, 1)


def test_parafac_finds_a_planted_model():
    rng = np.random.default_rng(1)
    factors = [rng.standard_normal((n, 3)) for n in (7, 6, 5)]
    x = np.einsum("ir,jr,kr->ijk", *factors)
    weights, found = tg.decompose.parafac(x, rank=3, n_iter_max=500)
    assert weights.shape == (3,)
    rebuilt = np.einsum("r,ir,jr,kr->ijk", weights, *found)
    assert relative(x, rebuilt) < 1e-6
    for factor in found:
        np.testing.assert_allclose(np.linalg.norm(factor, axis=0), 1.0, rtol=1e-10)


def test_parafac_is_deterministic():
    x = np.random.default_rng(2).standard_normal((5, 6, 7))
    one = tg.decompose.parafac(x, rank=2, init="random", random_state=3, n_iter_max=20)
    two = tg.decompose.parafac(x, rank=2, init="random", random_state=3, n_iter_max=20)
    assert np.array_equal(one.to_array(), two.to_array())


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_every_dtype_keeps_its_type(dtype):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, 5, 6)).astype(dtype)
    if x.dtype.kind == "c":
        x = (x + 1j * rng.standard_normal(x.shape)).astype(dtype)
    core, factors = tg.decompose.tucker(x, rank=(4, 5, 6))
    assert core.dtype == x.dtype
    result = tg.decompose.tensor_train(x, rank=30)
    assert result.to_array().dtype == x.dtype
    assert relative(x, result.to_array()) < 1e-5


def test_integers_become_doubles():
    result = tg.decompose.tucker(np.arange(24).reshape(2, 3, 4), error=1e-10)
    assert result.core.dtype == np.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: tg.decompose.tucker(x, rank=(2, 2)), "rank"),
        (lambda x: tg.decompose.tucker(x, rank=0), "rank"),
        (lambda x: tg.decompose.tucker(x), "rank"),
        (lambda x: tg.decompose.tucker(x, rank=2, error=0.1), "rank"),
        (lambda x: tg.decompose.tensor_train(x, error=-1.0), "error"),
        (lambda x: tg.decompose.tensor_train(x, rank=(2, 2, 2, 1)), "rank"),
        (lambda x: tg.decompose.parafac(x, rank=2, init="magic"), "init"),
        (lambda x: tg.decompose.parafac(np.where(x > 0, np.nan, x), rank=2), "(?i)nan|finite"),
        (lambda x: tg.decompose.tucker(np.empty((0, 3)), rank=1), "(?i)empty|zero|size"),
    ],
)
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.random.default_rng(5).standard_normal((3, 4, 5)))


def test_an_error_out_of_reach_is_an_error():
    x = np.random.default_rng(0).standard_normal((8, 7, 6))
    with pytest.raises(ValueError, match="relative error"):
        tg.decompose.parafac(x, error=1e-18, n_iter_max=3)


def test_tensorly_arguments_are_known():
    x = np.random.default_rng(0).standard_normal((4, 3, 3))
    tg.decompose.tucker(x, rank=(2, 2, 2), init="svd", random_state=None)
    tg.decompose.parafac(x, rank=2, random_state=None)
    with pytest.raises(ValueError, match="random_state is -1"):
        tg.decompose.parafac(x, rank=2, random_state=-1)
