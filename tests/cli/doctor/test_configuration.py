"""What the doctor says of variables and configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest

from barograph.baseline import Feature, Header, encode_baseline
from barograph_processor.cli.doctor.configuration_file import file_findings, referred_variables
from barograph_processor.cli.doctor.contradictions import contradictions
from barograph_processor.cli.doctor.findings import Finding, masked
from barograph_processor.cli.doctor.variables import (
    OURS,
    known_to_opentelemetry,
    secrets,
    shown,
    variable_findings,
)


@pytest.fixture
def baseline(tmp_path: Path) -> str:
    path = tmp_path / "credit-3.baseline"
    header = Header(model="credit", version="3", rows=10)
    path.write_bytes(encode_baseline(header, []))
    return str(path)


def variables(*referred: str, **environ: str) -> dict[str, Finding]:
    known = known_to_opentelemetry()
    return {each.check: each for each in variable_findings(environ, opentelemetry=known, referred=referred)}


def conflicts(**environ: str) -> dict[str, Finding]:
    return {each.check: each for each in contradictions(environ)}


def test_variables_in_effect_are_shown() -> None:
    told = variables(BAROGRAPH_MODEL="credit:3", OTEL_SERVICE_NAME="shop", PATH="/bin")
    assert {"ok"} == {each.status for each in told.values()}
    assert "credit:3" == told["BAROGRAPH_MODEL"].said
    assert "OTEL_SERVICE_NAME=shop" == told["OTEL_*"].said


def test_an_empty_environment_says_that_defaults_hold() -> None:
    assert {"BAROGRAPH_*", "OTEL_*"} == set(variables())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BAROGRAPH_PANE", "7m", "a divisor of a day"),
        ("BAROGRAPH_THRESHOLD", "2", "between 0 and 1"),
        ("BAROGRAPH_COLUMNS", "ident=x", "wanted one of"),
        ("BAROGRAPH_ROWS", "many", "many"),
        ("BAROGRAPH_REDACT", "ssn=burn", "ssn"),
        ("BAROGRAPH_SINK", "embeded", "embedded"),
        ("BAROGRAPH_OTLP_ENDPOINT", "processor:4317", "http://"),
        ("BAROGRAPH_BASELINE", "/nowhere/credit.baseline", "No such file"),
    ],
)
def test_a_wrong_value_fails_and_says_what_is_wanted(name: str, value: str, said: str) -> None:
    told = variables(**{name: value})[name]
    assert "failed" == told.status
    assert said in told.said
    assert told.advice


def test_a_misspelt_variable_names_the_nearest_one() -> None:
    told = variables(BAROGRAPH_MODLE="credit", OTEL_EXPORTER_OTLP_ENDPIONT="http://collector:4317")
    assert ("warning", "set BAROGRAPH_MODEL instead") == (
        told["BAROGRAPH_MODLE"].status,
        told["BAROGRAPH_MODLE"].advice,
    )
    assert "set OTEL_EXPORTER_OTLP_ENDPOINT instead" == told["OTEL_EXPORTER_OTLP_ENDPIONT"].advice


def test_variables_of_others_are_nobodys_mistake() -> None:
    assert {"BAROGRAPH_*", "OTEL_*"} == set(variables(OTEL_PYTHON_FLASK_EXCLUDED_URLS="health"))


def test_what_a_configuration_file_refers_to_is_known(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text("receivers: {otlp: {auth: {bearer: '${env:BAROGRAPH_TOKEN}'}}}\n")
    referred = referred_variables(file)
    assert {"BAROGRAPH_TOKEN"} == set(referred)
    assert "BAROGRAPH_TOKEN" not in variables(*referred, BAROGRAPH_TOKEN="abcdef")
    assert "warning" == variables(BAROGRAPH_TOKEN="abcdef")["BAROGRAPH_TOKEN"].status


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "authorization=Bearer%20abcdef", "authorization=***"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "not a header", "not a header=***"),
        ("BAROGRAPH_HASH_KEY", "abcdef", "***"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:abcdef@collector:4317", "https://collector:4317"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/etc/key.pem", "/etc/key.pem"),
        ("OTEL_SOME_API_TOKEN", "abcdef", "***"),
    ],
)
def test_secrets_are_masked(name: str, value: str, expected: str) -> None:
    assert f"{name}={expected}" == shown(name, value)


def test_a_secret_that_somebody_repeats_is_masked_too() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abcdef",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:word-of-mine@collector:4317",
        "BAROGRAPH_HASH_KEY": "ghijkl",
    }
    said = "abcdef is no token; nor is ghijkl; http://me:word-of-mine@collector:4317"
    (clear,) = masked([Finding("endpoint", "logs", "failed", said, "not abcdef")], secrets(environ))
    assert not {"abcdef", "ghijkl", "word-of-mine"} & set(
        clear.said.replace(":", " ").replace("@", " ").split()
    )
    assert "not ***" == clear.advice


def test_a_misspelt_headers_variable_shows_nothing_of_its_value() -> None:
    told = variables(OTEL_EXPORTER_OTLP_HEADRS="authorization=abcdef")
    assert "abcdef" not in str(told)


@pytest.mark.parametrize(
    ("environ", "check", "status"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED", "warning"),
        ({"OTEL_EXPERIMENTAL_CONFIG_FILE": "otel.yaml"}, "OTEL_EXPERIMENTAL_CONFIG_FILE", "warning"),
        ({"OTEL_METRICS_EXPORTER": "none"}, "OTEL_METRICS_EXPORTER", "warning"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "OTEL_METRICS_EXPORTER", "failed"),
        ({"OTEL_LOGS_EXPORTER": "console"}, "OTEL_LOGS_EXPORTER", "warning"),
        (
            {"BAROGRAPH_OTLP_ENDPOINT": "http://p:4317", "BAROGRAPH_SINK": "embedded"},
            "BAROGRAPH_OTLP_ENDPOINT",
            "warning",
        ),
        ({}, "ids", "warning"),
        ({"BAROGRAPH_COLUMNS": "id=application_id"}, "ids", "ok"),
        ({"BAROGRAPH_COLUMNS": "id=application_id", "BAROGRAPH_OUTCOMES": "off"}, "ids", "warning"),
    ],
)
def test_what_keeps_telemetry_from_leaving_is_told(environ: dict[str, str], check: str, status: str) -> None:
    told = conflicts(**environ)[check]
    assert status == told.status
    assert (status == "ok") == (not told.advice)


def test_an_exporter_that_is_not_installed_fails_and_names_the_nearest() -> None:
    told = conflicts(OTEL_METRICS_EXPORTER="console,otpl")["OTEL_METRICS_EXPORTER"]
    assert "failed" == told.status
    assert "no exporter 'otpl' is installed" in told.said
    assert told.said.endswith("; did you mean otlp?")


def test_a_sink_that_is_none_is_not_said_to_be_replaced_by_the_default() -> None:
    assert (
        "what is sent to a name that is none is dropped"
        in variables(BAROGRAPH_SINK="embeded")["BAROGRAPH_SINK"].advice
    )


def test_exporters_beside_otlp_are_no_contradiction() -> None:
    assert {"ids"} == set(
        conflicts(OTEL_LOGS_EXPORTER="console,otlp", OTEL_METRICS_EXPORTER="otlp_proto_http")
    )


def test_the_baseline_and_the_name_of_the_model_must_agree(baseline: str) -> None:
    assert "BAROGRAPH_MODEL" not in conflicts(BAROGRAPH_BASELINE=baseline, BAROGRAPH_MODEL="credit:3")
    for given in ({}, {"BAROGRAPH_MODEL": "credit"}, {"BAROGRAPH_MODEL": "loan:3"}):
        told = conflicts(BAROGRAPH_BASELINE=baseline, **given)["BAROGRAPH_MODEL"]
        assert "warning" == told.status
        assert "BAROGRAPH_MODEL=credit:3" in told.advice


def test_an_id_among_the_features_of_the_baseline_is_told(tmp_path: Path) -> None:
    path = tmp_path / "credit-3.baseline"
    features = (Feature(name="application_id", kind="category"), Feature(name="age", kind="number"))
    path.write_bytes(encode_baseline(Header(model="credit", version="3", rows=10, features=features), []))
    given = {"BAROGRAPH_BASELINE": str(path), "BAROGRAPH_MODEL": "credit:3"}
    told = conflicts(**given, BAROGRAPH_COLUMNS="id=application_id")["BAROGRAPH_BASELINE"]
    assert ("warning", "fit the baseline again with --id application_id") == (told.status, told.advice)
    assert "BAROGRAPH_BASELINE" not in conflicts(**given, BAROGRAPH_COLUMNS="id=other")


def test_a_configuration_file_is_checked_as_by_check(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text("modles: {}\nengine: {pane: 7q}\n")
    assert [
        ("failed", "$.modles: unknown key; did you mean models?"),
        ("failed", "$.engine.pane: found '7q', wanted a duration such as 30s, 5m, 1h or 1d"),
    ] == [(each.status, each.said) for each in file_findings(file)]
    file.write_text("models: {credit: {windows: [1h]}}\n")
    assert ["ok"] == [each.status for each in file_findings(file)]
    assert [] == list(file_findings(None))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert ["failed"] == [each.status for each in file_findings(tmp_path / "nowhere.yaml")]


def test_every_variable_of_the_page_is_known() -> None:
    page = (Path(__file__).parents[3] / "docs" / "instrumentation.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `BAROGRAPH_")}
    assert set(OURS) == rows
