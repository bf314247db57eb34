"""A few readable events, as the batches that `decode_logs` makes of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from barograph.semconv import READINGS_SCOPE, events
from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Truths
from barograph_processor.wire import identity, readable, reasons
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.foreign import EVENT_NAME
from barograph_processor.wire.plain import (
    REQUEST_MOST_BYTES,
    NotPlain,
    Resource,
    coded,
    number,
    objects,
    text,
    wanted,
)
from barograph_processor.wire.plain_outcomes import PlainOutcomes
from barograph_processor.wire.text import number_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from barograph_processor.wire.identity import Owner

RECORDS_MOST: Final = 48
"""More are quicker read as columns."""
_WANTED: Final = frozenset((*identity.NAMES, *readable.NAMES))
_LATEST_NS: Final = 2**63 - 1
_OURS: Final = frozenset(
    (
        events.ML_INFERENCE_PREDICTION,
        events.ML_INFERENCE_PREDICTION_BATCH,
        events.ML_GROUND_TRUTH_OBSERVED,
        events.ML_GROUND_TRUTH_OBSERVED_BATCH,
    )
)


def decode_plain(data: bytes, context: DecodeContext) -> Decoded | None:
    """What `decode_logs` gives; None where that is left to the columns."""
    if len(data) > REQUEST_MOST_BYTES:
        return None
    try:
        return _Records(context).decode(data)
    except NotPlain:
        return None


class _Records:
    """The records of a request."""

    def __init__(self, context: DecodeContext) -> None:
        self._context = context
        self._predictions = PlainOutcomes(context.limits)
        self._truths = PlainOutcomes(context.limits)
        self._classes: list[str | None] = []
        self._numbers: list[float] = []
        self._owners: dict[str, Owner] = {}

    def decode(self, data: bytes) -> Decoded:
        """All of them."""
        request = cast("ExportLogsServiceRequest", objects("logs", data))
        decoded = Decoded()
        for per_resource in request.resource_logs:
            resource = Resource(per_resource.resource.attributes, self._context.limits.max_name_length)
            for per_scope in per_resource.scope_logs:
                decoded.accepted += len(per_scope.log_records)
                if decoded.accepted > RECORDS_MOST:
                    raise NotPlain
                if per_scope.scope.name == READINGS_SCOPE:
                    decoded.ignored[reasons.OWN_READINGS] += len(per_scope.log_records)
                    continue
                for record in per_scope.log_records:
                    if not self._take(record, resource):
                        decoded.ignored[reasons.FOREIGN] += 1
        decoded.ignored = +decoded.ignored
        self._add_batches(decoded)
        return decoded

    def _take(self, record: LogRecord, resource: Resource) -> bool:
        """Read a record, if it is one of ours."""
        event = record.event_name or _named(record)
        if event not in _OURS:
            if self._context.dialects:
                raise NotPlain
            return False
        time_ns = record.time_unix_nano or record.observed_time_unix_nano
        if not 0 < time_ns <= _LATEST_NS:
            raise NotPlain
        found = wanted(record.attributes, _WANTED)
        owner = resource.owner(found)
        if (
            self._owners.setdefault(event, owner) != owner
            or len(self._owners) > self._context.limits.max_keys
        ):
            raise NotPlain
        if event == events.ML_INFERENCE_PREDICTION:
            self._predictions.add(found, time_ns)
            self._predictions.add_features(found)
        elif event == events.ML_GROUND_TRUTH_OBSERVED:
            self._truths.add(found, time_ns)
            self._add_truth(found)
        else:
            raise NotPlain
        return True

    def _add_truth(self, found: Mapping[str, AnyValue]) -> None:
        """The truth of the row that was added last."""
        value = found.get(names.ML_GROUND_TRUTH_VALUE)
        kind = None if value is None else value.WhichOneof("value")
        chosen, measured = None, math.nan
        if kind in {"int_value", "double_value"}:
            measured = number(value)
        else:
            chosen = text(value) or None
        if chosen is None and not math.isfinite(measured):
            raise NotPlain
        if chosen is not None and len(chosen) > self._context.limits.max_name_length:
            raise NotPlain
        row = len(self._classes)
        if self._truths.ids[row] is None and not self._truths.said(row):
            raise NotPlain
        self._classes.append(chosen)
        self._numbers.append(measured)

    def _add_batches(self, decoded: Decoded) -> None:
        tenant = self._context.tenant
        if self._predictions:
            owner, rows = self._owners[events.ML_INFERENCE_PREDICTION], range(len(self._predictions))
            decoded.batches.append(self._predictions.predictions(owner, tenant, rows))
        if not self._truths:
            return
        owner = self._owners[events.ML_GROUND_TRUTH_OBSERVED]
        said = [self._truths.said(row) for row in range(len(self._truths))]
        for is_pair in (False, True):
            chosen = [row for row, its in enumerate(said) if its is is_pair]
            if not chosen:
                continue
            decoded.batches.append(
                Truths(
                    tenant=tenant,
                    model=owner.model,
                    version=owner.version,
                    output=owner.output,
                    ids=self._truths.ids_of(chosen),
                    time_ns=self._truths.times_of(chosen),
                    classes=coded([self._classes[row] for row in chosen]),
                    value=np.array([self._value(row) for row in chosen]),
                    pair=self._truths.predictions(owner, tenant, chosen) if is_pair else None,
                )
            )

    def _value(self, row: int) -> float:
        chosen = self._classes[row]
        return self._numbers[row] if chosen is None else number_in(chosen)


def _named(record: LogRecord) -> str:
    """The event that an attribute names; ``""`` where none does."""
    named = [pair.value for pair in record.attributes if pair.key == EVENT_NAME]
    return (text(named[-1]) or "") if named else ""
