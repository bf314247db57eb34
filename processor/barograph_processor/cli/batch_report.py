"""What `barograph batch` tells people: what it reads, how far it is, each window, what became of the rows."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from barograph_processor.cli.startup import ID_LENGTH
from barograph_processor.config.resolve import settings_for
from barograph_processor.exporters.window_text import (
    drift_told,
    moment,
    performance_told,
    rows_of,
    status_text,
)
from barograph_processor.wire import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from barograph_processor.config.model import Config
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.files.refused import Refused
    from barograph_processor.patterns.batch import Progress
    from barograph_processor.patterns.batch_opening import Opened
    from barograph_processor.patterns.batch_tables import Tables

_SHOWN = 5
_HEAD = ("from (UTC)", "window", "status", "rows", "")
_WHY = {
    reasons.BAD_TIME: "the cell of the time is none",
    reasons.ID_TOO_LONG: "the id is longer than 256 characters",
    reasons.NAME_TOO_LONG: "a class or segment is longer than 256 characters",
    reasons.NOT_FINITE: "a number is infinite, or text stands where a number is wanted",
    reasons.SCORE_RANGE: "the score lies outside 0 to 1, or is no number",
    reasons.NO_ID: "a label has no id",
}


def describe(opened: Opened, config: Config, repeats: Sequence[tuple[Path, Path]]) -> Iterator[str]:
    """What is read, and what was guessed."""
    yield f"barograph {version('barograph')}"
    if opened.telemetry:
        yield f"  telemetry    {_files(opened.telemetry)}"
    if opened.tables is not None:
        yield from _tables(opened.tables, learn_rows=config.engine.learn_rows)
    for left_out, kept in repeats[:_SHOWN]:
        same = "named again" if left_out == kept else f"the same as {kept}"
        yield f"  left out     {left_out}, {same}"
    if len(repeats) > _SHOWN:
        yield f"  left out     {len(repeats) - _SHOWN:,} more files that are the same as others"
    model = None if opened.tables is None else opened.tables.owner.model
    yield f"  windows      {', '.join(window.name for window in settings_for(config, model).windows)}"


def _tables(tables: Tables, *, learn_rows: int) -> Iterator[str]:
    yield f"  model        {tables.owner.model}:{tables.owner.version}"
    if tables.predictions:
        roles = tables.predictions[0].roles
        yield f"  predictions  {_files([table.file.path for table in tables.predictions])}"
        scores = ", ".join(column if name is None else f"{name}={column}" for name, column in roles.scores)
        named = {
            "id": roles.identity, "time": roles.time, "score": scores or None,
            "prediction": roles.prediction, "label": roles.label, "label time": roles.label_time,
            "segments": ", ".join(roles.segments) or None,
        }  # fmt: skip
        yield f"               {_columns(named, dict(roles.guessed))}"
        yield from _features(tables)
    if tables.labels:
        labels = tables.labels[0].roles
        yield f"  labels       {_files([table.file.path for table in tables.labels])}"
        told = {"label id": labels.identity, "label": labels.label, "label time": labels.time}
        yield f"               {_columns(told, dict(labels.guessed))}"
        if labels.time is None:
            yield "               without a time they count at the last horizon alone (--label-time)"
    baseline = tables.baseline
    if baseline is not None:
        yield f"  baseline     {baseline.id[:ID_LENGTH]}, {baseline.header.rows:,} rows"
    elif tables.predictions:
        yield f"  baseline     learned from the first {learn_rows:,} rows (barograph baseline fit makes one)"


def _features(tables: Tables) -> Iterator[str]:
    """The features of all files, and which of them are not everywhere."""
    files = len(tables.predictions)
    found = Counter(name for table in tables.predictions for name in table.roles.features)
    absent = dict.fromkeys(name for table in tables.predictions for name in table.roles.absent)
    nowhere = [name for name in absent if name not in found]
    somewhere = [f"{name} (in {held:,} of {files:,} files)" for name, held in found.items() if held < files]
    yield f"  features     {_listed(list(found)) if found else 'none'}"
    if nowhere:
        yield f"               not in the files, and so missing: {_listed(nowhere)}"
    if somewhere:
        yield f"               not in every file, and missing there: {_listed(somewhere)}"


def table_head() -> str:
    """The head of the table."""
    return _row(_HEAD)


def table_row(window: ClosedWindow, *, colour: bool = False) -> str:
    """A window as a row of the table."""
    more = [*drift_told(window.readings), *performance_told(window.readings)]
    start = f"{moment(window.start_ns):%Y-%m-%d %H:%M}"
    status = status_text(window.status, colour=False)
    rows = rows_of(window.readings)
    row = _row((start, window.window, status, "" if rows is None else f"{rows:,.0f}", "  ".join(more)))
    return row.replace(status, status_text(window.status, colour=colour), 1)


def summary_lines(opened: Opened, windows: int) -> Iterator[str]:
    """What became of rows, labels and windows."""
    summary = opened.batch.summary
    joins = summary.joins
    yield f"windows      {windows:,} closed"
    told = _if_any(summary.rows, "rows")
    told += [f"{summary.predictions:,} predictions counted"]
    told += _if_any(summary.points, "points of histograms")
    told += _if_any(joins.repeats, "repeats of an id")
    told += _if_any(joins.conflicts, "that differ from the first of their id")
    yield f"predictions  {', '.join(told)}"
    yield from _refused(summary.refused)
    if joins.labels or summary.labels_read:
        told = _if_any(summary.labels_read, "read")
        told += [f"{joins.joined:,} joined"]
        told += _if_any(joins.labels - joins.joined, "without a prediction")
        told += _if_any(joins.label_repeats, "repeats")
        told += _if_any(joins.label_conflicts, "that differ from the first of their id")
        yield f"labels       {', '.join(told)}"
    yield from _refused(summary.labels_refused)
    for why, count in summary.damaged.counts.most_common():
        yield f"telemetry    {count:,} messages left out, {why}: first {summary.damaged.first[why]}"
    for (lane, reason), count in sorted(summary.dropped.items()):
        yield f"dropped      {lane}: {count:,} {reason}"
    for baseline in opened.batch.learned:
        yield f"learned      baseline {baseline.id[:ID_LENGTH]} from {baseline.header.rows:,} rows"


def nothing_counted(opened: Opened) -> str | None:
    """Why no prediction was counted; None where one was."""
    summary = opened.batch.summary
    if summary.predictions or summary.points:
        return None
    tables = [] if opened.tables is None else opened.tables.predictions
    paths = [table.file.path for table in tables] or list(opened.telemetry)
    why = f"{_files(paths)} {'holds' if len(paths) == 1 else 'hold'} no {'row' if tables else 'prediction'}"
    if summary.refused.counts:
        ((reason, _),) = summary.refused.counts.most_common(1)
        why = (
            f"all {summary.rows:,} rows of {_files(paths)} were refused; the first reason: {_WHY[reason]}, "
            f"{summary.refused.first[reason]}"
        )
    return f"no prediction could be counted: {why}"


def missed_labels(opened: Opened) -> str | None:
    """Why no label found its prediction; None where one did, or none was given."""
    joins = opened.batch.summary.joins
    tables = opened.tables
    labels = [] if tables is None else tables.labels
    if joins.joined or not (labels or joins.labels):
        return None
    if not joins.labels:
        return (
            f"no row of {_files([table.file.path for table in labels])} holds a label that can be used; "
            f"--label names the column of the truth, now {labels[0].roles.label!r}"
        )
    prediction, label = opened.batch.first_ids
    predictions = [] if tables is None else tables.predictions
    of = f" (column {predictions[0].roles.identity})" if predictions else ""
    like = f" (column {labels[0].roles.identity})" if labels else ""
    advice = "; --id and --label-id name other columns" if labels else ""
    return (
        f"none of {joins.labels:,} labels found its prediction: ids of predictions look like "
        f"{prediction!r}{of}, ids of labels like {label!r}{like}{advice}"
    )


@contextmanager
def progress(*, shown: bool) -> Iterator[Callable[[Progress], None]]:
    """A line on the terminal; nothing where there is none."""
    if not shown:
        yield lambda told: None  # noqa: ARG005  # nobody looks
        return
    from rich.console import Console  # noqa: PLC0415  # slow to import, needed only here

    with Console(stderr=True).status("reading") as status:

        def tell(told: Progress) -> None:
            files = f"file {told.files + 1} of {told.of_files}" if told.of_files > 1 else ""
            rows = f"{told.rows:,} rows" if told.rows else ""
            status.update("  ".join(part for part in (told.doing, files, rows) if part))

        yield tell


def _row(cells: Sequence[str]) -> str:
    start, window, status, rows, more = cells
    return f"{start:<16}  {window:>6}  {status:<17}  {rows:>12}  {more}".rstrip()


def _files(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths):,} files, {paths[0]} … {paths[-1]}"


def _columns(named: dict[str, str | None], guessed: dict[str, str]) -> str:
    told = [
        f"{role} {column}" + (" (guessed)" if role in guessed else "")
        for role, column in named.items()
        if column is not None
    ]
    return ", ".join(told)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{len(names):,}: {', '.join(names[:_SHOWN])}{more}"


def _if_any(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []


def _refused(refused: Refused) -> Iterator[str]:
    for reason, count in refused.counts.most_common():
        yield f"             {count:,} refused, {_WHY[reason]}: first {refused.first[reason]}"
