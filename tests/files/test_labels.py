"""Cells of a table of labels as truths."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from barograph.times import NOT_A_TIME
from barograph_processor.files.labels import truths_of


def test_numbers_of_a_regression_may_stand_as_text_in_any_file() -> None:
    """As an event's text that reads as a number does."""
    for column in (pa.array(["1.25", "", "7"]), pa.array(["1.25", "", "7"]).dictionary_encode()):
        truth = truths_of(column, np.full(3, NOT_A_TIME), "regression", is_typed=True)
        np.testing.assert_array_equal([1.25, np.nan, 7.0], truth.value)
        assert [True, False, True] == truth.known.tolist()
