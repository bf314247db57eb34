"""Exact sums against `math.fsum` and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import StateError
from barograph_processor.signals.exact import ExactSum, multiply, sum_of, units_of_parts

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = (
    st.floats(min_value=1e-30, max_value=1e30) | st.floats(min_value=-1e30, max_value=-1e-30) | st.just(0.0)
)


def fsum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:  # fsum refuses what overflows on the way, a correctly rounded sum need not
        return float("nan")


@given(st.lists(finite))
def test_a_sum_is_the_correctly_rounded_one(values: list[float]) -> None:
    expected = fsum(values)
    found = ExactSum.of(np.array(values, dtype=np.float64))
    assert sum((Fraction(value) for value in values), Fraction()) == found.fraction
    if not math.isnan(expected):
        assert expected == float(found)


@given(st.data(), st.integers(1, 3), st.integers(1, 12), st.sampled_from([finite, moderate]))
def test_parts_of_columns_are_summed_apart(
    data: st.DataObject, columns: int, rows: int, values: st.SearchStrategy[float]
) -> None:
    table = np.array([[data.draw(values) for _ in range(rows)] for _ in range(columns)])
    cuts = sorted(data.draw(st.sets(st.integers(1, rows)))) if rows > 1 else []
    starts = [0, *(cut for cut in cuts if cut < rows)]
    expected = [
        [sum(ExactSum.of_float(value).units for value in part) for part in np.split(column, starts[1:])]
        for column in table
    ]
    assert expected == units_of_parts(table, np.array(starts))


@given(st.lists(finite), st.lists(finite))
def test_sums_add_up(first: list[float], second: list[float]) -> None:
    both = ExactSum.of(np.array(first + second, dtype=np.float64))
    assert both == ExactSum.of(np.array(first, dtype=np.float64)) + ExactSum.of(
        np.array(second, dtype=np.float64)
    )


@given(st.lists(finite))
def test_bytes_round_trip(values: list[float]) -> None:
    total = ExactSum.of(np.array(values, dtype=np.float64))
    assert total == ExactSum.from_bytes(total.to_bytes())


@given(finite)
def test_one_double_is_its_own_sum(value: float) -> None:
    assert value == float(ExactSum.of_float(value))


@given(st.binary(max_size=600))
def test_other_bytes_are_refused_or_read_as_written(data: bytes) -> None:
    try:
        total = ExactSum.from_bytes(data)
    except StateError:
        return
    assert data == total.to_bytes()


def test_a_sum_beyond_doubles_is_infinite_and_comes_back() -> None:
    huge = ExactSum.of(np.full(3, np.finfo(np.float64).max))
    assert math.inf == float(huge)
    assert float(np.finfo(np.float64).max) == float(huge + ExactSum.of(np.full(2, -np.finfo(np.float64).max)))


def test_a_long_column_is_summed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("barograph_processor.signals.exact._BLOCK", 7)
    values = np.random.default_rng(1).normal(size=100) * 1e9
    assert math.fsum(values) == float(ExactSum.of(values))


def test_a_strided_column_is_summed() -> None:
    table = np.random.default_rng(2).normal(size=(50, 4))
    assert math.fsum(table[:, 2]) == float(ExactSum.of(table[:, 2]))


def test_the_sum_of_a_point_must_be_finite() -> None:
    with pytest.raises(StateError, match="finite"):
        ExactSum.of_float(math.nan)


@given(st.lists(st.tuples(moderate, moderate), min_size=1))
def test_products_are_exact(pairs: list[tuple[float, float]]) -> None:
    left, right = (np.array(column) for column in zip(*pairs, strict=True))
    expected = sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction())
    assert expected == sum_of(multiply((left,), (right,))).fraction


@given(st.lists(moderate, min_size=1))
def test_fourth_powers_are_exact(values: list[float]) -> None:
    column = (np.array(values),)
    squares = multiply(column, column)
    assert (
        sum((Fraction(value) ** 4 for value in values), Fraction())
        == sum_of(multiply(squares, squares)).fraction
    )
