"""A set of integers that is small where they are neighbours."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class IntervalSet:
    """A set of integers, held as the bounds of its runs.

    >>> seen = IntervalSet()
    >>> [seen.add(index) for index in (3, 4, 3, 6, 5)]
    [True, True, False, True, True]
    >>> seen.bounds
    [3, 7]

    Attributes:
        bounds: Start and end (exclusive) of every run, increasing.
    """

    __slots__ = ("bounds",)

    def __init__(self, bounds: Sequence[int] = ()) -> None:
        self.bounds = list(bounds)

    def __contains__(self, index: int) -> bool:
        """Whether the integer was added."""
        return bisect_right(self.bounds, index) % 2 == 1

    def __len__(self) -> int:
        """Number of runs: what the set costs."""
        return len(self.bounds) // 2

    def add(self, index: int) -> bool:
        """Add an integer; False where it was there already."""
        bounds = self.bounds
        if bounds and bounds[-1] == index:
            bounds[-1] = index + 1
            return True
        at = bisect_right(bounds, index)
        if at % 2:
            return False
        joins_left = at > 0 and bounds[at - 1] == index
        joins_right = at < len(bounds) and bounds[at] == index + 1
        if joins_left and joins_right:
            del bounds[at - 1 : at + 1]
        elif joins_left:
            bounds[at - 1] = index + 1
        elif joins_right:
            bounds[at] = index
        else:
            bounds[at:at] = (index, index + 1)
        return True

    def forget_before(self, index: int) -> None:
        """Remove every integer less than `index`."""
        at = bisect_left(self.bounds, index)
        if at % 2:  # `index` lies in a run, or ends it
            if self.bounds[at] == index:
                del self.bounds[: at + 1]
            else:
                self.bounds[:at] = [index]
        else:
            del self.bounds[:at]
