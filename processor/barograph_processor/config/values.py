"""The scalars that a configuration writes in its own way: durations, windows, secrets."""

from __future__ import annotations

import re
from typing import ClassVar

from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Window

_UNITS = {"ms": SECOND_NS // 1000, "s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
MONTH = "month"


class Duration:
    """A length of time as the user wrote it.

    Attributes:
        text: As written.
        ns: Length in nanoseconds.

    >>> Duration("1h30m").ns == 5_400_000_000_000
    True
    """

    WANTED: ClassVar[str] = "a duration such as 30s, 5m, 1h or 1d"
    __slots__ = ("ns", "text")

    def __init__(self, text: str) -> None:
        """Read a duration.

        Raises:
            ValueError: The text is no duration.
        """
        self.text = text.strip()
        parts = _DURATION.findall(self.text)
        if not parts or "".join(number + unit for number, unit in parts) != self.text:
            raise ValueError(self.WANTED)
        self.ns = round(sum(float(number) * _UNITS[unit] for number, unit in parts))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.ns / SECOND_NS

    def __eq__(self, other: object) -> bool:
        """Equal in length, however written."""
        return isinstance(other, Duration) and other.ns == self.ns

    def __hash__(self) -> int:
        """By length."""
        return hash(self.ns)

    def __str__(self) -> str:
        """As written."""
        return self.text

    def __repr__(self) -> str:
        """As code."""
        return f"Duration({self.text!r})"


class WindowName:
    """A window as the user wrote it: a duration, or ``month`` for calendar months in UTC.

    >>> WindowName("1d").window.length_ns == 86_400_000_000_000
    True
    >>> WindowName("month").window.length_ns
    0
    """

    WANTED: ClassVar[str] = "a window such as 5m, 1h, 1d or month"
    __slots__ = ("window",)

    def __init__(self, text: str) -> None:
        """Read a window.

        Raises:
            ValueError: The text is neither ``month`` nor a positive duration.
        """
        name = text.strip()
        try:
            length = 0 if name == MONTH else Duration(name).ns
        except ValueError as error:
            raise ValueError(self.WANTED) from error
        if length == 0 and name != MONTH:
            raise ValueError(self.WANTED)
        self.window = Window(name, length)

    def __eq__(self, other: object) -> bool:
        """Equal in name."""
        return isinstance(other, WindowName) and other.window == self.window

    def __hash__(self) -> int:
        """By name."""
        return hash(self.window)

    def __str__(self) -> str:
        """As written."""
        return self.window.name

    def __repr__(self) -> str:
        """As code."""
        return f"WindowName({self.window.name!r})"


class Secret:
    """Text that is never shown.

    >>> Secret("abc")
    Secret('****')
    """

    WANTED: ClassVar[str] = "text"
    MASK: ClassVar[str] = "****"
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Equal in text."""
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        """By text."""
        return hash(self._text)

    def __str__(self) -> str:
        """The mask."""
        return self.MASK

    def __repr__(self) -> str:
        """The mask."""
        return f"Secret({self.MASK!r})"


SCALARS: tuple[type[Duration | WindowName | Secret], ...] = (Duration, WindowName, Secret)


def as_text(value: object) -> str:
    """How a scalar of this module is shown; a msgspec `enc_hook`."""
    if isinstance(value, SCALARS):
        return str(value)
    raise NotImplementedError(f"can't show {type(value).__name__}")
