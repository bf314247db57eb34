"""What bits tell of buckets is what the mapping of values to buckets tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph import exponential
from barograph.exponential import OCTAVE
from barograph_processor.engine import open_numbers
from barograph_processor.engine.batch import FeatureColumn, Features
from barograph_processor.engine.feature_labels import redactor_of
from barograph_processor.engine.feature_rows import PaneRows
from barograph_processor.engine.open_features import OpenPlan
from barograph_processor.engine.settings import Settings

from .test_open_features import by_hand, counted

if TYPE_CHECKING:
    import pytest

bound = st.sampled_from([*OCTAVE[::128].tolist(), OCTAVE[1], OCTAVE[1_023], 0.75, 0.6])
magnitude = st.builds(
    lambda bound, exponent, beside: float(np.nextafter(np.ldexp(bound, exponent), beside)),
    bound=bound,
    exponent=st.one_of(st.integers(-3, 3), st.integers(-40, 40)),
    beside=st.sampled_from([0.0, np.inf]),
)
exact = st.builds(lambda bound, exponent: float(np.ldexp(bound, exponent)), bound, st.integers(-9, 9))
number = st.one_of(magnitude, exact, st.sampled_from([0.0, -0.0, 1.0, 3.0, 5e-324, 1.7e308, np.nan, np.inf]))
column = st.one_of(
    st.lists(number, min_size=30, max_size=30),
    st.lists(st.one_of(magnitude, exact), min_size=30, max_size=30),
    st.lists(st.floats(1.0, 1.01), min_size=30, max_size=30),
)


@settings(deadline=None, max_examples=100)
@given(
    columns=st.lists(column, min_size=1, max_size=4),
    signs=st.lists(st.sampled_from([1.0, -1.0]), min_size=30, max_size=30),
    mixed=st.booleans(),
)
def test_counts_are_those_by_hand(columns: list[list[float]], signs: list[float], *, mixed: bool) -> None:
    values = {
        str(place): np.array(numbers) * (np.array(signs) if mixed else 1.0)
        for place, numbers in enumerate(columns)
    }
    some = PaneRows.of(np.arange(30), np.zeros(30, np.int64), 30)
    features = Features({name: FeatureColumn(numbers) for name, numbers in values.items()})
    (found,) = OpenPlan("", redactor_of("m", Settings())).count(features, some)
    for name, numbers in values.items():
        assert by_hand(numbers.tolist()) == counted(found.columns[name])


def test_ordinary_columns_need_no_logarithm(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    columns = [
        rng.normal(size=500),
        rng.exponential(size=500) * 1e9,
        np.arange(500.0),
        np.zeros(500),
        -rng.random(500) - 1.0,
        np.full(500, 0.1),
    ]
    expected = [by_hand(one.tolist()) for one in columns]
    shapes = []
    indexes = exponential.indexes

    def watched(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> object:
        shapes.append(values.shape)
        return indexes(values)

    monkeypatch.setattr(open_numbers, "indexes", watched)
    features = Features({str(place): FeatureColumn(one) for place, one in enumerate(columns)})
    some = PaneRows.of(np.arange(500), np.zeros(500, np.int64), 500)
    (found,) = OpenPlan("", redactor_of("m", Settings())).count(features, some)
    assert expected == [counted(one) for one in found.columns.values()]
    assert {(6, 1)} == set(shapes)  # of the ends of columns alone
