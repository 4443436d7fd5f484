"""Tensegrity: an engine for structured tensors.

``einsum`` and ``plan`` contract networks of arrays, ``vjp`` and ``hvp`` differentiate
them; ``optim`` has optimisers of arrays in place and minimisers; ``decompose`` has Tucker, tensor
trains and CP under TensorLy's names; ``energy`` meters what it costs; ``fit`` finds the
smallest structure that holds an array to a given error; ``read`` and ``load`` open files.

Arrays go in and out as NumPy arrays without copies; long calls release the
interpreter lock. Everything random takes a ``seed``.

>>> import numpy as np, tensegrity as tg
>>> a = np.arange(6.0).reshape(2, 3)
>>> tg.einsum("ij,kj->ik", a, a)
array([[ 5., 14.],
       [14., 50.]])
"""

from . import decompose, energy, optim
from ._tensegrity import (
    Fit,
    Plan,
    __version__,
    contract_log,
    einsum,
    fit,
    hvp,
    load,
    plan,
    read,
    set_threads,
    threads,
    vjp,
)
from ._optimizer import Optimizer

__all__ = [
    "Fit",
    "Optimizer",
    "Plan",
    "__version__",
    "contract_log",
    "decompose",
    "einsum",
    "energy",
    "fit",
    "hvp",
    "load",
    "optim",
    "plan",
    "read",
    "set_threads",
    "threads",
    "vjp",
]
