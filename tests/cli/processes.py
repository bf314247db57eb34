"""`barograph run` as a process of its own, and a client that speaks OTLP to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from barograph.semconv import attributes, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WAIT_S = 60
COMMAND = (sys.executable, "-m", "barograph_processor.cli")


def barograph(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and check its exit code."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert status == done.returncode, done.stderr + done.stdout
    return done


@dataclass
class Running:
    """A service that runs."""

    process: subprocess.Popen[str]
    started: dict[str, Any]
    windows: list[dict[str, Any]] = field(default_factory=list)
    said: str = ""
    lines: list[str] = field(default_factory=list)
    printed: threading.Condition = field(default_factory=threading.Condition)
    errors: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)

    @property
    def otlp(self) -> str:
        return str(self.started["receivers"]["otlp"]["grpc"])

    @property
    def metrics(self) -> str:
        return str(self.started["exporters"]["prometheus"])

    def scrape(self) -> str:
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=WAIT_S) as response:
            return str(response.read().decode())

    def drain(self) -> dict[str, Any]:
        done = barograph("drain", "--endpoint", self.metrics, "--timeout", str(WAIT_S), "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def stop(self) -> None:
        """As an orchestrator does it; everything that was printed is kept."""
        self.process.send_signal(signal.SIGTERM)
        self.collect()

    def kill(self) -> None:
        """As a crash does it; everything that was printed is kept."""
        self.process.kill()
        self.collect()

    def collect(self) -> None:
        """Wait for the end, and keep everything that was printed."""
        self.process.wait(WAIT_S)
        for reader in self.readers:
            reader.join(WAIT_S)
        self.said = "".join(self.errors)
        self.windows += [json.loads(line) for line in self.lines if line.endswith("\n")]

    def next_line(self, before: int = 0) -> str:
        """Wait for a line of results after the first so many; only the reader touches the pipe itself."""
        with self.printed:
            assert self.printed.wait_for(lambda: len(self.lines) > before, WAIT_S), "nothing was printed"
            return self.lines[before]

    def listen(self) -> None:
        """Read what is printed as it comes: a pipe that is full stops the process."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            self.readers.append(threading.Thread(target=self._gather, args=(stream, into), daemon=True))
            self.readers[-1].start()

    def _gather(self, stream: IO[str], into: list[str]) -> None:
        with stream:
            for line in stream:
                with self.printed:
                    into.append(line)
                    self.printed.notify_all()


@contextmanager
def service(
    *arguments: str, environ: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
) -> Iterator[Running]:
    """`barograph run` on free ports, by the command of this environment or of another."""
    process = subprocess.Popen(
        [*command, "run", "--listen", "127.0.0.1:0", "--prometheus", "127.0.0.1:0", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first, process.stderr.read()
        running = Running(process, json.loads(first))
        running.listen()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def send(endpoint: str, records: Iterable[LogRecord]) -> None:
    """Send events with the OpenTelemetry SDK, as any program would."""
    exporter = OTLPLogExporter(endpoint=f"http://{endpoint}", insecure=True)
    provider = LoggerProvider(resource=Resource({"service.name": "shop", "service.instance.id": "one"}))
    processor = BatchLogRecordProcessor(exporter, max_queue_size=100_000)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("shop")
    for record in records:
        logger.emit(record)
    assert provider.force_flush(WAIT_S * 1_000)
    provider.shutdown()


def prediction(row: Mapping[str, Any]) -> LogRecord:
    return LogRecord(
        timestamp=row["time_ns"],
        event_name=events.ML_INFERENCE_PREDICTION,
        attributes={
            attributes.ML_MODEL_NAME: "credit",
            attributes.ML_MODEL_VERSION: "3",
            attributes.ML_INFERENCE_ID: row["id"],
            attributes.ML_PREDICTION_CLASS: row["predicted"],
            attributes.ML_PREDICTION_SCORE: row["score"],
        },
    )


def truth(row: Mapping[str, Any], delay_ns: int) -> LogRecord:
    return LogRecord(
        timestamp=row["time_ns"] + delay_ns,
        event_name=events.ML_GROUND_TRUTH_OBSERVED,
        attributes={
            attributes.ML_MODEL_NAME: "credit",
            attributes.ML_INFERENCE_ID: row["id"],
            attributes.ML_GROUND_TRUTH_VALUE: row["truth"],
        },
    )


def last_revisions(windows: Sequence[Mapping[str, Any]], window: str) -> list[Mapping[str, Any]]:
    """The newest revision of each window of a name, in order of time."""
    newest: dict[str, Mapping[str, Any]] = {}
    for each in windows:
        if each["window"] == window and each["revision"] >= newest.get(each["start"], each)["revision"]:
            newest[each["start"]] = each
    return [newest[start] for start in sorted(newest)]


def value(window: Mapping[str, Any], name: str, **labels: str) -> float:
    """The one reading of a name and attributes."""
    found = [
        each["value"]
        for each in window["readings"]
        if each["name"] == name and all(each.get(key) == text for key, text in labels.items())
    ]
    assert 1 == len(found), (name, labels, found)
    return float(found[0])
