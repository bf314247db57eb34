"""Predictions a second on one core, spans and packed rows, against the Go Collector on the same spans.

    BAROGRAPH_REAL=FOLDER python benchmarks/receiver.py

Starts `barograph run` and a Collector on one core and sends from another: 1,000 spans of 25 attributes a
request over gRPC, four requests at a time, ids always new, event time passing a minute every 20 requests.
The Collector's signal_to_metrics makes 16 exponential histograms and 4 counters of categories of each span.
Barograph runs three times: doing only that (features, no ids), with everything (windows, and ids that wait
for their truth), and with everything on packed rows of the same content. What it counted is compared with
what was sent. A row is a span or a packed row.

Figures "by CPU" divide by the processor time of the server rather than by the clock: they say more on a
machine that does something else, and nothing about waiting.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import measuring
from measuring import Samples
from receiver_load import EVERYTHING, FEATURES_ALONE, MINUTE_NS, Packed, Sender, Spans, collector

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from real.processes import Process, free_ports, process  # it is a package of the tests
from real.programs import program  # likewise

WARM_UP = 20
REQUESTS = 60
PACKED_REQUESTS = 20
STEP_NS = MINUTE_NS // 20
BEGIN_BEFORE_NS = 600 * MINUTE_NS
WHY_NOT_FIVE = (
    "spans came to cost a third of what they did when this was promised; of a packed row's time a fifth is "
    "transport and a fifth decoding, the rest counts its features and keeps its id until its truth comes"
)
# Every packed row waits for its truth until the end: five times as many as spans, and none may have to leave.
ROOMY = "storage: {pending_bytes: 4294967296}\n"


@dataclass(slots=True)
class Server:
    """A server under load.

    Attributes:
        running: Its process.
        sender: Sends to it.
        requests: Requests of one run.
        rates: Rows a second, by run.
        cpu_rates: Rows a second of the process's own time, by run.
    """

    running: Process
    sender: Sender
    requests: int
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Send for one run."""
        before = measuring.cpu_s(self.running.pid)
        rows = self.requests * self.sender.load.rows
        self.rates.append(rows / self.sender.send(self.requests))
        self.cpu_rates.append(rows / (measuring.cpu_s(self.running.pid) - before))


def main() -> None:
    """Measure all servers in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--load-core", type=int, default=measuring.cores()[0], help="where the load is made")
    with measuring.report(__doc__, pinned=False, parser=parser) as report, ExitStack() as stack:
        measuring.pin([report.options.core])  # what is started from here on stays there
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = {
            "collector": stack.enter_context(a_collector(folder)),
            "features": stack.enter_context(a_barograph(folder, "features", FEATURES_ALONE)),
            "everything": stack.enter_context(a_barograph(folder, "everything", EVERYTHING)),
            "packed": stack.enter_context(a_barograph(folder, "packed", ROOMY)),
        }
        measuring.pin([report.options.load_core])
        servers: dict[str, Server] = {}
        for name, one in running.items():
            load = Packed if name == "packed" else Spans
            sender = Sender(one.endpoint("otlp"), load(time.time_ns() - BEGIN_BEFORE_NS, STEP_NS))
            stack.callback(sender.close)
            sender.send(WARM_UP)
            servers[name] = Server(one, sender, PACKED_REQUESTS if name == "packed" else REQUESTS)
        for _ in range(report.runs):
            for server in servers.values():
                server.run()
        tell(report, servers)
        for name in ("features", "everything", "packed"):
            check(servers[name])


def tell(report: measuring.Report, servers: dict[str, Server]) -> None:
    """The figures, and what was promised of them."""
    rates = {name: Samples(tuple(server.rates)) for name, server in servers.items()}
    cpu_rates = {name: Samples(tuple(server.cpu_rates)) for name, server in servers.items()}
    titles = {
        "collector": "Collector, spans",
        "features": "barograph, spans, features alone",
        "everything": "barograph, spans, everything",
        "packed": "barograph, packed rows, everything",
    }
    for name, title in titles.items():
        report.add(title, rates[name], "rows/s")
        report.add(f"{title}, by CPU", cpu_rates[name], "rows/s")
    promised = {
        "features alone to Collector": ("features", "collector", 4),
        "everything to Collector": ("everything", "collector", 2),
        "packed rows to spans": ("packed", "everything", 5),
    }
    for title, (one, other, factor) in promised.items():
        ratio = rates[one].over(rates[other])
        note = WHY_NOT_FIVE if one == "packed" and ratio.median < factor else ""
        report.add(title, ratio, "ratio", at_least=factor, note=note)
        report.add(f"{title}, by CPU", cpu_rates[one].over(cpu_rates[other]), "ratio")
    report.add("packed rows to Collector's spans", rates["packed"].over(rates["collector"]), "ratio")


def check(server: Server) -> None:
    """See that a barograph counted every row that it was sent."""
    command = [sys.executable, "-m", "barograph_processor.cli", "drain", "--json"]
    command += ["--timeout", "300", "--endpoint", server.running.endpoint("prometheus")]
    summary = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    summary["dropped"].get("outcomes", {}).pop("no_id", None)  # as it is meant, of features alone
    if summary["predictions"] != server.sender.rows or any(summary["dropped"].values()):
        raise RuntimeError(f"{server.sender.rows} rows were sent, but {summary}")


@contextmanager
def a_collector(folder: Path) -> Iterator[Process]:
    """The Collector, with as many processors as it has."""
    ports = free_ports("otlp")
    config = folder / "collector.yaml"
    config.write_text(collector(ports), encoding="utf-8")
    command = [program("otelcol"), f"--config={config}"]
    with process(command, log=folder / "collector.log", ports=ports, environ={"GOMAXPROCS": "1"}) as running:
        yield running


@contextmanager
def a_barograph(folder: Path, name: str, text: str) -> Iterator[Process]:
    """A processor as `barograph run` starts it."""
    ports = free_ports("otlp", "prometheus")
    config = folder / f"{name}.yaml"
    config.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "barograph_processor.cli", "run", "--config", str(config), "--json"]
    command += ["--listen", f"127.0.0.1:{ports['otlp']}", "--prometheus", f"127.0.0.1:{ports['prometheus']}"]
    with process(command, log=folder / f"{name}.log", ports=ports) as running:
        yield running


if __name__ == "__main__":
    main()
