"""Fitting a baseline: from the rows of a reference to the bytes of a baseline file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Feature, Header, encode_baseline
from barograph.errors import ConfigError
from barograph_processor.signals import observed, performance
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.drift_groups import bucket_groups, category_groups
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit_columns import (
    MOST_CATEGORIES,
    Categories,
    Numbers,
    column_kind,
    read_categories,
    read_numbers,
)
from barograph_processor.signals.fit_edges import finite, value_edges, value_grid, value_range
from barograph_processor.signals.fit_output import Answers, OutputRows, read_output
from barograph_processor.signals.fit_slices import Slices
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.reference import entry_of, exponential_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import FeatureKind, StateEntry
    from barograph_processor.signals.fit_columns import Column

    Stored = tuple[StateEntry, bytes]

__all__ = ["OutputRows", "fit"]


def fit(  # noqa: PLR0913 one argument a fact of the reference
    columns: Mapping[str, Column],
    *,
    model: str,
    version: str = "0",
    outputs: Sequence[OutputRows] = (),
    kinds: Mapping[str, FeatureKind] | None = None,
    sentinels: Mapping[str, Iterable[float]] | None = None,
    time_ns: NDArray[np.int64] | None = None,
    window_lengths_s: Iterable[int] = (),
) -> bytes:
    """Make a baseline of a reference's rows.

    Histograms are stored twice: on the reference's own edges, for sources that have the baseline, and
    with exponential buckets, for those that don't. Equal input gives equal bytes.

    Args:
        columns: Feature name to its n values: a numpy array, or a sequence of numbers or text. NaN and None
            are missing. Columns may be constant or missing throughout.
        model: Model name.
        version: Model version.
        outputs: What the model answered, and the truth where it is known.
        kinds: Feature name to kind, where it isn't the column's own (`fit_columns.column_kind`).
        sentinels: Feature name to values that stand for a missing one.
        time_ns: int64 [n], event times. Without them how windows vary is learned from contiguous
            blocks of rows, so the rows should be in their order of time.
        window_lengths_s: Lengths of windows to learn the overdispersion of, beside hour, day and week.

    Returns:
        The content of a baseline file (`barograph.baseline.Baseline`).

    Raises:
        ConfigError: There are no rows, columns differ in length, or a name in `kinds` or `sentinels` is
            no column.

    >>> from barograph.baseline import Baseline
    >>> content = fit({"age": np.arange(40.0), "town": ["Bern", "Graz"] * 20}, model="credit", version="3")
    >>> [(feature.name, feature.kind) for feature in Baseline(content).header.features]
    [('age', 'number'), ('town', 'category')]
    """
    count = _rows(columns, outputs, time_ns)
    for name in (*(kinds or ()), *(sentinels or ())):
        if name not in columns:
            raise ConfigError(f"{name!r} is no column; the columns are {', '.join(columns)}")
    slices = Slices(count, time_ns, window_lengths_s)
    features: list[Feature] = []
    stored: list[Stored] = [entry_of(StreamId(StreamKind.ROWS), CategoryCounts.of({"": count}))]
    for name, column in columns.items():
        kind = (kinds or {}).get(name) or column_kind(column)
        if kind == "number":
            stand_ins = finite((sentinels or {}).get(name, ()))
            found = read_numbers(column, stand_ins)
            features.append(_number_feature(name, found, stand_ins))
            counted = np.where(found.valid, found.values, np.nan)
            stored += _histograms(
                StreamId(StreamKind.FEATURE_VALUE, name), counted, features[-1].edges, slices
            )
            stored.append(_states(name, found, slices))
        else:
            texts = read_categories(column)
            features.append(Feature(name=name, kind="category", categories=texts.vocabulary))
            stored += [_categories(name, texts, slices), _states(name, texts, slices)]
    answered = [read_output(one, count) for one in outputs]
    for answers in answered:
        stored += _output_states(answers, slices)
    header = Header(
        model=model,
        version=version,
        rows=count,
        start_unix_nano=slices.start_ns,
        end_unix_nano=slices.end_ns,
        features=tuple(features),
        outputs=tuple(one.output for one in answered),
    )
    return encode_baseline(header, stored)


def _rows(
    columns: Mapping[str, Column], outputs: Sequence[OutputRows], time_ns: NDArray[np.int64] | None
) -> int:
    lengths = {name: len(column) for name, column in columns.items()}
    if time_ns is not None:
        lengths["event time"] = len(time_ns)
    for output in outputs:
        parts = {"predicted": output.predicted, "scores": output.scores, "labels": output.labels}
        lengths |= {name: len(part) for name, part in parts.items() if part is not None}
    if not lengths or not max(lengths.values()):
        raise ConfigError("the reference has no rows; give the rows that the model was validated on")
    count = next(iter(lengths.values()))
    for name, length in lengths.items():
        if length != count:
            raise ConfigError(
                f"column {name!r} has {length} rows, the others {count}; every column needs as many rows"
            )
    return count


def _number_feature(name: str, found: Numbers, sentinels: tuple[float, ...]) -> Feature:
    valid = found.values[found.valid]
    low, high = value_range(valid)
    return Feature(
        name=name,
        kind="number",
        edges=value_edges(valid),
        low=low,
        high=high,
        grid=value_grid(valid),
        sentinels=sentinels,
    )


def _histograms(
    stream: StreamId, values: NDArray[np.float64], edges: Sequence[float], slices: Slices, output: str = ""
) -> Iterator[Stored]:
    """A histogram on its own edges and the exponential copy, both with the φ of the former's groups.

    Values that are not finite are left out.
    """
    valid = np.isfinite(values)
    explicit = ExplicitHistogram.zero(edges).observe(values[valid])
    phi: dict[str, float] = {}
    if explicit.rows:
        groups = bucket_groups(explicit.counts)
        codes = np.full(len(values), -1, np.int64)
        codes[valid] = groups[np.searchsorted(explicit.edges, values[valid], side="left")]
        phi = slices.overdispersion(codes, int(groups.max()) + 1, explicit.rows)
    yield entry_of(stream, explicit, phi, output)
    yield entry_of(exponential_id(stream), ExponentialHistogram.zero().observe(values[valid]), phi, output)


def _categories(name: str, found: Categories, slices: Slices) -> Stored:
    named = [found.counts.counts.get(one, 0) for one in found.vocabulary]
    seen = found.codes >= 0
    chosen = category_groups(dict(zip(found.vocabulary, named, strict=True)), int(seen.sum()))
    place = {one: group for group, one in enumerate(chosen)}
    groups = np.array([place.get(one, len(chosen)) for one in found.vocabulary] + [len(chosen)], np.int64)
    codes = np.where(seen, groups[found.codes], -1)
    phi = slices.overdispersion(codes, len(chosen) + 1, found.counts.total)
    return entry_of(StreamId(StreamKind.FEATURE_CATEGORIES, name), found.counts, phi)


def _states(name: str, found: Numbers | Categories, slices: Slices) -> Stored:
    if isinstance(found, Numbers):
        bad = np.where(np.isnan(found.values), 1, np.where(np.isinf(found.values), 2, 3))
        codes = np.where(found.valid, 0, bad)
    else:
        codes = np.where(found.codes < 0, 1, np.where(found.codes == len(found.vocabulary), 2, 0))
    phi = slices.overdispersion(codes.astype(np.int64), 4, observed.rows(found.states), by_index=False)
    return entry_of(StreamId(StreamKind.FEATURE_STATES, name), found.states, phi)


def _output_states(answers: Answers, slices: Slices) -> Iterator[Stored]:
    output = answers.output
    if (answers.codes >= 0).any():
        rows = np.bincount(answers.codes[answers.codes >= 0], minlength=len(output.classes)).tolist()
        counts = CategoryCounts.of(dict(zip(output.classes, rows, strict=True)), MOST_CATEGORIES)
        chosen = category_groups(counts.counts, counts.total)
        place = {name: group for group, name in enumerate(chosen)}
        groups = np.array([place.get(name, len(chosen)) for name in output.classes], np.int64)
        codes = np.where(answers.codes >= 0, groups[answers.codes], -1)
        phi = slices.overdispersion(codes, len(chosen) + 1, counts.total)
        yield entry_of(StreamId(StreamKind.PREDICTION_CLASSES), counts, phi, output.name)
    for name, score in answers.scores.items():
        stream = StreamId(StreamKind.PREDICTION_SCORE, part=name)
        yield from _histograms(stream, score, output.score_edges, slices, output.name)
    if np.isfinite(answers.value).any():
        stream = StreamId(StreamKind.PREDICTION_VALUE)
        yield from _histograms(stream, answers.value, output.value_edges, slices, output.name)
    if answers.joined is not None:
        measured = performance.measure(answers.joined, task=output.task, positive=output.positive)
        for stream, state in sorted(measured.states.items()):
            yield entry_of(stream, state, output=output.name)
