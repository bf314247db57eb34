"""Counts by name, bounded without losing exactness."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.histogram import MAX_COUNT, summed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

OTHER = "__other__"
MAX_LIMIT = 1_000_000
_FIXED_BYTES = 300
_BOUNDED_AT = 4  # times the limit
_ENTRY_BYTES = 200  # a slot of the mapping, an int, the text's header


@dataclass(frozen=True, slots=True, eq=False)
class CategoryCounts(Framed):
    """Rows by category: those of the `limit` names whose hashes are least, and the rest together.

    Which names stay depends on the names alone: one that stays in the end has one of the least hashes
    of all, so it stayed in every part, and its count is exact. Hence merging is exact in any order.
    Make one with `zero` or `of`; the constructor itself trusts its input.

    Attributes:
        counts: Name to rows, above 0; read-only.
        other: Rows of names that did not stay, and of ``__other__``.
        limit: Greatest number of names.

    >>> morning = CategoryCounts.of({"EWR": 3, "JFK": 1})
    >>> evening = CategoryCounts.of({"JFK": 2, "__other__": 5})
    >>> both = morning.merge(evening)
    >>> dict(both.counts), both.other, both.total
    ({'EWR': 3, 'JFK': 3}, 5, 11)
    """

    KIND: ClassVar[int] = 3

    counts: Mapping[str, int]
    other: int
    limit: int

    @classmethod
    def zero(cls, limit: int = 1_000) -> CategoryCounts:
        """Nothing counted yet.

        Raises:
            StateError: The limit is not in 1 … 1,000,000.
        """
        return cls.of({}, limit)

    @classmethod
    def of(cls, counts: Mapping[str, int], limit: int = 1_000) -> CategoryCounts:
        """Counts by name; names with 0 rows are left out.

        Raises:
            StateError: A count is negative, there are more than 2**62 rows, or the limit is not possible.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise StateError(f"a limit of {limit} names is not possible; allow 1 to {MAX_LIMIT}")
        held = {name: int(count) for name, count in counts.items() if count}
        if held and (min(held.values()) < 0):
            raise StateError("counts must be at least 0; the source's counts are not possible")
        return _bounded(held, 0, limit)

    def observe_codes(
        self, codes: NDArray[np.int32] | NDArray[np.int64], values: Sequence[str]
    ) -> CategoryCounts:
        """Count a column of codes.

        Args:
            codes: int [n], index into `values`; -1 (missing) is not counted.
            values: The names; repeated ones count together.

        Returns:
            New counts; these stay as they are.
        """
        rows = np.bincount(codes[codes >= 0], minlength=len(values)).tolist()
        found: dict[str, int] = {}
        for name, count in zip(values, rows, strict=True):
            if count:
                found[name] = found.get(name, 0) + count
        return self.merge(_bounded(found, 0, self.limit))

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.counts.values()) + self.other

    @property
    def rows(self) -> int:
        """All rows."""
        return self.total

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + sum(_ENTRY_BYTES + 4 * len(name) for name in self.counts)

    def merge(self, other: CategoryCounts) -> CategoryCounts:
        """The counts of both inputs' rows.

        Raises:
            StateError: The other state has another limit, or is no such counts.
        """
        if type(other) is not CategoryCounts:
            raise StateError(f"category counts merge with category counts, got {type(other).__name__}")
        if self.limit != other.limit:
            raise StateError(f"counts of limits {self.limit} and {other.limit} can't be merged")
        held = dict(self.counts)
        for name, count in other.counts.items():
            held[name] = held.get(name, 0) + count
        return _bounded(held, self.other + other.other, self.limit)

    @classmethod
    def together(cls, parts: Sequence[CategoryCounts]) -> CategoryCounts:
        """What merging parts one by one gives, two at least.

        Raises:
            StateError: As of `merge`.
        """
        limit = parts[0].limit
        if any(type(part) is not cls or part.limit != limit for part in parts):
            return reduce(cls.merge, parts)
        held: dict[str, int] = {}
        other = 0
        for part in parts:
            other += part.other
            for name, count in part.counts.items():
                held[name] = held.get(name, 0) + count
            if len(held) > _BOUNDED_AT * limit:
                bounded = _bounded(held, other, limit)
                held, other = dict(bounded.counts), bounded.other
        return _bounded(held, other, limit)

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.integer(self.limit)
        content.integer(self.other)
        content.integer(len(self.counts))
        for name in sorted(self.counts):
            content.text(name)
            content.integer(self.counts[name])

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> CategoryCounts:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no category counts.
        """
        limit = parameters.integer(1, MAX_LIMIT)
        other = content.integer(0, MAX_COUNT)
        names = content.integer(0, limit)
        held: dict[str, int] = {}
        for _ in range(names):
            name = content.text()
            held[name] = content.integer(1, MAX_COUNT)
        if len(held) != names or OTHER in held or list(held) != sorted(held):
            raise StateError("the names of a state repeat or are not in order; fetch it again")
        return cls(MappingProxyType(held), other, limit)


@lru_cache(maxsize=65_536)
def rank(name: str) -> bytes:
    """What decides which names stay, the least first: BLAKE2b-64 of the name, then the name itself."""
    encoded = name.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=8, person=b"bg-categories").digest() + encoded


def kept(names: set[str], limit: int) -> set[str]:
    """The `limit` of the names that rank least."""
    if len(names) <= limit:
        return names
    return set(islice(sorted(names, key=rank), limit))


def _bounded(held: dict[str, int], other: int, limit: int) -> CategoryCounts:
    """Counts within the limit; takes `held` over."""
    pooled = other + held.pop(OTHER, 0)
    if len(held) > limit:
        stay = kept(set(held), limit)
        pooled += sum(count for name, count in held.items() if name not in stay)
        held = {name: count for name, count in held.items() if name in stay}
    summed(pooled, *held.values())
    return CategoryCounts(MappingProxyType(held), pooled, limit)
