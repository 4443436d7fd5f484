from typing import Any

from ._minimize import MinimizeResult as MinimizeResult
from ._minimize import minimize as minimize
from ._tensegrity import Certificate as Certificate
from ._tensegrity import AdaGrad as AdaGrad
from ._tensegrity import Adam as Adam
from ._tensegrity import AdamW as AdamW
from ._tensegrity import Lamb as Lamb
from ._tensegrity import Lbfgs as Lbfgs
from ._tensegrity import Muon as Muon
from ._tensegrity import NormDescent as NormDescent
from ._tensegrity import Optimizer as Optimizer
from ._tensegrity import Prodigy as Prodigy
from ._tensegrity import Schedule as Schedule
from ._tensegrity import Sgd as Sgd
from ._tensegrity import Shampoo as Shampoo
from ._tensegrity import Soap as Soap
from ._tensegrity import StepStats as StepStats
from ._tensegrity import dual_norm as dual_norm
from ._tensegrity import dualize as dualize
from ._tensegrity import inverse_root as inverse_root
from ._tensegrity import norm as norm
from ._tensegrity import polar as polar
from ._tensegrity import steepest as steepest
from ._tensegrity import _Parameters

def sign_sgd(params: _Parameters, lr: float = 1e-3, **options: Any) -> NormDescent: ...
def signum(
    params: _Parameters, lr: float = 1e-3, momentum: float = 0.9, **options: Any
) -> NormDescent: ...
def spectral_descent(params: _Parameters, lr: float = 0.02, **options: Any) -> NormDescent: ...

__all__: list[str]
