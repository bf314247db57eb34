"""Makes readings of a window when it closes, and again when it is revised."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from barograph.semconv import attributes, metrics
from barograph_processor.engine.observing import LABELS_SCOPE, WINDOW_SCOPE
from barograph_processor.engine.results import ClosedWindow, Status
from barograph_processor.engine.window_state import Published, Slice, merge_all
from barograph_processor.signals.api import Reading, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.status import status as status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.engine.batch import Key
    from barograph_processor.engine.key_state import KeyState
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import States, WindowState
    from barograph_processor.signals.api import Signal
    from barograph_processor.signals.reference import Reference

_NS_PER_S = 1_000_000_000


class Closer:
    """Turns window states into closed windows, with the signals of a catalog."""

    def __init__(self, settings: Settings, signals: Sequence[Signal]) -> None:
        self._settings = settings
        self._window_signals = [signal for signal in signals if signal.scope == WINDOW_SCOPE]
        self._label_signals = [signal for signal in signals if signal.scope == LABELS_SCOPE]

    def due(self, state: WindowState, watermark_ns: int | None, *, drained: bool) -> int | None:
        """Number of horizons to publish now; None where there is nothing new to publish.

        Args:
            state: The window.
            watermark_ns: Of its key.
            drained: Whether the input has ended.
        """
        horizons = self._settings.horizons
        if drained:
            matured = len(horizons)
        else:
            passed_ns = None if watermark_ns is None else watermark_ns - state.end_ns
            closes = passed_ns is not None and passed_ns >= self._settings.lateness_ns
            if state.revision < 0 and not closes:
                return None
            passed = [one for one in horizons if passed_ns is not None and passed_ns >= one.length_ns]
            matured = max(len(passed) if closes else 0, state.matured)
        revised = state.changed_horizon is not None and state.changed_horizon < matured
        if state.revision < 0 or state.stale or revised or matured > state.matured:
            return matured
        return None

    def close(self, kind: int, state: WindowState, owner: KeyState, matured: int) -> ClosedWindow:
        """Make the readings of a window.

        Args:
            kind: Which of the settings' windows it is.
            state: The window.
            owner: Its key's state.
            matured: Number of horizons whose labels are published.
        """
        length_s = (state.end_ns - state.start_ns) / _NS_PER_S
        reference = owner.reference.at(state.start_ns)
        if state.published is None or (state.stale and not state.frozen):
            states = owner.gathered(state)
            state.published = self._published(states, reference, length_s, owner.key)
        published = state.published
        readings = (
            *published.readings,
            *self._label_readings(state, reference, length_s, owner.key.output, matured),
            *_engine_readings(state, published),
        )
        state.revision += 1
        state.matured = matured
        state.stale = False
        state.changed_horizon = None
        return ClosedWindow(
            key=owner.key,
            window=self._settings.windows[kind].name,
            start_ns=state.start_ns,
            end_ns=state.end_ns,
            revision=state.revision,
            status=published.status,
            baseline_id=published.baseline_id,
            readings=readings,
        )

    def freeze(self, state: WindowState, watermark_ns: int | None) -> None:
        """Let go of the streams of a window that no row can change any more."""
        late = watermark_ns is not None and watermark_ns > state.end_ns + self._settings.ttl_ns
        if late and state.published is not None and not state.stale:
            state.states = {}
            state.frozen = True

    def _published(self, states: States, reference: Reference | None, length_s: float, key: Key) -> Published:
        rows = states.get(StreamId(StreamKind.ROWS))
        predictions = rows.total if isinstance(rows, CategoryCounts) else 0
        rules = self._settings.rules.get(key.model, {})
        view = View(states, reference, length_s, predictions, key.output, rules)
        readings = tuple(reading for signal in self._window_signals for reading in signal.readings(view))
        baseline_id = None if reference is None else reference.id
        return Published(status_of(view, readings), baseline_id, readings, predictions)

    def _label_readings(
        self, state: WindowState, reference: Reference | None, length_s: float, output: str, matured: int
    ) -> Iterator[Reading]:
        published = state.published
        if published is None:
            return
        groups = {("", ""), *state.segment_rows, *((part.segment, part.value) for part in state.labels)}
        for name, value in sorted(groups):
            predictions = state.segment_rows.get((name, value), 0) if name else published.predictions
            states: States = {}
            for horizon in range(matured):
                merge_all(states, state.labels.get(Slice(horizon, name, value), {}))
                view = View(dict(states), reference, length_s, predictions, output)
                more = [(attributes.ML_LABEL_HORIZON, self._settings.horizons[horizon].name)]
                if name:
                    more += [(attributes.ML_SEGMENT_NAME, name), (attributes.ML_SEGMENT_VALUE, value)]
                for signal in self._label_signals:
                    for reading in signal.readings(view):
                        yield reading._replace(attributes=(*reading.attributes, *more))


def _engine_readings(state: WindowState, published: Published) -> Iterator[Reading]:
    """What the engine itself tells of a window: its end, and the monitor's state."""
    yield Reading(metrics.ML_WINDOW_END, state.end_ns / _NS_PER_S)
    for one in get_args(Status):
        yield Reading(
            metrics.ML_MONITOR_STATUS, float(one == published.status), ((attributes.ML_MONITOR_STATE, one),)
        )
