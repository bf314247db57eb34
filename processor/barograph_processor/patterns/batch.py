"""The batch: tables of predictions and labels in, every window closed once, no clock.

Tables are read twice. The first time only ids and outcomes, to find repeats and truths; the second time
everything, the oldest file first, with the truth beside each row. So labels may come whenever they like and
windows are let go of as soon as no row can belong to them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Horizon
from barograph_processor.files.joining import JoinCounts, Joining
from barograph_processor.files.refused import Refused
from barograph_processor.files.selection import predictions_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph.baseline import Baseline
    from barograph_processor.engine.engine import Engine
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import Settings
    from barograph_processor.files.labels import LabelTable
    from barograph_processor.files.rows import PredictionPart, PredictionTable

END_OF_TIME_NS: Final = 2**63 - 1 - DAY_NS - HOUR_NS
"""The engine's clock: after everything that ever happened, so that nothing lies in the future."""
WHENEVER: Final = Horizon("all", 100 * 365 * DAY_NS)
"""Labels count however late they came."""
_TABLE_ROWS: Final = 2**40
_WAITING_ROWS: Final = 131_072
_COUNTED_PANES: Final = 256
_UNLIMITED: Final = 2**40


class Progress(NamedTuple):
    """How far a batch has come.

    Attributes:
        doing: What it is about.
        files: Files that are done.
        of_files: All files of this step.
        rows: Rows done in this step.
    """

    doing: str
    files: int
    of_files: int
    rows: int


@dataclass(slots=True)
class Summary:
    """What a batch did; complete when its last window was given.

    Attributes:
        rows: Rows of tables of predictions read, refused ones included.
        predictions: Predictions counted that are known one by one.
        points: Points of histograms counted.
        labels_read: Rows of tables of labels read that hold a truth.
        joins: What became of ids.
        refused: Rows of predictions that can't be used.
        labels_refused: Rows of labels that can't be used.
        damaged: Messages of files that are no OTLP.
        dropped: What the engine dropped or took otherwise than it came, by lane and reason.
    """

    rows: int = 0
    predictions: int = 0
    points: int = 0
    labels_read: int = 0
    joins: JoinCounts = field(default_factory=JoinCounts)
    refused: Refused = field(default_factory=Refused)
    labels_refused: Refused = field(default_factory=Refused)
    damaged: Refused = field(default_factory=Refused)
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)


def timeless(settings: Settings, *, dated_labels: bool = True) -> Settings:
    """Settings by which nothing is ever late, and windows wait for nothing but the end of input.

    Args:
        settings: Of a service.
        dated_labels: Whether it is known when labels were observed; else only the last horizon says anything.
    """
    return replace(
        settings,
        lateness_ns=0,
        future_skew_ns=HOUR_NS,
        horizons=(*settings.horizons[:-1], WHENEVER) if dated_labels else (WHENEVER,),
        max_windows=_UNLIMITED,
    )


def rows_alone(settings: Settings) -> Settings:
    """Settings for tables, in which no histograms come, with a baseline.

    Panes are as long as the windows allow: shorter ones tell histograms and rows of one source apart. Without
    a baseline they stay, since it is learned pane by pane, as by a service.
    """
    lengths = [window.length_ns or DAY_NS for window in settings.windows]
    return replace(
        settings,
        pane_ns=gcd(DAY_NS, *lengths),
        max_pane_rows=_WAITING_ROWS,
        max_counted_panes=_COUNTED_PANES,
    )


class _Times(NamedTuple):
    """The least event times of a table, by row: a second reading may be cut in other places than the first.

    Parquet's reader cuts texts at row groups, and numbers not, so the columns that are read decide.

    Attributes:
        ends: Number of the row after each part of the first reading.
        least_ns: The least event time from each part on, and of nothing.
    """

    ends: Sequence[int]
    least_ns: Sequence[int]

    def after(self, row: int) -> int:
        """No row from this one on is older; `END_OF_TIME_NS` where there is none."""
        return self.least_ns[bisect_right(self.ends, row)]


class Batch(Protocol):
    """What can be run once.

    Attributes:
        summary: What was done; complete when the last window was given.
        learned: Baselines that were learned.
    """

    summary: Summary
    learned: list[Baseline]

    @property
    def first_ids(self) -> tuple[str, str]:
        """The first id of the predictions and of the labels, to be shown where none meet."""

    def run(self, told: Callable[[Progress], None] = ...) -> Iterator[Sequence[ClosedWindow]]:
        """Read everything; gives windows as they close, each once.

        Args:
            told: Called with the progress, a few times a second.

        Raises:
            ConfigError: Files and columns don't fit together.
            Permanent: A file is damaged, or the disk failed.
        """


