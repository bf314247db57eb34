"""`barograph run` as a process of its own, and a client that speaks OTLP to it."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

import children
from barograph.semconv import attributes, events, processor
from contract.waiting import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WAIT_S = 200
COMMAND = (sys.executable, "-m", "barograph_processor.cli")


def barograph(
    *arguments: str, status: int = 0, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and check its exit code."""
    done = children.run([*COMMAND, *arguments], timeout_s=WAIT_S, environ=environ)
    assert status == done.returncode, done.stderr + done.stdout
    return done


@dataclass
class Running:
    """A service that runs."""

    child: children.Child
    started: dict[str, Any]
    windows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def process(self) -> subprocess.Popen[str]:
        return self.child.process

    @property
    def said(self) -> str:
        return self.child.said

    @property
    def otlp(self) -> str:
        return str(self.started["receivers"]["otlp"]["grpc"])

    @property
    def metrics(self) -> str:
        return str(self.started["exporters"]["prometheus"])

    def scrape(self) -> str:
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=WAIT_S) as response:
            return str(response.read().decode())

    def health(self) -> str:
        """What /healthz says."""
        try:
            with urllib.request.urlopen(f"http://{self.metrics}/healthz", timeout=WAIT_S) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        return str(json.loads(body)["status"])

    def wait_until_it_says(self, trouble: str) -> None:
        """Wait until /healthz tells of a trouble."""
        until(lambda: trouble in self.health(), otherwise=lambda: f"{self.health()}\n{self.child.told()}")

    def wait_until_well(self) -> None:
        """Wait until /healthz tells of no trouble any more."""
        until(lambda: "ok" == self.health(), otherwise=lambda: f"{self.health()}\n{self.child.told()}")

    def wait_until_read(self, records: int) -> None:
        """Wait until so many log records were taken by this process."""
        self._wait_until_counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS, records)

    def wait_until_joined(self, labels: int) -> None:
        """Wait until so many labels met their prediction, those of earlier lives among them."""
        self._wait_until_counted(processor.BAROGRAPH_ENGINE_JOINED_LABELS, labels)

    def _wait_until_counted(self, counter: str, count: int) -> None:
        def counted() -> bool:
            samples = [line.rpartition(" ") for line in self.scrape().splitlines()]
            return any(name == f"{counter}_total" and float(value) >= count for name, _, value in samples)

        until(counted, otherwise=lambda: f"{self.scrape()}\n{self.child.told()}")

    def drain(self) -> dict[str, Any]:
        done = barograph("drain", "--endpoint", self.metrics, "--timeout", str(WAIT_S - 20), "--json")
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
        self.child.ends(WAIT_S)
        self.windows += [json.loads(line) for line in self.child.lines[1:] if line.endswith("\n")]

    def next_line(self, before: int = 0) -> str:
        """Wait for a line of results after the first so many."""
        return self.child.line(1 + before, WAIT_S)


@contextmanager
def service(
    *arguments: str, environ: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
) -> Iterator[Running]:
    """`barograph run` on free ports, by the command of this environment or of another."""
    with children.child(
        [*command, "run", "--listen", "127.0.0.1:0", "--prometheus", "127.0.0.1:0", "--json", *arguments],
        environ={**os.environ, **(environ or {})},
    ) as child:
        yield Running(child, json.loads(child.line(0, WAIT_S)))


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
