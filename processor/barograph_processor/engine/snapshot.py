"""The engine as bytes, so that nothing is lost over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np

from barograph.baseline import Baseline
from barograph_processor.engine.feature_images import known_counts, known_image, plan_image, plan_of
from barograph_processor.engine.images import (
    Held,
    KeyImage,
    LearningImage,
    PaneImage,
    ReferenceImage,
    RowsImage,
    WindowImage,
)
from barograph_processor.engine.intervals import IntervalSet
from barograph_processor.engine.known_features import KnownCounts, KnownPlan, to_states
from barograph_processor.engine.open_features import OpenCounts, OpenPlan
from barograph_processor.engine.outcomes import OutcomeRows
from barograph_processor.engine.panes import FEATURE_KINDS, OF_FEATURES, Pane
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.window_state import Published, WindowState
from barograph_processor.signals import codec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from barograph_processor.engine.images import Encoded
    from barograph_processor.engine.key_state import KeyState
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.references import KeyReference
    from barograph_processor.engine.window_state import States
    from barograph_processor.signals.api import State, StreamId


@runtime_checkable
class Portable(Protocol):
    """A store whose entries don't outlive the process by themselves, so they go into the snapshot."""

    def dump(self) -> bytes:
        """All entries."""

    def load(self, data: bytes) -> None:
        """Take over what another store dumped.

        Raises:
            StateError: The bytes are damaged.
        """


def key_image(state: KeyState) -> KeyImage:
    """A key as values that don't change with it any more.

    Joined rows must have been folded, and features counted.
    """
    return KeyImage(
        key=state.key,
        watermark_ns=state.watermark.time_ns,
        seen=state.watermark.entries(),
        panes=[_pane_image(number, pane) for number, pane in sorted(state.panes.items())],
        counted=[
            (pane, source, _encode(states))
            for pane, sources in sorted(state.counted.panes.items())
            for source, states in sources.items()
        ],
        histograms=[(*name, [*seen.bounds]) for name, seen in state.counted.histograms.items()],
        decided=state.counted.decided,
        slices=list(state.slices.slices()),
        slice_floors=state.slices.floors(),
        windows=[_window_image(kind, window) for (kind, _), window in state.table.windows.items()],
        floors=[*state.table.floors],
        features=dict(state.features.newest),
        sources=dict(state.sources.newest),
        streams=list(state.streams.newest.items()),
        reference=_reference_image(state.reference),
        plan=plan_image(state.lane.plan) if isinstance(state.lane.plan, KnownPlan) else None,
        known=[
            (pane, source, known_image(counts))
            for pane, sources in sorted(state.counted.known.items())
            for source, counts in sources.items()
        ],
    )


def load_key(image: KeyImage, state: KeyState, tally: Tally) -> None:
    """Make a new key what the image says; what is missing of it is counted.

    Raises:
        StateError: A state's bytes are damaged.
    """
    state.watermark.load(image.watermark_ns, image.seen)
    for pane_image in image.panes:
        pane = state.panes[pane_image.pane] = Pane()
        pane.states = _decode(pane_image.states)
        pane.rows = {source: [_rows(part) for part in parts] for source, parts in pane_image.rows.items()}
        state.waiting_rows += sum(part.rows for parts in pane.rows.values() for part in parts)
        pane.relayed = {source: _decode(states) for source, states in pane_image.relayed.items()}
        for source, encoded in pane_image.open.items():
            states = _decode(encoded)
            if isinstance(state.lane.plan, OpenPlan):
                state.add_counts(pane_image.pane, source, OpenCounts.of_states(states))
            else:  # a baseline was given since
                state.counted.add(pane_image.pane, source, states)
    for number, source, encoded in image.counted:
        states = _decode(encoded)
        state.counted.add(number, source, states)
        of_rows = (one.size_bytes for stream, one in states.items() if stream.kind in OF_FEATURES)
        state.counted.grew(number, sum(of_rows))
    _load_known(image, state)
    state.counted.histograms = {(source, kind): IntervalSet(seen) for source, kind, seen in image.histograms}
    state.counted.decided = image.decided
    state.slices.load(iter(image.slices), image.slice_floors)
    for one in image.windows:
        state.table.windows[one.kind, one.start_ns] = _window(one, tally)
        state.table.touched.add((one.kind, one.start_ns))
    state.table.floors = image.floors
    state.features.newest = image.features
    state.sources.newest = image.sources
    state.streams.newest = dict(image.streams)
    _load_reference(image.reference, state.reference)


def _pane_image(number: int, pane: Pane) -> PaneImage:
    return PaneImage(
        number,
        _encode(pane.states),
        {source: [_rows_image(part) for part in parts] for source, parts in pane.rows.items()},
        {
            source: known_image(counts)
            for source, counts in pane.features.items()
            if isinstance(counts, KnownCounts)
        },
        {
            source: _encode(counts.to_states())
            for source, counts in pane.features.items()
            if isinstance(counts, OpenCounts)
        },
        {source: _encode(states) for source, states in pane.relayed.items()},
    )


