"""`barograph batch` as users meet it: what it prints, where, how it ends, and what it says of mistakes."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph_processor.cli.batch_running import EXIT_FOUND
from barograph_processor.cli.root import cli
from exporters.servers import Taken, grpc_server
from files.tables import write_table

if TYPE_CHECKING:
    from click.testing import Result

ROWS = 1_500
START = datetime(2026, 3, 1)  # noqa: DTZ001  # times in files have no zone


def barograph(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(cli, arguments, prog_name="barograph")
    assert status == done.exit_code, done.output
    return done


def table(seed: int, power: float = 1.0) -> dict[str, list[Any]]:
    random = np.random.default_rng(seed)
    score = random.random(ROWS) ** power
    return {
        "application": [f"{seed}-{at}" for at in range(ROWS)],
        "decided_at": [START + timedelta(seconds=2 * 86_400 * at / ROWS) for at in range(ROWS)],
        "risk": score.tolist(),
        "age": random.normal(40, 10, ROWS).tolist(),
        "defaulted": (random.random(ROWS) < score).tolist(),
    }


@pytest.fixture(name="files")
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a baseline, predictions of two days, and their labels; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    write_table(Path("reference.parquet"), table(1))
    barograph(
        "baseline", "fit", "reference.parquet", "-o", "credit.baseline", "--model", "credit",
        "--version", "3", "--id", "application", "--time", "decided_at", "--score", "risk",
        "--label", "defaulted", "--positive", "true",
    )  # fmt: skip
    rows = table(2)
    known_at = [one + timedelta(days=3) for one in rows["decided_at"]]
    write_table(
        Path("labels.csv"),
        {"application": rows["application"], "defaulted": rows.pop("defaulted"), "known_at": known_at},
    )
    Path("rows").mkdir()
    for part in range(2):
        half = slice(part * ROWS // 2, (part + 1) * ROWS // 2)
        write_table(Path(f"rows/{part}.parquet"), {name: column[half] for name, column in rows.items()})
    return tmp_path


USUAL = ("--labels", "labels.csv", "--baseline", "credit.baseline", "--id", "application", "--score", "risk")


@pytest.mark.usefixtures("files")
def test_a_table_for_people_and_around_it_what_was_read(capfd: pytest.CaptureFixture[str]) -> None:
    done = barograph("batch", "--predictions", "rows", *USUAL, "--window", "1d")
    printed = done.stdout.splitlines()
    assert ["from (UTC)        window  status                     rows"] == printed[:1]
    assert ["2026-03-01 00:00", "2026-03-02 00:00"] == [line[:16] for line in printed[1:]]
    assert all(" 750  " in line and "accuracy 0." in line and "labels 100%" in line for line in printed[1:])
    said = done.stderr
    assert "  model        credit:3\n  predictions  2 files, rows/0.parquet … rows/1.parquet\n" in said
    assert "  id application, time decided_at (guessed), score risk\n" in said
    assert "  features     1: age\n" in said
    assert "  label id application, label defaulted (guessed), label time known_at (guessed)\n" in said
    assert "windows      2 closed\n" in said
    assert "predictions  1,500 rows, 1,500 predictions counted\n" in said
    assert "labels       1,500 read, 1,500 joined\n" in said
    assert "dropped" not in said
    del capfd


@pytest.mark.usefixtures("files")
def test_json_is_one_object_a_window_and_nothing_else() -> None:
    done = barograph("batch", "--predictions", "rows/*.parquet", *USUAL, "--window", "1d", "--json")
    windows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [("credit", "3", "1d", 0, "2026-03-01T00:00:00+00:00")] == [
        (one["model"], one["version"], one["window"], one["revision"], one["start"]) for one in windows[:1]
    ]
    assert {"ml.window.closed"} == {one["event"] for one in windows}
    again = barograph("batch", "--predictions", "rows/*.parquet", *USUAL, "--window", "1d", "--json")
    assert done.stdout == again.stdout


@pytest.mark.usefixtures("files")
def test_patterns_may_be_expanded_by_the_shell() -> None:
    wanted = barograph("batch", "--predictions", "rows/*.parquet", *USUAL, "--json").stdout
    expanded = ("batch", "--predictions", "rows/1.parquet", "rows/0.parquet", *USUAL, "--json")
    assert wanted == barograph(*expanded).stdout
    joined = ("batch", "--predictions=rows/1.parquet", "--predictions", "rows/0.parquet", *USUAL, "--json")
    assert wanted == barograph(*joined).stdout


def test_the_configuration_may_say_all_of_it(files: Path) -> None:
    wanted = barograph("batch", "--predictions", "rows", *USUAL, "--window", "1d", "--json").stdout
    (files / "barograph.yaml").write_text(
        """
models:
  credit:
    baseline: credit.baseline
    windows: [1d]
    columns: {id: application, time: decided_at, score: risk, label: defaulted, label_time: known_at}
