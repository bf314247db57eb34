"""Panes of event time, and the slices that several flushes of one pane are told apart by."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy.typing as npt

    from barograph.points import Sink

NS_PER_S = 10**9
NS_PER_MS = 10**6
_REMEMBERED = 4_096


class PaneRows(NamedTuple):
    """Rows of one pane: a slice, so many rows long."""

    pane: int
    part: slice
    rows: int


def split(times: npt.NDArray[np.int64], pane_ns: int) -> tuple[npt.NDArray[np.intp] | None, list[PaneRows]]:
    """Tell rows apart by pane.

    Returns:
        The order that brings rows of one pane together (None: they are), and a slice a pane.
    """
    panes = times // pane_ns
    first = int(panes[0])
    if bool((panes == first).all()):
        return None, [PaneRows(first * pane_ns, slice(0, len(panes)), len(panes))]
    order = None
    if bool((panes[1:] < panes[:-1]).any()):
        order = np.argsort(panes, kind="stable")
        panes = panes[order]
    starts = np.flatnonzero(np.append(True, panes[1:] != panes[:-1]))
    ends = np.append(starts[1:], len(panes))
    return order, [
        PaneRows(int(panes[begin]) * pane_ns, slice(begin, end), end - begin)
        for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


class Slices:
    """Numbers the flushes of every pane of one stream, so that no slice is used twice.

    Panes that are forgotten (beyond 4,096) leave their number behind as the least that any
    unknown pane begins with.
    """

    def __init__(self, pane_ns: int) -> None:
        self._pane_ns = pane_ns
        self._next: OrderedDict[int, int] = OrderedDict()
        self._floor = 0
        self._lock = threading.Lock()

    def take(self, pane: int) -> tuple[int, int] | None:
        """Start and end of the next slice of a pane; None when it has no more."""
        with self._lock:
            k = self._next.pop(pane, self._floor)
            if (k + 1) * NS_PER_MS > self._pane_ns:
                self._next[pane] = k
                return None
            self._next[pane] = k + 1
            if len(self._next) > _REMEMBERED:
                _, forgotten = self._next.popitem(last=False)
                self._floor = max(self._floor, forgotten)
        start = pane + k * NS_PER_MS
        return start, start + NS_PER_MS


class SliceBook:
    """The slices of every stream of this process: two monitors of one model share them."""

    def __init__(self) -> None:
        self._by_sink: WeakKeyDictionary[Sink, dict[Hashable, Slices]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, sink: Sink, key: Hashable, pane_ns: int) -> Slices:
        """The slices of a stream that goes to a sink."""
        with self._lock:
            slices = self._by_sink.setdefault(sink, {})
            return slices.setdefault((key, pane_ns), Slices(pane_ns))
