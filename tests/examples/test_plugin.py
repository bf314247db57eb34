"""The example of a package with signals, built, installed and seen on the wire."""

from __future__ import annotations

import importlib
import json
import shutil
import site
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

import children
from barograph_processor.testing import check_signal
from cli.processes import prediction, send, service, truth
from exporters.servers import Taken, grpc_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "plugin"
SIGNALS = ("Answers", "Mistakes")
START_NS = 1_700_006_400 * 10**9  # a midnight
HOUR_NS = 3_600 * 10**9
WAIT_S = 300


@pytest.mark.parametrize("name", SIGNALS)
def test_its_signals_obey_the_laws(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    check_signal(getattr(importlib.import_module("acme_model_signals"), name)())


def run(*command: object, folder: Path = CHECKOUT) -> str:
    done = children.run([str(part) for part in command], folder=folder, timeout_s=WAIT_S)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def install(environment: Path, wheels: list[Path]) -> None:
    """Into an environment of its own, without asking any index; by uv where there is one."""
    if shutil.which("uv"):
        run("uv", "venv", "--quiet", "--offline", "--python", sys.executable, environment)
        python = environment / "bin" / "python"
        run("uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, *wheels)
    else:
        run(sys.executable, "-m", "venv", environment)
        run(
            environment / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            *wheels,
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh environment with the wheels of barograph and of the example, and nothing of this checkout.

    What barograph depends on is read from the environment of the tests, behind the new one's own packages.
    """
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    for place in (CHECKOUT, source):
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", folder=place)
    environment = folder / "environment"
    install(environment, sorted((folder / "dist").glob("*.whl")))
    paths = {"base": str(environment), "platbase": str(environment)}
    packages = Path(
        sysconfig.get_path("purelib", "venv" if sys.version_info >= (3, 11) else "posix_prefix", paths)
    )
    (packages / "of-the-tests.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    yield environment
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_metrics_are_on_the_wire_and_on_a_scrape(environment: Path) -> None:
    python = environment / "bin" / "python"
    where = run(
        python, "-c", "import barograph_processor; print(barograph_processor.__file__)", folder=environment
    )
    assert str(environment) in where

    rows: list[dict[str, Any]] = [
        {
            "id": f"a-{number}",
            "time_ns": START_NS + number * HOUR_NS // 10,
            "score": 0.9 if number % 4 else 0.1,
            "predicted": "yes" if number % 4 else "no",
            "truth": "no" if number % 2 else "yes",
        }
        for number in range(200)
    ]
    taken = Taken()
    command = (str(environment / "bin" / "barograph"),)
    with grpc_server(taken) as endpoint:
        with service(
            "--window", "1d", "--pane", "1h", "--otlp", f"http://{endpoint}", command=command
        ) as running:
            send(running.otlp, [prediction(row) for row in rows])
            send(running.otlp, [truth(row, HOUR_NS) for row in rows])
            running.drain()
            scraped = running.scrape()
            running.stop()
        assert 0 == running.process.returncode, running.said
    sent = {
        metric.name: metric
        for path, data, _ in taken.requests
        if "MetricsService" in path
        for carrier in ExportMetricsServiceRequest.FromString(data).resource_metrics
        for scope in carrier.scope_metrics
        for metric in scope.metrics
    }
    answers, mistakes = sent["acme.answers.effective"], sent["acme.mistakes.top.ratio"]
    assert ("{class}", "{ratio}") == (answers.unit, mistakes.unit)
    assert answers.description.startswith("Number of equally frequent classes")
    assert 4 / 3**0.75 == pytest.approx(answers.gauge.data_points[0].as_double)
    said = {each.key: each.value.string_value for each in mistakes.gauge.data_points[0].attributes}
    assert ("no as yes", "credit", "1d") == (
        said["acme.confusion"],
        said["ml.model.name"],
        said["ml.window.name"],
    )
    assert 'acme_answers_effective{ml_model_name="credit"' in scraped
    assert 'acme_mistakes_top_ratio{acme_confusion="no as yes"' in scraped
    assert "# HELP acme_mistakes_top_ratio Share of the most frequent confusion" in scraped
    (window,) = [each for each in running.windows if each.get("revision") == 0]
    assert "acme.answers.effective" in {reading["name"] for reading in window["readings"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_is_listed_with_its_package_and_passes_its_own_tests(environment: Path) -> None:
    rows = json.loads(run(environment / "bin" / "barograph", "components", "--json", folder=environment))
    assert [
        ("acme.answers", "acme-model-signals", "0.1.0"),
        ("acme.mistakes", "acme-model-signals", "0.1.0"),
    ] == [(row["name"], row["distribution"], row["version"]) for row in rows if row["kind"] == "signal"]
    tests = environment.parent / "source"
    run(environment / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, folder=tests)
