"""A sink that keeps what it is given, and the ways in which tests look at it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from barograph.baseline import Baseline, Feature, Header, Output, encode_baseline
from barograph.monitor import Monitor
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourceEvent, SourcePoint

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
IDENTITY = frozenset(
    {
        attributes.ML_MODEL_NAME,
        attributes.ML_MODEL_VERSION,
        attributes.ML_SOURCE_ID,
        attributes.ML_PANE_LENGTH,
        attributes.ML_BASELINE_ID,
    }
)


class ListeningSink:
    """Keeps points and events in order."""

    def __init__(self) -> None:
        self.heard: list[SourcePoint] = []
        self.told: list[SourceEvent] = []
        self.ended = False

    def points(self, points: Sequence[SourcePoint]) -> None:
        self.heard.extend(points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        self.told.extend(events)

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    def shutdown(self, timeout_s: float) -> None:
        self.ended = timeout_s >= 0

    def of(self, metric: str) -> list[SourcePoint]:
        """Points of one metric."""
        return [point for point in self.heard if point.metric == metric]

    def sums(self, metric: str, *names: str) -> Counter[Any]:
        """Counts by the values of some attributes."""
        found: Counter[Any] = Counter()
        for point in self.of(metric):
            assert isinstance(point.data, int)
            key = tuple(point.attributes[name] for name in names)
            found[key if len(key) != 1 else key[0]] += point.data
        return found

    def states(self) -> Counter[Any]:
        """Counts by feature and state."""
        return self.sums(
            metrics.ML_FEATURE_OBSERVATIONS, attributes.ML_FEATURE_NAME, attributes.ML_FEATURE_STATE
        )

    def rows(self) -> int:
        """Predictions counted."""
        return self.sums(metrics.ML_INFERENCE_PREDICTIONS).total()

    def essence(self) -> list[tuple[Any, ...]]:
        """All monitored points without identity, in an order of their own."""
        return sorted(
            (
                (
                    point.metric,
                    tuple(sorted((k, v) for k, v in point.attributes.items() if k not in IDENTITY)),
                    point.start_ns,
                    point.end_ns,
                    point.data,
                )
                for point in self.heard
            ),
            key=repr,
        )


def baseline(
    *,
    edges: Sequence[float] = (1.0, 2.0, 3.0),
    outputs: Sequence[Output] = (),
    features: Sequence[Feature] | None = None,
) -> Baseline:
    """A baseline of two numbers and a category."""
    known = (
        features
        if features is not None
        else (
            Feature(
                name="a",
                kind="number",
                edges=tuple(edges),
                low=0.5,
                high=3.5,
                grid=2.0**-20,
                sentinels=(-999.0,),
            ),
            Feature(name="b", kind="number", edges=tuple(edges), low=0.5, high=3.5, grid=2.0**-20),
            Feature(name="c", kind="category", categories=("x", "y", "3")),
        )
    )
    header = Header(model="m", version="1", rows=100, features=tuple(known), outputs=tuple(outputs))
    return Baseline(encode_baseline(header, ()))


def monitor(sink: ListeningSink, **settings: Any) -> Monitor:
    """A monitor with a clock that stands still."""
    settings.setdefault("clock", lambda: NOON)
    return Monitor("m", "1", sink=sink, **settings)
