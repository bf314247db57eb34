"""The engine: columns in, closed windows out. It knows no clock, no socket and no thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.baseline import Baseline
from barograph_processor.engine.batch import Fed
from barograph_processor.engine.closing import Closer
from barograph_processor.engine.images import Arrangement, EngineImage, pack, unpack
from barograph_processor.engine.intake import Intake
from barograph_processor.engine.join import Joiner
from barograph_processor.engine.key_state import KeyState
from barograph_processor.engine.measuring import measure_for
from barograph_processor.engine.observing import Observers
from barograph_processor.engine.reasons import Lane, Reason, Tally
from barograph_processor.engine.references import KeyReference, References
from barograph_processor.engine.snapshot import Portable, key_image, load_key
from barograph_processor.engine.stats import EngineStats
from barograph_processor.engine.waiting_features import WaitingRoom
from barograph_processor.engine.windows import check_settings
from barograph_processor.signals import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from barograph_processor.engine.batch import Batch, Key
    from barograph_processor.engine.matches import Match, MatchedRows
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import PendingStore, Settings
    from barograph_processor.signals.api import Signal

_MATCHES_MOST = 100_000


class Engine:
    """Windows, duplicates and joins of any number of models.

    Final readings depend on the data alone, not on its order, its cutting into batches or its
    repetition, as long as nothing comes after its time to live or beyond a limit.

    Calls must not overlap; times are Unix nanoseconds of the wall clock.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: PendingStore,
        baselines: Iterable[Baseline] = (),
        signals: Sequence[Signal] | None = None,
    ) -> None:
        """Begin with nothing seen.

        Args:
            settings: Windows, times to wait, limits.
            store: Where predictions and labels wait for each other.
            baselines: What models are compared with, by the model and version in them.
            signals: What readings are made of windows; None: the catalog's.

        Raises:
            ConfigError: The settings don't fit together.
        """
        check_settings(settings)
        self.settings = settings
        self.store = store
        self._references = References(baselines)
        self._tally = Tally()
        signals = catalog.SIGNALS if signals is None else signals
        self._closer = Closer(settings, signals)
        self._observers = Observers(signals)
        self.joiner = Joiner(settings, store, self._tally, self._matched, self._matched_rows)
        self._intake = Intake(settings, self._tally, self.joiner, self.state_of, self._observers)
        self.keys: dict[Key, KeyState] = {}
        self._learned: list[Baseline] = []
        self._waiting_matches = 0
        self._crowded = False
        self._room = WaitingRoom()

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        """Items by (lane, reason) that were not taken, or not quite as they came, since the start."""
        return self._tally.totals

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        """Take batches; faulty data is counted, never raised.

        Args:
            batches: Decoded and validated columns.
            now_ns: Time of the wall clock.

        Returns:
            How many items were taken, repeats among them, and what was dropped.

        Raises:
            Retryable: The store failed. What was taken before is known when the batches come again.
        """
        self._tally.take_dropped()  # what a call left behind that failed
        accepted = sum(self._intake.take(batch, now_ns) for batch in batches)
        if self._waiting_matches + self._intake.matched > _MATCHES_MOST:
            self._fold_matches()
        if self._room.full:
            for state in self.keys.values():
                state.count_features()
        return Fed(accepted, self._tally.take_dropped())

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        """Fold what the watermark has passed, and give the windows that closed, matured or changed.

        Args:
            now_ns: Time of the wall clock; call this every second or so.
        """
        for state in self.keys.values():
            state.watermark.advance(now_ns)
            state.fold_past()
        self._fold_matches()
        closed = []
        for state in self.keys.values():
            state.tidy(now_ns)
            closed += self._close(state, drained=False)
        if self._crowded:  # keys that are over make room for those that were refused
            self.keys = {key: state for key, state in self.keys.items() if not state.empty}
            self._crowded = False
        self._expire()
        return closed

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        """The input has ended: close every window at every horizon.

        Later data is taken as before and revises what it belongs to.

        Args:
            now_ns: Time of the wall clock.
        """
        for state in self.keys.values():
            state.watermark.advance(now_ns)
            state.fold_every()
        self._fold_matches()
        return [window for state in list(self.keys.values()) for window in self._close(state, drained=True)]

    def settle(self, before_ns: int) -> list[ClosedWindow]:
        """The input has ended for every event time before one: close what ends by then, and let go of it.

        For callers that read their data in order of time and join truths beforehand: they need not hold
        every window until the input ends. What comes for an earlier time in spite of it is late.

        Args:
            before_ns: Neither predictions from before it nor their truths will come.

        Returns:
            The windows, at every horizon.
        """
        for state in self.keys.values():
            state.settle(before_ns)
        self._fold_matches()
        closed = []
        for state in self.keys.values():
            for kind, window in state.table.ended_by(before_ns):
                closed.append(self._closer.close(kind, window, state, len(self.settings.horizons)))
                state.table.remove(kind, window.start_ns)
        return closed

    def add_baseline(self, baseline: Baseline) -> None:
        """Compare keys that are first seen from now on with one more baseline."""
        self._references.add([baseline])

    def stats(self, now_ns: int) -> EngineStats:
        """Figures about the engine itself.

        Args:
            now_ns: Time of the wall clock.
        """
        states = self.keys.values()
        marks = {key: state.watermark.time_ns for key, state in self.keys.items()}
        known = {key: mark for key, mark in marks.items() if mark is not None}
        return EngineStats(
            keys=len(self.keys),
            sources=sum(len(state.sources.newest) for state in states),
            panes=sum(len(state.panes.keys() | state.lane.waiting.panes) for state in states),
            windows=sum(len(state.table.windows) for state in states),
            pending=len(self.store),
            points=self._intake.points,
            predictions=self._intake.predictions,
            labels_accepted=self.joiner.labels_accepted,
            labels_joined=self.joiner.labels_joined,
            labels_waiting=self.joiner.labels_waiting,
            watermarks=known,
            behind_s={key: (now_ns - mark) / 1e9 for key, mark in known.items()},
            learning={
                key: state.reference.learning.rows
                for key, state in self.keys.items()
                if state.reference.learning is not None
            },
        )

    def new_baselines(self) -> list[Baseline]:
        """Baselines learned since the last call, for the caller to keep."""
        learned = list(self._learned)
        self._learned.clear()
        return learned

    def snapshot(self) -> bytes:
        """Everything that `restore` needs to go on as if nothing had happened."""
        return self.moment()()

    def moment(self) -> Callable[[], bytes]:
        """Everything as it is now; called later, while the engine goes on, it gives the bytes of a snapshot.

        The store is flushed; where its entries are in memory alone, they are part of the bytes.
        """
        self._fold_matches()
        for state in self.keys.values():
            state.count_features()
        self.store.flush()
        joiner = self.joiner
        image = EngineImage(
            arrangement=Arrangement.of(self.settings),
            keys=[key_image(state) for state in self.keys.values()],
            counters=[(lane, reason, count) for (lane, reason), count in self._tally.totals.items()],
            taken=(self._intake.points, self._intake.predictions),
            labels=(joiner.labels_accepted, joiner.labels_joined, joiner.labels_waiting),
            learned=[baseline.content for baseline in self._learned],
            pending=self.store.dump() if isinstance(self.store, Portable) else None,
        )
        return lambda: pack(image)

    @classmethod
    def restore(
        cls,
        data: bytes,
        settings: Settings,
        *,
        store: PendingStore,
        baselines: Iterable[Baseline] = (),
        signals: Sequence[Signal] | None = None,
    ) -> Engine:
        """Go on from a snapshot, as the engine that made it would have.

        Where time has passed in which nothing could come, call `wake` too.

        Args:
            data: What `snapshot` gave.
            settings: As of a new engine; panes, windows, horizons and segments as before.
            store: The store that the engine had; an empty one where entries are in memory alone.
            baselines: As of a new engine; those that were learned, not fitted, hold for keys alone that
                the snapshot doesn't know.
            signals: As of a new engine.

        Raises:
            ConfigError: The settings don't fit together.
            StateError: The bytes are damaged or were made with other windows.
        """
        engine = cls(settings, store=store, baselines=baselines, signals=signals)
        image = unpack(data, settings)
        for one in image.keys:
            state = engine.state_of(one.key)
            if state is not None:
                load_key(one, state, engine._tally)
        engine._tally.totals.update({(lane, reason): count for lane, reason, count in image.counters})
        engine._intake.points, engine._intake.predictions = image.taken
        joiner = engine.joiner
        joiner.labels_accepted, joiner.labels_joined, joiner.labels_waiting = image.labels
        engine._learned += [Baseline(content) for content in image.learned]
        if image.pending is not None and isinstance(store, Portable):
            store.load(image.pending)
        return engine

    def wake(self, now_ns: int) -> None:
        """A stop lies behind, in which no source could be heard: their silence counts from now.

        Args:
            now_ns: Time of the wall clock.
        """
        for state in self.keys.values():
            state.watermark.wake(now_ns)

    def state_of(self, key: Key) -> KeyState | None:
        """What is known of a key, begun where it is new; None where there are too many."""
        state = self.keys.get(key)
        if state is None:
            if len(self.keys) >= self.settings.max_keys:
                self._crowded = True
                return None
            given = self._references.given(key)
            reference = KeyReference(key, given, self.settings, self._learned.append)
            state = self.keys[key] = KeyState(key, self.settings, self._tally, reference, self._room)
        return state

    def _matched(self, key: Key, matches: list[Match]) -> None:
        state = self.state_of(key)
        if state is None:
            self._tally.count(Lane.FEEDBACK, Reason.KEY_LIMIT, len(matches))
            return
        state.matches += matches
        self._waiting_matches += len(matches)

    def _matched_rows(self, key: Key, rows: MatchedRows) -> None:
        state = self.state_of(key)
        if state is None:
            self._tally.count(Lane.FEEDBACK, Reason.KEY_LIMIT, len(rows.time_ns))
            return
        state.matched.append(rows)
        self._waiting_matches += len(rows.time_ns)

    def _fold_matches(self) -> None:
        self._waiting_matches = self._intake.matched = 0
        for state in self.keys.values():
            state.fold_matches(measure_for(state, self.settings, self._observers))

    def _close(self, state: KeyState, *, drained: bool) -> list[ClosedWindow]:
        mark_ns = state.watermark.time_ns
        table = state.table
        closed = []
        everything = table.next_ns is None or (mark_ns is not None and mark_ns >= table.next_ns)
        windows = table.all() if drained or everything else table.take_touched()
        for kind, window in windows:
            matured = self._closer.due(window, mark_ns, drained=drained)
            if matured is not None:
                closed.append(self._closer.close(kind, window, state, matured))
            if table.over(window, mark_ns):
                table.remove(kind, window.start_ns)
            elif not window.frozen:
                self._closer.freeze(window, mark_ns)
        if mark_ns is not None:
            new = None if everything else [window for _, window in windows]
            table.plan(mark_ns, new)
        return closed

    def _expire(self) -> None:
        marks = [state.watermark.time_ns for state in self.keys.values()]
        known = [mark for mark in marks if mark is not None]
        if known:
            self.joiner.expire(min(known))
