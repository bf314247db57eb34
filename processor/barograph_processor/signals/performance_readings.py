"""What the performance signals share: finding states in a view, and a figure with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from barograph.semconv import attributes
from barograph_processor.signals.api import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import View
    from barograph_processor.signals.performance_intervals import Interval

StateT = TypeVar("StateT")

SCOPE = "labels"
REALIZED = ((attributes.ML_PERFORMANCE_SOURCE, "realized"),)


class Figure(NamedTuple):
    """Names of a figure and of the ends of its 95 % interval."""

    value: str
    low: str
    high: str

    def readings(
        self, value: float, interval: Interval | None, class_name: str | None = None
    ) -> Iterator[Reading]:
        """The figure and, where it is known, its interval."""
        about = REALIZED if class_name is None else (*REALIZED, (attributes.ML_CLASS_NAME, class_name))
        yield Reading(self.value, value, about)
        if interval is not None:
            yield Reading(self.low, interval.low, about)
            yield Reading(self.high, interval.high, about)


def state_of(view: View, kind: str, state_type: type[StateT]) -> StateT | None:
    """The view's state of a kind of stream; None where there is none."""
    for stream, state in view.states.items():
        if stream.kind == kind and isinstance(state, state_type):
            return state
    return None


def states_by_part(view: View, kind: str, state_type: type[StateT]) -> dict[str, StateT]:
    """The view's states of a kind of stream by class, in the order of the classes' names."""
    found = {
        stream.part: state
        for stream, state in view.states.items()
        if stream.kind == kind and isinstance(state, state_type)
    }
    return dict(sorted(found.items()))
