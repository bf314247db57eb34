"""Truth and prediction may name one outcome differently, and still agree."""

from __future__ import annotations

import numpy as np
import pytest

from barograph_processor.signals.api import Joined
from barograph_processor.signals.performance_names import alike

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
