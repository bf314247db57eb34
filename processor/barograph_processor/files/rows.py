"""Tables of predictions as batches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from barograph.times import NOT_A_TIME
from barograph_processor.engine.batch import Features
from barograph_processor.files.cells import classes_of, feature_of, ids_of, times_of
from barograph_processor.files.labels import check_times, truths_of
from barograph_processor.wire import reasons
from barograph_processor.wire.outcomes import Outcomes
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.text import longer_than

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions
    from barograph_processor.files.answers import AnswerColumns
    from barograph_processor.files.refused import Refused
    from barograph_processor.files.roles import PredictionRoles
    from barograph_processor.files.row_files import RowFile
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.identity import Owner


class PredictionPart(NamedTuple):
    """Some rows of a table of predictions.

    Attributes:
        first: Number in its file of the row that the part begins with.
        end: Number of the row after its last.
        rows: int64 [n], numbers of the rows taken, counted from `first`; the others were refused.
        ids: Of the rows taken, null where one has none.
        predictions: The rows taken, without ids: those are for joining.
    """

    first: int
    end: int
    rows: NDArray[np.int64]
    ids: pa.StringArray
    predictions: Predictions

    @property
    def left_out(self) -> NDArray[np.int64]:
        """Numbers of the rows that were refused."""
        every = np.arange(self.end - self.first)
        return every if not len(self.rows) else np.setdiff1d(every, self.rows, assume_unique=True)


class PredictionTable:
    """A file of predictions.

    Attributes:
        file: The file.
        roles: What its columns are.
    """

    def __init__(
        self,
        file: RowFile,
        roles: PredictionRoles,
        answers: AnswerColumns,
        owner: Owner,
        context: DecodeContext,
    ) -> None:
        self.file = file
        self.roles = roles
        self._answers = answers
        self._owner = owner
        self._tenant = context.tenant
        self._limits = context.limits

    def parts(self, refused: Refused, *, features: bool, ids: bool = True) -> Iterator[PredictionPart]:
        """The rows in order.

        Args:
            refused: Counts the rows that can't be used.
            features: Whether the model's inputs are wanted.
            ids: Whether ids are; without them no row is refused for its id.

        Raises:
            ConfigError: The column of times holds none.
            Permanent: The file is damaged.
        """
        roles = self.roles
        identity = [roles.identity] if ids and roles.identity is not None else []
        wanted = roles.features if features else ()
        columns = list(dict.fromkeys([*identity, *roles.outcome_columns, *wanted]))
        first = 0
        for batch in self.file.batches(columns, distinct=identity):
            verdicts = Refusals(batch.num_rows)
            outcomes = self._outcomes(batch, verdicts)
            if not first:
                check_times(outcomes.time_ns, batch.column(roles.time), f"--time: {self.file.path}")
            names = outcomes.ids
            if identity:
                names = ids_of(batch.column(identity[0]))
                verdicts.refuse(longer_than(names, self._limits.max_id_length), reasons.ID_TOO_LONG)
            outcomes.check(self._limits, verdicts)
            refused.add(self.file, first, verdicts)
            rows = np.flatnonzero(verdicts.taken)
            if len(rows) < batch.num_rows:
                chosen = pa.array(rows)
                batch, names = batch.take(chosen), names.take(chosen)  # noqa: PLW2901  # the rest is of no use
                outcomes = outcomes.take(rows)
            predictions = outcomes.predictions(self._owner, self._tenant)
            end = first + len(verdicts.taken)
            yield PredictionPart(first, end, rows, names, self._completed(predictions, batch, wanted))
            first = end

    def _outcomes(self, batch: pa.RecordBatch, verdicts: Refusals) -> Outcomes:
        roles, is_typed = self.roles, self.file.is_typed
        rows = batch.num_rows
        time_ns = times_of(batch.column(roles.time))
        verdicts.refuse(time_ns == NOT_A_TIME, reasons.BAD_TIME)
        answers = self._answers.read(batch, is_typed=is_typed)
        return Outcomes(
            ids=pa.nulls(rows, pa.string()),
            time_ns=time_ns,
            classes=answers.classes,
            score=answers.score,
            scores=answers.scores,
            score_classes=answers.score_classes,
            value=answers.value,
            segments={name: classes_of(batch.column(name), is_typed=is_typed) for name in roles.segments},
        )

    def _completed(
        self, predictions: Predictions, batch: pa.RecordBatch, features: Sequence[str]
    ) -> Predictions:
        """With the model's inputs, and with truth that stands in the same table."""
        roles, is_typed = self.roles, self.file.is_typed
        if features:
            columns = {name: feature_of(batch.column(name), is_typed=is_typed) for name in features}
            predictions = replace(predictions, features=Features(columns))
        if roles.label is not None:
            observed_ns = (
                np.full(batch.num_rows, NOT_A_TIME)
                if roles.label_time is None
                else times_of(batch.column(roles.label_time))
            )
            label = batch.column(roles.label)
            truth = truths_of(label, observed_ns, self._answers.task, is_typed=is_typed)
            predictions = replace(predictions, truth=truth)
        return predictions
