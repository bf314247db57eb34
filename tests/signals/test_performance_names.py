"""Truth and prediction may name one outcome differently, and still agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from barograph_processor.signals.api import Joined
from barograph_processor.signals.performance_names import alike, of_other_names

NAN = float("nan")


def rows(classes: tuple[str, ...], truth: list[int], predicted: list[int], value: list[float]) -> Joined:
    count = len(truth)
    nothing = np.full(count, NAN)
    return Joined(
        classes=classes,
        truth_class=np.array(truth, np.int32),
        predicted_class=np.array(predicted, np.int32),
        score=nothing,
        scores=np.empty((count, 0)),
        score_classes=(),
        truth_value=np.array(value, np.float64),
        predicted_value=nothing,
        delay_s=nothing,
    )


def names(joined: Joined) -> list[str | None]:
    return [None if code < 0 else joined.classes[code] for code in joined.truth_class.tolist()]


def test_words_of_the_truth_become_the_digits_of_the_prediction() -> None:
    found = alike(rows(("0", "1", "false", "true"), [3, 2, 3], [1, 1, 0], [NAN] * 3))
    assert ["1", "0", "1"] == names(found)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_numbers_of_the_truth_become_the_words_of_the_prediction(value: float) -> None:
    found = alike(rows(("false", "true"), [-1], [1], [value]))
    assert ["true" if value else "false"] == names(found)


def test_other_classes_and_rows_without_prediction_stay() -> None:
    given = rows(("0", "1", "cat", "true"), [2, 3, 3], [1, 2, -1], [NAN, NAN, NAN])
    assert ["cat", "true", "true"] == names(alike(given))


def test_other_numbers_stay_numbers() -> None:
    found = alike(rows(("false", "true"), [-1], [0], [7.0]))
    assert [None] == names(found)
    assert [7.0] == found.truth_value.tolist()


@pytest.mark.parametrize("truth", ["False", "NO", "negative", "false"])
def test_outcomes_told_in_other_words_become_those_of_the_prediction(truth: str) -> None:
    found = alike(rows(("0", "1", truth), [2, 2], [1, 0], [NAN] * 2))
    assert ["0", "0"] == names(found)
    assert ["no"] == names(alike(rows(("yes", truth), [1], [0], [NAN])))


def test_whole_numbers_are_written_as_the_prediction_writes_them() -> None:
    """A program that wrote numbers from a column with gaps says 1.0."""
    found = alike(rows(("1.0", "2.0"), [-1, -1, -1], [0, 0, 1], [1, 2, 2.5]))
    assert ["1.0", "2.0", None] == names(found)
    found = alike(rows(("1", "1.0", "0.0", "cat"), [1, 2, 1, 1], [0, 0, 3, -1], [1, 0, 1, 1]))
    assert ["1", "0", "1.0", "1.0"] == names(found)


def test_a_numbered_class_that_a_score_decided_for_is_not_compared_with_a_name() -> None:
    given = rows(("0", "1", "fraud", "7"), [2, 2, 3, 0, 2], [1, 2, 0, 1, 0], [NAN, NAN, 7, 0, NAN])
    assert [False] * 5 == of_other_names(given).tolist()  # the classes were given
    scored = replace(given, score=np.full(5, 0.75))
    assert [True, False, False, False, True] == of_other_names(scored).tolist()
