"""The commands as users meet them: what they print, where, and how they end."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml
from click.testing import CliRunner

import children
from barograph.baseline import read_baseline
from barograph_processor.cli.root import cli
from certificates import Authority

from .processes import barograph as process
from .processes import service

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

ROWS = 400


def barograph(*arguments: str, status: int = 0) -> Result:
    """Run a command in this process and check its exit code."""
    done = CliRunner().invoke(cli, arguments, prog_name="barograph")
    assert status == done.exit_code, done.output
    return done


@pytest.fixture
def table() -> pa.Table:
    chance = np.random.default_rng(7)
    score = chance.random(ROWS)
    return pa.table(
        {
            "id": [f"a-{index}" for index in range(ROWS)],
            "at": pa.array(np.arange(ROWS) * 3_600 * 10**9, pa.timestamp("ns")),
            "age": pa.array([None if index % 9 == 0 else index % 70 for index in range(ROWS)], pa.int64()),
            "town": pa.array([["Bern", "Graz", ""][index % 3] for index in range(ROWS)]).dictionary_encode(),
            "postcode": chance.integers(1_000, 1_004, ROWS),
            "score": score,
            "said": np.where(score >= 0.5, "yes", "no"),
            "truth": pa.array(
                [None if index % 5 == 0 else "yes" if score[index] > 0.4 else "no" for index in range(ROWS)]
            ),
        }
    )  # fmt: skip


def write_csv(table: pa.Table, folder: Path) -> list[Path]:
    path = folder / "rows.csv"
    pyarrow.csv.write_csv(table.set_column(3, "town", table["town"].cast(pa.string())), path)
    return [path]


def write_parquet(table: pa.Table, folder: Path) -> list[Path]:
    pyarrow.parquet.write_table(table.slice(0, 150), folder / "1.parquet")
    pyarrow.parquet.write_table(table.slice(150), folder / "2.parquet")
    return [folder / "1.parquet", folder / "2.parquet"]


def write_arrow_file(table: pa.Table, folder: Path) -> list[Path]:
    with pa.ipc.new_file(folder / "rows.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=64)
    return [folder / "rows.arrow"]


def write_arrow_stream(table: pa.Table, folder: Path) -> list[Path]:
    with pa.ipc.new_stream(folder / "rows.arrows", table.schema) as writer:
        writer.write_table(table, max_chunksize=64)
    return [folder / "rows.arrows"]


def fit(files: list[Path], output: Path, *options: str) -> dict[str, object]:
    done = barograph(
        "baseline", "fit", *map(str, files), "-o", str(output), "--model", "credit", "--version", "3",
        "--json", *options
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


FIT_OPTIONS = (
    "--id", "id", "--time", "at", "--score", "score", "--prediction", "said", "--label", "truth",
    "--positive", "yes",
    "--threshold", "0.5", "--categorical", "postcode", "--sentinel", "age=-1", "--window", "2d",
)  # fmt: skip


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_arrow_file, write_arrow_stream])
def test_equal_rows_give_equal_baselines_whatever_the_files(
    write: Callable[[pa.Table, Path], list[Path]], table: pa.Table, tmp_path: Path
) -> None:
    expected = fit(write_arrow_file(table, tmp_path), tmp_path / "expected.baseline", *FIT_OPTIONS)
    made = fit(write(table, tmp_path), tmp_path / "made.baseline", *FIT_OPTIONS)
    assert expected == made


def test_a_fitted_baseline_says_what_the_rows_were(table: pa.Table, tmp_path: Path) -> None:
    fit(write_parquet(table, tmp_path), tmp_path / "credit.baseline", *FIT_OPTIONS)
    header = read_baseline(tmp_path / "credit.baseline").header
    assert (header.model, header.version, header.rows, header.start_unix_nano) == ("credit", "3", ROWS, 0)
    kinds = {feature.name: feature.kind for feature in header.features}
    assert {"age": "number", "town": "category", "postcode": "category"} == kinds
    (output,) = header.outputs
    assert (
        output.task,
        output.classes,
        output.positive,
        output.threshold,
    ) == ("binary", ("no", "yes"), "yes", 0.5)
    assert (-1.0,) == header.features[0].sentinels
    assert ("Bern", "Graz") == header.features[1].categories
    shown = barograph("baseline", "show", str(tmp_path / "credit.baseline")).stdout
    assert "town      category  2: Bern, Graz" in shown
    told = json.loads(barograph("baseline", "show", str(tmp_path / "credit.baseline"), "--json").stdout)
    varies = {each["name"]: each["overdispersion"] for each in told["features"]}
    values = ("feature.value", "feature.categories")
    assert {each.name: each.overdispersion for each in header.states if each.kind in values} == varies
    assert min(phi for lengths in varies.values() for phi in lengths.values()) >= 1


def test_what_varies_is_told_of_values_and_not_of_how_many_are_missing(tmp_path: Path) -> None:
    """Every other day half of the ages are missing; ages themselves are the same every day."""
    rows = 8_000
    random = np.random.default_rng(1)
    day = np.arange(rows) // 200
    ages = np.where((day % 2 == 0) & (random.random(rows) < 0.5), np.nan, random.random(rows))
    moments = pa.array(np.arange(rows) * (86_400_000 // 200), pa.timestamp("ms", "UTC"))
    file = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pa.table({"age": ages, "at": moments}), file)
    barograph(
        "baseline", "fit", str(file), "-o", str(tmp_path / "b.baseline"), "--model", "m", "--time", "at"
    )
    shown = barograph("baseline", "show", str(tmp_path / "b.baseline")).stdout
    assert re.search(r"age  number .* days vary 1\.\d times", shown), shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--label", "thruth"), "--label: there is no column 'thruth'; did you mean truth?"),
        (("--label", "truth"), "--label needs the predictions that it is the truth of"),
        (("--score", "town"), "--score: the column 'town' has values that are no numbers"),
        (
            ("--score", "postcode"),
            "--score: 400 of 400 values of 'postcode' are no probabilities, such as 100",
        ),
        (
            ("--task", "regression", "--score", "score"),
            "--score is a probability, which a regression has none",
        ),
        (
            ("--task", "regression", "--prediction", "score", "--label", "truth"),
            "a regression needs numbers, but labels are none",
        ),
        (
            ("--score", "score", "--label", "truth", "--positive", "true"),
            "the positive class 'true' is none of ['no', 'yes']",
        ),
        (
            ("--task", "binary", "--prediction", "postcode"),
            "a binary task has two classes, but 4 were seen: ['1000', '1001', '1002', '1003']",
        ),
        (("--time", "town"), "--time: 400 of 400 values of 'town' are no time"),
        (("--sentinel", "age"), "--sentinel: found 'age', wanted COL=NUMBER such as age=-1"),
        (("--window", "month"), "--window: found 'month', wanted a duration such as"),
        (("--numeric", "age", "--categorical", "age"), "--numeric and --categorical both name age"),
        (("--score", "yes=score", "--score", "score"), "wanted CLASS=COL so that its class is known"),
    ],
)
def test_options_that_can_not_be_meant_say_so(
    options: tuple[str, ...], said: str, table: pa.Table, tmp_path: Path
) -> None:
    files = map(str, write_parquet(table, tmp_path))
    done = barograph("baseline", "fit", *files, "-o", str(tmp_path / "x"), "--model", "m", *options, status=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_what_was_hardly_meant_is_made_and_doubted(table: pa.Table, tmp_path: Path) -> None:
    files = [str(file) for file in write_csv(table, tmp_path)]
    wanted = ("-o", str(tmp_path / "x"), "--model", "m", "--prediction", "said", "--exclude", "truth")
    done = barograph("baseline", "fit", *files, *wanted)
    assert "warning: id has 400 categories in 400 rows and is a feature; if it is the id" in done.stderr
    assert "warning: at holds times and is a feature" in done.stderr
    assert 2 == done.stderr.count("warning:")
    assert (tmp_path / "x").exists()
    named = barograph("baseline", "fit", *files, *wanted, "--id", "id", "--time", "at")
    assert "" == named.stderr
    (tmp_path / "few.csv").write_text("age\n41\n52\n")
    few = barograph("baseline", "fit", str(tmp_path / "few.csv"), *wanted[:4])
    assert "warning: only 2 rows: chance alone" in few.stderr


def test_files_that_are_none_are_named_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"\xff\xfe\x00,age\n1,2\n")
    done = barograph("baseline", "fit", str(file), "-o", str(tmp_path / "x"), "--model", "m", status=2)
    assert f"{file} can't be read: a column's name isn't text in UTF-8" in done.stderr
    shown = barograph("baseline", "show", str(file), status=1)
    assert f"{file}: not a baseline file" in shown.stderr


def test_files_that_differ_or_are_of_no_known_kind_are_refused(table: pa.Table, tmp_path: Path) -> None:
    first, _ = write_parquet(table, tmp_path)
    pyarrow.parquet.write_table(table.drop_columns(["age"]), tmp_path / "other.parquet")
    for second, said in [
        (tmp_path / "other.parquet", "differ in the columns age"),
        (Path(__file__), "ends in one of"),
    ]:
        done = barograph(
            "baseline", "fit", str(first), str(second), "-o", str(tmp_path / "x"), "--model", "m", status=2
        )
        assert said in done.stderr


def test_check_prints_a_configuration_that_reads_back_the_same(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text("models: {credit: {windows: [1h, month]}}\nstorage: {directory: state}\n")
    printed = barograph("check", "--config", str(file), "--pane", "5m").stdout
    (tmp_path / "again.yaml").write_text(printed)
    again = barograph("check", "--config", str(tmp_path / "again.yaml"), "--json").stdout
    assert yaml.safe_load(printed) == json.loads(again)
    assert str(tmp_path / "state") == json.loads(again)["storage"]["directory"]


def test_check_tells_every_problem_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text("modles: {}\nengine: {pane: 7q}\n")
    done = barograph("check", "-c", str(file), status=2)
    assert [
        f"Error: {file}: $.modles: unknown key; did you mean models?",
        f"{file}: $.engine.pane: found '7q', wanted a duration such as 30s, 5m, 1h or 1d",
    ] == done.stderr.splitlines()


def test_check_reads_the_certificates_of_receivers(tmp_path: Path) -> None:
    """By each protocol, relative to the file, as a start would."""
    file = tmp_path / "barograph.yaml"
    file.write_text(
        "receivers:\n  otlp: {grpc: &tls {tls: {cert_file: a.pem, key_file: a.key}}, http: *tls}\n"
        "  otlp/second: {grpc: {endpoint: '127.0.0.1:5317'}}\n"
    )
    pair = Authority(tmp_path).signed("a")
    barograph("check", "-c", str(file))
    pair.key.write_text("no key")
    done = barograph("check", "-c", str(file), status=2)
    said = f"{pair.certificate} and {pair.key} are no certificate and its key"
    assert f"Error: $.receivers.otlp: grpc.tls.cert_file: {said}" in done.stderr
    pair.key.unlink()
    done = barograph("check", "-c", str(file), status=2)
    assert f"$.receivers.otlp: grpc.tls.key_file: {pair.key}: No such file or directory" in done.stderr


def test_patterns_of_files_start_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text(
        "receivers:\n  files: {include: [logs/*.log, /var/*.log], exclude: [logs/old*], "
        "columns: {exclude: [x]}}\n"
    )
    files = json.loads(barograph("check", "-c", str(file), "--json").stdout)["receivers"]["files"]
    assert [f"{tmp_path}/logs/*.log", "/var/*.log"] == files["include"]
    assert [f"{tmp_path}/logs/old*"] == files["exclude"]
    assert ["x"] == files["columns"]["exclude"]


def test_a_port_that_can_not_be_is_told_before_anything_starts() -> None:
    done = barograph("check", "--prometheus", "127.0.0.1:65536", status=2)
    assert (
        "$.exporters.prometheus.endpoint: found '127.0.0.1:65536', wanted a port up to 65535" in done.stderr
    )


def test_a_home_folder_that_the_shell_left_is_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "barograph.yaml").write_text("windows: [1h]\n")
    printed = barograph("check", "--config=~/barograph.yaml", "--storage=~/state", "--json").stdout
    assert str(tmp_path / "state") == json.loads(printed)["storage"]["directory"]
    assert ["1h"] == json.loads(printed)["windows"]


class FullDisk(io.StringIO):
    """Standard output into a file that can't grow."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_under_standard_output_is_told_without_a_traceback() -> None:
    with (
        contextlib.redirect_stdout(FullDisk()),
        pytest.raises(click.ClickException, match="what is printed can't be written: the disk is full"),
    ):
        cli.main(["check"], standalone_mode=False)


