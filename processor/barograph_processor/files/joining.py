"""Which rows are repeats, and which truth belongs to which row: all rows at once, part by part of their ids.

A service joins row by row as they come. Here everything is there beforehand, so ids are sorted instead:
the same answer, and memory holds one part at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from barograph.errors import ConfigError
from barograph_processor.engine.batch import KnownTruth, Texts
from barograph_processor.files.id_hashes import hash_ids
from barograph_processor.files.spill import Budget, Spill

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions

MEMORY_BYTES: Final = 256 * 2**20
_PARTS: Final = 256
_PART_SHIFT: Final = np.uint64(56)
BLOCK_ROWS: Final = 2**18
_MAX_CLASSES: Final = 100_000
_PREDICTION: Final = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<i8"), ("content", "<u8")])
_LABEL: Final = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("observed", "<i8"), ("value", "<f8"), ("code", "<i4")]
)
_FOUND: Final = np.dtype(
    [("row", "<i8"), ("repeat", "?"), ("observed", "<i8"), ("value", "<f8"), ("code", "<i4")]
)


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


class Joining:
    """Takes ids and outcomes of all predictions and all labels; tells what belongs together.

    The first of several predictions, or labels, of one id counts, in the order of their numbers.

    Attributes:
        counts: What became of ids; complete after `resolve`.
        first_prediction: The first id of a prediction, ``""`` before there is one.
        first_label: The first id of a label.
    """

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        """Begin empty.

        Args:
            folder: For what does not fit into memory.
            memory_bytes: How much does.
        """
        budget = Budget(memory_bytes)
        self.counts = JoinCounts()
        self.first_prediction = self.first_label = ""
        self._predictions = Spill(folder, "predictions", _PREDICTION, budget)
        self._labels = Spill(folder, "labels", _LABEL, budget)
        self._found = Spill(folder, "found", _FOUND, budget)
        self._names: dict[str, int] = {}
        self._block = -1
        self._rows = np.empty(0, _FOUND)

    def add_predictions(self, rows: NDArray[np.int64], ids: pa.StringArray, batch: Predictions) -> None:
        """Take predictions; those without id join nothing.

        Args:
            rows: int64 [n], their numbers.
            ids: Their ids, null where a row has none.
            batch: Their outcomes.
        """
        made = np.empty(len(rows), _PREDICTION)
        made["row"] = rows
        made["content"] = _contents(batch)
        named = ids.is_valid().to_numpy(zero_copy_only=False)
        known = ids.drop_null()
        if len(known) and not self.first_prediction:
            self.first_prediction = known[0].as_py()
        made["high"][named], made["low"][named] = hash_ids(known)
        made = made if named.all() else made[named]
        self._predictions.add(_parts(made), made)

    def add_labels(self, ids: pa.StringArray, truth: KnownTruth) -> None:
        """Take labels, all of them with an id and known.

        Raises:
            ConfigError: There are so many classes that the column can't be one of classes.
        """
        if len(ids) and not self.first_label:
            self.first_label = ids[0].as_py()
        made = np.empty(len(ids), _LABEL)
        made["high"], made["low"] = hash_ids(ids)
        made["observed"], made["value"] = truth.observed_ns, truth.value
        codes = [self._names.setdefault(name, len(self._names)) for name in truth.classes.values]
        if len(self._names) > _MAX_CLASSES:
            raise ConfigError(
                f"--label: the column holds more than {_MAX_CLASSES:,} different texts, such as "
                f"{truth.classes.values[-1]!r}; is it the truth? of a regression say --task regression"
            )
        made["code"] = np.array([*codes, -1], np.int32)[truth.classes.codes]
        self._labels.add(_parts(made), made)

    def resolve(self) -> None:
        """Everything was added: bring it together."""
        for part in range(_PARTS):
            predictions, labels = self._predictions.take(part), self._labels.take(part)
            if len(labels):
                labels = self._first_labels(labels)
            if len(predictions):
                found = self._resolved(predictions, labels)
                self._found.add(found["row"] // BLOCK_ROWS, found)

    def about(self, rows: NDArray[np.int64]) -> Lookup:
        """What was found out about predictions, each to be asked for once.

        Args:
            rows: int64 [n], their numbers, increasing. Numbers of one block of 2^18 are asked for one after
                the other.
        """
        fresh = np.ones(len(rows), np.bool_)
        observed, value = np.zeros(len(rows), np.int64), np.full(len(rows), np.nan)
        codes, known = np.full(len(rows), -1, np.int32), np.zeros(len(rows), np.bool_)
        for block in np.unique(rows // BLOCK_ROWS).tolist():
            found = self._of_block(block)
            place = np.minimum(np.searchsorted(rows, found["row"]), len(rows) - 1)
            inside = rows[place] == found["row"]
            here, found = place[inside], found[inside]
            fresh[here] = ~found["repeat"]
            known[here] = ~found["repeat"]
            observed[here], value[here], codes[here] = found["observed"], found["value"], found["code"]
        return Lookup(fresh, KnownTruth(known, observed, Texts(codes, tuple(self._names)), value))

    def _of_block(self, block: int) -> NDArray[np.void]:
        if block != self._block:
            found = self._found.take(block)
            self._block, self._rows = block, found[np.argsort(found["row"])]
        return self._rows

    def _first_labels(self, labels: NDArray[np.void]) -> NDArray[np.void]:
        """One label of each id, in order of the hashes."""
        order, starts, group = _grouped(labels)
        labels = labels[order]
        first = labels[starts]
        alike = _same_truth(labels, first[group])
        self.counts.labels += len(first)
        self.counts.label_repeats += int(np.count_nonzero(alike)) - len(first)
        self.counts.label_conflicts += int(np.count_nonzero(~alike))
        return first

    def _resolved(self, predictions: NDArray[np.void], labels: NDArray[np.void]) -> NDArray[np.void]:
        """Rows that are repeats, and rows that have a truth."""
        order, starts, group = _grouped(predictions)
        predictions = predictions[order]
        first = predictions[starts]
        repeat = np.ones(len(predictions), np.bool_)
        repeat[starts] = False
        alike = predictions["content"] == first["content"][group]
        self.counts.repeats += int(np.count_nonzero(repeat & alike))
        self.counts.conflicts += int(np.count_nonzero(repeat & ~alike))
        again = np.zeros(int(np.count_nonzero(repeat)), _FOUND)
        again["row"], again["repeat"] = predictions["row"][repeat], True
        if not len(labels):
            return again
        place = np.minimum(np.searchsorted(labels["high"], first["high"]), len(labels) - 1)
        met = (labels["high"][place] == first["high"]) & (labels["low"][place] == first["low"])
        truths = labels[place[met]]
        found = np.zeros(len(truths), _FOUND)
        found["row"] = first["row"][met]
        for name in ("observed", "value", "code"):
            found[name] = truths[name]
        self.counts.joined += len(found)
        return np.concatenate([again, found])


def _grouped(rows: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Order by id (equal ids keep theirs), where each id begins in it, and the number of each row's id."""
    order = np.argsort(rows["high"], kind="stable")
    high, low = rows["high"][order], rows["low"][order]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = high[1:] != high[:-1]
    if (begins[1:] | (low[1:] == low[:-1])).all():
        return order, np.flatnonzero(begins), np.cumsum(begins) - 1
    order = np.lexsort((rows["low"], rows["high"]))  # half of a hash in common, which hardly ever happens
    high, low = rows["high"][order], rows["low"][order]
    begins[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return order, np.flatnonzero(begins), np.cumsum(begins) - 1


def _same_truth(labels: NDArray[np.void], others: NDArray[np.void]) -> NDArray[np.bool_]:
    """As `Label.same_truth`: by class where one has a class, else by number."""
    by_class = (labels["code"] >= 0) | (others["code"] >= 0)
    alike: NDArray[np.bool_] = np.where(
        by_class, labels["code"] == others["code"], labels["value"] == others["value"]
    )
    return alike


def _parts(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    return (rows["high"] >> _PART_SHIFT).astype(np.uint8)


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
