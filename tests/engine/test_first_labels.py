"""Labels that are taken together leave what labels leave that come one by one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph.times import NOT_A_TIME
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.engine.first_labels import ROWS_LEAST
from barograph_processor.engine.join import Joiner
from barograph_processor.engine.matches import MatchedRows, rows_of_matches, together
from barograph_processor.engine.reasons import Tally
from barograph_processor.engine.settings import Settings
from barograph_processor.stores.memory import MemoryStore

from .world import KEY, entries_of, texts

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Key
    from barograph_processor.engine.matches import Match

START_NS = 2**60
CLASSES = ("0", "1", "2", "größe", "x" * 300, None)
IDS = tuple(str(number) for number in range(300))


class Joined:
    """A joiner, and what it found."""

    def __init__(self, segments: tuple[str, ...]) -> None:
        self.settings = Settings(segments=segments)
        self.tally = Tally()
        self.store = MemoryStore()
        self.found: list[tuple[Key, MatchedRows]] = []
        self.together = 0
        self.joiner = Joiner(self.settings, self.store, self.tally, self._one_by_one, self._at_once)

    def _one_by_one(self, key: Key, matches: list[Match]) -> None:
        for match in matches:  # one at a time, since scores are absent of classes that others have
            self.found.append((key, rows_of_matches([match], len(self.settings.segments))))

    def _at_once(self, key: Key, rows: MatchedRows) -> None:
        self.found.append((key, rows))
        self.together += len(rows.time_ns)

    def kept(self) -> dict[bytes, tuple[int, bytes]]:
        """The entries of the store."""
        return entries_of(self.store.dump())

    def rows(self) -> Counter[str]:
        """The joined rows, in any order."""
        return Counter(f"{key} {row}" for key, part in self.found for row in rows_of(part))

    def figures(self) -> tuple[int, ...]:
        """What is counted of labels."""
        joiner = self.joiner
        return joiner.labels_accepted, joiner.labels_joined, joiner.labels_waiting, self.store.size_bytes


def rows_of(part: MatchedRows) -> list[tuple[object, ...]]:
    """Each row of columns."""
    names = (*part.joined.classes, None)
    return [
        (
            names[part.joined.truth_class[row]],
            names[part.joined.predicted_class[row]],
            part.joined.score[row].item().hex(),
            dict(
                zip(part.joined.score_classes, map(float.hex, part.joined.scores[row].tolist()), strict=True)
            ),
            part.joined.truth_value[row].item().hex(),
            part.joined.predicted_value[row].item().hex(),
            part.joined.delay_s[row].item().hex(),
            int(part.time_ns[row]),
            int(part.observed_ns[row]),
            tuple((*column.values, None)[column.codes[row]] for column in part.segments),
        )
        for row in range(len(part.time_ns))
    ]


def predictions(rng: np.random.Generator, ids: list[str], key: Key, classes: int, width: int) -> Predictions:
    """Predictions with these ids."""
    count = len(ids)
    return Predictions(
        key=key,
        source="a",
        ids=ids,
        time_ns=START_NS + rng.integers(0, 10**13, count),
        classes=texts([CLASSES[one] for one in rng.integers(0, classes, count)]),
        score=np.where(rng.random(count) < 0.1, np.nan, rng.random(count)),
        scores=rng.random((count, width)),
        score_classes=tuple(str(number) for number in range(width))[::-1],
        value=np.where(rng.random(count) < 0.5, np.nan, rng.normal(size=count)),
        segments={"region": texts([("north", None)[one] for one in rng.integers(0, 2, count)])},
    )


def labels(rng: np.random.Generator, ids: list[str], version: str | None, output: str) -> Truths:
    """Labels of these ids."""
    count = len(ids)
    times = START_NS + rng.integers(0, 10**13, count)
    if rng.random() < 0.2:
        times[rng.random(count) < 0.1] = NOT_A_TIME
    return Truths(
        tenant=KEY.tenant,
        model=KEY.model,
        version=version,
        output=output,
        ids=ids,
        time_ns=times,
        classes=texts([CLASSES[one] for one in rng.integers(0, len(CLASSES), count)]),
        value=rng.normal(size=count),
    )


def one_by_one(batch: Truths) -> list[Truths]:
    """A batch a label."""
    names = (*batch.classes.values, None)
    return [
        Truths(
            batch.tenant,
            batch.model,
            batch.version,
            batch.output,
            [batch.ids[row]],
            batch.time_ns[row : row + 1],
            texts([names[batch.classes.codes[row]]]),
            batch.value[row : row + 1],
        )
        for row in range(len(batch.ids))
    ]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    kinds=st.integers(1, len(CLASSES)),
    width=st.sampled_from([0, 1, 2, 20]),
    segments=st.sampled_from([(), ("region",), ("absent", "region")]),
    version=st.sampled_from([None, KEY.version, "other"]),
    output=st.sampled_from([KEY.output, "eta"]),
    again=st.booleans(),
)
def test_labels_taken_together_leave_what_labels_one_by_one_leave(
    seed: int,
    kinds: int,
    width: int,
    segments: tuple[str, ...],
    version: str | None,
    output: str,
    again: bool,
) -> None:
    first, second = Joined(segments), Joined(segments)
    rng = np.random.default_rng(seed)
    known = rng.choice(IDS, int(rng.integers(0, 200)), replace=False).tolist()
    other = KEY._replace(version="other")
    batches = [predictions(rng, known, KEY, kinds, width)]
    batches.append(predictions(rng, rng.choice(IDS, 5, replace=False).tolist(), other, kinds, width))
    asked = rng.choice(IDS, int(rng.integers(0, 250)), replace=again).tolist()
    truths = [labels(rng, asked, version, output), labels(rng, asked[::2], None, KEY.output)]
    for joined in (first, second):
        for batch in batches:
            joined.joiner.predictions(batch, np.arange(len(batch.ids)), counted=True)
    for truth in truths:
        taken = first.joiner.truths(truth)
        assert taken == sum(second.joiner.truths(one) for one in one_by_one(truth))
    assert second.kept() == first.kept()
    assert second.figures() == first.figures()
    assert second.tally.totals == first.tally.totals
    assert second.rows() == first.rows()
    assert second.together == 0


def test_labels_of_a_large_batch_are_taken_together() -> None:
    joined, rng = Joined(("region",)), np.random.default_rng(1)
    ids = [str(number) for number in range(2_000)]
    joined.joiner.predictions(predictions(rng, ids, KEY, 3, 2), np.arange(2_000), counted=True)
    joined.joiner.truths(labels(np.random.default_rng(2), ids, None, KEY.output))
    assert joined.together == 2_000
    joined.joiner.truths(labels(np.random.default_rng(2), ids[: ROWS_LEAST - 1], None, KEY.output))
    assert joined.joiner.labels_joined == 2_000


def test_parts_that_are_put_together_have_the_same_rows() -> None:
    joined, rng = Joined(("region",)), np.random.default_rng(3)
    ids = [str(number) for number in range(500)]
    joined.joiner.predictions(predictions(rng, ids[:400], KEY, 4, 2), np.arange(400), counted=True)
    joined.joiner.predictions(predictions(rng, ids[400:], KEY, 2, 0), np.arange(100), counted=True)
    joined.joiner.truths(labels(rng, ids, None, KEY.output))
    parts = [part for _, part in joined.found]
    whole = [*together(parts)]
    assert [(), ("0", "1")] == sorted(part.joined.score_classes for part in whole)
    assert joined.rows() == Counter(f"{KEY} {row}" for part in whole for row in rows_of(part))
