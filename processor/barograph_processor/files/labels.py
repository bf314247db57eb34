"""Tables of ground truth as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.errors import ConfigError
from barograph.times import NOT_A_TIME
from barograph_processor.engine.batch import KnownTruth
from barograph_processor.files.cells import classes_of, ids_of, numbers_of, times_of
from barograph_processor.files.selection import truth_at
from barograph_processor.wire import reasons
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.text import encode_texts, longer_than, number_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from barograph.baseline import Task
    from barograph_processor.files.refused import Refused
    from barograph_processor.files.roles import LabelRoles
    from barograph_processor.files.row_files import RowFile
    from barograph_processor.wire.limits import Limits

_SHOWN = 3


class LabelTable:
    """A file of labels.

    Attributes:
        file: The file.
        roles: What its columns are.
    """

    def __init__(self, file: RowFile, roles: LabelRoles, task: Task | None, limits: Limits) -> None:
        self.file = file
        self.roles = roles
        self._task = task
        self._limits = limits

    def parts(self, refused: Refused) -> Iterator[tuple[pa.StringArray, KnownTruth]]:
        """Ids and truths of the rows in order; those whose truth is empty are passed over.

        Args:
            refused: Counts the rows that can't be used.

        Raises:
            ConfigError: The column of times holds none.
            Permanent: The file is damaged.
        """
        roles = self.roles
        first = 0
        for batch in self.file.batches(roles.columns, distinct=[roles.identity]):
            ids = ids_of(batch.column(roles.identity))
            observed_ns = np.full(batch.num_rows, NOT_A_TIME)
            if roles.time is not None:
                observed_ns = times_of(batch.column(roles.time))
                if not first:
                    check_times(observed_ns, batch.column(roles.time), f"--label-time: {self.file.path}")
            label = batch.column(roles.label)
            truth = truths_of(label, observed_ns, self._task, is_typed=self.file.is_typed)
            verdicts = Refusals(batch.num_rows)
            verdicts.refuse(truth.known & ids.is_null().to_numpy(zero_copy_only=False), reasons.NO_ID)
            verdicts.refuse(longer_than(ids, self._limits.max_id_length), reasons.ID_TOO_LONG)
            verdicts.refuse(np.isinf(truth.value), reasons.NOT_FINITE)
            if roles.time is not None:
                verdicts.refuse(truth.known & (observed_ns == NOT_A_TIME), reasons.BAD_TIME)
            refused.add(self.file, first, verdicts)
            rows = np.flatnonzero(verdicts.taken & truth.known)
            if len(rows) < batch.num_rows:
                ids, truth = ids.take(pa.array(rows)), truth_at(truth, rows)
            yield ids, truth
            first += batch.num_rows


def truths_of(
    column: pa.Array, observed_ns: NDArray[np.int64], task: Task | None, *, is_typed: bool
) -> KnownTruth:
    """Truths from their cells.

    Args:
        column: The cells.
        observed_ns: int64 [n], when each was observed; `NOT_A_TIME` where that isn't known.
        task: Of a regression every truth is a number.
        is_typed: False where class texts that read as a number are one (CSV).
    """
    kind = column.type
    if task == "regression" or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        value = numbers_of(column, is_typed=False)  # as everywhere, text that reads as a number is one here
        none = encode_texts(pa.nulls(len(column), pa.string()))
        return KnownTruth(~np.isnan(value), observed_ns, none, value)
    classes = encode_texts(classes_of(column, is_typed=is_typed))
    read = np.array([*map(number_in, classes.values), np.nan])
    return KnownTruth(classes.codes >= 0, observed_ns, classes, read[classes.codes])


def check_times(time_ns: NDArray[np.int64], column: pa.Array, what: str) -> None:
    """See that a column of times holds any.

    Raises:
        ConfigError: None of its values is a time.
    """
    if len(time_ns) and not (time_ns != NOT_A_TIME).any():
        shown = ", ".join(map(repr, pc.drop_null(column).slice(0, _SHOWN).to_pylist())) or "nothing"
        raise ConfigError(
            f"{what}: no value of the column of times is a time, found {shown}; wanted ISO 8601, or seconds, "
            "milliseconds, microseconds or nanoseconds since 1970"
        )
