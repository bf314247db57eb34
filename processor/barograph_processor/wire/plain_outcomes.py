"""Predictions of a few records, as the batches that columns make of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph.semconv import attributes as names
from barograph_processor.engine.batch import FeatureColumn, Features, Predictions, Texts
from barograph_processor.engine.byte_strings import ByteStrings
from barograph_processor.engine.ids import Ids
from barograph_processor.wire import grids, outcomes
from barograph_processor.wire.plain import NotPlain, coded, entries, number, quantity, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from barograph_processor.wire.identity import Owner
    from barograph_processor.wire.limits import Limits

_LEAST: Final = -outcomes.ROUNDING
_GREATEST: Final = 1.0 + outcomes.ROUNDING


class RowParts(NamedTuple):
    """Where what a record tells of a prediction stands, None where it doesn't say."""

    identifier: AnyValue | None
    predicted_class: AnyValue | None
    score: AnyValue | None
    value: AnyValue | None
    scores: Mapping[str, AnyValue]
    segments: Mapping[str, AnyValue]


class PlainOutcomes:
    """Predictions of n records, row by row.

    Attributes:
        ids: Callers' ids, None where a row has none.
        time_ns: Event times.
    """

    def __init__(self, limits: Limits) -> None:
        self.ids: list[str | None] = []
        self.time_ns: list[int] = []
        self._limits = limits
        self._classes: list[str | None] = []
        self._score: list[float] = []
        self._scores: list[Mapping[str, float]] = []
        self._value: list[float] = []
        self._segments: list[Mapping[str, str | None]] = []
        self._features: list[_Held | None] = []

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, found: Mapping[str, AnyValue], time_ns: int) -> None:
        """One more row, without features.

        Args:
            found: The record's attributes.
            time_ns: Its event time.

        Raises:
            NotPlain: It would be refused.
        """
        self.add_parts(
            RowParts(
                found.get(names.ML_INFERENCE_ID),
                found.get(names.ML_PREDICTION_CLASS),
                found.get(names.ML_PREDICTION_SCORE),
                found.get(names.ML_PREDICTION_VALUE),
                entries(found.get(names.ML_PREDICTION_SCORES)) or {},
                entries(found.get(names.ML_SEGMENTS)) or {},
            ),
            time_ns,
        )

    def add_parts(self, parts: RowParts, time_ns: int) -> None:
        """One more row, without features.

        Raises:
            NotPlain: It would be refused.
        """
        limits = self._limits
        identifier = text(parts.identifier) or None
        chosen = text(parts.predicted_class) or None
        value = number(parts.value)
        if (
            (identifier and len(identifier) > limits.max_id_length)
            or (chosen and len(chosen) > limits.max_name_length)
            or math.isinf(value)
        ):
            raise NotPlain
        self.ids.append(identifier)
        self.time_ns.append(time_ns)
        self._classes.append(chosen)
        self._score.append(_probability(parts.score))
        self._scores.append({name: _probability(one) for name, one in parts.scores.items()})
        self._value.append(value)
        told = {name: text(one) for name, one in parts.segments.items()}
        if any(one is not None and len(one) > limits.max_name_length for one in told.values()):
            raise NotPlain
        self._segments.append(told)

    def add_features(self, found: Mapping[str, AnyValue]) -> None:
        """The features of the row that was added last.

        Raises:
            NotPlain: They would be refused.
        """
        rate = found.get(names.ML_SAMPLING_RATE)
        if rate is not None and rate.WhichOneof("value") is not None and not 0 < number(rate) <= 1:
            raise NotPlain
        self.add_held(entries(found.get(names.ML_FEATURES)))

    def add_held(self, entries: Mapping[str, AnyValue] | None) -> None:
        """The features of the row that was added last; None where it has none."""
        self._features.append(None if entries is None else _held(entries))

    def said(self, row: int) -> bool:
        """Whether a row says anything of a prediction."""
        return (
            self._classes[row] is not None
            or not math.isnan(self._score[row])
            or not math.isnan(self._value[row])
            or not all(map(math.isnan, self._scores[row].values()))
        )

    def ids_of(self, rows: Sequence[int]) -> Ids:
        """The ids of some rows."""
        encoded = [(self.ids[row] or "").encode() for row in rows]
        return Ids(ByteStrings.of(encoded), np.array([bool(one) for one in encoded], np.bool_))

    def times_of(self, rows: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """int64, the event times of some rows."""
        return np.array([self.time_ns[row] for row in rows], np.int64)

    def predictions(self, owner: Owner, tenant: str, rows: Sequence[int]) -> Predictions:
        """Some rows as predictions of their owner, as `Outcomes.predictions`.

        Raises:
            NotPlain: All rows together name more than they may.
        """
        count, limits = len(self), self._limits
        score_names = _named(self._scores, grids.room_for_scores(count, limits))
        segment_names = _named(self._segments, grids.room_for_segments(limits))
        by_class = {name: [self._scores[row].get(name, math.nan) for row in rows] for name in score_names}
        used = {name: column for name, column in by_class.items() if not all(map(math.isnan, column))}
        by_segment = {name: [self._segments[row].get(name) for row in rows] for name in segment_names}
        return Predictions(
            key=owner.key(tenant),
            source=owner.source,
            ids=self.ids_of(rows),
            time_ns=self.times_of(rows),
            classes=coded([self._classes[row] for row in rows]),
            score=np.array([self._score[row] for row in rows]),
            scores=np.array([*used.values()]).T.copy() if used else np.empty((len(rows), 0)),
            score_classes=tuple(used),
            value=np.array([self._value[row] for row in rows]),
            segments={
                name: coded(column)
                for name, column in by_segment.items()
                if any(one is not None for one in column)
            },
            features=self._as_features() if self._features else None,
        )

    def _as_features(self) -> Features | None:
        """The features of all rows, as `FeatureTable.features`."""
        given = [row is not None for row in self._features]
        if not any(given):
            return None
        rows = [_NO_FEATURES if row is None else row for row in self._features]
        values = [row.numbers for row in rows]
        named = _named(values, grids.room_for_features(len(rows), self._limits))
        columns: dict[str, FeatureColumn] = {}
        if named:
            numbers = np.array([[row.get(name, math.nan) for row in values] for name in named])
            texts = _texts(named, [row.texts for row in rows])
            columns = {
                name: FeatureColumn(line, texts.get(name)) for name, line in zip(named, numbers, strict=True)
            }
        return Features(columns, None if all(given) else np.array(given))


class _Held(NamedTuple):
    """The features of a row.

    Attributes:
        numbers: Of every name, NaN where it holds no number.
        texts: Of those that hold one.
    """

    numbers: Mapping[str, float]
    texts: Mapping[str, str]


_NO_FEATURES: Final = _Held({}, {})


def _held(entries: Mapping[str, AnyValue]) -> _Held:
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in entries.items():
        found = quantity(value)
        if isinstance(found, str):
            numbers[name], texts[name] = math.nan, found
        else:
            numbers[name] = found
    return _Held(numbers, texts)


def _texts(named: Iterable[str], rows: Sequence[Mapping[str, str]]) -> dict[str, Texts]:
    """Columns of text, each told apart; what stands in several has its place of all of them together."""
    used = {name for row in rows for name in row}
    codes: dict[str, int] = {}
    found: dict[str, Texts] = {}
    for name in named:
        if name not in used:
            continue
        line = [row.get(name) for row in rows]
        if len(line) == 1:
            found[name] = coded(line)
            continue
        together = [-1 if one is None else codes.setdefault(one, len(codes)) for one in line]
        place_of = {code: place for place, code in enumerate(sorted({*together} - {-1}))}
        values = [*codes]
        found[name] = Texts(
            np.array([place_of.get(code, -1) for code in together], np.int32),
            tuple(values[code] for code in place_of),
        )
    return found


def _named(rows: Sequence[Mapping[str, object]], room: grids.Room) -> dict[str, None]:
    """All names of some maps, in the order of their first appearance."""
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row))
    if len(found) > room.columns or max(map(len, found), default=0) > room.limits.max_name_length:
        raise NotPlain
    return found


def _probability(value: AnyValue | None) -> float:
    found = number(value)
    if _LEAST <= found <= _GREATEST:
        return min(max(found, 0.0), 1.0)
    if math.isnan(found):
        return found
    raise NotPlain
