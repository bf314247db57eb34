"""The batch of telemetry in files, with or without tables beside it.

Telemetry has several lanes, models and outputs, and may say one thing twice; so it goes the way that a
service's goes: the decoders, the pending store, everything. Only the order is chosen: histograms first, since
rows stand in where none came, then everything else, and no window closes before all of it was read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from barograph.errors import Permanent
from barograph.semconv import attributes, metrics
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.engine.ids import Ids
from barograph_processor.engine.probes import parted
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.files.joining import JoinCounts
from barograph_processor.files.otlp_files import Damaged, Message, messages_of
from barograph_processor.files.selection import predictions_at, truth_at
from barograph_processor.patterns.batch import END_OF_TIME_NS, Progress, Summary, untold
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.wire.decode import DEFAULT_TENANT
from barograph_processor.wire.decode_metrics import decode_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from barograph.baseline import Baseline
    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed, KnownTruth
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.batch_tables import Tables
    from barograph_processor.patterns.engines import Engines
    from barograph_processor.telemetry import Telemetry
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.identity import Owner
    from barograph_processor.wire.otlp_json import Lane as Signal

_STEPS: Final[tuple[tuple[str, tuple[Signal, ...]], ...]] = (
    ("reading histograms", ("metrics",)),
    ("reading events and spans", ("logs", "traces")),
)


class _Intake:
    """What the decoders feed."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.first_ids = ["", ""]

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Take batches; it is always the same time, and nothing is remembered."""
        del position
        batches, _ = parted(batches)
        for batch in batches:
            place = {Predictions: 0, Truths: 1}.get(type(batch))
            if place is not None and not self.first_ids[place]:
                ids = cast("Predictions | Truths", batch).ids
                self.first_ids[place] = next((one for one in ids if one is not None), "")
        return self._engines.feed(batches, END_OF_TIME_NS)

    @staticmethod
    def remembered(owner: str) -> None:
        """Nothing: every run begins at the beginning."""
        del owner


class OtlpBatch:
    """Telemetry of any number of models, and tables of one of them.

    Attributes:
        summary: What was done.
        learned: Baselines that were learned.
    """

    def __init__(
        self,
        engines: Engines,
        telemetry: Sequence[Path],
        tables: Tables | None,
        *,
        counted: Telemetry,
        context: DecodeContext,
    ) -> None:
        """Read nothing yet.

        Args:
            engines: With timeless settings.
            telemetry: Files of OTLP.
            tables: Tables beside them.
            counted: What the decoders count.
            context: How much a message may hold, and what reads spans and log records of others.
        """
        self._engines = engines
        self._telemetry = telemetry
        self._tables = tables
        self._intake = _Intake(engines)
        self._counted = counted
        self._context = context
        self._damaged: set[tuple[Path, int]] = set()
        self.summary = Summary()
        self.learned: list[Baseline] = []

    @property
    def first_ids(self) -> tuple[str, str]:
        """The first id of the predictions and of the labels, to be shown where none meet."""
        prediction, label = self._intake.first_ids
        return prediction, label

    def run(self, told: Callable[[Progress], None] = untold) -> Iterator[Sequence[ClosedWindow]]:
        """Read everything; as `Batch.run`, every window at the end."""
        limits, dialects = self._context.limits, self._context.dialects
        streams = CumulativeStreams(self._intake, self._began_ns(), max_streams=limits.max_cumulative_streams)
        decoders = OtlpIntake(self._intake, self._counted, streams, limits, dialects=dialects)
        found = 0
        for doing, signals in _STEPS:
            for done, path in enumerate(self._telemetry):
                for message in messages_of(path, *signals):
                    self._take(path, message, decoders)
                    told(Progress(doing, done, len(self._telemetry), 0))
                    found += not isinstance(message, Damaged)
        if self._telemetry and not found:
            first = next(iter(self.summary.damaged.first.items()), ("it is empty", str(self._telemetry[0])))
            raise Permanent(f"no OTLP was found: {first[1]}: {first[0]}")
        self._read_tables(told)
        yield self._engines.drain(END_OF_TIME_NS)
        self.learned += self._engines.new_baselines()
        self._sum_up()

    def _take(self, path: Path, message: Message | Damaged, decoders: OtlpIntake) -> None:
        why = message.why if isinstance(message, Damaged) else ""
        if isinstance(message, Message):
            try:
                decoders.export(message.lane, message.request)
            except Permanent as error:
                why = str(error)
        if why and (path, message.number) not in self._damaged:  # met twice where no lane can be told
            self._damaged.add((path, message.number))
            self.summary.damaged.note(why, f"{path}, message {message.number:,}")

    def _began_ns(self) -> int:
        """When the telemetry began, as far as cumulative streams tell.

        A stream that began before its files tells with its first point where counting starts, no count.
        """
        times = []
        for path in self._telemetry:
            first = next((one for one in messages_of(path, "metrics") if not isinstance(one, Damaged)), None)
            if first is not None:
                try:
                    cumulative = decode_metrics(first.request, self._context).cumulative
                except Permanent:
                    continue  # told when it is read
                times += [point.end_ns for point in cumulative]
        return min(times, default=0)

    def _read_tables(self, told: Callable[[Progress], None]) -> None:
        tables, summary = self._tables, self.summary
        if tables is None:
            return
        for done, labelled in enumerate(tables.labels):
            for ids, truth in labelled.parts(summary.labels_refused):
                self._intake.feed([_truths(tables.owner, ids.to_pylist(), truth)])
                summary.labels_read += len(ids)
                told(Progress("reading labels", done, len(tables.labels), summary.labels_read))
        for done, table in enumerate(tables.predictions):
            before = summary.rows
            for part in table.parts(summary.refused, features=True):
                self._intake.feed(_apart(tables.owner, replace(part.predictions, ids=part.ids.to_pylist())))
                summary.rows = before + part.end
                told(Progress("counting", done, len(tables.predictions), part.end))

    def _sum_up(self) -> None:
        stats = self._engines.stats(END_OF_TIME_NS)
        dropped = self._engines.counters()
        summary = self.summary
        summary.predictions = sum(one.predictions for one in stats)
        summary.points = sum(one.points for one in stats)
        summary.joins = JoinCounts(
            repeats=dropped.pop((Lane.OUTCOMES, Reason.DUPLICATE), 0),
            conflicts=dropped.pop((Lane.OUTCOMES, Reason.CONFLICT), 0),
            labels=sum(one.labels_accepted for one in stats),
            label_repeats=dropped.pop((Lane.FEEDBACK, Reason.DUPLICATE), 0),
            label_conflicts=dropped.pop((Lane.FEEDBACK, Reason.CONFLICT), 0),
            joined=sum(one.labels_joined for one in stats),
        )
        for sample in self._counted.snapshot():
            if sample.name == metrics.ML_TELEMETRY_DROPPED:
                labels = dict(sample.attributes)
                lane, reason = labels[attributes.ML_TELEMETRY_LANE], labels[attributes.ML_TELEMETRY_REASON]
                dropped[lane, reason] += int(sample.value)
        summary.dropped = dict(dropped)


def _apart(owner: Owner, batch: Predictions) -> list[Batch]:
    """Predictions, and the truths that stand beside them, for an engine that joins them itself."""
    truth = batch.truth
    if truth is None:
        return [batch]
    batch = replace(batch, truth=None)
    found: list[Batch] = [batch]
    named = Ids.of(batch.ids).known
    for rows, is_named in ((named & truth.known, True), (~named & truth.known, False)):
        chosen = np.flatnonzero(rows)
        if len(chosen):
            part = predictions_at(batch, chosen)
            truths = _truths(owner, part.ids, truth_at(truth, chosen))
            found.append(truths if is_named else replace(truths, pair=part))
    return found


def _truths(owner: Owner, ids: Sequence[str | None], truth: KnownTruth) -> Truths:
    return Truths(
        tenant=DEFAULT_TENANT,
        model=owner.model,
        version=None,
        output=owner.output,
        ids=ids,
        time_ns=truth.observed_ns,
        classes=truth.classes,
        value=truth.value,
    )
