"""Short ways to write spans and records of others, and mappings that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from barograph_processor.config.convert import Converter
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_traces import decode_traces
from barograph_processor.wire.limits import Limits
from barograph_processor.wire.mapped import Mapped
from barograph_processor.wire.mapping import Mapping, problems

from .otlp_requests import TIME_NS, Value, any_value, key_values, logs

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Texts

SPAN: dict[str, Any] = {
    "signal": "spans",
    "when": {"name": "POST /predict"},
    "model": "credit",
    "version": {"attribute": "app.model.version"},
    "id": "app.request_id",
    "class": "app.answer",
    "score": "app.score",
    "features": "app.features.*",
    "segments": {"region": "app.region"},
}
ONE: dict[str, Value] = {
    "app.model.version": 3,
    "app.request_id": "a-1",
    "app.answer": "default",
    "app.score": 0.75,
    "app.features.age": 41,
    "app.features.owns": True,
    "app.features.job": "clerk",
    "app.region": "north",
    "http.route": "/predict",
}
LOG: dict[str, Any] = {"signal": "logs", "when": {"name": "scored"}, "model": "credit", "score": "score"}


def mapping(values: dict[str, Any]) -> Mapping:
    """A mapping as a configuration would give it, checked."""
    converter = Converter()
    made = converter.to(values, Mapping, "$.mappings[0]")
    assert made is not None, converter.problems
    assert [] == list(problems(made, "$.mappings[0]"))
    return made


def context(*mappings: dict[str, Any], **limits: int) -> DecodeContext:
    dialects = [Mapped(f"$.mappings[{i}]", mapping(each)) for i, each in enumerate(mappings)]
    return DecodeContext(tenant="t", limits=Limits(**limits), dialects=dialects)


def spans(
    *rows: dict[str, Value],
    how: DecodeContext,
    name: str = "POST /predict",
    scope: str = "shop",
    resource: dict[str, Value] | None = None,
) -> Decoded:
    """Decode spans with the given attributes."""
    request = ExportTraceServiceRequest()
    carrier = request.resource_spans.add()
    carrier.resource.attributes.extend(key_values(resource or {"service.instance.id": "pod-1"}))
    scoped = carrier.scope_spans.add()
    scoped.scope.name = scope
    for i, attributes in enumerate(rows):
        scoped.spans.add(
            name=name,
            trace_id=b"t" * 16,
            span_id=b"s" * 8,
            start_time_unix_nano=TIME_NS + i,
            end_time_unix_nano=TIME_NS + 1_000 + i,
            attributes=key_values(attributes),
        )
    return decode_traces(request.SerializeToString(), how)


def records(
    *rows: dict[str, Value], how: DecodeContext, body: Value = None, scope: str = "shop", **fields: Any
) -> Decoded:
    """Decode log records with the given attributes."""
    made = [
        LogRecord(
            **{"time_unix_nano": TIME_NS, "event_name": "scored", **fields},
            attributes=key_values(row),
            body=any_value(body),
        )
        for row in rows
    ]
    return decode_logs(logs(made, scope=scope).SerializeToString(), how)


def truths(decoded: Decoded) -> list[Truths]:
    return [batch for batch in decoded.batches if isinstance(batch, Truths)]


def only(decoded: Decoded) -> Predictions:
    (batch,) = decoded.batches
    assert isinstance(batch, Predictions)
    return batch


def listed(column: Texts) -> list[str | None]:
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def numbers(batch: Predictions, feature: str) -> list[float]:
    assert batch.features is not None
    found: list[float] = batch.features.columns[feature].numbers.tolist()
    return found
