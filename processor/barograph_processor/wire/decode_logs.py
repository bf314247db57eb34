"""OTLP log records: readable and packed predictions and ground truth."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.wire import identity, packed, readable, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.carriers import carrier_of
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse
from barograph_processor.wire.foreign import EVENT_NAME, LOGS, Foreign, read_foreign
from barograph_processor.wire.nesting import items
from barograph_processor.wire.refusals import Refusals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.nesting import Items

_EVENTS: Final = (
    events.ML_INFERENCE_PREDICTION,
    events.ML_INFERENCE_PREDICTION_BATCH,
    events.ML_GROUND_TRUTH_OBSERVED,
    events.ML_GROUND_TRUTH_OBSERVED_BATCH,
)
_PREDICTION, _PREDICTION_BATCH, _TRUTH, _TRUTH_BATCH = range(4)
_WANTED: Final = (*identity.NAMES, *readable.NAMES, names.ML_BATCH_ROWS, names.ML_BATCH_ARROW, EVENT_NAME)
_LATEST_NS: Final = np.uint64(2**63 - 1)
_ROWS_TOGETHER: Final = 65_536


def decode_logs(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportLogsServiceRequest.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    return decode_records(items(parse("logs", data)), context)


def decode_records(records: Items, context: DecodeContext) -> Decoded:
    """Decode log records that are columns already."""
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
        ).decode(decoded)
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


class _Event(NamedTuple):
    """One packed event.

    Attributes:
        row: Number of the record.
        owner: Number of its owner.
        table: What it holds.
    """

    row: int
    owner: int
    table: pa.Table


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
        self._room = context.limits.max_request_unpacked_bytes
        self._owners = identity.owners(attributes, resources, resource_of, context.limits, verdicts)

    def decode(self, into: Decoded) -> None:
        """Add the batches."""
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
        self._packed(np.flatnonzero(is_packed & self._verdicts.taken).tolist(), stated, into)

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

    def _packed(self, rows: list[int], stated: NDArray[np.float64], into: Decoded) -> None:
        """Packed events: refused whole where they can't be read, else row by row.

        What a source sends in several events for their size is taken together.
        """
        run: list[_Event] = []
        for row in rows:
            try:
                event = _Event(row, int(self._owners.group_of[row]), self._table(row, float(stated[row])))
            except packed.Unreadable as error:
                self._verdicts.refuse_at(np.array([row]), error.reason)
                continue
            if run and not self._together(run, event):
                self._take(run, into)
                run = []
            run.append(event)
        if run:
            self._take(run, into)

    def _together(self, run: list[_Event], event: _Event) -> bool:
        first = run[0]
        return (
            self._kind[first.row] == self._kind[event.row]
            and first.owner == event.owner
            and packed.alike(first.table, event.table)
            and sum(one.table.num_rows for one in run) + event.table.num_rows <= _ROWS_TOGETHER
        )

    def _take(self, run: list[_Event], into: Decoded) -> None:
        """Events of one kind and owner, with the same columns."""
        limits, tenant = self._context.limits, self._context.tenant
        owner = self._owners.owners[run[0].owner]
        table = packed.joined([one.table for one in run])
        time_ns = int(self._time_ns[run[0].row])
        verdicts = Refusals(table.num_rows)
        try:
            if self._kind[run[0].row] == _PREDICTION_BATCH:
                outcomes = packed.predictions(table, time_ns, limits, verdicts)
                outcomes.check(limits, verdicts)
                if (chosen := np.flatnonzero(verdicts.taken)).size:
                    into.batches.append(outcomes.take(chosen).predictions(owner, tenant))
            else:
                observed = packed.observed(table, time_ns, limits, verdicts)
                observed.check(limits, verdicts)
                if (chosen := np.flatnonzero(verdicts.taken)).size:
                    into.batches.extend(observed.truths(owner, tenant, chosen))
            into.rows_rejected += verdicts.counts()
        except packed.Unreadable as error:
            self._verdicts.refuse_at(np.array([one.row for one in run]), error.reason)

    def _table(self, row: int, stated: float) -> pa.Table:
        blob = self._attributes.values.blob(int(self._attributes.positions(names.ML_BATCH_ARROW)[row]))
        if blob is None:
            raise packed.Unreadable(reasons.BAD_TYPE)
        table, size = packed.read(blob, self._context.limits, self._room)
        self._room -= size
        if not np.isnan(stated) and stated != table.num_rows:
            raise packed.Unreadable(reasons.ROW_COUNT)
        return table
