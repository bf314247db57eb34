"""The queue's items, and how those of one form become one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.columns import numbers, values
from barograph.frames import Frame, column_of, join, segment_columns
from barograph.libraries import Foreign, is_frame
from barograph.snapshots import (
    ArraySnapshot,
    Frozen,
    MappingSnapshot,
    RowSnapshot,
    Snapshot,
    length_of,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy.typing as npt
    from opentelemetry.context import Context

    from barograph.columns import RawColumn


_MAX_FORMS = 8
_MAX_CELLS = 2**20


class Item(NamedTuple):
    """One call, as the caller's thread leaves it in the queue.

    Attributes:
        features: Frozen input; None where there was none.
        prediction: Frozen prediction.
        scores: Frozen scores.
        ids: Frozen ids.
        times: Frozen event times.
        segments: Frozen segments.
        arrival_ns: When the call was made.
        context: The caller's context, for baggage and trace ids; None where nobody needs it.
        span: Trace and span id of a call's own sampled span; the span itself would be kept alive by it.
    """

    features: Frozen
    prediction: Frozen
    scores: Frozen
    ids: Frozen
    times: Frozen
    segments: Frozen
    arrival_ns: int
    context: Context | None
    span: tuple[int, int] | None = None


class Batch(NamedTuple):
    """Items of one form, joined.

    Attributes:
        rows: Rows of all items.
        frame: The features.
        prediction: One a row, or one row a prediction of several outputs; None without.
        scores: One a row, or rows by classes; None without.
        ids: One a row.
        times: One a row.
        segments: By name, one a row.
        arrivals: (rows, time in ns, context, span) of every item.
    """

    rows: int
    frame: Frame | None
    prediction: RawColumn | dict[str, RawColumn] | None
    scores: RawColumn | dict[str, RawColumn] | None
    ids: RawColumn | None
    times: RawColumn | None
    segments: dict[str, list[object]]
    arrivals: list[tuple[int, int, Context | None, tuple[int, int] | None]]

    def arrival_times(self) -> npt.NDArray[np.int64]:
        """When each row's call was made."""
        times = np.array([one[1] for one in self.arrivals], dtype=np.int64)
        return times if len(times) == self.rows else np.repeat(times, [one[0] for one in self.arrivals])


def item_size(item: Item) -> int:
    """Bytes that an item keeps alive, roughly."""
    return 200 + sum(size_of(part) for part in item[:6] if part is not None)


def item_rows(item: Item) -> int:
    """Rows of an item."""
    return _rows(item)[0]


def rows_of(features: Frozen, ids: Frozen) -> int:
    """Rows of a call before its answer is known; 0 where only the answer will tell."""
    if isinstance(features, Snapshot):
        if isinstance(ids, Snapshot) and length_of(ids) == length_of(features):
            return length_of(features)
        return features.rows
    return 0 if features is None else 1


def _outputs_length(item: Item) -> int | None:
    for part in (item.prediction, item.scores):
        if isinstance(part, MappingSnapshot):
            part = next(iter(part.columns.values()), None)  # noqa: PLW2901 - its first part stands for it
        if isinstance(part, RowSnapshot) and part.names is not None:
            return 1
        if part is not None:
            return length_of(part)
    return length_of(item.ids) if item.ids is not None else None


def _rows(item: Item) -> tuple[int, bool]:
    """Rows of an item, and whether its one-dimensional input is a column."""
    features = item.features
    if features is None:
        return _outputs_length(item) or 0, False
    if isinstance(features, RowSnapshot) and features.names == ():
        # An empty dict says nothing of rows; what was answered does.
        return _outputs_length(item) or 0, False
    flat = (
        isinstance(features, ArraySnapshot) and len(features.shape) == 1 and not features.dtype.names
    ) or (isinstance(features, RowSnapshot) and features.names is None)
    if flat:
        length = length_of(features)
        if length > 1 and _outputs_length(item) == length:
            return length, True
        return (1 if length else 0), False
    return (features.rows if isinstance(features, Snapshot) else 1), False


def _key(part: Frozen) -> Hashable:
    if not isinstance(part, Snapshot):
        return None if part is None else "scalar"
    if isinstance(part, ArraySnapshot):
        return part.dtype, part.shape
    return part.key()


