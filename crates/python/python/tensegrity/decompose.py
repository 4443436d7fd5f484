"""Decompositions: Tucker, tensor train, CP.

Names and arguments are TensorLy's where it has them. What comes back unpacks
as TensorLy's results do and also knows its error and how to expand itself:

================================  =====================================================
TensorLy                          here
================================  =====================================================
``core, factors = tucker(x, r)``  ``core, factors = tucker(x, rank=r)``
``factors = tensor_train(x, r)``  ``factors = tensor_train(x, rank=r)`` (a sequence of
                                  cores ``[r, n, r']``, boundary ranks 1)
``weights, factors =              ``weights, factors = parafac(x, rank=r)``
parafac(x, r)``
``tucker_to_tensor((c, f))``      ``result.to_array()``
``tt_to_tensor(factors)``         ``result.to_array()``
``cp_to_tensor((w, f))``          ``result.to_array()``
``n_iter_max``, ``tol``,          the same in ``tucker`` (whose only ``init`` is
``init``, ``random_state``        ``"svd"``) and ``parafac``
rank is required                  ``rank=`` or ``error=`` (relative Frobenius)
================================  =====================================================

Differences: ``tucker`` starts from the sequentially truncated HOSVD and stops
there when ``n_iter_max=0``; weights of ``parafac`` are always normalised.
"""

from ._tensegrity import CpResult, TensorTrainResult, TuckerResult, parafac, tensor_train, tucker

__all__ = [
    "CpResult",
    "TensorTrainResult",
    "TuckerResult",
    "parafac",
    "tensor_train",
    "tucker",
]
