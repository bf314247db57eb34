"""``ml.window.closed`` events back to closed windows, for those who read what the processor says."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast, get_args

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow, Status
from barograph_processor.signals.api import Reading
from barograph_processor.wire.decode import DEFAULT_TENANT
from barograph_processor.wire.identity import DEFAULT_VERSION, ENVIRONMENT, SERVICE_NAMESPACE
from barograph_processor.wire.reading_attributes import READING_NAME, READING_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

ValueT = TypeVar("ValueT", str, int)


def decode_window_event(record: LogRecord, tenant: str = DEFAULT_TENANT) -> ClosedWindow:
    """The window that an event tells of.

    Args:
        record: A log record whose event name is ``ml.window.closed``.
        tenant: Whose window it is where the event doesn't say so.

    Raises:
        Permanent: It is another event, or lacks what such an event needs.
    """
    if record.event_name != events.ML_WINDOW_CLOSED:
        raise Permanent(f"got the event {record.event_name!r}, wanted {events.ML_WINDOW_CLOSED}")
    found = _by_key(record.attributes)
    status = _required(found, names.ML_MONITOR_STATE, str)
    if status not in get_args(Status):
        raise Permanent(
            f"{names.ML_MONITOR_STATE} is {status!r}, wanted one of {', '.join(get_args(Status))}"
        )
    return ClosedWindow(
        key=Key(
            _text(found, names.BAROGRAPH_TENANT) or tenant,
            _text(found, SERVICE_NAMESPACE),
            _text(found, ENVIRONMENT),
            _required(found, names.ML_MODEL_NAME, str),
            _text(found, names.ML_MODEL_VERSION) or DEFAULT_VERSION,
            _text(found, names.ML_OUTPUT_NAME),
        ),
        window=_required(found, names.ML_WINDOW_NAME, str),
        start_ns=_required(found, names.ML_WINDOW_START, int),
        end_ns=_required(found, names.ML_WINDOW_END, int),
        revision=_required(found, names.ML_WINDOW_REVISION, int),
        status=cast("Status", status),
        baseline_id=_text(found, names.ML_BASELINE_ID) or None,
        readings=tuple(_reading(value.kvlist_value) for value in _list(found, names.ML_WINDOW_READINGS)),
    )


def _by_key(pairs: Iterable[KeyValue]) -> dict[str, AnyValue]:
    return {pair.key: pair.value for pair in pairs}


def _text(found: dict[str, AnyValue], name: str) -> str:
    return found[name].string_value if name in found else ""


def _required(found: dict[str, AnyValue], name: str, kind: type[ValueT]) -> ValueT:
    field = "string_value" if kind is str else "int_value"
    if name not in found or found[name].WhichOneof("value") != field:
        raise Permanent(f"the event has no {name} of type {kind.__name__}")
    value: ValueT = getattr(found[name], field)
    return value


def _list(found: dict[str, AnyValue], name: str) -> Iterable[AnyValue]:
    if name not in found:
        raise Permanent(f"the event has no {name}")
    return found[name].array_value.values


def _reading(entries: KeyValueList) -> Reading:
    """A reading; attributes keep their order."""
    found = _by_key(entries.values)
    if READING_VALUE not in found:
        raise Permanent(f"a reading has no {READING_VALUE}")
    attributes = tuple(
        (name, value.string_value)
        for name, value in found.items()
        if name not in {READING_NAME, READING_VALUE}
    )
    return Reading(_required(found, READING_NAME, str), found[READING_VALUE].double_value, attributes)
