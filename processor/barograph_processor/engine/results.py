"""What the engine gives: closed windows, and the readings that are current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from barograph_processor.engine.batch import Key  # noqa: TC001 msgspec reads the annotations of what is kept
from barograph_processor.signals.api import Reading  # noqa: TC001 likewise

Status = Literal["ok", "warning", "insufficient_data", "learning"]


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A window that was closed, or whose readings were revised.

    Attributes:
        key: Whose it is.
        window: Name of the window, as configured.
        start_ns: Start, Unix nanoseconds.
        end_ns: End, exclusive.
        revision: 0 at the first closing.
        status: State of the monitor in this window.
        baseline_id: What the readings compare with, or None.
        readings: All readings known so far, of every horizon that has passed.
    """

    key: Key
    window: str
    start_ns: int
    end_ns: int
    revision: int
    status: Status
    baseline_id: str | None
    readings: tuple[Reading, ...]


class CurrentReading(NamedTuple):
    """A reading as it stands on the wire now.

    Attributes:
        key: Whose it is.
        window: Name of the window.
        baseline_id: What it compares with, or None.
        reading: The figure; its attributes include the horizon and segment where it has them.
        end_ns: End of the window that it belongs to.
        ended: True once: the series ends here (NO_RECORDED_VALUE).
    """

    key: Key
    window: str
    baseline_id: str | None
    reading: Reading
    end_ns: int
    ended: bool


def readings_of(window: ClosedWindow) -> list[CurrentReading]:
    """The readings of one window, each by itself."""
    return [
        CurrentReading(window.key, window.window, window.baseline_id, one, window.end_ns, ended=False)
        for one in window.readings
    ]
