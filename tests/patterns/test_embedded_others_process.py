"""Programs that know nothing of us, under `opentelemetry-instrument`, with the engine behind their spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.semconv import READINGS_SCOPE, attributes, metrics
from cli.processes import last_revisions, service, value
from instrumentation.upstreams import PATIENT
from otlp_capture import listening, listening_http

from .test_embedded_others import CONFIG, NOON, ROWS
from .test_embedded_process import MONITOR, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ADAPTERS = {
    "OTEL_TRACES_EXPORTER": "otlp,barograph",
    "OTEL_LOGS_EXPORTER": "otlp,barograph",
    "OTEL_RESOURCE_ATTRIBUTES": "service.version=7",
}
SHOP = f"""{PATIENT}
import os
from opentelemetry import _logs, trace

tracer, logger = trace.get_tracer("shop"), _logs.get_logger("shop")

def serve(rows):
    for row in rows:
        at = {NOON} + row * 1_000_000_000
        span = tracer.start_span("POST /predict", start_time=at)
        answer = "no" if row % 4 else "yes"
        span.set_attribute("app.request_id", f"r-{{row}}")
        span.set_attributes({{"app.answer": answer, "app.features.age": row % 50}})
        span.end(end_time=at + 1)
        told = {{"app.request_id": f"r-{{row}}", "app.outcome": "no"}}
        logger.emit(_logs.LogRecord(timestamp=at + 60_000_000_000, event_name="loan.closed", attributes=told))
"""
DRAIN = "import barograph\nassert barograph.drain(60.0)\n"


# What a background thread loads, except where forks wait for it: a child would wait for ever for what was
# half loaded when it began.
LOADING = """
import sys, threading
from barograph.forking import GATE

class Late:
    names = []

    def find_spec(self, name, path=None, target=None):
        ours = name.split(".")[0] in {"barograph", "barograph_processor", "numpy", "pyarrow", "scipy"}
        if ours and threading.current_thread() is not threading.main_thread() and not GATE._lock._is_owned():
            self.names.append(name)

sys.meta_path.insert(0, Late())
"""


def configured(folder: Path, more: str = "") -> str:
    path = folder / "barograph.yaml"
    path.write_text(CONFIG + more, encoding="utf-8")
    return str(path)


def test_its_readings_are_those_of_a_service_that_the_same_telemetry_was_sent_to(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with service("--config", config) as owner:
        host, _, port = owner.otlp.rpartition(":")
        assert "127.0.0.1" == host
        with listening_http() as (found, results):
            # Spans and logs of the application go to the service, readings where the test sees them.
            done = run(
                SHOP + f"serve(range({ROWS}))\n" + DRAIN, int(port), zero_code=True, BAROGRAPH_CONFIG=config,
                OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"http://127.0.0.1:{results}/v1/metrics",
                OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="http/protobuf", **ADAPTERS,
            )  # fmt: skip
        assert (0, "") == (done.returncode, done.stderr)
        owner.drain()
        owner.stop()
    (window,) = last_revisions(owner.windows, "1d")
    assert ROWS == value(window, metrics.ML_WINDOW_OBSERVATIONS)
    assert 0.75 == value(window, metrics.ML_PERFORMANCE_ACCURACY, **{attributes.ML_LABEL_HORIZON: "all"})
    names = {reading["name"] for reading in window["readings"]}
    whose = {
        attributes.ML_MODEL_NAME,
        attributes.ML_MODEL_VERSION,
        attributes.ML_WINDOW_NAME,
        attributes.ML_SOURCE_ID,
    }
    mine = {}
    for number in found.numbers:
        if number.scope == READINGS_SCOPE and number.metric in names:
            told = frozenset((key, text) for key, text in number.attributes.items() if key not in whose)
            mine[number.metric, told] = number.value
    theirs = {
        (reading["name"], frozenset((k, v) for k, v in reading.items() if k not in {"name", "value"})):
            reading["value"]
        for reading in window["readings"]
    }  # fmt: skip
    assert theirs == mine
    assert [] == found.values(metrics.ML_TELEMETRY_DROPPED)  # the results among them


def test_what_comes_last_is_taken_at_exit_and_a_fork_begins_with_nothing(tmp_path: Path) -> None:
    """The parent doesn't drain: spans wait in the SDK's queues when it ends, and its window in the folder."""
    config = configured(tmp_path, "storage: {directory: kept}\n")
    program = f"""
serve(range(100))
trace.get_tracer_provider().force_flush(), _logs.get_logger_provider().force_flush()
child = os.fork()
if child == 0:
    import barograph
    serve(range(100, 150))
    os._exit(0 if barograph.drain(60.0) else 1)
assert os.waitpid(child, 0)[1] == 0
serve(range(150, {ROWS}))
"""
    http = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "BAROGRAPH_CONFIG": config, **ADAPTERS}
    with listening_http() as (found, port):
        done = run(SHOP + program, port, zero_code=True, **http)
        assert (0, "") == (done.returncode, done.stderr)
        assert {50.0} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))
        assert 0 < len(found.spans)
        done = run(SHOP + "serve([0])\n" + DRAIN, port, zero_code=True, **http)  # a repeat
    assert (0, "") == (done.returncode, done.stderr)
    assert {50.0, ROWS - 50.0} == set(found.values(metrics.ML_WINDOW_OBSERVATIONS))


@pytest.mark.parametrize("program", [SHOP, MONITOR], ids=["adapters", "monitor"])
def test_no_thread_loads_what_a_fork_would_leave_half_loaded(tmp_path: Path, program: str) -> None:
    environ = {"BAROGRAPH_CONFIG": configured(tmp_path), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    if program == SHOP:
        environ |= ADAPTERS
    program = LOADING + program + "serve(range(200))\n" + DRAIN + "print(*Late.names)\n"
    with listening_http() as (found, port):
        done = run(program, port, zero_code=True, **environ)
    assert (0, "", "") == (done.returncode, done.stdout.strip(), done.stderr)
    assert set() != set(found.values(metrics.ML_PERFORMANCE_ACCURACY))


def test_an_image_without_the_processor_serves_on_and_says_what_to_install(tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text("", encoding="utf-8")
    for name in ("pyarrow", "scipy"):  # as good as not installed
        missing = f"raise ModuleNotFoundError('{name}', name='{name}')\n"
        (without / f"{name}.py").write_text(missing, encoding="utf-8")
    with listening() as (found, port):
        done = run(
            SHOP + "serve(range(20))\nprint('served')\n", port, zero_code=True,
            BAROGRAPH_CONFIG=configured(tmp_path), PYTHONPATH=str(without), **ADAPTERS,
        )  # fmt: skip
    assert (0, "served\n") == (done.returncode, done.stdout), done.stderr
    assert "pip install 'barograph[processor]'" in done.stderr
    assert 20 == len(found.spans)
