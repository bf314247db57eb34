"""Everything of a service that a restart must bring back, and the few steps that change it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from barograph_processor.engine.board import Board
from barograph_processor.patterns.saved import Saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.patterns.engines import Engines


class Machine:
    """Engines, the readings that stand, and how far receivers have come.

    Its steps depend on nothing but their arguments and the steps before: the same ones in the same
    order, at the same times, give the same again. One at a time: who calls them holds `lock`.

    Attributes:
        lock: Held over each step.
        engines: The engines.
    """

    def __init__(self, engines: Engines, grace_ns: int, baselines: Iterable[Baseline] = ()) -> None:
        """Begin with nothing seen.

        Args:
            engines: The engines.
            grace_ns: Wall time beyond a window's length that its readings stay.
            baselines: Those that the engines were begun with.
        """
        self.lock = threading.Lock()
        self.engines = engines
        self._board = Board(grace_ns)
        self._positions: dict[str, dict[str, bytes]] = {}
        self._learned = {each.id for each in baselines if each.header.learned}

    def feed(self, batches: Sequence[Batch], position: Position | None, now_ns: int) -> Fed:
        """Take batches, and how far their receiver has come with them.

        Raises:
            Retryable: The store failed. What was taken before is known when the batches come again.
        """
        fed = self.engines.feed(batches, now_ns)
        if position is not None:
            self.note(position)
        return fed

    def note(self, position: Position) -> None:
        """Remember how far a receiver has come."""
        remembered = self._positions.setdefault(position.owner, {})
        for name, value in position.changes.items():
            remembered.pop(name, None)  # so that what was last noted comes last
            if value is not None:
                remembered[name] = value

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        """Close what is due, and show it."""
        closed = self.engines.advance(now_ns)
        self._board.update(closed, now_ns)
        return closed

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        """Close everything, and show it."""
        closed = self.engines.drain(now_ns)
        self._board.update(closed, now_ns)
        return closed

    def current(self, now_ns: int) -> list[CurrentReading]:
        """The readings that stand."""
        return self._board.current(now_ns)

    def know(self, baselines: Iterable[Baseline]) -> None:
        """Compare keys that are new from now on with further baselines."""
        for baseline in baselines:
            self.engines.add_baseline(baseline)
            if baseline.header.learned:
                self._learned.add(baseline.id)

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        """How far a receiver had come."""
        return dict(self._positions.get(owner, {}))

    def moment(
        self, now_ns: int, waiting: Mapping[str, Sequence[ClosedWindow]] | None = None, entry: int = 0
    ) -> Callable[[], Saved]:
        """Everything as it is now; called later, while steps are taken, it gives plain values.

        Args:
            now_ns: Time of the wall clock.
            waiting: By exporter, windows that are closed and not sent yet.
            entry: Number of the last entry of a journal that is in it.
        """
        engines = self.engines.moment()
        positions = {owner: dict(names) for owner, names in self._positions.items()}
        board = self._board.image()
        learned = sorted(self._learned)
        unsent = {name: list(windows) for name, windows in (waiting or {}).items() if windows}
        return lambda: Saved(
            saved_unix_nano=now_ns,
            entry=entry,
            engines={name: engine() for name, engine in engines.items()},
            positions=positions,
            board=board,
            learned=learned,
            waiting=unsent,
        )

    def load(self, saved: Saved) -> None:
        """Go on from an image; the engines were made from it before."""
        self._board.load(saved.board)
        self._positions = {owner: dict(names) for owner, names in saved.positions.items()}
