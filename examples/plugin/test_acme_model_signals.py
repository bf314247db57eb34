"""The laws of barograph, and figures worked out by hand."""

import math

import pytest
from acme_model_signals import Answers, Mistakes

from barograph_processor.signals.api import StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.testing import check_signal


@pytest.mark.parametrize("signal", [Answers(), Mistakes()], ids=lambda each: each.name)
def test_the_laws_hold(signal: object) -> None:
    check_signal(signal)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({"a": 40}, 1.0), ({"a": 20, "b": 20}, 2.0), ({"a": 75, "b": 25}, 4 / 3**0.75), ({"a": 29}, None)],
)
def test_effective_answers(counts: dict[str, int], expected: float | None) -> None:
    view = View({StreamId(StreamKind.PREDICTION_CLASSES): CategoryCounts.of(counts)}, None, 60.0, 40)
    found = [reading.value for reading in Answers().readings(view)]
    assert [] == found if expected is None else math.isclose(expected, found[0])


def test_the_dominant_mistake() -> None:
    signal = Mistakes()
    counts = CategoryCounts.of({"cat as dog": 9, "dog as cat": 3})
    (reading,) = signal.readings(View({StreamId(signal.name): counts}, None, 60.0, 100))
    assert ("acme.mistakes.top.ratio", 0.75, (("acme.confusion", "cat as dog"),)) == reading
