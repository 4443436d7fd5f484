from ._tensegrity import Meter as Meter
from ._tensegrity import Span as Span
from ._tensegrity import energy_estimate as estimate
from ._tensegrity import energy_probe as probe

__all__ = ["Meter", "Span", "estimate", "probe"]
