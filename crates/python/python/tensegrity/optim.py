"""Minimisers of functions with first, second and third derivatives."""

from ._minimize import MinimizeResult, minimize
from ._tensegrity import Certificate

__all__ = ["Certificate", "MinimizeResult", "minimize"]
