"""Which rows are drawn: by the id alone, alike everywhere, as often as the rate says."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from barograph.errors import ConfigError
from barograph.feedback import Feedback
from barograph.sampling import drawn, is_drawn, rate_of, share
from barograph.semconv import attributes

from .listening import ListeningSink, monitor
from .row_reading import features, told_rows

ids = st.text(min_size=1, max_size=40)
rates = st.floats(0, 1)


def test_the_share_of_an_id_is_what_the_reference_says() -> None:
    # Made with `printf %s a-17 | sha256sum`: 065b558c8e3cc…, and 0x065b558c8e3cc / 16**13.
    expected = {"a-17": 0x065B558C8E3CC / 16**13, "": 0xE3B0C44298FC1 / 16**13}
    assert expected == {text: share(text) for text in expected}


@given(st.lists(ids, max_size=20), rates)
def test_drawing_many_is_drawing_each(texts: list[str], rate: float) -> None:
    assert [share(text) < rate for text in texts] == drawn(texts, rate)
    assert drawn(texts, rate) == [is_drawn(text, rate) for text in texts]


@given(ids, rates, rates)
def test_what_is_drawn_at_one_rate_is_drawn_at_every_greater_one(text: str, one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert not is_drawn(text, least) or is_drawn(text, most)


@given(ids)
def test_no_rate_draws_nothing_and_the_whole_rate_everything(text: str) -> None:
    assert ([False], [True]) == (drawn([text], 0.0), drawn([text], 1.0))
    assert 0.0 <= share(text) < 1.0


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("form", ["{}", "order-{:08d}", "2026-01-01/{}/a"])
def test_as_many_are_drawn_as_the_rate_says(rate: float, form: str) -> None:
    count = 50_000
    found = sum(drawn([form.format(place) for place in range(count)], rate))
    # 15 cases, ids fixed: bounds that chance leaves with probability 1e-6 each.
    low, high = stats.binom.interval(1 - 1e-6, count, rate)
    assert low <= found <= high


@given(st.one_of(st.integers(-(2**60), 2**60), st.text(max_size=9), st.booleans(), st.none()), rates)
def test_predictions_and_labels_are_drawn_together(given_id: Any, rate: float) -> None:
    predictions, labels = ListeningSink(), ListeningSink()
    watch = monitor(predictions, rows=rate)
    watch.record({"a": 1.0}, "x", ids=[given_id])
    assert watch.flush()
    if given_id is None or given_id == "":
        assert ([], False) == (predictions.told, is_drawn(given_id, rate))
        return
    Feedback("m", sink=labels).observe(id=given_id, value="x")
    (label,) = labels.told
    ((text, row),) = told_rows(predictions.told).items()
    assert text == label.attributes[attributes.ML_INFERENCE_ID]
    is_in = row.get(attributes.ML_FEATURES) is not None
    assert is_in == is_drawn(given_id, rate) == is_drawn(text, rate)


def test_an_id_is_drawn_alike_whatever_its_type() -> None:
    forms = [17, "17", 17.0, np.int64(17), np.float32(17)]
    assert 1 == len({is_drawn(one, share("17") * 1.0001) for one in forms})
    assert is_drawn(17, 0.9) == (int(hashlib.sha256(b"17").hexdigest()[:13], 16) < 0.9 * 16**13)


def test_two_processes_and_both_forms_draw_the_same_rows() -> None:
    found = []
    for form in ("packed", "readable"):
        sink = ListeningSink()
        watch = monitor(sink, rows=0.3, outcomes=form)
        for start in range(0, 200, 50):
            texts = [f"id-{place}" for place in range(start, start + 50)]
            watch.record({"a": list(range(50))}, ["x"] * 50, ids=texts)
        assert watch.flush()
        assert 200 == len(told_rows(sink.told))
        found.append(set(features(sink.told)))
    assert found[0] == found[1] == {f"id-{place}" for place in range(200) if is_drawn(f"id-{place}", 0.3)}


@pytest.mark.parametrize("rows", ["some", "1.5", -0.1, 2, float("nan"), ""])
def test_a_wrong_rate_is_explained(rows: Any) -> None:
    with pytest.raises(ConfigError, match="wanted off, all, or a rate between 0 and 1"):
        rate_of(rows)
