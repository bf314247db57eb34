"""The laws that a signal or state of another package has to obey, for its own tests.

>>> from barograph_processor.signals.quality import VolumeSignal
>>> check_signal(VolumeSignal())
Traceback (most recent call last):
...
barograph_processor.signals.laws.LawBroken: volume: it is no signal of another package: it has no metrics
"""

from barograph_processor.signals.laws import LawBroken
from barograph_processor.testing.signal_laws import check_signal
from barograph_processor.testing.state_laws import check_state

__all__ = ("LawBroken", "check_signal", "check_state")
