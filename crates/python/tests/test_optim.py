"""Optimisers of NumPy arrays in place. Golden values were computed with NumPy from the
papers' formulas (Muon's with optax)."""

import pickle

import numpy as np
import pytest

import tensegrity as tg

optim = tg.optim


def wave(shape, shift):
    n = np.arange(np.prod(shape, dtype=int))
    return np.sin(0.9 * n * n + 1.3 * n + shift).reshape(shape)


def after(make, shape, steps, dtype="float64"):
    """The parameter after gradients wave(1), wave(2), …"""
    w = wave(shape, 0).astype(dtype)
    optimizer = make([w])
    for step in range(1, steps + 1):
        optimizer.step([wave(shape, step)])
    return w


def close(found, expected, atol=1e-8):
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=0, atol=atol)


def shampoo(params, **options):
    return optim.Shampoo(params, lr=0.1, eps=1e-4, precondition_frequency=1, **options)


MATRIX = [
    [-0.137390593, 0.904160477, -0.176146107],
    [-0.668230857, 0.624235265, -0.597612855],
]


def test_shampoo_follows_its_trajectories():
    one = [[-0.080168021, 0.802220408, -0.142527495], [-0.576142929, 0.613009161, -0.602979269]]
    close(after(shampoo, (2, 3), 1), one)
    close(after(shampoo, (2, 3), 3), MATRIX)
    close(
        after(shampoo, (2, 3, 2), 2),
        [-0.082642038, 0.845386496, -0.16460666, -0.610606427, 0.622726273, -0.592362314]
        + [0.664481478, 0.280600691, -0.931999009, 0.302003044, 0.674505704, -0.560461198],
    )
    close(after(shampoo, (3,), 2), [-0.106527987, 0.898480231, -0.192053832])
    diagonal = [[-0.138633589, 0.912991721, -0.212856229], [-0.662993495, 0.60580874, -0.596420074]]
    close(after(lambda p: shampoo(p, diagonal_above=1), (2, 3), 3), diagonal)
    for method in ("coupled_newton", "orthogonal"):
        close(after(lambda p: shampoo(p, root_method=method), (2, 3), 3), MATRIX, atol=1e-2)


def test_shampoo_keeps_its_statistics():
    w = wave((2, 3), 0)
    optimizer = shampoo({"w": w})
    for step in (1, 2, 3):
        stats = optimizer.step({"w": wave((2, 3), step)})
    assert (stats.step, stats.roots_computed, stats.roots_failed) == (3, 2, 0)
    entries = optimizer.state_dict()["entries"]
    left, right = entries["w/0/statistics/0"], entries["w/0/statistics/1"]
    close(left[[0, 1, 3]] + [1e-4, 0, 1e-4], [4.663016654, 0.420278634, 4.464865117])
    close(right[[1, 2, 5]], [-0.54715648, 1.097911662, -2.504706322])
    plan = optimizer.memory()[0]
    held = sum(v.nbytes for k, v in entries.items() if k.startswith("w/") and np.ndim(v))
    assert plan["parameter"] == "w" and plan["total"] == held


def test_soap_follows_its_trajectory():
    make = lambda p: optim.Soap(
        p, lr=0.1, weight_decay=0, precondition_frequency=1, exact=True
    )
    two = [
        [-0.111560531, 0.94708878, -0.191438433],
        [-0.740209302, 0.695397389, -0.639027891],
        [0.601079588, 0.253588824, -0.943083657],
    ]
    three = [
        [-0.146244502, 1.083259514, -0.278151272],
        [-0.884882102, 0.72048028, -0.670615097],
        [0.673066669, 0.269844223, -1.057104063],
    ]
    close(after(make, (3, 3), 2), two)
    close(after(make, (3, 3), 3), three)


def test_muon_follows_optax():
    expected = [
        [-0.08380505, 0.84764493, -0.22471679, -0.5861002],
        [0.5461271, -0.59545904, 0.69518026, 0.31568944],
        [-0.87656499, 0.35635127, 0.65117548, -0.51872604],
    ]
    found = after(lambda p: optim.Muon(p, lr=0.1, variant="optax"), (3, 4), 2)
    close(found, expected, atol=1e-6)  # optax computed in single precision


