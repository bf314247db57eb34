"""Results by the exporters of the application that the engine runs in, as its own metrics and logs leave.

The SDK's data types know no point without a value, so a series that ends just stops. What the engine
dropped joins the counts of the process (`barograph.guard`), which leave as one counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.errors import Retryable
from barograph.export_figures import Figure, send_figures
from barograph.export_sdk import send_events
from barograph.guard import guard
from barograph.points import SourceEvent
from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE, attributes, events, metrics
from barograph_processor import telemetry as own
from barograph_processor.clock import SystemClock
from barograph_processor.signals.declared import about
from barograph_processor.wire.reading_attributes import READING_NAME, READING_VALUE, reading_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph.exporters import Exporters
    from barograph.points import AttributeValue
    from barograph_processor.clock import Clock
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.telemetry import Sample, Telemetry

FIGURES_A_REQUEST = 5_000


class Application:
    """Sends readings and windows by exporters of the SDK, each made when first needed.

    Args:
        exporters: The application's; readings are metrics, windows are log records.
        telemetry: The engine's own counters, sent beside the readings.
        source_id: Names this process, which every reading carries: workers of one service must not
            write to each other's series.
        clock: Tells the time.
    """

    def __init__(
        self,
        exporters: Exporters,
        telemetry: Telemetry,
        *,
        source_id: str,
        clock: Clock | None = None,
    ) -> None:
        self._exporters = exporters
        self._telemetry = telemetry
        self._source_id = source_id
        self._clock = clock or SystemClock()
        self._taken_by: tuple[object, set[int]] = (None, set())
        self._told: dict[tuple[str, str], float] = {}

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Send the event of each window.

        Raises:
            Retryable: An exporter failed; those that didn't won't get these windows again.
        """
        if self._taken_by[0] is not closed:
            self._taken_by = (closed, set())
        taken = self._taken_by[1]
        now_ns = self._clock.now_ns()
        told = [SourceEvent(events.ML_WINDOW_CLOSED, now_ns, self._event(window)) for window in closed]
        failed = []
        for exporter in self._exporters.get("logs"):
            if id(exporter) in taken:
                continue
            if all(
                send_events(exporter, part, now_ns, scope_name=READINGS_SCOPE)
                for part in _parts(told, closed)
            ):
                taken.add(id(exporter))
            else:
                failed.append(type(exporter).__name__)
        if failed:
            raise Retryable(f"{', '.join(failed)} did not take {len(closed)} windows")

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Send the current readings and the engine's own telemetry.

        Raises:
            Retryable: An exporter failed.
        """
        samples = self._telemetry.snapshot()
        self._pass_on_drops(samples)
        figures = list(self._figures(current, now_ns))
        requests: list[dict[str, Sequence[Figure]]] = [
            {READINGS_SCOPE: figures[begin : begin + FIGURES_A_REQUEST]}
            for begin in range(0, len(figures), FIGURES_A_REQUEST)
        ]
        requests.append({PROCESSOR_SCOPE: list(self._samples(samples, now_ns))})
        failed = {
            type(exporter).__name__
            for exporter in self._exporters.get("metrics")
            for request in requests
            if not send_figures(exporter, request)
        }
        if failed:
            raise Retryable(f"{', '.join(sorted(failed))} did not take the current readings")

    def _figures(self, current: Sequence[CurrentReading], now_ns: int) -> Iterator[Figure]:
        for each in current:
            if each.ended:
                continue
            name = each.reading.metric
            known = about(name)
            carried = self._attributes(each) | dict(each.reading.attributes)
            yield Figure(name, known.unit, known.brief, carried, each.reading.value, now_ns)

    def _samples(self, samples: Sequence[Sample], now_ns: int) -> Iterator[Figure]:
        for sample in samples:
            if sample.name == metrics.ML_TELEMETRY_DROPPED:
                continue
            unit, brief = own.about(sample.name)
            start_ns = self._telemetry.start_ns if sample.monotonic else None
            yield Figure(sample.name, unit, brief, dict(sample.attributes), sample.value, now_ns, start_ns)

    def _pass_on_drops(self, samples: Sequence[Sample]) -> None:
        """One process has one counter of what it dropped."""
        for sample in samples:
            if sample.name != metrics.ML_TELEMETRY_DROPPED:
                continue
            labels = dict(sample.attributes)
            key = (labels[attributes.ML_TELEMETRY_LANE], labels[attributes.ML_TELEMETRY_REASON])
            guard.dropped(*key, int(sample.value - self._told.get(key, 0.0)))
            self._told[key] = sample.value

    def _attributes(self, whose: ClosedWindow | CurrentReading) -> dict[str, str]:
        named = reading_attributes(whose.key, whose.window, whose.baseline_id)
        return named | {attributes.ML_SOURCE_ID: self._source_id}

    def _event(self, window: ClosedWindow) -> dict[str, AttributeValue]:
        readings: list[AttributeValue] = [
            {READING_NAME: each.metric, READING_VALUE: each.value, **dict(each.attributes)}
            for each in window.readings
        ]
        return {
            **self._attributes(window),
            attributes.ML_WINDOW_START: window.start_ns,
            attributes.ML_WINDOW_END: window.end_ns,
            attributes.ML_WINDOW_REVISION: window.revision,
            attributes.ML_MONITOR_STATE: window.status,
            attributes.ML_WINDOW_READINGS: readings,
        }


def _parts(told: Sequence[SourceEvent], closed: Sequence[ClosedWindow]) -> Iterator[Sequence[SourceEvent]]:
    """Cut so that a request has a bounded number of readings, where a window alone hasn't more."""
    begin = held = 0
    for place, window in enumerate(closed):
        if held and held + len(window.readings) > FIGURES_A_REQUEST:
            yield told[begin:place]
            begin, held = place, 0
        held += len(window.readings)
    yield told[begin:]
