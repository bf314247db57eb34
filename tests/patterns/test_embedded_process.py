"""Real programs with the engine inside: zero code, forks, threads, faults, and the end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import children
from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE, SOURCE_SCOPE, attributes, events, metrics
from cli.processes import last_revisions, service, value
from instrumentation.upstreams import PATIENT, nothing
from otlp_capture import listening, listening_http

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.slow

ROWS = 200
ZERO_CODE = f"""{PATIENT}
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

random = np.random.default_rng(1)
at = 1_767_268_800 + np.arange({ROWS})
X = pd.DataFrame({{"a": random.normal(size={ROWS}), "key": [f"k{{i}}" for i in range({ROWS})], "at": at}})
y = X.a + random.normal(size={ROWS}) > 0
model = make_pipeline(make_column_transformer(("passthrough", ["a"])), LogisticRegression()).fit(X, y)
found = np.concatenate([model.predict_proba(X[i : i + 10]) for i in range(0, {ROWS}, 10)])
print(accuracy_score(y, found[:, 1] > found[:, 0]))
"""
COLUMNS = "id=key,time=at"
# Event times are given, so that every process and every run means the same windows.
MONITOR = f"""{PATIENT}
import os
import numpy as np
import barograph

random = np.random.default_rng(7)
age, score = random.normal(40, 10, {ROWS}), random.random({ROWS})
truth = random.random({ROWS}) < score
times = 1_767_268_800 + np.arange({ROWS}) * 60.0
ids = [f"k{{i}}" for i in range({ROWS})]
monitor = barograph.Monitor("m", "1")
feedback = barograph.Feedback("m")

def serve(rows):
    for i in rows:
        monitor.record({{"age": age[i]}}, scores=score[i], ids=ids[i], times=times[i])
    feedback.observe_batch(
        ids=[ids[i] for i in rows], values=truth[list(rows)], times=times[list(rows)] + 3600.0
    )
"""


def run(
    program: str, port: int, *, sink: str = "embedded", zero_code: bool = False, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    command, given = prepared(program, port, sink=sink, zero_code=zero_code, **environ)
    return children.run(command, environ=given)


def prepared(
    program: str, port: int, *, sink: str = "embedded", zero_code: bool = False, **environ: str
) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a program."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("BAROGRAPH_")}
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "BAROGRAPH_SINK": sink,
    }
    instrument = [str(Path(sys.executable).parent / "opentelemetry-instrument")] if zero_code else []
    return [*instrument, sys.executable, "-c", program], {**clean, **settings, **environ}


def configured(folder: Path, text: str = "") -> str:
    path = folder / "barograph.yaml"
    path.write_text(f"windows: [1d]\nlabels: {{within: 7d}}\n{text}", encoding="utf-8")
    return str(path)


def test_a_program_without_a_line_of_barograph_sends_its_readings_and_no_histograms() -> None:
    truth = """
from barograph import Feedback, drain
Feedback("credit").observe_batch(ids=X.key, values=y, times=X["at"] + 60)
assert drain(60.0)
"""
    with listening() as (found, port):
        done = run(
            ZERO_CODE + truth, port, zero_code=True, BAROGRAPH_MODEL="credit:3", BAROGRAPH_COLUMNS=COLUMNS
        )
    assert (0, "") == (done.returncode, done.stderr)
    accuracy = found.values(metrics.ML_PERFORMANCE_ACCURACY, **{attributes.ML_LABEL_HORIZON: "all"})
    assert {float(done.stdout)} == set(accuracy)
    assert {float(ROWS)} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))
    sent_as_source = {name for scope, name in found.scopes if scope == SOURCE_SCOPE}
    assert {metrics.ML_INFERENCE_DURATION, metrics.ML_INFERENCE_BATCH_SIZE} == sent_as_source
    assert {SOURCE_SCOPE, READINGS_SCOPE, PROCESSOR_SCOPE} == {scope for scope, _ in found.scopes}
    assert (READINGS_SCOPE, events.ML_WINDOW_CLOSED) in found.scopes
    assert 0 < len(found.spans)


def test_workers_that_also_forward_give_their_owner_what_one_process_would() -> None:
    """Four forked workers, each with an engine, behind a Collector that sends on to `barograph run`."""
    workers = """
children = []
for worker in range(4):
    child = os.fork()
    if child == 0:
        serve(range(worker, len(ids), 4))
        os._exit(0 if barograph.drain(60.0) else 1)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
"""
    windows = []
    for program, sink in (
        (workers, "embedded,otlp"),
        ("serve(range(len(ids)))\nbarograph.flush(60.0)\n", "otlp"),
    ):
        with service("--window", "1d") as owner, listening(owner.otlp) as (found, port):
            done = run(MONITOR + program, port, sink=sink)
            assert (0, "") == (done.returncode, done.stderr)
            summary = owner.drain()
            owner.stop()
        assert ROWS == summary["predictions"]
        windows.append(last_revisions(owner.windows, "1d"))
        if sink == "otlp":
            continue
        mine = [number for number in found.numbers if number.metric == metrics.ML_WINDOW_OBSERVATIONS]
        series = {
            (number.attributes[attributes.ML_WINDOW_NAME], number.attributes[attributes.ML_SOURCE_ID])
            for number in mine
        }
        assert {("1h", 4), ("1d", 4)} == {
            (name, sum(window == name for window, _ in series)) for name, _ in series
        }
        assert 4 == len({number.resource["service.instance.id"] for number in mine})
        assert {50.0} == {
            number.value for number in mine if number.attributes[attributes.ML_WINDOW_NAME] == "1d"
        }
    assert ROWS == value(windows[0][0], metrics.ML_WINDOW_OBSERVATIONS)
    merged, alone = ([window["readings"] for window in found] for found in windows)
    assert alone == merged


def test_a_forked_worker_begins_with_nothing_and_touches_nothing_of_its_parent(tmp_path: Path) -> None:
    """Over HTTP: the parent has sent something before, which gRPC need not survive."""
    program = """