def test_muon_leaves_heads_to_adam():
    w, head = np.ones((3, 3)), np.ones((3, 3))
    optimizer = optim.Muon({"w": w, "out": head}, roles={"out": "head"}, adam_lr=0.5)
    optimizer.step({"w": np.eye(3), "out": np.eye(3)})
    close(head, np.ones((3, 3)) - 0.5 * np.eye(3), atol=1e-6)
    assert np.abs(w - 1).max() < 0.05


def test_prodigy_finds_its_distance():
    curvature = np.array([1.0, 4.0, 9.0])

    def rates(steps, **options):
        w = np.zeros(3)
        optimizer = optim.Prodigy([w], **options)
        return [optimizer.step([curvature * (w - 1)]).lr for _ in range(steps)], w

    doubling, _ = rates(25, averages=False)
    expected = [1e-6, 1e-6] + [2.0**k * 1e-6 for k in range(1, 20)] + [0.524288] * 4
    np.testing.assert_allclose(doubling, expected, rtol=1e-12)
    with_averages, w = rates(60)
    # The rate of a step is the distance estimated before it.
    found = [with_averages[k] for k in (1, 2, 3, 6, 11, 21)]
    distances = [1e-06, 1.58153e-06, 4.82239e-06, 8.85849e-05, 0.00996028, 0.419775]
    np.testing.assert_allclose(found, distances, rtol=2e-6)
    close(w, [0.954482279, 0.95448242, 0.954482446])


def test_adam_follows_its_formula():
    def by_hand(decoupled, decay):
        w, m, v = wave((5,), 0), 0.0, 0.0
        for t in (1, 2, 3):
            g = wave((5,), t)
            if decoupled:
                w = w * (1 - 0.1 * decay)
            else:
                g = g + decay * w
            m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
            w = w - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
        return w

    options = dict(lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.3)
    close(after(lambda p: optim.Adam(p, **options), (5,), 3), by_hand(False, 0.3), 1e-14)
    close(after(lambda p: optim.AdamW(p, **options), (5,), 3), by_hand(True, 0.3), 1e-14)


def test_polar_factors_and_duality_maps():
    g = 2 * wave((3, 4), 1)
    factor = [
        [0.491360735, -0.114746831, 0.852905934, 0.13397485],
        [0.728682583, -0.476755806, -0.454474479, -0.187559436],
        [-0.333600408, -0.443408238, 0.256829378, -0.791289184],
    ]
    five = [
        [0.265733707, -0.081016159, 0.745787845, 0.044039441],
        [0.675487897, -0.515528578, -0.550884659, -0.269840292],
        [-0.23545274, -0.501593098, 0.317290207, -0.809973169],
    ]
    close(optim.polar(g), factor)
    close(optim.polar(g, "muon"), five)
    close(np.linalg.svd(optim.polar(g, "muon"))[1], [1.108308007, 1.044608974, 0.691279249])
    for method in ("cubic", "quintic"):
        close(optim.polar(g, method), optim.polar(g), 1e-14)
    close(optim.polar(g, "muon", coefficients=[(3.4445, -4.7750, 2.0315)] * 5), five)
    close(optim.polar(np.stack([g, -g])), [factor, -np.array(factor)])

    assert optim.dual_norm(g, "spectral") == pytest.approx(7.376285929530161, rel=1e-14)
    assert optim.dual_norm(g, "max-abs") == pytest.approx(14.562925883413952, rel=1e-14)
    assert optim.dual_norm(g, "l1->l2") == pytest.approx(9.463431173951127, rel=1e-14)
    assert optim.norm(g, "spectral") == pytest.approx(3.787369261, rel=1e-9)
    linear, embedding = optim.dualize(g, "rms->rms"), optim.dualize(g, "l1->rms")
    close(linear[0], [0.425530879, -0.099373671, 0.738638206, 0.116025623])
    close(embedding[0], [1.121356324, -0.083357203, 1.484955418, 0.562705389])
    assert optim.dualize(g.astype("float32")).dtype == np.float32
    for norm in ("max-abs", "spectral", "rms->rms", "l1->rms", "l1->l3", "l2->linf", "frobenius"):
        d, rate, value = optim.steepest(g, norm, sharpness=2.0)
        dual = optim.dual_norm(g, norm)
        assert optim.norm(optim.dualize(g, norm), norm) == pytest.approx(1, rel=1e-12)
        assert (g * d).sum() + optim.norm(d, norm) ** 2 == pytest.approx(value, rel=1e-12)
        assert (rate, value) == (pytest.approx(dual / 2), pytest.approx(-dual * dual / 4))


