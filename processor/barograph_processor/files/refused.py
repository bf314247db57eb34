"""Rows of files that can't be used: how many, why, and where the first of them stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barograph_processor.files.row_files import RowFile
    from barograph_processor.wire.refusals import Refusals


@dataclass(slots=True)
class Refused:
    """Counts over any number of files.

    Attributes:
        counts: Rows by reason (`wire.reasons`).
        first: Reason to where it was met first.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, file: RowFile, row: int, verdicts: Refusals) -> None:
        """Count what was refused.

        Args:
            file: Where the rows stand.
            row: Number of the first of them, from 0.
            verdicts: Over the rows.
        """
        for reason, count in verdicts.counts().items():
            self.note(reason, f"{file.path}, row {row + verdicts.first(reason) + 1:,}", count)

    def note(self, reason: str, where: str, count: int = 1) -> None:
        """Count what was refused for one reason; `where` is told if it is the first."""
        self.counts[reason] += count
        self.first.setdefault(reason, where)
