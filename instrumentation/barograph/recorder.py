"""One model's background half: queue → batches → counts by pane → points."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.batches import Batch, Item, batches, item_rows
from barograph.buckets import BucketBook
from barograph.columns import event_times
from barograph.counting import FeaturePlan, PaneCounts, take_answer, take_rows
from barograph.guard import HISTOGRAMS, guard
from barograph.output_specs import OutputSpecs
from barograph.panes import NS_PER_S, SliceBook, split
from barograph.predictions import PredictionPlan
from barograph.queues import ItemQueue
from barograph.redaction import Redaction
from barograph.rows import LaneSettings, OutcomeLane
from barograph.schema import Features, Roles, Schema
from barograph.times import NOT_A_TIME
from barograph.timings import Timing, timing_points

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import numpy.typing as npt
    from opentelemetry.util.types import AttributeValue as SpanValue

    from barograph.baseline import Baseline
    from barograph.columns import RawColumn
    from barograph.identity import Identity
    from barograph.outputs import Answer, OutputSpec
    from barograph.points import AttributeValue, Sink, SourcePoint
    from barograph.redact import Redactor
    from barograph.row_features import RowFeatures

TAKE_ITEMS = 1_024
MOST_ITEMS = 8_192
CELLS_AT_ONCE = 131_072
MAX_OPEN_PANES = 32
MAX_TIMINGS = 65_536
# How long after a pane's end its last rows may still be on their way through the queue.
_LINGER_S = 1.0
# How long an event waits for rows to share it with.
_COMPANY_S = 1.0


class RecorderSettings(NamedTuple):
    """What a recorder is made of.

    Attributes:
        identity: Model, version, output, baseline, task.
        spec: What is known of the output that the identity names.
        baseline: The baseline, where there is one.
        feature_names: Names of the columns of nameless inputs.
        roles: Columns that say who and when.
        redactor: Names categories outside the vocabulary.
        pane_s: Length of a pane.
        interval_s: A pane is flushed at the latest so long after its first row.
        outcomes: Form of outcome events: ``packed`` or ``readable``; "" for none.
        rows: Share of the ids whose rows leave with features.
        redaction: How the features of rows leave.
        clock: Wall clock in nanoseconds.
    """

    identity: Identity
    spec: OutputSpec
    baseline: Baseline | None
    feature_names: tuple[str, ...] | None
    roles: Roles
    redactor: Redactor
    pane_s: int
    interval_s: float
    outcomes: str = "packed"
    rows: float = 0.0
    redaction: Redaction = Redaction()
    clock: Callable[[], int] = time.time_ns


class Recorder:
    """Counts what one monitor's callers record; everything but `put` runs in the background thread."""

    def __init__(
        self,
        settings: RecorderSettings,
        *,
        sink: Callable[[], Sink],
        source_id: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.sink = sink
        self._source_id = source_id
        self.queue = ItemQueue(wake)
        self.timings: list[Timing] = []
        self.span_descriptions: dict[tuple[str, str | None], tuple[str, dict[str, SpanValue]]] = {}
        self.closed = False
        self.retired = False
        self._schema = Schema(settings.baseline, settings.feature_names, settings.roles)
        buckets = BucketBook(settings.baseline, settings.redaction)
        self._plan = FeaturePlan(self._schema, settings.baseline, settings.redactor, buckets)
        self._lane_settings = LaneSettings(
            settings.outcomes, settings.rows, settings.roles, self._row_features(buckets)
        )
        self._outputs = OutputSpecs(settings.identity.output, settings.spec, settings.baseline)
        self._prediction_plans: dict[str, PredictionPlan] = {}
        self.reset()

    def _row_features(self, buckets: BucketBook) -> RowFeatures | None:
        if not self.settings.rows and not self.settings.redaction:
            return None
        from barograph.row_features import RowFeatures  # noqa: PLC0415 - who sends no rows doesn't pay for it

        return RowFeatures(self._schema, self.settings.baseline, self.settings.redactor, buckets)

    def reset(self) -> None:
        """Begin anew, with nothing counted: at the start and in a forked child."""
        self.queue.clear()
        self.timings.clear()
        self._panes: dict[int, PaneCounts] = {}
        self._newest_ns = 0
        self._timed_since_ns = self.settings.clock()
        self._timings_due = time.monotonic() + self.settings.interval_s
        self._outcomes_due = 0.0
        self._lanes: dict[str, OutcomeLane] = {}

    def put(self, item: Item) -> bool:
        """Queue one call; the only thing that serving threads do."""
        if self.closed:
            guard.drop(HISTOGRAMS, "shutdown", "predictions after shutdown are not recorded", 1)
            return False
        return self.queue.put(item)

    def put_timing(self, timing: Timing) -> None:
        """Queue how long a call took."""
        if len(self.timings) < MAX_TIMINGS:
            self.timings.append(timing)
        else:
            guard.drop(HISTOGRAMS, "too_many_durations", "durations can't be counted as fast as calls end")

    def drain(self) -> bool:
        """Count what is queued at this moment; whether there was anything."""
        left = len(self.queue)
        some = left > 0
        while left > 0:
            # Few rows at a time keep callers' delays short; many keep a queue that fills from overflowing.
            items = self.queue.take(min(left, max(TAKE_ITEMS, min(left // 4, MOST_ITEMS))))
            if not items:
                break
            left -= len(items)
            try:
                self._count_items(items)
            finally:
                self.queue.done(items)
        return some

    def give_up(self) -> None:
        """Count what came between the last drain and the end as dropped."""
        items = self.queue.take(len(self.queue))
        lost = sum(item_rows(item) for item in items)
        if lost:
            guard.drop(HISTOGRAMS, "shutdown", "predictions after shutdown are not recorded", lost)

    def _count_items(self, items: list[Item]) -> None:
        try:
            joined = batches(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            if len(items) == 1:
                guard.background_fault(HISTOGRAMS, error, 1)
                return
            for item in items:
                self._count_items([item])
            return
        for batch in joined:
            try:
                self._count(batch)
            except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, serving must not notice
                guard.background_fault(HISTOGRAMS, error, batch.rows)

    def _count(self, batch: Batch) -> None:
        features: Features | None = None
        columns: dict[str, RawColumn] = {}
        if batch.frame is not None:
            names = self._schema.names(batch.frame)
            if names is None:
                guard.drop(
                    HISTOGRAMS,
                    "unknown_columns",
                    f"inputs without names have {batch.frame.width} columns, the baseline other ones; "
                    "features are not counted",
                    batch.rows,
                )
            else:
                columns = self._schema.role_columns(batch.frame, names)
                features = self._schema.read(batch.frame, names)
        times = self._times(batch, columns)
        answers = self._outputs.answers(batch)
        if features is None and not answers:
            answers = {self.settings.identity.output: None}
        self._count_rows(features, answers, times)
        for output, answer in answers.items():
            # Of several outputs none owns the features: they leave as rows of the model itself.
            drawn = features if self.settings.rows and output == self.settings.identity.output else None
            if drawn is not None or (answer is not None and self.settings.outcomes):
                self._lane(output).add(batch, columns, times, answer, drawn)

    def _times(self, batch: Batch, columns: dict[str, RawColumn]) -> npt.NDArray[np.int64]:
        arrival = batch.arrival_times()
        stated = batch.times
        if stated is None and self.settings.roles.time:
            stated = columns.get(self.settings.roles.time)
        if stated is None:
            return arrival
        times = event_times(stated)
        if len(times) != batch.rows:
            if len(times) != 1:
                guard.warn(
                    HISTOGRAMS,
                    "unfit_times",
                    "event times don't match the rows; the time of the call is taken",
                )
                return arrival
            times = np.repeat(times, batch.rows)
        unknown = times == NOT_A_TIME
        if unknown.any():
            guard.warn(
                HISTOGRAMS, "unreadable_time", "an event time can't be read; the time of the call is taken"
            )
            times = np.where(unknown, arrival, times)
        return times

    def _prediction_plan(self, output: str) -> PredictionPlan:
        plan = self._prediction_plans.get(output)
        if plan is None:
            plan = self._prediction_plans[output] = PredictionPlan(self._outputs.specs[output])
        return plan

    def _lane(self, output: str) -> OutcomeLane:
        lane = self._lanes.get(output)
        if lane is None:
            lane = self._lanes[output] = OutcomeLane(self._identity(output), self.sink, self._lane_settings)
        return lane

    def _identity(self, output: str) -> Identity:
        return self.settings.identity._replace(output=output, task=self._outputs.specs[output].task)

    def _count_rows(
        self, features: Features | None, answers: dict[str, Answer | None], times: npt.NDArray[np.int64]
    ) -> None:
        plans = {output: self._prediction_plan(output) for output in answers}
        width = features.numbers.shape[1] + len(features.categories) if features is not None else 1
        step = max(CELLS_AT_ONCE // max(width, 1), 1)
        for begin in range(0, len(times), step):
            rows: slice | npt.NDArray[np.intp] = slice(begin, begin + step)
            order, parts = split(times[begin : begin + step], self.settings.pane_s * NS_PER_S)
            if order is not None:
                rows = order + begin
            some = take_rows(features, rows) if features is not None else None
            prepared = self._plan.prepare(
                some,
                {
                    output: None if answer is None else plans[output].prepare(take_answer(answer, rows))
                    for output, answer in answers.items()
                },
            )
            for pane, part, count in parts:
                self._pane(pane).add(prepared, part, count, plans)
            if len(self._panes) > MAX_OPEN_PANES:
                self.flush(self._oldest())
        self._newest_ns = max(self._newest_ns, int(times.max()))

    def _pane(self, pane: int) -> PaneCounts:
        counts = self._panes.get(pane)
        if counts is None:
            wait_s = self.settings.interval_s
            ends_in_s = (pane - self.settings.clock()) / NS_PER_S + self.settings.pane_s
            if ends_in_s > 0:
                wait_s = min(wait_s, ends_in_s + _LINGER_S)
            counts = self._panes[pane] = PaneCounts(self._plan, time.monotonic() + wait_s)
        return counts

    def _oldest(self) -> list[int]:
        return sorted(self._panes)[: len(self._panes) - MAX_OPEN_PANES]

    def due(self) -> list[int]:
        """Panes that event time has left, or that have waited for the export interval."""
        pane_ns = self.settings.pane_s * NS_PER_S
        # One row dated into the future must not make every pane a past one.
        left = min(self._newest_ns, self.settings.clock() + pane_ns)
        now = time.monotonic()
        return [pane for pane, counts in self._panes.items() if pane + pane_ns <= left or counts.due <= now]

    def open_panes(self) -> list[int]:
        """All panes that hold counts."""
        return sorted(self._panes)

    def flush(self, panes: Sequence[int]) -> int:
        """Send the counts of some panes; the number of points."""
        points: list[SourcePoint] = []
        if panes:
            identities = self._point_attributes()
            slices = SLICES.of(self.sink(), self._stream(), self.settings.pane_s * NS_PER_S)
            for pane in panes:
                counts = self._panes.pop(pane, None)
                if counts is None:
                    continue
                times = slices.take(pane)
                if times is None:
                    guard.drop(
                        HISTOGRAMS,
                        "slices_used_up",
                        "a pane was flushed more often than it has milliseconds",
                        1,
                    )
                    continue
                points.extend(counts.points(identities, self.settings.identity.output, *times))
        if points:
            self.sink().points(points)
        return len(points)

    def flush_timings(self, *, everything: bool) -> None:
        """Send how long calls took, once an export interval."""
        count = len(self.timings)
        moment = time.monotonic()
        if not count or not (everything or moment >= self._timings_due):
            return
        self._timings_due = moment + self.settings.interval_s
        timings = self.timings[:count]
        del self.timings[:count]
        # A clock that was set back must not make two points of one time.
        now = max(self.settings.clock(), self._timed_since_ns + 1)
        identity = self.settings.identity.point_attributes(self._source_id(), self.settings.pane_s)
        start, self._timed_since_ns = self._timed_since_ns, now
        self.sink().points(timing_points(timings, identity, start, now))

    def flush_outcomes(self, *, everything: bool) -> None:
        """Send the events that wait for company, once a second."""
        moment = time.monotonic()
        if not (everything or moment >= self._outcomes_due):
            return
        self._outcomes_due = moment + _COMPANY_S
        for lane in self._lanes.values():
            lane.flush()

    def _point_attributes(self) -> dict[str, dict[str, AttributeValue]]:
        source = self._source_id()
        return {
            output: self._identity(output).point_attributes(source, self.settings.pane_s)
            for output in self._outputs.specs
        }

    def _stream(self) -> Hashable:
        identity = self.settings.identity
        return identity.model, identity.version


SLICES = SliceBook()
