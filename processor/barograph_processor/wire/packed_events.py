"""Packed events: refused whole where they can't be read, else row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire import packed, reasons
from barograph_processor.wire.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from barograph_processor.wire.decode import DecodeContext, Decoded
    from barograph_processor.wire.identity import Owners

_ROWS_TOGETHER: Final = 65_536


class _Event(NamedTuple):
    """One packed event.

    Attributes:
        row: Number of the record.
        owner: Number of its owner.
        table: What it holds.
    """

    row: int
    owner: int
    table: pa.RecordBatch


class PackedEvents:
    """The records of a request of which some are packed events."""

    def __init__(  # noqa: PLR0913, PLR0917  one request, taken apart
        self,
        is_truth: NDArray[np.bool_],
        owners: Owners,
        time_ns: NDArray[np.int64],
        stated: NDArray[np.float64],
        blob: Callable[[int], pa.Buffer | None],
        verdicts: Refusals,
        context: DecodeContext,
    ) -> None:
        """Begin.

        Args:
            is_truth: bool [n], where ground truth is packed, and not predictions.
            owners: Of each record.
            time_ns: int64 [n], their times.
            stated: float64 [n], how many rows a record says it has; NaN where it doesn't.
            blob: Gives the bytes of a record's columns, None where it has none.
            verdicts: Takes what is refused whole.
            context: Limits and tenant.
        """
        self._is_truth = is_truth
        self._owners = owners
        self._time_ns = time_ns
        self._stated = stated
        self._blob = blob
        self._verdicts = verdicts
        self._context = context
        self._room = context.limits.max_request_unpacked_bytes

    def take(self, rows: Iterable[int], into: Decoded) -> None:
        """Add the batches of some records.

        What a source sends in several events for their size is taken together.
        """
        run: list[_Event] = []
        for row in rows:
            try:
                event = _Event(row, int(self._owners.group_of[row]), self._table(row))
            except packed.Unreadable as error:
                self._verdicts.refuse_at(np.array([row]), error.reason)
                continue
            if run and not self._together(run, event):
                self._take(run, into)
                run = []
            run.append(event)
        if run:
            self._take(run, into)

    def _together(self, run: list[_Event], event: _Event) -> bool:
        first = run[0]
        return (
            bool(self._is_truth[first.row] == self._is_truth[event.row])
            and first.owner == event.owner
            and packed.alike(first.table, event.table)
            and sum(one.table.num_rows for one in run) + event.table.num_rows <= _ROWS_TOGETHER
        )

    def _take(self, run: list[_Event], into: Decoded) -> None:
        """Events of one kind and owner, with the same columns."""
        limits, tenant = self._context.limits, self._context.tenant
        owner = self._owners.owners[run[0].owner]
        table = packed.joined([one.table for one in run])
        time_ns = int(self._time_ns[run[0].row])
        verdicts = Refusals(table.num_rows)
        try:
            if self._is_truth[run[0].row]:
                observed = packed.observed(table, time_ns, limits, verdicts)
                observed.check(limits, verdicts)
                if (chosen := np.flatnonzero(verdicts.taken)).size:
                    into.batches.extend(observed.truths(owner, tenant, chosen))
            else:
                outcomes = packed.predictions(table, time_ns, limits, verdicts)
                outcomes.check(limits, verdicts)
                if (chosen := np.flatnonzero(verdicts.taken)).size:
                    into.batches.append(outcomes.take(chosen).predictions(owner, tenant))
            into.rows_rejected += verdicts.counts()
        except packed.Unreadable as error:
            self._verdicts.refuse_at(np.array([one.row for one in run]), error.reason)

    def _table(self, row: int) -> pa.RecordBatch:
        blob = self._blob(row)
        if blob is None:
            raise packed.Unreadable(reasons.BAD_TYPE)
        table, size = packed.read(blob, self._context.limits, self._room)
        self._room -= size
        stated = float(self._stated[row])
        if not np.isnan(stated) and stated != table.num_rows:
            raise packed.Unreadable(reasons.ROW_COUNT)
        return table
