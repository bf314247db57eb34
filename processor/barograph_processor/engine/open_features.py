"""Rows counted without a baseline's features: numbers in exponential buckets, texts by label.

A feature's kind is not asked here, because it would depend on which rows came first: numbers and
texts are both counted, and `kinds` tells from a whole window which of them are values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph.categories import CategoryPlan
from barograph.exponential import MAX_BUCKETS, MAX_SCALE, indexes
from barograph_processor.engine.feature_labels import LabelCounts
from barograph_processor.engine.feature_rows import CELLS_AT_ONCE
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exact import ExactSum, units_of_parts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.exponential_buckets import Buckets, Side
from barograph_processor.signals.histogram import freeze

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from numpy.typing import NDArray

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
_NOWHERE: Final = np.iinfo(np.int64).max // 4
_COLUMN_BYTES: Final = 1_200
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
        found = [OpenCounts(self.basis, int(count)) for count in rows.counts]
        names = list(features.columns)
        block = max(CELLS_AT_ONCE // len(rows.rows), 1)
        for begin in range(0, len(names), block):
            some = names[begin : begin + block]
            values = np.array([rows.numbers(features.columns[name]) for name in some])
            for name, parts in zip(some, _numbers(values, rows), strict=True):
                for one, part in zip(found, parts, strict=True):
                    one.columns[name] = part
        for name, column in features.columns.items():
            if column.texts is not None:
                self._count_texts(name, rows.texts_by_pane(column.texts), found)
        return found

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


class _Signed(NamedTuple):
    """Buckets of one sign of some columns.

    Attributes:
        first: int64 [columns, panes], the least bucket at the finest scale.
        last: The greatest, less than the least where there is none.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]


def _numbers(values: NDArray[np.float64], rows: PaneRows) -> list[list[OpenColumn]]:
    """Counts of the numbers of columns by rows, by column and pane; takes `values` over."""
    finite = np.isfinite(values)
    invalid = rows.count(np.isinf(values)).tolist()
    low = rows.least(np.where(finite, values, np.inf))
    high = rows.greatest(np.where(finite, values, -np.inf))
    values[~finite] = 0.0
    units = units_of_parts(values, rows.starts)
    buckets = _buckets(values, finite, rows, (low, high))
    lows, highs = low.tolist(), high.tolist()
    shape = range(len(values)), range(len(rows.starts))
    return [
        [
            OpenColumn(
                buckets[column][pane],
                units[column][pane],
                lows[column][pane],
                highs[column][pane],
                invalid[column][pane],
            )
            for pane in shape[1]
        ]
        for column in shape[0]
    ]


def _buckets(
    values: NDArray[np.float64],
    finite: NDArray[np.bool_],
    rows: PaneRows,
    extremes: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[list[Buckets]]:
    """Buckets by column and pane; `values` are 0 where they aren't finite."""
    low, high = extremes
    negative, zero = values < 0, values == 0
    magnitudes = np.abs(values)
    least = np.where(zero, np.inf, magnitudes)
    sides = [
        _signed(rows.least(np.where(negative, np.inf, least)), high),
        _signed(rows.least(np.where(negative, least, np.inf)), -low),
    ]
    zeros = rows.count(finite & zero).tolist()
    panes = len(rows.starts)
    shift = np.zeros((len(values), panes), np.int64)
    while (wide := _too_wide(sides, shift)).any():
        shift += wide
    begins = [side.first >> shift for side in sides]
    size = len(values) * panes * MAX_BUCKETS
    cell = np.arange(0, size, MAX_BUCKETS).reshape(len(values), panes)
    cells = indexes(magnitudes) >> _by_row(shift, rows)
    cells += np.where(negative, _by_row(size + cell - begins[1], rows), _by_row(cell - begins[0], rows))
    cells[zero] = 2 * size  # no bucket of theirs is read
    counted = np.bincount(cells.reshape(-1), minlength=2 * size + 1)[:-1]
    parts = [
        (begin.tolist(), ((side.last >> shift) - begin + 1).tolist(), counts)
        for side, begin, counts in zip(
            sides, begins, counted.reshape(2, len(values), panes, MAX_BUCKETS), strict=True
        )
    ]
    return [
        [
            Buckets(
                MAX_SCALE - int(shift[column, pane]),
                zeros[column][pane],
                *(
                    Side(begin[column][pane], freeze(counts[column, pane, : length[column][pane]].copy()))
                    if length[column][pane] > 0
                    else Side()
                    for begin, length, counts in parts
                ),
            )
            for pane in range(panes)
        ]
        for column in range(len(values))
    ]


def _signed(least: NDArray[np.float64], greatest: NDArray[np.float64]) -> _Signed:
    """The buckets of a sign, by the magnitudes at its ends; none where the greatest isn't above 0."""
    there = greatest > 0
    first, last = (indexes(np.where(there, ends, 1.0)) for ends in (least, greatest))
    return _Signed(np.where(there, first, _NOWHERE), np.where(there, last, -_NOWHERE))


def _by_row(of_pane: NDArray[np.int64], rows: PaneRows) -> NDArray[np.int64]:
    """A number of each pane as one of each row."""
    return of_pane if len(rows.starts) == 1 else of_pane[:, rows.pane_of]


def _too_wide(sides: list[_Signed], shift: NDArray[np.int64]) -> NDArray[np.bool_]:
    wide = np.zeros(shift.shape, np.bool_)
    for side in sides:
        wide |= (side.last >> shift) - (side.first >> shift) >= MAX_BUCKETS
    return wide
