"""Rows counted without a baseline's features: numbers in exponential buckets, texts by label.

A feature's kind is not asked here, because it would depend on which rows came first: numbers and
texts are both counted, and `kinds` tells from a whole window which of them are values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from barograph.categories import CategoryPlan
from barograph.exponential import MAX_BUCKETS, MAX_SCALE
from barograph_processor.engine.feature_labels import LabelCounts
from barograph_processor.engine.feature_rows import CELLS_AT_ONCE
from barograph_processor.engine.open_numbers import number_counts
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exact import ExactSum
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.exponential_buckets import Buckets, Side

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from barograph_processor.engine.batch import Features
    from barograph_processor.engine.feature_labels import RowRedactor
    from barograph_processor.engine.feature_rows import PaneRows
    from barograph_processor.engine.window_state import States

FEATURE_ROWS: Final = "feature.rows"
"""Kind of the streams that say what rows hold: `NUMBER`, `TEXT` and `INVALID` by feature, and under the
name ``""`` how many rows there are. Only the engine knows them."""
NUMBER: Final = "number"
TEXT: Final = "text"
INVALID: Final = "invalid"
_COLUMN_BYTES: Final = 1_200
_CELLS_OF_A_PANE: Final = 2**17
_ROWS_APART: Final = 512  # of a pane, from which on it is faster to count it by itself
_PLANS_MOST: Final = 10_000


class OpenPlan:
    """How features that no baseline describes are counted.

    Attributes:
        basis: Id of the baseline, where there is one without features; else ``""``.
    """

    def __init__(self, basis: str, redactor: RowRedactor) -> None:
        self.basis = basis
        self._redactor = redactor
        self._labels: dict[str, CategoryPlan] = {}

    @property
    def pane_bytes(self) -> int:
        """What counts of a pane take at first, in bytes."""
        return _COLUMN_BYTES * max(len(self._labels), 1)

    def count(self, features: Features, rows: PaneRows) -> list[OpenCounts]:
        """Count some rows; the counts of each pane."""
        if 1 < len(rows.panes) <= len(rows.rows) // _ROWS_APART:
            return [one for part in rows.parts(1) for one in self.count(features, part)]
        found = [OpenCounts(self.basis, int(count)) for count in rows.counts]
        self._count_numbers(features, rows, found)
        for name, column in features.columns.items():
            if column.texts is not None:
                self._count_texts(name, rows.texts_by_pane(column.texts), found)
        return found

    @staticmethod
    def _count_numbers(features: Features, rows: PaneRows, into: list[OpenCounts]) -> None:
        names = []
        for name, column in features.columns.items():
            if column.texts is None or not np.isnan(column.numbers).all():
                names.append(name)
            for one in into:
                one.columns[name] = OpenColumn.nothing()
        most = _CELLS_OF_A_PANE if len(rows.panes) == 1 else CELLS_AT_ONCE
        block = min(max(most // len(rows.rows), 1), len(names))
        spare = np.empty((block, len(rows.rows)))
        for begin in range(0, len(names), max(block, 1)):
            some = names[begin : begin + block]
            values = spare[: len(some)]
            for place, name in enumerate(some):
                values[place] = rows.numbers(features.columns[name])
            for name, parts in zip(some, number_counts(values, rows), strict=True):
                for one, part in zip(into, parts, strict=True):
                    one.columns[name] = OpenColumn(*part)

    def _count_texts(self, name: str, texts: Iterator[tuple[int, str, int]], into: list[OpenCounts]) -> None:
        plan = self._labels.get(name)
        if plan is None:
            if len(self._labels) >= _PLANS_MOST:
                self._labels.clear()
            plan = self._labels[name] = CategoryPlan(name, None, self._redactor)
        for pane, text, rows in texts:
            column = into[pane].columns[name]
            if column.labels is None:
                column.labels = LabelCounts()
            column.labels.add(plan.classify(text)[1] or "", rows)
            column.texts += rows


class OpenColumn:
    """Counts of one feature in some rows.

    Attributes:
        buckets: Its numbers.
        units: Their sum, in units of 2**-1074.
        low: The least of them, +inf where there is none.
        high: The greatest, -inf where there is none.
        invalid: Values that are neither numbers nor texts.
        texts: Rows with a text.
        labels: Its texts; None where there is none.
    """

    __slots__ = ("buckets", "high", "invalid", "labels", "low", "texts", "units")

    def __init__(self, buckets: Buckets, units: int, low: float, high: float, invalid: int) -> None:
        self.buckets = buckets
        self.units = units
        self.low = low
        self.high = high
        self.invalid = invalid
        self.texts = 0
        self.labels: LabelCounts | None = None

    @classmethod
    def nothing(cls) -> OpenColumn:
        """No rows."""
        return cls(Buckets(MAX_SCALE), 0, math.inf, -math.inf, 0)

    @property
    def numbers(self) -> int:
        """Rows with a number."""
        sides = (self.buckets.positive.counts, self.buckets.negative.counts)
        return self.buckets.zeros + sum(int(counts.sum()) for counts in sides)

    def merge(self, other: OpenColumn) -> None:
        """Count what other counts hold."""
        self.buckets = self.buckets.plus(other.buckets, MAX_BUCKETS)
        self.units += other.units
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.invalid += other.invalid
        self.texts += other.texts
        if other.labels is not None:
            if self.labels is None:
                self.labels = LabelCounts()
            self.labels.merge(other.labels)


class OpenCounts:
    """Counts of features without a baseline, of some rows.

    Attributes:
        basis: As `OpenPlan.basis`.
        rows: How many rows.
        columns: By feature.
    """

    __slots__ = ("basis", "columns", "rows")

    def __init__(self, basis: str, rows: int = 0) -> None:
        self.basis = basis
        self.rows = rows
        self.columns: dict[str, OpenColumn] = {}

    @property
    def size_bytes(self) -> int:
        """Estimate of the memory held, in bytes."""
        labels = (one.labels for one in self.columns.values())
        return _COLUMN_BYTES * (1 + len(self.columns)) + sum(
            0 if one is None else one.size_bytes for one in labels
        )

    def merge(self, other: OpenCounts) -> None:
        """Count what other counts hold."""
        self.rows += other.rows
        for name, column in other.columns.items():
            held = self.columns.get(name)
            if held is None:
                self.columns[name] = column
            else:
                held.merge(column)

    def keep(self, names: Container[str]) -> None:
        """Count these features alone: no batch of the rows named the others."""
        self.columns = {name: column for name, column in self.columns.items() if name in names}

    @classmethod
    def of_states(cls, states: States) -> OpenCounts:
        """The counts that `to_states` was called on."""
        counts = cls("")
        for stream, state in states.items():
            counts.basis = stream.basis
            column = counts.columns.setdefault(stream.name, OpenColumn.nothing())
            if isinstance(state, ExponentialHistogram):
                positive = Side(state.positive_offset, state.positive)
                negative = Side(state.negative_offset, state.negative)
                column.buckets = Buckets(state.scale, state.zero_count, positive, negative)
                column.units, column.low, column.high = state.total.units, state.low, state.high
            elif isinstance(state, CategoryCounts) and stream.kind == StreamKind.FEATURE_CATEGORIES:
                column.labels = LabelCounts.of(state)
                column.texts = state.total
            elif isinstance(state, CategoryCounts):
                column.invalid = state.counts.get(INVALID, 0)
                counts.rows += state.counts.get("", 0)
        del counts.columns[""]
        return counts

    def to_states(self) -> States:
        """The states of the rows; `kinds.resolved` makes of `FEATURE_ROWS` what others understand."""
        found: States = {
            StreamId(FEATURE_ROWS, basis=self.basis): CategoryCounts.of({"": self.rows}),
        }
        for name, column in self.columns.items():
            numbers = column.numbers
            if numbers:
                found[StreamId(StreamKind.FEATURE_VALUE, name, basis=self.basis)] = ExponentialHistogram(
                    column.buckets.scale,
                    column.buckets.zeros,
                    *column.buckets.positive,
                    *column.buckets.negative,
                    ExactSum(column.units),
                    column.low + 0.0,
                    column.high + 0.0,
                )
            if column.labels is not None:
                stream = StreamId(StreamKind.FEATURE_CATEGORIES, name, basis=self.basis)
                found[stream] = column.labels.state()
            told = {NUMBER: numbers, TEXT: column.texts, INVALID: column.invalid}
            found[StreamId(FEATURE_ROWS, name, basis=self.basis)] = CategoryCounts.of(told)
        return found
