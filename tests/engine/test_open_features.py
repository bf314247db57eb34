"""Features that no baseline describes are counted as one would by hand."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph.exponential import MAX_BUCKETS, indexes
from barograph_processor.engine.batch import FeatureColumn, Features
from barograph_processor.engine.feature_labels import redactor_of
from barograph_processor.engine.feature_rows import PaneRows
from barograph_processor.engine.open_features import OpenPlan
from barograph_processor.engine.settings import Settings

if TYPE_CHECKING:
    from barograph_processor.engine.open_features import OpenColumn

numbers = st.one_of(
    st.floats(),
    st.floats(-2, 2),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1.7e308, float("nan"), float("inf")]),
)
NUMBERS_OF_SIDES = (1, -1)


def by_hand(values: list[float]) -> tuple[object, ...]:
    """What a column of these values counts."""
    finite = [one for one in values if np.isfinite(one)]
    sides = [
        [int(indexes(np.array([abs(one)]))[0]) for one in finite if one * sign > 0]
        for sign in NUMBERS_OF_SIDES
    ]
    shift = 0
    while any(side and (max(side) >> shift) - (min(side) >> shift) >= MAX_BUCKETS for side in sides):
        shift += 1
    buckets = [Counter(one >> shift for one in side) for side in sides]
    total = sum(map(Fraction, finite), Fraction()) * 2**1074
    ends = (min(finite, default=np.inf), max(finite, default=-np.inf))
    return 10 - shift, finite.count(0.0), buckets, total, ends, sum(map(np.isinf, values))


def counted(column: OpenColumn) -> tuple[object, ...]:
    """The same of a column that was counted."""
    held = column.buckets
    buckets = [
        Counter({side.offset + at: count for at, count in enumerate(side.counts.tolist()) if count})
        for side in (held.positive, held.negative)
    ]
    ends = (column.low, column.high)
    return held.scale, held.zeros, buckets, Fraction(column.units), ends, column.invalid


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), numbers, numbers), min_size=1, max_size=60),
    one_pane=st.booleans(),
)
def test_counts_of_columns_and_panes_are_those_by_hand(
    rows: list[tuple[int, float, float]], one_pane: bool
) -> None:
    panes = np.array([0 if one_pane else pane for pane, _, _ in rows])
    columns = {name: [row[place] for row in rows] for place, name in ((1, "a"), (2, "b"))}
    features = Features({name: FeatureColumn(np.array(values)) for name, values in columns.items()})
    some = PaneRows.of(np.arange(len(rows)), panes, len(rows))
    plan = OpenPlan("", redactor_of("m", Settings()))
    for pane, counts in zip(some.panes, plan.count(features, some), strict=True):
        for name, values in columns.items():
            expected = by_hand(
                [value for value, of in zip(values, panes.tolist(), strict=True) if of == pane]
            )
            assert expected == counted(counts.columns[name])
