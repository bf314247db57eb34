"""Models whose windows or labels differ have an engine of their own; every batch finds its engine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Baseline, Header, encode_baseline
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Fed, Key, Point, Points, Predictions, Texts, Truths
from barograph_processor.patterns.engines import EVERY_OTHER, Engines, groups_of
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.stats import EngineStats

CONFIG = """
models:
  same: {task: binary}
  long: {labels: {within: 60d}}
  also: {labels: {within: 60d}}
  fast: {windows: [5m]}
"""


class Recorder:
    """An engine that remembers what it was given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: list[Batch] = []
        self.baselines: list[Baseline] = []
        self.counters = Counter({("outcomes", "late"): 1})

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        del now_ns
        self.given += batches
        return Fed(len(batches), {"late": 1})

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        raise NotImplementedError

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        raise NotImplementedError

    def add_baseline(self, baseline: Baseline) -> None:
        self.baselines.append(baseline)

    def new_baselines(self) -> list[Baseline]:
        return []

    def wake(self, now_ns: int) -> None:
        raise NotImplementedError

    def stats(self, now_ns: int) -> EngineStats:
        raise NotImplementedError

    def moment(self) -> Callable[[], bytes]:
        return self.name.encode


def key(model: str) -> Key:
    return Key("default", "", "", model, "0", "")


def point(model: str) -> Point:
    return Point(key(model), "s", StreamId(StreamKind.ROWS), "", 0, 1, 0, CategoryCounts.of({"": 1}))


NONE = Texts(np.zeros(0, np.int32), ())
EMPTY = np.zeros(0)
TIMES = np.zeros(0, np.int64)


def predictions(model: str) -> Predictions:
    return Predictions(key(model), "s", [], TIMES, NONE, EMPTY, np.zeros((0, 0)), (), EMPTY, {})


def truths(model: str) -> Truths:
    return Truths("default", model, None, "", [], TIMES, NONE, EMPTY)


def test_models_are_grouped_by_what_their_engine_must_know() -> None:
    groups = groups_of(load(CONFIG, catalog=Registry(), environ={}))
    assert [
        (EVERY_OTHER, ()),
        ("also,long", ("also", "long")),
        ("fast", ("fast",)),
    ] == [(group.name, group.models) for group in groups]
    assert "5m" == groups[2].settings.windows[0].name


def test_each_batch_goes_to_the_engine_of_its_model_and_points_are_sorted_out() -> None:
    groups = groups_of(load(CONFIG, catalog=Registry(), environ={}))
    recorders = {group.name: Recorder(group.name) for group in groups}
    engines = Engines((group, recorders[group.name]) for group in groups)
    mixed = Points([point("fast"), point("unknown"), point("fast")])
    fed = engines.feed([mixed, predictions("long"), truths("also"), truths("same")], 0)
    fast, rest, long = (recorders[name].given for name in ("fast", EVERY_OTHER, "also,long"))
    assert [Points([point("fast"), point("fast")])] == fast
    assert Points([point("unknown")]) == rest[0]
    assert ["same"] == [batch.model for batch in rest[1:] if isinstance(batch, Truths)]
    assert [Predictions, Truths] == [type(batch) for batch in long]
    assert (fed.accepted, fed.dropped) == (5, {"late": 3})
    assert {("outcomes", "late"): 3} == engines.counters()
    assert {"": b"", "also,long": b"also,long", "fast": b"fast"} == {
        name: one() for name, one in engines.moment().items()
    }


def test_without_groups_batches_are_handed_on_as_they_are() -> None:
    recorder = Recorder("")
    engines = Engines((group, recorder) for group in groups_of(load("", catalog=Registry(), environ={})))
    batch = Points([point("any")])
    engines.feed([batch], 0)
    assert batch is recorder.given[0]


def test_a_baseline_goes_to_the_engine_of_its_model() -> None:
    config = load(CONFIG, catalog=Registry(), environ={})
    recorders = {group.name: Recorder(group.name) for group in groups_of(config)}
    engines = Engines((group, recorders[group.name]) for group in groups_of(config))
    for model in ("fast", "unheard"):
        engines.add_baseline(Baseline(encode_baseline(Header(model=model, version="1", rows=1), [])))
    assert ["fast"] == [one.header.model for one in recorders["fast"].baselines]
    assert ["unheard"] == [one.header.model for one in recorders[EVERY_OTHER].baselines]
