"""Rows counted as a source with the baseline counts them: on its edges and in its vocabulary."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from barograph.categories import CategoryPlan
from barograph.errors import StateError
from barograph.exactsum import units_of
from barograph.explicit import ExplicitPlan
from barograph_processor.engine.feature_labels import LabelCounts
from barograph_processor.engine.feature_rows import CELLS_AT_ONCE
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exact import ExactSum
from barograph_processor.signals.histogram import ExplicitHistogram, freeze

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Feature
    from barograph_processor.engine.batch import Features
    from barograph_processor.engine.feature_labels import RowRedactor
    from barograph_processor.engine.feature_rows import PaneRows
    from barograph_processor.engine.window_state import States

    Counts = NDArray[np.int64] | NDArray[np.uint32] | NDArray[np.uint16]

_EXACT = 2.0**52  # twice as much fits a double, so a pane's and a batch's sums can be added
_NUMBER_STATES = (
    observed.VALID,
    observed.MISSING,
    observed.INVALID,
    observed.SENTINEL,
    observed.BELOW,
    observed.ABOVE,
)
_MISSING = 1
_UNIT_BITS = 1_074
_FIXED_BYTES = 1_500


class KnownPlan:
    """How the features of a baseline are counted.

    Attributes:
        basis: Id of the baseline.
        features: The features, in the baseline's order.
        numbers: The numeric ones.
        categories: The categorical ones.
        edges: Edges of each numeric feature.
        grid: float64, grid of each numeric feature; 0 where it has none.
        unit: The same in units of 2**-1074.
        stride: Cells of a numeric feature: its buckets, and one for values that are in none.
    """

    def __init__(self, basis: str, features: Sequence[Feature], redactor: RowRedactor) -> None:
        self.basis = basis
        self.features = tuple(features)
        self.numbers = [one for one in features if one.kind == "number"]
        self.categories = [one for one in features if one.kind == "category"]
        self.edges = [_edges(one) for one in self.numbers]
        self._explicit = ExplicitPlan(
            [one.tolist() for one in self.edges], [one.grid for one in self.numbers]
        )
        self.grid = self._explicit.grid
        self.unit = [_units_in(float(one)) for one in self.grid]
        self.stride = self._explicit.width + 1
        self._low = np.array([-np.inf if one.low is None else one.low for one in self.numbers])
        self._high = np.array([np.inf if one.high is None else one.high for one in self.numbers])
        self._sentinels = {
            place: np.array(one.sentinels) for place, one in enumerate(self.numbers) if one.sentinels
        }
        self._labels = [CategoryPlan(one.name, one.categories, redactor) for one in self.categories]

    @property
    def pane_bytes(self) -> int:
        """What counts of a pane take at first, in bytes."""
        return _FIXED_BYTES + len(self.numbers) * 8 * (self.stride + len(_NUMBER_STATES) + 3)

    def count(self, features: Features, rows: PaneRows) -> list[KnownCounts]:
        """Count some rows; the counts of each pane."""
        found = [KnownCounts(self, rows=int(count)) for count in rows.counts]
        present = [place for place, one in enumerate(self.numbers) if one.name in features.columns]
        for begin, end in _runs(present, max(CELLS_AT_ONCE // len(rows.rows), 1)):
            values = np.empty((end - begin, len(rows.rows)))
            for place, one in enumerate(self.numbers[begin:end]):
                column = features.columns[one.name]
                values[place] = rows.numbers(column)
                if column.texts is not None:
                    values[place, rows.codes(column.texts) >= 0] = np.inf
            self._count_numbers(begin, values, rows, found)
        for place, (one, plan) in enumerate(zip(self.categories, self._labels, strict=True)):
            if one.name in features.columns:
                column = features.columns[one.name]
                numbers = rows.numbers(column)
                for pane, text, count in rows.texts_by_pane(column.texts):
                    found[pane].add_category(place, *plan.classify(text), count)
                for pane, number, count in rows.numbers_by_pane(numbers):
                    found[pane].add_category(place, *plan.classify(number), count)
                for pane, count in enumerate(rows.count(np.isinf(numbers)[None])[0].tolist()):
                    found[pane].add_category(place, observed.INVALID, None, count)
        return found

    def _count_numbers(
        self, first: int, values: NDArray[np.float64], rows: PaneRows, into: list[KnownCounts]
    ) -> None:
        """Count columns by rows, from the numeric feature `first` on; takes `values` over."""
        end = first + len(values)
        held = np.isfinite(values)
        missing = sentinel = np.zeros((len(values), len(into)), np.int64)
        every = bool(held.all())
        if not every:
            missing = rows.count(np.isnan(values))
        for place, stand_ins in self._sentinels.items():
            if first <= place < end and (hit := np.isin(values[place - first], stand_ins)).any():
                if not sentinel.any():
                    sentinel = np.zeros_like(missing)
                sentinel[place - first] = rows.count(hit[None])[0]
                held[place - first] &= ~hit
                every = False
        low, high = self._low[first:end, None], self._high[first:end, None]
        if every:
            lowest, highest = rows.least(values), rows.greatest(values)
            below, above = rows.count(values < low), rows.count(values > high)
        else:
            lowest = rows.least(np.where(held, values, np.inf))
            highest = rows.greatest(np.where(held, values, -np.inf))
            below, above = rows.count((values < low) & held), rows.count((values > high) & held)
            values[~held] = 0.0
        cells = self._explicit.buckets_of(first, values)
        if not every:
            cells[~held] = self.stride - 1
        cells += np.arange(0, len(values) * self.stride, self.stride)[:, None]
        size = len(values) * self.stride
        if len(into) > 1:
            cells += rows.pane_of * size
        counts = np.bincount(cells.ravel(), minlength=len(into) * size).reshape(len(into), -1, self.stride)
        valid = np.broadcast_to(rows.counts, missing.shape) if every else rows.count(held)
        invalid = rows.counts - valid - missing - sentinel
        states = np.stack([valid, missing, invalid, sentinel, below, above])
        for pane, one in enumerate(into):
            one.counts[first:end, :-1] = counts[pane, :, :-1]
            one.states[:, first:end] = states[:, :, pane]
            one.low[first:end], one.high[first:end] = lowest[:, pane], highest[:, pane]
        self._sum(first, values, rows, into)

    def _sum(self, first: int, values: NDArray[np.float64], rows: PaneRows, into: list[KnownCounts]) -> None:
        """Sum columns by rows in units of their grids; what a double can't hold goes to integers."""
        grid = self.grid[first : first + len(values)]
        units = units_of(values.T, grid).T
        greatest = np.maximum(units.max(axis=1), -units.min(axis=1))
        with np.errstate(over="ignore", invalid="ignore"):
            sums = rows.total(units)
            small = (greatest * rows.counts.max() < _EXACT) & (grid > 0)
        sums[~small] = 0.0
        for pane, one in enumerate(into):
            one.units[first : first + len(values)] = sums[:, pane]
        for place in np.flatnonzero(~small).tolist():
            for one, some, its_units in zip(
                into,
                np.split(values[place], rows.starts[1:]),
                np.split(units[place], rows.starts[1:]),
                strict=True,
            ):
                one.large[first + place] = _whole_units(some, its_units, float(grid[place]))


