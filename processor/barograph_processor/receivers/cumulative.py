"""Cumulative streams on their way to the engine, remembered over a restart where anything is."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from barograph.errors import Retryable
from barograph_processor.components.api import Position
from barograph_processor.engine.batch import Fed, Points
from barograph_processor.wire.delta_bytes import decode_cumulative, encode_cumulative, stream_name
from barograph_processor.wire.deltas import Deltas
from barograph_processor.wire.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.components.api import Intake
    from barograph_processor.wire.decode import Decoded
    from barograph_processor.wire.deltas import Staged, Stream

_PREFIX: Final = "stream/"
START: Final = _PREFIX + "start"
MAX_STREAMS: Final = Limits().max_cumulative_streams
_START_BYTES: Final = 8


class CumulativeStreams:
    """Feeds increments, one request at a time: what a stream adds depends on the point before.

    The newest point of a stream is kept together with its increment or not at all. So after a crash the
    next point adds what came since, and a request that is sent again adds nothing.
    """

    def __init__(
        self,
        intake: Intake,
        start_ns: int,
        owner: str = "",
        remembered: Mapping[str, bytes] | None = None,
        *,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        """Begin with what an earlier run remembered.

        Args:
            intake: Where increments go.
            start_ns: When the processor started, Unix nanoseconds; an earlier run's start is remembered.
            owner: Component id of the receiver.
            remembered: By the names of this class; None: nothing is kept.
            max_streams: Streams known at a time; the longest unused are forgotten first.

        Raises:
            StateError: What is remembered is damaged, or of another version.
        """
        self._intake = intake
        self._owner = owner
        self._kept = remembered is not None
        self._lock = threading.Lock()
        held = {name: value for name, value in (remembered or {}).items() if name.startswith(_PREFIX)}
        start = held.pop(START, None)
        began_ns = start_ns if start is None else int.from_bytes(start, "little", signed=True)
        self._deltas = Deltas(began_ns, max_streams)
        known = [decode_cumulative(data) for data in held.values()]
        self._deltas.remember({(each.key, each.source, each.stream, each.item): each for each in known})
        self._unsaid: dict[str, bytes | None] = {}
        if self._kept and start is None:
            self._unsaid = {START: start_ns.to_bytes(_START_BYTES, "little", signed=True)}
            with suppress(Retryable):  # then it goes with the first request
                intake.feed((), Position(owner, self._unsaid))
                self._unsaid = {}

    def feed(self, decoded: Decoded, position: Position | None = None) -> Fed:
        """Feed a request with cumulative points.

        Args:
            decoded: The request; what is ignored and refused of its cumulative points is counted there.
            position: How far the receiver has come with it otherwise.

        Raises:
            Retryable: The engine can't take it now; nothing of the request was taken.
        """
        with self._lock:
            staged = self._deltas.stage(decoded.cumulative)
            decoded.ignored += staged.ignored
            decoded.rejected += staged.rejected
            decoded.accepted -= staged.rejected.total()
            batches = [*decoded.batches, Points(staged.points)] if staged.points else decoded.batches
            if not batches and not staged.newest and position is None:
                return Fed(0, {})
            fed = self._intake.feed(batches, self._with_streams(position, staged))
            staged.commit()
            self._unsaid = {}
        return fed

    def _with_streams(self, position: Position | None, staged: Staged) -> Position | None:
        if not self._kept:
            return position
        forgotten = self._deltas.forgotten_for(staged.newest)
        changes = self._unsaid | dict.fromkeys(_name(stream) for stream in forgotten)
        changes.update({_name(stream): encode_cumulative(one) for stream, one in staged.newest.items()})
        if position is not None:
            changes.update(position.changes)
        return Position(self._owner, changes)


def others(remembered: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a receiver remembered beside its streams."""
    return {name: value for name, value in remembered.items() if not name.startswith(_PREFIX)}


def _name(stream: Stream) -> str:
    return _PREFIX + stream_name(stream)
