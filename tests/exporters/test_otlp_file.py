"""Results in a file are the requests that a Collector would have got."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.errors import ConfigError, Permanent
from barograph.semconv import metrics
from barograph_processor.components.api import Context
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow
from barograph_processor.exporters.otlp_file import FACTORY, Config
from barograph_processor.files.otlp_files import Message, messages_of
from barograph_processor.signals.api import Reading
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_window import decode_window_event

if TYPE_CHECKING:
    from pathlib import Path

KEY = Key("default", "", "", "credit", "3", "")
WINDOW = ClosedWindow(KEY, "1d", 0, 86_400 * 10**9, 0, "ok", None, (Reading(metrics.ML_LABEL_DELAY, 60.0),))


def write(config: Config, *windows: ClosedWindow) -> None:
    with FACTORY.open(config, Context(None, Telemetry(), "exporter/file")) as exporter:
        for window in windows:
            exporter.windows([window])


def test_each_line_is_a_request(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    write(Config(path=str(path)), WINDOW)
    logs, points = path.read_text().splitlines()
    request = Parse(logs, ExportLogsServiceRequest())
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert WINDOW == decode_window_event(record)
    (metric,) = json.loads(points)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    (point,) = metric["gauge"]["dataPoints"]
    assert ("ml.label.delay", str(WINDOW.end_ns), 60.0) == (
        metric["name"], point["timeUnixNano"], point["asDouble"],
    )  # fmt: skip


def test_a_file_begins_anew_unless_it_is_to_be_added_to(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    config = Config(path=str(path))
    write(config, WINDOW)
    once = path.read_text()
    write(config, WINDOW)
    assert once == path.read_text()
    write(Config(path=str(path), append=True), WINDOW)
    assert once + once == path.read_text()


def test_a_batch_passes_over_what_a_batch_wrote(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    write(Config(path=str(path)), WINDOW)
    logs = [one for one in messages_of(path, "logs") if isinstance(one, Message)]
    assert {"own_readings": 1} == dict(decode_logs(logs[0].request, DecodeContext()).ignored)


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    write(Config(), WINDOW)
    assert 2 == len(capsys.readouterr().out.splitlines())


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"path: .*none/a.jsonl can't be written: No such file"):
        write(Config(path=str(tmp_path / "none/a.jsonl")))
    with pytest.raises(Permanent, match=r"/dev/full can't be written: No space left on device"):
        write(Config(path="/dev/full"), WINDOW)
