"""Rows by true and predicted class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.counts import OTHER, kept
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.histogram import MAX_COUNT, added, checked_counts, freeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

MAX_LIMIT = 1_000
_FIXED_BYTES = 500
_NAME_BYTES = 60


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionCounts(Framed):
    """Rows by (true class, predicted class), for the `limit` classes whose hashes are least.

    The other classes share the last row and column; how many of their rows were right is
    counted apart, so accuracy is exact however many classes there are. Make one with `zero`; the
    constructor itself trusts its input.

    Attributes:
        classes: The classes that have rows, sorted.
        counts: int64 [k + 1, k + 1], rows by true class (axis 0) and predicted class (axis 1),
            the last of either being all other classes; read-only.
        other_right: Of the rows of two other classes, those whose classes were equal.
        limit: Greatest number of classes.

    >>> confusion = ConfusionCounts.zero().observe(np.array([0, 0, 1]), np.array([0, 1, 1]), ("no", "yes"))
    >>> confusion.right, confusion.rows, confusion.of_class("yes")
    (2, 3, (1, 1, 2))
    """

    KIND: ClassVar[int] = 4

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    other_right: int
    limit: int

    @classmethod
    def zero(cls, limit: int = 100) -> ConfusionCounts:
        """Nothing counted yet.

        Raises:
            StateError: The limit is not in 1 … 1,000.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise StateError(f"a limit of {limit} classes is not possible; allow 1 to {MAX_LIMIT}")
        return cls((), freeze(np.zeros((1, 1), np.int64)), 0, limit)

    def observe(
        self,
        truth: NDArray[np.int32] | NDArray[np.int64],
        predicted: NDArray[np.int32] | NDArray[np.int64],
        classes: Sequence[str],
    ) -> ConfusionCounts:
        """Count more rows.

        Args:
            truth: int [n], index into `classes`; rows with -1 here or in `predicted` are left out.
            predicted: int [n], index into `classes`.
            classes: Distinct classes; ``__other__`` is never taken to be equal to itself.

        Returns:
            New counts; these stay as they are.
        """
        complete = (truth >= 0) & (predicted >= 0)
        if not complete.any():
            return self
        true_codes, predicted_codes = truth[complete].astype(np.int64), predicted[complete].astype(np.int64)
        present = np.union1d(true_codes, predicted_codes)
        names = [classes[code] for code in present.tolist()]
        target, held = _places(names, [name for name in names if name != OTHER], self.limit)
        other = len(held)
        places = (
            target[np.searchsorted(present, true_codes)],
            target[np.searchsorted(present, predicted_codes)],
        )
        size = other + 1
        counts = np.bincount(places[0] * size + places[1], minlength=size * size).reshape(size, size)
        named = np.array([name != OTHER for name in names])[np.searchsorted(present, true_codes)]
        right = int(np.count_nonzero((true_codes == predicted_codes) & (places[0] == other) & named))
        return self.merge(
            ConfusionCounts(held, freeze(counts.astype(np.int64, copy=False)), right, self.limit)
        )

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts.sum())

    @property
    def right(self) -> int:
        """Rows whose predicted class is the true one."""
        return int(np.trace(self.counts[:-1, :-1])) + self.other_right

    def of_class(self, name: str) -> tuple[int, int, int]:
        """Of one class: rows predicted rightly, rows that truly are of it, rows predicted to be.

        All 0 where the class has no rows or is among the others.
        """
        if name not in self.classes:
            return 0, 0, 0
        place = self.classes.index(name)
        return (
            int(self.counts[place, place]),
            int(self.counts[place].sum()),
            int(self.counts[:, place].sum()),
        )

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + self.counts.nbytes + sum(_NAME_BYTES + 4 * len(name) for name in self.classes)

    def merge(self, other: ConfusionCounts) -> ConfusionCounts:
        """The counts of both inputs' rows.

        Raises:
            StateError: The other state has another limit, or is no such counts.
        """
        if type(other) is not ConfusionCounts:
            raise StateError(f"confusion counts merge with confusion counts, got {type(other).__name__}")
        if self.limit != other.limit:
            raise StateError(f"confusion counts of limits {self.limit} and {other.limit} can't be merged")
        right = self.other_right + other.other_right
        if self.classes == other.classes:
            return ConfusionCounts(self.classes, added(self.counts, other.counts), right, self.limit)
        names = sorted({*self.classes, *other.classes})
        parts = []
        for part in (self, other):
            target, held = _places([*part.classes, OTHER], names, self.limit)
            wide = np.zeros((len(held) + 1, len(held) + 1), np.int64)
            np.add.at(wide, (target[:, None], target[None, :]), part.counts)
            pooled = target[:-1] == len(held)
            right += int(np.diagonal(part.counts)[:-1][pooled].sum())
            parts.append(wide)
        return ConfusionCounts(held, added(parts[0], parts[1]), right, self.limit)

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.integer(self.limit)
        content.integer(self.other_right)
        content.integer(len(self.classes))
        for name in self.classes:
            content.text(name)
        content.integers(self.counts.reshape(-1))

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> ConfusionCounts:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no confusion counts.
        """
        limit = parameters.integer(1, MAX_LIMIT)
        other_right = content.integer(0, MAX_COUNT)
        classes = tuple(content.text() for _ in range(content.integer(0, limit)))
        counts = checked_counts(content.integers())
        size = len(classes) + 1
        if len(counts) != size * size:
            raise StateError(f"{size - 1} classes need {size * size} counts, got {len(counts)}")
        table = counts.reshape(size, size)
        used = table.sum(axis=0) + table.sum(axis=1)
        if list(classes) != sorted(set(classes)) or OTHER in classes or not used[:-1].all():
            raise StateError(
                "the classes of a state repeat, are not in order or have no rows; fetch it again"
            )
        if other_right > table[-1, -1]:
            raise StateError("a state counts more right rows than rows; fetch it again")
        return cls(classes, table, other_right, limit)


def _places(
    names: Sequence[str], all_names: Sequence[str], limit: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Where each name goes among the names that stay (the number of these: to the others), and these."""
    stay = tuple(sorted(kept(set(all_names), limit)))
    place = {name: index for index, name in enumerate(stay)}
    return np.array([place.get(name, len(stay)) for name in names], np.int64), stay
