"""`barograph doctor` as users meet it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import sys

import pytest
from click.testing import CliRunner

import children
from barograph_processor.cli.doctor.findings import Finding, lines, overall, summary
from barograph_processor.cli.root import cli

OK = Finding("environment", "Python", "ok", "3.11")
SKIPPED = Finding("environment", "torch", "skipped", "not here")
WARNING = Finding(
    "configuration", "ids", "warning", "no column holds " + "the id of a prediction, " * 5, "do " * 40
)
FAILED = Finding("endpoint", "logs", "failed", "nothing listens", "start it")
# What barograph[otlp] doesn't bring; an entry of None makes an import fail.
PROCESSOR_ONLY = (
    "grpc_health", "h11", "prometheus_client", "ptars", "pyarrow", "rich", "rocksdict", "scipy", "yaml",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROGRAPH_COLUMNS", "id=application_id")
    for name in ("BAROGRAPH_REAL", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.delenv(name, raising=False)


def doctor(*arguments: str, status: int = 0, color: bool = False) -> str:
    done = CliRunner().invoke(cli, ["doctor", *arguments], color=color)
    assert status == done.exit_code, done.output
    return done.output


def test_the_worst_of_the_checks_is_the_verdict() -> None:
    assert "ok" == overall([OK, SKIPPED])
    assert "warning" == overall([OK, WARNING])
    assert "failed" == overall([WARNING, FAILED, OK])
    assert "1 failed, 1 warning, 1 ok" == summary([OK, WARNING, FAILED])


def test_lines_keep_to_the_width_and_advice_follows_what_it_is_for() -> None:
    told = [line for _, line in lines([OK, WARNING, FAILED], 60)]
    assert max(map(len, told)) <= 60
    assert ["environment", "configuration", "endpoint"] == [line for line in told if line[0] != " "]
    assert [f"  failed   {FAILED.check}: {FAILED.said}", "           -> start it"] == told[-2:]


def test_every_check_is_told_by_its_group() -> None:
    said = doctor("--offline")
    assert said.startswith("barograph 0.")
    assert "environment\n  ok       Python: 3." in said
    assert "BAROGRAPH_COLUMNS: id=application_id" in said


def test_programs_get_json() -> None:
    told = json.loads(doctor("--offline", "--json"))
    assert {"version", "status", "checks"} == told.keys()
    assert all({"group", "check", "status", "said", "advice"} == each.keys() for each in told["checks"])
    assert all(bool(each["advice"]) for each in told["checks"] if each["status"] in {"failed", "warning"})


def test_a_failed_check_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROGRAPH_PANE", "7m")
    assert "failed   BAROGRAPH_PANE" in doctor("--offline", status=1)


def test_colours_are_for_terminals_and_those_who_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in doctor("--offline")
    assert "\x1b[32mok" in doctor("--offline", color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in doctor("--offline", color=True)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sesame-open")
    monkeypatch.setenv("BAROGRAPH_HASH_KEY", "sesame-close")
    for arguments in ((), ("--json",)):
        assert "sesame" not in doctor("--offline", *arguments)


def test_it_works_where_only_the_service_is_installed() -> None:
    """`barograph[otlp]` has no processor; everything but a processor's configuration can be looked at."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({PROCESSOR_ONLY!r}))\n"
        "sys.argv = ['barograph', *sys.argv[1:]]\n"
        "from barograph_processor.cli import main\n"
        "main()\n"
    )
    here = [sys.executable, "-c", code]
    done = children.run([*here, "doctor", "--offline", "--json", "--config", __file__])
    assert 0 == done.returncode, done.stderr
    told = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert "skipped" == told[__file__]["status"]
    assert "barograph[processor]" in told[__file__]["advice"]
    nowhere = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    done = children.run([*here, "doctor", "--send", "--processor", "127.0.0.1:1", "--json"], environ=nowhere)
    groups = {each["group"] for each in json.loads(done.stdout)["checks"] if each["status"] == "failed"}
    assert {"endpoint", "processor", "round trip"} == groups
    done = children.run([*here, "check"])
    assert (1, "barograph[processor]", False) == (
        done.returncode,
        done.stderr.rpartition(" ")[2].strip("'\n"),
        "Traceback" in done.stderr,
    )


def test_sending_without_the_network_makes_no_sense() -> None:
    assert "--send needs the network" in doctor("--offline", "--send", status=2)