class KnownCounts:
    """Counts of all features of a baseline, of some rows.

    Attributes:
        plan: What is counted how.
        rows: How many rows.
        counts: int [numbers, cells].
        states: int [6, numbers]: valid, missing, invalid, sentinel, below, above.
        low: float64 [numbers], the least valid value, +inf where there is none.
        high: float64 [numbers], the greatest, -inf where there is none.
        units: float64 [numbers], sums in units of the grid, whole numbers below 2**53.
        large: Numeric feature to what `units` can't hold: further units; where there is no grid, units of
            2**-1074.
        labels: Of each categorical feature.
        category_states: Of each categorical feature, the missing ones left out.
    """

    __slots__ = (
        "category_states",
        "counts",
        "high",
        "labels",
        "large",
        "low",
        "plan",
        "rows",
        "states",
        "units",
    )

    def __init__(self, plan: KnownPlan, *, rows: int = 0) -> None:
        numbers = len(plan.numbers)
        self.plan = plan
        self.rows = rows
        self.counts: Counts = np.zeros((numbers, plan.stride), np.int64)
        self.states: Counts = np.zeros((len(_NUMBER_STATES), numbers), np.int64)
        self.states[_MISSING] = rows  # until something else is known
        self.low = np.full(numbers, np.inf)
        self.high = np.full(numbers, -np.inf)
        self.units = np.zeros(numbers)
        self.large: dict[int, int] = {}
        self.labels = [LabelCounts() for _ in plan.categories]
        self.category_states: list[dict[str, int]] = [{} for _ in plan.categories]

    def add_category(self, place: int, state: str, label: str | None, rows: int) -> None:
        """Count rows of one value of a categorical feature."""
        if rows:
            states = self.category_states[place]
            states[state] = states.get(state, 0) + rows
            if label is not None:
                self.labels[place].add(label, rows)

    @property
    def size_bytes(self) -> int:
        """Estimate of the memory held, in bytes."""
        arrays = (self.counts, self.states, self.low, self.high, self.units)
        return _FIXED_BYTES + sum(one.nbytes for one in arrays) + sum(one.size_bytes for one in self.labels)

    def merge(self, other: KnownCounts) -> None:
        """Count what other counts of the same plan hold."""
        self.rows += other.rows
        self.counts = self.counts + other.counts.astype(np.int64)
        self.states = self.states + other.states.astype(np.int64)
        np.minimum(self.low, other.low, out=self.low)
        np.maximum(self.high, other.high, out=self.high)
        self.units += other.units
        for column, units in other.large.items():
            self.large[column] = self.large.get(column, 0) + units
        for column in np.flatnonzero(np.abs(self.units) >= _EXACT).tolist():
            self.large[column] = self.large.get(column, 0) + int(self.units[column])
            self.units[column] = 0.0
        for mine, its in zip(self.labels, other.labels, strict=True):
            mine.merge(its)
        for states, more in zip(self.category_states, other.category_states, strict=True):
            for state, rows in more.items():
                states[state] = states.get(state, 0) + rows

    def compact(self) -> None:
        """Take as little memory as the counts allow."""
        self.counts = _narrow(self.counts)
        self.states = _narrow(self.states)

    def total_units(self, column: int) -> int:
        """Sum of a numeric feature's valid values, in units of 2**-1074.

        What is beyond 2**53 units of the grid is rounded to a double, as a source's point is.
        """
        grid = float(self.plan.grid[column])
        units = int(self.units[column])
        if column not in self.large:
            return units * self.plan.unit[column]
        units += self.large[column]
        if not grid:
            return units
        try:
            return ExactSum.of_float(float(units * Fraction(grid))).units
        except OverflowError:
            return units * self.plan.unit[column]


