"""Cells of any Arrow type, compared with what the instrumentation makes of the same values."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from barograph.classes import class_texts
from barograph.columns import numbers
from barograph.times import times_ns
from barograph_processor.files.cells import classes_of, feature_of, ids_of, numbers_of, times_of

NOON = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=timezone.utc)
COLUMNS = {
    "whole": pa.array([1, -2, None, 2**53]),
    "small": pa.array([1, 2, None], pa.uint8()),
    "float": pa.array([1.0, 2.5, math.nan, math.inf, None, -0.0]),
    "single": pa.array([0.1, 3.0, None], pa.float32()),
    "flag": pa.array([True, False, None]),
    "long": pa.array(
        [Decimal(1152921504606846977), Decimal(1152921504606846976), None], pa.decimal128(38, 0)
    ),
    "decimal": pa.array([Decimal("1.50"), Decimal("2.00"), None]),
    "text": pa.array(["a", "", None, "1", "1.0"]),
    "large": pa.array(["a", None], pa.large_string()),
    "coded": pa.array(["a", "b", None, "a", ""]).dictionary_encode(),
    "nothing": pa.nulls(3),
    "moment": pa.array([NOON, None], pa.timestamp("us", "UTC")),
    "day": pa.array([date(2026, 3, 1), None]),
}


def plain(name: str) -> list[object]:
    """The cells as Python values; empty text is missing, as when a baseline is fitted."""
    return [None if value == "" else value for value in COLUMNS[name].to_pylist()]


@pytest.mark.parametrize("name", COLUMNS)
def test_classes_have_the_texts_that_serving_code_gives_them(name: str) -> None:
    wanted = class_texts([str(one) if isinstance(one, date) else one for one in plain(name)])
    if name == "single":
        wanted = class_texts(COLUMNS[name].cast(pa.float64()).to_pylist())
    assert wanted == classes_of(COLUMNS[name], is_typed=True).to_pylist()


@pytest.mark.parametrize("name", COLUMNS)
def test_features_are_what_serving_code_sees(name: str) -> None:
    column = feature_of(COLUMNS[name], is_typed=True)
    cells = plain(name)
    texts = [one if isinstance(one, str) else None for one in cells]
    wanted = numbers([None if isinstance(one, str) else one for one in cells])
    np.testing.assert_array_equal(wanted, column.numbers)
    if column.texts is None:
        assert not any(texts)
    else:
        values = (*column.texts.values, None)
        assert texts == [values[code] for code in column.texts.codes]


@pytest.mark.parametrize("name", COLUMNS)
def test_text_among_numbers_is_invalid(name: str) -> None:
    np.testing.assert_array_equal(numbers(plain(name)), numbers_of(COLUMNS[name], is_typed=True))


def test_text_of_csv_that_reads_as_a_number_is_one() -> None:
    column = pa.array(["1.0", "2", "-3e2", "many", "", None, "inf"])
    feature = feature_of(column, is_typed=False)
    np.testing.assert_array_equal([1, 2, -300, *[math.nan] * 4], feature.numbers)
    assert feature.texts is not None
    values = (*feature.texts.values, None)
    assert [None] * 3 + ["many", None, None, "inf"] == [values[code] for code in feature.texts.codes]
    np.testing.assert_array_equal(
        [1, 2, -300, math.inf, math.nan, math.nan, math.inf], numbers_of(column, is_typed=False)
    )
    assert ["1", "2", "-300", "many", None, None, "inf"] == classes_of(column, is_typed=False).to_pylist()


@pytest.mark.parametrize(
    "cells",
    [
        ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z"],
        ["2026-03-01 12:00:00", "2026-03-01"],
        ["2026-03-01T12:00:00+01:00", "2026-03-01T12:00:00Z", None],
        ["soon", "2026-03-01T12:00:00", "1772366400"],
        [1_772_366_400, None, 1_772_366_400_000, -1],
        [1_772_366_400_000_000_000, 1],
        [1_772_366_400.25, math.nan, None, math.inf, 1_772_366_400.0],
        [NOON, None],
        [date(2026, 3, 1), None],
        [None, None],
        [True, False],
    ],
)
def test_times_are_those_of_the_instrumentation(cells: list[object]) -> None:
    np.testing.assert_array_equal(times_ns(cells), times_of(pa.array(cells)))


def test_ids_stay_as_they_are_written() -> None:
    assert ["007", None, None, "1.0"] == ids_of(pa.array(["007", "", None, "1.0"])).to_pylist()
    assert ["7", None, "12345678901234567"] == ids_of(pa.array([7, None, 12345678901234567])).to_pylist()
    assert ["7", None, "8"] == ids_of(pa.array([7.0, None, 8.0])).to_pylist()