def test_commands_are_listed_with_whole_sentences() -> None:
    listed = barograph("--help").stdout
    assert "..." not in listed.partition("Commands:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--storage", "s3://states/credit"),
        ("check", "--baseline", "s3://models/credit.baseline"),
        ("baseline", "fit", "s3://rows/march.parquet", "-o", "x", "--model", "m"),
        ("batch", "--predictions", "rows.csv", "--baseline", "s3://models/credit.baseline"),
    ],
)
def test_an_address_of_another_machine_is_no_path(arguments: tuple[str, ...]) -> None:
    done = barograph(*arguments, status=2)
    assert "'s3://" in done.stderr
    assert "is no path; copy it here, or mount its store as a folder" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("package", ["barograph", "barograph_processor", "barograph_processor.cli"])
def test_modules_that_are_run_are_the_command(package: str) -> None:
    done = children.run([sys.executable, "-m", package, "--version"], timeout_s=60)
    assert (0, "barograph 0.1.0\n") == (done.returncode, done.stdout)


def test_check_reads_the_baselines(table: pa.Table, tmp_path: Path) -> None:
    fit(write_parquet(table, tmp_path), tmp_path / "credit.baseline")
    file = tmp_path / "barograph.yaml"
    file.write_text("models: {loan: {baseline: credit.baseline}, credit: {baseline: [nowhere.baseline]}}\n")
    done = barograph("check", "-c", str(file), status=2)
    assert (
        "is a baseline of the model 'credit', wanted one of 'loan'; fit it with --model loan" in done.stderr
    )
    assert (
        "nowhere.baseline: No such file or directory; make one with `barograph baseline fit`" in done.stderr
    )
    assert "# baseline" in barograph("check", "--baseline", str(tmp_path / "credit.baseline")).stdout


