from ._tensegrity import CpResult as CpResult
from ._tensegrity import TensorTrainResult as TensorTrainResult
from ._tensegrity import TuckerResult as TuckerResult
from ._tensegrity import parafac as parafac
from ._tensegrity import tensor_train as tensor_train
from ._tensegrity import tucker as tucker

__all__: list[str]
