"""OTLP log records: readable and packed predictions and ground truth."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.wire import identity, packed_scan, readable, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.carriers import carrier_of
from barograph_processor.wire.claiming import read_foreign
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse, rewritten
from barograph_processor.wire.foreign import EVENT_NAME, LOGS, Foreign
from barograph_processor.wire.nesting import items
from barograph_processor.wire.packed_events import PackedEvents
from barograph_processor.wire.packed_scan import Known
from barograph_processor.wire.plain_logs import decode_plain
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.values import GivenTwice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.nesting import Items
    from barograph_processor.wire.packed_scan import Scan, Shape

_EVENTS: Final = (
    events.ML_INFERENCE_PREDICTION,
    events.ML_INFERENCE_PREDICTION_BATCH,
    events.ML_GROUND_TRUTH_OBSERVED,
    events.ML_GROUND_TRUTH_OBSERVED_BATCH,
)
_PREDICTION, _PREDICTION_BATCH, _TRUTH, _TRUTH_BATCH = range(4)
_WANTED: Final = (*identity.NAMES, *readable.NAMES, names.ML_BATCH_ROWS, names.ML_BATCH_ARROW, EVENT_NAME)
_LATEST_NS: Final = np.uint64(2**63 - 1)


def decode_logs(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportLogsServiceRequest.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    plain = decode_plain(data, context)
    return decode_columns(data, context) if plain is None else plain


def decode_columns(data: bytes, context: DecodeContext) -> Decoded:
    """The same by columns, which read whatever comes and pay off where there are many records.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    try:
        return _decode(data, context)
    except GivenTwice:
        return _decode(rewritten("logs", data), context)


def _decode(data: bytes, context: DecodeContext) -> Decoded:
    scanned = packed_scan.scan(data)
    if scanned is None:
        return decode_records(items(parse("logs", data)), context)
    known = packed_scan.known(scanned.shape, context.limits)
    if known is None:
        return decode_records(items(parse("logs", data)), context, scanned.shape)
    return _decode_known(data, scanned, known, context)


def _decode_known(data: bytes, scanned: Scan, known: Known, context: DecodeContext) -> Decoded:
    """Decode packed events of which all but the columns is known."""

    def blob(row: int) -> pa.Buffer:
        begin, end = scanned.blobs[row]
        return pa.py_buffer(data[begin:end])  # a copy, for what is in it is aligned to words then

    events_of = len(scanned.blobs)
    verdicts = Refusals(events_of)
    decoded = Decoded()
    PackedEvents(
        known.kind == _TRUTH_BATCH, known.owners, scanned.time_ns, scanned.stated, blob, verdicts, context
    ).take(range(events_of), decoded)
    decoded.rejected = verdicts.counts()
    decoded.accepted = events_of - decoded.rejected.total()
    return decoded


def decode_records(records: Items, context: DecodeContext, shape: Shape | None = None) -> Decoded:
    """Decode log records that are columns already.

    Args:
        records: All of a request's.
        context: As for `decode_logs`.
        shape: Of the request they are from, if it was looked at and isn't known.
    """
    attributes = Attributes.of(records.column.field("attributes"), _WANTED)
    kind = _kinds(records.column.field("event_name"), attributes)
    rows = np.flatnonzero((kind >= 0) & ~records.own)
    verdicts = Refusals(len(rows))
    decoded = Decoded()
    if rows.size:
        _Events(
            attributes.take(rows),
            kind[rows],
            _times(records.column, rows, verdicts),
            Attributes.of(records.resources, identity.RESOURCE_NAMES),
            records.resource_of[rows],
            verdicts,
            context,
        ).decode(decoded, shape if rows.size == len(kind) else None)
    decoded.rejected = verdicts.counts()
    free = (kind < 0) & ~records.own
    if context.dialects and free.any():
        free &= ~read_foreign(Foreign.of_items(LOGS, records, carrier_of(records)), free, context, decoded)
    decoded.accepted = len(kind) - decoded.rejected.total()
    decoded.ignored += Counter(
        {reasons.OWN_READINGS: int(records.own.sum()), reasons.FOREIGN: int(free.sum())}
    )
    decoded.ignored = +decoded.ignored
    return decoded


