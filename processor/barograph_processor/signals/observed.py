"""What can be observed of a feature's value: the values of ``ml.feature.state``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from barograph_processor.signals.counts import CategoryCounts

VALID: Final = "valid"
MISSING: Final = "missing"
INVALID: Final = "invalid"
UNSEEN: Final = "unseen"
BELOW: Final = "below"
ABOVE: Final = "above"
SENTINEL: Final = "sentinel"

DISJOINT: Final = (VALID, MISSING, INVALID, SENTINEL, UNSEEN)
"""Every row is in exactly one of these; `BELOW` and `ABOVE` are counted in addition."""


def rows(states: CategoryCounts) -> int:
    """Rows that were observed.

    >>> from barograph_processor.signals.counts import CategoryCounts
    >>> rows(CategoryCounts.of({"valid": 8, "missing": 2, "above": 3}))
    10
    """
    return sum(states.counts.get(name, 0) for name in DISJOINT)
