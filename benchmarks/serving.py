"""What recording costs the caller's thread, and what it costs in the background.

    python benchmarks/serving.py

Calls of one form run in short bursts with the queue emptied between them, so that the figures are
those of a service that does something else too, not of a full queue. Forms, the OpenTelemetry SDK's
`Histogram.record` (one call a feature) and its spans take turns in every run, so that ratios are within
one run. ``rows`` means that every prediction leaves with its features.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import TYPE_CHECKING

import measuring
import numpy as np
import pandas as pd
from opentelemetry import trace
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
NAMES = tuple(f"f{place}" for place in range(FEATURES))
MICROSECONDS = 1e6
THREADS = 8


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


def sdk_records() -> Callable[[], None]:
    """20 `Histogram.record` calls, as a meter without barograph would make them."""
    histogram = MeterProvider([InMemoryMetricReader()]).get_meter("bench").create_histogram("values")
    row = np.random.default_rng(2).random(FEATURES).tolist()
    named = [{"ml.feature.name": name} for name in NAMES]

    def record() -> None:
        for value, own in zip(row, named, strict=True):
            histogram.record(value, own)

    return record


def single_rows(report: measuring.Report, off: Monitor, on: Monitor) -> None:
    """One prediction of 20 features, by form of the input."""
    row = np.random.default_rng(4).normal(size=FEATURES)
    listed = row.tolist()
    named = dict(zip(NAMES, listed, strict=True))
    frame = pd.DataFrame([named])
    mixed = frame.assign(f0="x", f1=1)
    forms: dict[str, Callable[[], object]] = {
        "numpy row": lambda: off.record(row, 1, scores=0.7),
        "numpy row with id": lambda: off.record(row, 1, scores=0.7, ids="a-17"),
        "numpy row with id, rows": lambda: on.record(row, 1, scores=0.7, ids="a-17"),
        "list row": lambda: off.record(listed, 1, scores=0.7),
        "dict row": lambda: off.record(named, 1, scores=0.7),
        "dict row with id, rows": lambda: on.record(named, 1, scores=0.7, ids="a-17"),
        "pandas row": lambda: off.record(frame, 1, scores=0.7),
        "pandas row, mixed types": lambda: off.record(mixed, 1, scores=0.7),
        "SDK, 20 Histogram.record": sdk_records(),
    }
    times = measuring.alternated(forms, calls=BURST, runs=report.runs, before=_emptied(off, on))
    for name, samples in times.items():
        limit = 5.0 if name.startswith("numpy row") else None
        report.add(name, samples.times(MICROSECONDS), "µs", at_most=limit)
    sdk = times["SDK, 20 Histogram.record"]
    report.add("numpy row to SDK", times["numpy row"].over(sdk), "ratio", at_most=1 / 20)
    report.add("dict row to SDK", times["dict row"].over(sdk), "ratio")
    rows = times["numpy row with id, rows"].over(times["numpy row with id"])
    report.add("numpy row with id, rows on to off", rows, "ratio")


def batches(report: measuring.Report, off: Monitor, on: Monitor) -> None:
    """A batch of 1,000 predictions of 20 features."""
    random = np.random.default_rng(5)
    batch, scores = random.normal(size=(1_000, FEATURES)), random.random(1_000)
    ids = [f"id-{place}" for place in range(1_000)]
    forms: dict[str, Callable[[], object]] = {
        "batch 1,000 x 20": lambda: off.record(batch, scores=scores),
        "batch 1,000 x 20 with ids": lambda: off.record(batch, scores=scores, ids=ids),
        "batch 1,000 x 20 with ids, rows": lambda: on.record(batch, scores=scores, ids=ids),
    }
    times = measuring.alternated(forms, calls=20, runs=report.runs, before=_emptied(off, on))
    for name, samples in times.items():
        report.add(name, samples.times(MICROSECONDS), "µs", at_most=500)


def spans(report: measuring.Report, off: Monitor, on: Monitor) -> None:
    """A span of the same attributes alone, and a whole call."""
    row = np.random.default_rng(6).normal(size=FEATURES)
    trace.set_tracer_provider(TracerProvider())
    tracer = trace.get_tracer("bench")
    told = {f"attribute.{place}": "value" for place in range(6)}

    def alone() -> None:
        with tracer.start_as_current_span("predict b", attributes=told):
            pass

    forms: dict[str, Callable[[], object]] = {
        "SDK span alone": alone,
        "span, duration, histograms": lambda: off.start(row).stop(1, scores=0.7),
        "span, duration, histograms, rows": lambda: on.start(row, ids="a-17").stop(1, scores=0.7),
    }
    # Short bursts, for whatever else the machine does disturbs a few of them and not all.
    times = measuring.alternated(forms, calls=50, runs=4 * report.runs, before=_emptied(off, on))
    for name, samples in times.items():
        report.add(name, samples.times(MICROSECONDS), "µs")
    alone_s = times["SDK span alone"]
    ratio = times["span, duration, histograms"].over(alone_s)
    report.add("span and histograms to span alone", ratio, "ratio", at_most=1.3)
    report.add("the same with rows", times["span, duration, histograms, rows"].over(alone_s), "ratio")


def eight_threads(monitor: Monitor, ids: str | None) -> tuple[float, float]:
    """Median and 99th percentile of one call while eight threads predict and the queue is emptied."""
    row = np.random.default_rng(7).normal(size=FEATURES)
    taken: list[float] = []
    lock = threading.Lock()

    def serve() -> None:
        own = []
        for _ in range(1_000):
            begun = time.perf_counter()
            monitor.record(row, 1, scores=0.7, ids=ids)
            own.append((time.perf_counter() - begun) * MICROSECONDS)
            time.sleep(0.0002)
        with lock:
            taken.extend(own)

    threads = [threading.Thread(target=serve) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monitor.flush()
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49], cuts[98]


def threads(report: measuring.Report, off: Monitor, on: Monitor) -> None:
    """What a call takes where many threads make them."""
    for name, monitor, ids in ((f"{THREADS} threads", off, None), (f"{THREADS} threads, rows", on, "a-17")):
        found = [eight_threads(monitor, ids) for _ in range(min(report.runs, 5))]
        report.add(f"{name}, median", measuring.Samples(tuple(median for median, _ in found)), "µs")
        report.add(f"{name}, 99th percentile", measuring.Samples(tuple(high for _, high in found)), "µs")


def background(report: measuring.Report, off: Monitor, on: Monitor) -> None:
    """From queue to counts and events, a row."""
    row = np.random.default_rng(8).normal(size=FEATURES)
    batch = np.random.default_rng(8).normal(size=(10_000, FEATURES))
    ids = [f"id-{place}" for place in range(10_000)]

    def of(monitor: Monitor, features: np.ndarray, rows: int, *, named: bool) -> float:
        scores = [0.5] * rows if rows == 1 else batch[:, 0] % 1.0
        for call in range(10_000 // rows):
            monitor.record(features, scores=scores, ids=None if not named else ids if rows > 1 else ids[call])
        begun = time.perf_counter()
        monitor.flush()
        return (time.perf_counter() - begun) / 10_000 * MICROSECONDS

    for name, features, rows in (("single rows", row, 1), ("a batch", batch, 10_000)):
        for told, monitor, named in (
            ("", off, False),
            (" with ids", off, True),
            (" with ids, rows", on, True),
        ):
            found = [of(monitor, features, rows, named=named) for _ in range(report.runs)]
            report.add(f"background, {name}{told}, a row", measuring.Samples(tuple(found)), "µs")


def _emptied(*monitors: Monitor) -> Callable[[], object]:
    return lambda: [monitor.flush() for monitor in monitors]


def main() -> None:
    """Measure and print."""
    with measuring.report(__doc__) as report:
        off = Monitor("b", "1", baseline=a_baseline(), sink=Nowhere())
        on = Monitor("b", "2", baseline=a_baseline(), sink=Nowhere(), rows="all")
        for part in (single_rows, batches, threads, background, spans):
            part(report, off, on)


if __name__ == "__main__":
    main()
