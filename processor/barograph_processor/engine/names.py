"""A bounded set of names in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

NameT = TypeVar("NameT", bound="Hashable")


class Names(Generic[NameT]):
    """Names with the newest pane that each was seen in; those out of use make room for new ones.

    >>> names: Names[str] = Names(limit=1)
    >>> names.admit("a", pane=7, oldest=0), names.admit("b", pane=8, oldest=0)
    (True, False)
    >>> names.admit("b", pane=9, oldest=8)
    True
    """

    __slots__ = ("_limit", "newest")

    def __init__(self, limit: int, newest: Mapping[NameT, int] | None = None) -> None:
        self._limit = limit
        self.newest: dict[NameT, int] = dict(newest or {})

    def admit(self, name: NameT, pane: int, *, oldest: int | None) -> bool:
        """Whether there is room for the name.

        Args:
            name: The name.
            pane: Where it was seen.
            oldest: Names that were last seen before this pane may go; None where none may.
        """
        known = self.newest.get(name)
        if known is None and len(self.newest) >= self._limit:
            if oldest is not None:
                self.newest = {one: last for one, last in self.newest.items() if last >= oldest}
            if len(self.newest) >= self._limit:
                return False
        if known is None or pane > known:
            self.newest[name] = pane
        return True
