"""From files and options to a baseline file."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Baseline
from barograph.errors import ConfigError
from barograph.times import NOT_A_TIME, times_ns
from barograph_processor.cli.doubting import doubts
from barograph_processor.config.values import Duration
from barograph_processor.engine.settings import SECOND_NS
from barograph_processor.files.tables import Columns, load, open_tables, require, times_among
from barograph_processor.signals.fit import OutputRows, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph.baseline import FeatureKind, Task
    from barograph_processor.files.tables import Table

LOADS_PER_COLUMN = 2  # `fit` asks once for its length and once for its values


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for; the names are those of the options."""

    data: Sequence[Path]
    output: Path
    model: str
    version: str
    task: Task | None
    label: str | None
    scores: Sequence[str]
    prediction: str | None
    identity: str | None
    time_column: str | None
    exclude: Sequence[str]
    categorical: Sequence[str]
    numeric: Sequence[str]
    positive: str | None
    threshold: float | None
    sentinels: Sequence[str]
    windows: Sequence[str]


def fit_files(request: Request, *, show_progress: bool) -> tuple[Baseline, Sequence[str]]:
    """Read the files, fit, and write the baseline.

    Returns:
        The baseline, and what looks like a mistake in it.

    Raises:
        ConfigError: Files, columns and options don't fit together, or the file can't be written.
    """
    tables = open_tables(request.data)
    names = list(tables[0].names)
    features = _features(request, names)
    lengths = _lengths(request.windows)
    sentinels = _sentinels(request.sentinels, features)
    kinds: dict[str, FeatureKind] = dict.fromkeys(request.numeric, "number")
    kinds |= dict.fromkeys(request.categorical, "category")
    with _progress(len(features) * LOADS_PER_COLUMN, shown=show_progress) as loaded:
        content = fit(
            Columns(tables, features, loaded),
            model=request.model,
            version=request.version,
            outputs=_outputs(request, tables, names),
            kinds=kinds,
            sentinels=sentinels,
            time_ns=_times(request, tables, names),
            window_lengths_s=lengths,
        )
    _write(request.output, content)
    made = Baseline(content)
    return made, list(doubts(made, times_among(tables, set(features) - kinds.keys())))


def _features(request: Request, names: Sequence[str]) -> list[str]:
    """Every column that no option names otherwise.

    Raises:
        ConfigError: An option names a column that isn't there, or no feature is left.
    """
    used: set[str] = set()
    singles = {"--label": request.label, "--prediction": request.prediction, "--id": request.identity}
    for option, name in (*singles.items(), ("--time", request.time_column)):
        if name is not None:
            require(names, [name], option)
            used.add(name)
    scores = [column for _, column in scores_of(request.scores)]
    require(names, scores, "--score")
    require(names, request.exclude, "--exclude")
    used |= {*scores, *request.exclude}
    features = [name for name in names if name not in used]
    require(features, request.categorical, "--categorical")
    require(features, request.numeric, "--numeric")
    both = sorted(set(request.categorical) & set(request.numeric))
    if both:
        raise ConfigError(f"--numeric and --categorical both name {', '.join(both)}; choose one")
    if not features:
        raise ConfigError("no column is left to be a feature; name fewer in --exclude")
    return features


def scores_of(written: Sequence[str]) -> list[tuple[str | None, str]]:
    """Class and column of each --score; the class is None for a single column."""
    if len(written) == 1 and "=" not in written[0]:
        return [(None, written[0])]
    found: list[tuple[str | None, str]] = []
    for each in written:
        name, separator, column = each.partition("=")
        if not separator:
            raise ConfigError(
                f"--score: found {each!r} among several, wanted CLASS=COL so that its class is known"
            )
        found.append((name, column))
    return found


def _outputs(request: Request, tables: Sequence[Table], names: Sequence[str]) -> list[OutputRows]:
    scores = scores_of(request.scores)
    if scores and request.task == "regression":
        raise ConfigError(
            "--score is a probability, which a regression has none of; name the predicted number's column "
            "with --prediction"
        )
    if request.prediction is None and not scores:
        if request.label is not None:
            raise ConfigError(
                "--label needs the predictions that it is the truth of: name their column with --prediction "
                f"or --score (the columns are {', '.join(names)})"
            )
        return []
    matrix: NDArray[np.float64] | None = None
    if scores:
        columns = [_probabilities(tables, column) for _, column in scores]
        matrix = columns[0] if scores[0][0] is None else np.column_stack(columns)
    return [
        OutputRows(
            task=request.task,
            predicted=None if request.prediction is None else load(tables, request.prediction),
            scores=matrix,
            labels=None if request.label is None else load(tables, request.label),
            classes=None if not scores or scores[0][0] is None else [name for name, _ in scores],
            positive=request.positive,
            threshold=request.threshold,
        )
    ]


def _probabilities(tables: Sequence[Table], name: str) -> NDArray[np.float64]:
    column = load(tables, name)
    try:
        found = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--score: the column {name!r} has values that are no numbers") from error
    outside = found[(found < 0) | (found > 1)]
    if outside.size:
        raise ConfigError(
            f"--score: {outside.size:,} of {found.size:,} values of {name!r} are no probabilities, such as "
            f"{outside[0]:g}; wanted 0 to 1"
        )
    return found


def _times(request: Request, tables: Sequence[Table], names: Sequence[str]) -> NDArray[np.int64] | None:
    if request.time_column is None:
        return None
    require(names, [request.time_column], "--time")
    found = times_ns(load(tables, request.time_column))
    bad = int(np.count_nonzero(found == NOT_A_TIME))
    if bad:
        raise ConfigError(
            f"--time: {bad:,} of {len(found):,} values of {request.time_column!r} are no time; wanted ISO "
            f"8601, or seconds, milliseconds, microseconds or nanoseconds since 1970"
        )
    return found


def _sentinels(written: Sequence[str], features: Sequence[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for each in written:
        name, separator, value = each.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            separator = ""
        if not separator:
            raise ConfigError(f"--sentinel: found {each!r}, wanted COL=NUMBER such as age=-1")
        require(features, [name], "--sentinel")
        found.setdefault(name, []).append(number)
    return found


def _lengths(written: Sequence[str]) -> list[int]:
    found = []
    for each in written:
        try:
            length = Duration(each).ns // SECOND_NS
        except ValueError as error:
            raise ConfigError(f"--window: found {each!r}, wanted {error}") from error
        if length <= 0:
            raise ConfigError(f"--window: found {each!r}, wanted at least a second")
        found.append(length)
    return found


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, path)  # noqa: PTH105  # atomic, also over an existing file
    except OSError as error:
        raise ConfigError(f"--output: {path} can't be written: {error.strerror}") from error


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[str], None] | None]:
    """A bar on the terminal; nothing where there is none."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  # slow to import, needed only here
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading columns", total=total)

        def loaded(name: str) -> None:
            progress.update(task, advance=1, description=f"reading {name}")

        yield loaded
