"""The ways in which a team may run it, each a function from the data to its readings.

A new pattern is one more function, and its name in `PATTERNS`. All of them are the programs that users start,
but for the embedded one, which is this process by design.
"""

from __future__ import annotations

import csv
import json
import random
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pyarrow as pa
import pyarrow.parquet
from google.protobuf.json_format import MessageToJson
from opentelemetry._logs import LogRecord
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph import Feedback, Monitor
from barograph.export import ExporterSink
from barograph.guard import guard
from barograph.semconv import attributes, events
from barograph.times import time_ns
from barograph.worker import WORKER
from cli.processes import barograph, send, service
from equivalence.data import CONFIG, MODEL, PANE_S, VERSION, Data
from loop.circuit import Logs, Metrics
from patterns.embedding import WAIT_S, embedding
from wire.otlp_requests import arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pytest

    from barograph.points import Sink
    from cli.processes import Running

Figures = dict[tuple[str, int, str, frozenset[tuple[str, Any]]], float]
_CHUNK_ROWS = 100


def service_histograms(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Histograms and outcomes of an instrumented service, over gRPC, in disorder and repeated."""
    return _served(data, folder, rows="off", points=True)


def service_rows(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Rows alone: a source that sends no histograms."""
    return _served(data, folder, rows="all", points=False)


def service_every_lane(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Histograms, outcomes and rows of one source together."""
    return _served(data, folder, rows="all", points=True)


def two_edges(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Every lane, through one or the other of two edges that count rows for a service."""
    requests = requests_of(data, rows="all", points=True)
    halves = requests[::2], requests[1::2]
    with running_with(data, folder, "") as owner:
        for half in halves:
            with running_with(data, folder, "", "--forward", owner.otlp) as edge:
                send_to(edge.otlp, untidy(half))
                edge.drain()
                edge.stop()
        return drained(owner)


def service_scores(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Readable events of a service of any language that tells scores and no classes."""
    predictions, _truths = tables(data)
    told = {attributes.ML_MODEL_NAME: MODEL, attributes.ML_MODEL_VERSION: VERSION}
    records = [
        LogRecord(
            timestamp=row["time"] * 10**9,
            event_name=events.ML_INFERENCE_PREDICTION,
            attributes={
                **told,
                attributes.ML_INFERENCE_ID: row["id"],
                **_scores(data.probabilities(row["score"])),
                attributes.ML_FEATURES: {name: row[name] for name in data.features if row[name] is not None},
                attributes.ML_SEGMENTS: {"region": row["region"]},
            },
        )
        for row in predictions
    ]
    return _sent(data, folder, records)


def service_packed_scores(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """The same, packed."""
    predictions, _truths = tables(data)
    records = []
    for start in range(0, len(predictions), _CHUNK_ROWS):
        rows = predictions[start : start + _CHUNK_ROWS]
        columns = pa.Table.from_pylist(
            [
                {
                    attributes.ML_INFERENCE_ID: row["id"],
                    "time_unix_nano": row["time"] * 10**9,
                    **_scores(data.probabilities(row["score"])),
                    attributes.ML_FEATURES: {name: row[name] for name in data.features},
                    attributes.ML_SEGMENTS: {"region": row["region"]},
                }
                for row in rows
            ]
        )
        told: dict[str, Any] = {
            attributes.ML_MODEL_NAME: MODEL,
            attributes.ML_MODEL_VERSION: VERSION,
            attributes.ML_BATCH_ROWS: len(rows),
            attributes.ML_BATCH_ARROW: arrow(dict(zip(columns.column_names, columns.columns, strict=True))),
        }
        records.append(LogRecord(event_name=events.ML_INFERENCE_PREDICTION_BATCH, attributes=told))
    return _sent(data, folder, records)


def _scores(probabilities: float | dict[str, float]) -> dict[str, Any]:
    if isinstance(probabilities, dict):
        return {attributes.ML_PREDICTION_SCORES: probabilities}
    return {attributes.ML_PREDICTION_SCORE: probabilities}


def _sent(data: Data, folder: Path, records: list[LogRecord]) -> Figures:
    """Some predictions, with the truth of all."""
    records = records + [
        LogRecord(
            timestamp=row["time"] * 10**9,
            event_name=events.ML_GROUND_TRUTH_OBSERVED,
            attributes={
                attributes.ML_MODEL_NAME: MODEL,
                attributes.ML_INFERENCE_ID: row["id"],
                attributes.ML_GROUND_TRUTH_VALUE: "true" if row["truth"] else "false",
            },
        )
        for row in tables(data)[1]
    ]
    random.Random(13).shuffle(records)
    with running_with(data, folder, "") as running:
        send(running.otlp, records)
        return drained(running)


def embedded(data: Data, folder: Path, environment: pytest.MonkeyPatch) -> Figures:
    """The engine in the serving process; calls come in disorder."""
    return _embedded(data, folder, environment, rows="off", points=True)


def embedded_rows(data: Data, folder: Path, environment: pytest.MonkeyPatch) -> Figures:
    """The same by rows alone."""
    return _embedded(data, folder, environment, rows="all", points=False)


def _embedded(
    data: Data, folder: Path, environment: pytest.MonkeyPatch, *, rows: str, points: bool
) -> Figures:
    config = folder / "barograph.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    environment.setenv("BAROGRAPH_CONFIG", str(config))
    with embedding() as found:
        if not points:
            environment.setattr(found.engine, "points", lambda points: None)
        _instrumented(data, found.sink, rows=rows)
        found.drain()
    windows = []
    for told in found.logs.windows().values():
        readings = told[attributes.ML_WINDOW_READINGS]
        windows.append((told[attributes.ML_WINDOW_NAME], told[attributes.ML_WINDOW_START], readings))
    return _figures(windows)


def batch_parquet(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """A scheduled job over Parquet files whose rows are in disorder and repeated."""

    def write(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
        path = folder / f"{name}.parquet"
        pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=200)
        return str(path)

    return _batch(data, folder, write)


def batch_csv(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """The same over CSV."""

    def write(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
        path = folder / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return str(path)

    return _batch(data, folder, write)


def batch_telemetry(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """The same over what a Collector wrote to files: lines of JSON, and messages with their length."""
    requests = untidy(requests_of(data, rows="off", points=True))
    half = len(requests) // 2
    lines = folder / "telemetry.json"
    told = []
    for signal, sent in requests[:half]:
        request = ExportMetricsServiceRequest() if signal == "metrics" else ExportLogsServiceRequest()
        request.ParseFromString(sent)
        told.append(MessageToJson(request, indent=None))
    lines.write_text("\n".join(told) + "\n", encoding="utf-8")
    messages = folder / "telemetry.proto"
    messages.write_bytes(b"".join(len(sent).to_bytes(4, "big") + sent for _, sent in requests[half:]))
    return _batched(data, folder, "--predictions", str(lines), str(messages))


PATTERNS: dict[str, Callable[[Data, Path, pytest.MonkeyPatch], Figures]] = {
    each.__name__: each
    for each in (
        service_histograms,
        service_rows,
        service_every_lane,
        two_edges,
        service_scores,
        service_packed_scores,
        embedded,
        embedded_rows,
        batch_parquet,
        batch_csv,
        batch_telemetry,
    )
}


class Recorded:
    """A sink whose exporters keep the requests that would be sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        metrics, logs = Metrics(self), Logs(self)
        self.sink = ExporterSink(lambda: (metrics,), lambda: (logs,))

    def take(self, signal: str, data: bytes) -> None:
        """One OTLP request."""
        with self._lock:
            self.requests.append((signal, data))


def _served(data: Data, folder: Path, *, rows: str, points: bool) -> Figures:
    with running_with(data, folder, "") as running:
        send_to(running.otlp, untidy(requests_of(data, rows=rows, points=points)))
        return drained(running)


def requests_of(data: Data, *, rows: str, points: bool) -> list[tuple[str, bytes]]:
    """What an instrumented service sends."""
    recorded = Recorded()
    if not points:
        recorded.sink.points = lambda points: None  # type: ignore[method-assign]
    _instrumented(data, recorded.sink, rows=rows)
    WORKER.shutdown(WAIT_S)
    return recorded.requests


def untidy(requests: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """In disorder, and some again, as a Collector repeats what it got no answer to."""
    repeated = requests + requests[::3]
    random.Random(7).shuffle(repeated)
    return repeated


def _instrumented(data: Data, sink: Sink, *, rows: str) -> None:
    """Calls of a service's model, batches in disorder, and its feedback."""
    guard.reset()
    monitor = Monitor(
        MODEL, VERSION, baseline=data.baseline, columns="segment=region", pane_s=PANE_S, rows=rows,
        clear=["region"], sink=sink,
    )  # fmt: skip
    order = list(range(0, len(data.ids), _CHUNK_ROWS))
    random.Random(5).shuffle(order)
    for start in order:
        chosen = slice(start, start + _CHUNK_ROWS)
        monitor.record(
            {name: column[chosen] for name, column in data.features.items()},
            scores=data.calls(chosen),
            ids=data.ids[chosen],
            times=[at * 10**9 for at in data.time_s[chosen]],
        )
        assert monitor.flush(WAIT_S)
    feedback = Feedback(MODEL, sink=sink)
    for start in range(0, len(data.truth), _CHUNK_ROWS):
        part = data.truth[start : start + _CHUNK_ROWS]
        feedback.observe_batch(
            ids=[data.ids[row] for row, _, _ in part],
            values=[positive for _, positive, _ in part],
            times=[at * 10**9 for _, _, at in part],
        )
    assert feedback.flush(WAIT_S)


def tables(data: Data) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of both kinds by their usual names, in disorder and some of them repeated."""
    predictions: list[dict[str, Any]] = [
        {"id": data.ids[row], "time": data.time_s[row], "score": data.score[row]} | data.features_of(row)
        for row in range(len(data.ids))
    ]
    truths: list[dict[str, Any]] = [
        {"id": data.ids[row], "time": at, "truth": positive} for row, positive, at in data.truth
    ]
    predictions += [dict(row) for row in predictions[::7]]
    shuffled = random.Random(11)
    shuffled.shuffle(predictions)
    shuffled.shuffle(truths)
    return predictions, truths


def _batch(data: Data, folder: Path, write: Callable[[str, Sequence[Mapping[str, Any]]], str]) -> Figures:
    predictions, truths = tables(data)
    told = ["--score", "score"]
    if data.two_scores:
        told = ["--score", "true=yes", "--score", "false=no"]
        predictions = [row | {"yes": row["score"], "no": 1 - row["score"]} for row in predictions]
        for row in predictions:
            del row["score"]
    return _batched(
        data, folder, "--predictions", write("predictions", predictions), "--labels", write("labels", truths),
        *told, "--label", "truth", "--label-time", "time", "--segment", "region",
    )  # fmt: skip


def _batched(data: Data, folder: Path, *arguments: str) -> Figures:
    config = folder / "barograph.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    owner = _baseline(data, folder) or ("--model", MODEL, "--version", VERSION)
    done = barograph("batch", "--json", "--config", str(config), *owner, *arguments)
    return _of_lines(json.loads(line) for line in done.stdout.splitlines())


def _baseline(data: Data, folder: Path) -> tuple[str, ...]:
    if data.baseline is None:
        return ()
    path = folder / "credit.baseline"
    path.write_bytes(data.baseline.content)
    return "--baseline", str(path)


def running_with(data: Data, folder: Path, receivers: str, *options: str) -> Any:
    config = folder / "barograph.yaml"
    config.write_text(CONFIG + receivers, encoding="utf-8")
    return service("--config", str(config), *_baseline(data, folder), *options)


def send_to(endpoint: str, requests: Iterable[tuple[str, bytes]]) -> None:
    """Send OTLP requests over gRPC."""
    with grpc.insecure_channel(endpoint) as channel:
        for signal, data in requests:
            name = {"metrics": "metrics.v1.Metrics", "logs": "logs.v1.Logs"}[signal]
            call = channel.unary_unary(f"/opentelemetry.proto.collector.{name}Service/Export")
            assert call(data, timeout=WAIT_S) in {b"", b"\n\0"}  # nothing was refused


def drained(running: Running) -> Figures:
    running.drain()
    running.stop()
    assert 0 == running.process.returncode, running.said
    return _of_lines(running.windows)


def _of_lines(lines: Iterable[Mapping[str, Any]]) -> Figures:
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for line in lines:
        name = line["window"], line["start"]
        if line["revision"] >= newest.get(name, line)["revision"]:
            newest[name] = line
    return _figures((window, start, line["readings"]) for (window, start), line in newest.items())


def _figures(windows: Iterable[tuple[str, object, Iterable[Mapping[str, Any]]]]) -> Figures:
    """Window, metric and attributes to the figure."""
    figures: Figures = {}
    for window, start, readings in windows:
        for reading in readings:
            told = {key: value for key, value in reading.items() if key not in {"name", "value"}}
            figures[window, time_ns(start), reading["name"], frozenset(told.items())] = reading["value"]
    return figures
