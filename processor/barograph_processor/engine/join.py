"""Brings predictions and their truth together, whichever comes first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.errors import Retryable
from barograph_processor.engine.first_labels import ROWS_LEAST, first_labels
from barograph_processor.engine.first_records import first_records
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
    join_keys,
)
from barograph_processor.engine.pending_columns import (
    first_of,
    labels_of,
    named_rows,
    predictions_of,
    some_of,
)
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.windows import window_end, window_start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Key, Predictions, Truths
    from barograph_processor.engine.matches import MatchedRows
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.settings import PendingStore, Settings

Entry = tuple[bytes, int, bytes]  # join key, expiry in Unix nanoseconds, record
_EXPIRY_CACHE = 100_000
_EXPIRE_ROUNDS = 20
_WAITS = COUNTED | LABELLED


class Match(NamedTuple):
    """A prediction with its truth."""

    prediction: Prediction
    score_classes: tuple[str, ...]
    label: Label


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
        self._expiries: dict[int, int] = {}
        self._new_matches: dict[Key, list[Match]] = {}
        self._new_rows: list[tuple[Key, MatchedRows]] = []
        self._patience_ns = settings.horizons[-1].length_ns + settings.lateness_ns
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
        self._before = (self.labels_accepted, self.labels_joined, self.labels_waiting)
        named, ids = named_rows(batch, rows)
        if len(named) < len(rows):
            self._tally.count(Lane.OUTCOMES, Reason.NO_ID, len(rows) - len(named))
        keys = join_keys(batch.key.tenant, batch.key.model, ids)
        stored = self._store.get_many(keys)
        first = first_of(keys, stored)
        featured = with_features(batch, named)
        flags = np.where(featured, COUNTED | FEATURED, COUNTED) * counted
        changed = self._first_predictions(batch, named[first], flags[first], some_of(keys, first))
        fresh = first.copy()
        refused = 0
        rest = np.flatnonzero(~first)
        predictions = predictions_of(batch, named[rest], self._settings.segments)
        for place, prediction in zip(rest.tolist(), predictions, strict=True):
            key = keys[place]
            held = changed.get(key)
            current = stored[place] if held is None else held[2]
            assert current is not None  # else it would be the first
            record = decode_record(current)
            new, reason = self._add_prediction(batch.key, record, encode(prediction), int(flags[place]))
            fresh[place], featured[place] = new & COUNTED, new & FEATURED
            if reason is None:
                changed[key] = (key, self._record_expiry(record), encode(record))
            elif counted and reason != Reason.DUPLICATE:
                self._tally.drop(Lane.OUTCOMES, reason)
                refused += 1
            elif counted or reason != Reason.DUPLICATE:
                self._tally.count(Lane.OUTCOMES if counted else Lane.FEEDBACK, reason)
        self._commit(changed)
        if len(named) == len(rows):
            return Taken(named[fresh], named[featured], refused)
        known = np.isin(rows, named, assume_unique=True)
        is_new, has_features = np.ones(len(rows), np.bool_), with_features(batch, rows)
        is_new[known], has_features[known] = fresh, featured
        return Taken(rows[is_new], rows[has_features], refused)

    def _first_predictions(
        self, batch: Predictions, rows: NDArray[np.intp], flags: NDArray[np.int64], keys: Sequence[bytes]
    ) -> dict[bytes, Entry]:
        """The entries of predictions under whose ids nothing is held."""
        records = first_records(batch, rows, flags, self._settings.segments)
        entries = zip(keys, self._prediction_expiries(batch.time_ns[rows]), records, strict=True)
        return dict(zip(keys, entries, strict=True))

    def truths(self, batch: Truths) -> int:
        """Take labels, in the pair form with their predictions; returns how many were taken."""
        self._before = (self.labels_accepted, self.labels_joined, self.labels_waiting)
        count = len(batch.time_ns)
        pair = batch.pair
        every = np.arange(count)
        known = np.array([text is not None for text in batch.ids], np.bool_).reshape(count)
        version, output = batch.version, batch.output
        lone = every[~known]
        if pair is not None:
            # The truth says whose it is: it joins this version alone.
            version, output = pair.key.version, pair.key.output
            self.predictions(pair, every[known], counted=False)
            self._join_directly(batch, pair, lone)
        elif len(lone):
            self._tally.drop(Lane.FEEDBACK, Reason.NO_ID, len(lone))
        named = every[known]
        keys = join_keys(batch.tenant, batch.model, [text for text in batch.ids if text is not None])
        stored = self._store.get_many(keys)
        changed: dict[bytes, Entry] = {}
        rest = self._first_labels(batch, named, version, output, keys, stored, changed)
        labels = labels_of(batch, named[rest], version, output)
        refused = 0 if pair is not None else len(lone)
        for place, label in zip(rest.tolist(), labels, strict=True):
            key, before = keys[place], stored[place]
            held = changed.get(key)
            current = before if held is None else held[2]
            record = Record([], []) if current is None else decode_record(current)
            if len(record.predictions) == 1 and not record.labels:
                changed[key] = (
                    key,
                    *self._first_label(batch.tenant, batch.model, record.predictions[0], label),
                )
                continue
            reason = self._add_label(batch.tenant, batch.model, record, label)
            if reason is None:
                changed[key] = (key, self._record_expiry(record), encode(record))
            elif reason == Reason.DUPLICATE:
                self._tally.count(Lane.FEEDBACK, reason)
            else:
                self._tally.drop(Lane.FEEDBACK, reason)
                refused += 1
        self._commit(changed)
        return count - refused

    def _first_labels(  # noqa: PLR0913, PLR0917 - a step of the method above
        self,
        batch: Truths,
        rows: NDArray[np.intp],
        version: str | None,
        output: str,
        keys: Sequence[bytes],
        stored: Sequence[bytes | None],
        changed: dict[bytes, Entry],
    ) -> NDArray[np.intp]:
        """Take the labels of ids that hold one prediction alone; returns the places of the others."""
        left = np.ones(len(rows), np.bool_)
        if len(rows) < ROWS_LEAST:
            return np.flatnonzero(left)
        if len(set(keys)) < len(keys):
            times = Counter(keys)
            stored = [one if times[key] == 1 else None for key, one in zip(keys, stored, strict=True)]
        segments = len(self._settings.segments)
        for part in first_labels(batch, rows, version, output, stored, self._origins, segments):
            count = len(part.places)
            chosen = [keys[place] for place in part.places.tolist()]
            entries = zip(chosen, self._prediction_expiries(part.time_ns), part.records, strict=True)
            changed.update(zip(chosen, entries, strict=True))
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
        expiry = self._prediction_expiry(prediction.time_ns // self._settings.pane_ns)
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

    def _commit(self, changed: dict[bytes, Entry]) -> None:
        """Store what changed; only then are the matches handed on."""
        matches, self._new_matches = self._new_matches, {}
        rows, self._new_rows = self._new_rows, []
        if changed:
            try:
                evicted = self._store.put_many([*changed.values()])
            except Retryable:  # the same will be found again when the batch comes again
                self.labels_accepted, self.labels_joined, self.labels_waiting = self._before
                raise
            self._tally.count(Lane.OUTCOMES, Reason.EVICTED, evicted)
        for key, found in matches.items():
            self._found(key, found)
        for key, columns in rows:
            self._found_rows(key, columns)

    def _record_expiry(self, record: Record) -> int:
        pane_ns = self._settings.pane_ns
        times = [decode_prediction(data).time_ns for data, _ in record.predictions]
        if times:
            return max(self._prediction_expiry(time_ns // pane_ns) for time_ns in times)
        return max(label.time_ns for label in record.labels) + max(self._patience_ns, self._settings.ttl_ns)

    def _prediction_expiries(self, times_ns: NDArray[np.int64]) -> list[int]:
        """Of predictions of these times."""
        panes, pane_of = np.unique(times_ns // self._settings.pane_ns, return_inverse=True)
        expiries = np.array([self._prediction_expiry(pane) for pane in panes.tolist()], np.int64)
        found: list[int] = expiries[pane_of.reshape(-1)].tolist()
        return found

    def _prediction_expiry(self, pane: int) -> int:
        """Until when labels of a pane's predictions can count: the last horizon of its longest window."""
        expiry = self._expiries.get(pane)
        if expiry is None:
            if len(self._expiries) >= _EXPIRY_CACHE:
                self._expiries.clear()
            time_ns = pane * self._settings.pane_ns
            ends = [window_end(one, window_start(one, time_ns)) for one in self._settings.windows]
            expiry = max(max(ends) + self._patience_ns, time_ns + self._settings.ttl_ns)
            self._expiries[pane] = expiry
        return expiry


def with_features(batch: Predictions, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of some rows came with features."""
    features = batch.features
    if features is None:
        return np.zeros(len(rows), np.bool_)
    return np.ones(len(rows), np.bool_) if features.given is None else features.given[rows]
