"""Energy of a computation: measured, modelled or declared, and labelled so.

>>> with tg.energy.Meter(watts=100.0) as m:
...     with m.span("inner") as inner:
...         pass
>>> inner.joules <= m.joules
True
"""

from ._tensegrity import Meter, Span
from ._tensegrity import energy_estimate as estimate
from ._tensegrity import energy_probe as probe

__all__ = ["Meter", "Span", "estimate", "probe"]
