"""Every state obeys every law."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph_processor.signals import codec
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.laws import LAWS, Rows, Subject
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_scores import EDGES, ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.api import State

EDGES_OF_FEATURE = np.array([-1e300, -2.5, 0.0, 5e-324, 1.0, 7.0])
NAMES = ("EWR", "JFK", "", "__other__", "LGA", "é", "\udc80", "a" * 300)

finite = st.floats(allow_nan=False, allow_infinity=False)
near = st.one_of(st.sampled_from([0.0, -0.0, 1.0, 2.0, 5e-324, *EDGES_OF_FEATURE.tolist()]), finite)
any_double = st.one_of(near, st.sampled_from([math.nan, math.inf, -math.inf]))
codes = st.integers(-1, len(NAMES) - 1)
scores = st.one_of(
    st.floats(0, 1), st.sampled_from([*EDGES[::97].tolist(), 1.0, -0.1, 1.5, math.nan, math.inf])
)
shares = st.floats(0, 1)


class Entry(NamedTuple):
    """A state and the rows that it is tried with."""

    subject: Subject[Any]
    row: st.SearchStrategy[Any]


def columns(observe: Callable[..., State], *types: type) -> Callable[[State, Sequence[Any]], State]:
    """Rows as columns, each of its type."""

    def wrapped(state: State, rows: Sequence[Any]) -> State:
        tuples = [row if isinstance(row, tuple) else (row,) for row in rows]
        arrays: list[NDArray[Any]] = [
            np.array([row[i] for row in tuples], dtype=kind) for i, kind in enumerate(types)
        ]
        for array in arrays:
            array.setflags(write=False)
        return observe(state, *arrays)

    return wrapped


def entry(
    name: str,
    zero: State,
    observe: Callable[[State, Sequence[Any]], State],
    row: st.SearchStrategy[Any],
    limit: int,
    *unlike: State,
) -> Entry:
    return Entry(Subject(name, zero, observe, limit, unlike), row)


CATEGORIES = columns(lambda state, found: state.observe_codes(found, NAMES), np.int32)
CONFUSION = columns(lambda state, truth, found: state.observe(truth, found, NAMES), np.int32, np.int32)
VALUES = columns(lambda state, values: state.observe(values), np.float64)
NONE = CategoryCounts.zero()


def explicit_points(state: State, points: Sequence[Any]) -> State:
    for counts, low in points:
        state = state.merge(ExplicitHistogram.from_point([0.0, 1.0], counts, sum(counts) / 8, low))
    return state


def exponential_points(state: State, points: Sequence[Any]) -> State:
    for scale, zeros, offset, positive, negative in points:
        total = sum(positive) - sum(negative) / 4
        state = state.merge(
            ExponentialHistogram.from_point(
                scale, zeros, offset, positive, -offset, negative, total, max_buckets=8
            )
        )
    return state


counts_of_point = st.lists(st.integers(0, 2**40), max_size=12)
REGISTRY = (
    entry(
        "explicit from points",
        ExplicitHistogram.zero([0.0, 1.0]),
        explicit_points,
        st.tuples(st.tuples(*[st.integers(0, 2**40)] * 3), st.none() | finite),
        2_000,
    ),
    entry(
        "exponential from points",
        ExponentialHistogram.zero(max_buckets=8),
        exponential_points,
        st.tuples(
            st.integers(-2, 24), st.integers(0, 9), st.integers(-200, 200), counts_of_point, counts_of_point
        ),
        2_000,
    ),
    entry(
        "explicit",
        ExplicitHistogram.zero(EDGES_OF_FEATURE),
        VALUES,
        near,
        2_000,
        ExplicitHistogram.zero(EDGES_OF_FEATURE[1:]),
        ExplicitHistogram.zero(EDGES_OF_FEATURE * 2),
        NONE,
    ),
    entry("explicit without edges", ExplicitHistogram.zero([]), VALUES, near, 2_000, NONE),
    entry(
        "exponential",
        ExponentialHistogram.zero(),
        VALUES,
        near,
        5_000,
        ExponentialHistogram.zero(max_buckets=159),
        NONE,
    ),
    entry("exponential of 4 buckets", ExponentialHistogram.zero(5, max_buckets=4), VALUES, near, 2_000),
    entry("categories", CategoryCounts.zero(), CATEGORIES, codes, 5_000, CategoryCounts.zero(3)),
    entry("three categories", CategoryCounts.zero(3), CATEGORIES, codes, 4_000),
    entry(
        "confusion",
        ConfusionCounts.zero(),
        CONFUSION,
        st.tuples(codes, codes),
        10_000,
        ConfusionCounts.zero(2),
    ),
    entry("confusion of two classes", ConfusionCounts.zero(2), CONFUSION, st.tuples(codes, codes), 4_000),
    entry(
        "scores",
        ScoreCounts.zero(),
        columns(lambda state, *rows: state.observe(*rows), np.float64, np.bool_),
        st.tuples(scores, st.booleans()),
        60_000,
        NONE,
    ),
    entry(
        "probabilities",
        ProbabilityErrors.zero(),
        columns(lambda state, *rows: state.observe(*rows), np.float64, np.float64),
        st.tuples(shares, shares),
        4_000,
        NONE,
    ),
    entry(
        "regression",
        RegressionErrors.zero(),
        columns(lambda state, *rows: state.observe(*rows), np.float64, np.float64),
        st.tuples(any_double, any_double),
        8_000,
        NONE,
    ),
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("tried", REGISTRY, ids=lambda tried: tried.subject.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_state_obeys(
    tried: Entry, law: Callable[[Subject[Any], Rows[Any]], None], data: st.DataObject
) -> None:
    part = st.lists(tried.row, max_size=30)
    law(tried.subject, Rows(data.draw(part), data.draw(part), data.draw(part)))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("tried", REGISTRY, ids=lambda tried: tried.subject.name)
def test_a_state_of_no_rows_obeys(tried: Entry, law: Callable[[Subject[Any], Rows[Any]], None]) -> None:
    law(tried.subject, Rows([], [], []))


def test_every_state_that_the_codec_reads_is_tried() -> None:
    tried = {int.from_bytes(codec.encode(tried.subject.zero)[6:8], "little") for tried in REGISTRY}
    assert tried == {kind for kind in codec.kinds() if kind < codec.FIRST_PLUGIN_KIND}