def untold(progress: Progress) -> None:
    """Nobody wants to know."""


class TableBatch:
    """Tables of one model version.

    Attributes:
        engine: What counts.
        summary: What was done.
        learned: Baselines that were learned.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        predictions: Sequence[PredictionTable],
        labels: Sequence[LabelTable],
        folder: Path,
    ) -> None:
        """Read nothing yet.

        Args:
            engine: With the settings that `batch_settings` gives.
            predictions: Tables of predictions, at least one.
            labels: Tables of labels.
            folder: For what does not fit into memory; empty, and the caller's to remove.
        """
        self.engine = engine
        self._predictions = predictions
        self._labels = labels
        self._joining = Joining(folder)
        self.summary = Summary(joins=self._joining.counts)
        self.learned: list[Baseline] = []

    @property
    def first_ids(self) -> tuple[str, str]:
        """The first id of the predictions and of the labels, to be shown where none meet."""
        return self._joining.first_prediction, self._joining.first_label

    def run(self, told: Callable[[Progress], None] = untold) -> Iterator[Sequence[ClosedWindow]]:
        """Read everything twice; as `Batch.run`, in order of time where the rows are."""
        self._read_labels(told)
        times = [self._read_outcomes(number, told) for number in range(len(self._predictions))]
        told(Progress("joining", 0, 1, 0))
        self._joining.resolve()
        yield from self._count(times, told)
        yield self.engine.drain(END_OF_TIME_NS)
        self.learned += self.engine.new_baselines()
        self.summary.predictions = self.engine.stats(END_OF_TIME_NS).predictions
        self.summary.dropped = dict(self.engine.counters)

    def _read_labels(self, told: Callable[[Progress], None]) -> None:
        for done, table in enumerate(self._labels):
            for ids, truth in table.parts(self.summary.labels_refused):
                self._joining.add_labels(ids, truth)
                self.summary.labels_read += len(ids)
                told(Progress("reading labels", done, len(self._labels), self.summary.labels_read))

    def _read_outcomes(self, number: int, told: Callable[[Progress], None]) -> _Times:
        """The first time through a table."""
        ends, least_ns = [], []
        for part in self._predictions[number].parts(self.summary.refused, features=False):
            self._joining.add_predictions(_numbers(number, part, part.rows), part.ids, part.predictions)
            if len(part.rows) < part.end - part.first:
                self._joining.leave_out(_numbers(number, part, part.left_out))
            times = part.predictions.time_ns
            ends.append(part.end)
            least_ns.append(int(times.min()) if len(times) else END_OF_TIME_NS)
            told(Progress("reading ids", number, len(self._predictions), part.end))
        self.summary.rows += ends[-1] if ends else 0
        return _Times(ends, list(accumulate(reversed(least_ns), min, initial=END_OF_TIME_NS))[::-1])

    def _count(
        self, times: Sequence[_Times], told: Callable[[Progress], None]
    ) -> Iterator[Sequence[ClosedWindow]]:
        """The second time through, the table with the oldest row first."""
        order = sorted(range(len(times)), key=lambda number: times[number].after(0))
        rows = 0
        for done, number in enumerate(order):
            later_ns = times[order[done + 1]].after(0) if done + 1 < len(order) else END_OF_TIME_NS
            for part in self._predictions[number].parts(Refused(), features=True, ids=False):
                self._feed(_numbers(number, part, part.rows), part)
                rows += len(part.rows)
                told(Progress("counting", done, len(order), rows))
                least_ns = min(times[number].after(part.end), later_ns)
                if least_ns < END_OF_TIME_NS:
                    closed = self.engine.settle(least_ns)
                    if closed:
                        yield closed

    def _feed(self, numbers: NDArray[np.int64], part: PredictionPart) -> None:
        if not len(numbers):
            return
        fresh, truth = self._joining.about(numbers)
        batch = part.predictions
        if batch.truth is None:
            batch = replace(batch, truth=truth)
        self.engine.feed([predictions_at(batch, np.flatnonzero(fresh))], END_OF_TIME_NS)


def _numbers(table: int, part: PredictionPart, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of rows of a part over all tables."""
    return rows + (part.first + table * _TABLE_ROWS)
