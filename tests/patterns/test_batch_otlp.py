"""Telemetry in files gives what a service makes of it, in any order, repeated, and beside tables."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph import Feedback, Monitor
from barograph.errors import Permanent
from barograph.guard import guard
from barograph.worker import WORKER
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Fed
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Window
from barograph_processor.files.finding import find_files
from barograph_processor.files.roles import Asked
from barograph_processor.patterns import batch_opening
from barograph_processor.patterns.batch import END_OF_TIME_NS, timeless
from barograph_processor.patterns.batch_otlp import _Intake
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from engine.test_probes import prediction, truth
from engine.world import figures
from loop.circuit import SETTINGS, Circuit
from patterns.batch_world import ROWS, baseline, closed, opened, rows, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from barograph_processor.patterns.batch_opening import Opened

WINDOWS = "{windows: [6h, 1d], segments: [region], engine: {pane: 1h}}"


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    guard.reset()
    guard.strict(on=True)
    yield
    WORKER.shutdown(5.0)
    guard.reset()


class Recorded(Circuit):
    """Keeps the requests that a monitor and a feedback send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, bytes]] = []

    def take(self, signal: str, data: bytes) -> None:
        self.sent.append((signal, data))


@pytest.fixture(name="sent", scope="module")
def _sent() -> list[tuple[str, bytes]]:
    """Histograms and outcomes of a monitored model, then its labels."""
    predictions, labels = rows()
    recorded = Recorded()
    times = np.array(predictions["at"], "datetime64[ns]").astype(np.int64)
    monitor = Monitor(
        "credit", "3", baseline=baseline(), columns="segment=region", pane_s=3600, sink=recorded.sink
    )
    for part in np.array_split(np.arange(ROWS), 5):
        monitor.record(
            {name: [predictions[name][at] for at in part] for name in ("age", "region")},
            scores=np.array(predictions["score"])[part],
            ids=[predictions["id"][at] for at in part],
            times=times[part],
        )
        assert monitor.flush(20.0)
    feedback = Feedback("credit", sink=recorded.sink)
    feedback.observe_batch(
        ids=labels["id"],
        values=labels["paid"],
        times=np.array(labels["known"], "datetime64[ns]").astype(np.int64),
    )
    assert feedback.flush(timeout_s=60.0)
    assert {"metrics", "logs"} == {signal for signal, _ in recorded.sent}
    WORKER.shutdown(5.0)
    return recorded.sent


@pytest.fixture(name="wanted", scope="module")
def _wanted(sent: list[tuple[str, bytes]]) -> dict[tuple[object, ...], object]:
    """What an engine makes of the requests as they came."""
    windows = (Window("6h", 6 * HOUR_NS), Window("1d", DAY_NS))
    settings = timeless(replace(SETTINGS, windows=windows, pane_ns=HOUR_NS))
    settings = replace(settings, horizons=batch_horizons(settings.horizons))
    engine = Engine(settings, store=MemoryStore(), baselines=[baseline()])
    for signal, data in sent:
        decode = decode_metrics if signal == "metrics" else decode_logs
        engine.feed(decode(data, DecodeContext()).batches, END_OF_TIME_NS)
    return figures(engine.drain(END_OF_TIME_NS))


def batch_horizons(given: Any) -> Any:
    """1h, 1d, 7d and whenever, as a batch has them."""
    usual = (("1h", HOUR_NS), ("1d", DAY_NS), ("7d", 7 * DAY_NS))
    return (*(type(given[0])(*one) for one in usual), given[-1])


def json_line(signal: str, data: bytes) -> str:
    request = ExportMetricsServiceRequest() if signal == "metrics" else ExportLogsServiceRequest()
    request.ParseFromString(data)
    return MessageToJson(request, indent=None, use_integers_for_enums=True)


def batch(folder: Path, *files: str, labels: tuple[str, ...] = (), **more: Any) -> Opened:
    more = {"settings": WINDOWS, "asked": Asked(), **more}
    return opened(folder, files, labels, **more)


def write_lines(path: Path, sent: list[tuple[str, bytes]]) -> str:
    path.write_text("".join(json_line(*one) + "\n" for one in sent))
    return str(path)


def write_messages(path: Path, sent: list[tuple[str, bytes]]) -> str:
    path.write_bytes(b"".join(len(data).to_bytes(4, "big") + data for _, data in sent))
    return str(path)


def test_lines_and_messages_give_what_a_service_makes_of_them(
    tmp_path: Path, sent: list[tuple[str, bytes]], wanted: dict[tuple[object, ...], object]
) -> None:
    lines = batch(tmp_path, write_lines(tmp_path / "t.json", sent))
    assert wanted == figures(closed(lines))
    summary = lines.batch.summary
    assert (ROWS, len(rows()[1]["id"])) == (summary.predictions, summary.joins.joined)
    assert summary.points > 0
    assert {} == dict(summary.dropped)
    messages = batch(tmp_path, write_messages(tmp_path / "t.proto", sent))
    assert wanted == figures(closed(messages))


def test_limits_of_the_configuration_hold_for_telemetry(
    tmp_path: Path, sent: list[tuple[str, bytes]]
) -> None:
    settings = "windows: [6h, 1d]\nlimits: {request: {id_length: 1, buckets: 1}}"
    lines = batch(tmp_path, write_lines(tmp_path / "t.json", sent), settings=settings)
    closed(lines)
    reasons = {reason for _, reason in lines.batch.summary.dropped}
    assert {"id_too_long", "too_many_buckets"} <= reasons
    assert 0 == lines.batch.summary.predictions


