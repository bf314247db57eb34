"""Which rows are drawn: by a hash of their id, the same in every process and every language.

The share of an id is the first 13 hex digits of the SHA-256 of its UTF-8 bytes, read as a whole
number and divided by 16**13; a row is drawn where that is less than the rate. 52 bits fit into a
double, so JavaScript and SQL get the same number. What is drawn at one rate is drawn at every
greater one, and a prediction and its label are drawn together.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from barograph.classes import class_text
from barograph.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGITS = 13
_WHOLE = 16.0**_DIGITS
_WORDS = {"off": 0.0, "all": 1.0}


def share(text: str) -> float:
    """The share of an id, at least 0 and below 1.

    >>> share("a-17")
    0.024831148925147595
    """
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return int(digest[:_DIGITS], 16) / _WHOLE


def is_drawn(id: object, rate: float) -> bool:  # noqa: A002 - what it is
    """Whether the rows lane carries the features of a prediction.

    Args:
        id: Id of the prediction, in any form that `Monitor` and `Feedback` take.
        rate: Share of ids that are drawn, between 0 and 1.

    Returns:
        Whether it is drawn; a missing id never is.

    >>> [one for one in range(20) if is_drawn(one, 0.1)] == [
    ...     one for one in range(20) if is_drawn(str(one), 0.1)
    ... ]
    True
    """
    text = class_text(id)
    return bool(text) and text is not None and share(text) < rate


def drawn(ids: Sequence[str], rate: float) -> list[bool]:
    """`is_drawn` of many ids, as they stand on the wire."""
    if rate <= 0.0 or rate >= 1.0:
        return [rate > 0.0] * len(ids)
    # 16**13 is a power of two: the comparison of whole numbers is the comparison of shares.
    below = math.ceil(rate * _WHOLE)
    sha256 = hashlib.sha256
    return [int(sha256(one.encode(errors="replace")).hexdigest()[:_DIGITS], 16) < below for one in ids]


def rate_of(rows: str | float) -> float:
    """Read ``off``, ``all``, or a rate between 0 and 1.

    Raises:
        ConfigError: It is none of those.

    >>> rate_of("off"), rate_of("all"), rate_of("0.1")
    (0.0, 1.0, 0.1)
    """
    known = _WORDS.get(rows.strip().lower()) if isinstance(rows, str) else None
    try:
        rate = float(rows) if known is None else known
    except ValueError:
        rate = math.nan
    if not 0.0 <= rate <= 1.0:
        raise ConfigError(f"rows: got {rows!r}; wanted off, all, or a rate between 0 and 1 such as 0.1")
    return rate
