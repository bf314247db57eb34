"""What leaves: readings as gauges, windows as events."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from inline_snapshot import snapshot
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from barograph.errors import Permanent
from barograph.semconv import SCHEMA_URL, events
from barograph.semconv import attributes as names
from barograph.semconv import metrics as metric_names
from barograph.semconv.metrics import METRICS, Metric
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow, CurrentReading
from barograph_processor.signals import declared
from barograph_processor.signals.api import Reading
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_window import decode_window_event
from barograph_processor.wire.encode import encode_readings, encode_windows

from .otlp_requests import TIME_NS, key_values

KEY = Key("default", "shop", "production", "flights", "3", "eta")
PLAIN = Key("default", "", "", "credit", "0", "")
PSI = Reading(metric_names.ML_FEATURE_DRIFT_PSI, 0.25, ((names.ML_FEATURE_NAME, "distance"),))
ROWS = Reading(metric_names.ML_WINDOW_OBSERVATIONS, 1_000.0)
RESOURCE = {"service.name": "barograph"}


def folded(value: object) -> object:
    """A message's JSON form with attributes and AnyValues as plain Python values."""
    if isinstance(value, list):
        if value and all(isinstance(each, dict) and set(each) == {"key", "value"} for each in value):
            return {each["key"]: folded(each["value"]) for each in value}
        return [folded(each) for each in value]
    if isinstance(value, dict):
        kinds = ("stringValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "values")
        if len(value) == 1 and next(iter(value)) in kinds:
            return folded(next(iter(value.values())))
        return {name: folded(held) for name, held in value.items()}
    return value


def test_readings_are_gauges_grouped_by_metric_and_end_without_a_value() -> None:
    current = [
        CurrentReading(KEY, "1d", "b" * 4, PSI, TIME_NS, ended=False),
        CurrentReading(PLAIN, "1h", None, ROWS, TIME_NS, ended=False),
        CurrentReading(PLAIN, "1h", None, PSI, TIME_NS, ended=True),
    ]
    request = ExportMetricsServiceRequest.FromString(encode_readings(current, TIME_NS + 5, RESOURCE))
    (carrier,) = request.resource_metrics
    assert SCHEMA_URL == carrier.schema_url == carrier.scope_metrics[0].schema_url
    carrier.ClearField("schema_url")
    carrier.scope_metrics[0].ClearField("schema_url")
    assert folded(MessageToDict(request)) == snapshot(
        {
            "resourceMetrics": [
                {
                    "resource": {"attributes": {"service.name": "barograph"}},
                    "scopeMetrics": [
                        {
                            "scope": {"name": "barograph.readings"},
                            "metrics": [
                                {
                                    "name": "ml.feature.drift.psi",
                                    "description": METRICS[PSI.metric].brief,
                                    "unit": "{psi}",
                                    "gauge": {
                                        "dataPoints": [
                                            {
                                                "timeUnixNano": "1700000000000000005",
                                                "asDouble": 0.25,
                                                "attributes": {
                                                    "ml.model.name": "flights",
                                                    "ml.model.version": "3",
                                                    "ml.output.name": "eta",
                                                    "service.namespace": "shop",
                                                    "deployment.environment.name": "production",
                                                    "ml.window.name": "1d",
                                                    "ml.baseline.id": "bbbb",
                                                    "ml.feature.name": "distance",
                                                },
                                            },
                                            {
                                                "timeUnixNano": "1700000000000000005",
                                                "attributes": {
                                                    "ml.model.name": "credit",
                                                    "ml.model.version": "0",
                                                    "ml.window.name": "1h",
                                                    "ml.feature.name": "distance",
                                                },
                                                "flags": 1,
                                            },
                                        ]
                                    },
                                },
                                {
                                    "name": "ml.window.observations",
                                    "description": METRICS[ROWS.metric].brief,
                                    "unit": "{prediction}",
                                    "gauge": {
                                        "dataPoints": [
                                            {
                                                "timeUnixNano": "1700000000000000005",
                                                "asDouble": 1000.0,
                                                "attributes": {
                                                    "ml.model.name": "credit",
                                                    "ml.model.version": "0",
                                                    "ml.window.name": "1h",
                                                },
                                            }
                                        ]
                                    },
                                },
                            ],
                        }
                    ],
                }
            ]
        }
    )


def test_a_window_is_one_event_with_all_its_readings() -> None:
    window = ClosedWindow(KEY, "1d", TIME_NS - 86_400, TIME_NS, 2, "warning", "b" * 4, (PSI, ROWS))
    request = ExportLogsServiceRequest.FromString(encode_windows([window], RESOURCE, TIME_NS + 5))
    (carrier,) = request.resource_logs
    assert SCHEMA_URL == carrier.schema_url == carrier.scope_logs[0].schema_url
    carrier.ClearField("schema_url")
    carrier.scope_logs[0].ClearField("schema_url")
    assert folded(MessageToDict(request)) == snapshot(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": {"service.name": "barograph"}},
                    "scopeLogs": [
                        {
                            "scope": {"name": "barograph.readings"},
                            "logRecords": [
                                {
                                    "timeUnixNano": "1700000000000000005",
                                    "severityNumber": "SEVERITY_NUMBER_INFO",
                                    "attributes": {
                                        "ml.model.name": "flights",
                                        "ml.model.version": "3",
                                        "ml.output.name": "eta",
                                        "service.namespace": "shop",
                                        "deployment.environment.name": "production",
                                        "ml.window.name": "1d",
                                        "ml.baseline.id": "bbbb",
                                        "ml.window.start": "1699999999999913600",
                                        "ml.window.end": "1700000000000000000",
                                        "ml.window.revision": "2",
                                        "ml.monitor.state": "warning",
                                        "ml.window.readings": [
                                            {
                                                "name": "ml.feature.drift.psi",
                                                "value": 0.25,
                                                "ml.feature.name": "distance",
                                            },
                                            {"name": "ml.window.observations", "value": 1000.0},
                                        ],
                                    },
                                    "observedTimeUnixNano": "1700000000000000005",
                                    "eventName": "ml.window.closed",
                                }
                            ],
                        }
                    ],
                }
            ]
        }
    )


