"""From the options of `barograph batch` to its output and exit code."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from barograph.errors import ConfigError, Permanent
from barograph_processor.cli.batch_report import (
    describe,
    missed_labels,
    nothing_counted,
    progress,
    summary_lines,
    table_head,
    table_row,
)
from barograph_processor.cli.fitting import scores_of
from barograph_processor.cli.options import Given, configuration, given_by
from barograph_processor.components.registry import Registry
from barograph_processor.config.model import Columns
from barograph_processor.config.resolve import read_baselines
from barograph_processor.exporters.console import json_line
from barograph_processor.exporters.otlp_file import STANDARD_OUTPUT
from barograph_processor.files.finding import find_files
from barograph_processor.files.roles import Asked
from barograph_processor.patterns.batch_exports import open_exports
from barograph_processor.patterns.batch_opening import Request, open_batch
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.baseline import Task
    from barograph_processor.config.model import Config
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.exporters.otlp_target import Timestamps

EXIT_FOUND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What was asked for; the names are those of the options."""

    predictions: Sequence[str]
    labels: Sequence[str]
    config: Path | None
    baselines: tuple[Path, ...]
    model: str | None
    version: str | None
    task: Task | None
    windows: tuple[str, ...]
    identity: str | None
    time_column: str | None
    scores: Sequence[str]
    prediction: str | None
    segments: Sequence[str]
    exclude: Sequence[str]
    label: str | None
    label_id: str | None
    label_time: str | None
    namespace: str
    environment: str
    otlp: str | None
    timestamps: Timestamps | None
    output: Path | None


def run(ask: Ask, *, as_json: bool, fail_on: str | None) -> int:
    """Read, count, tell; returns the exit code.

    Raises:
        ConfigError: Files, columns and options don't fit together.
        Permanent: A file is damaged, the disk failed, no prediction could be counted, or labels were given
            and none was joined.
    """
    about = {"config": ask.config, "otlp": ask.otlp, "windows": ask.windows, "baselines": ask.baselines}
    given = given_by({**dict.fromkeys(Given._fields), **about})
    registry = Registry.installed()
    config = configuration(given, registry, more=_wishes(ask, as_json=as_json))
    predictions = find_files(ask.predictions, "--predictions")
    labels = find_files(ask.labels, "--labels")
    request = Request(
        predictions=predictions.files,
        labels=labels.files,
        asked=_asked(ask, config),
        model=ask.model,
        version=ask.version,
        task=ask.task,
        namespace=ask.namespace,
        environment=ask.environment,
    )
    found: set[str] = set()
    windows = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="barograph-batch-")))
        baselines = read_baselines(config)
        opened = stack.enter_context(
            open_batch(request, config, baselines=baselines, folder=folder, registry=registry)
        )
        click.echo("\n".join(describe(opened, config, (*predictions.repeats, *labels.repeats))), err=True)
        exports = stack.enter_context(open_exports(config, registry, Telemetry(time.time_ns())))
        told = stack.enter_context(progress(shown=sys.stderr.isatty()))
        for closed in opened.batch.run(told):
            _tell(closed, as_json=as_json, is_first=not windows, beside=_is_standard_output(ask.output))
            exports.offer(closed)
            windows += len(closed)
            found |= {window.status for window in closed}
        exports.finish()
    click.echo("\n".join(summary_lines(opened, windows)), err=True)
    missed = nothing_counted(opened) or missed_labels(opened)
    if missed is not None:
        raise Permanent(missed)
    return EXIT_FOUND if fail_on in found else 0


def _wishes(ask: Ask, *, as_json: bool) -> dict[tuple[str, ...], object]:
    """Where results go, as the configuration would say it."""
    if ask.timestamps is not None and ask.otlp is None:
        raise ConfigError("--timestamps says when what --otlp sends was; name the endpoint with --otlp")
    if as_json and _is_standard_output(ask.output):
        raise ConfigError("--output - and --json both want standard output; leave out one, or name a file")
    wishes: dict[tuple[str, ...], object] = {
        ("exporters", "otlp", "timestamps"): ask.timestamps,
        ("exporters", "file", "path"): None if ask.output is None else str(ask.output),
    }
    return {path: value for path, value in wishes.items() if value is not None}


def _is_standard_output(path: Path | None) -> bool:
    return path is not None and str(path) == STANDARD_OUTPUT


def _tell(closed: Sequence[ClosedWindow], *, as_json: bool, is_first: bool, beside: bool) -> None:
    """Print windows, on standard error where standard output is for OTLP."""
    if is_first and closed and not as_json:
        click.echo(table_head(), err=beside)
    colour = (sys.stderr if beside else sys.stdout).isatty()
    for window in closed:
        click.echo(json_line(window) if as_json else table_row(window, colour=colour), err=beside)


def _asked(ask: Ask, config: Config) -> Asked:
    """The options, and what the configuration says where they say nothing."""
    named = ask.model or (next(iter(config.models)) if len(config.models) == 1 else None)
    model = None if named is None else config.models.get(named)
    columns = Columns() if model is None else model.columns
    return Asked(
        identity=ask.identity or columns.id,
        time=ask.time_column or columns.time,
        prediction=ask.prediction or columns.prediction,
        scores=tuple(scores_of(ask.scores)) if ask.scores else _configured_scores(columns),
        label=ask.label or columns.label,
        label_identity=ask.label_id or columns.label_id,
        label_time=ask.label_time or columns.label_time,
        segments=tuple(ask.segments),
        exclude=(*ask.exclude, *columns.exclude),
    )


def _configured_scores(columns: Columns) -> tuple[tuple[str | None, str], ...]:
    if columns.score is None:
        return ()
    return ((None, columns.score),) if isinstance(columns.score, str) else tuple(columns.score.items())
