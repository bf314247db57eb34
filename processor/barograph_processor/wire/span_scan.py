"""Requests with many spans, read layout by layout instead of span by span.

What a layout can't describe, and requests with more layouts than a few, are left to the parser that
knows everything: `scan` then gives None, and costs little.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.span_layout import Odd, layout_of
from barograph_processor.wire.span_walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.span_layout import Layout

SPANS_LEAST: Final = 100
"""Below that the parser is as fast."""
_LAYOUTS_MOST: Final = 8
_SHARE_LEAST: Final = 16  # a layout that fits less than this part of the rest isn't worth its time
_SENDERS_KEPT: Final = 64
_ENVELOPE_KEPT_BYTES: Final = 16 * 1024


class Alike(NamedTuple):
    """Spans of one layout.

    Attributes:
        layout: Theirs.
        rows: int64 [m], which of the request's spans, in order.
        bases: int64 [bases, m], as `Layout.match` gives them.
    """

    layout: Layout
    rows: NDArray[np.int64]
    bases: NDArray[np.int64]


class _Arrays(NamedTuple):
    """As in `Scan`."""

    data: NDArray[np.uint8]
    words: NDArray[np.uint64]


class Scan(NamedTuple):
    """A request's spans.

    Attributes:
        data: uint8, the request's bytes.
        words: uint64, the eight bytes at each place.
        doubles: float64, the same bytes as numbers.
        envelope: The request without its spans.
        scope_of: int64 [n], number of the ScopeSpans that a span is in.
        groups: All spans, by layout.
    """

    data: NDArray[np.uint8]
    words: NDArray[np.uint64]
    doubles: NDArray[np.float64]
    envelope: bytes
    scope_of: NDArray[np.int64]
    groups: list[Alike]


def scan(data: bytes) -> Scan | None:
    """Read an ExportTraceServiceRequest; None where that is left to the parser."""
    try:
        envelope, begins, ends, scope_of = walk(data)
        if len(begins) < SPANS_LEAST:
            return None
        arrays = _Arrays(
            np.frombuffer(data, np.uint8),
            np.ndarray((len(data) - 7,), np.dtype("<u8"), data, strides=(1,)),
        )
        known = _layouts_seen(envelope) if len(envelope) <= _ENVELOPE_KEPT_BYTES else []
        groups = _groups(data, arrays, begins, ends, known)
    except (Odd, IndexError):
        return None
    doubles = np.ndarray((len(data) - 7,), np.dtype("<f8"), data, strides=(1,))
    return Scan(*arrays, doubles, envelope, scope_of, groups)


def _groups(
    data: bytes, arrays: _Arrays, begins: NDArray[np.int64], ends: NDArray[np.int64], known: list[Layout]
) -> list[Alike]:
    """Each layout takes what it fits of what is left."""
    rest = np.arange(len(begins))
    groups: list[Alike] = []
    while rest.size:
        if len(groups) == _LAYOUTS_MOST:
            raise Odd
        first = slice(rest[0], rest[0] + 1)
        layout = next((one for one in known[:] if one.match(*arrays, begins[first], ends[first])[0][0]), None)
        if layout is None:
            layout = layout_of(data, int(begins[rest[0]]), int(ends[rest[0]]))
            known[:0] = [layout]
            del known[_LAYOUTS_MOST:]
        fits, bases = layout.match(*arrays, begins[rest], ends[rest])
        found = rest[fits]
        if len(found) * _SHARE_LEAST < len(rest):
            raise Odd
        groups.append(Alike(layout, found, bases if found.size == rest.size else bases[:, fits]))
        rest = rest[~fits]
    return groups


@lru_cache(maxsize=_SENDERS_KEPT)
def _layouts_seen(envelope: bytes) -> list[Layout]:
    """The layouts that fitted lately in such requests, newest first.

    A layout fits or doesn't, whichever span it was made of, so what is remembered here saves time and
    changes nothing.
    """
    del envelope
    return []
