"""Delta points and events on their way from the monitor to a sink; plain values, no SDK types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import Sequence

AttributeValue: TypeAlias = Union[
    str, bool, int, float, bytes, "Sequence[AttributeValue]", "Mapping[str, AttributeValue]"
]


def _cell_bytes(cell: tuple[str, AttributeValue]) -> int:
    name, value = cell
    return value_bytes(name) + value_bytes(value)


def value_bytes(value: AttributeValue | None) -> int:
    """Bytes of an attribute's value on the wire, about, and not fewer."""
    if isinstance(value, str):
        return 10 + (len(value) if value.isascii() else 4 * len(value))
    if isinstance(value, bytes):
        return 10 + len(value)
    if isinstance(value, Mapping):
        return 10 + sum(map(_cell_bytes, value.items()))
    if isinstance(value, list | tuple):
        return 10 + sum(map(value_bytes, value))
    return 20


class ExplicitBuckets(NamedTuple):
    """Counts between edges; bucket i is (edges[i-1], edges[i]], the outer ones are open.

    `low` and `high` are the least and greatest value counted, `total` their sum on the
    baseline's grid.
    """

    edges: Sequence[float]
    counts: Sequence[int]
    total: float
    low: float
    high: float


class ExponentialBuckets(NamedTuple):
    """Counts in base-2 exponential buckets of both signs (OTLP's ExponentialHistogram)."""

    scale: int
    zero_count: int
    positive_offset: int
    positive: Sequence[int]
    negative_offset: int
    negative: Sequence[int]
    total: float
    low: float
    high: float


PointData: TypeAlias = int | ExplicitBuckets | ExponentialBuckets


class Exemplar(NamedTuple):
    """One measurement behind a point, and the span that it was made in.

    Attributes:
        value: What was measured.
        time_ns: When.
        trace_id: Trace of the span.
        span_id: The span.
    """

    value: float
    time_ns: int
    trace_id: int
    span_id: int


class SourcePoint(NamedTuple):
    """One delta point.

    Attributes:
        metric: Registry name, a constant of `barograph.semconv.metrics`.
        attributes: Identity, source, pane length and the stream's own attributes.
        start_ns: Start of the slice of the pane, Unix nanoseconds.
        end_ns: Its end.
        data: An int is a Sum.
        exemplars: Measurements worth looking at, of histograms.
    """

    metric: str
    attributes: Mapping[str, AttributeValue]
    start_ns: int
    end_ns: int
    data: PointData
    exemplars: Sequence[Exemplar] = ()


class SourceEvent(NamedTuple):
    """One event.

    Attributes:
        name: Registry name, a constant of `barograph.semconv.events`.
        time_ns: Event time.
        attributes: The event's data.
        trace_id: Trace that the event belongs to; 0 where there is none.
        span_id: Span that the event belongs to; 0 where there is none.
    """

    name: str
    time_ns: int
    attributes: Mapping[str, AttributeValue]
    trace_id: int = 0
    span_id: int = 0


class Sink(Protocol):
    """Where points and events leave the process. Called from background threads only."""

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Send delta points. Never raises; what can't be sent is counted in `guard`."""

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Queue events for sending. Never blocks on the network; drops and counts when full."""

    def flush(self, timeout_s: float) -> bool:
        """Send what is queued; False where that took longer than `timeout_s`."""

    def shutdown(self, timeout_s: float) -> None:
        """Flush and stop; later calls are dropped and counted."""
