"""Predictions and their truth, in any order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph.errors import Retryable
from barograph.semconv import metrics
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Window
from barograph_processor.signals.api import StreamKind
from barograph_processor.signals.performance_scores import ScoreCounts
from barograph_processor.stores.memory import MemoryStore

from .plain_store import PlainStore
from .world import (
    KEY,
    NOON,
    SETTINGS,
    confusion,
    contents,
    engine_of,
    figures,
    final,
    predictions,
    reading,
    texts,
    truths,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.engine import Engine

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + DAY_NS
LABELLED = metrics.ML_PERFORMANCE_OBSERVATIONS


def labelled(engine: Engine, version: str = "3", output: str = "") -> float | None:
    """Rows with truth of the hour from noon on, at the last horizon."""
    key = KEY._replace(version=version, output=output)
    return reading(final(engine.drain(NOW))[key, "1h", NOON], LABELLED, ml__label__horizon="all")


def test_a_label_may_come_before_its_prediction() -> None:
    engine = engine_of(HOURLY)
    engine.feed([truths([("a", NOON + 1, "1")])], NOW)
    assert engine.stats(NOW).labels_waiting == 1
    engine.feed([predictions([("a", NOON, 0.9)])], NOW)
    stats = engine.stats(NOW)
    assert (stats.labels_accepted, stats.labels_joined, stats.labels_waiting) == (1, 1, 0)
    assert labelled(engine) == 1


def test_a_label_without_version_joins_every_version_and_one_with_it_only_its_own() -> None:
    engine = engine_of(HOURLY)
    other = KEY._replace(version="4")
    engine.feed([predictions([("a", NOON, 0.9), ("b", NOON, 0.9)])], NOW)
    engine.feed([truths([("a", NOON, "1")]), truths([("b", NOON, "1")], version="4")], NOW)
    engine.feed([predictions([("a", NOON, 0.1), ("b", NOON, 0.1)], key=other)], NOW)
    closed = final(engine.drain(NOW))
    assert reading(closed[KEY, "1h", NOON], LABELLED, ml__label__horizon="all") == 1
    assert reading(closed[other, "1h", NOON], LABELLED, ml__label__horizon="all") == 2
    assert engine.stats(NOW).labels_joined == 2


def test_each_output_has_labels_of_its_own() -> None:
    engine = engine_of(HOURLY)
    eta = KEY._replace(output="eta")
    engine.feed([predictions([("a", NOON, 0.9)]), predictions([("a", NOON, 0.1)], key=eta)], NOW)
    engine.feed([truths([("a", NOON, "1")], key=eta)], NOW)
    closed = final(engine.drain(NOW))
    assert reading(closed[KEY, "1h", NOON], LABELLED, ml__label__horizon="all") is None
    assert reading(closed[eta, "1h", NOON], LABELLED, ml__label__horizon="all") == 1


def test_namespace_and_environment_take_no_part_in_the_join_but_tenant_and_model_do() -> None:
    engine = engine_of(HOURLY)
    staging = KEY._replace(environment="staging")
    strangers = [KEY._replace(tenant="other"), KEY._replace(model="fraud")]
    engine.feed([predictions([("a", NOON, 0.9)], key=key) for key in (KEY, staging, *strangers)], NOW)
    engine.feed([truths([("a", NOON, "1")])], NOW)
    closed = final(engine.drain(NOW))
    hours = [closed[key, "1h", NOON] for key in (KEY, staging, *strangers)]
    counts = [reading(one, LABELLED, ml__label__horizon="all") for one in hours]
    assert counts == [1, 1, None, None]


def test_repeats_are_duplicates_and_differing_ones_conflicts_of_which_the_first_wins() -> None:
    engine = engine_of(HOURLY)
    row = predictions([("a", NOON, 0.9)])
    assert engine.feed([row, row], NOW).accepted == 2
    fed = engine.feed([predictions([("a", NOON, 0.1)])], NOW)
    assert (fed.accepted, fed.dropped) == (0, {Reason.CONFLICT: 1})
    assert engine.feed([truths([("a", NOON, "1")]), truths([("a", NOON + 5, "1")])], NOW).accepted == 2
    assert engine.feed([truths([("a", NOON, "0")])], NOW).dropped == {Reason.CONFLICT: 1}
    assert dict(engine.counters) == {
        (Lane.OUTCOMES, Reason.DUPLICATE): 1,
        (Lane.OUTCOMES, Reason.CONFLICT): 1,
        (Lane.FEEDBACK, Reason.DUPLICATE): 1,
        (Lane.FEEDBACK, Reason.CONFLICT): 1,
    }
    window = final(engine.drain(NOW))[KEY, "1h", NOON]
    assert reading(window, metrics.ML_WINDOW_OBSERVATIONS) == 1
    assert confusion(engine) == (1, 1)


def test_repeats_within_one_batch_are_seen() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([("a", NOON, 0.9), ("a", NOON, 0.9), ("a", NOON, 0.2)])], NOW)
    engine.feed([truths([("a", NOON, "1"), ("a", NOON, "1"), ("a", NOON, "0")])], NOW)
    assert labelled(engine) == 1
    assert engine.counters[Lane.OUTCOMES, Reason.DUPLICATE] == 1
    assert engine.counters[Lane.FEEDBACK, Reason.CONFLICT] == 1


def test_labels_with_and_without_version_about_one_prediction_count_once() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([("a", NOON, 0.9)]), truths([("a", NOON, "1")], version="3")], NOW)
    engine.feed([truths([("a", NOON, "1")]), truths([("a", NOON, "0")])], NOW)
    assert labelled(engine) == 1
    assert engine.counters[Lane.FEEDBACK, Reason.DUPLICATE] == 1
    assert engine.counters[Lane.FEEDBACK, Reason.CONFLICT] == 1


@pytest.mark.parametrize("first", ["pair", "outcomes"])
def test_a_pair_needs_no_join_and_its_prediction_is_no_row_of_its_own(first: str) -> None:
    engine = engine_of(HOURLY)
    row = predictions([("a", NOON, 0.9)])
    together: list[Batch] = [truths([("a", NOON + 1, "1")], pair=row), row]
    engine.feed(together if first == "pair" else together[::-1], NOW)
    window = final(engine.drain(NOW))[KEY, "1h", NOON]
    assert reading(window, LABELLED, ml__label__horizon="all") == 1
    assert reading(window, metrics.ML_WINDOW_OBSERVATIONS) == 1
    assert dict(engine.counters) == {}


def test_pairs_without_id_count_and_labels_without_id_are_refused() -> None:
    engine = engine_of(HOURLY)
    pair = predictions([(None, NOON, 0.9), (None, NOON, 0.2)])
    engine.feed([truths([(None, NOON, "1"), (None, NOON, "1")], pair=pair)], NOW)
    assert engine.feed([truths([(None, NOON, "1")])], NOW).dropped == {Reason.NO_ID: 1}
    engine.drain(NOW)
    assert confusion(engine) == (1, 2)


def test_predictions_without_id_count_as_rows() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([(None, NOON, 0.9), ("a", NOON, 0.9)])], NOW)
    assert engine.counters[Lane.OUTCOMES, Reason.NO_ID] == 1
    assert reading(final(engine.drain(NOW))[KEY, "1h", NOON], metrics.ML_WINDOW_OBSERVATIONS) == 2


def test_labels_that_never_meet_a_prediction_are_counted_when_their_time_is_over() -> None:
    engine = engine_of(HOURLY)
    late = NOON + 40 * DAY_NS
    engine.feed([truths([("nobody", NOON, "1")]), predictions([("x", NOON + 30 * DAY_NS, 0.9)])], late)
    engine.advance(late)
    assert engine.counters[Lane.FEEDBACK, Reason.NEVER_MATCHED] == 1
    assert engine.stats(late).labels_waiting == 0


def test_what_the_store_evicts_is_counted_and_stays_in_the_denominator() -> None:
    engine = engine_of(HOURLY, store=MemoryStore(max_bytes=60_000))
    ids = [f"id-{number}" for number in range(1_000)]
    engine.feed([predictions([(name, NOON, 0.9) for name in ids])], NOW)
    engine.feed([truths([(name, NOON, "1") for name in ids])], NOW)
    window = final(engine.drain(NOW))[KEY, "1h", NOON]
    evicted = engine.counters[Lane.OUTCOMES, Reason.EVICTED]
    joined = engine.stats(NOW).labels_joined
    assert evicted > 800
    assert reading(window, metrics.ML_LABEL_MATURITY, ml__label__horizon="all") == joined / 1_000


class FailsOnce(PlainStore):
    """A store whose disk is full at the first write."""

    failed = False

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """As of `PlainStore`, the second time."""
        if not self.failed:
            self.failed = True
            raise Retryable("full")
        return super().put_many(items)


def test_what_a_failing_store_did_not_take_counts_once_when_it_comes_again() -> None:
    store = FailsOnce()
    engine = engine_of(HOURLY, store=store)
    for batch in (predictions([("a", NOON, 0.9)]), truths([("a", NOON, "1")])):
        store.failed = False
        with pytest.raises(Retryable):
            engine.feed([batch], NOW)
        engine.feed([batch], NOW)
    stats = engine.stats(NOW)
    assert (stats.predictions, stats.labels_accepted, stats.labels_joined) == (1, 1, 1)
    assert labelled(engine) == 1


def test_scores_of_differing_classes_meet_in_one_window() -> None:
    engine = engine_of(replace(HOURLY, tasks={KEY.model: "multiclass"}))
    plain = predictions([("a", NOON, 0.9), ("b", NOON, 0.9)])
    for name, classes in (("a", ("cat", "dog", "eel")), ("b", ("eel", "cat", "dog"))):
        row = [column == "dog" for column in classes]
        batch = replace(
            plain,
            ids=[name],
            time_ns=plain.time_ns[:1],
            classes=texts(["dog"]),
            score=np.array([np.nan]),
            value=np.array([np.nan]),
            scores=np.array([row], np.float64),
            score_classes=classes,
        )
        label = replace(truths([(name, NOON, "0")]), classes=texts(["dog"]), value=np.array([np.nan]))
        engine.feed([batch, label], NOW)
    engine.drain(NOW)
    assert confusion(engine) == (2, 2)
    (states,) = engine.keys[KEY].table.windows[0, NOON].labels.values()
    scored = {stream.part: state for stream, state in states.items() if stream.kind == StreamKind.SCORES}
    one = ScoreCounts.zero().observe(np.ones(2), np.ones(2, np.bool_))
    none = ScoreCounts.zero().observe(np.zeros(2), np.zeros(2, np.bool_))
    assert scored == {"cat": none, "dog": one, "eel": none}


def test_scores_of_other_classes_count_as_they_do_alone() -> None:
    """Two senders of a model may know different classes; labels of both come in one request, or in two."""
    plain = predictions([("a", NOON, 0.9)])
    none = np.array([np.nan])
    batches = [
        replace(
            plain,
            ids=[name],
            classes=texts(["dog"]),
            score=none,
            value=none,
            scores=np.array([[0.2, 0.5, 0.3]]),
            score_classes=classes,
        )
        for name, classes in (("a", ("cat", "dog", "eel")), ("b", ("dog", "eel", "fox")))
    ]
    labels = replace(
        truths([("a", NOON, "0"), ("b", NOON, "0")]), classes=texts(["dog", "dog"]), value=np.full(2, np.nan)
    )
    one_by_one = [
        replace(truths([(name, NOON, "0")]), classes=texts(["dog"]), value=none) for name in ("a", "b")
    ]
    told = []
    for parts in ([labels], one_by_one):
        engine = engine_of(replace(HOURLY, tasks={KEY.model: "multiclass"}))
        engine.feed(batches, NOW)
        for part in parts:
            engine.feed([part], NOW)
            engine.advance(NOW)
        told.append((contents(engine), figures(engine.drain(NOW))))
        (states,) = engine.keys[KEY].table.windows[0, NOON].labels.values()
        scored = {stream.part for stream in states if stream.kind == StreamKind.SCORES}
        assert {"cat", "dog", "eel", "fox"} == scored
    assert told[1] == told[0]


def test_truths_that_do_not_fit_the_task_are_counted_as_unusable() -> None:
    engine = engine_of(replace(HOURLY, tasks={KEY.model: "regression"}))
    engine.feed([predictions([("a", NOON, 0.9)]), truths([("a", NOON, "1")])], NOW)
    engine.drain(NOW)
    assert engine.counters[Lane.FEEDBACK, Reason.UNUSABLE] == 1