def test_components_are_listed() -> None:
    assert "exporter  prometheus" in barograph("components").stdout
    found = json.loads(barograph("components", "--json").stdout)
    assert {"endpoint": "127.0.0.1:9464"} == next(
        each["defaults"] for each in found if each["name"] == "prometheus"
    )


def test_draining_where_nothing_runs_says_what_to_do() -> None:
    done = barograph("drain", "--endpoint", "127.0.0.1:1", status=1)
    assert "is `barograph run` running" in done.stderr


def test_a_port_in_use_is_told_without_a_traceback() -> None:
    with service() as running:
        done = process("run", "--listen", "127.0.0.1:0", "--prometheus", running.metrics, status=2)
        running.stop()
    assert "stop what listens there" in done.stderr
    assert "Traceback" not in done.stderr


def test_results_to_our_own_receiver_are_refused() -> None:
    done = barograph("run", "--listen", "127.0.0.1:4317", "--otlp", "localhost:4317", status=2)
    assert "our own listener" in done.stderr


def test_help_loads_no_engine() -> None:
    code = (
        "import sys; sys.argv = ['barograph', '--help']\n"
        "from barograph_processor.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'grpc', 'scipy', 'rich', 'yaml', 'msgspec', 'prometheus_client'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = children.run([sys.executable, "-c", code])
    assert "[]" == done.stderr.strip()


def test_the_version_is_that_of_the_package() -> None:
    assert barograph("--version").stdout.startswith("barograph 0.")
