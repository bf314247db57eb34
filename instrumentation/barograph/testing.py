"""For tests of code that Barograph watches: hear what would be sent, without sending it.

from barograph.testing import capture

with capture() as sink:
    my_service.predict(request)
assert sink.rows() == 1
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barograph import this_process
from barograph.guard import guard
from barograph.semconv import attributes, metrics
from barograph.worker import WORKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph.points import SourceEvent, SourcePoint


class CaptureSink:
    """Keeps points and events in the order in which they came.

    Attributes:
        captured_points: Every delta point.
        captured_events: Every event.
    """

    def __init__(self) -> None:
        self.captured_points: list[SourcePoint] = []
        self.captured_events: list[SourceEvent] = []

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Keep points."""
        self.captured_points.extend(points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Keep events."""
        self.captured_events.extend(events)

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits."""
        return timeout_s >= 0

    def shutdown(self, timeout_s: float) -> None:
        """Nothing to stop."""

    def sums(self, metric: str, *names: str) -> Counter[tuple[object, ...]]:
        """Totals of a Sum by the values of some attributes.

        Args:
            metric: A constant of `barograph.semconv.metrics`.
            names: Attributes to tell apart by.
        """
        found: Counter[tuple[object, ...]] = Counter()
        for point in self.captured_points:
            if point.metric == metric and isinstance(point.data, int):
                found[tuple(point.attributes.get(name) for name in names)] += point.data
        return found

    def rows(self, model: str | None = None) -> int:
        """Predictions counted, of one model or of all."""
        counted = self.sums(metrics.ML_INFERENCE_PREDICTIONS, attributes.ML_MODEL_NAME)
        return sum(rows for (name,), rows in counted.items() if model is None or name == model)

    def events_named(self, name: str) -> list[SourceEvent]:
        """Events of one name, a constant of `barograph.semconv.events`."""
        return [event for event in self.captured_events if event.name == name]


@contextmanager
def capture(*, strict: bool = True) -> Iterator[CaptureSink]:
    """Hear everything that monitors and feedback without a sink of their own send inside the block.

    What was recorded before and not yet sent is forgotten. On leaving, what was recorded is flushed,
    so the sink is complete after the block; call `barograph.flush()` to look at it inside.

    Args:
        strict: Raise faults of the instrumentation, rather than count them.
    """
    sink = CaptureSink()
    was_strict = guard.is_strict
    before = this_process.swap_sink(CaptureSink())
    WORKER.flush(10.0)  # what was recorded before the block isn't the block's
    this_process.swap_sink(sink)
    guard.strict(on=strict)
    try:
        yield sink
        WORKER.flush(10.0)
    finally:
        guard.strict(on=was_strict)
        this_process.swap_sink(before)
