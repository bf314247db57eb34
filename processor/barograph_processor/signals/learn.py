"""Learning a baseline from live traffic: frozen states in place of a file that nobody gave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.baseline import Feature, Header, Output, encode_baseline
from barograph.deciding import positive_class
from barograph.errors import ConfigError
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.drift_pairs import Pair, pair_categories, pair_numbers
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit_columns import MOST_CATEGORIES
from barograph_processor.signals.fit_edges import MOST_EDGES, value_grid
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.overdispersion import LEAST_SLICES, of_index, of_shares, whole_slices
from barograph_processor.signals.reference import entry_of, exponential_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import StateEntry, Task
    from barograph_processor.signals.api import State

    Slices = Mapping[int, Sequence[Mapping[StreamId, State]]]

_TWO = 2
_NS_PER_S = 1_000_000_000


class _Span(NamedTuple):
    start: int
    end: int


def learn(  # noqa: PLR0913 one argument a fact of the traffic
    states: Mapping[StreamId, State],
    *,
    model: str,
    version: str,
    output: str,
    task: Task | None,
    rows: int,
    start: int,
    end: int,
    slices: Slices | None = None,
) -> bytes:
    """Freeze live states as a baseline, marked as learned.

    Of a stream that sources counted on several bases, the one with the most rows is taken. Of
    exponential histograms both the state itself and one on up to 64 of its bounds are stored, so that the
    file also serves sources that are given it. Categories that came as hashes stay hashes.

    Args:
        states: The streams of one key, merged over the time of learning.
        model: Model name.
        version: Model version.
        output: Output name.
        task: What is predicted; None: what the streams tell.
        rows: Predictions learned from.
        start: Earliest event time, Unix nanoseconds.
        end: Latest event time.
        slices: Length in seconds to the states of the consecutive windows of that length that `states` is
            the sum of. How windows vary is learned from them; without, rows count as independent, and
            ordinary windows will be called significant more often than stated.

    Returns:
        The content of a baseline file; equal input gives equal bytes.

    Raises:
        ConfigError: There are no rows.
    """
    if rows < 1 or not states:
        raise ConfigError("no rows were seen yet, so there is no baseline to learn; wait for traffic")
    chosen = _largest(states)
    span = _Span(start, end)
    features: list[Feature] = []
    stored: list[tuple[StateEntry, bytes]] = []
    for plain, (basis, state) in sorted(chosen.items()):
        where = "" if plain.kind.startswith("feature.") or plain.kind == StreamKind.ROWS else output
        phi = _overdispersion(plain._replace(basis=basis), state, slices or {}, span)
        for stream, kept in _copies(plain, state):
            stored.append(entry_of(stream, kept, phi, where))
        feature = _feature(plain, state)
        if feature is not None:
            features.append(feature)
    header = Header(
        model=model,
        version=version,
        rows=rows,
        start_unix_nano=start,
        end_unix_nano=end,
        learned=True,
        features=tuple(features),
        outputs=_outputs({plain: state for plain, (_, state) in chosen.items()}, output, task),
    )
    return encode_baseline(header, stored)


def _largest(states: Mapping[StreamId, State]) -> dict[StreamId, tuple[str, State]]:
    chosen: dict[StreamId, tuple[str, State]] = {}
    for stream, state in sorted(states.items(), key=lambda item: item[0]):
        plain = stream._replace(basis="")
        if plain not in chosen or getattr(state, "rows", 0) > getattr(chosen[plain][1], "rows", 0):
            chosen[plain] = (stream.basis, state)
    return chosen


def _copies(plain: StreamId, state: State) -> Iterator[tuple[StreamId, State]]:
    """What is stored of a stream: an exponential histogram twice, anything else once."""
    if isinstance(state, ExponentialHistogram):
        yield plain, on_bounds(state)
        yield exponential_id(plain), state
    else:
        yield plain, state


def on_bounds(state: ExponentialHistogram, most: int = MOST_EDGES) -> ExplicitHistogram:
    """The same rows between up to `most` of the histogram's own bounds, those nearest above quantiles.

    A negative value that is itself a bound falls one bucket lower than its sources' will: exponential
    buckets exclude the bound nearer to 0.

    >>> on_bounds(ExponentialHistogram.zero().observe(np.arange(1.0, 9.0)), most=4).counts.sum()
    np.int64(8)
    """
    pair = pair_numbers(state, state)
    if pair is None or pair.bins is None:
        return ExplicitHistogram.zero(())
    bins = pair.bins[0]
    cumulative = np.cumsum(bins.counts[:-1])
    ranks = np.arange(1, most) / most * bins.counts.sum()
    places = np.unique(np.minimum(np.searchsorted(cumulative, ranks, side="left"), len(bins.edges) - 1))
    counts = np.diff(cumulative[places], prepend=0, append=int(bins.counts.sum()))
    empty = ExplicitHistogram.zero(bins.edges[places])
    counts.setflags(write=False)
    return ExplicitHistogram(empty.edges, counts, state.total, state.low, state.high)


def _feature(plain: StreamId, state: State) -> Feature | None:
    if plain.kind == StreamKind.FEATURE_CATEGORIES and isinstance(state, CategoryCounts):
        names = sorted(state.counts, key=lambda name: (-state.counts[name], name))[:MOST_CATEGORIES]
        return Feature(name=plain.name, kind="category", categories=tuple(sorted(names)))
    if plain.kind != StreamKind.FEATURE_VALUE:
        return None
    held = on_bounds(state) if isinstance(state, ExponentialHistogram) else state
    if not isinstance(held, ExplicitHistogram):
        return None
    ends = [end if math.isfinite(end) else None for end in (held.low, held.high)]
    known = np.array([end for end in ends if end is not None])
    grid = value_grid(known) if len(known) == _TWO else None
    edges = tuple(held.edges.tolist())
    return Feature(name=plain.name, kind="number", edges=edges, low=ends[0], high=ends[1], grid=grid)


def _outputs(states: Mapping[StreamId, State], name: str, task: Task | None) -> tuple[Output, ...]:
    counts = states.get(StreamId(StreamKind.PREDICTION_CLASSES))
    classes = set(counts.counts) if isinstance(counts, CategoryCounts) else set()
    scored = {
        stream.part: state for stream, state in states.items() if stream.kind == StreamKind.PREDICTION_SCORE
    }
    value = states.get(StreamId(StreamKind.PREDICTION_VALUE))
    if not classes and not scored and value is None:
        return ()
    if task is None:
        task = "regression" if not classes and not scored else "multiclass"
        if task == "multiclass" and len(classes | set(scored)) <= _TWO:
            task = "binary"
    positive = None
    if task == "binary":
        positive = next(iter(scored)) if len(scored) == 1 else positive_class(classes)
    number = _feature(StreamId(StreamKind.FEATURE_VALUE), value) if value is not None else None
    parts = [_feature(StreamId(StreamKind.FEATURE_VALUE), state) for state in scored.values()]
    edges = parts[0].edges if len(parts) == 1 and parts[0] is not None else ()
    return (
        Output(
            name=name,
            task=task,
            classes=tuple(sorted(classes | set(scored))),
            positive=positive,
            score_edges=edges,
            value_edges=number.edges if number is not None else (),
            value_grid=number.grid if number is not None else None,
        ),
    )


def _overdispersion(stream: StreamId, whole: State, slices: Slices, span: _Span) -> dict[str, float]:
    found: dict[str, float] = {}
    for length, windows in sorted(slices.items()):
        parts = [window[stream] for window in windows if stream in window]
        if len(parts) < LEAST_SLICES:
            continue
        measure = of_shares if stream.kind == StreamKind.FEATURE_STATES else of_index
        shown = measure(whole_slices(_table(stream, whole, parts)))
        if shown is not None and span.end > span.start:
            rows = getattr(whole, "rows", 0)
            found[str(length)] = shown.at(rows * length * _NS_PER_S / (span.end - span.start))
    return found


def _table(stream: StreamId, whole: State, parts: Sequence[State]) -> NDArray[np.int64]:
    """Rows by slice and group; slices without rows left out."""
    if stream.kind == StreamKind.FEATURE_STATES:
        held = [part.counts for part in parts if isinstance(part, CategoryCounts)]
        counts = [np.array([one.get(name, 0) for name in observed.DISJOINT], np.int64) for one in held]
    else:
        pairs = [_pair(whole, part) for part in parts]
        counts = [pair.window for pair in pairs if pair is not None]
    width = max(map(len, counts), default=0)
    table = np.zeros((len(counts), width), np.int64)
    for row, count in zip(table, counts, strict=True):
        row[: len(count)] = count  # groups of values that the slice has none of come last
    return table[table.any(axis=1)]


def _pair(whole: State, part: State) -> Pair | None:
    if isinstance(whole, CategoryCounts) and isinstance(part, CategoryCounts):
        return pair_categories(whole, part, sorted(whole.counts))
    return pair_numbers(whole, part)
