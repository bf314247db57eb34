"""Classes and categories as text, so that `1`, `1.0`, `np.int64(1)` and `"1"` are one class.

Booleans are ``true`` and ``false``; integral numbers have no ``.0``; other numbers are Python's
shortest text; strings stay as they are.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import numpy as np

MAX_TEXT = 256
_MOST_DIGITS = 40
_NUMBERS = (float, int, np.floating, np.integer, Decimal)


def class_text(value: object) -> str | None:  # noqa: PLR0911 - one return per form
    """The canonical text of a class or category.

    Returns:
        Text of at most 256 characters; None where the value is missing (None, NaN, NaT, NA)
        or has no text (infinite, or neither a string, a number nor a boolean).

    >>> class_text(True), class_text(3.0), class_text(2.5), class_text("late"), class_text(None)
    ('true', '3', '2.5', 'late', None)
    """
    if isinstance(value, str):
        return value[:MAX_TEXT] if not isinstance(value, Enum) else class_text(str(value.value))
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, _NUMBERS):
        return _number_text(value)
    if isinstance(value, Enum):
        return class_text(value.value)
    if isinstance(value, np.ndarray) and value.size == 1:
        return class_text(value.item())
    return None


def _number_text(value: float | Decimal | np.floating | np.integer) -> str | None:
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and 0 <= value.adjusted() < _MOST_DIGITS:
        whole = int(value)
        if value == whole:
            return str(whole)  # exact, unlike a float
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return None
    # A float32 keeps the text that it was written as: 0.1, not 0.10000000149011612.
    return (
        str(int(number))
        if number.is_integer()
        else (str(value) if isinstance(value, np.floating) else repr(number))
    )


def class_texts(values: list[object]) -> list[str | None]:
    """`class_text` of many values; each distinct value is converted once."""
    known: dict[tuple[type, object], str | None] = {}
    texts: list[str | None] = []
    for value in values:
        try:
            key = (value.__class__, value)
            if key not in known:
                known[key] = class_text(value)
            text = known[key]
        except Exception:  # noqa: BLE001 - whatever it is, serving must not notice
            text = class_text(value)
        texts.append(text)
    return texts
