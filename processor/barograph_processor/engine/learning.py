"""What is gathered of a key until it is enough to make a baseline of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.kinds import kinds_of, resolved
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from barograph_processor.engine.window_state import merge_all
from barograph_processor.signals import learn
from barograph_processor.signals.api import StreamKind
from barograph_processor.signals.counts import CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from barograph.baseline import Task
    from barograph_processor.engine.batch import Key
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import States

_LADDER_NS = (5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS, 6 * HOUR_NS, DAY_NS, 7 * DAY_NS)
_SLICES_MOST = 64  # of one length; the next length of the ladder has a fifth of them or more
_SLICES_BYTES = 64 * 2**20


class Learning:
    """States to learn from, and the same cut into slices of several lengths.

    From slices is learned how much windows vary without any drift. Lengths of which there are too many
    slices are dropped: longer ones tell as much.

    Attributes:
        states: All states.
        rows: Predictions in them.
        start_ns: Start of the first pane in them; None before there is one.
        end_ns: End of the last.
        slices: Length in nanoseconds to number of the slice (since the epoch) to its states.
    """

    def __init__(self, settings: Settings) -> None:
        self.states: States = {}
        self.rows = 0
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        lengths = {settings.pane_ns, *_LADDER_NS, *(window.length_ns for window in settings.windows)}
        self.slices: dict[int, dict[int, States]] = {
            length: {} for length in sorted(lengths) if length and length % settings.pane_ns == 0
        }

    def add(self, parts: Iterable[States], start_ns: int, end_ns: int) -> None:
        """Learn from a pane that was folded.

        Args:
            parts: States of the pane.
            start_ns: Its start.
            end_ns: Its end.
        """
        for part in parts:
            merge_all(self.states, part)
            self.rows += sum(
                state.total
                for stream, state in part.items()
                if stream.kind == StreamKind.ROWS and isinstance(state, CategoryCounts)
            )
            for length_ns, slices in self.slices.items():
                merge_all(slices.setdefault(start_ns // length_ns, {}), part)
        self.start_ns = start_ns if self.start_ns is None else min(self.start_ns, start_ns)
        self.end_ns = end_ns if self.end_ns is None else max(self.end_ns, end_ns)
        while self.slices and self._too_many(min(self.slices)):
            del self.slices[min(self.slices)]

    def baseline(self, key: Key, task: Task | None) -> bytes:
        """The content of a baseline file made of what was gathered; there must be rows."""
        states = resolved(self.states, {})
        kinds = kinds_of(states)
        return learn.learn(
            states,
            model=key.model,
            version=key.version,
            output=key.output,
            task=task,
            rows=self.rows,
            start=self.start_ns or 0,
            end=self.end_ns or 0,
            slices={
                length_ns // SECOND_NS: [resolved(slices[number], kinds) for number in sorted(slices)]
                for length_ns, slices in self.slices.items()
                if length_ns % SECOND_NS == 0
            },
        )

    def _too_many(self, length_ns: int) -> bool:
        if len(self.slices[length_ns]) > _SLICES_MOST:
            return True
        # Every length holds the same streams, so the shortest stands for all.
        held = self.slices[length_ns].values()
        return sum(state.size_bytes for states in held for state in states.values()) > _SLICES_BYTES