serve(range(150))
assert barograph.flush(60.0)
child = os.fork()
if child == 0:
    serve(range(150, 200))
    assert barograph.drain(60.0)
    raise SystemExit(0)  # through everything that an ordinary end goes through
assert os.waitpid(child, 0)[1] == 0
"""
    config = configured(tmp_path, "storage: {directory: kept}\n")
    http: dict[str, Any] = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "BAROGRAPH_CONFIG": config}
    with listening_http() as (found, port):
        done = run(MONITOR + program, port, **http)
        assert (0, "") == (done.returncode, done.stderr)
        assert {50.0} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))
        done = run(
            MONITOR + "feedback.observe(id='k0', value=True)\nassert barograph.drain(60.0)\n", port, **http
        )
    assert (0, "") == (done.returncode, done.stderr)
    assert {50.0, 150.0} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))  # the parent's, kept by it


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    program = """
from threading import Thread
threads = [Thread(target=serve, args=[range(worker, len(ids), 8)]) for worker in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert barograph.drain(60.0)
"""
    with listening() as (found, port):
        done = run(MONITOR + program, port, BAROGRAPH_CONFIG=configured(tmp_path))
    assert (0, "") == (done.returncode, done.stderr)
    assert {float(ROWS)} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))
    assert {1.0} == set(found.values(metrics.ML_LABEL_MATURITY, **{attributes.ML_LABEL_HORIZON: "all"}))


def test_what_a_server_had_not_finished_at_sigterm_goes_on_in_the_next_one(tmp_path: Path) -> None:
    """Servers turn the signal into an ordinary end of Python; the states are kept then."""
    config = configured(tmp_path, "storage: {directory: kept}\n")
    server = """
import signal, sys, time
serve(range(120))
barograph.flush(60.0)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
time.sleep(600)
"""
    with listening() as (found, port):
        command, environ = prepared(MONITOR + server, port, BAROGRAPH_CONFIG=config)
        with children.child(command, environ=environ) as child:
            assert "ready\n" == child.line()
            child.process.send_signal(signal.SIGTERM)
            assert (0, "") == (child.ends(), child.said)
        assert [] == found.values(metrics.ML_WINDOW_OBSERVATIONS)
        done = run(
            MONITOR + "serve(range(120, 200))\nassert barograph.drain(60.0)\n", port, BAROGRAPH_CONFIG=config
        )
    assert (0, "") == (done.returncode, done.stderr)
    assert {float(ROWS)} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))


def test_an_engine_that_fails_is_counted_and_the_model_answers_on() -> None:
    broken = """
from barograph_processor.engine.engine import Engine
def fails(*_, **__):
    raise RuntimeError("a bug in the engine")
Engine.feed = Engine.advance = fails
"""
    with listening() as (found, port):
        done = run(
            broken + ZERO_CODE, port, zero_code=True, BAROGRAPH_MODEL="credit:3", BAROGRAPH_COLUMNS=COLUMNS
        )
    assert 0 == done.returncode, done.stderr
    assert 0.5 < float(done.stdout)
    lanes = {
        number.attributes[attributes.ML_TELEMETRY_LANE]: number.value
        for number in found.numbers
        if number.metric == metrics.ML_TELEMETRY_DROPPED
        and number.attributes[attributes.ML_TELEMETRY_REASON] == "internal_error"
    }
    assert ROWS == lanes["outcomes"]
    assert 0 < lanes["histograms"]
    assert 1 <= done.stderr.count("a bug in the engine")


def test_a_program_ends_where_nothing_listens_and_keeps_its_windows(tmp_path: Path) -> None:
    config = configured(tmp_path, "storage: {directory: kept}\n")
    with nothing() as port:
        done = run(MONITOR + "serve(range(200))\n", port, BAROGRAPH_CONFIG=config)
    assert 0 == done.returncode, done.stderr
    with listening() as (found, port):  # what was not finished was kept all the same
        done = run(
            MONITOR + "feedback.observe(id='k0', value=True)\nassert barograph.drain(60.0)\n",
            port,
            BAROGRAPH_CONFIG=config,
        )
    assert (0, "") == (done.returncode, done.stderr)
    assert {float(ROWS)} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))


@pytest.mark.parametrize("absent", ["pyarrow", "scipy"])
def test_an_image_without_the_processor_says_what_to_install(absent: str) -> None:
    without = f"import sys\nsys.modules[{absent!r}] = None\n"
    with listening() as (found, port):
        done = run(without + MONITOR + "serve(range(200))\n", port)
    assert 0 == done.returncode, done.stderr
    assert (
        "BAROGRAPH_SINK: embedded: an engine in the serving process needs an extra: "
        "pip install 'barograph[processor]'" in done.stderr
    )
    dropped = {
        number.attributes[attributes.ML_TELEMETRY_LANE]
        for number in found.numbers
        if number.metric == metrics.ML_TELEMETRY_DROPPED
        and number.attributes[attributes.ML_TELEMETRY_REASON] == "no_sink"
    }
    assert {"configuration", "histograms", "outcomes"} == dropped
    assert set() == {name for scope, name in found.scopes if name == metrics.ML_INFERENCE_PREDICTIONS}
