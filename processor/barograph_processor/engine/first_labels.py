"""Labels of ids that hold one prediction and no label, as most do, joined for a whole batch at once.

What comes of each is what `Joiner` makes of it label by label: the same bytes, the same match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.engine.batch import Texts
from barograph_processor.engine.byte_strings import of_tables
from barograph_processor.engine.matches import MatchedRows, delays_s
from barograph_processor.engine.pending import LABELLED, Label, decode_prediction, decode_record, encode
from barograph_processor.engine.record_layout import (
    FLAGS_AT,
    LABELS_AT,
    LEAST_TIME,
    NUMBER_BYTES,
    Layout,
    fractions,
    whole_numbers,
    write,
)
from barograph_processor.signals.api import Joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Truths
    from barograph_processor.engine.byte_strings import ByteStrings
    from barograph_processor.engine.pending import Origin, Origins, Prediction

ROWS_LEAST: Final = 32  # of a batch; for fewer, arrays cost more than they save
_ALIKE_LEAST: Final = 8
_ONE_LABEL: Final = b"\x91"  # a list of one in msgpack


class Labelled(NamedTuple):
    """Labels of predictions that are alike.

    Attributes:
        places: Which of the labels.
        records: The new record of each.
        origin: Encoded `Origin` of the predictions.
        time_ns: int64, event time of each prediction.
        matched: The joined rows; None where the labels are about something else.
    """

    places: NDArray[np.intp]
    records: ByteStrings
    origin: bytes
    time_ns: NDArray[np.int64]
    matched: MatchedRows | None


class _Alike(NamedTuple):
    """Records that differ in numbers alone: which, what they share, and their bytes."""

    places: NDArray[np.intp]
    prediction: Prediction
    flags: int
    layout: Layout
    table: NDArray[np.uint8]


def first_labels(  # noqa: PLR0913, PLR0917 - one argument a fact
    batch: Truths,
    rows: NDArray[np.intp],
    version: str | None,
    output: str,
    stored: Sequence[bytes | None],
    origins: Origins,
    segments: int,
) -> Iterator[Labelled]:
    """Labels that can be taken at once; the others are left to the caller.

    Args:
        batch: The labels.
        rows: Which of them.
        version: Model version that they are about; None: every one.
        output: Output that they are about.
        stored: What is held under the id of each; None also where the id comes twice.
        origins: The origins that are known.
        segments: Number of segment columns.
    """
    for alike in _alike_records(stored):
        chosen = rows[alike.places]
        codes = batch.classes.codes[chosen]
        distinct = np.unique(codes).tolist()
        if int(batch.time_ns[chosen].min()) < LEAST_TIME or len(distinct) * _ALIKE_LEAST > len(chosen) + 64:
            continue
        origin = origins.of(alike.prediction.origin)
        about = output == origin.output and (version is None or version == origin.version)
        head = alike.table[:, :LABELS_AT].copy()
        head[:, FLAGS_AT - LABELS_AT] = alike.flags | LABELLED if about else alike.flags
        tables, places = [], []
        for code in distinct:
            here = np.flatnonzero(codes == code)
            text = None if code < 0 else batch.classes.values[code]
            label = Label(version, output, LEAST_TIME, text, 0.0, about)
            tables.append(_written(head[here], label, batch.time_ns[chosen[here]], batch.value[chosen[here]]))
            places.append(here)
        matched = _matched(alike, origin, batch, chosen, segments) if about else None
        time_ns = whole_numbers(alike.table, alike.layout.time_at)
        yield Labelled(alike.places, of_tables(tables, places), alike.prediction.origin, time_ns, matched)


def _alike_records(records: Sequence[bytes | None]) -> Iterator[_Alike]:
    """The records of one prediction and no label, by what they share; few that are alike are left out."""
    lengths = np.array([0 if one is None else len(one) for one in records])
    for length in np.unique(lengths[lengths > 0]).tolist():
        rest = np.flatnonzero(lengths == length)
        joined = b"".join([records[place] or b"" for place in rest.tolist()])
        table = np.frombuffer(joined, np.uint8).reshape(len(rest), length)
        failed = 0
        while len(rest) >= _ALIKE_LEAST * (1 + failed):
            first = table[0]
            pattern = _pattern(first.tobytes())
            if pattern is None:
                rest, table, failed = rest[1:], table[1:], failed + 1
                continue
            unlike = table != first
            for at in pattern[2].numbers_at:
                unlike[:, at : at + NUMBER_BYTES] = False
            other = unlike.any(axis=1)
            same = ~other
            if np.count_nonzero(same) >= _ALIKE_LEAST:
                yield _Alike(rest[same], *pattern, table[same])
            else:
                failed += 1
            rest, table = rest[other], table[other]


def _pattern(record: bytes) -> tuple[Prediction, int, Layout] | None:
    """What a record of one prediction and no label holds; None where it is another."""
    held = decode_record(record)
    if len(held.predictions) != 1 or held.labels:
        return None
    data, flags = held.predictions[0]
    prediction = decode_prediction(data)
    if prediction.time_ns < LEAST_TIME:
        return None
    layout = Layout.of(prediction, flags)
    return (prediction, flags, layout) if layout.record == record else None


def _written(
    head: NDArray[np.uint8], label: Label, time_ns: NDArray[np.int64], value: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Records that begin like this, with labels that differ in numbers from one; a row each."""
    encoded = _ONE_LABEL + encode(label)
    time_at = len(_ONE_LABEL) + 1 + len(encode(label.version)) + len(encode(label.output)) + 1
    value_at = time_at + NUMBER_BYTES + len(encode(label.truth_class)) + 1
    width = head.shape[1]
    table = np.empty((len(head), width + len(encoded)), np.uint8)
    table[:, :width] = head
    table[:, width:] = np.frombuffer(encoded, np.uint8)
    write(table, width + time_at, time_ns)
    write(table, width + value_at, value)
    return table