def test_the_receiver_drops_what_the_processor_sends() -> None:
    window = ClosedWindow(KEY, "1d", 0, TIME_NS, 0, "ok", None, ())
    logs = decode_logs(encode_windows([window], RESOURCE), DecodeContext())
    assert ({"own_readings": 1}, []) == (logs.ignored, logs.batches)
    readings = encode_readings([CurrentReading(KEY, "1d", None, ROWS, 1, ended=False)], TIME_NS, RESOURCE)
    metrics = decode_metrics(readings, DecodeContext())
    assert ({"own_readings": 1}, []) == (metrics.ignored, metrics.batches)


texts = st.text(min_size=1, max_size=5)
readings = st.builds(
    Reading, st.sampled_from(sorted(METRICS)), st.floats(allow_nan=False),
    st.dictionaries(st.sampled_from([names.ML_FEATURE_NAME, names.ML_CLASS_NAME]), texts).map(
        lambda held: tuple(held.items())
    ),
)  # fmt: skip
windows = st.builds(
    ClosedWindow,
    key=st.builds(
        Key,
        st.sampled_from(["default", "team-a"]),
        st.text(max_size=3),
        st.text(max_size=3),
        texts,
        texts,
        st.text(max_size=3),
    ),
    window=texts,
    start_ns=st.integers(0, 2**63 - 1),
    end_ns=st.integers(0, 2**63 - 1),
    revision=st.integers(0, 100),
    status=st.sampled_from(["ok", "warning", "insufficient_data", "learning"]),
    baseline_id=st.one_of(st.none(), texts),
    readings=st.lists(readings, max_size=3).map(tuple),
)


@given(st.lists(windows, max_size=3))
def test_windows_survive_the_wire(closed: list[ClosedWindow]) -> None:
    request = ExportLogsServiceRequest.FromString(encode_windows(closed, RESOURCE))
    assert closed == [
        decode_window_event(record) for record in request.resource_logs[0].scope_logs[0].log_records
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (LogRecord(event_name="other"), "got the event 'other'"),
        (LogRecord(event_name=events.ML_WINDOW_CLOSED), "ml.monitor.state"),
        (
            LogRecord(
                event_name=events.ML_WINDOW_CLOSED, attributes=key_values({names.ML_MONITOR_STATE: "odd"})
            ),
            "wanted one of ok",
        ),
    ],
)
def test_another_event_is_no_window(record: LogRecord, message: str) -> None:
    with pytest.raises(Permanent, match=message):
        decode_window_event(record)


def test_a_metric_of_another_package_has_the_unit_and_description_that_it_declares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(declared, "_declared", {})
    declared.declare([Metric("acme.entropy", "gauge", "{bit}", "How mixed the answers are.", ())])
    current = [
        CurrentReading(KEY, "1d", None, Reading(name, 1.5), TIME_NS, ended=False)
        for name in ("acme.entropy", "acme.uninstalled")
    ]
    request = ExportMetricsServiceRequest.FromString(encode_readings(current, TIME_NS, RESOURCE))
    sent = request.resource_metrics[0].scope_metrics[0].metrics
    assert [
        ("acme.entropy", "{bit}", "How mixed the answers are."),
        ("acme.uninstalled", "", ""),
    ] == [(metric.name, metric.unit, metric.description) for metric in sent]
