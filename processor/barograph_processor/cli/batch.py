"""`barograph batch`: readings of predictions and labels that lie in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from barograph_processor.cli.options import LocalPath

EPILOG = """\b
Examples:
  barograph batch --predictions '2026-10-*.parquet' --labels paid.csv --baseline credit-3.baseline
  barograph batch --predictions logs/ --labels paid.csv.gz --config barograph.yaml --window 1d --json
  barograph batch --predictions rows.csv --id application_id --time decided_at --score probability \\
      --labels truth.parquet --label-id application --label defaulted --label-time known_at

\b
FILES are paths, patterns and folders, one or more: CSV (also .gz, .zst, .tsv), Parquet, Arrow, Feather, and
OTLP as Collectors write it (.json lines, .proto). The same files in another order, or twice, give the same
readings: rows count once by their id, files once by their content. No clock is asked: windows are made of
the rows' own times, and all of them close.

\b
Columns that no option names are guessed by their names, and what was guessed is told. With a baseline its
features are read, without one every column that is nothing else; then a baseline is learned from the first
rows. Labels join whenever they came; without --label-time they count at the last horizon alone.

\b
Exit codes:
  0  done
  1  failed; the message says why and what to do. Also if no prediction could be counted, or if labels were
     given and none found its prediction
  2  the command line, the configuration, or a file can't be understood
  3  with --fail-on: a window has that status, or a worse one
"""

_FILES = ("--predictions", "--labels")


class ManyFiles(click.Command):
    """Takes any number of paths after `--predictions` and `--labels`, as shells expand patterns."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further path."""
        repeated: list[str] = []
        option = ""
        for each in args:
            name, separator, _ = each.partition("=")
            if each.startswith("-") and each != "-":
                option = name if name in _FILES else ""
                repeated.append(each)
                is_first = not separator
            elif option and not is_first:
                repeated += [option, each]
            else:
                repeated.append(each)
                is_first = False
        return super().parse_args(ctx, repeated)


@click.command(cls=ManyFiles, epilog=EPILOG)
@click.option(
    "--predictions",
    metavar="FILES",
    multiple=True,
    required=True,
    help="Predictions, with or without the model's inputs.",
)
@click.option(
    "--labels",
    metavar="FILES",
    multiple=True,
    help="Ground truth; without it, a column of the predictions may hold it (--label).",
)
@click.option(
    "--config",
    "-c",
    type=LocalPath(path_type=Path, dir_okay=False),
    envvar="BAROGRAPH_CONFIG",
    show_envvar=True,
    help="Configuration file (YAML): models, their baselines, windows, segments and columns.",
)
@click.option(
    "--baseline",
    "baselines",
    type=LocalPath(path_type=Path, dir_okay=False),
    multiple=True,
    help="Baseline file; names its model and version itself.",
)
@click.option("--model", help="Model name; by default the baseline's or the configuration's only one.")
@click.option("--version", help="Model version; by default the baseline's.")
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What is predicted; by default what the baseline says, else what the columns look like.",
)
@click.option(
    "--window",
    "windows",
    metavar="LENGTH",
    multiple=True,
    help="Window that readings are made for: 1h, 1d, month … (default 1h and 1d). May be repeated.",
)
@click.option("--id", "identity", metavar="COL", help="Column of the ids.")
@click.option("--time", "time_column", metavar="COL", help="Column of the event time.")
@click.option(
    "--score",
    "scores",
    metavar="[CLASS=]COL",
    multiple=True,
    help="Column of the positive class' probability; repeat with CLASS= for each class of several.",
)
@click.option("--prediction", metavar="COL", help="Column of the predicted class or number.")
@click.option(
    "--segment",
    "segments",
    metavar="COL",
    multiple=True,
    help="Column whose values performance is also told for. May be repeated.",
)
@click.option("--exclude", metavar="COL", multiple=True, help="Column that is nothing. May be repeated.")
@click.option("--label", metavar="COL", help="Column of the truth; empty where it isn't known.")
@click.option("--label-id", metavar="COL", help="Column of the ids in the labels, where named otherwise.")
@click.option("--label-time", metavar="COL", help="Column of the time at which the truth was observed.")
@click.option("--namespace", default="", help="service.namespace of the readings.")
@click.option("--environment", default="", help="deployment.environment.name of the readings.")
@click.option(
    "--otlp",
    metavar="ENDPOINT",
    help="Also send results by OTLP: host:port or URL; OTEL_EXPORTER_OTLP_PROTOCOL, _HEADERS … count.",
)
@click.option(
    "--timestamps",
    type=click.Choice(["now", "window"]),
    help="Metrics sent by OTLP: of the newest windows, now (default), or of each at its window's end.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=LocalPath(path_type=Path, dir_okay=False),
    help="Also write results as OTLP, a request in JSON on each line; - is standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each window instead of a table.")
@click.option(
    "--fail-on",
    type=click.Choice(["warning"]),
    help="Exit with 3 if a window has this status.",
)
def batch(as_json: bool, fail_on: str | None, **options: Any) -> None:  # noqa: ANN401, FBT001  # as click gives them
    """Give readings of predictions and ground truth in files: every window once, at every label horizon."""
    from barograph_processor.cli.batch_running import Ask, run  # noqa: PLC0415  # pyarrow is not for --help

    code = run(Ask(**options), as_json=as_json, fail_on=fail_on)
    if code:
        click.get_current_context().exit(code)