def test_order_and_repetition_make_no_difference(
    tmp_path: Path, sent: list[tuple[str, bytes]], wanted: dict[tuple[object, ...], object]
) -> None:
    first = write_lines(tmp_path / "b.json", [*reversed(sent), *sent[:3]])
    second = write_messages(tmp_path / "a.proto", sent[len(sent) // 2 :])
    again = batch(tmp_path, first, second, first)
    assert wanted == figures(closed(again))
    assert again.batch.summary.joins.repeats > 0


def test_labels_may_come_as_a_table(
    tmp_path: Path, sent: list[tuple[str, bytes]], wanted: dict[tuple[object, ...], object]
) -> None:
    predictions = [one for one in sent if b"ml.ground_truth" not in one[1]]
    table = write(tmp_path, "labels.csv", rows()[1])
    mixed = batch(tmp_path, write_lines(tmp_path / "t.json", predictions), labels=(table,))
    assert wanted == figures(closed(mixed))
    assert len(rows()[1]["id"]) == mixed.batch.summary.labels_read


def test_predictions_may_come_as_a_table_beside_labels_of_telemetry(
    tmp_path: Path, sent: list[tuple[str, bytes]]
) -> None:
    predictions, labels = rows()
    truths = [one for one in sent if b"ml.ground_truth" in one[1]]
    asked = Asked(segments=("region",))
    table = write(tmp_path, "p.parquet", predictions)
    mixed = batch(tmp_path, table, write_lines(tmp_path / "t.json", truths), asked=asked)
    tables = batch(tmp_path, table, labels=(write(tmp_path, "l.csv", labels),), asked=asked)
    assert figures(closed(tables)) == figures(closed(mixed))


def test_truth_in_a_table_beside_telemetry_counts_once(tmp_path: Path, sent: list[tuple[str, bytes]]) -> None:
    """The same labels stand in the table of predictions and in the telemetry."""
    predictions, labels = rows()
    truth = dict(zip(labels["id"], labels["paid"], strict=True))
    known = dict(zip(labels["id"], labels["known"], strict=True))
    whole = {
        **predictions,
        "paid": [truth.get(one) for one in predictions["id"]],
        "known": [known.get(one) for one in predictions["id"]],
    }
    asked = Asked(segments=("region",), label="paid", label_time="known")
    truths = write_lines(tmp_path / "t.json", [one for one in sent if b"ml.ground_truth" in one[1]])
    mixed = batch(tmp_path, write(tmp_path, "p.parquet", whole), truths, asked=asked)
    alone = batch(tmp_path, write(tmp_path, "q.parquet", whole), asked=asked)
    assert figures(closed(alone)) == figures(closed(mixed))
    assert len(truth) == mixed.batch.summary.joins.label_repeats


def test_what_is_large_waits_on_disk(
    tmp_path: Path,
    sent: list[tuple[str, bytes]],
    wanted: dict[tuple[object, ...], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_opening, "SMALL_BYTES", 0)
    path = write_lines(tmp_path / "t.json", sent)
    request = batch_opening.Request(
        predictions=find_files([path], "--predictions").files, labels=(), asked=Asked()
    )
    config = load(WINDOWS, catalog=Registry())
    folder = tmp_path / "disk"
    folder.mkdir()
    with batch_opening.open_batch(
        request, config, baselines=[baseline()], folder=folder, registry=Registry()
    ) as found:
        windows = closed(found)
        assert ["pending-0"] == [one.name for one in folder.iterdir()]
    assert wanted == figures(windows)


def test_a_damaged_message_is_counted_and_a_file_without_any_is_a_failure(
    tmp_path: Path, sent: list[tuple[str, bytes]], wanted: dict[tuple[object, ...], object]
) -> None:
    path = tmp_path / "t.json"
    write_lines(path, sent)
    path.write_text(path.read_text() + json.dumps({"resourceLogs": 7}) + '\n{"resourceMe')
    some = batch(tmp_path, str(path))
    assert wanted == figures(closed(some))
    damaged = some.batch.summary.damaged
    assert 2 == damaged.counts.total()
    assert any(where.endswith(f"t.json, message {len(sent) + 1}") for where in damaged.first.values())
    (tmp_path / "rows.json").write_text('{"id": 1}\n')
    with pytest.raises(Permanent, match=r"no OTLP was found: .*rows.json, message 1: it isn't OTLP"):
        closed(batch(tmp_path, str(tmp_path / "rows.json")))
    (tmp_path / "empty.json").write_text("")
    with pytest.raises(Permanent, match=r"no OTLP was found: .*empty.json: it is empty"):
        closed(batch(tmp_path, str(tmp_path / "empty.json")))


def test_probes_in_the_files_are_nothing_to_be_read() -> None:
    fed: list[object] = []

    class Engines:
        def feed(self, batches: Sequence[object], now_ns: int) -> Fed:
            fed.extend(batches)
            return Fed(0, {})

    other = prediction("b", "credit")
    _Intake(Engines()).feed([prediction("a"), truth("a"), other])  # type: ignore[arg-type]
    assert [other] == fed