def to_states(parts: Sequence[KnownCounts], kinds: Container[str]) -> States:
    """The states that a source's histograms would have been, of some kinds of streams.

    Args:
        parts: Counts of one plan, at least one.
        kinds: Kinds of streams.
    """
    plan = parts[0].plan
    every = parts[0]
    if len(parts) > 1:
        every = KnownCounts(plan)
        for part in parts:
            every.merge(part)
    found: States = {}
    if StreamKind.FEATURE_VALUE in kinds:
        found |= _histograms(every, parts)
    if StreamKind.FEATURE_CATEGORIES in kinds:
        for one, labels in zip(plan.categories, every.labels, strict=True):
            if labels.counts:
                stream = StreamId(StreamKind.FEATURE_CATEGORIES, one.name, basis=plan.basis)
                found[stream] = labels.state()
    if StreamKind.FEATURE_STATES in kinds:
        for one, counted in zip(plan.numbers, every.states.T.tolist(), strict=True):
            stream = StreamId(StreamKind.FEATURE_STATES, one.name, basis=plan.basis)
            found[stream] = CategoryCounts.of(dict(zip(_NUMBER_STATES, counted, strict=True)))
        for one, states in zip(plan.categories, every.category_states, strict=True):
            stream = StreamId(StreamKind.FEATURE_STATES, one.name, basis=plan.basis)
            missing = every.rows - sum(states.values())
            found[stream] = CategoryCounts.of({**states, observed.MISSING: missing})
    return found


def _histograms(every: KnownCounts, parts: Sequence[KnownCounts]) -> States:
    plan = every.plan
    rounded = {column for part in parts for column in part.large}
    found: States = {}
    for column, (one, edges) in enumerate(zip(plan.numbers, plan.edges, strict=True)):
        counts = every.counts[column, : len(edges) + 1].astype(np.int64)
        if counts.any():
            summed = parts if column in rounded else [every]
            total = ExactSum(sum(part.total_units(column) for part in summed))
            low, high = float(every.low[column]) + 0.0, float(every.high[column]) + 0.0
            stream = StreamId(StreamKind.FEATURE_VALUE, one.name, basis=plan.basis)
            found[stream] = ExplicitHistogram(edges, freeze(counts), total, low, high)
    return found


def _edges(feature: Feature) -> NDArray[np.float64]:
    """The feature's edges; none where they are not possible."""
    try:
        return ExplicitHistogram.zero(feature.edges).edges
    except StateError:
        return ExplicitHistogram.zero(()).edges


def _runs(places: Sequence[int], longest: int) -> Iterator[tuple[int, int]]:
    """Begin and end of consecutive places, at most so many at once.

    >>> list(_runs([0, 1, 2, 4], longest=2))
    [(0, 2), (2, 3), (4, 5)]
    """
    begin = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1 or at - begin == longest:
            yield places[begin], places[at - 1] + 1
            begin = at


def _whole_units(values: NDArray[np.float64], units: NDArray[np.float64], grid: float) -> int:
    """Sum of values in units of the grid, or of 2**-1074 where there is none."""
    if not grid:
        return ExactSum.of(values).units
    finite = np.isfinite(units)
    beyond = sum(round(Fraction(value) / Fraction(grid)) for value in values[~finite].tolist())
    return beyond + (ExactSum.of(units[finite]).units >> _UNIT_BITS)


def _units_in(grid: float) -> int:
    numerator, denominator = grid.as_integer_ratio()
    return numerator * ((1 << _UNIT_BITS) // denominator)


def _narrow(counts: Counts) -> Counts:
    greatest = int(counts.max(initial=0))
    if greatest < 2**16:
        return counts.astype(np.uint16)
    return counts.astype(np.uint32) if greatest < 2**32 else counts
