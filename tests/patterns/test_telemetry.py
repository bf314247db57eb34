"""Counters and gauges of the processor itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from barograph.semconv import metrics
from barograph_processor.telemetry import Sample, Telemetry, about


def test_counts_of_any_number_of_threads_are_all_there() -> None:
    telemetry = Telemetry()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: telemetry.add("seen", lane="spans"), range(1_000)))
    assert [Sample("seen", (("lane", "spans"),), 1_000.0, monotonic=True)] == telemetry.snapshot()


def test_attributes_in_another_order_are_the_same_series() -> None:
    telemetry = Telemetry()
    telemetry.add("seen", a="1", b="2")
    telemetry.add("seen", b="2", a="1")
    assert [2.0] == [sample.value for sample in telemetry.snapshot()]


def test_what_is_counted_elsewhere_is_summed_with_what_is_counted_here() -> None:
    telemetry = Telemetry()
    telemetry.watch(lambda: [Sample("dropped", (("lane", "spans"),), 5, monotonic=True)])
    telemetry.add("dropped", 2, lane="spans")
    assert [7.0] == [sample.value for sample in telemetry.snapshot()]


def test_a_gauge_is_read_at_each_snapshot_and_left_out_while_it_fails() -> None:
    telemetry = Telemetry()
    held = [1.0]
    telemetry.gauge("held", lambda: held[0])
    telemetry.gauge("broken", lambda: held[1])
    assert [("held", 1.0)] == [(sample.name, sample.value) for sample in telemetry.snapshot()]
    held[:] = [2.0, 3.0]
    assert [
        ("broken", 3.0),
        ("held", 2.0),
    ] == [(sample.name, sample.value) for sample in telemetry.snapshot()]


def test_units_and_descriptions_are_those_of_the_registry() -> None:
    unit, brief = about(metrics.ML_TELEMETRY_DROPPED)
    assert "{item}" == unit
    assert brief
    with pytest.raises(KeyError):
        about("no.such.metric")
