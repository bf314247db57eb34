"""What an edge does with batches: it counts rows with features, and passes everything else on.

An edge knows no windows and joins nothing. Its counts go to the engine that does, as points that name the
source of the rows and the edge (`Point.edge`): there they stand for rows, so that they give way to the
source's own histograms.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from barograph_processor.engine.batch import Fed, Point, Points, Predictions
from barograph_processor.engine.batch_joining import some_of, together
from barograph_processor.engine.deciding import with_classes
from barograph_processor.engine.empty_texts import without_empty_texts
from barograph_processor.engine.feature_lane import FeatureLane
from barograph_processor.engine.feature_rows import PaneRows
from barograph_processor.engine.ids import Ids, ids_of
from barograph_processor.engine.join import with_features
from barograph_processor.engine.known_features import KnownCounts, to_states
from barograph_processor.engine.names import Names
from barograph_processor.engine.outcomes import OutcomeRows, rows_by_pane, states_of
from barograph_processor.engine.panes import FEATURE_KINDS, Pane
from barograph_processor.engine.reasons import Lane, Reason, Tally
from barograph_processor.engine.recent_ids import RecentIds, hashed
from barograph_processor.engine.references import KeyReference, References
from barograph_processor.engine.waiting_features import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Baseline
    from barograph_processor.engine.batch import Batch, Key
    from barograph_processor.engine.recent_ids import Remembered
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import States

_SLICE_NS: Final = 1_000_000
_SLICES_MOST: Final = 100_000
_ROW_BYTES: Final = 200
_POINT_BYTES: Final = 2_000
_PARTS_MOST: Final = 256


class Relay:
    """Batches in, batches out; fewer and smaller ones.

    Calls must not overlap; times are Unix nanoseconds of the wall clock.

    Attributes:
        waiting_bytes: Estimate of what `take_out` would give.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        edge: str,
        remember: int,
        seed: int,
        baselines: Iterable[Baseline] = (),
    ) -> None:
        """Begin with nothing seen.

        Args:
            settings: Panes, clamping and limits; windows and horizons are of no importance.
            edge: Id of this edge, another one whenever it begins anew: slices are numbered by it.
            remember: Ids that are remembered, so that a row that is sent again isn't counted again.
            seed: 0 to 2**64 - 1, what no sender can know: ids are hashed with it.
            baselines: On whose edges features are counted; the same ones as where windows are made.
        """
        self._settings = settings
        self._edge = edge
        self._references = References(baselines)
        self._tally = Tally()
        self._remember = remember
        self._recent = RecentIds(remember, seed)
        self._lanes: dict[Key, FeatureLane] = {}
        self._panes: dict[tuple[Key, str, int], Pane] = {}
        self._numbers: OrderedDict[tuple[Key, str, int], int] = OrderedDict()
        self._least_number = 0
        self._room = WaitingRoom()
        self._passed_on: list[Batch] = []
        self.waiting_bytes = 0

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        """Items by (lane, reason) that were not taken, or not quite as they came, since the start."""
        return self._tally.totals

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        """Take batches; faulty data is counted, never raised.

        Args:
            batches: Decoded and validated columns.
            now_ns: Time of the wall clock.
        """
        self._tally.take_dropped()
        accepted = 0
        for batch in batches:
            if isinstance(batch, Predictions):
                accepted += self._take(batch, now_ns)
                continue
            self._passed_on.append(batch)
            count = len(batch.points) if isinstance(batch, Points) else len(batch.time_ns)
            self.waiting_bytes += count * (_POINT_BYTES if isinstance(batch, Points) else _ROW_BYTES)
            accepted += count
        return Fed(accepted, self._tally.take_dropped())

    def remember(self, before: Remembered) -> None:
        """Take up what an earlier edge remembered, with its seed; before anything is fed."""
        self._recent = RecentIds(self._remember, before.seed)
        self._recent.add(before.ids)

    @property
    def seed(self) -> int:
        """What ids are hashed with."""
        return self._recent.seed

    def remembered(self) -> Remembered:
        """The hashed ids of rows with features."""
        return self._recent.held()

    def take_out(self) -> list[Batch]:
        """What is to be passed on, at once or never: it is forgotten here."""
        self._count_all()
        out, self._passed_on = list(together(self._passed_on)), []
        panes, self._panes = self._panes, {}
        points = [
            Point(
                key,
                source,
                stream,
                "",
                start_ns,
                start_ns + _SLICE_NS,
                self._settings.pane_ns,
                state,
                self._edge,
            )
            for (key, source, pane), held in panes.items()
            if (start_ns := self._slice(key, source, pane)) is not None
            for stream, state in self._states(key, source, pane, held).items()
        ]
        if points:
            out.append(Points(points))
        self.waiting_bytes = 0
        return out

    def _take(self, batch: Predictions, now_ns: int) -> int:
        count = len(batch.time_ns)
        latest_ns = now_ns + self._settings.future_skew_ns
        batch = without_empty_texts(batch)
        dated = replace(batch, time_ns=np.minimum(batch.time_ns, latest_ns))
        self._tally.count(Lane.OUTCOMES, Reason.CLAMPED, int(np.count_nonzero(batch.time_ns > latest_ns)))
        named = Ids.of(batch.ids).known
        if batch.features is not None:
            self._count(dated, self._unseen(batch, named))
        lone = np.flatnonzero(~named)
        if len(lone):  # nothing would tell its repeats apart further on
            self._tally.count(Lane.OUTCOMES, Reason.NO_ID, len(lone))
            task = self._settings.tasks.get(batch.key.model)
            decided = with_classes(dated, self._reference(batch.key).decides, task)
            for pane, rows in rows_by_pane(decided, lone, self._settings.pane_ns, ()):
                self._add(batch.key, batch.source, pane, rows)
        if len(lone) < count:
            self._passed_on.append(some_of(batch, np.flatnonzero(named)))
            self.waiting_bytes += (count - len(lone)) * _ROW_BYTES
        return count

    def _unseen(self, batch: Predictions, named: NDArray[np.bool_]) -> NDArray[np.intp]:
        """The rows whose features are not counted yet."""
        chosen = with_features(batch, np.arange(len(named)))
        identified = np.flatnonzero(chosen & named)
        fresh = self._recent.add(hashed(batch.key, ids_of(batch.ids, identified), self.seed))
        self._tally.count(Lane.ROWS, Reason.DUPLICATE, len(fresh) - int(np.count_nonzero(fresh)))
        chosen[identified[~fresh]] = False
        return np.flatnonzero(chosen)

    def _count(self, batch: Predictions, rows: NDArray[np.intp]) -> None:
        features = batch.features
        lane = self._lane(batch.key)
        if features is None or not len(rows):
            return
        if lane is None:
            self._tally.count(Lane.ROWS, Reason.KEY_LIMIT, len(rows))
            return
        panes = PaneRows.of(rows, batch.time_ns[rows] // self._settings.pane_ns, len(batch.time_ns))
        lane.add(batch.source, features, panes, None)
        if lane.waiting.full:
            self._count_waiting(batch.key, lane)
        if self._room.full:
            self._count_all()

    def _count_all(self) -> None:
        for key, lane in self._lanes.items():
            self._count_waiting(key, lane)

    def _count_waiting(self, key: Key, lane: FeatureLane) -> None:
        for source, pane, counts in lane.take():
            self.waiting_bytes += self._pane(key, source, pane).add_features(source, counts)

    def _lane(self, key: Key) -> FeatureLane | None:
        lane = self._lanes.get(key)
        if lane is None and len(self._lanes) < self._settings.max_keys:
            names: Names[str] = Names(self._settings.max_features)
            given = self._references.given(key)
            lane = self._lanes[key] = FeatureLane(key, given, self._settings, self._tally, names, self._room)
        return lane

    def _add(self, key: Key, source: str, pane: int, rows: OutcomeRows) -> None:
        parts = self._pane(key, source, pane).rows.setdefault(source, [])
        parts.append(rows)
        self.waiting_bytes += rows.rows * _ROW_BYTES
        if len(parts) >= _PARTS_MOST:
            parts[:] = [OutcomeRows.together(parts)]

    def _pane(self, key: Key, source: str, pane: int) -> Pane:
        held = self._panes.get((key, source, pane))
        if held is None:
            held = self._panes[key, source, pane] = Pane()
        return held

    def _states(self, key: Key, source: str, pane: int, held: Pane) -> States:
        found: States = {}
        counts = held.features.get(source)
        if isinstance(counts, KnownCounts):
            found |= to_states([counts], FEATURE_KINDS)
        elif counts is not None:
            found |= counts.to_states()
        parts = held.rows.get(source)
        if parts:
            found |= states_of(parts, self._reference(key).edges(pane * self._settings.pane_ns))
        return found

    def _reference(self, key: Key) -> KeyReference:
        return KeyReference(key, self._references.given(key), self._settings, _nothing)

    def _slice(self, key: Key, source: str, pane: int) -> int | None:
        """Start of a slice of the pane that was not used before; None where there are no more."""
        number = self._numbers.pop((key, source, pane), self._least_number)
        if (number + 1) * _SLICE_NS > self._settings.pane_ns:
            self._tally.count(Lane.ROWS, Reason.SLICE_LIMIT)
            self._numbers[key, source, pane] = number
            return None
        self._numbers[key, source, pane] = number + 1
        if len(self._numbers) > _SLICES_MOST:
            self._least_number = max(self._least_number, self._numbers.popitem(last=False)[1])
        return pane * self._settings.pane_ns + number * _SLICE_NS


def _nothing(baseline: Baseline) -> None:
    """Edges learn nothing."""
