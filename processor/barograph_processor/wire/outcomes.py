"""Predictions and truths as columns, however they came, and the batches made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire import reasons
from barograph_processor.wire.text import empty_as_null, encode_texts, ids_of, longer_than, number_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.features import FeatureRows
    from barograph_processor.wire.identity import Owner
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals

ROUNDING: Final = 1e-6
"""How far rounding in single precision may push a probability outside 0 to 1."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Columns of n predictions, not yet split by owner.

    Attributes:
        ids: Callers' ids, null where a row has none.
        time_ns: int64 [n].
        classes: Predicted class, null where a row has none.
        score: float64 [n], NaN where absent.
        scores: float64 [n, k].
        score_classes: Classes of the columns of `scores`.
        value: float64 [n], NaN where absent.
        segments: Segment name to text.
        features: The rows lane, None where no row has features.
    """

    ids: pa.StringArray
    time_ns: NDArray[np.int64]
    classes: pa.StringArray
    score: NDArray[np.float64]
    scores: NDArray[np.float64]
    score_classes: tuple[str, ...]
    value: NDArray[np.float64]
    segments: dict[str, pa.StringArray]
    features: FeatureRows | None = None

    def take(self, rows: NDArray[np.int64]) -> Outcomes:
        """Some of the rows, in that order."""
        if len(rows) == len(self.time_ns):
            return self
        indices = pa.array(rows)
        return Outcomes(
            self.ids.take(indices),
            self.time_ns[rows],
            self.classes.take(indices),
            self.score[rows],
            self.scores[rows],
            self.score_classes,
            self.value[rows],
            {name: column.take(indices) for name, column in self.segments.items()},
            None if self.features is None else self.features.take(rows),
        )

    def without_predictions(self, where: NDArray[np.bool_]) -> Outcomes:
        """The same, of the rows of a mask only ids, times and segments."""
        nothing = pa.scalar(None, pa.string())
        return replace(
            self,
            classes=pc.if_else(pa.array(where), nothing, self.classes),
            score=np.where(where, np.nan, self.score),
            scores=np.where(where[:, None], np.nan, self.scores),
            value=np.where(where, np.nan, self.value),
            features=None,
        )

    def check(self, limits: Limits, verdicts: Refusals) -> None:
        """Refuse rows with ids or classes that are too long, or numbers that can't be."""
        verdicts.refuse(longer_than(self.ids, limits.max_id_length), reasons.ID_TOO_LONG)
        for column in (self.classes, *self.segments.values()):
            verdicts.refuse(longer_than(column, limits.max_name_length), reasons.NAME_TOO_LONG)
        verdicts.refuse(_infinite(self.value), reasons.NOT_FINITE)
        verdicts.refuse(_improbable(self.score), reasons.SCORE_RANGE)
        if self.scores.shape[1]:
            verdicts.refuse(np.logical_or.reduce(_improbable(self.scores), axis=1), reasons.SCORE_RANGE)

    def predictions(self, owner: Owner, tenant: str) -> Predictions:
        """All rows as predictions of one owner.

        Rows that came with scores alone have no class: which one they decide for is the engine's business.
        """
        scores, score_classes = np.clip(self.scores, 0.0, 1.0), self.score_classes
        used = ~np.isnan(scores).all(axis=0)
        if not used.all():
            scores, score_classes = scores[:, used], tuple(np.array(score_classes, object)[used])
        return Predictions(
            key=owner.key(tenant),
            source=owner.source,
            ids=ids_of(self.ids),
            time_ns=self.time_ns,
            classes=encode_texts(empty_as_null(self.classes)),
            score=np.clip(self.score, 0.0, 1.0),
            scores=scores,
            score_classes=score_classes,
            value=self.value,
            segments={
                name: encode_texts(column)
                for name, column in self.segments.items()
                if column.null_count < len(column)
            },
            features=None if self.features is None else self.features.features(),
        )

    def has_prediction(self) -> NDArray[np.bool_]:
        """Which rows say anything of a prediction."""
        said: NDArray[np.bool_] = (
            ~np.isnan(self.score)
            | ~np.isnan(self.value)
            | ~np.isnan(self.scores).all(axis=1)
            | self.classes.is_valid().to_numpy(zero_copy_only=False)
        )
        return said


@dataclass(frozen=True, slots=True)
class Observed:
    """Columns of n truths.

    Attributes:
        text: The truth where it is a class, else null.
        number: float64 [n], the truth where it is a number, else NaN.
        outcomes: Ids and times, and the predictions of the pair form.
    """

    text: pa.StringArray
    number: NDArray[np.float64]
    outcomes: Outcomes

    def check(self, limits: Limits, verdicts: Refusals) -> None:
        """Refuse rows without a usable truth, or without anything to join them to."""
        self.outcomes.check(limits, verdicts)
        verdicts.refuse(longer_than(self.text, limits.max_name_length), reasons.NAME_TOO_LONG)
        absent = self.text.is_null().to_numpy(zero_copy_only=False) & np.isnan(self.number)
        verdicts.refuse(_infinite(self.number), reasons.NOT_FINITE)
        verdicts.refuse(absent, reasons.NO_VALUE)
        nameless = empty_as_null(self.outcomes.ids).is_null().to_numpy(zero_copy_only=False)
        verdicts.refuse(nameless & ~self.outcomes.has_prediction(), reasons.NO_ID)

    def truths(self, owner: Owner, tenant: str, rows: NDArray[np.int64]) -> list[Truths]:
        """The rows as truths of one owner: those to be joined, and those that are pairs."""
        paired = self.outcomes.has_prediction()[rows]
        result: list[Truths] = []
        for chosen, is_pair in ((rows[~paired], False), (rows[paired], True)):
            if not chosen.size:
                continue
            outcomes = self.outcomes.take(chosen)
            text = self.text if len(chosen) == len(self.number) else self.text.take(pa.array(chosen))
            classes = encode_texts(text)
            result.append(
                Truths(
                    tenant=tenant,
                    model=owner.model,
                    version=owner.version,
                    output=owner.output,
                    ids=ids_of(outcomes.ids),
                    time_ns=outcomes.time_ns,
                    classes=classes,
                    value=_numbers(classes, self.number[chosen]),
                    pair=outcomes.predictions(owner, tenant) if is_pair else None,
                )
            )
        return result


def _numbers(classes: Texts, number: NDArray[np.float64]) -> NDArray[np.float64]:
    if not classes.values:
        return number
    read = np.array([*map(number_in, classes.values), np.nan])
    result: NDArray[np.float64] = np.where(classes.codes >= 0, read[classes.codes], number)
    return result


def _infinite(column: NDArray[np.float64]) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = np.abs(column) == np.inf
    return result


def _improbable(column: NDArray[np.float64]) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (column < -ROUNDING) | (column > 1.0 + ROUNDING)
    return result
