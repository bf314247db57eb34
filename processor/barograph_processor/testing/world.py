"""Windows to try signals on: a few models over some hours, computed by the engine itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph_processor.engine.batch import Key, Point, Points, Predictions, Texts, Truths
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.observing import WINDOW_SCOPE
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Settings, Window
from barograph_processor.signals import observed
from barograph_processor.signals.api import Joined, Observes, Outcomes, StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Baseline
    from barograph_processor.signals.api import Reading, Signal, State, View

ROWS = 600
LABELLED = 500
GAPS = 5
HOURS = 6
NEVER = 2**62
MIDNIGHT_NS = 19_800 * DAY_NS
SETTINGS = Settings(
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)),
    horizons=(Horizon("1h", HOUR_NS), Horizon("all", 7 * DAY_NS)),
    segments=("region",),
    learn_rows=200,
)
_CLASSES = {"binary": ("no", "yes"), "multiclass": ("cat", "dog", "eel"), "regression": ()}
_SOURCE = "source"


class _Watcher:
    """Remembers every view of a scope."""

    def __init__(self, scope: str) -> None:
        self.name = f"watcher.{scope}"
        self.scope = scope
        self.views: list[View] = []

    def readings(self, view: View) -> Iterator[Reading]:
        """None; the view is kept."""
        self.views.append(view)
        return iter(())


class _Observer(_Watcher):
    """Observes rows as another signal does, and has no part in reading."""

    def __init__(self, scope: str, observe: Callable[[Outcomes | Joined], Mapping[StreamId, State]]) -> None:
        super().__init__(scope)
        self.observe = observe


class _Model(NamedTuple):
    key: Key
    predictions: Predictions
    truths: Truths
    points: Points


def views_of(signal: Signal) -> Sequence[View]:
    """The views of a signal's scope of windows of three models, one for each task.

    Among them are windows of many rows and of one, with and without a reference, with and without labels,
    of whole windows and of segments. States that the signal makes itself are there.
    """
    if isinstance(signal, Observes):
        return _views(signal.scope, _Observer(signal.scope, signal.observe))
    return _common_views(signal.scope)


@cache
def _common_views(scope: str) -> Sequence[View]:
    return _views(scope)


def _views(scope: str, *observers: Signal) -> Sequence[View]:
    watcher = _Watcher(scope)
    for baselines in ((), _learned()):
        _closed((*observers, watcher), replace(SETTINGS, learn_rows=NEVER), baselines)
    return watcher.views


@cache
def _learned() -> tuple[Baseline, ...]:
    """A baseline of each model."""
    return tuple(_closed((), SETTINGS, ()).new_baselines())


def _closed(signals: Sequence[Signal], settings: Settings, baselines: Sequence[Baseline]) -> Engine:
    """An engine that has closed every window of the models."""
    engine = Engine(settings, store=MemoryStore(), signals=signals, baselines=baselines)
    now_ns = MIDNIGHT_NS + DAY_NS
    for model in models():
        engine.feed([model.predictions, model.truths, model.points], now_ns)
    engine.advance(now_ns)
    engine.drain(now_ns)
    return engine


def rows_of(scope: str) -> Iterator[Outcomes | Joined]:
    """The rows of each model as columns, as a signal of the scope observes them; in some, all is missing."""
    for model in models():
        made, true = model.predictions, model.truths
        taken = slice(0, ROWS if scope == WINDOW_SCOPE else LABELLED)
        predicted, score = made.classes.codes[taken].copy(), made.score[taken].copy()
        predicted[:GAPS] = -1
        score[:GAPS] = np.nan
        outcomes = Outcomes(
            classes=made.classes.values,
            predicted_class=predicted,
            score=score,
            scores=made.scores[taken],
            score_classes=made.score_classes,
            predicted_value=made.value[taken],
            time_ns=made.time_ns[taken],
        )
        if scope == WINDOW_SCOPE:
            yield outcomes
            continue
        yield Joined(
            classes=outcomes.classes,
            truth_class=true.classes.codes,
            predicted_class=outcomes.predicted_class,
            score=outcomes.score,
            scores=outcomes.scores,
            score_classes=outcomes.score_classes,
            truth_value=true.value,
            predicted_value=outcomes.predicted_value,
            delay_s=(true.time_ns - outcomes.time_ns) / 1e9,
        )


@cache
def models() -> tuple[_Model, ...]:
    """Predictions, truths and histograms of a model for each task, the same each time."""
    return tuple(
        _model(Key("default", "", "", task, "1", ""), classes, np.random.default_rng(sum(map(ord, task))))
        for task, classes in _CLASSES.items()
    )


def _model(key: Key, classes: tuple[str, ...], chance: np.random.Generator) -> _Model:
    # The last row has an hour of its own.
    times = MIDNIGHT_NS + np.sort(chance.integers(0, HOURS * HOUR_NS, ROWS))
    times[-1] = MIDNIGHT_NS + (HOURS + 1) * HOUR_NS
    width = len(classes)
    scores = chance.dirichlet(np.ones(width), ROWS) if width else np.empty((ROWS, 0))
    value = np.full(ROWS, np.nan) if width else chance.normal(10, 3, ROWS)
    codes = scores.argmax(axis=1).astype(np.int32) if width else np.full(ROWS, -1, np.int32)
    ids = [f"{key.model}-{row}" for row in range(ROWS)]
    truth = np.where(chance.random(ROWS) < 0.7, codes, chance.integers(0, max(width, 1), ROWS))  # noqa: PLR2004  # often right
    predictions = Predictions(
        key=key,
        source=_SOURCE,
        ids=ids,
        time_ns=times,
        classes=Texts(codes, classes),
        score=scores[:, 1] if width == len(_CLASSES["binary"]) else np.full(ROWS, np.nan),
        scores=scores if width > len(_CLASSES["binary"]) else np.empty((ROWS, 0)),
        score_classes=classes if width > len(_CLASSES["binary"]) else (),
        value=value,
        segments={"region": Texts(chance.integers(-1, 2, ROWS).astype(np.int32), ("north", "south"))},
    )
    truths = Truths(
        tenant=key.tenant,
        model=key.model,
        version=None,
        output=key.output,
        ids=ids[:LABELLED],
        time_ns=times[:LABELLED] + chance.integers(MINUTE_NS, 3 * HOUR_NS, LABELLED),
        classes=Texts((truth if width else codes).astype(np.int32)[:LABELLED], classes),
        value=(value + chance.normal(0, 1, ROWS))[:LABELLED],
    )
    return _Model(key, predictions, truths, Points(list(_points(key, times, chance))))


def _points(key: Key, times: NDArray[np.int64], chance: np.random.Generator) -> Iterator[Point]:
    """A numeric feature with gaps and a categorical one, counted by the hour."""
    numbers = np.where(chance.random(ROWS) < 0.05, np.nan, chance.lognormal(0, 1, ROWS))  # noqa: PLR2004  # a few gaps
    towns = chance.choice(["Bern", "Graz", "Lyon"], ROWS, p=[0.6, 0.3, 0.1])
    hours = times // HOUR_NS
    for hour in np.unique(hours).tolist():
        inside = hours == hour
        valid = numbers[inside & ~np.isnan(numbers)]
        missing = int(inside.sum()) - len(valid)
        names, counts = np.unique(towns[inside], return_counts=True)
        states: dict[StreamId, State] = {
            StreamId(StreamKind.FEATURE_VALUE, "income"): ExponentialHistogram.zero().observe(valid),
            StreamId(StreamKind.FEATURE_STATES, "income"): _counts(
                {observed.VALID: len(valid), observed.MISSING: missing}
            ),
            StreamId(StreamKind.FEATURE_STATES, "town"): _counts({observed.VALID: int(inside.sum())}),
            StreamId(StreamKind.FEATURE_CATEGORIES, "town"): _counts(
                dict(zip(names.tolist(), counts.tolist(), strict=True))
            ),
        }
        start_ns = hour * HOUR_NS
        for stream, state in states.items():
            yield Point(key, _SOURCE, stream, "", start_ns, start_ns + MINUTE_NS // 60, 0, state)


def _counts(found: dict[str, int]) -> CategoryCounts:
    return CategoryCounts.of({name: count for name, count in found.items() if count})


def cut(rows: int, seed: int, parts: int = 3) -> Sequence[NDArray[np.intp]]:
    """Indices of rows in a random order, in parts of random length, some perhaps empty."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(rows)
    return np.split(order, np.sort(chance.integers(0, rows + 1, parts - 1)))
