"""``einsum``, ``plan`` and ``contract_log`` against NumPy."""

import json
import math
import pickle

import numpy as np
import pytest

import tensegrity as tg
from expressions import table


def tolerance(dtype):
    return 2e-4 if dtype in (np.float32, np.complex64) else 1e-11


def test_700_random_expressions_agree_with_numpy():
    for number, (expression, operands) in enumerate(table(700)):
        wanted = np.einsum(expression, *operands, optimize=True)
        got = tg.einsum(expression, *operands)
        where = f"case {number}: {expression} {[a.shape for a in operands]}"
        assert got.shape == wanted.shape, where
        assert got.dtype == wanted.dtype, where
        # NumPy's pairwise path works on mixed operands in their own types first:
        # narrow floats lose digits, and a bool operand is summed as an "or", so
        # that its results differ from its own with optimize=False. On operands of
        # the result's type it has neither fault.
        widened = [a.astype(wanted.dtype) for a in operands]
        exact = np.einsum(expression, *widened, optimize=True)
        if np.issubdtype(wanted.dtype, np.inexact):
            # Scale by the sum of absolute products: cancellation is no error.
            size = np.einsum(expression, *[np.abs(a) for a in widened], optimize=True)
            size = np.maximum(size, 1e-300)
            assert np.all(np.abs(got - exact) <= tolerance(wanted.dtype) * size), where
        else:
            assert np.array_equal(got, exact), where
            assert np.array_equal(got, np.einsum(expression, *operands)), where
        if len({a.dtype for a in operands}) == 1:
            assert np.allclose(got, wanted, rtol=1e-3, atol=1e-3), where


def test_arrays_of_many_kinds_are_accepted():
    assert tg.einsum("i,i->", [1, 2, 3], (4, 5, 6)) == 32
    assert tg.einsum("ij->ji", np.arange(6).reshape(2, 3)).tolist() == [[0, 3], [1, 4], [2, 5]]
    half = np.ones((2, 2), np.float16)
    assert tg.einsum("ij,jk->ik", half, half).dtype == np.float16
    big = np.arange(4.0).astype(">f8")
    assert tg.einsum("i,i->", big, big) == 14.0


def test_results_are_new_and_writable():
    x = np.arange(6.0).reshape(2, 3)
    y = tg.einsum("ij->ij", x)
    y[0, 0] = 99.0
    assert x[0, 0] == 0.0


def test_out_is_written_in_place_whatever_its_strides():
    a, b = np.random.default_rng(0).standard_normal((2, 5, 5))
    out = np.empty((5, 10))[:, ::2]
    result = tg.einsum("ij,jk->ik", a, b, out=out)
    assert result is out
    np.testing.assert_allclose(out, a @ b, rtol=1e-13)


def test_out_may_overlap_an_operand():
    a = np.random.default_rng(0).standard_normal((6, 6))
    wanted = a @ a
    tg.einsum("ij,jk->ik", a, a, out=a)
    np.testing.assert_allclose(a, wanted, rtol=1e-13)


def test_bad_out_is_refused():
    a = np.ones((2, 2))
    with pytest.raises(ValueError, match="out"):
        tg.einsum("ij->ij", a, out=np.empty((3, 3)))
    with pytest.raises((ValueError, TypeError), match="out"):
        tg.einsum("ij->ij", a * 1j, out=np.empty((2, 2)))


@pytest.mark.parametrize(
    ("expression", "shapes", "words"),
    [
        ("ij,jk->ik", [(2, 3), (4, 5)], "j is 3 in operand 1"),
        ("ij,jk->iz", [(2, 3), (3, 5)], "z"),
        ("ij,jk->ik", [(2, 3)], "operand"),
        ("ij->i", [(2, 3, 4)], "2"),
        ("i...j...->ij", [(2, 3)], r"\.\.\."),
        ("ij,jk->ik->", [(2, 3), (3, 4)], "->"),
    ],
)
def test_errors_say_what_and_where(expression, shapes, words):
    with pytest.raises(ValueError, match=words):
        tg.einsum(expression, *[np.ones(shape) for shape in shapes])


def test_unconvertible_operands_are_refused():
    with pytest.raises((TypeError, ValueError)):
        tg.einsum("i->", np.array(["a", "b"]))
    with pytest.raises((TypeError, ValueError)):
        tg.einsum("i->", np.array([object()]))


def test_named_indices_and_groups():
    rng = np.random.default_rng(1)
    q, k = rng.standard_normal((2, 2, 3, 5, 4))
    scores = tg.einsum("batch head q d, batch head k d -> batch head q k", q, k)
    np.testing.assert_allclose(scores, q @ k.transpose(0, 1, 3, 2), rtol=1e-12)


def test_beyond_numpy():
    v = np.arange(3.0)
    np.testing.assert_array_equal(tg.einsum("i->ii", v), np.diag(v))
    assert tg.einsum("->") == 1.0


def test_a_plan_is_inspected_saved_and_run():
    shapes = [(3, 4), (4, 5), (5, 6), (6, 3)]
    plan = tg.plan("ab,bc,cd,da->", *shapes, minimize="flops")
    arrays = [np.random.default_rng(2).standard_normal(shape) for shape in shapes]
    wanted = np.einsum("ab,bc,cd,da->", *arrays)
    np.testing.assert_allclose(plan.run(*arrays), wanted, rtol=1e-12)
    again = tg.Plan.from_json(plan.to_json())
    assert json.loads(again.to_json()) == json.loads(plan.to_json())
    np.testing.assert_allclose(again.run(*arrays), wanted, rtol=1e-12)
    assert plan.n_slices == 1
    assert len(plan.path) == 3
    assert plan.peak_bytes > 0
    assert math.isclose(10**plan.log10_flops, 3 * 4 * 5 + 3 * 5 * 6 + 18, rel_tol=0.5)
    assert "->" in plan.explain()
    np.testing.assert_allclose(
        np.einsum("ab,bc,cd,da->", *arrays, optimize=["einsum_path", *plan.path]), wanted
    )
    assert pickle.loads(pickle.dumps(plan)).to_json() == plan.to_json()


