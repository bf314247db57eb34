"""The outcomes lane: predictions with their ids, without features, as packed or readable events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph import packing
from barograph.export import source_id
from barograph.guard import CONFIGURATION, OUTCOMES, guard
from barograph.points import SourceEvent
from barograph.semconv import attributes, events

if TYPE_CHECKING:
    import numpy.typing as npt

    from barograph.identity import Identity
    from barograph.packing import Column
    from barograph.points import AttributeValue, Sink

TIME = "time_unix_nano"
MAX_WAITING_ROWS = 16_384
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
            (name, tuple(column) if isinstance(column, Mapping) else None)
            for name, column in self.columns.items()
        )


class Outcomes:
    """Sends the predictions of one output; used by one thread.

    Args:
        identity: Whose they are.
        sink: Where events go.
        form: ``packed`` or ``readable``; packed needs nanoarrow, and is readable without it.
    """

    def __init__(self, identity: Identity, sink: Sink, *, form: str = "packed") -> None:
        self._identity = identity
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
        """
        columns: dict[str, Column] = {attributes.ML_INFERENCE_ID: ids, TIME: time_ns}
        found: dict[str, Column | None] = {
            attributes.ML_PREDICTION_CLASS: classes,
            attributes.ML_PREDICTION_SCORE: score,
            attributes.ML_PREDICTION_SCORES: scores,
            attributes.ML_PREDICTION_VALUE: value,
            attributes.ML_SEGMENTS: segments,
        }
        columns |= {name: column for name, column in found.items() if column is not None}
        self._waiting.append(_Rows(possible(columns, OUTCOMES), len(ids)))
        self._waiting_rows += len(ids)
        if self._waiting_rows >= MAX_WAITING_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand all rows to the sink."""
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        by_shape: dict[tuple[object, ...], list[_Rows]] = {}
        for rows in waiting:
            by_shape.setdefault(rows.shape, []).append(rows)
        for group in by_shape.values():
            columns = _joined([rows.columns for rows in group])
            count = sum(rows.count for rows in group)
            self._sink.events(
                self._packed(columns, count) if self._is_packed else self._readable(columns, count)
            )

    def _carried(self) -> dict[str, AttributeValue]:
        return self._identity.attributes() | {attributes.ML_SOURCE_ID: source_id()}

    def _packed(self, columns: dict[str, Any], count: int) -> list[SourceEvent]:
        times = columns[TIME]
        return [
            SourceEvent(
                events.ML_INFERENCE_PREDICTION_BATCH,
                int(times[start:end].max()),
                self._carried() | {attributes.ML_BATCH_ROWS: end - start, attributes.ML_BATCH_ARROW: data},
            )
            for start, end, data in packing.packed_parts(
                columns, count, too_large=partial(row_too_large, OUTCOMES)
            )
        ]

    def _readable(self, columns: dict[str, Any], count: int) -> list[SourceEvent]:
        times = columns.pop(TIME)
        carried = self._carried()
        return [
            SourceEvent(
                events.ML_INFERENCE_PREDICTION, int(times[row]), carried | row_attributes(columns, row)
            )
            for row in range(count)
        ]


def row_too_large(lane: str, rows: int) -> None:
    """Count rows that no event can hold."""
    guard.drop(lane, "row_too_large", "a row is larger than an event may be", rows)


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


def row_attributes(columns: Mapping[str, Column], row: int) -> dict[str, AttributeValue]:
    """One row as attributes; missing values are left out."""
    found: dict[str, AttributeValue] = {}
    for stated, column in columns.items():
        name = packing.column_name(stated)
        if isinstance(column, Mapping):
            inner = row_attributes(column, row)
            if inner:
                found[name] = inner
            continue
        value = column[row]
        if isinstance(value, np.generic):
            value = value.item()
        elif isinstance(value, str):
            value = packing.encodable(value)
        if value is not None and value == value:  # noqa: PLR0124 - NaN
            found[name] = value
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
