from . import decompose as decompose
from . import energy as energy
from . import optim as optim
from ._optimizer import Optimizer as Optimizer
from ._tensegrity import Fit as Fit
from ._tensegrity import Plan as Plan
from ._tensegrity import __version__ as __version__
from ._tensegrity import contract_log as contract_log
from ._tensegrity import einsum as einsum
from ._tensegrity import fit as fit
from ._tensegrity import load as load
from ._tensegrity import plan as plan
from ._tensegrity import read as read
from ._tensegrity import set_threads as set_threads
from ._tensegrity import threads as threads

__all__: list[str]
