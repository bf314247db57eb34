"""The decoders again, written the slow way: protobuf objects, one row at a time.

It shares the contracts and the states with the decoders, and nothing of their columns.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from barograph.classes import class_text
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Key, Points, Predictions, Truths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from barograph_processor.engine.batch import Batch, Features

Row = tuple[object, ...]
_SCALARS: Final = ("string_value", "bool_value", "int_value", "double_value")
_NUMBERS: Final = ("int_value", "double_value")
_ROUNDING: Final = 1e-6


@dataclass
class Expected:
    """What decoding must give: rows in any order, and for refused items every reason that holds."""

    rows: Counter[Row] = field(default_factory=Counter)
    refused: list[set[str]] = field(default_factory=list)
    foreign: int = 0


def rows_of(batches: Iterable[Batch]) -> Counter[Row]:
    """The rows of batches, comparable."""
    rows: Counter[Row] = Counter()
    for batch in batches:
        if isinstance(batch, Points):
            rows.update(
                (*point[:7], point.edge, point.state.to_bytes())  # all but the state itself
                for point in batch.points
            )
        elif isinstance(batch, Predictions):
            rows.update(_prediction_rows(batch))
        else:
            rows.update(_truth_rows(batch))
    return rows


def _prediction_rows(batch: Predictions) -> list[Row]:
    return [
        (
            batch.key,
            batch.source,
            batch.ids[i],
            int(batch.time_ns[i]),
            _text_at(batch.classes, i),
            _comparable(batch.score[i]),
            frozenset(
                (c, float(s))
                for c, s in zip(batch.score_classes, batch.scores[i], strict=True)
                if not math.isnan(s)
            ),
            _comparable(batch.value[i]),
            frozenset((n, t) for n, texts in batch.segments.items() if (t := _text_at(texts, i)) is not None),
            _features_at(batch.features, i),
        )
        for i in range(len(batch.ids))
    ]


def _features_at(features: Features | None, row: int) -> frozenset[tuple[str, object]] | None:
    """What a row has of features, missing values left out; None where it came without."""
    if features is None or not (features.given is None or features.given[row]):
        return None
    found: dict[str, object] = {}
    for name, column in features.columns.items():
        text = None if column.texts is None else _text_at(column.texts, row)
        number = float(column.numbers[row])
        if text is not None:
            assert math.isnan(number)
            found[name] = text
        elif not math.isnan(number):
            found[name] = number if math.isfinite(number) else "invalid"
    return frozenset(found.items())


def _truth_rows(batch: Truths) -> list[Row]:
    pairs: list[Row | None] = list(_prediction_rows(batch.pair)) if batch.pair else [None] * len(batch.ids)
    return [
        (
            batch.tenant,
            batch.model,
            batch.version,
            batch.output,
            batch.ids[i],
            int(batch.time_ns[i]),
            _text_at(batch.classes, i),
            _comparable(batch.value[i]),
            pairs[i],
        )
        for i in range(len(batch.ids))
    ]


def _text_at(texts: Any, row: int) -> str | None:  # Texts
    code = int(texts.codes[row])
    return None if code < 0 else texts.values[code]


def _comparable(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


class Attributes:
    """Attributes of one record, the last of a name counting."""

    def __init__(self, pairs: Iterable[KeyValue]) -> None:
        self.values: dict[str, AnyValue] = {pair.key: pair.value for pair in pairs}

    def kind(self, name: str) -> str | None:
        """Which field of the value is set."""
        return self.values[name].WhichOneof("value") if name in self.values else None

    def text(self, name: str) -> tuple[str | None, bool]:
        """The text, and whether the value has none though it is there."""
        return _text(self.values[name]) if name in self.values else (None, False)

    def number(self, name: str) -> tuple[float, bool]:
        """The number, NaN where absent, and whether the value is none."""
        kind = self.kind(name)
        if kind is None:
            return math.nan, False
        if kind not in _NUMBERS:
            return math.nan, True
        return float(getattr(self.values[name], kind)), False

    def mapping(self, name: str) -> tuple[dict[str, AnyValue], bool]:
        """The entries, and whether the value is no map."""
        kind = self.kind(name)
        if kind is None:
            return {}, False
        if kind != "kvlist_value":
            return {}, True
        return {pair.key: pair.value for pair in self.values[name].kvlist_value.values}, False


def _text(value: AnyValue) -> tuple[str | None, bool]:
    kind = value.WhichOneof("value")
    if kind is None:
        return None, False
    if kind not in _SCALARS:
        return None, True
    if kind == "string_value":
        return value.string_value, False
    text = class_text(getattr(value, kind))
    return text, text is None


def owner(own: Attributes, resource: Attributes, refused: set[str]) -> tuple[Key, str | None, str]:
    """Key, stated version and source of an item."""
    found: list[str | None] = []
    for name in (names.ML_MODEL_NAME, names.ML_MODEL_VERSION, names.ML_OUTPUT_NAME, names.ML_SOURCE_ID):
        text, bad = own.text(name)
        if bad:
            refused.add("bad_type")
        if not text:
            text, bad = resource.text(name)
            if bad:
                refused.add("bad_type")
        found.append(text or None)
    model, version, output, source = found
    if model is None:
        refused.add("no_model")
    inherited = {
        name: resource.text(name)[0] or ""
        for name in (
            "service.namespace",
            "deployment.environment.name",
            "deployment.environment",
            "service.instance.id",
            "service.name",
            "host.name",
            "k8s.pod.name",
            "process.pid",
        )
    }
    namespace = inherited["service.namespace"]
    environment = inherited["deployment.environment.name"] or inherited["deployment.environment"]
    described = (
        namespace,
        *(inherited[n] for n in ("service.name", "host.name", "k8s.pod.name", "process.pid")),
    )
    source = source or inherited["service.instance.id"] or "/".join(filter(None, described))
    for text in (model, version, output, source, namespace, environment):
        if text is not None and len(text) > 256:
            refused.add("name_too_long")
    return Key("default", namespace, environment, model or "", version or "0", output or ""), version, source


def expected_logs(request: ExportLogsServiceRequest) -> Expected:
    """What `decode_logs` must give for readable events."""
    expected = Expected()
    for per_resource in request.resource_logs:
        resource = Attributes(per_resource.resource.attributes)
        for per_scope in per_resource.scope_logs:
            for record in per_scope.log_records:
                _record(record, resource, expected)
    return expected


def _record(record: LogRecord, resource: Attributes, expected: Expected) -> None:
    if record.event_name not in {events.ML_INFERENCE_PREDICTION, events.ML_GROUND_TRUTH_OBSERVED}:
        expected.foreign += 1
        return
    own = Attributes(record.attributes)
    refused: set[str] = set()
    key, version, source = owner(own, resource, refused)
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    if not time_ns:
        refused.add("no_time")
    if time_ns >= 2**63:
        refused.add("bad_time")
    prediction, said = _prediction(own, key, source, time_ns, refused)
    if record.event_name == events.ML_GROUND_TRUTH_OBSERVED:
        row = _truth(own, key, version, (*prediction, None), said=said, refused=refused)
    else:
        row = (*prediction, _features(own, refused))
    if refused:
        expected.refused.append(refused)
    else:
        expected.rows[row] += 1


def _prediction(own: Attributes, key: Key, source: str, time_ns: int, refused: set[str]) -> tuple[Row, bool]:
    identifier, bad_id = own.text(names.ML_INFERENCE_ID)
    chosen, bad_class = own.text(names.ML_PREDICTION_CLASS)
    score, bad_score = own.number(names.ML_PREDICTION_SCORE)
    value, bad_value = own.number(names.ML_PREDICTION_VALUE)
    by_class, bad_map = own.mapping(names.ML_PREDICTION_SCORES)
    by_segment, bad_segments = own.mapping(names.ML_SEGMENTS)
    if any((bad_id, bad_class, bad_score, bad_value, bad_map, bad_segments)):
        refused.add("bad_type")
    if math.isinf(value):
        refused.add("not_finite")
    scores = _scores(by_class, refused)
    segments = _segments(by_segment, refused)
    for number in (score, *scores.values()):
        if not (math.isnan(number) or -_ROUNDING <= number <= 1 + _ROUNDING):
            refused.add("score_range")
    if len(identifier or "") > 256:
        refused.add("id_too_long")
    if any(len(text) > 256 for text in (chosen or "", *scores, *segments, *segments.values())):
        refused.add("name_too_long")
    known = {name: min(max(number, 0.0), 1.0) for name, number in scores.items() if not math.isnan(number)}
    said = bool(chosen or known or not math.isnan(score) or not math.isnan(value))
    if not chosen and len(known) > 1:
        chosen = max(sorted(known), key=lambda name: known[name])
    row = (
        key,
        source,
        identifier or None,
        time_ns,
        chosen or None,
        _comparable(min(max(score, 0.0), 1.0) if not math.isnan(score) else score),
        frozenset(known.items()),
        _comparable(value),
        frozenset(segments.items()),
    )
    return row, said


def _features(own: Attributes, refused: set[str]) -> frozenset[tuple[str, object]] | None:
    rate, bad = own.number(names.ML_SAMPLING_RATE)
    if own.kind(names.ML_SAMPLING_RATE) is not None and (bad or not 0 < rate <= 1):
        refused.add("bad_rate")
    by_name, bad = own.mapping(names.ML_FEATURES)
    if bad:
        refused.add("bad_type")
    if own.kind(names.ML_FEATURES) != "kvlist_value":
        return None
    if any(len(name) > 256 for name in by_name):
        refused.add("name_too_long")
    found: dict[str, object] = {}
    for name, value in by_name.items():
        kind = value.WhichOneof("value")
        if kind == "string_value":
            found[name] = value.string_value
        elif kind in {"bool_value", *_NUMBERS}:
            number = float(getattr(value, kind))
            if not math.isnan(number):
                found[name] = number if math.isfinite(number) else "invalid"
        elif kind is not None:
            found[name] = "invalid"
    return frozenset(found.items())


def _scores(by_class: Mapping[str, AnyValue], refused: set[str]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, value in by_class.items():
        kind = value.WhichOneof("value")
        if kind not in {None, *_NUMBERS}:
            refused.add("bad_type")
        scores[name] = float(getattr(value, kind)) if kind in _NUMBERS else math.nan
    return scores


def _segments(by_segment: Mapping[str, AnyValue], refused: set[str]) -> dict[str, str]:
    segments: dict[str, str] = {}
    for name, value in by_segment.items():
        text, bad = _text(value)
        if bad:
            refused.add("bad_type")
        if len(name) > 256:
            refused.add("name_too_long")
        if text is not None:
            segments[name] = text
    return segments


def _truth(  # the parts of one row
    own: Attributes, key: Key, version: str | None, prediction: Row, *, said: bool, refused: set[str]
) -> Row:
    kind = own.kind(names.ML_GROUND_TRUTH_VALUE)
    text, bad = own.text(names.ML_GROUND_TRUTH_VALUE)
    number = math.nan
    if kind in _NUMBERS:
        number, _ = own.number(names.ML_GROUND_TRUTH_VALUE)
        text = None
        if not math.isfinite(number):
            refused.add("not_finite")
    elif bad:
        refused.add("bad_type")
    if not text and math.isnan(number):
        refused.add("no_value")
    if text:
        try:
            number = float(text) if text.strip() == text and "_" not in text else math.nan
        except ValueError:
            number = math.nan
        number = number if math.isfinite(number) else math.nan
    if prediction[2] is None and not said:
        refused.add("no_id")
    return (
        key.tenant,
        key.model,
        version,
        key.output,
        prediction[2],
        prediction[3],
        text or None,
        _comparable(number),
        prediction if said else None,
    )
