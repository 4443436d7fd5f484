"""``fit``, ``load`` and ``read``."""

import numpy as np
import pytest

import tensegrity as tg


def relative(x, y):
    x, y = np.asarray(x, np.complex128), np.asarray(y, np.complex128)
    return np.linalg.norm(x - y) / np.linalg.norm(x)


def smooth(shape=(24, 20, 16)):
    index = np.indices(shape)
    return 1.0 / (1 + index.sum(axis=0)) + 0.1 * np.sin(0.2 * index[0])


def test_fit_meets_the_error_and_says_the_truth(tmp_path):
    x = smooth()
    found = tg.fit(x, error=1e-3)
    assert found.error <= 1e-3
    assert abs(relative(x, found.to_array()) - found.error) < 1e-9
    assert found.dense_bytes == x.nbytes
    assert found.stored_bytes < x.nbytes / 20
    path = tmp_path / "x.tsg"
    found.save(path)
    assert path.stat().st_size == found.stored_bytes
    again = tg.load(path)
    assert np.array_equal(again.to_array(), found.to_array())
    assert again.structure == found.structure


def test_candidates_are_told():
    found = tg.fit(smooth((10, 10, 10)), error=0.01)
    assert {"structure", "detail", "error", "stored_bytes", "seconds"} <= set(found.candidates[0])
    assert found.structure in {row["structure"] for row in found.candidates}


def test_fit_to_bytes_and_to_a_ratio():
    x = smooth()
    small = tg.fit(x, bytes=1500)
    assert small.stored_bytes <= 1500
    ratio = tg.fit(x, ratio=30)
    assert ratio.dense_bytes / ratio.stored_bytes >= 30
    assert ratio.error < 0.2


@pytest.mark.parametrize("structure", ["tucker", "tt", "qtt", "cp"])
def test_a_named_structure_is_used(structure):
    found = tg.fit(smooth((8, 8, 8)), error=0.05, structure=structure)
    assert found.structure == structure
    assert found.error <= 0.05


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((5, 4)),
        np.full((7, 3), 2.5),
        np.arange(50.0),
        np.array(3.0),
        np.array([[1.0]]),
        np.random.default_rng(0).integers(0, 255, (9, 8), dtype=np.uint8),
        np.random.default_rng(0).standard_normal((6, 5)) * (1 + 2j),
        np.random.default_rng(0).integers(0, 2, (9, 8)).astype(bool),
        np.asfortranarray(np.random.default_rng(0).standard_normal((6, 5)).astype("float32")),
    ],
    ids=["zero", "constant", "line", "scalar", "one", "bytes", "complex", "bool", "fortran"],
)
def test_odd_arrays_are_legal(x):
    found = tg.fit(x, error=0.01)
    y = found.to_array()
    assert y.shape == x.shape
    assert np.linalg.norm(x.astype(complex) - y) <= 0.01 * np.linalg.norm(x.astype(complex)) + 1e-30
    assert found.dense_bytes == x.nbytes


def test_fit_is_deterministic():
    x = smooth((9, 8, 7))
    one, two = tg.fit(x, error=0.01, seed=1), tg.fit(x, error=0.01, seed=1)
    assert one.stored_bytes == two.stored_bytes
    assert np.array_equal(one.to_array(), two.to_array())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "error"),
        ({"error": 0.1, "bytes": 100}, "one of"),
        ({"error": -0.5}, "error"),
        ({"error": float("nan")}, "error"),
        ({"bytes": 3}, "bytes"),
        ({"ratio": 0.0}, "ratio"),
        ({"error": 0.1, "structure": "magic"}, "magic"),
    ],
)
def test_impossible_targets_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tg.fit(smooth((6, 5, 4)), **arguments)


def test_not_finite_and_empty_are_refused():
    x = smooth((4, 4, 4))
    x[1, 2, 3] = np.inf
    with pytest.raises(ValueError, match=r"1, 2, 3"):
        tg.fit(x, error=0.1)
    with pytest.raises(ValueError):
        tg.fit(np.empty((0, 3)), error=0.1)


def test_read_reads_what_numpy_wrote(tmp_path):
    x = np.arange(12, dtype=np.int32).reshape(3, 4)
    np.save(tmp_path / "x.npy", x)
    y = tg.read(tmp_path / "x.npy")
    assert np.array_equal(x, y)
    np.savez(tmp_path / "two.npz", a=x, b=2.0 * x)
    assert np.array_equal(tg.read(tmp_path / "two.npz", name="b"), 2.0 * x)
    with pytest.raises(ValueError, match="a.*b"):
        tg.read(tmp_path / "two.npz")
    with pytest.raises((OSError, ValueError), match="missing.npy"):
        tg.read(tmp_path / "missing.npy")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(ValueError, match="bad.npy"):
        tg.read(tmp_path / "bad.npy")


def test_load_refuses_what_is_no_representation(tmp_path):
    (tmp_path / "x.tsg").write_bytes(b"not a representation")
    with pytest.raises(ValueError, match="x.tsg"):
        tg.load(tmp_path / "x.tsg")


def test_numbers_of_any_size_are_fitted():
    x = smooth((8, 7, 6))
    for scale in (1e250, 1e-250):
        found = tg.fit(scale * x, error=0.01)
        y = found.to_array() / scale
        assert np.linalg.norm(y - x) <= 0.0101 * np.linalg.norm(x)


def test_arguments_are_named():
    x = smooth((4, 4))
    with pytest.raises(ValueError, match="bytes is -5"):
        tg.fit(x, bytes=-5)
    with pytest.raises(ValueError, match="seed is -1"):
        tg.fit(x, error=0.1, seed=-1)
    with pytest.raises(TypeError, match="^x has element type"):
        tg.fit(np.array(["a"]), error=0.1)


def test_a_loaded_fit_has_no_error_and_reads_as_an_array(tmp_path):
    found = tg.fit(smooth((8, 7, 6)), error=0.01)
    found.save(tmp_path / "x.tsg")
    loaded = tg.load(tmp_path / "x.tsg")
    assert loaded.error is None and "loaded" in repr(loaded)
    assert np.array_equal(tg.read(tmp_path / "x.tsg"), loaded.to_array())
    with pytest.raises(FileNotFoundError, match="missing.tsg"):
        tg.load(tmp_path / "missing.tsg")
