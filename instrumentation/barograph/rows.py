"""The outcomes lane: which rows have an id, and what is sent of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from opentelemetry import baggage

from barograph.classes import class_texts
from barograph.columns import values
from barograph.guard import OUTCOMES, guard
from barograph.redact import OTHER
from barograph.semconv import attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from barograph.batches import Batch
    from barograph.columns import RawColumn
    from barograph.identity import Identity
    from barograph.outcomes import Outcomes
    from barograph.outputs import Answer
    from barograph.points import Sink
    from barograph.schema import Roles

MAX_SEGMENT_VALUES = 20
MAX_SEGMENTS = 20


class OutcomeLane:
    """Rows of one output on their way to events."""

    def __init__(self, identity: Identity, roles: Roles, sink: Callable[[], Sink], form: str) -> None:
        self._identity = identity
        self._roles = roles
        self._sink = sink
        self._form = form
        self._outcomes: Outcomes | None = None
        self._segment_values: dict[str, set[str]] = {}

    def add(
        self, batch: Batch, columns: dict[str, RawColumn], times: npt.NDArray[np.int64], answer: Answer
    ) -> None:
        """Take the rows that have an id and an answer."""
        ids = self._ids(batch, columns)
        if ids is None:
            return
        segments = self._segments(batch, columns)
        kept = [place for place, one in enumerate(ids) if one is not None]
        if len(kept) < len(ids):
            guard.drop(
                OUTCOMES,
                "no_id",
                "rows without an id can't be joined with ground truth",
                len(ids) - len(kept),
            )
        if not kept:
            return
        chosen = None if len(kept) == len(ids) else np.array(kept)
        if self._outcomes is None:
            from barograph.outcomes import Outcomes  # noqa: PLC0415 - models without ids don't pay for it

            self._outcomes = Outcomes(self._identity, self._sink(), form=self._form)
        scores = answer.scores
        self._outcomes.add(
            ids=[one for one in ids if one is not None],
            time_ns=times if chosen is None else times[chosen],
            classes=_some(answer.classes, chosen),
            score=_some_array(answer.score, chosen),
            scores=None
            if scores is None
            else {
                name: scores[:, place] if chosen is None else scores[chosen, place]
                for place, name in enumerate(answer.score_classes)
            },
            value=_some_array(answer.value, chosen),
            segments={name: _some(column, chosen) or [] for name, column in segments.items()} or None,
        )

    def flush(self) -> None:
        """Send the events that wait for company."""
        if self._outcomes is not None:
            self._outcomes.flush()

    def _ids(self, batch: Batch, columns: dict[str, RawColumn]) -> list[str | None] | None:
        stated = batch.ids
        if stated is None and self._roles.id:
            stated = columns.get(self._roles.id)
        if stated is not None:
            ids = [text or None for text in class_texts(values(stated))]
            if len(ids) == batch.rows:
                return ids
            guard.drop(OUTCOMES, "unfit_ids", "ids don't match the rows", batch.rows)
            return None
        found = False
        from_baggage: list[str | None] = []
        for rows, _, context in batch.arrivals:
            carried = (
                baggage.get_baggage(attributes.ML_INFERENCE_ID, context) if context is not None else None
            )
            if carried is not None and rows == 1:
                found = True
                from_baggage.append(str(carried) or None)
            else:
                from_baggage.extend([None] * rows)
        return from_baggage if found else None

    def _segments(self, batch: Batch, columns: dict[str, RawColumn]) -> dict[str, list[str | None]]:
        raw: dict[str, list[object]] = {
            name: values(columns[name]) for name in self._roles.segments if name in columns
        }
        raw |= batch.segments
        segments: dict[str, list[str | None]] = {}
        beyond = max(len(raw) - MAX_SEGMENTS, 0)
        if beyond:
            guard.drop(
                OUTCOMES,
                "too_many_segments",
                f"segments beyond {MAX_SEGMENTS} names are not sent",
                beyond * batch.rows,
            )
        for name, column in list(raw.items())[:MAX_SEGMENTS]:
            if len(column) != batch.rows:
                guard.drop(OUTCOMES, "unfit_segments", "segment values don't match the rows", batch.rows)
                continue
            known = self._segment_values.setdefault(name, set())
            segments[name] = [self._bounded(known, text) for text in class_texts(column)]
        return segments

    @staticmethod
    def _bounded(known: set[str], text: str | None) -> str | None:
        """At most 20 values a segment leave the process; later ones are `__other__`."""
        if text is None or text in known:
            return text
        if len(known) >= MAX_SEGMENT_VALUES:
            return OTHER
        known.add(text)
        return text


def _some(column: list[str | None] | None, chosen: npt.NDArray[np.intp] | None) -> list[str | None] | None:
    return column if column is None or chosen is None else [column[place] for place in chosen.tolist()]


def _some_array(
    column: npt.NDArray[np.float64] | None, chosen: npt.NDArray[np.intp] | None
) -> npt.NDArray[np.float64] | None:
    return column if column is None or chosen is None else column[chosen]
