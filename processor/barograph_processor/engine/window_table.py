"""The windows of one key, bounded in number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.window_state import WindowState
from barograph_processor.engine.windows import window_end, window_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.settings import Settings


class WindowTable:
    """Windows by kind (index into the settings' windows) and start.

    Attributes:
        windows: The windows held.
        floors: By kind: windows that end at or before it are over for good.
        touched: Windows that were looked up to be changed since they were last looked after.
        next_ns: No other window needs looking after before the watermark gets here; None: unknown.
    """

    __slots__ = ("_settings", "_tally", "_waits_ns", "floors", "next_ns", "touched", "windows")

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self.windows: dict[tuple[int, int], WindowState] = {}
        self.floors: list[int | None] = [None] * len(settings.windows)
        self.touched: set[tuple[int, int]] = set()
        self.next_ns: int | None = None
        horizons = [max(one.length_ns, settings.lateness_ns) for one in settings.horizons]
        last_ns = max(settings.horizons[-1].length_ns + settings.lateness_ns, settings.ttl_ns)
        self._waits_ns = sorted({settings.lateness_ns, *horizons, settings.ttl_ns + 1, last_ns + 1})

    def around(self, time_ns: int) -> Iterator[WindowState]:
        """The windows that a time lies in, made where they don't exist; not those that are over."""
        for kind, window in enumerate(self._settings.windows):
            state = self.at(kind, window_start(window, time_ns))
            if state is not None:
                yield state

    def at(self, kind: int, start_ns: int) -> WindowState | None:
        """The window of a kind that starts there, to be changed; None where it is over."""
        state = self.windows.get((kind, start_ns))
        if state is not None:
            self.touched.add((kind, start_ns))
            return state
        end_ns = window_end(self._settings.windows[kind], start_ns)
        floor = self.floors[kind]
        if floor is not None and end_ns <= floor:
            return None
        while len(self.windows) >= self._settings.max_windows:
            self._tally.count(Lane.HISTOGRAMS, Reason.WINDOW_LIMIT)
            oldest = min(self.windows, key=lambda one: self.windows[one].end_ns)
            if self.windows[oldest].end_ns >= end_ns:
                return None
            self.remove(*oldest)
        state = self.windows[kind, start_ns] = WindowState(start_ns, end_ns)
        self.touched.add((kind, start_ns))
        return state

    def remove(self, kind: int, start_ns: int) -> None:
        """End a window for good, and those of its kind before it."""
        end_ns = self.windows.pop((kind, start_ns)).end_ns
        floor = self.floors[kind]
        self.floors[kind] = end_ns if floor is None else max(floor, end_ns)

    def over(self, state: WindowState, watermark_ns: int | None) -> bool:
        """Whether neither rows nor labels can change the window any more."""
        if watermark_ns is None:
            return False
        wait_ns = self._settings.horizons[-1].length_ns + self._settings.lateness_ns
        return watermark_ns > state.end_ns + max(wait_ns, self._settings.ttl_ns)

    def take_touched(self) -> list[tuple[int, WindowState]]:
        """Kind and state of the windows that were touched, by end, then kind."""
        names = self.touched & self.windows.keys()
        self.touched = set()
        return self._ordered(names)

    def all(self) -> list[tuple[int, WindowState]]:
        """Kind and state of every window, by end, then kind."""
        self.touched = set()
        return self._ordered(self.windows)

    def ended_by(self, time_ns: int) -> list[tuple[int, WindowState]]:
        """Kind and state of the windows that end at a time or before it, by end, then kind."""
        return self._ordered(name for name, state in self.windows.items() if state.end_ns <= time_ns)

    def plan(self, watermark_ns: int, new: Iterable[WindowState] | None) -> None:
        """Find out when a window has to be looked after next.

        Args:
            watermark_ns: Where event time stands.
            new: Windows that may have come; None: look at all.
        """
        windows = self.windows.values() if new is None else new
        steps = [
            state.end_ns + wait
            for state in windows
            for wait in self._waits_ns
            if state.end_ns + wait > watermark_ns
        ]
        if new is not None and self.next_ns is not None:
            steps.append(self.next_ns)
        self.next_ns = min(steps, default=None)

    def _ordered(self, names: Iterable[tuple[int, int]]) -> list[tuple[int, WindowState]]:
        found = [(kind, self.windows[kind, start_ns]) for kind, start_ns in names]
        return sorted(found, key=lambda one: (one[1].end_ns, one[0]))
