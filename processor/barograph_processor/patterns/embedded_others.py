"""Spans and log records of the application's own, on their way to the engine in its process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from barograph.export import EVENTS_A_CHUNK
from barograph.export_adapters import encoded
from barograph.export_lane import Lane
from barograph.guard import EVENTS, SPANS
from barograph.points import value_bytes
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_traces import decode_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.routing import OtherSignal
    from barograph_processor.wire.decode import DecodeContext, Decoded

OTHER_LANES: Final = frozenset({SPANS, EVENTS})
_RECORD_BYTES: Final = 600
_DECODE: Final = {"traces": decode_traces, "logs": decode_logs}


class Feed(Protocol):
    """Decodes and feeds; False where the same may work later."""

    def __call__(self, lane: str, rows: int, decode: Callable[[DecodeContext], Decoded]) -> bool:
        """As described."""


class Others:
    """A bounded queue and a thread for each signal, which begins with the first record.

    Args:
        feed: Takes what is decoded.
        prepare: Called by a thread before it feeds anything.
    """

    def __init__(self, feed: Feed, prepare: Callable[[], object]) -> None:
        self._feed = feed
        self._lanes: dict[OtherSignal, Lane[object]] = {
            "traces": self._lane("traces", SPANS, prepare),
            "logs": self._lane("logs", EVENTS, prepare),
        }

    def _lane(self, signal: OtherSignal, lane: str, prepare: Callable[[], object]) -> Lane[object]:
        def send(records: Sequence[object]) -> bool:
            # Encoded and decoded as if it had been sent: what a service reads in it, an engine does.
            request = encoded(signal, records)
            return self._feed(lane, len(records), lambda context: _DECODE[signal](request, context))

        return Lane(
            lane,
            send,
            size_bytes=_record_bytes,
            rows=lambda _: 1,
            chunk_items=EVENTS_A_CHUNK,
            prepare=prepare,
        )

    def put(self, signal: OtherSignal, records: Sequence[object]) -> None:
        """Queue the SDK's spans or log records."""
        self._lanes[signal].put(records)

    def flush(self, timeout_s: float) -> bool:
        """Have everything queued fed; False where that took longer."""
        deadline = time.monotonic() + timeout_s
        fed = [lane.flush(deadline - time.monotonic()) for lane in self._lanes.values()]
        return all(fed)

    def close(self, timeout_s: float) -> None:
        """Feed what waits while there is time, count the rest, and end."""
        begun = time.monotonic()
        for lane in self._lanes.values():
            lane.close(begun + timeout_s - time.monotonic(), begun=begun)


def _record_bytes(record: object) -> int:
    """Memory of a span or log record, about: most of it is its attributes and body."""
    told = getattr(record, "log_record", record)
    return _RECORD_BYTES + sum(value_bytes(getattr(told, part, None)) for part in ("attributes", "body"))