def _kinds(event_names: pa.StringArray, attributes: Attributes) -> NDArray[np.int32]:
    """Index into `_EVENTS` of each record, -1 for others."""
    wanted = pa.array(_EVENTS, pa.string())
    kind = pc.index_in(event_names, value_set=wanted).fill_null(-1).to_numpy(zero_copy_only=False)
    if attributes.present(EVENT_NAME).any():
        unnamed = pc.equal(pc.binary_length(event_names), 0).to_numpy(zero_copy_only=False)
        named = pc.index_in(attributes.texts(EVENT_NAME)[0], value_set=wanted).fill_null(-1)
        kind = np.where(unnamed, named.to_numpy(zero_copy_only=False), kind)
    result: NDArray[np.int32] = kind
    return result


def _times(column: pa.StructArray, rows: NDArray[np.int64], verdicts: Refusals) -> NDArray[np.int64]:
    """Event time of the rows: the record's time, else when it was observed."""
    stated = column.field("time_unix_nano").to_numpy()[rows]
    observed = column.field("observed_time_unix_nano").to_numpy()[rows]
    time = np.where(stated == 0, observed, stated)
    verdicts.refuse(time > _LATEST_NS, reasons.BAD_TIME)
    result: NDArray[np.int64] = np.minimum(time, _LATEST_NS).astype(np.int64)
    return result


class _Events:
    """The records of a request that are ours."""

    def __init__(  # noqa: PLR0913, PLR0917  one request, taken apart
        self,
        attributes: Attributes,
        kind: NDArray[np.int32],
        time_ns: NDArray[np.int64],
        resources: Attributes,
        resource_of: NDArray[np.int64],
        verdicts: Refusals,
        context: DecodeContext,
    ) -> None:
        self._attributes = attributes
        self._kind = kind
        self._time_ns = time_ns
        self._verdicts = verdicts
        self._context = context
        self._owners = identity.owners(attributes, resources, resource_of, context.limits, verdicts)

    def decode(self, into: Decoded, shape: Shape | None) -> None:
        """Add the batches.

        Args:
            into: Takes them.
            shape: Of the request, if these are all of its records; remembered where all are packed and
                nothing is refused.
        """
        for kind, decode in ((_PREDICTION, self._predictions), (_TRUTH, self._truths)):
            rows = np.flatnonzero((self._kind == kind) & self._verdicts.taken)
            if rows.size:
                decode(rows, into)
        stated, bad = self._attributes.numbers(names.ML_BATCH_ROWS)
        is_packed = (self._kind == _PREDICTION_BATCH) | (self._kind == _TRUTH_BATCH)
        self._verdicts.refuse(is_packed & bad, reasons.BAD_TYPE)
        self._verdicts.refuse(
            (self._kind == _PREDICTION_BATCH) & readable.bad_rate(self._attributes), reasons.BAD_RATE
        )
        if shape is not None and is_packed.all() and not self._verdicts.any:
            packed_scan.remember(shape, self._context.limits, Known(self._kind, self._owners))
        PackedEvents(
            self._kind == _TRUTH_BATCH,
            self._owners,
            self._time_ns,
            stated,
            self._blob,
            self._verdicts,
            self._context,
        ).take(np.flatnonzero(is_packed & self._verdicts.taken).tolist(), into)

    def _blob(self, row: int) -> pa.Buffer | None:
        return self._attributes.values.blob(int(self._attributes.positions(names.ML_BATCH_ARROW)[row]))

    def _predictions(self, rows: NDArray[np.int64], into: Decoded) -> None:
        """Readable predictions."""
        verdicts = Refusals(len(rows))
        verdicts.refuse(self._time_ns[rows] == 0, reasons.NO_TIME)
        outcomes = readable.predictions(
            self._attributes.take(rows), self._time_ns[rows], self._context.limits, verdicts
        )
        outcomes.check(self._context.limits, verdicts)
        verdicts.pass_on(rows, self._verdicts)
        within = self._owners.of(rows)
        for owner, chosen in within.groups(verdicts.taken):
            into.batches.append(outcomes.take(chosen).predictions(owner, self._context.tenant))

    def _truths(self, rows: NDArray[np.int64], into: Decoded) -> None:
        """Readable ground truth."""
        verdicts = Refusals(len(rows))
        verdicts.refuse(self._time_ns[rows] == 0, reasons.NO_TIME)
        observed = readable.observed(
            self._attributes.take(rows), self._time_ns[rows], self._context.limits, verdicts
        )
        observed.check(self._context.limits, verdicts)
        verdicts.pass_on(rows, self._verdicts)
        within = self._owners.of(rows)
        for owner, chosen in within.groups(verdicts.taken):
            into.batches.extend(observed.truths(owner, self._context.tenant, chosen))
