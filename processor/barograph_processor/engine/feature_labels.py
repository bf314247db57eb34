"""Categories of features by the names that they are counted under, as sources send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.redact import Redactor, is_hashed
from barograph_processor.signals.counts import OTHER, CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.settings import Settings

_LABELS_MOST = 4_000
_LABEL_BYTES = 150


class RowRedactor(Redactor):
    """Names categories of rows as their source would have; what came hashed stays as it is."""

    def category(self, column: str, text: str) -> str:
        """As `Redactor.category`."""
        return text if is_hashed(text) else super().category(column, text)


def redactor_of(model: str, settings: Settings) -> RowRedactor:
    """The redactor of a model's rows, with the key and the clear columns of its sources."""
    return RowRedactor(model, key=settings.hash_key, clear=settings.clear)


class LabelCounts:
    """Rows by label, in bounded memory without losing exactness (`CategoryCounts`)."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    @classmethod
    def of(cls, state: CategoryCounts) -> LabelCounts:
        """The labels of a state."""
        counts = cls()
        counts._counts = {**state.counts, OTHER: state.other} if state.other else dict(state.counts)
        return counts

    def add(self, label: str, rows: int) -> None:
        """Count rows of one label."""
        self._counts[label] = self._counts.get(label, 0) + rows
        if len(self._counts) > _LABELS_MOST:
            bounded = self.state()
            self._counts = {**bounded.counts, OTHER: bounded.other}

    def merge(self, other: LabelCounts) -> None:
        """Count what other counts hold."""
        for label, rows in other.counts.items():
            self.add(label, rows)

    @property
    def counts(self) -> Mapping[str, int]:
        """Label to rows."""
        return self._counts

    @property
    def size_bytes(self) -> int:
        """Estimate of the memory held, in bytes."""
        return _LABEL_BYTES * len(self._counts)

    def state(self) -> CategoryCounts:
        """The labels as a state."""
        return CategoryCounts.of(self._counts)
