"""OTLP requests in JSON, turned into the bytes that the decoders read.

JSON is read by msgspec, the messages are checked and written by protobuf itself; between them each key
is looked up in tables made from the messages' own descriptors. Protobuf's `json_format` does the same five
times slower, and reads trace ids as base64, where OTLP writes them in hexadecimal digits.

Source: OpenTelemetry Protocol 1.x, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

Lane: TypeAlias = Literal["logs", "metrics", "traces"]

_REQUESTS: Final[Mapping[str, type[Message]]] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
_HEXADECIMAL: Final = ("trace_id", "span_id", "parent_span_id")
_DEEPEST: Final = 100  # as protobuf's own readers
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DOUBLES: Final = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


class _Unfit(ValueError):
    """A value that doesn't fit; its text begins with the path below the place where it is raised."""


class _Field(NamedTuple):
    """How one key of an object is read.

    Attributes:
        name: The field's name in the message.
        repeated: Whether a list is wanted.
        message: What is inside, for messages.
        scalar: What makes the field's value from JSON's, for others.
        choice: The alternative that it belongs to, ``""`` if none.
    """

    name: str
    repeated: bool
    message: Descriptor | None
    scalar: Callable[[Any], Any]
    choice: str


def to_protobuf(lane: Lane, data: bytes) -> bytes:
    r"""The same request in protobuf.

    Unknown keys are ignored, null is as good as absent, 64-bit integers may be numbers or text, enums
    numbers or names, ids are hexadecimal and bytes base64.

    Args:
        lane: Which request it is.
        data: JSON in UTF-8.

    Raises:
        Permanent: The text isn't such a request; the message has the path of what doesn't fit.

    >>> to_protobuf("logs", b'{"resourceLogs": [{"schemaUrl": "a"}]}')
    b'\n\x03\x1a\x01a'
    """
    request = _REQUESTS[lane]
    try:
        value = msgspec.json.decode(data)
        return request(**_object(value, _fields(request.DESCRIPTOR), 0)).SerializeToString()
    except (ValueError, TypeError, RecursionError) as error:
        found = f"{error}".removeprefix(".") or type(error).__name__
        raise Permanent(f"the body isn't an OTLP {lane} request in JSON: {found}") from error


def _object(value: Any, fields: Mapping[str, _Field], depth: int) -> dict[str, Any]:  # noqa: ANN401  # JSON
    if type(value) is not dict:
        raise _Unfit(f": found {_kind(value)}, wanted an object")
    if depth > _DEEPEST:
        raise _Unfit(f": nested deeper than {_DEEPEST} levels")
    found: dict[str, Any] = {}
    chosen: str = ""
    for key, child in value.items():
        field = fields.get(key)
        if field is None or child is None:
            continue
        if field.choice:
            if field.choice == chosen:
                raise _Unfit(f".{key}: only one of {', '.join(_alternatives(fields, chosen))} may be given")
            chosen = field.choice
        try:
            found[field.name] = _list(child, field, depth) if field.repeated else _one(child, field, depth)
        except ValueError as error:
            raise _Unfit(f".{key}{error}" if isinstance(error, _Unfit) else f".{key}: {error}") from error
    return found


def _one(value: Any, field: _Field, depth: int) -> Any:  # noqa: ANN401  # JSON
    if field.message is not None:
        return _object(value, _fields(field.message), depth + 1)
    return field.scalar(value)


def _list(value: Any, field: _Field, depth: int) -> list[Any]:  # noqa: ANN401  # JSON
    if type(value) is not list:
        raise _Unfit(f": found {_kind(value)}, wanted a list")
    found = []
    for index, child in enumerate(value):
        try:
            found.append(_one(child, field, depth))
        except ValueError as error:  # noqa: PERF203  # costs nothing where nothing is wrong
            raise _Unfit(
                f"[{index}]{error}" if isinstance(error, _Unfit) else f"[{index}]: {error}"
            ) from error
    return found


@cache
def _fields(message: Descriptor) -> Mapping[str, _Field]:
    return {
        field.json_name: _Field(
            field.name, field.is_repeated, field.message_type, _scalar(field), _choice(field)
        )
        for field in message.fields
    }


def _choice(field: FieldDescriptor) -> str:
    oneof = field.containing_oneof
    return oneof.name if oneof is not None and len(oneof.fields) > 1 else ""


def _alternatives(fields: Mapping[str, _Field], choice: str) -> list[str]:
    return [key for key, field in fields.items() if field.choice == choice]


def _scalar(field: FieldDescriptor) -> Callable[[Any], Any]:  # one return for each type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _digits if field.name in _HEXADECIMAL else _bytes
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _truth
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum
    if field.cpp_type in _DOUBLES:
        return _number
    return _integer


def _text(value: Any) -> str:  # noqa: ANN401  # JSON
    if type(value) is str:
        return value
    raise ValueError(f"found {_kind(value)}, wanted text")


def _truth(value: Any) -> bool:  # noqa: ANN401  # JSON
    if type(value) is bool:
        return value
    raise ValueError(f"found {_kind(value)}, wanted true or false")


def _integer(value: Any) -> int:  # noqa: ANN401  # JSON
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    raise ValueError(f"found {_kind(value)}, wanted a whole number")


def _number(value: Any) -> float:  # noqa: ANN401  # JSON
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if value.isascii() and value[-1:].isdigit() and "_" not in value and math.isfinite(float(value)):
            return float(value)
    raise ValueError(f"found {_kind(value)}, wanted a number, NaN, Infinity or -Infinity")


def _enum(value: Any) -> int | str:  # noqa: ANN401  # JSON
    return value if type(value) is str else _integer(value)


def _digits(value: Any) -> bytes:  # noqa: ANN401  # JSON
    if type(value) is str and (value.isalnum() or not value):
        return bytes.fromhex(value)
    raise ValueError(f"found {_kind(value)}, wanted hexadecimal digits")


def _bytes(value: Any) -> bytes:  # noqa: ANN401  # JSON
    if type(value) is not str:
        raise ValueError(f"found {_kind(value)}, wanted base64")
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), f"the number {value}")
