"""The nearest right word, for messages."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


_ALIKE: Final = 0.65  # swapped and missing letters; what is less alike is another word


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, with a leading semicolon, or nothing.

    >>> nearest("taks", ["labels", "task"])
    '; did you mean task?'
    >>> nearest("fairness", ["baseline", "segments"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=_ALIKE)
    return f"; did you mean {close[0]}?" if close else ""