def _matched(
    alike: _Alike, origin: Origin, batch: Truths, rows: NDArray[np.intp], segments: int
) -> MatchedRows:
    """Predictions that are alike with their labels, as `matches.rows_of_matches` gives them."""
    count = len(rows)
    codes = batch.classes.codes[rows]
    seen = np.unique(codes[codes >= 0]).tolist()
    names: dict[str | None, int] = {None: -1}
    predicted = names.setdefault(alike.prediction.predicted_class, 0)
    place_of = np.full(len(batch.classes.values) + 1, -1, np.int32)
    for code in seen:
        place_of[code] = names.setdefault(batch.classes.values[code], len(names) - 1)
    order = sorted(range(len(origin.score_classes)), key=origin.score_classes.__getitem__)
    scores = np.full((count, len(order)), np.nan)
    if alike.prediction.scores is not None:
        for column, place in enumerate(order):
            scores[:, column] = fractions(alike.table, alike.layout.scores_at[place])
    time_ns = whole_numbers(alike.table, alike.layout.time_at)
    observed = batch.time_ns[rows]
    joined = Joined(
        classes=tuple(name for name in names if name is not None),
        truth_class=place_of[codes],
        predicted_class=np.full(count, predicted, np.int32),
        score=fractions(alike.table, alike.layout.score_at),
        scores=scores,
        score_classes=tuple(origin.score_classes[place] for place in order),
        truth_value=batch.value[rows],
        predicted_value=fractions(alike.table, alike.layout.value_at),
        delay_s=delays_s(time_ns, observed),
    )
    kept = alike.prediction.segments or (None,) * segments
    columns = [
        Texts(np.full(count, -1 if value is None else 0, np.int32), () if value is None else (value,))
        for value in kept
    ]
    return MatchedRows(joined, time_ns, observed, columns)
