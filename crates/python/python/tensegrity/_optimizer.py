"""Tensegrity's planner as a path optimiser of opt_einsum (and quimb, through it)."""

from __future__ import annotations

from . import _tensegrity

try:  # opt_einsum calls only optimisers that descend from its own class.
    from opt_einsum.paths import PathOptimizer as _Base
except ImportError:
    _Base = object


class Optimizer(_Base):
    """A callable for ``opt_einsum.contract(..., optimize=Optimizer())``.

    Parameters are those of :func:`tensegrity.plan`.

    >>> import tensegrity as tg
    >>> find_path = tg.Optimizer()
    >>> find_path([{"i", "j"}, {"j", "k"}, {"k", "l"}], {"i", "l"}, {"i": 9, "j": 2, "k": 9, "l": 2})
    [(1, 2), (0, 1)]
    """

    def __init__(self, effort="normal", minimize="flops", seed=0):
        self.effort = effort
        self.minimize = minimize
        self.seed = seed

    def __call__(self, inputs, output, size_dict, memory_limit=None):
        """The pairwise path (a list of position pairs) for a network of index sets."""
        numbers = {index: number for number, index in enumerate(size_dict)}
        return _tensegrity.find_path(
            [[numbers[index] for index in term] for term in inputs],
            [numbers[index] for index in output],
            list(size_dict.values()),
            self.effort,
            self.minimize,
            self.seed,
        )
