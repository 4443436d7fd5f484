"""A seeded generator of einsum expressions with operands of every awkward kind.

Hyperedges, traces, diagonals, sums, ellipses, empty and unit axes, implicit
outputs; operands in C and Fortran order, transposed, sliced, with negative and
zero strides; all element types NumPy and we share.
"""

from __future__ import annotations

import numpy as np

LETTERS = "abcdefgh"
FLOATS = ["float64", "float32", "complex128", "complex64"]
EXACT = ["int64", "int32", "uint8", "bool"]


def strided(rng, values):
    """The same values behind strides NumPy would not choose."""
    kind = rng.integers(6)
    if values.ndim == 0 or kind == 0:
        return np.ascontiguousarray(values).reshape(values.shape)
    if kind == 1:
        return np.asfortranarray(values)
    if kind == 2:
        order = rng.permutation(values.ndim)
        return np.ascontiguousarray(values.transpose(order)).transpose(np.argsort(order))
    if kind == 3:
        axis = int(rng.integers(values.ndim))
        return np.flip(np.ascontiguousarray(np.flip(values, axis)), axis)
    if kind == 4:
        wide = np.zeros(tuple(2 * n for n in values.shape), values.dtype)
        window = wide[tuple(slice(None, 2 * n, 2) for n in values.shape)]
        window[...] = values
        return window
    axis = int(rng.integers(values.ndim))
    first = values[(slice(None),) * axis + (slice(0, 1),)]
    return np.broadcast_to(first, values.shape)


def draw(rng, shape, dtype):
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.startswith(("int", "uint")):
        return rng.integers(0, 9, shape).astype(dtype)
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def expression(rng):
    """One (expression, operands) NumPy accepts."""
    letters = list(LETTERS[: rng.integers(1, len(LETTERS) + 1)])
    sizes = {letter: int(rng.choice([1, 2, 3, 4], p=[0.1, 0.4, 0.3, 0.2])) for letter in letters}
    if rng.random() < 0.06:
        sizes[letters[0]] = 0
    count = int(rng.integers(1, 6))
    ellipsis = rng.random() < 0.2
    stack = [int(n) for n in rng.integers(1, 4, rng.integers(0, 3))]
    dtype_kind = rng.random()
    terms, operands = [], []
    for _ in range(count):
        rank = int(rng.integers(0, 5))
        term = [str(rng.choice(letters)) for _ in range(rank)]
        shape = [sizes[letter] for letter in term]
        text = "".join(term)
        if ellipsis:
            kept = stack[int(rng.integers(0, len(stack) + 1)) :]
            kept = [n if rng.random() < 0.7 else 1 for n in kept]
            at = int(rng.integers(0, rank + 1))
            text = text[:at] + "..." + text[at:]
            shape = shape[:at] + kept + shape[at:]
        if dtype_kind < 0.6:
            dtype = "float64"
        elif dtype_kind < 0.8:
            dtype = str(rng.choice(FLOATS))
        else:
            dtype = str(rng.choice(EXACT))
        terms.append(text)
        operands.append(strided(rng, draw(rng, tuple(shape), dtype)))
    used = sorted({letter for term in terms for letter in term if letter != "."})
    joined = ",".join(terms)
    if rng.random() < 0.2:
        return joined, operands
    kept = [letter for letter in used if rng.random() < 0.5]
    rng.shuffle(kept)
    output = "".join(kept)
    if ellipsis:
        at = int(rng.integers(0, len(output) + 1))
        output = output[:at] + "..." + output[at:]
    return f"{joined}->{output}", operands


def table(count, seed=0):
    rng = np.random.default_rng(seed)
    return [expression(rng) for _ in range(count)]
