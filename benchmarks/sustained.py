"""A steady load through a real Collector into a processor, for minutes: what waits, and what is lost.

    BAROGRAPH_REAL=FOLDER python benchmarks/sustained.py                         20,000 a second, five minutes
    BAROGRAPH_REAL=FOLDER python benchmarks/sustained.py --lane packed --rate 100000 --seconds 60

A producer sends requests over gRPC at a steady rate to a Collector with a memory limiter and a batching queue
as in `collector-config/`, and that to `barograph run` with all states and windows, ids that wait for their
truth, and its store on disk. Predictions are spans with 25 attributes (1,000 a request), or packed rows of
the same content (8 events of 1,000 rows a request); ids are always new, event time is now. The processor has
one core, the Collector and the producer share another.

Once a second it is read what waits in the Collector's queue, how many predictions wait for their truth, and
the resident memory of both. At the end, when the queue is empty, the processor is drained: what it counted
has to be what was sent. Where the processor is too slow for the rate, the Collector's queue grows until its
memory limiter refuses; the producer then sends again, falls behind, and the rate isn't held. `--json FILE`
keeps figures and curves, and draws the curves into an SVG beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
import measuring
import plotting
from receiver_load import EVERYTHING, Packed, Spans

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from real.collector import Collector, collector  # it is a package of the tests
from real.processes import Process, free_ports, process  # likewise

LOADS: dict[str, tuple[type[Spans | Packed], str]] = {"spans": (Spans, EVERYTHING), "packed": (Packed, "")}
KINDS = ("spans", "log_records")
IN_FLIGHT = 8
HELD = 0.99  # of the rate
EVERY_S = 1.0
LAST_S = 120.0
QUEUE_BYTES = 500_000_000
QUEUE = "otelcol_exporter_queue_size"
COLLECTOR = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:PORT_OTLP}", max_recv_msg_size_mib: 16}}}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 1500, spike_limit_mib: 300}
exporters:
  otlp_grpc/barograph:
    endpoint: "127.0.0.1:${env:PORT_PROCESSOR}"
    tls: {insecure: true}
    compression: none  # on one machine
    retry_on_failure: {initial_interval: 1s, max_interval: 10s, max_elapsed_time: 0s}
    sending_queue:
      sizer: bytes
      queue_size: ${env:QUEUE_BYTES}
      batch: {flush_timeout: 1s, min_size: 500_000, max_size: 3_000_000, sizer: bytes}
service:
  pipelines:
    traces: &pass_on {receivers: [otlp], processors: [memory_limiter], exporters: [otlp_grpc/barograph]}
    logs: *pass_on
"""
GIVEN_UP = ("otelcol_exporter_enqueue_failed", "otelcol_exporter_send_failed")


class Running(NamedTuple):
    """The two programs under load."""

    collector: Collector
    barograph: Process

    def waiting_entries(self) -> float:
        """Predictions that wait for their truth."""
        url = f"http://{self.barograph.endpoint('prometheus')}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            lines = response.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("barograph_engine_pending_entries")
        )


class Producer:
    """Sends at a steady rate until it is told to end.

    Attributes:
        sent: Predictions that the Collector has taken.
        again: Requests that it refused for a while and that were sent again.
        late_s: How far the last request was behind its time.
        fault: Why it ended early.
    """

    def __init__(self, endpoint: str, load: Spans | Packed, rate: float) -> None:
        self.sent = 0
        self.again = 0
        self.late_s = 0.0
        self.fault: BaseException | None = None
        self._load = load
        self._every_s = load.rows / rate
        self._channel = grpc.insecure_channel(endpoint, options=[("grpc.max_send_message_length", -1)])
        self._call: Callable[..., grpc.Future] = self._channel.unary_unary(load.path)

    def run(self, seconds: float) -> None:
        """Send for so long; each request is acknowledged."""
        waiting: deque[tuple[bytes, grpc.Future]] = deque()
        body = (
            self._load.next()
        )  # making the first one, with all that is made for the first time, isn't sending
        begun = time.monotonic()
        try:
            for number in range(round(seconds / self._every_s)):
                if number:
                    body = self._load.next()
                due = begun + number * self._every_s
                time.sleep(max(0.0, due - time.monotonic()))
                while len(waiting) == IN_FLIGHT or (waiting and waiting[0][1].done()):
                    self._taken(*waiting.popleft())
                self.late_s = max(0.0, time.monotonic() - due)
                waiting.append((body, self._send(body)))
                if time.monotonic() - begun > seconds:
                    break  # it doesn't keep up
            while waiting:
                self._taken(*waiting.popleft())
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.fault = error
        finally:
            self._channel.close()

    def _send(self, body: bytes) -> grpc.Future:
        return self._call.future(body, timeout=60, wait_for_ready=True)

    def _taken(self, body: bytes, answer: grpc.Future) -> None:
        """Wait until the Collector has a request; where its memory is short, later, as every sender does."""
        while True:
            try:
                answer.result()
                break
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            self.again += 1
            time.sleep(EVERY_S)
            answer = self._send(body)
        self.sent += self._load.rows


