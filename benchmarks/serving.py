"""What recording costs the caller's thread, and what it costs in the background.

    python benchmarks/serving.py            # microseconds a call, minima of several runs
    python benchmarks/serving.py --json

Calls of one form run in short bursts with the queue emptied between them, so that the figures are
those of a service that does something else too, not of a full queue. The ratio is to the OpenTelemetry SDK's
`Histogram.record`, one call a feature, measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from barograph.baseline import Baseline, Feature, Header, Output, encode_baseline
from barograph.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import SourceEvent, SourcePoint

FEATURES = 20
BURST = 500
BURSTS = 30
NAMES = tuple(f"f{place}" for place in range(FEATURES))


class Nowhere:
    """A sink that counts what it is given."""

    def __init__(self) -> None:
        self.count = 0

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Count points."""
        self.count += len(points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Count events."""
        self.count += len(events)

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits."""
        return timeout_s >= 0

    def shutdown(self, timeout_s: float) -> None:
        """Nothing to end."""
        self.count += 0 * int(timeout_s)


def a_baseline() -> Baseline:
    """Sixty-four quantile edges for each of 20 normal features."""
    values = np.random.default_rng(1).normal(size=10_000)
    edges = tuple(np.unique(np.quantile(values, np.linspace(0, 1, 66)[1:-1])).tolist())
    features = tuple(
        Feature(name=name, kind="number", edges=edges, low=-4.0, high=4.0, grid=2.0**-30) for name in NAMES
    )
    output = Output(task="binary", classes=("0", "1"), positive="1", score_edges=(0.1, 0.25, 0.5, 0.75, 0.9))
    return Baseline(
        encode_baseline(Header(model="b", version="1", rows=10_000, features=features, outputs=(output,)), ())
    )


def microseconds(
    call: Callable[[], object], between: Callable[[], object], *, burst: int, bursts: int
) -> float:
    """The least mean time of one call over several bursts."""
    best = float("inf")
    for _ in range(bursts):
        between()
        begun = time.perf_counter()
        for _ in range(burst):
            call()
        best = min(best, (time.perf_counter() - begun) / burst)
    return best * 1e6


def sdk_records() -> float:
    """20 `Histogram.record` calls."""
    histogram = MeterProvider([InMemoryMetricReader()]).get_meter("bench").create_histogram("values")
    row = np.random.default_rng(2).random(FEATURES).tolist()
    named = [{"ml.feature.name": name} for name in NAMES]

    def record() -> None:
        for value, own in zip(row, named, strict=True):
            histogram.record(value, own)

    return microseconds(record, int, burst=100, bursts=10)


def eight_threads(monitor: Monitor, row: np.ndarray) -> dict[str, float]:
    """Median and 99th percentile of one call while eight threads predict and the queue is emptied."""
    taken: list[float] = []
    lock = threading.Lock()

    def serve() -> None:
        own = []
        for _ in range(2_000):
            begun = time.perf_counter()
            monitor.record(row, 1, scores=0.7)
            own.append((time.perf_counter() - begun) * 1e6)
            time.sleep(0.0002)
        with lock:
            taken.extend(own)

    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(taken, n=100)
    return {"8 threads, median": cuts[49], "8 threads, p99": cuts[98]}


def spans(monitor: Monitor, row: np.ndarray) -> dict[str, float]:
    """A span of the same attributes alone, and a whole call."""
    tracer = TracerProvider().get_tracer("bench")
    told = {f"attribute.{place}": "value" for place in range(6)}

    def alone() -> None:
        with tracer.start_as_current_span("predict b", attributes=told):
            pass

    def whole() -> None:
        monitor.start(row).stop(1, scores=0.7)

    from opentelemetry import trace  # noqa: PLC0415 - the provider is set here

    trace.set_tracer_provider(TracerProvider())
    return {
        "SDK span alone": microseconds(alone, monitor.flush, burst=200, bursts=BURSTS),
        "span, duration and histograms": microseconds(whole, monitor.flush, burst=200, bursts=BURSTS),
    }


def background(monitor: Monitor) -> dict[str, float]:
    """Microseconds a row from queue to counts, single rows and batches."""
    row = np.random.default_rng(3).normal(size=FEATURES)
    batch = np.random.default_rng(3).normal(size=(10_000, FEATURES))
    result = {}
    for name, features, calls, rows in (("single rows", row, 10_000, 1), ("batches", batch, 10, 10_000)):
        best = float("inf")
        for _ in range(5):
            for _ in range(calls):
                monitor.record(features, scores=[0.5] * rows if rows == 1 else batch[:, 0])
            begun = time.perf_counter()
            monitor.flush()
            best = min(best, (time.perf_counter() - begun) / (calls * rows) * 1e6)
        result[f"background, {name}, a row"] = best
    return result


def import_ms() -> float:
    """`import barograph` with its monitor, over opentelemetry-api and numpy."""
    code = (
        "import time, numpy, opentelemetry.trace, opentelemetry.baggage; t = time.perf_counter();"
        "import barograph; barograph.Monitor; print((time.perf_counter() - t) * 1e3)"
    )
    return min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    )


def measure() -> dict[str, float]:
    """All figures, by name."""
    random = np.random.default_rng(4)
    row = random.normal(size=FEATURES)
    listed = row.tolist()
    named = dict(zip(NAMES, listed, strict=True))
    frame = pd.DataFrame([named])
    mixed = frame.assign(f0="x", f1=1)
    batch = random.normal(size=(1_000, FEATURES))
    scores = random.random(1_000)
    monitor = Monitor("b", "1", baseline=a_baseline(), sink=Nowhere())
    forms: dict[str, tuple[Callable[[], object], int]] = {
        "numpy row": (lambda: monitor.record(row, 1, scores=0.7), BURST),
        "list row": (lambda: monitor.record(listed, 1, scores=0.7), BURST),
        "dict row": (lambda: monitor.record(named, 1, scores=0.7), BURST),
        "pandas row": (lambda: monitor.record(frame, 1, scores=0.7), BURST),
        "pandas row, mixed types": (lambda: monitor.record(mixed, 1, scores=0.7), BURST),
        "numpy row with id": (lambda: monitor.record(row, 1, scores=0.7, ids="a-17"), BURST),
        "batch 1,000 x 20": (lambda: monitor.record(batch, scores=scores), 20),
    }
    figures = {
        name: microseconds(call, monitor.flush, burst=burst, bursts=BURSTS)
        for name, (call, burst) in forms.items()
    }
    figures["SDK, 20 Histogram.record"] = sdk_records()
    figures["ratio of numpy row to SDK"] = figures["numpy row"] / figures["SDK, 20 Histogram.record"]
    figures |= eight_threads(monitor, row)
    figures |= background(monitor)
    figures |= spans(monitor, row)
    figures["ratio of call to span alone"] = (
        figures["span, duration and histograms"] / figures["SDK span alone"]
    )
    figures["import, ms"] = import_ms()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps({"python": platform.python_version(), "microseconds": figures}, indent=1))
        return
    for name, figure in figures.items():
        print(f"{name:32} {figure:10.3f}")


if __name__ == "__main__":
    main()