def test_inverse_roots():
    i = np.arange(5)
    hilbert = 1 / (1.0 + i[:, None] + i)
    eps = 1e-6 * np.linalg.eigvalsh(hilbert)[-1]
    for p, first, last, size in [
        (2, 1.83800988924, 85.4069070434933, 457.5145676777),
        (4, 1.22104415488, 6.65287728936, 22.8740972430),
        (6, 1.12305023467, 3.23777088845, 8.99235039990),
    ]:
        for method in ("eigen", "coupled_newton"):
            root = optim.inverse_root(hilbert, p, eps=eps, method=method)
            found = [root[0, 0], root[4, 4], np.linalg.norm(root)]
            np.testing.assert_allclose(found, [first, last, size], rtol=1e-8)
        relative = optim.inverse_root(np.stack([hilbert, 4 * hilbert]), p, eps=1e-6, relative=True)
        np.testing.assert_allclose(relative[0], root, rtol=1e-8)
        np.testing.assert_allclose(relative[1], root * 4 ** (-1 / p), rtol=1e-8)


def test_norm_descent_shares_its_rate_under_the_modular_norm():
    a, b = np.zeros((2, 3)), np.zeros((3, 2))
    optimizer = optim.NormDescent(
        {"a": a, "b": b}, lr=1, norm="spectral", sharpness=2, scales={"b": 0.5}
    )
    stats = optimizer.step({"a": wave((2, 3), 1), "b": wave((3, 2), 2)})
    assert stats.lr == pytest.approx(4.03604779907414, rel=1e-12)
    close(a, [[-3.235766218, -0.253338554, -2.399024467], [-1.597135934, -2.783108885, 2.448089781]])
    close(b, [[-5.366149785, 5.077666304], [-5.595087723, -5.81644367], [-2.249034727, 2.354785614]])


def test_sign_descent_has_three_names():
    adam = after(lambda p: optim.Adam(p, lr=0.1, betas=(0, 0), eps=0), (3, 4), 3)
    close(after(lambda p: optim.sign_sgd(p, lr=0.1), (3, 4), 3), adam, 1e-14)
    close(after(lambda p: optim.signum(p, lr=0.1, momentum=0), (3, 4), 3), adam, 1e-14)
    spectral = after(lambda p: optim.spectral_descent(p, lr=0.1), (3, 4), 1)
    close(spectral, wave((3, 4), 0) - 0.1 * optim.polar(wave((3, 4), 1)), 1e-14)


