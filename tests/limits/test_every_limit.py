"""Beyond every limit of the configuration: what a sender is told, and what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph.semconv import metrics as metric_names
from barograph_processor.cli.limits_reference import BEYOND
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS
from wire.otlp_requests import TIME_NS, Value, arrow, key_values, logs, metrics, record

from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    Request = ExportLogsServiceRequest | ExportMetricsServiceRequest

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

ELSEWHERE = (
    "export.",
    "forward.",
    "receivers.",
)  # tests/components/test_delivery.py, tests/patterns/test_forwarder.py, tests/receivers, test_wire.py
BESIDE = ("duplicate", "clamped", "straddle")  # scenarios repeat events, and last for minutes or days
HOUR = TIME_NS // HOUR_NS * HOUR_NS


def predictions(count: int, *, hours: bool = False, **changed: Value) -> ExportLogsServiceRequest:
    """Readable predictions; a text of the attributes may have ``{}`` for the number of the row."""
    step = HOUR_NS if hours else MINUTE_NS
    rows = []
    for row in range(count):
        attributes: dict[str, Value] = {
            names.ML_MODEL_NAME: "m",
            names.ML_INFERENCE_ID: "id-{}",
            names.ML_PREDICTION_SCORE: 0.75,
            **{name.replace("__", "."): value for name, value in changed.items()},
        }
        rows.append(record(events.ML_INFERENCE_PREDICTION, _numbered(attributes, row), HOUR + row * step))
    return logs(rows, {"service.instance.id": "pod"})


def _numbered(value: Any, row: int) -> Any:
    if isinstance(value, dict):
        return {name.replace("{}", str(row)): _numbered(each, row) for name, each in value.items()}
    return value.replace("{}", str(row)) if isinstance(value, str) else value


def counts(count: int, temporality: int = 1, **changed: str) -> ExportMetricsServiceRequest:
    """Points of a number of minutes."""
    metric = Metric(name=metric_names.ML_PREDICTION_CLASSES)
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    for row in range(count):
        attributes: dict[str, Value] = {
            names.ML_MODEL_NAME: "m",
            names.ML_CLASS_NAME: "yes",
            names.ML_SOURCE_ID: "pod",
            **{name.replace("__", "."): value for name, value in changed.items()},
        }
        start = HOUR + row * 2 * MINUTE_NS
        metric.sum.data_points.add(
            start_time_unix_nano=start if temporality == 1 else HOUR,
            time_unix_nano=start + MINUTE_NS,
            as_int=1,
            attributes=key_values(_numbered(attributes, row)),
        )
    return metrics([metric])


def features(count: int) -> ExportMetricsServiceRequest:
    """A point of each of so many features."""
    metric = Metric(name=metric_names.ML_FEATURE_OBSERVATIONS)
    metric.sum.aggregation_temporality = 1  # type: ignore[assignment]
    for row in range(count):
        attributes: dict[str, Value] = {
            names.ML_MODEL_NAME: "m",
            names.ML_FEATURE_NAME: f"f{row}",
            names.ML_FEATURE_STATE: "valid",
            names.ML_SOURCE_ID: "pod",
        }
        metric.sum.data_points.add(
            start_time_unix_nano=HOUR, time_unix_nano=HOUR + 1, as_int=1, attributes=key_values(attributes)
        )
    return metrics([metric])


def histogram(buckets: int) -> ExportMetricsServiceRequest:
    metric = Metric(name=metric_names.ML_FEATURE_VALUE)
    metric.histogram.aggregation_temporality = 1  # type: ignore[assignment]
    metric.histogram.data_points.add(
        start_time_unix_nano=HOUR,
        time_unix_nano=HOUR + 1,
        count=1,
        bucket_counts=[1] + [0] * (buckets - 1),
        explicit_bounds=[float(each) for each in range(buckets - 1)],
        attributes=key_values({names.ML_MODEL_NAME: "m", names.ML_FEATURE_NAME: "f"}),
    )
    return metrics([metric])


def packed(rows: int, columns: int = 1, times: int = 1) -> ExportLogsServiceRequest:
    chance = np.random.default_rng(5)
    table = {
        names.ML_INFERENCE_ID: pa.array([f"id-{row}" for row in range(rows)]),
        **{f"later.{column}": pa.array(chance.random(rows)) for column in range(columns - 1)},
    }
    attributes: dict[str, Value] = {names.ML_MODEL_NAME: "m", names.ML_BATCH_ARROW: arrow(table)}
    return logs([record(events.ML_INFERENCE_PREDICTION_BATCH, attributes, HOUR)] * times)


class Scenario(NamedTuple):
    """What goes beyond a limit.

    Attributes:
        most: The limit is set to it.
        requests: What is sent, in order.
        refused: Items that the last answer says were refused.
        reason: What they are counted under; ``""`` where nothing is lost.
        rest: More configuration.
        least: Counted under the reason at least.
    """

    most: int
    requests: tuple[Callable[[], Request], ...]
    refused: int
    reason: str
    rest: str = ""
    least: int = 1


SCENARIOS = {
    "limits.keys": Scenario(3, (lambda: predictions(5, ml__model__name="m{}"),), 2, "key_limit"),
    "limits.features": Scenario(3, (lambda: features(5),), 2, "feature_limit"),
    "limits.sources": Scenario(3, (lambda: predictions(5, ml__source__id="s{}"),), 2, "source_limit"),
    "limits.segment_values": Scenario(
        3, (lambda: predictions(9, ml__segments={"region": "r{}"}),), 0, "segment_limit", "segments: [region]"
    ),
    "limits.windows": Scenario(3, (lambda: counts(200),), 0, "window_limit", "windows: [1h]"),
    "limits.panes": Scenario(3, (lambda: predictions(9),), 0, ""),
    "limits.pane_rows": Scenario(3, (lambda: predictions(9),), 0, ""),
    "limits.counted_panes": Scenario(
        3, (lambda: predictions(9, ml__source__id="pod"), lambda: counts(1)), 1, "pane_limit"
    ),
    "limits.feature_bytes": Scenario(
        1,
        (
            lambda: predictions(9, ml__source__id="pod", ml__features={"age": 41, "job": "clerk"}),
            lambda: counts(1),
        ),
        1,
        "pane_limit",
    ),
    "limits.slices": Scenario(3, (lambda: counts(40), lambda: counts(40)), 38, "slice_limit"),
    "limits.cumulative_streams": Scenario(
        1,
        (
            lambda: counts(1, 2, ml__class__name="a"),
            lambda: counts(1, 2, ml__class__name="b"),
            lambda: counts(2, 2, ml__class__name="a"),
        ),
        0,
        "cumulative_start",
        least=3,  # the second of `a` is one again
    ),
    "limits.request.name_length": Scenario(
        3, (lambda: predictions(2, ml__model__name="m23{}"),), 2, "name_too_long"
    ),
    "limits.request.id_length": Scenario(4, (lambda: predictions(12),), 2, "id_too_long"),
    "limits.request.keys": Scenario(3, (lambda: predictions(5, ml__model__name="m{}"),), 2, "too_many_keys"),
    "limits.request.classes": Scenario(
        3, (lambda: predictions(5, ml__prediction__scores={"c{}": 0.5}),), 2, "too_many_classes"
    ),
    "limits.request.segments": Scenario(
        3, (lambda: predictions(5, ml__segments={"s{}": "a"}),), 2, "too_many_segments"
    ),
    "limits.request.score_cells": Scenario(
        15, (lambda: predictions(5, ml__prediction__scores={"c{}": 0.5}),), 2, "too_many_classes"
    ),
    "limits.request.features": Scenario(
        3, (lambda: predictions(5, ml__features={"f{}": 1}),), 2, "too_many_features"
    ),
    "limits.request.feature_cells": Scenario(
        15, (lambda: predictions(5, ml__features={"f{}": 1}),), 2, "too_many_features"
    ),
    "limits.request.buckets": Scenario(3, (lambda: histogram(4),), 1, "too_many_buckets"),
    "limits.request.packed_bytes": Scenario(100, (lambda: packed(3),), 1, "too_large"),
    "limits.request.unpacked_bytes": Scenario(100, (lambda: packed(3),), 1, "too_large"),
    "limits.request.request_unpacked_bytes": Scenario(500, (lambda: packed(3, times=4),), 2, "too_large"),
    "limits.request.packed_rows": Scenario(2, (lambda: packed(3),), 1, "too_large"),
    "limits.request.packed_columns": Scenario(3, (lambda: packed(3, columns=4),), 1, "bad_column"),
    "storage.pending_bytes": Scenario(1_048_576, (lambda: predictions(12_000),), 0, "evicted"),
}  # fmt: skip


def configured(key: str, scenario: Scenario) -> World:
    head, *path = key.split(".")
    text = f"{path[-1]}: {scenario.most}"
    for part in reversed(path[:-1]):
        text = f"{part}: {{{text}}}"
    return World(f"{head}: {{{text}}}\n{scenario.rest}")


def test_every_limit_has_its_scenario() -> None:
    assert set(SCENARIOS) == {key for key in BEYOND if not key.startswith(ELSEWHERE)}


@pytest.mark.parametrize("key", SCENARIOS)
def test_beyond_it(key: str) -> None:
    scenario = SCENARIOS[key]
    world = configured(key, scenario)
    answers = [world.send(request()) for request in scenario.requests]
    world.drain()
    refused, told = answers[-1]
    assert scenario.refused == refused, told
    if scenario.reason:
        assert scenario.reason in BEYOND[key].reasons
        assert max(scenario.refused, scenario.least) <= world.dropped[scenario.reason]
        assert scenario.reason in told or not refused
    else:
        assert not told
    assert set(world.dropped) <= {*BEYOND[key].reasons, *BESIDE}


@pytest.mark.parametrize("key", SCENARIOS)
def test_within_the_default_nothing_is_refused(key: str) -> None:
    scenario = SCENARIOS[key]
    if key == "storage.pending_bytes":
        scenario = scenario._replace(most=100 * scenario.most)
    world = World(scenario.rest) if key.startswith("limits.") else configured(key, scenario)
    assert [(0, "")] * len(scenario.requests) == [world.send(request()) for request in scenario.requests]
