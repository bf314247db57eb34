"""Rows of files, as objects of key and value, to the readable events that any sender could have sent."""

from __future__ import annotations

import math
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.classes import class_text
from barograph.columns import numbers
from barograph.semconv import SOURCE_SCOPE, events
from barograph.semconv import attributes as names
from barograph.times import NOT_A_TIME, time_ns
from barograph_processor.receivers.files.columns import ANSWER, EVERY, USUAL, Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


Row = dict[str, Any]
_INT64: Final = 2**63


class Source(NamedTuple):
    """What every row of a receiver has in common.

    Attributes:
        model: The model, where a row names none; None: such rows are of no model.
        version: Its version, where a row states none.
        source_id: What tells these rows from other senders'.
    """

    model: str | None
    version: str | None
    source_id: str


class Request(NamedTuple):
    """Rows as an ExportLogsServiceRequest.

    Attributes:
        data: Its bytes.
        records: Records in it.
        foreign: Rows that tell of no prediction and no truth.
    """

    data: bytes
    records: int
    foreign: int


class RowReader:
    """Makes events of rows."""

    def __init__(self, columns: Columns, source: Source, *, pass_on: bool = False) -> None:
        """Say where things stand.

        Args:
            columns: Which keys say what.
            source: What all rows have in common.
            pass_on: Whether rows that tell of nothing go on as the bodies of log records, for mappings.
        """
        self._columns = columns
        self._source = source
        self._pass_on = pass_on
        stated = {role: getattr(columns, role) for role in USUAL}
        self._keys: dict[str, tuple[str, ...]] = {
            role: USUAL[role] if key is None else ((key,) if isinstance(key, str) else ())
            for role, key in stated.items()
        }

    @property
    def names(self) -> frozenset[str]:
        """Keys of what is a name, whatever it reads as: ids, models, versions."""
        return frozenset(key for role in ("id", "model", "version") for key in self._keys[role])

    def request(self, rows: Iterable[tuple[Row, int]]) -> Request:
        """Rows, each with the time at which it was written (`NOT_A_TIME`: nothing tells), as one request."""
        request = ExportLogsServiceRequest()
        scope = request.resource_logs.add().scope_logs.add()
        scope.scope.name = SOURCE_SCOPE
        foreign = 0
        for row, written_ns in rows:
            if self._read(row, written_ns, scope.log_records):
                continue
            if self._pass_on:
                record = scope.log_records.add()
                record.time_unix_nano = max(written_ns, 0)
                _fill(record.body, row)
            else:
                foreign += 1
        return Request(request.SerializeToString(), len(scope.log_records), foreign)

    def _read(self, row: Row, written_ns: int, records: RepeatedCompositeFieldContainer[LogRecord]) -> bool:
        """Add the events of a row; says whether it has any."""
        found: dict[str, Any] = {}
        used: set[str] = set()
        for role, keys in self._keys.items():
            for key in keys:
                if row.get(key) is not None:
                    found[role] = row[key]
                    used.add(key)
                    break
        if self._columns.class_ is None and self._columns.value is None and row.get(ANSWER) is not None:
            answer = row[ANSWER]
            used.add(ANSWER)
            is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
            found.setdefault("value" if is_number else "class_", answer)
        model = found.get("model", self._source.model)
        if model is None:
            return False
        stated = time_ns(found["time"]) if "time" in found else NOT_A_TIME
        moment = written_ns if stated == NOT_A_TIME else stated
        features = self._features(row, found, used)
        identity = {
            names.ML_MODEL_NAME: model,
            names.ML_MODEL_VERSION: found.get("version", self._source.version),
            names.ML_INFERENCE_ID: _identity(found.get("id")),
        }
        told = {
            names.ML_PREDICTION_CLASS: _text(found.get("class_")),
            names.ML_PREDICTION_SCORE: found.get("score"),
            names.ML_PREDICTION_SCORES: found.get("scores"),
            names.ML_PREDICTION_VALUE: found.get("value"),
            names.ML_SEGMENTS: self._segments(row, found),
        }
        predicts = any(role in found for role in ("class_", "score", "scores", "value"))
        is_prediction = predicts or (bool(features) and "truth" not in found)
        if is_prediction:
            own = {names.ML_SOURCE_ID: self._source.source_id, names.ML_FEATURES: features}
            _tell(records.add(), events.ML_INFERENCE_PREDICTION, moment, identity | told | own)
        if "truth" in found:
            pair = told if "id" not in found and predicts else {}
            truth = {names.ML_GROUND_TRUTH_VALUE: _truth(found["truth"])}
            _tell(records.add(), events.ML_GROUND_TRUTH_OBSERVED, moment, identity | pair | truth)
        return is_prediction or "truth" in found

    def _features(self, row: Row, found: Mapping[str, Any], used: set[str]) -> Row | None:
        wanted = self._columns.features
        if isinstance(wanted, tuple):
            return {name: row.get(name) for name in wanted}
        if wanted == EVERY:
            named = used | set(self._columns.exclude)
            return {key: value for key, value in row.items() if key not in named}
        given = found.get("features")
        if not isinstance(given, dict):
            return None
        return {key: value for key, value in given.items() if key not in self._columns.exclude}

    def _segments(self, row: Row, found: Mapping[str, Any]) -> Row | None:
        wanted = self._columns.segments
        if isinstance(wanted, tuple):
            return {name: _text(row[name]) for name in wanted if row.get(name) is not None} or None
        given = found.get("segments")
        if not isinstance(given, dict):
            return None
        return {name: _text(value) for name, value in given.items() if value is not None}


def _identity(value: object) -> object:
    """An id as it is; one that no integer attribute holds as text, and none where it is no number."""
    if isinstance(value, float) and math.isnan(value):
        return None
    too_long = isinstance(value, int) and not -_INT64 <= value < _INT64
    return str(value) if too_long or isinstance(value, date) else value


def _text(value: object) -> object:
    """A class or segment as text, None where it is missing; what is none is left to be refused."""
    if isinstance(value, bool | int | float):
        return class_text(value)
    return str(value) if isinstance(value, date) else value


def _truth(value: object) -> object:
    return _text(value) if isinstance(value, bool) else value


def _tell(record: LogRecord, name: str, moment_ns: int, attributes: Mapping[str, object]) -> None:
    record.event_name = name
    if moment_ns != NOT_A_TIME:
        record.time_unix_nano = moment_ns
    for key, value in attributes.items():
        if value is not None:
            _pair(record.attributes, key, value)


# Values are filled in where they stand: one that is made apart is copied at each level, which takes
# many times longer than all else that is done with a row.
def _pair(into: RepeatedCompositeFieldContainer[KeyValue], key: str, value: object) -> None:
    pair = into.add()
    pair.key = key
    _fill(pair.value, value)


def _fill(into: AnyValue, value: object) -> None:
    """A value of JSON; what no attribute can be becomes an empty value, which is missing."""
    if isinstance(value, float):
        into.double_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int) and -_INT64 <= value < _INT64:
        into.int_value = value
    elif isinstance(value, int | date | timedelta | time):
        into.double_value = float(numbers([value])[0])  # moments in seconds, as everywhere
    elif isinstance(value, dict):
        into.kvlist_value.SetInParent()
        entries = into.kvlist_value.values
        for key, each in value.items():
            _pair(entries, str(key), each)
    elif isinstance(value, list):
        into.bytes_value = b""  # of no type that a feature has: invalid, not missing
    elif value is None:
        into.SetInParent()
    else:
        into.string_value = str(value)
