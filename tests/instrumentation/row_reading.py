"""Events as rows: what somebody finds who reads the wire without barograph's own decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from barograph.semconv import attributes, events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourceEvent


def told_rows(told: Sequence[SourceEvent]) -> dict[str, dict[str, Any]]:
    """Rows by id; every id must have come once."""
    rows: list[dict[str, Any]] = []
    for event in told:
        carried = dict(event.attributes)
        if event.name == events.ML_INFERENCE_PREDICTION_BATCH:
            table = pa.ipc.open_stream(carried.pop(attributes.ML_BATCH_ARROW)).read_all()
            table.validate(full=True)
            rows += [carried | row for row in table.to_pylist()]
        else:
            assert events.ML_INFERENCE_PREDICTION == event.name
            carried |= {"time_unix_nano": event.time_ns}
            if event.trace_id:
                carried["trace_id"] = event.trace_id.to_bytes(16, "big")
                carried["span_id"] = event.span_id.to_bytes(8, "big")
            rows.append(carried)
    found = {row[attributes.ML_INFERENCE_ID]: row for row in rows}
    assert len(rows) == len(found)
    return found


def features(told: Sequence[SourceEvent]) -> dict[str, dict[str, Any]]:
    """The features of the rows that have any, by id."""
    return {
        id_: row[attributes.ML_FEATURES]
        for id_, row in told_rows(told).items()
        if row.get(attributes.ML_FEATURES) is not None
    }
