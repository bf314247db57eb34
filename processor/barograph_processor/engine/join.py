"""Brings predictions and their truth together, whichever comes first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.errors import Retryable
from barograph_processor.engine.expiries import Expiries
from barograph_processor.engine.first_labels import ROWS_LEAST, first_labels
from barograph_processor.engine.first_records import first_records
from barograph_processor.engine.ids import Ids, ids_of, join_keys
from barograph_processor.engine.matches import Match
from barograph_processor.engine.pending import (
    COUNTED,
    FEATURED,
    LABELLED,
    MAX_ENTRIES,
    Label,
    Origins,
    Prediction,
    Record,
    decode_prediction,
    decode_record,
    encode,
)
from barograph_processor.engine.pending_changes import PendingChanges
from barograph_processor.engine.pending_columns import labels_of, predictions_of
from barograph_processor.engine.reasons import Lane, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Key, Predictions, Truths
    from barograph_processor.engine.byte_strings import ByteStrings
    from barograph_processor.engine.matches import MatchedRows
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.settings import PendingStore, Settings

_EXPIRE_ROUNDS = 20
_WAITS = COUNTED | LABELLED


class Taken(NamedTuple):
    """What became of predictions.

    Attributes:
        rows: Numbers of the rows that were not taken before, in order.
        featured: Numbers of the rows whose features were not taken before.
        refused: Rows that were refused.
    """

    rows: NDArray[np.intp]
    featured: NDArray[np.intp]
    refused: int


class Joiner:
    """The pending predictions and labels of every model.

    Attributes:
        labels_accepted: Labels taken, repeats left out.
        labels_joined: Those that met a prediction.
        labels_waiting: Those that wait for one; too many where the store evicted some.
    """

    def __init__(
        self,
        settings: Settings,
        store: PendingStore,
        tally: Tally,
        found: Callable[[Key, list[Match]], None],
        found_rows: Callable[[Key, MatchedRows], None],
    ) -> None:
        """Begin.

        Args:
            settings: Windows, horizons and segments.
            store: Where records wait.
            tally: Counts what can't be joined.
            found: Called with the new matches of a key; each comes once, here or there.
            found_rows: Called with those that were joined as columns.
        """
        self._settings = settings
        self._store = store
        self._tally = tally
        self._found = found
        self._found_rows = found_rows
        self._origins = Origins()
        self._expiries = Expiries(settings)
        self._pending = PendingChanges(store)
        self._new_matches: dict[Key, list[Match]] = {}
        self._new_rows: list[tuple[Key, MatchedRows]] = []
        self.labels_accepted = 0
        self.labels_joined = 0
        self.labels_waiting = 0
        self._before = (0, 0, 0)

    def predictions(self, batch: Predictions, rows: NDArray[np.intp], *, counted: bool) -> Taken:
        """Take predictions.

        Args:
            batch: The predictions.
            rows: Which of them; those without id are given back as new.
            counted: Whether they count as rows; not where they only come along with their truth.
        """
        self._begin()
        ids = ids_of(batch.ids, rows)
        named = rows
        if not ids.known.all():
            named, ids = rows[ids.known], ids.take(ids.known)
            self._tally.count(Lane.OUTCOMES, Reason.NO_ID, len(rows) - len(named))
        keys = join_keys(batch.key.tenant, batch.key.model, ids)
        held = self._pending.look(keys)
        featured = with_features(batch, named)
        flags = np.where(featured, COUNTED | FEATURED, COUNTED) * counted
        some = slice(None) if held.new.all() else held.new
        first = named[some]
        self._pending.put_columns(
            keys if some is not held.new else keys.take(some),
            self._expiries.of_predictions(batch.time_ns[first]),
            first_records(batch, first, flags[some], self._settings.segments),
        )
        fresh = held.new.copy()
        refused = 0
        predictions = predictions_of(batch, named[held.rest], self._settings.segments)
        for place, name, stored, prediction in zip(
            held.rest.tolist(), held.names, held.records, predictions, strict=True
        ):
            current = self._pending.changed(name) or stored
            record = Record([], []) if current is None else decode_record(current)
            new, reason = self._add_prediction(batch.key, record, encode(prediction), int(flags[place]))
            fresh[place], featured[place] = new & COUNTED, new & FEATURED
            if reason is None:
                self._pending.put(name, self._expiries.of_record(record), encode(record))
            elif counted and reason != Reason.DUPLICATE:
                self._tally.drop(Lane.OUTCOMES, reason)
                refused += 1
            elif counted or reason != Reason.DUPLICATE:
                self._tally.count(Lane.OUTCOMES if counted else Lane.FEEDBACK, reason)
        self._commit()
        if len(named) == len(rows):
            return Taken(named[fresh], named[featured], refused)
        known = np.isin(rows, named, assume_unique=True)
        is_new, has_features = np.ones(len(rows), np.bool_), with_features(batch, rows)
        is_new[known], has_features[known] = fresh, featured
        return Taken(rows[is_new], rows[has_features], refused)

    def truths(self, batch: Truths) -> int:
        """Take labels, in the pair form with their predictions; returns how many were taken."""
        self._begin()
        count = len(batch.time_ns)
        pair = batch.pair
        every = np.arange(count)
        ids = Ids.of(batch.ids)
        version, output = batch.version, batch.output
        lone = every[~ids.known]
        if pair is not None:
            # The truth says whose it is: it joins this version alone.
            version, output = pair.key.version, pair.key.output
            self.predictions(pair, every[ids.known], counted=False)
            self._join_directly(batch, pair, lone)
        elif len(lone):
            self._tally.drop(Lane.FEEDBACK, Reason.NO_ID, len(lone))
        named = every[ids.known]
        keys = join_keys(batch.tenant, batch.model, ids.take(ids.known) if len(lone) else ids)
        names = keys.tolist()
        stored = self._pending.records(names)
        rest = self._first_labels(batch, named, version, output, keys, names, stored)
        labels = labels_of(batch, named[rest], version, output)
        refused = 0 if pair is not None else len(lone)
        for place, label in zip(rest.tolist(), labels, strict=True):
            name = names[place]
            current = self._pending.changed(name) or stored[place]
            record = Record([], []) if current is None else decode_record(current)
            if len(record.predictions) == 1 and not record.labels:
                first = self._first_label(batch.tenant, batch.model, record.predictions[0], label)
                self._pending.put(name, *first)
                continue
            reason = self._add_label(batch.tenant, batch.model, record, label)
            if reason is None:
                self._pending.put(name, self._expiries.of_record(record), encode(record))
            elif reason == Reason.DUPLICATE:
                self._tally.count(Lane.FEEDBACK, reason)
            else:
                self._tally.drop(Lane.FEEDBACK, reason)
                refused += 1
        self._commit()
        return count - refused

    def _first_labels(  # noqa: PLR0913, PLR0917 - a step of the method above
        self,
        batch: Truths,
        rows: NDArray[np.intp],
        version: str | None,
        output: str,
        keys: ByteStrings,
        names: Sequence[bytes],
        stored: Sequence[bytes | None],
    ) -> NDArray[np.intp]:
        """Take the labels of ids that hold one prediction alone; returns the places of the others."""
        left = np.ones(len(rows), np.bool_)
        if len(rows) < ROWS_LEAST:
            return np.flatnonzero(left)
        if len(set(names)) < len(names):
            times = Counter(names)
            stored = [one if times[name] == 1 else None for name, one in zip(names, stored, strict=True)]
        segments = len(self._settings.segments)
        for part in first_labels(batch, rows, version, output, stored, self._origins, segments):
            count = len(part.places)
            expiries = self._expiries.of_predictions(part.time_ns)
            self._pending.put_columns(keys.take(part.places), expiries, part.records)
            left[part.places] = False
            self.labels_accepted += count
            if part.matched is None:
                self.labels_waiting += count
            else:
                self.labels_joined += count
                key = self._origins.key(batch.tenant, batch.model, part.origin)
                self._new_rows.append((key, part.matched))
        return np.flatnonzero(left)

    def expire(self, before_ns: int) -> None:
        """Let go of what waited too long, counted."""
        for _ in range(_EXPIRE_ROUNDS):
            gone = self._store.expire(before_ns)
            if not gone:
                return
            for data in gone:
                record = decode_record(data)
                unlabelled = sum(1 for _, flags in record.predictions if flags & _WAITS == COUNTED)
                unmatched = sum(1 for label in record.labels if not label.joined)
                self._tally.count(Lane.OUTCOMES, Reason.NEVER_LABELLED, unlabelled)
                self._tally.count(Lane.FEEDBACK, Reason.NEVER_MATCHED, unmatched)
                self.labels_waiting -= unmatched

    def _add_prediction(self, key: Key, record: Record, data: bytes, flag: int) -> tuple[int, str | None]:
        """Add a prediction to a record; the flags that are new, and why it wasn't added."""
        new = flag
        for at, (other, flags) in enumerate(record.predictions):
            if other == data:
                new = flag & ~flags
                if not new:
                    return 0, Reason.DUPLICATE
                # Known from its truth alone until now, or without its features.
                record.predictions[at] = (other, flags | new)
                return new, None
            origin = self._origins.of(decode_prediction(other).origin)
            if origin.key_parts == (key.namespace, key.environment, key.version, key.output):
                return 0, Reason.CONFLICT
        if len(record.predictions) >= MAX_ENTRIES:
            return 0, Reason.RECORD_LIMIT
        prediction = decode_prediction(data)
        origin = self._origins.of(prediction.origin)
        for label in sorted(record.labels, key=lambda one: one.version is None):
            if label.about(origin):
                flag |= LABELLED
                self._matched(key, prediction, origin.score_classes, label)
                break
        record.predictions.append((data, flag))
        return new, None

    def _add_label(self, tenant: str, model: str, record: Record, label: Label) -> str | None:
        """Add a label to a record; why not, where it wasn't."""
        for other in record.labels:
            if (other.version, other.output) == (label.version, label.output):
                return Reason.DUPLICATE if other.same_truth(label) else Reason.CONFLICT
        if len(record.labels) >= MAX_ENTRIES:
            return Reason.RECORD_LIMIT
        about = []
        for at, (data, flags) in enumerate(record.predictions):
            prediction = decode_prediction(data)
            origin = self._origins.of(prediction.origin)
            if label.about(origin):
                about.append((at, flags, prediction, origin))
        if about and all(flags & LABELLED for _, flags, _, _ in about):  # by a label with or without version
            rivals = [one for one in record.labels if one.about(about[0][3])]
            return Reason.DUPLICATE if any(one.same_truth(label) for one in rivals) else Reason.CONFLICT
        self.labels_accepted += 1
        self.labels_waiting += 1
        for at, flags, prediction, origin in about:
            if not flags & LABELLED:
                record.predictions[at] = (record.predictions[at][0], flags | LABELLED)
                key = self._origins.key(tenant, model, prediction.origin)
                self._matched(key, prediction, origin.score_classes, label)
        record.labels.append(label)
        return None

    def _first_label(
        self, tenant: str, model: str, held: tuple[bytes, int], label: Label
    ) -> tuple[int, bytes]:
        """Add a label to a record that has one prediction and no label, as most have; the new entry."""
        data, flags = held
        prediction = decode_prediction(data)
        origin = self._origins.of(prediction.origin)
        self.labels_accepted += 1
        self.labels_waiting += 1
        if label.about(origin):
            flags |= LABELLED
            key = self._origins.key(tenant, model, prediction.origin)
            self._matched(key, prediction, origin.score_classes, label)
        expiry = self._expiries.of_pane(prediction.time_ns // self._settings.pane_ns)
        return expiry, encode((((data, flags),), (label,)))

    def _matched(
        self, key: Key, prediction: Prediction, score_classes: tuple[str, ...], label: Label
    ) -> None:
        if not label.joined:
            label.joined = True
            self.labels_joined += 1
            self.labels_waiting -= 1
        matches = self._new_matches.get(key)
        if matches is None:
            matches = self._new_matches[key] = []
        matches.append(Match(prediction, score_classes, label))

    def _join_directly(self, batch: Truths, pair: Predictions, rows: NDArray[np.intp]) -> None:
        """Pairs without id need no record."""
        labels = labels_of(batch, rows, pair.key.version, pair.key.output)
        self.labels_accepted += len(labels)
        self.labels_waiting += len(labels)
        predictions = predictions_of(pair, rows, self._settings.segments)
        for prediction, label in zip(predictions, labels, strict=True):
            self._matched(pair.key, prediction, pair.score_classes, label)

    def _begin(self) -> None:
        self._before = (self.labels_accepted, self.labels_joined, self.labels_waiting)
        self._pending.forget()

    def _commit(self) -> None:
        """Store what changed; only then are the matches handed on."""
        matches, self._new_matches = self._new_matches, {}
        rows, self._new_rows = self._new_rows, []
        try:
            evicted = self._pending.commit()
        except Retryable:  # the same will be found again when the batch comes again
            self.labels_accepted, self.labels_joined, self.labels_waiting = self._before
            raise
        self._tally.count(Lane.OUTCOMES, Reason.EVICTED, evicted)
        for key, found in matches.items():
            self._found(key, found)
        for key, columns in rows:
            self._found_rows(key, columns)


def with_features(batch: Predictions, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of some rows came with features."""
    features = batch.features
    if features is None:
        return np.zeros(len(rows), np.bool_)
    return np.ones(len(rows), np.bool_) if features.given is None else features.given[rows]
