"""Takes batches: sets times right, refuses what is too late, and hands on what is new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.batch import Points, Predictions, Truths
from barograph_processor.engine.deciding import with_classes
from barograph_processor.engine.empty_texts import without_empty_texts
from barograph_processor.engine.feature_rows import PaneRows
from barograph_processor.engine.join import Taken, with_features
from barograph_processor.engine.matches import rows_of_known
from barograph_processor.engine.outcomes import rows_by_pane
from barograph_processor.engine.reasons import Lane, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch, Key, KnownTruth
    from barograph_processor.engine.join import Joiner
    from barograph_processor.engine.key_state import KeyState
    from barograph_processor.engine.observing import Observers
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.settings import Settings


class Intake:
    """Where batches go in.

    Attributes:
        points: Points taken, repeats left out.
        predictions: Predictions of the outcomes lane taken, repeats left out.
        matched: Predictions that came with their truth and wait to be measured.
    """

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        joiner: Joiner,
        state_of: Callable[[Key], KeyState | None],
        observers: Observers,
    ) -> None:
        self._settings = settings
        self._tally = tally
        self._joiner = joiner
        self._state_of = state_of
        self._observers = observers
        self.points = 0
        self.predictions = 0
        self.matched = 0

    def take(self, batch: Batch, now_ns: int) -> int:
        """Take a batch; returns how many items were taken, repeats among them."""
        if isinstance(batch, Points):
            return self._take_points(batch, now_ns)
        if isinstance(batch, Predictions):
            return self._take_predictions(batch, now_ns)
        return self._take_truths(batch, now_ns)

    def _take_points(self, batch: Points, now_ns: int) -> int:
        latest_ns = now_ns + self._settings.future_skew_ns
        pane_ns = self._settings.pane_ns
        taken = clamped = mismatched = straddled = 0
        repeats = self._tally.totals[Lane.HISTOGRAMS, Reason.DUPLICATE]
        seen: dict[tuple[Key, str, str], int] = {}
        for point in batch.points:
            state = self._state_of(point.key)
            if state is None:
                self._tally.drop(Lane.HISTOGRAMS, Reason.KEY_LIMIT)
                continue
            end_ns = point.end_ns
            if end_ns > latest_ns:
                end_ns = latest_ns
                clamped += 1
            pane = (end_ns - 1) // pane_ns
            if not state.add_point(point, pane):
                continue
            taken += 1
            mismatched += point.pane_ns not in {0, pane_ns}
            straddled += point.start_ns // pane_ns != (point.end_ns - 1) // pane_ns
            name = (point.key, point.source, Lane.ROWS if point.edge else Lane.HISTOGRAMS)
            seen[name] = max(seen.get(name, end_ns), end_ns)
        for (key, source, lane), time_ns in seen.items():
            state = self._state_of(key)
            if state is not None:
                state.watermark.observe(source, lane, time_ns=time_ns, now_ns=now_ns)
        self.points += taken - (self._tally.totals[Lane.HISTOGRAMS, Reason.DUPLICATE] - repeats)
        self._tally.count(Lane.HISTOGRAMS, Reason.CLAMPED, clamped)
        self._tally.count(Lane.HISTOGRAMS, Reason.PANE_MISMATCH, mismatched)
        self._tally.count(Lane.HISTOGRAMS, Reason.STRADDLE, straddled)
        return taken

    def _take_predictions(self, batch: Predictions, now_ns: int) -> int:
        count = len(batch.time_ns)
        if not count:
            return 0
        state = self._state_of(batch.key)
        if state is None:
            self._tally.drop(Lane.OUTCOMES, Reason.KEY_LIMIT, count)
            return 0
        batch = without_empty_texts(batch)
        batch = self._set_right(batch, now_ns, Lane.OUTCOMES)
        batch = with_classes(batch, state.reference.decides, self._settings.tasks.get(batch.key.model))
        panes = batch.time_ns // self._settings.pane_ns
        rows = np.arange(count)
        oldest = state.oldest_pane
        if oldest is not None:
            rows = rows[panes >= oldest]
            self._tally.drop(Lane.OUTCOMES, Reason.LATE, count - len(rows))
            if not len(rows):
                return 0
        newest_ns = int(batch.time_ns[rows].max())
        if not state.admit_source(batch.source, newest_ns // self._settings.pane_ns):
            self._tally.drop(Lane.OUTCOMES, Reason.SOURCE_LIMIT, len(rows))
            return 0
        state.watermark.observe(batch.source, Lane.OUTCOMES, time_ns=newest_ns, now_ns=now_ns)
        if batch.truth is None:
            taken = self._joiner.predictions(batch, rows, counted=True)
        else:
            taken = Taken(rows, rows[with_features(batch, rows)], 0)
            self._take_known(batch, batch.truth, rows, state)
        for pane, part in rows_by_pane(batch, taken.rows, self._settings.pane_ns, self._settings.segments):
            state.add_rows(batch.source, pane, part)
        if batch.features is not None and len(taken.featured):
            panes = batch.time_ns[taken.featured] // self._settings.pane_ns
            state.add_features(batch.source, batch.features, PaneRows.of(taken.featured, panes, count))
        for pane, states in self._observers.of_outcomes(batch, taken.rows, self._settings.pane_ns):
            state.add_observed(pane, states)
        self.predictions += len(taken.rows)
        return len(rows) - taken.refused

    def _take_known(
        self, batch: Predictions, truth: KnownTruth, rows: NDArray[np.intp], state: KeyState
    ) -> None:
        """Truths that were joined before they came."""
        chosen = rows[truth.known[rows]]
        if not len(chosen):
            return
        state.matched.append(rows_of_known(batch, truth, chosen, self._settings.segments))
        self._joiner.labels_accepted += len(chosen)
        self._joiner.labels_joined += len(chosen)
        self.matched += len(chosen)

    def _take_truths(self, batch: Truths, now_ns: int) -> int:
        if not len(batch.time_ns):
            return 0
        pair = batch.pair
        if pair is not None:
            pair = without_empty_texts(pair)
            pair = self._set_right(pair, now_ns, Lane.FEEDBACK)
            state = self._state_of(pair.key)
            decides = None if state is None else state.reference.decides
            pair = with_classes(pair, decides, self._settings.tasks.get(pair.key.model))
        times_ns = self._clamped(batch.time_ns, now_ns, Lane.FEEDBACK)
        return self._joiner.truths(replace(batch, time_ns=times_ns, pair=pair))

    def _set_right(self, batch: Predictions, now_ns: int, lane: str) -> Predictions:
        times_ns = self._clamped(batch.time_ns, now_ns, lane)
        return batch if times_ns is batch.time_ns else replace(batch, time_ns=times_ns)

    def _clamped(self, times_ns: NDArray[np.int64], now_ns: int, lane: str) -> NDArray[np.int64]:
        latest_ns = now_ns + self._settings.future_skew_ns
        ahead = int(np.count_nonzero(times_ns > latest_ns))
        if not ahead:
            return times_ns
        self._tally.count(lane, Reason.CLAMPED, ahead)
        return np.minimum(times_ns, latest_ns)
