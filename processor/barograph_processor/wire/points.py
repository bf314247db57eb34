"""Data points of monitored metrics, checked and turned into states."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from barograph.errors import StateError
from barograph.semconv import attributes as names
from barograph.semconv import metrics
from barograph_processor.engine.batch import Point
from barograph_processor.engine.open_features import FEATURE_ROWS, INVALID, NUMBER, TEXT
from barograph_processor.engine.settings import DAY_NS, SECOND_NS
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.content_columns import (
    Contents,
    ExplicitColumns,
    ExponentialColumns,
    RefusedPoint,
    SumColumns,
)
from barograph_processor.wire.contents import ExplicitContent
from barograph_processor.wire.deltas import Cumulative
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.text import empty_as_null, longer_than
from barograph_processor.wire.values import EMPTY, INT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from barograph_processor.wire.decode import DecodeContext


class Stream(NamedTuple):
    """How a metric's points become points of a stream.

    Attributes:
        kind: Stream kind.
        buckets: Whether its points are histograms, else sums.
        name: Attribute that names the stream, with the reason where it is missing; ``""`` where it may be.
        part: Attribute that tells parts apart.
        item: Attribute that names what a sum counts.
    """

    kind: str
    buckets: bool = False
    name: tuple[str, str] | None = None
    part: tuple[str, str] | None = None
    item: tuple[str, str] | None = None


_FEATURE: Final = (names.ML_FEATURE_NAME, reasons.NO_FEATURE)
_CLASS: Final = (names.ML_CLASS_NAME, reasons.NO_CLASS)
STREAMS: Final[dict[str, Stream]] = {
    metrics.ML_INFERENCE_PREDICTIONS: Stream(StreamKind.ROWS),
    metrics.ML_FEATURE_VALUE: Stream(StreamKind.FEATURE_VALUE, buckets=True, name=_FEATURE),
    metrics.ML_FEATURE_OBSERVATIONS: Stream(
        StreamKind.FEATURE_STATES, name=_FEATURE, item=(names.ML_FEATURE_STATE, reasons.BAD_STATE)
    ),
    metrics.ML_FEATURE_CATEGORIES: Stream(
        StreamKind.FEATURE_CATEGORIES, name=_FEATURE, item=(names.ML_FEATURE_CATEGORY, reasons.NO_CATEGORY)
    ),
    metrics.ML_FEATURE_ROWS: Stream(
        FEATURE_ROWS, name=(names.ML_FEATURE_NAME, ""), item=(names.ML_FEATURE_STATE, "")
    ),
    metrics.ML_PREDICTION_VALUE: Stream(StreamKind.PREDICTION_VALUE, buckets=True),
    metrics.ML_PREDICTION_SCORE: Stream(StreamKind.PREDICTION_SCORE, buckets=True, part=_CLASS),
    metrics.ML_PREDICTION_CLASSES: Stream(StreamKind.PREDICTION_CLASSES, item=_CLASS),
}
NOT_MONITORED: Final = (
    metrics.ML_INFERENCE_DURATION,
    metrics.ML_INFERENCE_BATCH_SIZE,
    metrics.ML_TELEMETRY_DROPPED,
)
TEXTS: Final = (
    names.ML_FEATURE_NAME,
    names.ML_FEATURE_STATE,
    names.ML_FEATURE_CATEGORY,
    names.ML_CLASS_NAME,
    names.ML_BASELINE_ID,
    names.ML_EDGE_ID,
)
STATES: Final = frozenset((*observed.DISJOINT, observed.BELOW, observed.ABOVE))
EDGES: Final = "edges-"
_HELD: Final = frozenset((NUMBER, TEXT, INVALID))
_WANTED: Final = (*identity.NAMES, *TEXTS, names.ML_PANE_LENGTH)
_CONTENTS: Final[dict[str, Callable[[pa.StructArray, int], Contents]]] = {
    "sum": SumColumns,
    "histogram": ExplicitColumns,
    "exponential_histogram": ExponentialColumns,
}
DELTA: Final = 1
_CUMULATIVE: Final = 2
NO_RECORDED_VALUE: Final = 1
LATEST_NS: Final = 2**63 - 1


class PointReader:
    """Reads the points of one kind (sums, histograms, …) of a request.

    Attributes:
        points: Delta points.
        cumulative: Points of cumulative streams.
        rejected: Refused for good, by reason.
        ignored: Passed over, by reason.
    """

    def __init__(  # noqa: PLR0913, PLR0917  one part of a request, with what it refers to
        self,
        held: str,
        column: pa.StructArray,
        metric_of: NDArray[np.int64],
        resource_of: NDArray[np.int64],
        resources: Attributes,
        context: DecodeContext,
    ) -> None:
        self.points: list[Point] = []
        self.cumulative: list[Cumulative] = []
        self.rejected: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self._held = held
        self._column = column
        self._data = column.field("data_points").values
        self._metric_of = metric_of
        self._resource_of = resource_of
        self._resources = resources
        self._context = context

    def read(self, rows: NDArray[np.int64], metric_names: list[str]) -> None:
        """Read the points of the given numbers.

        Args:
            rows: Which of the points.
            metric_names: The metric of each.
        """
        if self._held not in _CONTENTS:
            self.rejected[reasons.WRONG_INSTRUMENT] += len(rows)
            return
        verdicts = Refusals(len(rows))
        attributes = Attributes.of(self._data.field("attributes"), _WANTED).take(rows)
        resource_of = self._resource_of[self._metric_of[rows]]
        owners = identity.owners(attributes, self._resources, resource_of, self._context.limits, verdicts)
        keys = [owner.key(self._context.tenant) for owner in owners.owners]
        texts = {name: self._texts(attributes, name, verdicts) for name in TEXTS}
        panes = _panes(attributes, verdicts)
        temporality = self._of_metric("aggregation_temporality", rows)
        starts, ends = self._times(rows, temporality == _CUMULATIVE, verdicts)
        verdicts.refuse((temporality != DELTA) & (temporality != _CUMULATIVE), reasons.NO_TEMPORALITY)
        if self._held == "sum":
            cumulative_only = (temporality == _CUMULATIVE) & ~self._of_metric("is_monotonic", rows)
            verdicts.refuse(cumulative_only, reasons.NOT_MONOTONIC)
        by_edge = np.array([text is not None for text in texts[names.ML_EDGE_ID]], bool)
        verdicts.refuse(by_edge & (temporality == _CUMULATIVE), reasons.EDGE_CUMULATIVE)
        unset = (self._column_of("flags")[rows] & NO_RECORDED_VALUE).astype(bool)
        self.ignored[reasons.NO_RECORDED_VALUE] += int((verdicts.taken & unset).sum())
        contents = _CONTENTS[self._held](self._data, self._context.limits.max_buckets)
        rejected = verdicts.counts()
        for i in np.flatnonzero(verdicts.taken & ~unset).tolist():
            owner = owners.owners[owners.group_of[i]]
            try:
                told = {name: column[i] for name, column in texts.items()}
                stream, item = stream_of(STREAMS[metric_names[i]], told, buckets=self._held != "sum")
                content = contents.at(int(rows[i]), item)
                if isinstance(content, ExplicitContent) and not stream.basis:
                    stream = stream._replace(basis=basis_of(content.edges))
                point = (keys[owners.group_of[i]], owner.source, stream, item, starts[i], ends[i], panes[i])
                if temporality[i] == _CUMULATIVE:
                    self.cumulative.append(Cumulative(*point, content))
                else:
                    self.points.append(Point(*point, content.state(), texts[names.ML_EDGE_ID][i] or ""))
            except RefusedPoint as error:
                rejected[error.reason] += 1
            except StateError:
                rejected[reasons.BAD_BUCKETS] += 1
        self.rejected += rejected

    def _column_of(self, name: str) -> NDArray[Any]:
        values: NDArray[Any] = self._data.field(name).to_numpy(zero_copy_only=False)
        return values

    def _of_metric(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        values: NDArray[Any] = self._column.field(name).to_numpy(zero_copy_only=False)
        return values[self._metric_of[rows]]

    def _texts(self, attributes: Attributes, name: str, verdicts: Refusals) -> list[str | None]:
        column, bad = attributes.texts(name)
        verdicts.refuse(bad, reasons.BAD_TYPE)
        verdicts.refuse(longer_than(column, self._context.limits.max_name_length), reasons.NAME_TOO_LONG)
        texts: list[str | None] = (
            column if name == names.ML_FEATURE_CATEGORY else empty_as_null(column)
        ).to_pylist()
        return texts

    def _times(
        self, rows: NDArray[np.int64], cumulative: NDArray[np.bool_], verdicts: Refusals
    ) -> tuple[list[int], list[int]]:
        """Start and end of each point; a start that isn't stated is 1 ns before the end.

        Of cumulative points it is the end itself, by which `Cumulative` tells that it isn't known.
        """
        starts = self._column_of("start_time_unix_nano")[rows]
        ends = self._column_of("time_unix_nano")[rows]
        verdicts.refuse(ends == 0, reasons.NO_TIME)
        verdicts.refuse((ends > LATEST_NS) | (starts > ends), reasons.BAD_TIME)
        unknown = (starts == 0) | (starts == ends)
        stand_in = np.where(cumulative, ends, np.maximum(ends, 1) - np.uint64(1))
        return np.where(unknown, stand_in, starts).tolist(), ends.tolist()


def stream_of(stream: Stream, texts: Mapping[str, str | None], *, buckets: bool) -> tuple[StreamId, str]:
    """What a point counts: the stream, and the item in it.

    Args:
        stream: What its metric is.
        texts: Its attributes `TEXTS`.
        buckets: Whether it is a histogram.

    Raises:
        RefusedPoint: Something is missing.
    """
    if stream.buckets != buckets:
        raise RefusedPoint(reasons.WRONG_INSTRUMENT)
    name, part, item = (_named(wanted, texts) for wanted in (stream.name, stream.part, stream.item))
    if stream.kind == StreamKind.FEATURE_STATES and item not in STATES:
        raise RefusedPoint(reasons.BAD_STATE)
    if stream.kind == FEATURE_ROWS and (item not in _HELD if name else item):
        raise RefusedPoint(reasons.BAD_STATE)
    basis = "" if stream.kind == StreamKind.ROWS else texts[names.ML_BASELINE_ID] or ""
    return StreamId(stream.kind, name, part, basis), item


def _named(wanted: tuple[str, str] | None, texts: Mapping[str, str | None]) -> str:
    if wanted is None:
        return ""
    attribute, reason = wanted
    text = texts[attribute]
    if text is None and reason:
        raise RefusedPoint(reason)
    return text or ""


def basis_of(edges: NDArray[np.float64]) -> str:
    """A stand-in for the baseline's id where a source counts on edges of its own."""
    return EDGES + hashlib.blake2b(edges.tobytes(), digest_size=16).hexdigest()


def _panes(attributes: Attributes, verdicts: Refusals) -> list[int]:
    seconds, _ = attributes.numbers(names.ML_PANE_LENGTH)
    kinds = attributes.kinds(names.ML_PANE_LENGTH)
    verdicts.refuse((kinds != EMPTY) & (kinds != INT), reasons.BAD_PANE)
    stated = np.isfinite(seconds) & (kinds == INT)
    possible = (seconds >= 1) & (seconds <= DAY_NS // SECOND_NS)
    verdicts.refuse(stated & ~possible, reasons.BAD_PANE)
    whole = np.where(stated & possible, seconds, 1).astype(np.int64)
    verdicts.refuse(DAY_NS // SECOND_NS % whole != 0, reasons.BAD_PANE)
    panes: list[int] = np.where(stated & possible, whole * SECOND_NS, 0).tolist()
    return panes
