"""The processor's own counters and gauges: what it took, refused, dropped and holds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from barograph.semconv.metrics import METRICS
from barograph.semconv.processor import METRICS as OWN_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Attributes = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One number of the processor's own telemetry.

    Attributes:
        name: Registry name, a constant of `barograph.semconv`.
        attributes: Sorted attribute names and values.
        value: The number.
        monotonic: Whether it is a counter that only grows.
    """

    name: str
    attributes: Attributes
    value: float
    monotonic: bool


def about(name: str) -> tuple[str, str]:
    """Unit and description of a metric, from the registry.

    Raises:
        KeyError: The registry doesn't know the name.
    """
    found = METRICS[name] if name in METRICS else OWN_METRICS[name]
    return found.unit, found.brief


class Telemetry:
    """Counts and gauges by name and attributes; safe to use from any thread.

    >>> telemetry = Telemetry()
    >>> telemetry.add("seen", 2, lane="spans")
    >>> telemetry.add("seen", lane="spans")
    >>> telemetry.snapshot()[0].value
    3.0

    Attributes:
        start_ns: When counting began, Unix nanoseconds; the start of the counters' points.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self.start_ns = start_ns
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Attributes], float] = {}
        self._gauges: dict[tuple[str, Attributes], Callable[[], float]] = {}
        self._sources: list[Callable[[], Iterable[Sample]]] = []

    def add(self, name: str, value: float = 1, /, **attributes: str) -> None:
        """Count.

        Args:
            name: Registry name of a counter.
            value: How many; 0 makes the series visible before the first one.
            attributes: Attribute names (with dots: ``**{name: text}``) and values.
        """
        key = (name, tuple(sorted(attributes.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0.0) + value

    def gauge(self, name: str, read: Callable[[], float], /, **attributes: str) -> None:
        """Register a gauge, read at each snapshot; a second one of the same series replaces it."""
        with self._lock:
            self._gauges[name, tuple(sorted(attributes.items()))] = read

    def watch(self, read: Callable[[], Iterable[Sample]]) -> None:
        """Register a source of samples that is counted elsewhere, read at each snapshot."""
        with self._lock:
            self._sources.append(read)

    def snapshot(self) -> list[Sample]:
        """Every number, ordered by name and attributes.

        Counters of one name and attributes are summed, whoever counts them. A gauge whose reading
        fails is left out.
        """
        with self._lock:
            counts = dict(self._counts)
            gauges = list(self._gauges.items())
            sources = list(self._sources)
        samples = []
        for source in sources:
            for sample in source():
                if sample.monotonic:
                    key = (sample.name, sample.attributes)
                    counts[key] = counts.get(key, 0.0) + sample.value
                else:
                    samples.append(sample)
        samples += [
            Sample(name, attributes, value, monotonic=True) for (name, attributes), value in counts.items()
        ]
        for (name, attributes), read in gauges:
            try:
                samples.append(Sample(name, attributes, float(read()), monotonic=False))
            except Exception:  # noqa: BLE001, S112, PERF203  # a gauge of a component that has just stopped
                continue
        return sorted(samples)