METHODS = [
    optim.Sgd,
    optim.AdaGrad,
    optim.Adam,
    optim.AdamW,
    optim.Lamb,
    optim.Lbfgs,
    optim.Shampoo,
    optim.Soap,
    optim.NormDescent,
    optim.Muon,
    optim.Prodigy,
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pickled_state_goes_on_bit_for_bit(method, dtype):
    def start():
        return {"w": wave((4, 3), 0).astype(dtype), "b": wave((3,), 1).astype(dtype)}

    gradient = lambda step: {"w": wave((4, 3), step + 5), "b": wave((3,), step + 7)}
    straight = start()
    optimizer = method(straight, lr=0.01)
    optimizer.lr = 0.02
    for step in range(3):
        optimizer.step(gradient(step))
    saved = pickle.dumps((straight, optimizer.state_dict()))
    for step in range(3, 6):
        optimizer.step(gradient(step))
    resumed, state = pickle.loads(saved)
    other = method(resumed, lr=0.01)
    other.load_state_dict(state)
    assert other.lr == 0.02
    for step in range(3, 6):
        stats = other.step(gradient(step))
    assert stats.step == 6
    for name in straight:
        assert straight[name].dtype == dtype
        np.testing.assert_array_equal(straight[name], resumed[name])
        assert not np.array_equal(straight[name], start()[name])


@pytest.mark.parametrize("method", METHODS)
def test_arrays_of_any_strides_change_in_place(method):
    plain = {"w": wave((4, 3), 0)}
    wide = np.zeros((8, 9))
    window = wide[::2, ::-3]
    window[...] = plain["w"]
    strided = {"w": window}
    one, other = method(plain), method(strided)
    for step in range(3):
        g = wave((4, 3), step)
        one.step({"w": g})
        other.step({"w": np.asfortranarray(g).astype("float64")})
    np.testing.assert_array_equal(window, plain["w"])
    assert np.count_nonzero(wide) == 12 and other.params["w"] is window


def test_a_gradient_may_be_the_parameter_itself():
    w = wave((4, 4), 0)
    copy = w.copy()
    one, other = optim.Shampoo([w]), optim.Shampoo([copy])
    for _ in range(3):
        one.step([w.T])
        other.step([copy.T.copy()])
    np.testing.assert_array_equal(w, copy)


def test_parameters_come_as_dicts_lists_pairs_and_groups():
    def trained(make, grads):
        arrays = [np.ones(2), np.ones(3)]
        optim.Sgd(make(*arrays), lr=0.5).step(grads)
        return arrays

    g, h = np.full(2, 1.0), np.full(3, 2.0)
    for make, grads in [
        (lambda a, b: {"a": a, "b": b}, {"b": h, "a": g}),
        (lambda a, b: [a, b], [g, h]),
        (lambda a, b: [a, b], {"0": g, "1": h}),
        (lambda a, b: [("a", a), ("b", b)], {"a": g, "b": h}),
        (lambda a, b: (x for x in (a, b)), (g.tolist(), h.astype("int32"))),
    ]:
        a, b = trained(make, grads)
        close(a, [0.5] * 2)
        close(b, [0.0] * 3)
    groups = lambda a, b: [
        {"params": [a], "lr": 0.25, "weight_decay": 0.4},
        {"params": {"b": b}, "frozen": True, "name": "rest"},
    ]
    a, b = trained(groups, [g, None])
    close(a, np.full(2, 0.9 - 0.25))
    close(b, [1.0] * 3)


def test_frozen_parameters_are_not_touched():
    w, b = np.ones(3), np.ones(2)
    b.flags.writeable = False
    optimizer = optim.Adam({"w": w, "b": b}, frozen=["b"])
    optimizer.step({"w": np.ones(3)})
    assert "b/first" not in optimizer.state_dict()["entries"]
    assert repr(optimizer) == "<Adam of 2 parameters, 3 of 5 numbers trained, lr=0.001>"
    close(b, [1, 1])


def test_schedules_scale_the_rate():
    schedule = optim.Schedule.linear(4, last=0.5).warm_up(2)
    w = np.zeros(1)
    optimizer = optim.Sgd([w], lr=2.0, schedule=schedule)
    rates = [optimizer.step([[1.0]]).lr for _ in range(8)]
    assert rates == [1.0, 2.0, 2.0, 1.75, 1.5, 1.25, 1.0, 1.0]
    assert [2 * schedule(step) for step in range(8)] == rates
    assert w[0] == -sum(rates)
    optimizer.lr = 4.0
    assert optimizer.step([[1.0]]).lr == 2.0 and optimizer.lr == 4.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gradients_that_are_not_finite_never_spread(value):
    for method in METHODS:
        w = np.ones((2, 3))
        g = np.ones((2, 3))
        g[1, 2] = value
        strict = method({"layer": w})
        with pytest.raises(ValueError, match=r"layer.*\[1, 2\]"):
            strict.step({"layer": g})
        lenient = method({"layer": w}, nonfinite="skip")
        stats = lenient.step({"layer": g})
        assert stats.skipped and (stats.step, stats.skipped_total) == (0, 1)
        assert (w == 1).all()
        lenient.step({"layer": np.ones((2, 3))})
        assert np.isfinite(w).all()


def test_the_norm_of_a_change_is_told_on_request():
    w = np.zeros(4)
    assert optim.Sgd([w], lr=0.5, measure_updates=True).step([np.ones(4)]).update_norm == 1.0
    assert optim.Sgd([w]).step([np.ones(4)]).update_norm is None


def test_roots_can_be_computed_beside_the_steps():
    def run(**options):
        w = wave((6, 4), 0)
        optimizer = optim.Shampoo({"w": w}, precondition_frequency=2, **options)
        computed = []
        for step in range(1, 9):
            computed.append(optimizer.step({"w": wave((6, 4), step)}).roots_computed)
            if step == 4:  # The roots begun at step 3 are on their way.
                resumed = optim.Shampoo({"w": w}, precondition_frequency=2, **options)
                resumed.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
                optimizer = resumed
        return w, computed

    late, computed = run(background_steps=2)
    assert computed == [2, 0, 0, 0, 2, 0, 2, 0]
    assert run()[1] == [2, 0] * 4
    np.testing.assert_array_equal(late, run(background_steps=2)[0])
    assert np.abs(late - run()[0]).max() > 1e-4
    plan = optim.Shampoo([np.ones((6, 4))], background_steps=1).memory()[0]
    assert plan["background"] == plan["roots"] > 0
    with pytest.raises(ValueError, match="background is 3"):
        run(background_steps=3)


def test_lbfgs_searches_with_a_function():
    x, y = np.array([-1.2]), np.array([1.0])
    calls = []

    def rosenbrock():
        calls.append((x[0], y[0]))
        a, b = 1 - x[0], y[0] - x[0] ** 2
        return a * a + 100 * b * b, {"x": [-2 * a - 400 * x[0] * b], "y": [200 * b]}

    optimizer = optim.Lbfgs({"x": x, "y": y}, line_search_fn="strong_wolfe")
    first = optimizer.step(rosenbrock)
    assert first.value == pytest.approx(24.2) and first.search_held
    assert first.evaluations == len(calls) > 1
    for _ in range(40):
        stats = optimizer.step(rosenbrock)
    close([x[0], y[0]], [1, 1])
    assert stats.value < 1e-20
    with pytest.raises(ValueError, match="step_with"):
        optimizer.step({"x": np.ones(1), "y": np.ones(1)})

    def broken():
        raise KeyError("lost")

    before = x.copy(), y.copy()
    with pytest.raises(KeyError, match="lost"):
        optimizer.step(broken)
    with pytest.raises(ValueError, match="\"x\" has shape"):
        optimizer.step(lambda: (1.0, {"x": np.ones(2), "y": np.ones(1)}))
    np.testing.assert_array_equal((x, y), before)
    # Every optimiser takes a function.
    stats = optim.Adam({"x": x, "y": y}).step(rosenbrock)
    assert stats.evaluations == 1 and stats.search_held is None


def test_parameters_are_frozen_and_thawed_during_a_run():
    w, b = np.ones(3), np.ones(2)
    optimizer = optim.Adam({"w": w, "b": b})
    grads = {"w": np.ones(3), "b": np.ones(2)}
    optimizer.step(grads)
    held = b.copy()
    optimizer.freeze(["b"])
    assert not any(key.startswith("b/") for key in optimizer.state_dict()["entries"])
    optimizer.step({"w": np.ones(3)})
    np.testing.assert_array_equal(b, held)
    optimizer.thaw([1])
    optimizer.step(grads)
    assert (b < held).all() and w[0] < b[0]
    with pytest.raises(ValueError, match="freeze: v"):
        optimizer.freeze(["v"])
    optimizer.freeze(["b"])
    b.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        optimizer.thaw(["b"])


def test_gradients_are_clipped():
    g = np.array([3.0, -4.0])
    w = np.zeros(2)
    stats = optim.Sgd([w], lr=1.0, clip_norm=1.0).step([g])
    close(w, -g / 5)
    assert stats.gradient_norm == 5.0
    w = np.zeros(2)
    optim.Sgd([w], lr=1.0, clip_value=3.5).step([g])
    close(w, [-3, 3.5])
    with pytest.raises(ValueError, match="one of"):
        optim.Sgd([w], clip_norm=1, clip_value=1)
    with pytest.raises(ValueError, match="bound is 0"):
        optim.Sgd([w], clip_norm=0)


def make(**options):
    return optim.Adam({"w": np.ones((2, 3)), "b": np.ones(2)}, **options)


SHARED = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make(lr=-1), ValueError, "rate is -1"),
        (lambda: make(betas=(0.9, 1.0)), ValueError, "betas.1"),
        (lambda: make(learning_rate=1), TypeError, "unknown option \"learning_rate\""),
        (lambda: make(nonfinite="ignore"), ValueError, "nonfinite"),
        (lambda: make(schedule=0.5), TypeError, "schedule"),
        (lambda: make(roles={"v": "head"}), ValueError, "roles: v is no parameter"),
        (lambda: make(roles={"w": "tail"}), ValueError, "unknown role \"tail\".*embedding"),
        (lambda: make(frozen=[7]), ValueError, "frozen: 7"),
        (lambda: make(frozen="w"), TypeError, "list"),
        (lambda: optim.Adam([]), ValueError, "empty"),
        (lambda: optim.Adam(np.ones(3)), TypeError, "wrap it in a list"),
        (lambda: optim.Adam({"w": [1.0]}), TypeError, "\"w\" is no NumPy array"),
        (lambda: optim.Adam({"w": np.ones(2, int)}), TypeError, "\"w\".*int64"),
        (lambda: optim.Adam([np.ones(2), np.ones(2, "f4")]), TypeError, "\"1\" is float32"),
        (lambda: optim.Adam({"w": np.broadcast_to(1.0, 3)}), ValueError, "\"w\" is read-only"),
        (lambda: optim.Adam([SHARED[:2], SHARED[1:]]), ValueError, "share memory"),
        (lambda: optim.Adam([("w", np.ones(1)), ("w", np.ones(2))]), ValueError, "twice"),
        (lambda: optim.Adam([{"params": [np.ones(1)], "beta": 1}]), ValueError, "'beta'"),
        (lambda: optim.Adam([{"lr": 1}]), ValueError, "no \"params\""),
        (lambda: make().step({"w": np.ones((2, 3))}), ValueError, "gradient of \"b\" is None"),
        (lambda: make().step({"x": 1}), ValueError, "'x'.*known"),
        (lambda: make().step([np.ones((2, 3))]), ValueError, "1 gradients given for 2"),
        (lambda: make().step(np.ones(2)), TypeError, "list of arrays"),
        (lambda: make().step([np.ones((3, 2)), np.ones(2)]), ValueError, "\"w\" has shape"),
        (lambda: make().step([np.ones((2, 3)), 1j * np.ones(2)]), TypeError, "\"b\".*complex"),
        (lambda: make().load_state_dict({}), ValueError, "has no \"parameters\"|has no \"entries\""),
        (lambda: make().load_state_dict(optim.Sgd([np.ones(2)]).state_dict()), ValueError, "sgd"),
        (lambda: setattr(make(), "lr", np.nan), ValueError, "rate is NaN"),
        (lambda: optim.Shampoo([np.ones(2)], graft="adamm"), ValueError, "unknown graft"),
        (lambda: optim.Shampoo([np.ones(2)], precision="f16"), ValueError, "precision"),
        (lambda: optim.NormDescent([np.ones(2)], norm="l9"), ValueError, "unknown norm"),
        (lambda: optim.NormDescent([np.ones(2)], scales={"v": 1}), ValueError, "scales: \"v\""),
        (lambda: optim.Muon([np.ones((2, 2))], polar="qr"), ValueError, "unknown method \"qr\""),
        (lambda: optim.dualize(np.ones((2, 2)), "nuclear"), ValueError, "known are max-abs"),
        (lambda: optim.dualize([[np.nan]]), ValueError, r"\[0, 0\]"),
        (lambda: optim.dualize([1j]), TypeError, "real"),
        (lambda: optim.inverse_root(np.ones((2, 3)), 2), ValueError, r"\[..., n, n\]"),
        (lambda: optim.inverse_root(np.eye(2), -1), ValueError, "p"),
        (lambda: optim.polar(np.ones(3)), ValueError, r"\[..., m, n\]"),
        (lambda: optim.polar(np.eye(2), "svd", steps=3), ValueError, "neither steps"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_parts_of_one_array_can_be_trained_apart():
    table = np.ones((2, 4))
    optimizer = optim.Sgd([table[:, ::2], table[:, 1::2]], lr=1.0)
    optimizer.step([np.ones((2, 2)), np.full((2, 2), 2.0)])
    close(table, [[0, -1, 0, -1]] * 2)


def test_an_array_that_changed_its_form_is_refused():
    w = np.ones(4)
    optimizer = optim.Sgd({"w": w})
    w.shape = (2, 2)
    with pytest.raises(ValueError, match="\"w\" has shape"):
        optimizer.step([np.ones(4)])
    w.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        optimizer.step([np.ones(4)])
