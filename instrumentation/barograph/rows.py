"""The outcomes and rows lanes: which rows have an id, which are drawn, and what is sent of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from opentelemetry import baggage

from barograph.classes import class_texts
from barograph.columns import values
from barograph.forking import GATE
from barograph.guard import OUTCOMES, ROWS, guard
from barograph.outputs import Answer
from barograph.redact import OTHER
from barograph.sampling import drawn
from barograph.semconv import attributes
from barograph.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from barograph.batches import Batch
    from barograph.columns import RawColumn
    from barograph.identity import Identity
    from barograph.outcomes import Outcomes
    from barograph.points import Sink
    from barograph.row_features import FeatureColumn, RowFeatures
    from barograph.schema import Features, Roles
    from barograph.spans import Spans

    Places = npt.NDArray[np.intp]

MAX_SEGMENT_VALUES = 20
MAX_SEGMENTS = 20
# Features are copied so many at a time.
CELLS_AT_ONCE = 2**20


class LaneSettings(NamedTuple):
    """What leaves of single rows.

    Attributes:
        outcomes: Form of events without features: ``packed`` or ``readable``; "" for none.
        rate: Share of the ids whose rows leave with features.
        roles: Columns that say who and when.
        features: Makes what leaves of features and redacted segments; None where there are neither.
    """

    outcomes: str
    rate: float
    roles: Roles
    features: RowFeatures | None


class _Rows(NamedTuple):
    """The rows of one batch, with or without an id."""

    ids: list[str | None]
    times: npt.NDArray[np.int64]
    answer: Answer
    segments: dict[str, list[str | None]]
    spans: Spans | None


class OutcomeLane:
    """Rows of one output on their way to events."""

    def __init__(self, identity: Identity, sink: Callable[[], Sink], settings: LaneSettings) -> None:
        self._identity = identity
        self._sink = sink
        self._settings = settings
        self._outcomes: Outcomes | None = None
        self._segment_values: dict[str, set[str]] = {}

    def add(
        self,
        batch: Batch,
        columns: dict[str, RawColumn],
        times: npt.NDArray[np.int64],
        answer: Answer | None,
        features: Features | None,
    ) -> None:
        """Take the rows that have an id, and an answer or features to send.

        Args:
            batch: The rows.
            columns: Those of its columns that say who and when.
            times: Event times.
            answer: What the output answered; None where rows have nothing but features.
            features: Of the rows; None where none are to be sent.
        """
        lane = OUTCOMES if answer is not None and self._settings.outcomes else ROWS
        ids = self._ids(batch, columns, lane)
        if ids is None:
            if features is not None:
                guard.drop(ROWS, "no_id", "features of rows without an id are not sent", batch.rows)
            return
        kept = np.array([place for place, one in enumerate(ids) if one is not None], dtype=np.intp)
        if len(kept) < len(ids):
            guard.drop(
                lane, "no_id", "rows without an id can't be joined with ground truth", len(ids) - len(kept)
            )
        if not len(kept):
            return
        rows = _Rows(ids, times, answer or Answer(), self._segments(batch, columns), spans_of(batch))
        makes = self._settings.features
        if features is None or makes is None:
            self._send(rows, kept, None)
            return
        is_drawn = np.array(drawn([ids[place] or "" for place in kept.tolist()], self._settings.rate))
        if lane == OUTCOMES and not is_drawn.all():
            self._send(rows, kept[~is_drawn], None)
        width = features.numbers.shape[1] + len(features.categories)
        step = max(CELLS_AT_ONCE // max(width, 1), 1)
        places = kept[is_drawn]
        for begin in range(0, len(places), step):
            for part, made in makes.parts(features, places[begin : begin + step]):
                self._send(rows, part, made)

    def _send(self, rows: _Rows, places: Places, features: dict[str, FeatureColumn] | None) -> None:
        if self._outcomes is None:
            sink, form = self._sink(), self._settings.outcomes or "packed"
            with GATE:
                from barograph.outcomes import Outcomes  # noqa: PLC0415 - who has no ids doesn't pay for it

                self._outcomes = Outcomes(self._identity, sink, form=form, rate=self._settings.rate)
        chosen = None if len(places) == len(rows.ids) else places
        answer = rows.answer
        scores = answer.scores
        self._outcomes.add(
            ids=[one for one in _some(rows.ids, chosen) or [] if one is not None],
            time_ns=rows.times if chosen is None else rows.times[chosen],
            classes=_some(answer.classes, chosen),
            score=_some_array(answer.score, chosen),
            scores=None
            if scores is None
            else {
                name: scores[:, place] if chosen is None else scores[chosen, place]
                for place, name in enumerate(answer.score_classes)
            },
            value=_some_array(answer.value, chosen),
            segments={name: _some(column, chosen) or [] for name, column in rows.segments.items()} or None,
            features=features or None,
            spans=rows.spans if rows.spans is None or chosen is None else rows.spans.some(chosen),
        )

    def flush(self) -> None:
        """Send the events that wait for company."""
        if self._outcomes is not None:
            self._outcomes.flush()

    def _ids(self, batch: Batch, columns: dict[str, RawColumn], lane: str) -> list[str | None] | None:
        stated = batch.ids
        if stated is None and self._settings.roles.id:
            stated = columns.get(self._settings.roles.id)
        if stated is not None:
            ids = [text or None for text in class_texts(values(stated))]
            if len(ids) == batch.rows:
                return ids
            guard.drop(lane, "unfit_ids", "ids don't match the rows", batch.rows)
            return None
        found = False
        from_baggage: list[str | None] = []
        for rows, _, context, _ in batch.arrivals:
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
            name: values(columns[name]) for name in self._settings.roles.segments if name in columns
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
            redacted = self._settings.features
            texts = class_texts(column) if redacted is None else redacted.segment(name, column)
            if texts is not None:
                known = self._segment_values.setdefault(name, set())
                segments[name] = [self._bounded(known, text) for text in texts]
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