def main() -> None:
    """Start both, send, watch, and count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300, help="how long is sent (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=20_000, help="predictions a second (default: %(default)s)"
    )
    parser.add_argument(
        "--lane", choices=sorted(LOADS), default="spans", help="what is sent (default: %(default)s)"
    )
    with measuring.report(__doc__, pinned=False, parser=parser) as report, ExitStack() as stack:
        options = report.options
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load, mapping = LOADS[options.lane]
        others = [each for each in measuring.cores() if each != options.core] or [options.core]
        measuring.pin([options.core])  # what is started from here on stays there
        barograph = a_barograph(folder, mapping, stack)
        measuring.pin(others[:1])
        environ = {"PORT_PROCESSOR": str(barograph.ports["otlp"]), "GOMAXPROCS": "1"}
        environ["QUEUE_BYTES"] = str(QUEUE_BYTES)
        first = stack.enter_context(collector(COLLECTOR, folder, environ=environ))
        running = Running(first, barograph)
        step_ns = round(load.rows / options.rate * 1e9)
        producer = Producer(first.endpoint("otlp"), load(time.time_ns(), step_ns), options.rate)
        watch(report, running, producer)
        counted = finish(report, running, producer)
        if options.json is not None:
            draw(report, options.json.with_suffix(".svg"))
        if counted != producer.sent:
            sys.exit(f"{producer.sent} predictions were sent, but {counted} counted")


def a_barograph(folder: Path, mapping: str, stack: ExitStack) -> Process:
    """A processor as `barograph run` starts it."""
    ports = free_ports("otlp", "prometheus")
    config = folder / "barograph.yaml"
    config.write_text(f"{mapping}storage: {{directory: store}}\n", encoding="utf-8")
    command = [sys.executable, "-m", "barograph_processor.cli", "run", "--config", str(config), "--json"]
    command += ["--listen", f"127.0.0.1:{ports['otlp']}", "--prometheus", f"127.0.0.1:{ports['prometheus']}"]
    return stack.enter_context(process(command, log=folder / "barograph.log", ports=ports))


def watch(report: measuring.Report, running: Running, producer: Producer) -> None:
    """Send, read everything once a second, and tell."""
    options = report.options
    pids = {"Collector": running.collector.process.pid, "barograph": running.barograph.pid}
    cpu_before = {name: measuring.cpu_s(pid) for name, pid in pids.items()}
    sender = threading.Thread(target=producer.run, args=(options.seconds,), daemon=True)
    began = time.monotonic()
    sender.start()
    read: dict[str, list[float]] = {}
    ended = False
    while not ended:
        sender.join(EVERY_S - (time.monotonic() - began) % EVERY_S)
        ended = not sender.is_alive()
        now = {
            "seconds": time.monotonic() - began,
            "sent": producer.sent,
            "late_s": producer.late_s,
            "queue_mb": running.collector.metric(QUEUE) / 1e6,
            "pending": running.waiting_entries(),
            **{f"{name}_mb": measuring.resident_mb(pid) for name, pid in pids.items()},
        }
        for name, value in now.items():
            read.setdefault(name, []).append(round(value, 3))
    taken = time.monotonic() - began
    if producer.fault is not None:
        raise RuntimeError("the producer ended early") from producer.fault
    report.series.update(read)
    report.add("requests refused for a while, and sent again", producer.again, "requests")
    report.add("predictions sent", producer.sent, "predictions")
    report.add(
        "predictions a second",
        producer.sent / max(taken, options.seconds),
        "1/s",
        at_least=HELD * options.rate,
    )
    report.add(
        "Collector's queue, greatest, to its capacity",
        max(read["queue_mb"]) * 1e6 / QUEUE_BYTES,
        "ratio",
        at_most=0.5,
    )
    for name, pid in pids.items():
        report.add(f"{name}, cores", (measuring.cpu_s(pid) - cpu_before[name]) / taken, "cores")
        report.add(f"{name}, resident at the end", read[f"{name}_mb"][-1], "MB")


def finish(report: measuring.Report, running: Running, producer: Producer) -> int:
    """Wait for what is under way, drain, and compare what was counted with what was sent."""
    began = time.monotonic()
    while not 0 < _received(running.collector) <= _exported(running.collector):
        if time.monotonic() - began > LAST_S:
            raise RuntimeError(f"the Collector still holds something after {LAST_S:g} s")
        time.sleep(EVERY_S / 10)
    report.add("until the Collector was empty", time.monotonic() - began, "s")
    given_up = sum(running.collector.metric(f"{name}_{kind}") for name in GIVEN_UP for kind in KINDS)
    command = [sys.executable, "-m", "barograph_processor.cli", "drain", "--json"]
    command += ["--timeout", f"{LAST_S:g}", "--endpoint", running.barograph.endpoint("prometheus")]
    summary = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=2 * LAST_S).stdout)
    dropped = sum(sum(reasons.values()) for reasons in summary["dropped"].values())
    counted = int(summary["predictions"])
    report.add("sent and not counted", producer.sent - counted, "predictions", at_most=0)
    report.add("dropped on the way", dropped + given_up, "items", at_most=0)
    return counted


def _received(running: Collector) -> float:
    return sum(running.metric(f"otelcol_receiver_accepted_{kind}") for kind in KINDS)


def _exported(running: Collector) -> float:
    return sum(running.metric(f"otelcol_exporter_sent_{kind}") for kind in KINDS)


def draw(report: measuring.Report, to: Path) -> None:
    """The curves as SVG."""
    options, read = report.options, report.series
    title = f"{options.rate:,.0f} predictions a second ({options.lane}) through Collector and processor"
    panels = [
        plotting.Panel("waiting in the Collector's queue, MB", {"queue": read["queue_mb"]}),
        plotting.Panel("predictions that wait for their truth, on disk", {"entries": read["pending"]}),
        plotting.Panel(
            "resident memory, MB", {"Collector": read["Collector_mb"], "barograph": read["barograph_mb"]}
        ),
        plotting.Panel("producer behind its time, s", {"behind": read["late_s"]}),
    ]
    to.write_text(plotting.drawn(title, read["seconds"], panels), encoding="utf-8")


if __name__ == "__main__":
    main()