"""
    )
    by_file = ("batch", "--predictions", "rows", "--labels", "labels.csv", "-c", "barograph.yaml", "--json")
    assert wanted == barograph(*by_file).stdout
    (files / "barograph.yaml").write_text("models: {credit: {baseline: credit.baseline, columns: {idd: a}}}")
    assert "did you mean id?" in barograph(*by_file, status=2).stderr


def test_a_scheduler_is_told_of_a_window_with_a_warning(files: Path) -> None:
    shifted = table(3, power=4.0)
    write_table(files / "shifted.parquet", shifted)
    drifted = ("batch", "--predictions", "shifted.parquet", *USUAL[2:], "--window", "1d")
    assert " warning " in barograph(*drifted).stdout
    assert " warning " in barograph(*drifted, "--fail-on", "warning", status=EXIT_FOUND).stdout
    fine = ("batch", "--predictions", "rows", *USUAL, "--window", "1d")
    assert " warning " not in barograph(*fine, "--fail-on", "warning").stdout


def test_labels_that_find_nothing_are_a_failure_that_shows_the_ids(files: Path) -> None:
    write_table(files / "labels.csv", {"application": [f"x{at}" for at in range(9)], "defaulted": [True] * 9})
    done = barograph("batch", "--predictions", "rows", *USUAL, "--window", "1d", status=1)
    assert 3 == len(done.stdout.splitlines()), "drift is told all the same"
    assert (
        "Error: none of 9 labels found its prediction: ids of predictions look like '2-0' (column "
        "application), ids of labels like 'x0' (column application); --id and --label-id name other columns\n"
    ) in done.stderr


def test_labels_that_are_empty_are_a_failure(files: Path) -> None:
    write_table(files / "labels.csv", {"application": ["2-0", "2-1"], "defaulted": ["", ""]})
    done = barograph("batch", "--predictions", "rows", *USUAL, status=1)
    assert "no row of labels.csv holds a label that can be used" in done.stderr


@pytest.mark.usefixtures("files")
def test_no_prediction_at_all_is_a_failure() -> None:
    """A job that read nothing, or could use nothing, looks like a quiet day otherwise."""
    write_table(Path("none.csv"), {name: column[:0] for name, column in table(2).items()})
    done = barograph("batch", "--predictions", "none.csv", *USUAL, status=1)
    assert "Error: no prediction could be counted: none.csv holds no row\n" in done.stderr
    percent = table(2)
    percent["risk"] = [100 * one for one in percent["risk"]]
    write_table(Path("percent.csv"), {name: column[1:9] for name, column in percent.items()})
    done = barograph("batch", "--predictions", "percent.csv", *USUAL, status=1)
    assert (
        "Error: no prediction could be counted: all 8 rows of percent.csv were refused; the first reason: "
        "the score lies outside 0 to 1, or is no number, percent.csv, row 1\n"
    ) in done.stderr
    assert 1 == done.stderr.count("Error")


@pytest.mark.usefixtures("files")
def test_otlp_on_standard_output_stands_there_alone() -> None:
    usual = ("batch", "--predictions", "rows", *USUAL, "--window", "1d")
    done = barograph(*usual, "--output", "-")
    assert {"resourceLogs", "resourceMetrics"} == {
        next(iter(json.loads(line))) for line in done.stdout.splitlines()
    }
    assert barograph(*usual).stdout in done.stderr, "the table is told beside it"
    both = barograph(*usual, "--output", "-", "--json", status=2)
    assert "--output - and --json both want standard output" in both.stderr


@pytest.mark.usefixtures("files")
def test_features_that_some_files_lack_are_told() -> None:
    """Whichever file comes first."""
    rows = table(3)
    write_table(Path("rows/9.csv"), {name: column for name, column in rows.items() if name != "age"})
    lacking = "               not in every file, and missing there: 1: age (in 2 of 3 files)\n"
    said = barograph("batch", "--predictions", "rows", *USUAL).stderr
    assert f"  features     1: age\n{lacking}" in said
    Path("rows/9.csv").rename("rows/00.csv")
    said = barograph("batch", "--predictions", "rows", *USUAL).stderr
    assert f"  features     1: age\n{lacking}" in said
    said = barograph("batch", "--predictions", "rows/00.csv", *USUAL[2:]).stderr
    assert "  features     none\n               not in the files, and so missing: 1: age\n" in said


def test_what_was_left_out_is_told(files: Path) -> None:
    (files / "rows/copy.parquet").write_bytes((files / "rows/0.parquet").read_bytes())
    rows = table(2)
    rows["risk"][:3] = [2.0, float("nan"), -1.0]
    write_table(files / "rows/2.csv", {name: column[:10] for name, column in rows.items()})
    said = barograph("batch", "--predictions", "rows", *USUAL, "--window", "1d").stderr
    assert "  left out     rows/copy.parquet, the same as rows/0.parquet\n" in said
    assert (
        "predictions  1,510 rows, 1,500 predictions counted, 7 repeats of an id, 1 that differ from the "
        "first of their id\n"
        "             2 refused, the score lies outside 0 to 1, or is no number: first rows/2.csv, row 1\n"
    ) in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--predictions'"),
        (("--predictions", "none.csv"), "--predictions: there is no file none.csv in"),
        (("--predictions", "rows", "--labels", "l*.parquet"), "--labels: no file matches l*.parquet"),
        (
            ("--predictions", "rows"),
            "--model: say whose predictions they are; no baseline",
        ),
        (("--predictions", "rows", "--model", "credit", "--id", "applikation"), "did you mean application?"),
        (
            ("--predictions", "rows", "--baseline", "credit.baseline", "--model", "kredit"),
            "--model: there is neither a baseline nor a configuration of 'kredit'; did you mean credit?",
        ),
        (
            ("--predictions", "rows", *USUAL, "--time", "application"),
            "--time: rows/0.parquet: no value of the column of times is a time, found",
        ),
        (
            ("--predictions", "rows", *USUAL, "--task", "regression"),
            "--task: found regression, but the baseline was fitted for binary",
        ),
        (("--predictions", "rows", *USUAL, "--window", "soon"), "a window such as 5m, 1h, 1d or month"),
        (
            ("--predictions", "other.csv", *USUAL),
            "other.csv has one column, 'application;risk'; columns are separated by commas, in .tsv by tabs",
        ),
        (("--predictions", "pipe.csv", *USUAL), "--predictions: pipe.csv is no file; files are read twice"),
        (
            ("--predictions", "truths.csv", *USUAL[:4], "--id", "application"),
            "no column is named like a prediction; every column is something else",
        ),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_cannot_be_understood_is_told_with_what_to_do(arguments: tuple[str, ...], message: str) -> None:
    Path("other.csv").write_text("application;risk\na;.5\n")
    Path("truths.csv").write_text("application,decided_at,age\na,2026-03-01,3\n")
    os.mkfifo("pipe.csv")
    assert message in barograph("batch", *arguments, status=2).stderr


def test_a_damaged_file_is_named_with_the_row(files: Path) -> None:
    path = write_table(files / "rows/9.csv", table(4))
    path.write_text(path.read_text().replace("\n4-700,", "\n4-700,,", 1))
    done = barograph("batch", "--predictions", "rows", *USUAL, status=2)
    assert "Error: rows/9.csv can't be read" in done.stderr
    assert "Row #702: Expected 5 columns, got 6" in done.stderr


@pytest.mark.usefixtures("files")
def test_results_may_be_written_as_otlp_and_are_the_same_each_time() -> None:
    arguments = ("batch", "--predictions", "rows", *USUAL, "--window", "1d", "--output", "readings.jsonl")
    barograph(*arguments)
    first = Path("readings.jsonl").read_text()
    assert ["resourceLogs", "resourceMetrics"] == [
        next(iter(json.loads(line))) for line in first.splitlines()
    ][:2]
    barograph(*arguments)

    def results(text: str) -> list[str]:
        """Without the processor's own telemetry, which tells when it ran."""
        return [line for line in text.splitlines() if "ml.window" in line]

    assert results(first) == results(Path("readings.jsonl").read_text())


