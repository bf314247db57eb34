"""Everything the engine knows of one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.duplicates import SliceMemory
from barograph_processor.engine.feature_lane import FeatureLane
from barograph_processor.engine.kinds import resolved
from barograph_processor.engine.known_features import KnownCounts
from barograph_processor.engine.matches import fold_matches, rows_of_matches, together
from barograph_processor.engine.names import Names
from barograph_processor.engine.outcomes import OutcomeRows, states_of
from barograph_processor.engine.panes import OF_FEATURES, CountedRows, Pane
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS
from barograph_processor.engine.watermark import Watermark
from barograph_processor.engine.window_state import merge_all, merge_many
from barograph_processor.engine.window_table import WindowTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.engine.batch import Features, Key, Point
    from barograph_processor.engine.feature_lane import FeatureCounts
    from barograph_processor.engine.feature_rows import PaneRows
    from barograph_processor.engine.matches import Match, MatchedRows, Measure
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.references import KeyReference
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.waiting_features import WaitingRoom
    from barograph_processor.engine.window_state import States, WindowState
    from barograph_processor.signals.api import State, StreamId

_STREAMS_PER_FEATURE = 4
_STREAMS_OF_OUTPUT = 256
_PARTS_MOST = 256
_SLICE_LONGEST_NS = DAY_NS  # a slice is judged by its end and remembered by its start


class KeyState:
    """Panes, windows, duplicates and watermark of one key.

    Attributes:
        key: Whose they are.
        watermark: How far event time has come.
        panes: Increments that wait to be folded.
        counted: Outcome rows that stand in for histograms.
        slices: Points that were taken.
        table: The windows.
        features: Feature names in use.
        sources: Sources in use.
        streams: Streams in use.
        matches: Joined pairs that wait to be measured.
        matched: The same as columns.
        reference: What the key is compared with.
        lane: How features of rows are counted.
        waiting_rows: Outcome rows that wait in panes.
        waiting_bytes: Estimated memory of features that wait in panes.
    """

    def __init__(
        self, key: Key, settings: Settings, tally: Tally, reference: KeyReference, room: WaitingRoom
    ) -> None:
        self.key = key
        self._settings = settings
        self._tally = tally
        self.reference = reference
        self.watermark = Watermark(settings.idle_ns)
        self.panes: dict[int, Pane] = {}
        self.counted = CountedRows()
        self.slices = SliceMemory(settings.pane_ns, settings.max_slices)
        self.table = WindowTable(settings, tally)
        self.features: Names[str] = Names(settings.max_features)
        self.sources: Names[str] = Names(settings.max_sources)
        self.streams: Names[StreamId] = Names(
            settings.max_features * _STREAMS_PER_FEATURE + _STREAMS_OF_OUTPUT
        )
        self.matches: list[Match] = []
        self.matched: list[MatchedRows] = []
        self.lane = FeatureLane(key, reference.given, settings, tally, self.features, room)
        self.waiting_rows = 0
        self.waiting_bytes = 0
        self._tidied_pane: int | None = None
        self._forgotten_ns: int | None = None
        self._settled_pane: int | None = None

    @property
    def oldest_pane(self) -> int | None:
        """The oldest pane that isn't too late; None before there is a watermark."""
        settled = self._settled_pane
        if self.watermark.time_ns is None:
            return settled
        oldest = -(-(self.watermark.time_ns - self._settings.ttl_ns) // self._settings.pane_ns) - 1
        return oldest if settled is None else max(oldest, settled)

    def add_point(self, point: Point, pane: int) -> bool:
        """Take a point of the histogram lane, unless something speaks against it, counted."""
        reason = self._refuse(point, pane)
        if reason is not None:
            self._tally.drop(Lane.HISTOGRAMS, reason)
            return False
        if not self.slices.add(point):
            self._tally.count(Lane.HISTOGRAMS, Reason.DUPLICATE)
            return True
        held = self._pane(pane)
        states = held.relayed.setdefault(point.source, {}) if point.edge else held.states
        if merge_all(states, {point.stream: point.state}):
            self._tally.drop(Lane.HISTOGRAMS, Reason.INCOMPATIBLE)
            return False
        if not point.edge:
            self.counted.saw_histogram(point.source, point.stream.kind, pane)
        return True

    def add_rows(self, source: str, pane: int, rows: OutcomeRows) -> None:
        """Take new rows of the outcomes lane; their source and time were looked at before."""
        parts = self._pane(pane).rows.setdefault(source, [])
        parts.append(rows)
        if len(parts) >= _PARTS_MOST:
            parts[:] = [OutcomeRows.together(parts)]
        self.waiting_rows += rows.rows
        if self.waiting_rows > self._settings.max_pane_rows:
            self.fold_panes(list(self.panes))

    def add_features(self, source: str, features: Features, rows: PaneRows) -> None:
        """Take the features of new rows; their source and time were looked at before."""
        self.lane.add(source, features, rows, self.oldest_pane)
        if self.lane.waiting.full:
            self.count_features()

    def count_features(self) -> None:
        """Count the features that wait; before that, their panes may not even be there."""
        for source, pane, counts in self.lane.take():
            self.add_counts(pane, source, counts)
            if self.waiting_bytes > self._settings.max_feature_bytes:
                self.fold_panes(list(self.panes))

    def add_counts(self, pane: int, source: str, counts: FeatureCounts) -> None:
        """Take counted features."""
        self.waiting_bytes += self._pane(pane).add_features(source, counts)

    def add_observed(self, pane: int, states: Mapping[StreamId, State]) -> None:
        """Take what a signal made of new rows of the outcomes lane.

        It has no part in lanes: no histogram takes its place, and no baseline is learned from it.
        """
        for window in self.table.around(pane * self._settings.pane_ns):
            self._count_refused(merge_all(window.states, states), Lane.OUTCOMES)
            window.stale = True

    def admit_source(self, source: str, pane: int) -> bool:
        """Whether there is room for the source."""
        return self.sources.admit(source, pane, oldest=self.oldest_pane)

    def fold_past(self) -> None:
        """Fold the panes that the watermark has passed."""
        time_ns = self.watermark.time_ns
        if time_ns is not None:
            end = (time_ns - self._settings.lateness_ns) // self._settings.pane_ns
            if any(pane < end for pane in self.lane.waiting.panes):
                self.count_features()
            self.fold_panes([pane for pane in self.panes if pane < end])

    def fold_every(self) -> None:
        """Fold all panes."""
        self.count_features()
        self.fold_panes(list(self.panes))

    def fold_panes(self, panes: Iterable[int]) -> None:
        """Fold panes into their windows, the oldest first, and free them."""
        for pane in sorted(panes):
            held = self.panes.pop(pane)
            start_ns = pane * self._settings.pane_ns
            made = self._states_of_rows(pane, held) + self._states_of_features(pane, held)
            self.reference.learn([held.states, *made], start_ns, start_ns + self._settings.pane_ns)
            for window in self.table.around(start_ns):
                self._count_refused(merge_all(window.states, held.states))
                self._count_segments(window, held)
                window.stale = True
        too_many = self.counted.size > self._settings.max_counted_panes
        if too_many or self.counted.feature_bytes > self._settings.max_feature_bytes:
            oldest = sorted(self.counted.panes.keys() | self.counted.known.keys())
            self.decide_before(oldest[len(oldest) // 2] + 1)
            self.counted.decided = oldest[len(oldest) // 2] + 1

    def decide_before(self, pane: int) -> None:
        """Let outcome rows of panes before `pane` count for good where no histogram came."""
        for one, every in self.counted.decide_before(pane).items():
            for window in self.table.around(one * self._settings.pane_ns):
                for states in every:
                    self._count_refused(merge_all(window.states, states))

    def settle(self, before_ns: int) -> None:
        """Fold what lies before a time; nothing before it will be taken any more."""
        end = before_ns // self._settings.pane_ns
        self.count_features()
        self.fold_panes([pane for pane in self.panes if pane < end])
        self.decide_before(end)
        self.counted.forget_before(end)
        self._settled_pane = end if self._settled_pane is None else max(self._settled_pane, end)

    def fold_matches(self, measure: Measure) -> None:
        """Measure what was joined since the last call."""
        parts, self.matched = self.matched, []
        alike: dict[tuple[str, ...], list[Match]] = {}
        for match in self.matches:  # scores of other classes would be absent, which makes all unusable
            alike.setdefault(match.score_classes, []).append(match)
        parts += [rows_of_matches(those, len(self._settings.segments)) for those in alike.values()]
        self.matches = []
        for part in together(parts):
            late, unusable, refused = fold_matches(
                part, self._settings, self.table, self.watermark.time_ns, measure
            )
            self._tally.count(Lane.FEEDBACK, Reason.LATE, late)
            self._tally.count(Lane.FEEDBACK, Reason.UNUSABLE, unusable)
            self._tally.count(Lane.FEEDBACK, Reason.INCOMPATIBLE, refused)

    def gathered(self, window: WindowState) -> States:
        """All feature and prediction states of a window."""
        states = dict(window.states)
        pane_ns = self._settings.pane_ns
        more = self.counted.within(window.start_ns // pane_ns, window.end_ns // pane_ns)
        self._count_refused(merge_many(states, more))
        rules = self._settings.rules.get(self.key.model, {})
        kinds = {name: rule.kind for name, rule in rules.items() if rule.kind is not None}
        return resolved(states, kinds | self.reference.kinds(window.start_ns))

    def tidy(self, now_ns: int) -> None:
        """Forget what is too old to matter."""
        oldest = self.oldest_pane
        if oldest is None or oldest == self._tidied_pane:
            return
        self.decide_before(oldest)
        self.counted.forget_before(oldest)
        self._tidied_pane = oldest
        time_ns = oldest * self._settings.pane_ns
        if self._forgotten_ns is None or time_ns - self._forgotten_ns >= self._settings.ttl_ns // 16:
            self._forgotten_ns = time_ns
            self.slices.forget_before(time_ns - _SLICE_LONGEST_NS)
            self.watermark.forget_before(time_ns, now_ns)

    @property
    def empty(self) -> bool:
        """Whether nothing is open, so that the key may make room for another."""
        waiting = self.panes or self.lane.waiting or self.matches or self.matched
        return not (waiting or self.table.windows or self.reference.learned is not None)

    def _refuse(self, point: Point, pane: int) -> str | None:
        oldest = self.oldest_pane
        if oldest is not None and pane < oldest:
            return Reason.LATE
        if self.counted.decided is not None and pane < self.counted.decided:
            return Reason.PANE_LIMIT
        if not self.sources.admit(point.source, pane, oldest=oldest):
            return Reason.SOURCE_LIMIT
        stream = point.stream
        if (
            stream.name
            and stream.kind in OF_FEATURES
            and not self.features.admit(stream.name, pane, oldest=oldest)
        ):
            return Reason.FEATURE_LIMIT
        if not self.streams.admit(stream, pane, oldest=oldest):
            return Reason.STREAM_LIMIT
        return Reason.SLICE_LIMIT if self.slices.forgotten(point) else None

    def _pane(self, pane: int) -> Pane:
        held = self.panes.get(pane)
        if held is None:
            if len(self.panes) >= self._settings.max_panes:
                self.fold_panes(sorted(self.panes)[: len(self.panes) // 2 + 1])
            held = self.panes[pane] = Pane()
        return held

    def _states_of_rows(self, pane: int, held: Pane) -> list[States]:
        """Set the pane's outcome rows apart; the states of those that no histogram replaces so far."""
        edges = self.reference.edges(pane * self._settings.pane_ns)
        made = []
        for source, parts in sorted(held.rows.items()):
            self.waiting_rows -= sum(part.rows for part in parts)
            states = states_of(parts, edges)
            self._count_refused(self.counted.add(pane, source, states), Lane.OUTCOMES)
            made.append(self._unreplaced(pane, source, states))
        return made

    def _states_of_features(self, pane: int, held: Pane) -> list[States]:
        """As `_states_of_rows`, of the rows lane; nothing is learned where a baseline says what to count."""
        made = []
        for source, states in sorted(held.relayed.items()):
            self.counted.grew(pane, sum(state.size_bytes for state in states.values()))
            self._count_refused(self.counted.add(pane, source, states), Lane.ROWS)
            made.append(self._unreplaced(pane, source, states))
        for source, counts in sorted(held.features.items()):
            self.waiting_bytes -= counts.size_bytes
            if isinstance(counts, KnownCounts):
                self.counted.add_known(pane, source, counts)
                continue
            states = counts.to_states()
            self.counted.grew(pane, counts.size_bytes)
            self._count_refused(self.counted.add(pane, source, states), Lane.ROWS)
            made.append(self._unreplaced(pane, source, states))
        return made

    def _unreplaced(self, pane: int, source: str, states: States) -> States:
        return {
            name: one for name, one in states.items() if not self.counted.replaced(source, name.kind, pane)
        }

    def _count_segments(self, window: WindowState, held: Pane) -> None:
        rows: dict[str, dict[str, int]] = {}
        for parts in held.rows.values():
            for part in parts:
                for (name, value), count in part.segments.items():
                    values = rows.setdefault(name, {})
                    values[value] = values.get(value, 0) + count
        for name, values in rows.items():
            pooled = window.add_segment_rows(name, values, self._settings.max_segment_values)
            self._tally.count(Lane.OUTCOMES, Reason.SEGMENT_LIMIT, pooled)

    def _count_refused(self, states: int, lane: str = Lane.HISTOGRAMS) -> None:
        self._tally.count(lane, Reason.INCOMPATIBLE, states)
