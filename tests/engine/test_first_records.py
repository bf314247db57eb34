"""Records made for a batch at once are those made one by one."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph_processor.engine.batch import Predictions
from barograph_processor.engine.first_records import first_records
from barograph_processor.engine.pending import COUNTED, FEATURED, decode_prediction, decode_record, encode
from barograph_processor.engine.pending_columns import predictions_of

from .world import KEY, texts

numbers = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0, float("nan")]))
words = st.one_of(st.none(), st.sampled_from(["", "0", "1", "größe", "x" * 300]))


@st.composite
def batches(draw: st.DrawFn) -> Predictions:
    """Predictions of any kind."""
    count = draw(st.integers(1, 80))
    width = draw(st.sampled_from([0, 1, 3, 20]))
    early = draw(st.booleans())
    times = st.integers(0 if early else 2**32, 2**63 - 1)

    def column(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), np.float64)

    def names() -> list[str | None]:
        return draw(st.lists(words, min_size=count, max_size=count))

    return Predictions(
        key=KEY._replace(output=draw(st.sampled_from(["", "eta"]))),
        source="a",
        ids=[str(number) for number in range(count)],
        time_ns=np.array(draw(st.lists(times, min_size=count, max_size=count)), np.int64),
        classes=texts(names()),
        score=column(numbers),
        scores=np.array([column(numbers) for _ in range(width)]).reshape(width, count).T,
        score_classes=tuple(str(number) for number in range(width)),
        value=column(numbers),
        segments={name: texts(names()) for name in draw(st.sets(st.sampled_from(["a", "b", "other"])))},
    )


@settings(deadline=None, max_examples=200)
@given(data=st.data(), batch=batches())
def test_records_made_together_and_one_by_one_have_the_same_bytes(
    data: st.DataObject, batch: Predictions
) -> None:
    count = len(batch.time_ns)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1))))
    choice = st.sampled_from([0, COUNTED, COUNTED | FEATURED])
    flags = data.draw(st.lists(choice, min_size=len(rows), max_size=len(rows)))
    segments = data.draw(st.sampled_from([(), ("a",), ("b", "a", "absent")]))
    expected = [
        encode((((encode(one), flag),), ()))
        for one, flag in zip(predictions_of(batch, rows, segments), flags, strict=True)
    ]
    assert expected == first_records(batch, rows, np.array(flags), segments).tolist()


def test_a_pattern_serves_rows_of_a_kind() -> None:
    count = 4_000
    rng = np.random.default_rng(1)
    batch = Predictions(
        key=KEY,
        source="a",
        ids=[str(number) for number in range(count)],
        time_ns=2**60 + np.arange(count),
        classes=texts([str(number % 3) for number in range(count)]),
        score=rng.random(count),
        scores=np.empty((count, 0)),
        score_classes=(),
        value=np.full(count, np.nan),
        segments={"region": texts([None if number % 5 else "north" for number in range(count)])},
    )
    rows = np.arange(count)[::-1]
    records = first_records(batch, rows, np.ones(count, np.int64), ("region",)).tolist()
    found = [decode_prediction(decode_record(one).predictions[0][0]) for one in records]
    assert [*map(encode, predictions_of(batch, rows, ("region",)))] == [*map(encode, found)]
