"""OTLP metrics: the points that sources make, as states by stream."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.engine.batch import Point, Points
from barograph_processor.wire import reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse, rewritten
from barograph_processor.wire.identity import RESOURCE_NAMES
from barograph_processor.wire.nesting import items, parents
from barograph_processor.wire.plain_metrics import decode_plain
from barograph_processor.wire.points import NOT_MONITORED, STREAMS, PointReader
from barograph_processor.wire.values import GivenTwice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_NAMES: Final = (*STREAMS, *NOT_MONITORED)
_HELD: Final = ("sum", "histogram", "exponential_histogram", "gauge", "summary")


def decode_metrics(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportMetricsServiceRequest.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    plain = decode_plain(data, context)
    return decode_columns(data, context) if plain is None else plain


def decode_columns(data: bytes, context: DecodeContext) -> Decoded:
    """The same by columns, which read whatever comes and pay off where there are many points.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    try:
        return _decode(data, context)
    except GivenTwice:
        return _decode(rewritten("metrics", data), context)


def _decode(data: bytes, context: DecodeContext) -> Decoded:
    metrics = items(parse("metrics", data))
    codes = pc.index_in(metrics.column.field("name"), value_set=pa.array(_NAMES, pa.string()))
    code = codes.fill_null(-1).to_numpy(zero_copy_only=False)
    resources = Attributes.of(metrics.resources, RESOURCE_NAMES)
    decoded = Decoded()
    ignored: Counter[str] = Counter()
    points: list[Point] = []
    columns = {held: metrics.column.field(held) for held in _HELD}
    _check_once(columns.values(), len(code))
    for held, column in columns.items():
        metric_of = parents(column.field("data_points"))
        if not metric_of.size:
            continue
        decoded.accepted += metric_of.size
        ours = _ours(code[metric_of], metrics.own[metric_of], ignored)
        if not ours.size:
            continue
        reader = PointReader(held, column, metric_of, metrics.resource_of, resources, context)
        reader.read(ours, [_NAMES[i] for i in code[metric_of[ours]].tolist()])
        points += reader.points
        decoded.cumulative += reader.cumulative
        decoded.rejected += reader.rejected
        ignored += reader.ignored
    decoded.accepted -= decoded.rejected.total()
    decoded.ignored = +ignored
    if points:
        decoded.batches.append(Points(points))
    return decoded


def _check_once(columns: Iterable[pa.Array], rows: int) -> None:
    """See that no row has a value in two columns."""
    given = np.zeros(rows, np.int8)
    for column in columns:
        if column.null_count < rows:
            given += column.is_valid().to_numpy(zero_copy_only=False)
    if (given > 1).any():
        raise GivenTwice


def _ours(code: NDArray[np.int32], own: NDArray[np.bool_], ignored: Counter[str]) -> NDArray[np.int64]:
    """Numbers of the points that are monitored."""
    known = (code >= 0) & ~own
    monitored = known & (code < len(STREAMS))
    ignored[reasons.OWN_READINGS] += int(own.sum())
    ignored[reasons.FOREIGN] += int((~known & ~own).sum())
    ignored[reasons.NOT_MONITORED] += int((known & ~monitored).sum())
    return np.flatnonzero(monitored)
