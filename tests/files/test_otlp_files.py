"""Telemetry comes out of files as it was sent, however it was written; what is damaged is told."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import ConfigError, Permanent
from barograph_processor.files import otlp_files
from barograph_processor.files.otlp_files import Damaged, Message, messages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Request = ExportLogsServiceRequest | ExportMetricsServiceRequest | ExportTraceServiceRequest


def requests() -> list[tuple[str, Request]]:
    logs, points, spans = (
        ExportLogsServiceRequest(),
        ExportMetricsServiceRequest(),
        ExportTraceServiceRequest(),
    )
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=7, event_name="é")
    metric = points.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="1")
    metric.gauge.data_points.add(time_unix_nano=8, as_int=3)
    spans.resource_spans.add().scope_spans.add().spans.add(name="s", start_time_unix_nano=9, kind=1)
    return [("logs", logs), ("metrics", points), ("traces", spans), ("logs", logs)]


def json_of(request: Request) -> bytes:
    return MessageToJson(request, indent=None, use_integers_for_enums=True).encode()


def framed(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def as_lines(parts: Sequence[Request]) -> bytes:
    return b"\n".join(map(json_of, parts)) + b"\n"


def as_messages(parts: Sequence[Request]) -> bytes:
    return framed([part.SerializeToString() for part in parts])


WRITTEN: dict[str, Callable[[Sequence[Request]], bytes]] = {
    "lines.json": as_lines,
    "lines-with-gaps.jsonl": lambda parts: b"\n" + as_lines(parts).replace(b"\n", b"\r\n\n"),
    "lines.json.gz": lambda parts: gzip.compress(as_lines(parts)),
    "lines.json.zst": lambda parts: zstd(as_lines(parts)),
    "compressed-lines.json": lambda parts: framed([zstd(json_of(part)) for part in parts]),
    "messages.proto": as_messages,
    "messages.proto.gz": lambda parts: gzip.compress(as_messages(parts)),
    "compressed-messages.proto": lambda parts: framed([zstd(part.SerializeToString()) for part in parts]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_form_gives_the_requests_in_order(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WRITTEN[name]([part for _, part in requests()]))
    found = list(messages_of(path))
    assert all(isinstance(one, Message) for one in found)
    assert [(lane, part.SerializeToString()) for lane, part in requests()] == [one[1:] for one in found]
    wanted = [one for one in found if isinstance(one, Message) and one.lane == "metrics"]
    assert wanted == list(messages_of(path, "metrics"))


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_bytes(b"")
    assert [] == list(messages_of(tmp_path / "empty.json"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"a": 1}\n', "it isn't OTLP: wanted resourceLogs, resourceMetrics or resourceSpans"),
        (b'{"resourceLogs": [{"scopeLogs": 7}]}\n', "the body isn't an OTLP logs request in JSON"),
        (b'{"resourceLogs": [{"scopeL', "the body isn't an OTLP logs request in JSON"),
        (framed([b"\xff\xff\xff"]), "it isn't OTLP: the bytes are no protobuf message"),
        (framed([b"\x0a\x05\x12\x03\x12\x09"]), "or are cut short"),
        (framed([zstd(b"x" * 100)[:-5]]), "it can't be decompressed"),
        (b"\x00\x00\x00\x09abc", "it is cut short: 3 of 9 bytes are there"),
        (b"\x00\x00", "no length of a message stands here"),
        (b"id,time\n1,2\n", "no length of a message stands here"),
    ],
)
def test_what_is_damaged_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "bad.otlp").write_bytes(content)
    (found,) = messages_of(tmp_path / "bad.otlp")
    assert isinstance(found, Damaged)
    assert 1 == found.number
    assert why in found.why


def test_what_stands_around_a_damaged_message_is_read(tmp_path: Path) -> None:
    first, second = as_lines([requests()[0][1]]), as_lines([requests()[1][1]])
    (tmp_path / "some.json").write_bytes(first + b'{"resourceLogs": [{"res\n' + second)
    assert [True, False, True] == [isinstance(one, Message) for one in messages_of(tmp_path / "some.json")]


def test_messages_are_bounded_before_and_after_decompression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_files, "MAX_MESSAGE_BYTES", 1_000)
    long = ExportLogsServiceRequest()
    long.resource_logs.add(schema_url="x" * 2_000)
    short = requests()[0][1]
    (tmp_path / "a.json").write_bytes(as_lines([long, short]))
    (tmp_path / "b.proto").write_bytes(
        framed([zstd(long.SerializeToString()), zstd(short.SerializeToString())])
    )
    (tmp_path / "c.proto").write_bytes(as_messages([long, short]))
    too_long = Damaged(1, "it is longer than 1,000 bytes")
    assert [too_long, "logs"] == [
        one if isinstance(one, Damaged) else one[1] for one in messages_of(tmp_path / "a.json")
    ]
    assert [too_long, "logs"] == [
        one if isinstance(one, Damaged) else one[1] for one in messages_of(tmp_path / "b.proto")
    ]
    assert [Damaged] == [type(one) for one in messages_of(tmp_path / "c.proto")]


def test_a_file_that_is_not_there_or_cannot_be_read_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.json: No such file"):
        list(messages_of(tmp_path / "none.json"))
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(as_lines([requests()[0][1]] * 1_000))[:-20])
    with pytest.raises(Permanent, match=r"cut.json.gz can't be read: .*; copy it again, or leave it out"):
        list(messages_of(tmp_path / "cut.json.gz"))
