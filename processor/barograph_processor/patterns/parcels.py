"""Batches as requests of a size that receivers take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from barograph_processor.engine.batch import Points
from barograph_processor.wire.encode_points import encode_points
from barograph_processor.wire.encode_rows import encode_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.engine.batch import Batch, Point

MAX_REQUEST_BYTES: Final = 3 * 2**20
_POINTS_AT_ONCE: Final = 10_000


class Request(NamedTuple):
    """An encoded request.

    Attributes:
        signal: Which service takes it.
        data: The request.
        items: Points or rows in it.
    """

    signal: Literal["metrics", "logs"]
    data: bytes
    items: int


def requests_of(batches: Sequence[Batch]) -> list[Request]:
    """Batches as OTLP requests of at most 3 MiB, where an item alone isn't larger."""
    points = [point for batch in batches if isinstance(batch, Points) for point in batch.points]
    found = [
        request
        for begin in range(0, len(points), _POINTS_AT_ONCE)
        for request in _points(points[begin : begin + _POINTS_AT_ONCE])
    ]
    return [*found, *_rows(batches)]


def _points(points: Sequence[Point]) -> Iterator[Request]:
    data = encode_points(points)
    if len(data) <= MAX_REQUEST_BYTES or len(points) == 1:
        yield Request("metrics", data, len(points))
        return
    middle = len(points) // 2
    yield from _points(points[:middle])
    yield from _points(points[middle:])


def _rows(batches: Sequence[Batch]) -> Iterator[Request]:
    """Requests one after the other are one request."""
    parts: list[bytes] = []
    size = items = 0
    for batch in batches:
        if isinstance(batch, Points):
            continue
        events = encode_rows([batch])
        share = -(-len(batch.time_ns) // max(len(events), 1))
        for event in events:
            if parts and size + len(event) > MAX_REQUEST_BYTES:
                yield Request("logs", b"".join(parts), items)
                parts, size, items = [], 0, 0
            parts.append(event)
            size += len(event)
            items += share
    if parts:
        yield Request("logs", b"".join(parts), items)