@pytest.mark.usefixtures("files")
def test_results_may_be_sent_by_otlp() -> None:
    taken = Taken()
    arguments = ("batch", "--predictions", "rows", *USUAL, "--window", "1d")
    with grpc_server(taken) as endpoint:
        barograph(*arguments, "--otlp", endpoint)
        now, taken.requests = taken.requests, []
        barograph(*arguments, "--otlp", endpoint, "--timestamps", "window")
    for requests, wanted in ((now, 1), (taken.requests, 2)):
        logs = [ExportLogsServiceRequest.FromString(data) for path, data, _ in requests if "Logs" in path]
        records = [one for each in logs for one in each.resource_logs[0].scope_logs[0].log_records]
        assert ["ml.window.closed"] * 2 == [record.event_name for record in records]
        times = {
            point.time_unix_nano
            for path, data, _ in requests
            if "Metrics" in path
            for each in ExportMetricsServiceRequest.FromString(data).resource_metrics[0].scope_metrics
            for metric in each.metrics
            for point in metric.gauge.data_points
            if metric.name == "ml.window.observations"
        }
        assert wanted == len(times)
    day = 86_400 * 10**9
    first = 1_772_409_600 * 10**9  # 2026-03-02
    assert {first, first + day} == times


def test_results_that_cannot_be_sent_are_a_failure(files: Path) -> None:
    (files / "barograph.yaml").write_text("{export: {retry_for: 1s}}")
    usual = ("batch", "-c", "barograph.yaml", "--predictions", "rows", *USUAL, "--window", "1d")
    done = barograph(*usual, "--otlp", "127.0.0.1:1", status=1)
    assert 3 == len(done.stdout.splitlines())
    assert "Error: not all results could be sent by exporter/otlp (" in done.stderr
    done = barograph(*usual, "--timestamps", "window", status=2)
    assert "--timestamps says when what --otlp sends was; name the endpoint with --otlp" in done.stderr
