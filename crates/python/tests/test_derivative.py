"""Gradients and Hessian-vector products of einsum expressions."""

import numpy as np
import pytest

import tensegrity as tg


def splitmix(seed, shape):
    """Elements in [-1/2, 1/2) by splitmix64, row-major."""
    mask = (1 << 64) - 1
    values, x = [], seed
    for _ in range(int(np.prod(shape))):
        x = (x + 0x9E3779B97F4A7C15) & mask
        z = x
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        values.append((z >> 11) * 2.0**-53 - 0.5)
    return np.array(values).reshape(shape)


def test_first_and_second_derivatives_of_a_cp_loss():
    """L = |CP(A, B, C) - X|^2 / 2; values by central differences and closed formulas."""
    a, b, c = (splitmix(12000 + k, shape) for k, shape in enumerate([(2, 5), (3, 5), (4, 5)]))
    x, v = splitmix(12003, (2, 3, 4)), splitmix(12004, (2, 5))
    cp = "ir,jr,kr->ijk"
    residual = tg.einsum(cp, a, b, c) - x
    assert 0.5 * (residual**2).sum() == pytest.approx(1.3895742278356942, rel=1e-13)

    ga, gb, gc = tg.vjp(cp, a, b, c, cotangent=residual)
    assert [ga.shape, gb.shape, gc.shape] == [a.shape, b.shape, c.shape]
    close = lambda *pairs: np.testing.assert_allclose(*zip(*pairs), rtol=0, atol=1e-13)
    close(
        (ga.sum(), 0.336139374746716),
        (ga[0, 0], -0.110143974401862),
        (ga[-1, -1], 0.128047935781802),
        (gb.sum(), -0.533663108545614),
        (gb[0, 0], -0.145085553510468),
    )

    # The cotangent moves with A too: the tangent of the residual is CP(V, B, C).
    held = tg.hvp(cp, [a, b, c], [v, None, None], cotangent=residual)
    moved = tg.vjp(cp, a, b, c, cotangent=tg.einsum(cp, v, b, c))
    ha, hb, _ = (one + other for one, other in zip(held, moved))
    close(
        (ha.sum(), -0.0319123402397352),
        (ha[0, 0], 0.0868141382784316),
        (hb.sum(), 0.616425468404544),
        (hb[0, 0], 0.217373871616554),
        (hb[-1, -1], 0.110589140265723),
    )


@pytest.mark.parametrize(
    ("expression", "shapes"),
    [
        ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 2)]),
        ("iij,jk->ik", [(3, 3, 4), (4, 5)]),
        ("abx,bcx,cax,x->x", [(3, 4, 6), (4, 2, 6), (2, 3, 6), (6,)]),
        ("i,ij->iij", [(4,), (4, 3)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
        ("ij->", [(3, 4)]),
    ],
)
def test_derivatives_agree_with_differences(expression, shapes):
    rng = np.random.default_rng(5)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    tangents = [rng.standard_normal(shape) for shape in shapes]
    y = rng.standard_normal(np.shape(tg.einsum(expression, *arrays)))
    step = 1e-5

    def along(function):
        up = function([x + step * t for x, t in zip(arrays, tangents)])
        down = function([x - step * t for x, t in zip(arrays, tangents)])
        return [(u - d) / (2 * step) for u, d in zip(up, down)]

    gradients = tg.vjp(expression, *arrays, cotangent=y)
    slope = along(lambda x: [(y * tg.einsum(expression, *x)).sum()])[0]
    assert sum((g * t).sum() for g, t in zip(gradients, tangents)) == pytest.approx(slope, rel=1e-7)
    second = tg.hvp(expression, arrays, tangents, cotangent=y)
    for found, expected in zip(second, along(lambda x: tg.vjp(expression, *x, cotangent=y))):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_a_missing_cotangent_is_ones():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for found, expected in zip(
        tg.vjp("ij,jk->ik", a, b), tg.vjp("ij,jk->ik", a, b, cotangent=np.ones((2, 4)))
    ):
        np.testing.assert_array_equal(found, expected)


def test_element_types_are_those_of_the_operands():
    single, double = np.ones(3, "float32"), np.ones(3)
    g = tg.vjp("i,i->", single, double)
    assert [x.dtype for x in g] == [np.float32, np.float64]
    assert tg.vjp("i,i->", np.ones(3, "float16"), single)[0].dtype == np.float16
    whole, other = tg.vjp("i,i->", [1, 2, 3], np.array([True, False, True]))
    assert whole.dtype == other.dtype == np.float64
    np.testing.assert_array_equal(other, [1, 2, 3])
    # A real operand of a complex result has a real gradient.
    z = np.array([1 + 2j, 3 - 1j])
    gx, gz = tg.vjp("i,i->", np.array([1.0, 2.0]), z, cotangent=1j)
    np.testing.assert_allclose(gx, z.imag)  # Re(conj(1j) * x * z)
    np.testing.assert_allclose(gz, [1j, 2j])


def test_strides_do_not_matter():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((6, 8))[::2, ::-2], rng.standard_normal((5, 4)).T
    for found, expected in zip(tg.vjp("ij,jk->ik", a, b), (b.sum(1), a.sum(0)[:, None])):
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.vjp("ij,jk->ik", np.ones((2, 3)), np.ones((4, 2))), ValueError, "j"),
        (lambda: tg.vjp("ij->", np.ones((2, 2)), cotangent=np.ones(2)), ValueError, "cotangent has shape"),
        (lambda: tg.vjp("i->", np.ones(2), cotangent=1j), ValueError, "cotangent is complex"),
        (lambda: tg.vjp("i->", np.array(["x"])), TypeError, "operand 1"),
        (lambda: tg.vjp(""), ValueError, "no arrays"),
        (lambda: tg.hvp("i,i->", [np.ones(2)] * 2, [np.ones(2)]), ValueError, "1 tangents for 2"),
        (lambda: tg.hvp("i->", [np.ones(2)], [np.ones(3)]), ValueError, "tangent 1 has shape"),
        (lambda: tg.hvp("i->", [np.ones(2)], [["x", "y"]]), TypeError, "tangent 1"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
