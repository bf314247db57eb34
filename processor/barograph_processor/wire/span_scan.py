"""Requests with many spans, read layout by layout instead of span by span.

What a layout can't describe, and requests with more layouts than a few, are left to the parser that
knows everything: `scan` then gives None, and costs little.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.span_forms import Learned, Spans
from barograph_processor.wire.span_layout import Odd, layout_of
from barograph_processor.wire.span_walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.span_forms import Alike

SPANS_LEAST: Final = 100
"""Below that the parser is as fast."""
_LAYOUTS_MOST: Final = 8
_SHARE_LEAST: Final = 16  # a layout that fits less than this part of the rest isn't worth its time
_SENDERS_KEPT: Final = 64
_ENVELOPE_KEPT_BYTES: Final = 16 * 1024


class Scan(NamedTuple):
    """A request's spans.

    Attributes:
        data: The request.
        envelope: The request without its spans.
        scope_of: int64 [n], number of the ScopeSpans that a span is in.
        groups: All spans, by layout.
    """

    data: bytes
    envelope: bytes
    scope_of: NDArray[np.int64]
    groups: list[Alike]


def scan(data: bytes) -> Scan | None:
    """Read an ExportTraceServiceRequest; None where that is left to the parser."""
    try:
        envelope, begins, ends, scope_of = walk(data)
        if len(begins) < SPANS_LEAST:
            return None
        known = _layouts_seen(envelope) if len(envelope) <= _ENVELOPE_KEPT_BYTES else []
        groups = _groups(Spans(data, begins, ends), known)
    except (Odd, IndexError):
        return None
    return Scan(data, envelope, scope_of, groups)


def _groups(spans: Spans, known: list[Learned]) -> list[Alike]:
    """Each layout takes what it fits of what is left."""
    rest = np.arange(len(spans.begins))
    groups: list[Alike] = []
    while rest.size:
        if len(groups) == _LAYOUTS_MOST:
            raise Odd
        left = spans if not groups else spans.take(rest)
        found = _like_the_first(left, known)
        if len(found.rows) * _SHARE_LEAST < len(rest):
            raise Odd
        groups.append(found._replace(rows=rest[found.rows]))
        rest = np.delete(rest, found.rows)
    return groups


def _like_the_first(spans: Spans, known: list[Learned]) -> Alike:
    """Those of some spans that have the first one's layout."""
    for layout in known[:]:
        found = layout.match(spans)
        if found.rows.size and not found.rows[0]:
            return found
    layout = Learned(*layout_of(spans.data, int(spans.begins[0]), int(spans.ends[0])))
    known[:0] = [layout]
    del known[_LAYOUTS_MOST:]
    return layout.match(spans)


@lru_cache(maxsize=_SENDERS_KEPT)
def _layouts_seen(envelope: bytes) -> list[Learned]:
    """The layouts that fitted lately in such requests, newest first.

    A layout fits or doesn't, whichever span it was made of, so what is remembered here saves time and
    changes nothing.
    """
    del envelope
    return []
