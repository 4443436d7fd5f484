from ._minimize import MinimizeResult as MinimizeResult
from ._minimize import minimize as minimize
from ._tensegrity import Certificate as Certificate

__all__ = ["Certificate", "MinimizeResult", "minimize"]
