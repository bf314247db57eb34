"""A program without a line of barograph, under `opentelemetry-instrument`, over a real socket."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

import children
from barograph.semconv import attributes, events, metrics
from instrumentation.upstreams import PATIENT, nothing
from otlp_capture import attributes_of, listening

if TYPE_CHECKING:
    import subprocess

ROWS = 40
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
PROGRAM = f"""
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import StandardScaler

X = pd.DataFrame({{"a": [float(i) for i in range({ROWS})], "key": [f"k{{i}}" for i in range({ROWS})]}})
y = [i % 3 == 0 for i in range({ROWS})]
model = make_pipeline(make_column_transformer((StandardScaler(), ["a"])), LogisticRegression())
cross_val_score(model, X, y, cv=2)
model.fit(X, y).score(X, y)
model.predict_proba(X)
"""


def run(
    folder: Path, port: int, program: str = PATIENT + PROGRAM, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    script = folder / "serve.py"
    script.write_text(program, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BAROGRAPH_")} | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "BAROGRAPH_MODEL": "late:7",
        "BAROGRAPH_COLUMNS": "id=key",
        "BAROGRAPH_OUTCOMES": "readable",
        **settings,
    }
    command = [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, str(script)]
    return children.run(command, environ=environ)


@pytest.mark.slow
def test_spans_points_and_outcomes_of_the_one_prediction_arrive(tmp_path: Path) -> None:
    with listening() as (found, port):
        done = run(tmp_path, port)
    assert 0 == done.returncode, done.stderr
    ours = [span for span in found.spans if attributes.ML_MODEL_NAME in attributes_of(span)]
    assert ["predict_proba late"] == [span.name for span in ours]
    by_name = {one.name: one for one in found.metrics}
    rows: Counter[tuple[object, object]] = Counter()
    for one in found.metrics:
        if one.name == metrics.ML_INFERENCE_PREDICTIONS:
            assert DELTA == one.sum.aggregation_temporality
            for point in one.sum.data_points:
                names = attributes_of(point)
                rows[names[attributes.ML_MODEL_NAME], names[attributes.ML_MODEL_VERSION]] += point.as_int
    assert {("late", "7"): ROWS} == rows
    values = by_name[metrics.ML_FEATURE_VALUE].exponential_histogram
    assert DELTA == values.aggregation_temporality
    assert ROWS == sum(point.count for point in values.data_points)
    outcomes = [one for one in found.records if one.event_name == events.ML_INFERENCE_PREDICTION]
    assert {f"k{i}" for i in range(ROWS)} == {
        attributes_of(one)[attributes.ML_INFERENCE_ID] for one in outcomes
    }
    assert ROWS == len(outcomes)


@pytest.mark.slow
def test_rows_leave_by_their_rules_and_name_the_span_of_their_call(tmp_path: Path) -> None:
    with listening() as (found, port):
        done = run(tmp_path, port, BAROGRAPH_ROWS="all", BAROGRAPH_REDACT="a=bucket:10")
    assert 0 == done.returncode, done.stderr
    (span,) = [one for one in found.spans if attributes.ML_MODEL_NAME in attributes_of(one)]
    outcomes = [one for one in found.records if one.event_name == events.ML_INFERENCE_PREDICTION]
    assert {(span.trace_id, span.span_id)} == {(one.trace_id, one.span_id) for one in outcomes}
    features = {
        attributes_of(one)[attributes.ML_INFERENCE_ID]: [
            (each.key, each.value.double_value) for each in attributes_of(one)[attributes.ML_FEATURES].values
        ]
        for one in outcomes
    }
    assert {f"k{i}": [("a", i // 10 * 10 + 5.0)] for i in range(ROWS)} == features


@pytest.mark.slow
def test_a_program_ends_where_nothing_listens(tmp_path: Path) -> None:
    with nothing() as port:
        done = run(tmp_path, port, PROGRAM)
    assert 0 == done.returncode, done.stderr