def batches(items: Sequence[Item]) -> list[Batch]:
    """Join items of equal form; the order within a form is kept.

    Dicts with unlike keys are forms of their own while they are few. Many of them, such as bags of
    words, are one form whose columns are all their keys: the work is for each batch, not for each row.
    """
    groups: dict[Hashable, list[tuple[Item, int]]] = {}
    forms_of: dict[Hashable, list[Hashable]] = {}
    for item in items:
        rows, single_column = _rows(item)
        if not rows:
            continue
        features, prediction, scores, ids, times, segments = item[:6]
        key: Hashable
        if rows == 1 and not single_column:
            others = (_key(prediction), _key(scores), _key(ids), _key(times), _key(segments))
            key = features.key() if isinstance(features, Snapshot) else _key(features), others
            if key not in groups and isinstance(features, RowSnapshot) and features.names is not None:
                forms_of.setdefault(others, []).append(key)
        else:
            key = id(item)
        groups.setdefault(key, []).append((item, rows))
    for keys in forms_of.values():
        if len(keys) > _MAX_FORMS:
            _merge(groups, keys)
    return [_batch(group) for group in groups.values()]


def _merge(groups: dict[Hashable, list[tuple[Item, int]]], keys: list[Hashable]) -> None:
    """Make one group of many, or several where its table would have too many cells."""
    first, names = keys[0], set[object]()
    for key in keys:
        own = groups[key]
        names.update(own[0][0].features.names)
        if len(names) * (len(groups[first]) + len(own)) > _MAX_CELLS:
            first, names = key, set(own[0][0].features.names)
        if key != first:
            groups[first] += groups.pop(key)


def _batch(group: list[tuple[Item, int]]) -> Batch:
    items = [item for item, _ in group]
    counts = [rows for _, rows in group]
    rows = sum(counts)
    single_column = _rows(items[0])[1]
    frame = None
    if items[0].features is not None:
        frame = join([item.features for item in items], rows, single_column=single_column)
    return Batch(
        rows=rows,
        frame=frame,
        prediction=_outputs([item.prediction for item in items], rows),
        scores=_outputs([item.scores for item in items], rows),
        ids=_joined([item.ids for item in items], rows),
        times=_joined([item.times for item in items], rows),
        segments=dict(segment_columns([item.segments for item in items], counts)),
        arrivals=[(count, item.arrival_ns, item.context, item.span) for item, count in group],
    )


def _outputs(parts: list[Frozen], rows: int) -> RawColumn | dict[str, RawColumn] | None:
    first = parts[0]
    if isinstance(first, RowSnapshot) and first.names is not None:
        columns = zip(*(part.values for part in parts), strict=True)
        return {str(name): list(column) for name, column in zip(first.names, columns, strict=True)}
    if isinstance(first, MappingSnapshot):
        if len(parts) > 1:
            names = first.columns
            return {name: _joined([part.columns.get(name) for part in parts], rows) for name in names}
        return {name: _shaped(column_of(column), rows) for name, column in first.columns.items()}
    return _joined(parts, rows)


def _joined(parts: list[Frozen], rows: int) -> RawColumn | None:  # noqa: PLR0911 - one return per form
    first = parts[0]
    if first is None:
        return None
    if len(parts) == 1:
        return _shaped(column_of(first), rows)
    if isinstance(first, ArraySnapshot):
        data = b"".join(
            [part.data if isinstance(part.data, bytes) else part.data.tobytes() for part in parts]
        )
        joined = np.frombuffer(data, dtype=first.dtype)
        return joined.reshape(rows, -1) if joined.size != rows else joined
    if isinstance(first, RowSnapshot):
        # Every item is one row: a list of one is its value, a longer one its scores.
        if len(first.values) == 1:
            return [part.values[0] for part in parts]
        return [part.values for part in parts]
    if isinstance(first, Snapshot):
        return [value for part in parts for value in values(column_of(part))]
    return list(parts)


def _shaped(column: RawColumn, rows: int) -> RawColumn:
    """A single row's list of scores, or of outputs, is one row of them."""
    if isinstance(column, np.ndarray):
        if column.ndim == 1 and rows == 1 and len(column) > 1:
            return column.reshape(1, -1)
        return column.reshape(-1) if column.ndim == 2 and column.shape[1] == 1 else column  # noqa: PLR2004 - two dimensions
    if isinstance(column, list) and rows == 1 and len(column) > 1:
        return [tuple(column)]
    return column


def as_matrix(column: Foreign) -> npt.NDArray[np.float64] | None:
    """Scores or values as rows by columns of float64; None where they are none."""
    if is_frame(type(column)):
        column = np.asarray(
            column.to_numpy() if hasattr(column, "to_numpy") else column.to_pandas().to_numpy()
        )
    if isinstance(column, np.ndarray):
        if column.ndim == 1:
            return numbers(column).reshape(-1, 1)
        flat = numbers(column.reshape(-1))
        return flat.reshape(len(column), -1)
    listed = values(column)
    if listed and isinstance(listed[0], (tuple, list)):
        try:
            matrix = np.array(listed, dtype=np.float64)
        except (TypeError, ValueError):
            return None
        return matrix
    if listed and isinstance(listed[0], dict):
        return None
    return numbers(column).reshape(-1, 1)
