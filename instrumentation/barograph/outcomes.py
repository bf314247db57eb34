"""The outcomes and rows lanes: predictions with their ids, those drawn with features, as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph import packing
from barograph.guard import CONFIGURATION, OUTCOMES, ROWS, guard
from barograph.points import SourceEvent, value_bytes
from barograph.readable import row_attributes, row_features
from barograph.semconv import attributes, events
from barograph.this_process import source_id

if TYPE_CHECKING:
    import numpy.typing as npt

    from barograph.identity import Identity
    from barograph.packing import Column
    from barograph.points import AttributeValue, Sink
    from barograph.row_features import FeatureColumn
    from barograph.spans import Spans

TIME = "time_unix_nano"
# As OpenTelemetry names them in logs that aren't OTLP.
TRACE_ID = "trace_id"
SPAN_ID = "span_id"
MAX_WAITING_ROWS = 16_384
MAX_WAITING_CELLS = 2**20
# How far rounding in single precision may push a probability outside 0 to 1; the processor clips it.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Rows:
    """Rows that wait for company; columns are absent where the rows have none."""

    columns: dict[str, Column]
    count: int

    @property
    def shape(self) -> tuple[object, ...]:
        """Rows of one shape can share an event."""
        return tuple(
            (
                name,
                tuple((one, isinstance(child, np.ndarray)) for one, child in column.items())
                if isinstance(column, Mapping)
                else None,
            )
            for name, column in self.columns.items()
        )

    @property
    def cells(self) -> int:
        """Values of all rows, about."""
        width = sum(len(one) if isinstance(one, Mapping) else 1 for one in self.columns.values())
        return self.count * width


class Outcomes:
    """Sends the predictions of one output; used by one thread.

    Args:
        identity: Whose they are.
        sink: Where events go.
        form: ``packed`` or ``readable``; packed needs nanoarrow, and is readable without it.
        rate: Share of the ids whose rows come with features.
    """

    def __init__(self, identity: Identity, sink: Sink, *, form: str = "packed", rate: float = 1.0) -> None:
        self._identity = identity
        self._rate = rate
        self._sink = sink
        self._is_packed = form == "packed" and packing.available()
        if form == "packed" and not self._is_packed:
            guard.warn(
                CONFIGURATION,
                "no_nanoarrow",
                "predictions are sent one an event: pip install 'barograph[otlp]' packs them",
            )
        self._waiting: list[_Rows] = []
        self._waiting_rows = 0
        self._waiting_cells = 0

    def add(  # noqa: PLR0913 - one argument a column
        self,
        *,
        ids: Sequence[str],
        time_ns: npt.NDArray[np.int64],
        classes: Sequence[str | None] | None = None,
        score: npt.NDArray[np.float64] | None = None,
        scores: Mapping[str, npt.NDArray[np.float64]] | None = None,
        value: npt.NDArray[np.float64] | None = None,
        segments: Mapping[str, Sequence[str | None]] | None = None,
        features: Mapping[str, FeatureColumn] | None = None,
        spans: Spans | None = None,
    ) -> None:
        """Take rows; they leave at the next `flush`, or when many wait.

        Args:
            ids: One a row.
            time_ns: Event times, int64 nanoseconds.
            classes: Predicted classes.
            score: Probability of the positive class, NaN where there is none.
            scores: Class to its probabilities.
            value: Predicted numbers.
            segments: Segment name to values.
            features: Feature name to values, text or numbers; None for rows that weren't drawn.
            spans: Of the rows' calls.
        """
        columns: dict[str, Column] = {attributes.ML_INFERENCE_ID: ids, TIME: time_ns}
        found: dict[str, Column | None] = {
            attributes.ML_PREDICTION_CLASS: classes,
            attributes.ML_PREDICTION_SCORE: score,
            attributes.ML_PREDICTION_SCORES: scores,
            attributes.ML_PREDICTION_VALUE: value,
            attributes.ML_SEGMENTS: segments,
            attributes.ML_FEATURES: features,
        }
        columns |= {name: column for name, column in found.items() if column is not None}
        if spans is not None:
            columns |= {TRACE_ID: spans.trace_ids, SPAN_ID: spans.span_ids}
        rows = _Rows(possible(columns, OUTCOMES), len(ids))
        self._waiting.append(rows)
        self._waiting_rows += rows.count
        self._waiting_cells += rows.cells
        if self._waiting_rows >= MAX_WAITING_ROWS or self._waiting_cells >= MAX_WAITING_CELLS:
            self.flush()

    def flush(self) -> None:
        """Hand all rows to the sink."""
        waiting, self._waiting = self._waiting, []
        self._waiting_rows = self._waiting_cells = 0
        by_shape: dict[tuple[object, ...], list[_Rows]] = {}
        for rows in waiting:
            by_shape.setdefault(rows.shape, []).append(rows)
        for group in by_shape.values():
            columns = _joined([rows.columns for rows in group])
            count = sum(rows.count for rows in group)
            make = self._packed if self._is_packed else self._readable
            self._sink.events(make(columns, count))

    def _carried(self, columns: Mapping[str, Any]) -> dict[str, AttributeValue]:
        carried = self._identity.attributes() | {attributes.ML_SOURCE_ID: source_id()}
        if attributes.ML_FEATURES in columns and self._rate < 1.0:
            carried[attributes.ML_SAMPLING_RATE] = self._rate
        return carried

    def _packed(self, columns: dict[str, Any], count: int) -> list[SourceEvent]:
        times = columns[TIME]
        carried = self._carried(columns)
        too_large: list[tuple[int, int]] = []
        told = [
            SourceEvent(
                events.ML_INFERENCE_PREDICTION_BATCH,
                int(times[start:end].max()),
                carried | {attributes.ML_BATCH_ROWS: end - start, attributes.ML_BATCH_ARROW: data},
            )
            for start, end, data in packing.packed_parts(
                columns, count, too_large=lambda start, end: too_large.append((start, end))
            )
        ]
        if not too_large:
            return told
        places = np.concatenate([np.arange(start, end) for start, end in too_large])
        features = columns.get(attributes.ML_FEATURES)
        if features is None:
            row_too_large(OUTCOMES, len(places))
            return told
        features_too_large(len(places) * len(features))
        left = {name: column for name, column in columns.items() if name != attributes.ML_FEATURES}
        return told + self._packed(chosen(left, places), len(places))

    def _readable(self, columns: dict[str, Any], count: int) -> list[SourceEvent]:
        columns = dict(columns)
        times = columns.pop(TIME)
        features = columns.pop(attributes.ML_FEATURES, None)
        trace_ids = columns.pop(TRACE_ID, None)
        span_ids = columns.pop(SPAN_ID, None)
        told = []
        for row in range(count):
            own = row_attributes(columns, row)
            if features is not None:
                values = row_features(features, row)
                if value_bytes(values) > packing.MAX_EVENT_BYTES:
                    features_too_large(len(values))
                else:
                    own[attributes.ML_FEATURES] = values
            told.append(
                SourceEvent(
                    events.ML_INFERENCE_PREDICTION,
                    int(times[row]),
                    self._carried(own) | own,
                    _whole_number(trace_ids, row),
                    _whole_number(span_ids, row),
                )
            )
        return told


def row_too_large(lane: str, rows: int) -> None:
    """Count rows that no event can hold."""
    guard.drop(lane, "row_too_large", "a row is larger than an event may be", rows)


def features_too_large(values: int) -> None:
    """Count features of rows that leave without them."""
    guard.drop(ROWS, "row_too_large", "a row's features are larger than an event may be", values)


def possible(columns: dict[str, Any], lane: str) -> dict[str, Any]:
    """The columns, with NaN where a score is no probability or a number is infinite, counted.

    The receiving side would refuse the whole row. One impossible score makes all of its row doubtful.
    """
    score = columns.get(attributes.ML_PREDICTION_SCORE)
    scores = columns.get(attributes.ML_PREDICTION_SCORES)
    value = columns.get(attributes.ML_PREDICTION_VALUE)
    found: dict[str, Any] = {}
    if score is not None and (bad := _improbable(score)).any():
        _count_scores(lane, bad)
        found[attributes.ML_PREDICTION_SCORE] = np.where(bad, np.nan, score)
    if scores:
        bad = np.logical_or.reduce([_improbable(column) for column in scores.values()])
        if bad.any():
            _count_scores(lane, bad)
            found[attributes.ML_PREDICTION_SCORES] = {
                name: np.where(bad, np.nan, column) for name, column in scores.items()
            }
    if value is not None and (bad := np.isinf(value)).any():
        guard.drop(lane, "not_finite", "infinite predictions are left out", int(np.count_nonzero(bad)))
        found[attributes.ML_PREDICTION_VALUE] = np.where(bad, np.nan, value)
    return columns | found


def _improbable(column: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (column < -_ROUNDING) | (column > 1 + _ROUNDING)
    return found


def _count_scores(lane: str, bad: npt.NDArray[np.bool_]) -> None:
    guard.drop(
        lane,
        "score_range",
        "scores outside 0 to 1 are left out; leave out decision values that are no probabilities",
        int(np.count_nonzero(bad)),
    )


def _whole_number(column: npt.NDArray[np.uint8] | None, row: int) -> int:
    return 0 if column is None else int.from_bytes(column[row].tobytes(), "big")


def chosen(columns: Mapping[str, Any], places: npt.NDArray[np.intp]) -> dict[str, Any]:
    """Some rows of columns."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        if isinstance(column, Mapping):
            found[name] = chosen(column, places)
        else:
            found[name] = (
                column[places] if isinstance(column, np.ndarray) else [column[place] for place in places]
            )
    return found


def _joined(parts: Sequence[Mapping[str, Column]]) -> dict[str, Any]:
    """Rows of one shape, one after the other."""
    if len(parts) == 1:
        return dict(parts[0])
    joined: dict[str, Any] = {}
    for name, first in parts[0].items():
        columns: list[Any] = [part[name] for part in parts]
        if isinstance(first, Mapping):
            joined[name] = _joined(columns)
        elif isinstance(first, np.ndarray):
            joined[name] = np.concatenate(columns)
        else:
            joined[name] = [value for column in columns for value in column]
    return joined