def test_a_plan_refuses_other_shapes():
    plan = tg.plan("ij,jk->ik", (2, 3), (3, 4))
    with pytest.raises(ValueError, match="shape"):
        plan.run(np.ones((2, 3)), np.ones((3, 5)))


def test_paths_of_others_are_accepted():
    arrays = [np.ones((2, 2))] * 3
    path = ["einsum_path", (1, 2), (0, 1)]
    assert tg.einsum("ij,jk,kl->il", *arrays, optimize=path)[0, 0] == 4.0
    with pytest.raises(ValueError):
        tg.einsum("ij,jk,kl->il", *arrays, optimize=[(0, 0), (0, 1)])


def test_memory_limits_are_kept():
    arrays = [np.ones((50, 50))] * 2
    with pytest.raises(MemoryError, match="memory"):
        tg.einsum("ij,kl->ijkl", *arrays, memory_limit="1MiB")
    assert tg.einsum("ij,kl->", *arrays, memory_limit=10**8) == 2500.0**2


def test_contract_log_does_not_overflow():
    rng = np.random.default_rng(3)
    ring = [1e-30 * rng.standard_normal((2, 2)) for _ in range(40)]
    letters = [chr(0x100 + k) for k in range(40)]
    terms = ",".join(letters[k] + letters[(k + 1) % 40] for k in range(40))
    mantissa, exponent = tg.contract_log(terms + "->", *ring)
    product = np.eye(2)
    for matrix in ring:
        product = product @ (matrix * 1e30)
    got = math.log10(abs(float(mantissa))) + exponent
    assert math.isclose(got, math.log10(abs(np.trace(product))) - 1200, abs_tol=1e-9)
    assert np.sign(float(mantissa)) == np.sign(np.trace(product))


def test_the_optimizer_serves_opt_einsum():
    opt_einsum = pytest.importorskip("opt_einsum", reason="opt_einsum is an optional peer")
    arrays = [np.random.default_rng(4).standard_normal((4, 4)) for _ in range(4)]
    got = opt_einsum.contract("ab,bc,cd,de->ae", *arrays, optimize=tg.Optimizer())
    np.testing.assert_allclose(got, np.linalg.multi_dot(arrays), rtol=1e-12)


def test_the_optimizer_gives_a_legal_path():
    path = tg.Optimizer()(
        [{"a", "b"}, {"b", "c"}, {"c", "d"}], {"a", "d"}, {"a": 2, "b": 3, "c": 4, "d": 5}
    )
    assert sorted(len(step) for step in path) == [2, 2]


def test_results_do_not_depend_on_threads():
    a, b = np.random.default_rng(5).standard_normal((2, 300, 300))
    before = tg.threads()
    try:
        results = []
        for threads in (1, 2):
            tg.set_threads(threads)
            results.append(tg.einsum("ij,jk->ik", a, b))
        assert np.array_equal(*results)
    finally:
        tg.set_threads(before)


def test_what_an_expression_leaves_open_is_given():
    x = np.arange(12.0).reshape(6, 2)
    assert np.array_equal(tg.einsum("(h d) n -> h d n", x, h=3), x.reshape(3, 2, 2))
    with pytest.raises(ValueError, match="h"):
        tg.einsum("(h d) n -> h d n", x)
    with pytest.raises(ValueError, match="h is -3"):
        tg.einsum("(h d) n -> h d n", x, h=-3)
    row = np.ones((1, 2))
    with pytest.raises(ValueError):
        tg.einsum("ij,ij->ij", x, row)
    assert np.array_equal(tg.einsum("ij,ij->ij", x, row, broadcast=True), x)
    plan = tg.plan("(h d) n -> h d n", (6, 2), h=3)
    assert np.array_equal(tg.Plan.from_json(plan.to_json()).run(x), x.reshape(3, 2, 2))


def test_numbers_are_numbers():
    x = np.eye(3)
    assert isinstance(tg.einsum("ii", x), np.float64)
    assert isinstance(tg.einsum("ij->", x.astype(np.int8)), np.int8)
    out = np.zeros(())
    assert tg.einsum("ii", x, out=out) is out and out == 3


def test_memory_that_is_not_there_is_a_memory_error():
    x = np.broadcast_to(1.0, (1 << 28,))
    with pytest.raises(MemoryError, match="memory"):
        tg.einsum("i,j->ij", x, x)


def test_sums_accumulate_in_double_precision_on_request():
    x = np.full(1 << 22, 0.1, dtype=np.float32)
    exact = float(x[0]) * x.size
    y = tg.einsum("i,i->", x, np.ones_like(x), accumulate="f64")
    assert y.dtype == np.float32 and y == np.float32(exact)
    out = np.zeros((), dtype=np.float32)
    assert tg.einsum("i->", x, out=out, accumulate="f64") is out and out == np.float32(exact)
    with pytest.raises(ValueError, match="accumulate"):
        tg.einsum("i->", x, accumulate="f16")


def test_contraction_trees_know_their_path():
    class Tree:
        def get_path(self):
            return [(1, 2), (0, 1)]

    a = np.arange(6.0).reshape(2, 3)
    b = np.arange(12.0).reshape(3, 4)
    c = np.arange(8.0).reshape(4, 2)
    assert np.allclose(tg.einsum("ij,jk,kl->il", a, b, c, optimize=Tree()), a @ b @ c)
