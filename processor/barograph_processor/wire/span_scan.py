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


class _Groups:
    """Spans, of which each layout takes those that have it; no span has two."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._rest = np.arange(len(spans.begins))
        self.left = spans
        self.found: list[Alike] = []

    def take(self, layout: Learned) -> int:
        """Give a layout what it fits of what is left; returns the number of these spans."""
        found = layout.match(self.left)
        if found.rows.size:
            if len(self.found) == _LAYOUTS_MOST:
                raise Odd
            self.found.append(found._replace(rows=self._rest[found.rows]))
            self._rest = np.delete(self._rest, found.rows)
            self.left = self._spans.take(self._rest)
        return len(found.rows)

    def __len__(self) -> int:
        return len(self._rest)


def _groups(spans: Spans, known: list[Learned]) -> list[Alike]:
    """All spans, by layout, in the order of the first of each."""
    groups = _of_known(spans, known)
    while groups and any(layout.learn(groups.left) for layout in tuple(known)):
        groups = _of_known(spans, known)
    while groups:
        left = groups.left
        layout = Learned(*layout_of(left.data, int(left.begins[0]), int(left.ends[0])))
        layout.learn(left)
        known[:0] = [layout]
        if groups.take(layout) * _SHARE_LEAST < len(left.begins):
            raise Odd
    del known[_LAYOUTS_MOST:]
    return sorted(groups.found, key=lambda group: int(group.rows[0]))


def _of_known(spans: Spans, known: list[Learned]) -> _Groups:
    """What is found without looking closer; layouts that have many spans come first the next time."""
    groups = _Groups(spans)
    counts = {layout: groups.take(layout) if groups else 0 for layout in tuple(known)}
    known[:] = sorted(counts, key=lambda layout: -counts[layout])
    return groups


@lru_cache(maxsize=_SENDERS_KEPT)
def _layouts_seen(envelope: bytes) -> list[Learned]:
    """The layouts that fitted lately in such requests, newest first.

    A layout fits or doesn't, whichever span it was made of, so what is remembered here saves time and
    changes nothing.
    """
    del envelope
    return []
