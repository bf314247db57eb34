"""Callers that read in order of time and join beforehand: the same figures, and nothing held longer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from barograph.semconv import attributes, metrics
from barograph.times import NOT_A_TIME
from barograph_processor.engine.batch import KnownTruth, Predictions
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS
from engine.world import KEY, NOON, SETTINGS, contents, engine_of, figures, predictions, texts, truths

ROWS = 300
LATER = NOON + 400 * DAY_NS


def rows() -> list[tuple[str | None, int, float]]:
    random = np.random.default_rng(5)
    times = np.sort(NOON + random.integers(0, 3 * DAY_NS, ROWS)).tolist()
    return [
        (f"r{at}", time, score)
        for at, (time, score) in enumerate(zip(times, random.random(ROWS), strict=True))
    ]


def regions() -> dict[str, list[str | None]]:
    return {"region": [("north", "south", None)[at % 3] for at in range(ROWS)]}


def truth_of(row: int) -> tuple[int, str] | None:
    """When the truth of a row was observed, and what it was; two of three rows have one."""
    return None if row % 3 == 0 else ((row % 7) * 6 * HOUR_NS, str(row % 2))


def with_truth(batch: Predictions) -> Predictions:
    found = [truth_of(row) for row in range(ROWS)]
    return replace(
        batch,
        ids=[None] * ROWS,
        truth=KnownTruth(
            known=np.array([one is not None for one in found]),
            observed_ns=batch.time_ns + np.array([0 if one is None else one[0] for one in found]),
            classes=texts([None if one is None else one[1] for one in found]),
            value=np.array([np.nan if one is None else float(one[1]) for one in found]),
        ),
    )


def part_of(batch: Predictions, start: int, end: int) -> Predictions:
    """Some rows of predictions with their truth."""
    chosen = slice(start, end)
    assert batch.truth is not None
    return replace(
        batch,
        ids=batch.ids[chosen],
        time_ns=batch.time_ns[chosen],
        classes=replace(batch.classes, codes=batch.classes.codes[chosen]),
        score=batch.score[chosen],
        scores=batch.scores[chosen],
        value=batch.value[chosen],
        segments={name: replace(one, codes=one.codes[chosen]) for name, one in batch.segments.items()},
        truth=KnownTruth(
            batch.truth.known[chosen],
            batch.truth.observed_ns[chosen],
            replace(batch.truth.classes, codes=batch.truth.classes.codes[chosen]),
            batch.truth.value[chosen],
        ),
    )


@pytest.mark.parametrize("segments", [(), ("region",)])
def test_predictions_that_bring_their_truth_count_as_those_that_the_engine_joins(
    segments: tuple[str, ...],
) -> None:
    settings = replace(SETTINGS, segments=segments)
    batch = predictions(rows(), segments=regions())
    labels = [(f"r{at}", found) for at in range(ROWS) if (found := truth_of(at)) is not None]
    joined = engine_of(settings)
    joined.feed([batch], LATER)
    joined.feed(
        [truths([(name, int(batch.time_ns[int(name[1:])]) + wait, text) for name, (wait, text) in labels])],
        LATER,
    )
    known = engine_of(settings)
    known.feed([with_truth(batch)], LATER)
    wanted, given = joined.drain(LATER), known.drain(LATER)

    assert contents(joined) == contents(known)
    assert figures(wanted) == figures(given)
    assert joined.stats(LATER).labels_joined == known.stats(LATER).labels_joined > 0
    assert {} == dict(known.counters)
    assert 0 == known.stats(LATER).pending


def test_settling_gives_what_draining_gives_and_lets_go_of_it() -> None:
    whole = engine_of()
    batch = with_truth(predictions(rows()))
    whole.feed([batch], LATER)
    wanted = figures(whole.drain(LATER))

    parts = engine_of()
    closed = []
    held = []
    for start in range(0, ROWS, 25):
        part = part_of(batch, start, start + 25)
        closed += parts.settle(int(part.time_ns[0]))
        parts.feed([part], LATER)
        held.append(parts.stats(LATER).windows)
    closed += parts.drain(LATER)

    assert wanted == figures(closed)
    assert len(wanted) == len(closed)
    assert all(window.revision == 0 for window in closed)
    assert max(held) < len(wanted) / 3


def test_what_comes_for_a_settled_time_is_late() -> None:
    engine = engine_of()
    engine.feed([predictions([("a", NOON, 0.9)])], LATER)
    engine.settle(NOON + HOUR_NS)
    fed = engine.feed([predictions([("b", NOON + MINUTE_NS, 0.9), ("c", NOON + HOUR_NS, 0.9)])], LATER)
    assert 1 == fed.accepted
    assert {(Lane.OUTCOMES, Reason.LATE): 1} == dict(engine.counters)


def test_truth_of_no_known_time_counts_in_the_end_and_tells_no_delay() -> None:
    engine = engine_of()
    count = 50
    engine.feed([predictions([(f"r{at}", NOON + at, 0.9) for at in range(count)])], LATER)
    engine.feed([truths([(f"r{at}", int(NOT_A_TIME), "1") for at in range(count)])], LATER)
    windows = [one for one in engine.drain(LATER) if one.window == "1h"]
    maturity = {
        dict(one.attributes)[attributes.ML_LABEL_HORIZON]: one.value
        for one in windows[0].readings
        if one.metric == metrics.ML_LABEL_MATURITY
    }
    assert KEY == windows[0].key
    assert {"1h": 0.0, "1d": 0.0, "all": 1.0} == maturity
    assert not [one for one in windows[0].readings if one.metric.startswith(metrics.ML_LABEL_DELAY)]
