"""Which readings stand on the wire now, and when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph.semconv import attributes
from barograph_processor.engine.batch import Key  # noqa: TC001 msgspec reads the annotations of what is kept
from barograph_processor.engine.results import CurrentReading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.signals.api import Reading


class SlotImage(NamedTuple):
    """What a slot shows, for snapshots; `end_ns` and `until_ns` as in `_Shown`."""

    key: Key
    window: str
    horizon: str
    end_ns: int
    until_ns: int
    readings: list[CurrentReading]


class _Slot(NamedTuple):
    """Whose readings replace each other: those of one key, window and label horizon."""

    key: Key
    window: str
    horizon: str


_SLOTS_MOST = 100_000
_Series = tuple[str, tuple[tuple[str, str], ...], "str | None"]


class _Shown:
    """The readings of the newest window of a slot.

    Attributes:
        end_ns: End of the window.
        until_ns: When they end on the wall clock.
        readings: By series: metric, attributes, baseline. Empty once they have ended; the slot stays,
            so that a revision does not bring them back.
    """

    __slots__ = ("end_ns", "readings", "until_ns")

    def __init__(self, end_ns: int, until_ns: int, readings: dict[_Series, CurrentReading]) -> None:
        self.end_ns = end_ns
        self.until_ns = until_ns
        self.readings = readings


class Board:
    """Readings repeat until the next window of their name closes, or one length plus grace has passed.

    Each label horizon shows its own newest window. A series that isn't continued ends once, so that
    no gauge tells of a model that is dead.
    """

    def __init__(self, grace_ns: int) -> None:
        """Begin empty.

        Args:
            grace_ns: Wall time beyond a window's length that its readings stay.
        """
        self._grace_ns = grace_ns
        self._shown: dict[_Slot, _Shown] = {}
        self._ended: dict[tuple[Key, str, _Series], CurrentReading] = {}

    def update(self, closed: Iterable[ClosedWindow], now_ns: int) -> None:
        """Put up the readings of windows that closed or were revised.

        Args:
            closed: In any order; readings of a window older than what its slot shows are left out.
            now_ns: Time of the wall clock.
        """
        for window in closed:
            slots: dict[str, list[Reading]] = {"": []}
            for reading in window.readings:
                slots.setdefault(_horizon(reading), []).append(reading)
            for horizon, readings in slots.items():
                self._show(_Slot(window.key, window.window, horizon), window, readings, now_ns)

    def current(self, now_ns: int) -> list[CurrentReading]:
        """What is to be exported now; series that end are in it once, with `ended` set.

        Args:
            now_ns: Time of the wall clock.
        """
        for shown in self._shown.values():
            if shown.readings and now_ns >= shown.until_ns:
                self._end(shown.readings.items())
                shown.readings = {}
        if len(self._shown) > _SLOTS_MOST:
            self._shown = {slot: shown for slot, shown in self._shown.items() if shown.readings}
        standing = [one for shown in self._shown.values() for one in shown.readings.values()]
        ended, self._ended = list(self._ended.values()), {}
        return standing + ended

    def image(self) -> list[SlotImage]:
        """What stands, for snapshots."""
        return [
            SlotImage(*slot, shown.end_ns, shown.until_ns, list(shown.readings.values()))
            for slot, shown in self._shown.items()
        ]

    def load(self, image: Iterable[SlotImage]) -> None:
        """Show what another board showed."""
        for one in image:
            readings = {_series(each): each for each in one.readings}
            slot = _Slot(one.key, one.window, one.horizon)
            self._shown[slot] = _Shown(one.end_ns, one.until_ns, readings)

    def _show(self, slot: _Slot, window: ClosedWindow, readings: Sequence[Reading], now_ns: int) -> None:
        before = self._shown.get(slot)
        if before is not None and window.end_ns < before.end_ns + (not before.readings):
            return
        made = [
            CurrentReading(window.key, window.window, window.baseline_id, reading, window.end_ns, ended=False)
            for reading in readings
        ]
        found = {_series(one): one for one in made}
        until_ns = now_ns + window.end_ns - window.start_ns + self._grace_ns
        if before is not None:
            if window.end_ns == before.end_ns:  # a revision is no new sign of life
                until_ns = before.until_ns
            self._end((name, one) for name, one in before.readings.items() if name not in found)
        for name in found:
            self._ended.pop((slot.key, slot.window, name), None)
        self._shown[slot] = _Shown(window.end_ns, until_ns, found)

    def _end(self, readings: Iterable[tuple[_Series, CurrentReading]]) -> None:
        for name, one in readings:
            self._ended[one.key, one.window, name] = one._replace(ended=True)


def _series(one: CurrentReading) -> _Series:
    return one.reading.metric, one.reading.attributes, one.baseline_id


def _horizon(reading: Reading) -> str:
    return next(_values(reading.attributes), "")


def _values(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (value for name, value in named if name == attributes.ML_LABEL_HORIZON)
