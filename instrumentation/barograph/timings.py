"""How long calls took and how many rows they had: for people, not monitored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.points import Exemplar, ExplicitBuckets, SourcePoint
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import SpanContext

    from barograph.points import AttributeValue

DURATION_EDGES = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
SIZE_EDGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0, 65536.0)


class Timing(NamedTuple):
    """One call.

    Attributes:
        operation: What was asked of the model.
        seconds: How long it took.
        rows: Rows of the call.
        error: Type of the exception that ended it, ``""`` without.
        ended_ns: When, Unix nanoseconds.
        span: The span of the call; None where it had none.
    """

    operation: str
    seconds: float
    rows: int
    error: str
    ended_ns: int
    span: SpanContext | None


def timing_points(
    timings: Sequence[Timing], identity: Mapping[str, AttributeValue], start_ns: int, end_ns: int
) -> list[SourcePoint]:
    """`ml.inference.duration` and `ml.inference.batch.size` of some calls."""
    groups: dict[tuple[str, str], list[Timing]] = {}
    for timing in timings:
        groups.setdefault((timing.operation, timing.error), []).append(timing)
    sizes: dict[str, list[float]] = {}
    points = []
    for (operation, error), calls in groups.items():
        own: dict[str, AttributeValue] = {**identity, attributes.ML_OPERATION_NAME: operation}
        sizes.setdefault(operation, []).extend(float(call.rows) for call in calls)
        if error:
            own[attributes.ERROR_TYPE] = error
        data = _buckets([call.seconds for call in calls], DURATION_EDGES)
        points.append(
            SourcePoint(metrics.ML_INFERENCE_DURATION, own, start_ns, end_ns, data, _slowest(calls))
        )
    for operation, rows in sizes.items():
        own = {**identity, attributes.ML_OPERATION_NAME: operation}
        data = _buckets(rows, SIZE_EDGES)
        points.append(SourcePoint(metrics.ML_INFERENCE_BATCH_SIZE, own, start_ns, end_ns, data))
    return points


def _slowest(calls: Sequence[Timing]) -> tuple[Exemplar, ...]:
    """The slowest call whose span was sampled: of all of them the one that somebody may want to look at."""
    seen = [call for call in calls if call.span is not None and call.span.trace_flags.sampled]
    if not seen:
        return ()
    call = max(seen, key=lambda each: each.seconds)
    assert call.span is not None
    return (Exemplar(call.seconds, call.ended_ns, call.span.trace_id, call.span.span_id),)


def _buckets(values: list[float], edges: tuple[float, ...]) -> ExplicitBuckets:
    found = np.searchsorted(edges, values, side="left")
    counts = np.bincount(found, minlength=len(edges) + 1).tolist()
    return ExplicitBuckets(edges, counts, float(sum(values)), min(values), max(values))
