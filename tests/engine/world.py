"""A small world to test the engine in: one model, a few sources, a clock that only tests move."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from barograph_processor.engine.batch import (
    FeatureColumn,
    Features,
    Key,
    Point,
    Points,
    Predictions,
    Texts,
    Truths,
)
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Settings, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import PendingStore
    from barograph_processor.signals.api import State

    FeatureValue = float | str | None

KEY = Key("default", "shop", "prod", "credit", "3", "")
SETTINGS = Settings(
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)),
    horizons=(Horizon("1h", HOUR_NS), Horizon("1d", DAY_NS), Horizon("all", 7 * DAY_NS)),
)


def at(text: str) -> int:
    """Unix nanoseconds of ``2024-03-01 10:30`` (UTC)."""
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()) * 1_000_000_000


NOON = at("2024-03-01 12:00")


def texts(values: Sequence[str | None]) -> Texts:
    """A column of text."""
    names = sorted({value for value in values if value is not None})
    codes = [-1 if value is None else names.index(value) for value in values]
    return Texts(np.array(codes, np.int32), tuple(names))


def predictions(
    rows: Sequence[tuple[str | None, int, float]],
    *,
    key: Key = KEY,
    source: str = "a",
    segments: Mapping[str, Sequence[str | None]] | None = None,
    features: Sequence[Mapping[str, FeatureValue] | None] | None = None,
) -> Predictions:
    """Binary predictions from (id, event time, score); class 1 where the score is 0.5 or more."""
    score = np.array([row[2] for row in rows], np.float64)
    return Predictions(
        key=key,
        source=source,
        ids=[row[0] for row in rows],
        time_ns=np.array([row[1] for row in rows], np.int64),
        classes=texts(["1" if row[2] >= 0.5 else "0" for row in rows]),
        score=score,
        scores=np.empty((len(rows), 0)),
        score_classes=(),
        value=np.full(len(rows), np.nan),
        segments={name: texts(values) for name, values in (segments or {}).items()},
        features=None if features is None else features_of(features),
    )


def features_of(rows: Sequence[Mapping[str, FeatureValue] | None]) -> Features:
    """Columns of rows; None is a row without features."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row or ()):
        values = [(row or {}).get(name) for row in rows]
        numbers = [math.nan if value is None or isinstance(value, str) else value for value in values]
        words = [value if isinstance(value, str) else None for value in values]
        columns[name] = FeatureColumn(np.array(numbers, np.float64), texts(words) if any(words) else None)
    given = np.array([row is not None for row in rows])
    return Features(columns, None if given.all() else given)


def truths(
    rows: Sequence[tuple[str | None, int, str]],
    *,
    key: Key = KEY,
    version: str | None = None,
    pair: Predictions | None = None,
) -> Truths:
    """Labels from (id, time observed, class)."""
    return Truths(
        tenant=key.tenant,
        model=key.model,
        version=version,
        output=key.output,
        ids=[row[0] for row in rows],
        time_ns=np.array([row[1] for row in rows], np.int64),
        classes=texts([row[2] for row in rows]),
        value=np.array([float(row[2]) for row in rows], np.float64),
        pair=pair,
    )


def point(
    stream: StreamId,
    state: State,
    pane_start_ns: int,
    *,
    flush: int = 0,
    item: str = "",
    source: str = "a",
    key: Key = KEY,
    pane_ns: int = MINUTE_NS,
) -> Point:
    """The k-th flush of a pane, as our own sources send it."""
    start_ns = pane_start_ns + flush * 1_000_000
    return Point(key, source, stream, item, start_ns, start_ns + 1_000_000, pane_ns, state)


def rows_point(count: int, pane_start_ns: int, *, flush: int = 0, source: str = "a", key: Key = KEY) -> Point:
    """A point of ``ml.inference.predictions``."""
    state = CategoryCounts.of({"": count})
    return point(StreamId(StreamKind.ROWS), state, pane_start_ns, flush=flush, source=source, key=key)


def rows_points(
    count: int, pane_start_ns: int, *, flush: int = 0, source: str = "a", key: Key = KEY
) -> Points:
    """One point, as a batch."""
    return Points([rows_point(count, pane_start_ns, flush=flush, source=source, key=key)])


def engine_of(
    settings: Settings = SETTINGS, *, store: PendingStore | None = None, baselines: Iterable[Baseline] = ()
) -> Engine:
    """An engine with the real signals and a store in memory."""
    return Engine(settings, store=MemoryStore() if store is None else store, baselines=baselines)


def final(closed: Iterable[ClosedWindow]) -> dict[tuple[Key, str, int], ClosedWindow]:
    """The last revision of each window."""
    return {(one.key, one.window, one.start_ns): one for one in closed}


def figures(closed: Iterable[ClosedWindow]) -> dict[tuple[object, ...], object]:
    """What a set of windows says in the end, however often it was revised."""
    return {
        name: (window.status, window.baseline_id, sorted(window.readings))
        for name, window in final(closed).items()
    }


def contents(engine: Engine) -> dict[tuple[object, ...], object]:
    """Every state of every window, as bytes: equal ones make equal readings, however few rows there are."""
    found: dict[tuple[object, ...], object] = {}
    for key, state in engine.keys.items():
        for (kind, start_ns), window in state.table.windows.items():
            found[key, kind, start_ns] = sorted(window.segment_rows.items())
            parts = [(None, state.gathered(window)), *window.labels.items()]
            for part, states in parts:
                for stream, one in states.items():
                    found[key, kind, start_ns, part, stream] = one.to_bytes()
    return found


def entries_of(dump: bytes) -> dict[bytes, tuple[int, bytes]]:
    """What a store in memory dumped: key to expiry and value."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for keys, values, expiry_ns in msgspec.msgpack.decode(dump)["columns"]:
        expiries = np.frombuffer(expiry_ns, "<i8").tolist()
        found |= zip(_strings(*keys), zip(expiries, _strings(*values), strict=True), strict=True)
    return found


def _strings(data: bytes, lengths: bytes) -> list[bytes]:
    ends = np.frombuffer(lengths, "<i8").cumsum().tolist()
    return [data[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def confusion(engine: Engine, key: Key = KEY, start_ns: int = NOON) -> tuple[int, int]:
    """Right and all labelled rows of an hour, whatever the horizon."""
    window = engine.keys[key].table.windows[0, start_ns]
    states = [one for part in window.labels.values() for one in part.values()]
    found = [one for one in states if isinstance(one, ConfusionCounts)]
    return sum(one.right for one in found), sum(one.rows for one in found)


def reading(window: ClosedWindow, metric: str, **attributes: str) -> float | None:
    """The value of the only reading of a metric with these attributes (dots written as ``__``)."""
    wanted = {(name.replace("__", "."), value) for name, value in attributes.items()}
    found = [one.value for one in window.readings if one.metric == metric and wanted <= set(one.attributes)]
    assert len(found) <= 1, found
    return found[0] if found else None


def feed_all(engine: Engine, batches: Sequence[Batch], now_ns: int) -> None:
    """Feed batches one by one."""
    for batch in batches:
        engine.feed([batch], now_ns)
