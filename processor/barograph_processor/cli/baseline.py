"""`barograph baseline`: what a model's inputs and outputs looked like when it was right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from barograph.errors import ConfigError, StateError
from barograph_processor.cli.options import LocalPath

FIT_EPILOG = """\b
Examples:
  barograph baseline fit march.parquet -o credit-3.baseline --model credit --version 3 \\
      --prediction predicted --score probability --label defaulted --positive true --time decided_at
  barograph baseline fit 2026-0*.parquet -o eta.baseline --model eta --task regression \\
      --prediction eta_minutes --label took_minutes --exclude driver_id
  barograph baseline fit rows.csv -o wine.baseline --model wine --task multiclass \\
      --score red=p_red --score white=p_white --label colour

\b
DATA is one or more files of the same columns: CSV (also .gz, .tsv), Parquet, Arrow. Use rows that the model
did not learn from and that you know to be right: a validation set, or a good month of production. Every
column that no option names is a feature.
"""


@click.group()
def baseline() -> None:
    """Make and look at baselines, which windows are compared with."""


@baseline.command(epilog=FIT_EPILOG)
@click.argument(
    "data",
    nargs=-1,
    required=True,
    type=LocalPath(exists=True, dir_okay=False, path_type=Path),
    metavar="DATA...",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=LocalPath(dir_okay=False, path_type=Path),
    help="The baseline file.",
)
@click.option("--model", required=True, help="Model name, as the serving code names it (ml.model.name).")
@click.option("--version", default="0", show_default=True, help="Model version (ml.model.version).")
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What is predicted; by default what the columns look like.",
)
@click.option("--label", metavar="COL", help="Column of the truth; empty where it isn't known.")
@click.option(
    "--score",
    "scores",
    metavar="[CLASS=]COL",
    multiple=True,
    help="Column of the positive class' probability; repeat with CLASS= for each class of several.",
)
@click.option("--prediction", metavar="COL", help="Column of the predicted class or number.")
@click.option("--id", "identity", metavar="COL", help="Column of the inference id; no feature.")
@click.option(
    "--time",
    "time_column",
    metavar="COL",
    help="Column of the event time, no feature; without one, rows are taken to be in order of time.",
)
@click.option("--exclude", metavar="COL", multiple=True, help="Column that is no feature. May be repeated.")
@click.option(
    "--categorical",
    metavar="COL",
    multiple=True,
    help="Feature counted by value, also if it is a number. Repeatable.",
)
@click.option(
    "--numeric",
    metavar="COL",
    multiple=True,
    help="Feature counted in buckets, also if it is text. Repeatable.",
)
@click.option(
    "--positive", metavar="CLASS", help="The positive class; by default what its name tells, else the second."
)
@click.option(
    "--threshold",
    type=float,
    help="Score from which on the positive class is predicted (default: the larger score).",
)
@click.option(
    "--sentinel",
    "sentinels",
    metavar="COL=VALUE",
    multiple=True,
    help="Number that stands for a missing value, such as age=-1. May be repeated.",
)
@click.option(
    "--window",
    "windows",
    metavar="LENGTH",
    multiple=True,
    help="Window length whose natural variation is learned, beside 1h, 1d and 7d. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Say what was made as JSON.")
def fit(**options: Any) -> None:  # noqa: ANN401  # as click gives them
    """Make a baseline file from rows of data."""
    from barograph_processor.cli.fitting import Request, fit_files  # noqa: PLC0415  # pyarrow is not for --help
    from barograph_processor.cli.showing import header_json, header_lines  # noqa: PLC0415

    as_json = options.pop("as_json")
    made, doubts = fit_files(Request(**options), show_progress=not as_json)
    for doubt in doubts:
        click.echo(f"warning: {doubt}", err=True)
    if as_json:
        click.echo(header_json(made))
        return
    click.echo("\n".join(header_lines(made)))
    click.echo(f"written to {options['output']}; next: barograph run --baseline {options['output']}")


@baseline.command(epilog="\b\nExamples:\n  barograph baseline show credit-3.baseline\n")
@click.argument("file", type=LocalPath(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="The whole description as JSON.")
def show(file: Path, *, as_json: bool) -> None:
    """Show what a baseline file says."""
    from barograph.baseline import read_baseline  # noqa: PLC0415  # numpy is not for --help
    from barograph_processor.cli.showing import header_json, header_lines  # noqa: PLC0415

    try:
        found = read_baseline(file)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except StateError as error:
        raise StateError(f"{file}: {error}") from error
    click.echo(header_json(found) if as_json else "\n".join(header_lines(found)))
