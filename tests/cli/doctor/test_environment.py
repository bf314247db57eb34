"""What the doctor says of what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph_processor.cli.doctor.environment import (
    DISABLED,
    Installed,
    Instrumentor,
    environment_findings,
    installed,
)

if TYPE_CHECKING:
    from barograph_processor.cli.doctor.findings import Finding

PACKAGES = {
    "barograph": "0.1.0",
    "opentelemetry-api": "1.45.2",
    "opentelemetry-exporter-otlp": "1.45.2",
    "scikit-learn": "1.9.1",
}
SKLEARN = Instrumentor("barograph_sklearn", ("scikit-learn",))
WELL = Installed(PACKAGES, [SKLEARN], configurator=True, distro="distro", sdk_problem="")


def found(what: Installed = WELL, **environ: str) -> dict[str, Finding]:
    return {each.check: each for each in environment_findings(what, environ)}


def test_what_is_installed_and_recorded_is_ok() -> None:
    told = found()
    assert {"ok"} == {each.status for each in told.values()}
    assert "scikit-learn 1.9.1 is recorded" in told["barograph_sklearn"].said
    assert "barograph 0.1.0; opentelemetry-api 1.45.2" in told["packages"].said


@pytest.mark.parametrize("names", ["barograph_sklearn", "flask, barograph_sklearn", "*"])
def test_an_instrumentor_that_is_switched_off_is_a_warning(names: str) -> None:
    told = found(WELL, **{DISABLED: names})["barograph_sklearn"]
    assert ("warning", True) == (told.status, DISABLED in told.advice)


def test_an_instrumentor_of_another_name_switched_off_changes_nothing() -> None:
    assert "ok" == found(WELL, **{DISABLED: "flask"})["barograph_sklearn"].status


def test_a_library_that_nothing_records_points_to_the_monitor() -> None:
    told = found(WELL._replace(packages={**PACKAGES, "xgboost": "3.1", "torch": "2.9"}))
    assert ("warning", "warning") == (told["xgboost"].status, told["torch"].status)
    assert "but through its scikit-learn estimators" in told["xgboost"].said
    assert "scikit-learn" not in told["torch"].said
    assert "Monitor" in told["torch"].advice


def test_a_library_that_an_instrumentor_covers_is_told_once() -> None:
    boosting = Instrumentor("barograph_xgboost", ("xgboost",))
    packages = {**PACKAGES, "xgboost": "3.1"}
    told = found(WELL._replace(packages=packages, instrumentors=[SKLEARN, boosting]))
    assert "xgboost" not in told
    assert "ok" == told["barograph_xgboost"].status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"missing": "scikit-learn"}, "skipped"),
        ({"unfit": "scikit-learn 1.0 is installed, wanted scikit-learn >= 1.2"}, "warning"),
        ({"broken": "ImportError: no module wrapt"}, "failed"),
    ],
)
def test_why_an_instrumentor_records_nothing_is_said(state: dict[str, str], status: str) -> None:
    told = found(WELL._replace(instrumentors=[SKLEARN._replace(**state)]))["barograph_sklearn"]
    assert status == told.status
    assert next(iter(state.values())) in told.said


def test_an_environment_without_anything_to_record_says_where_to_run() -> None:
    packages = {name: version for name, version in PACKAGES.items() if name != "scikit-learn"}
    nothing = WELL._replace(packages=packages, instrumentors=[SKLEARN._replace(missing="scikit-learn")])
    assert "environment of the service" in found(nothing)["recorded libraries"].advice


def test_what_sending_needs_is_missing_with_the_line_that_brings_it() -> None:
    told = found(WELL._replace(packages={"barograph": "0.1.0"}, configurator=False, sdk_problem="no sdk"))
    assert "failed" == told["OpenTelemetry SDK"].status
    assert "barograph[otlp]" in told["OpenTelemetry SDK"].advice
    assert ("warning", True) == (
        told["opentelemetry-instrument"].status,
        "opentelemetry-distro" in told["opentelemetry-instrument"].advice,
    )
    sdk = WELL._replace(packages={"barograph": "0.1.0"})
    assert "warning" == found(sdk)["OTLP exporter"].status


def test_this_environment_has_what_the_tests_need() -> None:
    real = installed()
    (sklearn,) = (each for each in real.instrumentors if each.name == "barograph_sklearn")
    assert Instrumentor("barograph_sklearn", ("scikit-learn",)) == sklearn
    assert (True, "") == (real.configurator, real.sdk_problem)
    assert {"barograph", "scikit-learn", "opentelemetry-sdk"} <= real.packages.keys()
