"""Which rows are repeats, and which truth belongs to which row: all rows at once, part by part of their ids.

A service joins row by row as they come. Here everything is there beforehand, so ids are sorted instead:
the same answer, and memory holds one part at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from barograph.errors import ConfigError
from barograph_processor.engine.batch import KnownTruth, Texts
from barograph_processor.files.id_hashes import hash_ids
from barograph_processor.files.selection import truth_at
from barograph_processor.files.spill import Budget, Spill

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions

MEMORY_BYTES: Final = 128 * 2**20
BLOCK_ROWS: Final = 2**18
_PARTS: Final = 256
_PART_SHIFT: Final = np.uint64(56)
_MAX_CLASSES: Final = 100_000
# Words of a row: both halves of the hash of its id, then what is known of it.
_HIGH, _LOW = 0, 1
_ROW, _CONTENT, _PREDICTION_WORDS = 2, 3, 4
_OBSERVED, _VALUE, _CODE, _LABEL_WORDS = 2, 3, 4, 5
# Words of what was found out about a row: its number, then the truth, or that it is a repeat.
_FOUND_ROW, _FOUND_OBSERVED, _FOUND_VALUE, _FOUND_CODE, _FOUND_WORDS = 0, 1, 2, 3, 4
_NO_CLASS: Final = -1
_REPEAT: Final = -2


@dataclass(slots=True)
class JoinCounts:
    """What became of ids.

    Attributes:
        repeats: Predictions that equal one of the same id before them; each counts once.
        conflicts: Predictions that differ from one of the same id before them, which counts.
        labels: Truths taken, repeats left out.
        label_repeats: Truths that say again what is known.
        label_conflicts: Truths that differ from one of the same id before them, which counts.
        joined: Truths that have their prediction.
    """

    repeats: int = 0
    conflicts: int = 0
    labels: int = 0
    label_repeats: int = 0
    label_conflicts: int = 0
    joined: int = 0


class Lookup(NamedTuple):
    """What was found out about n rows.

    Attributes:
        fresh: bool [n], which are no repeats.
        truth: Their truth.
    """

    fresh: NDArray[np.bool_]
    truth: KnownTruth

    def at(self, rows: NDArray[np.intp]) -> Lookup:
        """Some of the rows."""
        return Lookup(self.fresh[rows], truth_at(self.truth, rows))


class Joining:
    """Takes ids and outcomes of all predictions and all labels; tells what belongs together.

    The first of several predictions, or labels, of one id counts, in the order of their numbers.

    Attributes:
        counts: What became of ids; complete after `resolve`.
        first_prediction: The first id of a prediction, ``""`` before there is one.
        first_label: The first id of a label.
    """

    def __init__(self, folder: Path, memory_bytes: int | None = None) -> None:
        """Begin empty.

        Args:
            folder: For what does not fit into memory.
            memory_bytes: How much does; None: `MEMORY_BYTES`.
        """
        budget = Budget(MEMORY_BYTES if memory_bytes is None else memory_bytes)
        self.counts = JoinCounts()
        self.first_prediction = self.first_label = ""
        self._predictions = Spill(folder, "predictions", _PREDICTION_WORDS, budget)
        self._labels = Spill(folder, "labels", _LABEL_WORDS, budget)
        self._found = Spill(folder, "found", _FOUND_WORDS, budget)
        self._names: dict[str, int] = {}
        self._block: tuple[int, Lookup] = (-1, _unknown(0))

    def add_predictions(self, rows: NDArray[np.int64], ids: pa.StringArray, batch: Predictions) -> None:
        """Take predictions; those without id join nothing.

        Args:
            rows: int64 [n], their numbers.
            ids: Their ids, null where a row has none.
            batch: Their outcomes.
        """
        known = ids if not ids.null_count else ids.drop_null()
        if not len(known):
            return
        if not self.first_prediction:
            self.first_prediction = known[0].as_py()
        contents = _contents(batch)
        if len(known) < len(ids):
            named = ids.is_valid().to_numpy(zero_copy_only=False)
            rows, contents = rows[named], contents[named]
        made = np.empty((len(rows), _PREDICTION_WORDS), np.uint64)
        made[:, _HIGH], made[:, _LOW] = hash_ids(known)
        made[:, _ROW], made[:, _CONTENT] = rows, contents
        self._predictions.add(_parts(made), made)

    def leave_out(self, rows: NDArray[np.int64]) -> None:
        """Note that predictions must not count, whatever else is found out."""
        made = np.zeros((len(rows), _FOUND_WORDS), np.uint64)
        made[:, _FOUND_ROW] = rows
        made[:, _FOUND_CODE].view(np.int64)[:] = _REPEAT
        self._found.add(rows // BLOCK_ROWS, made)

    def add_labels(self, ids: pa.StringArray, truth: KnownTruth) -> None:
        """Take labels, all of them with an id and known.

        Raises:
            ConfigError: There are so many classes that the column can't be one of classes.
        """
        if len(ids) and not self.first_label:
            self.first_label = ids[0].as_py()
        codes = [self._names.setdefault(name, len(self._names)) for name in truth.classes.values]
        if len(self._names) > _MAX_CLASSES:
            raise ConfigError(
                f"--label: the column holds more than {_MAX_CLASSES:,} different texts, such as "
                f"{truth.classes.values[-1]!r}; is it the truth? of a regression say --task regression"
            )
        made = np.empty((len(ids), _LABEL_WORDS), np.uint64)
        made[:, _HIGH], made[:, _LOW] = hash_ids(ids)
        made[:, _OBSERVED].view(np.int64)[:] = truth.observed_ns
        made[:, _VALUE].view(np.float64)[:] = truth.value
        made[:, _CODE].view(np.int64)[:] = np.array([*codes, _NO_CLASS])[truth.classes.codes]
        self._labels.add(_parts(made), made)

    def resolve(self) -> None:
        """Everything was added: bring it together."""
        for part in range(_PARTS):
            predictions, labels = self._predictions.take(part), self._labels.take(part)
            if len(labels):
                labels = self._first_labels(labels)
            if len(predictions):
                found = self._resolved(predictions, labels)
                self._found.add(found[:, _FOUND_ROW] // np.uint64(BLOCK_ROWS), found)

    def about(self, rows: NDArray[np.int64]) -> Lookup:
        """What was found out about predictions, each to be asked for once.

        Args:
            rows: int64 [n], their numbers, increasing. Numbers of one block of 2^18 are asked for one after
                the other.
        """
        numbers = rows // BLOCK_ROWS
        bounds = [0, *(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist(), len(rows)]
        parts = [
            self._of_block(int(numbers[start])).at(rows[start:end] % BLOCK_ROWS)
            for start, end in pairwise(bounds)
            if end > start
        ]
        if len(parts) == 1:
            return parts[0]
        known, observed, value, codes = (
            np.concatenate(columns)
            for columns in zip(
                *((one.known, one.observed_ns, one.value, one.classes.codes) for _, one in parts), strict=True
            )
        )
        fresh = np.concatenate([one.fresh for one in parts])
        return Lookup(fresh, KnownTruth(known, observed, Texts(codes, tuple(self._names)), value))

    def _of_block(self, block: int) -> Lookup:
        if block == self._block[0]:
            return self._block[1]
        found = self._found.take(block)
        lookup = _unknown(BLOCK_ROWS, tuple(self._names))
        rows = (found[:, _FOUND_ROW] % np.uint64(BLOCK_ROWS)).astype(np.intp)
        codes = found[:, _FOUND_CODE].view(np.int64)
        truth = lookup.truth
        known = codes != _REPEAT
        there = rows[known]
        truth.known[there] = True
        truth.observed_ns[there] = found[known, _FOUND_OBSERVED].view(np.int64)
        truth.value[there] = found[known, _FOUND_VALUE].view(np.float64)
        truth.classes.codes[there] = codes[known]
        gone = rows[~known]  # after the others: what is left out may have a truth as well
        lookup.fresh[gone] = truth.known[gone] = False
        self._block = block, lookup
        return lookup

    def _first_labels(self, labels: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """One label of each id, in order of the hashes."""
        order, starts, group = _grouped(labels)
        labels = labels[order]
        self.counts.labels += len(starts)
        if len(starts) == len(labels):
            return labels
        first = labels[starts]
        alike = _same_truth(labels, first[group])
        self.counts.label_repeats += int(np.count_nonzero(alike)) - len(first)
        self.counts.label_conflicts += int(np.count_nonzero(~alike))
        return first

    def _resolved(self, predictions: NDArray[np.uint64], labels: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """What is found out: rows that are repeats, and rows that have a truth."""
        order, starts, group = _grouped(predictions)
        predictions = predictions[order]
        first = predictions if len(starts) == len(predictions) else predictions[starts]
        again = np.zeros((len(predictions) - len(first), _FOUND_WORDS), np.uint64)
        if len(again):
            repeat = np.ones(len(predictions), np.bool_)
            repeat[starts] = False
            alike = predictions[repeat, _CONTENT] == first[group[repeat], _CONTENT]
            self.counts.repeats += int(np.count_nonzero(alike))
            self.counts.conflicts += int(np.count_nonzero(~alike))
            again[:, _FOUND_ROW] = predictions[repeat, _ROW]
            again[:, _FOUND_CODE].view(np.int64)[:] = _REPEAT
        if not len(labels):
            return again
        place = np.minimum(np.searchsorted(labels[:, _HIGH], first[:, _HIGH]), len(labels) - 1)
        met = (labels[place, _HIGH] == first[:, _HIGH]) & (labels[place, _LOW] == first[:, _LOW])
        found = np.empty((int(np.count_nonzero(met)), _FOUND_WORDS), np.uint64)
        found[:, _FOUND_ROW] = first[met, _ROW]
        found[:, 1:] = labels[place[met], _OBSERVED:]
        self.counts.joined += len(found)
        return np.concatenate([again, found])


def _unknown(rows: int, names: tuple[str, ...] = ()) -> Lookup:
    """Of rows that nothing was found out about."""
    codes = Texts(np.full(rows, _NO_CLASS, np.int32), names)
    truth = KnownTruth(np.zeros(rows, np.bool_), np.zeros(rows, np.int64), codes, np.full(rows, np.nan))
    return Lookup(np.ones(rows, np.bool_), truth)


def _grouped(rows: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Order by id (equal ids keep theirs), where each id begins in it, and the number of each row's id."""
    order = np.argsort(rows[:, _HIGH], kind="stable")
    high, low = rows[order, _HIGH], rows[order, _LOW]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = high[1:] != high[:-1]
    if not (begins[1:] | (low[1:] == low[:-1])).all():  # half of a hash in common, which hardly ever happens
        order = np.lexsort((rows[:, _LOW], rows[:, _HIGH]))
        high, low = rows[order, _HIGH], rows[order, _LOW]
        begins[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return order, np.flatnonzero(begins), np.cumsum(begins) - 1


def _same_truth(labels: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """As `Label.same_truth`: by class where one has a class, else by number."""
    codes, other_codes = (one[:, _CODE].view(np.int64) for one in (labels, others))
    values, other_values = (one[:, _VALUE].view(np.float64) for one in (labels, others))
    by_class = (codes >= 0) | (other_codes >= 0)
    alike: NDArray[np.bool_] = np.where(by_class, codes == other_codes, values == other_values)
    return alike


def _parts(rows: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return (rows[:, _HIGH] >> _PART_SHIFT).astype(np.uint8)


def _contents(batch: Predictions) -> NDArray[np.uint64]:
    """A hash of everything that a prediction says beside its features."""
    total = batch.time_ns.view(np.uint64)
    columns = [batch.score, batch.value, *batch.scores.T]
    for place, column in enumerate(columns):
        total = _stirred(total, np.ascontiguousarray(column).view(np.uint64), place)
    texts = [batch.classes, *(batch.segments[name] for name in sorted(batch.segments))]
    for place, text in enumerate(texts):
        total = _stirred(total, _text_hashes(text), len(columns) + place)
    return total


def _stirred(total: NDArray[np.uint64], more: NDArray[np.uint64], place: int) -> NDArray[np.uint64]:
    total = (total ^ (total >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (total + more + np.uint64(place)) * np.uint64(0x94D049BB133111EB)


def _text_hashes(texts: Texts) -> NDArray[np.uint64]:
    hashes = hash_ids(pa.array(texts.values, pa.string())).low
    return np.append(hashes, np.uint64(0))[texts.codes]
