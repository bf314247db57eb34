"""How far the event time of one key has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Watermark:
    """The least over (source, lane) of the greatest event time seen, idle ones left out.

    Where every source is idle, event time runs on at the wall clock's speed from the greatest
    time seen, so that the windows and horizons of a model that died come to their end, and a
    replay of old data that pauses doesn't jump to today.

    >>> mark = Watermark(idle_ns=10)
    >>> mark.observe("a", "outcomes", time_ns=100, now_ns=1000)
    >>> mark.observe("b", "outcomes", time_ns=70, now_ns=1000)
    >>> mark.advance(1005), mark.advance(1011), mark.advance(1030)
    (70, 101, 120)

    Attributes:
        time_ns: Where the watermark stands, None before the first event. It never goes back.
    """

    __slots__ = ("_idle_ns", "_seen", "time_ns")

    def __init__(self, idle_ns: int) -> None:
        self._idle_ns = idle_ns
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        self.time_ns: int | None = None

    def observe(self, source: str, lane: str, *, time_ns: int, now_ns: int) -> None:
        """Note an event; its time counts at most as the wall clock's."""
        before = self._seen.get((source, lane))
        time_ns = min(time_ns, now_ns)
        self._seen[source, lane] = (time_ns if before is None else max(before[0], time_ns), now_ns)

    def advance(self, now_ns: int) -> int | None:
        """Move on to where the sources are, and give the new time."""
        active: int | None = None
        newest: tuple[int, int] | None = None
        for time_ns, heard_ns in self._seen.values():
            if now_ns - heard_ns <= self._idle_ns:
                active = time_ns if active is None else min(active, time_ns)
            newest = (
                (time_ns, heard_ns) if newest is None else (max(newest[0], time_ns), max(newest[1], heard_ns))
            )
        if active is None and newest is not None:
            active = newest[0] + (now_ns - newest[1] - self._idle_ns)
        if active is not None and (self.time_ns is None or active > self.time_ns):
            self.time_ns = active
        return self.time_ns

    def forget_before(self, time_ns: int, now_ns: int) -> list[str]:
        """Forget idle sources whose every event is older than `time_ns`; gives the names that are gone."""
        gone = set()
        for (source, lane), (seen_ns, heard_ns) in list(self._seen.items()):
            if seen_ns < time_ns and now_ns - heard_ns > self._idle_ns:
                del self._seen[source, lane]
                gone.add(source)
        return sorted(gone - self.sources())

    def sources(self) -> set[str]:
        """Every source that is remembered."""
        return {source for source, _ in self._seen}

    def entries(self) -> list[tuple[str, str, int, int]]:
        """(source, lane, greatest event time, when it was last heard), for snapshots."""
        return [(*name, *seen) for name, seen in self._seen.items()]

    def load(self, time_ns: int | None, entries: Iterable[tuple[str, str, int, int]]) -> None:
        """Take over what another watermark had seen."""
        self.time_ns = time_ns
        self._seen = {(source, lane): (seen_ns, heard_ns) for source, lane, seen_ns, heard_ns in entries}

    def wake(self, now_ns: int) -> None:
        """Count the silence of every source from now on."""
        self._seen = {name: (seen_ns, now_ns) for name, (seen_ns, _) in self._seen.items()}