def _load_known(image: KeyImage, state: KeyState) -> None:
    """Take over features that a baseline described, be it another one by now."""
    if image.plan is None:
        return
    plan = plan_of(image.plan, state.lane.plan, state.lane.redactor)
    counted = [(number, source, one) for number, source, one in image.known]
    for pane in image.panes:
        for source, one in pane.known.items():
            if plan is state.lane.plan:
                state.add_counts(pane.pane, source, known_counts(one, plan))
            else:
                counted.append((pane.pane, source, one))
    for number, source, one in counted:
        counts = known_counts(one, plan)
        if plan is state.lane.plan:
            state.counted.add_known(number, source, counts)
        else:
            state.counted.add(number, source, to_states([counts], FEATURE_KINDS))


def _rows_image(part: OutcomeRows) -> RowsImage:
    return RowsImage(
        part.rows,
        dict(part.classes),
        _column(part.score),
        {name: _column(column) for name, column in part.scores.items()},
        _column(part.value),
        [(name, value, count) for (name, value), count in part.segments.items()],
    )


def _rows(image: RowsImage) -> OutcomeRows:
    return OutcomeRows(
        image.rows,
        image.classes,
        np.frombuffer(image.score, "<f8").astype(np.float64),
        {name: np.frombuffer(column, "<f8").astype(np.float64) for name, column in image.scores.items()},
        np.frombuffer(image.value, "<f8").astype(np.float64),
        {(name, value): count for name, value, count in image.segments},
    )


def _column(values: NDArray[np.float64]) -> bytes:
    return values.astype("<f8").tobytes()


def _window_image(kind: int, window: WindowState) -> WindowImage:
    published = window.published
    return WindowImage(
        kind,
        window.start_ns,
        window.end_ns,
        _encode(window.states),
        [(name, value, rows) for (name, value), rows in window.segment_rows.items()],
        [(part, _encode(states)) for part, states in window.labels.items()],
        window.stale,
        window.changed_horizon,
        window.revision,
        window.matured,
        None if published is None else published.status,
        None if published is None else published.baseline_id,
        0 if published is None else published.predictions,
        [] if published is None else list(published.readings),
        window.frozen,
    )


def _window(image: WindowImage, tally: Tally) -> WindowState:
    window = WindowState(image.start_ns, image.end_ns)
    window.states = _decode(image.states, tally)
    window.segment_rows = {(name, value): rows for name, value, rows in image.segment_rows}
    window.labels = {part: _decode(states, tally) for part, states in image.labels}
    window.stale = image.stale
    window.changed_horizon = image.changed_horizon
    window.revision = image.revision
    window.matured = image.matured
    window.frozen = image.frozen
    if image.status is not None:
        readings = tuple(image.readings)
        window.published = Published(image.status, image.baseline_id, readings, image.predictions)
    return window


def _reference_image(reference: KeyReference) -> ReferenceImage:
    learned, learning = reference.learned, reference.learning
    if learning is None:
        return ReferenceImage(None if learned is None else learned.content, reference.from_ns, None)
    slices = {
        length: [(number, _encode(states)) for number, states in held.items()]
        for length, held in learning.slices.items()
    }
    image = LearningImage(_encode(learning.states), learning.rows, learning.start_ns, learning.end_ns, slices)
    return ReferenceImage(None, None, image)


def _load_reference(image: ReferenceImage, reference: KeyReference) -> None:
    if reference.fitted:
        return
    # What an earlier run learned was learned of this key's own rows, and the image knows from when it holds.
    if image.learned is not None:
        reference.unlearn()
        reference.adopt(Baseline(image.learned), image.from_ns)
    elif image.learning is not None:
        learning, held = reference.unlearn(), image.learning
        learning.states = _decode(held.states)
        learning.rows, learning.start_ns, learning.end_ns = held.rows, held.start_ns, held.end_ns
        learning.slices = {
            length: {number: _decode(states) for number, states in slices}
            for length, slices in held.slices.items()
        }


def _encode(states: Mapping[StreamId, State]) -> Encoded:
    return cast("Encoded", Held(dict(states)))


def _decode(encoded: Encoded, tally: Tally | None = None) -> States:
    """The states, without those of packages that aren't installed any more: they are counted.

    Raises:
        StateError: A state's bytes are damaged.
    """
    states: States = {}
    for stream, data in encoded:
        try:
            states[stream] = codec.decode(data)
        except Exception:  # noqa: PERF203  # likewise
            if tally is None or not codec.holds_foreign(data):
                raise
            tally.count(Lane.OUTCOMES, Reason.UNKNOWN_STATE)
    return states
