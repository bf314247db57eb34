"""Joining all rows at once says what joining them one by one says, in memory and on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import ConfigError, Permanent
from barograph_processor.engine.batch import KnownTruth, Texts
from barograph_processor.files.id_hashes import hash_ids
from barograph_processor.files.joining import BLOCK_ROWS, Joining
from barograph_processor.files.spill import Budget, Spill
from engine.world import predictions, texts

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 4_000


def truths_of(labels: list[tuple[str, int, str]]) -> tuple[pa.StringArray, KnownTruth]:
    return pa.array([one[0] for one in labels]), KnownTruth(
        np.ones(len(labels), np.bool_),
        np.array([one[1] for one in labels], np.int64),
        texts([one[2] for one in labels]),
        np.array([float(one[2]) for one in labels]),
    )


class Case:
    """Ids that repeat, with equal and with other content; labels that repeat, differ, or belong to none."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.numbers = np.cumsum(random.integers(1, 3 * BLOCK_ROWS // ROWS, ROWS))
        self.rows: list[tuple[str | None, int, float]] = []
        for at in range(ROWS):
            chance = random.random()
            if chance < 0.1 and at:
                self.rows.append(self.rows[random.integers(at)])
            elif chance < 0.2 and at:
                self.rows.append((self.rows[random.integers(at)][0], at, 0.5))
            else:
                self.rows.append((None if chance > 0.97 else f"row-{at}", at, random.random()))
        ids = [row[0] for row in self.rows if row[0] is not None and random.random() < 0.7]
        ids += [f"other-{at}" for at in range(50)]
        self.labels = [(name, place, str(place % 2)) for place, name in enumerate(ids)]

    def wanted(self) -> tuple[list[bool], list[tuple[int, str] | None], dict[str, int]]:
        """Which rows are fresh, their truths, and the counts, by a dictionary."""
        counts = dict.fromkeys(
            ("repeats", "conflicts", "labels", "label_repeats", "label_conflicts", "joined"), 0
        )
        known: dict[str, tuple[int, str]] = {}
        for label, observed, truth in self.labels:
            if label not in known:
                known[label] = (observed, truth)
                counts["labels"] += 1
            else:
                counts["label_repeats" if known[label][1] == truth else "label_conflicts"] += 1
        seen: dict[str, tuple[object, ...]] = {}
        fresh: list[bool] = []
        found: list[tuple[int, str] | None] = []
        for row in self.rows:
            name = row[0]
            fresh.append(name is None or name not in seen)
            if name is not None and name in seen:
                counts["repeats" if seen[name] == row else "conflicts"] += 1
            elif name is not None:
                seen[name] = row
            found.append(known.get(name) if name is not None and fresh[-1] else None)
        counts["joined"] = sum(one is not None for one in found)
        return fresh, found, counts

    def into(self, joining: Joining, part: int) -> None:
        for start in range(0, ROWS, part):
            rows = self.rows[start : start + part]
            ids = pa.array([row[0] for row in rows], pa.string())
            joining.add_predictions(self.numbers[start : start + part], ids, predictions(rows))
        for start in range(0, len(self.labels), part):
            joining.add_labels(*truths_of(self.labels[start : start + part]))
        joining.resolve()


@pytest.mark.parametrize("memory_bytes", [2**30, 10_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_rows_and_labels_meet_as_one_by_one(tmp_path: Path, seed: int, memory_bytes: int) -> None:
    case = Case(seed)
    joining = Joining(tmp_path, memory_bytes)
    case.into(joining, 700)
    assert bool(list(tmp_path.iterdir())) == (memory_bytes == 10_000)

    fresh: list[bool] = []
    found: list[tuple[int, str] | None] = []
    for start in range(0, ROWS, 311):
        lookup = joining.about(case.numbers[start : start + 311])
        fresh += lookup.fresh.tolist()
        truth = lookup.truth
        found += [
            (observed, truth.classes.values[code]) if known else None
            for known, observed, code in zip(
                truth.known.tolist(), truth.observed_ns.tolist(), truth.classes.codes.tolist(), strict=True
            )
        ]
        assert [float(one[1]) for one in found[start:] if one] == truth.value[truth.known].tolist()
    wanted_fresh, wanted, counts = case.wanted()
    assert wanted_fresh == fresh
    assert wanted == found
    assert counts == {name: getattr(joining.counts, name) for name in counts}
    assert min(counts.values()) > 0
    assert [] == list(tmp_path.iterdir())


def test_a_truth_that_is_a_number_is_compared_as_one(tmp_path: Path) -> None:
    joining = Joining(tmp_path)
    truth = KnownTruth(
        np.ones(3, np.bool_), np.arange(3), Texts(np.full(3, -1, np.int32), ()), np.array([1.5, 1.5, 2.0])
    )
    joining.add_labels(pa.array(["a", "a", "a"]), truth)
    joining.resolve()
    counts = joining.counts
    assert (1, 1, 1) == (counts.labels, counts.label_repeats, counts.label_conflicts)


def test_a_column_with_a_class_a_row_is_no_label(tmp_path: Path) -> None:
    joining = Joining(tmp_path)
    names = tuple(f"text {at}" for at in range(100_001))
    truth = KnownTruth(
        np.ones(len(names), np.bool_),
        np.zeros(len(names), np.int64),
        Texts(np.arange(len(names), dtype=np.int32), names),
        np.full(len(names), np.nan),
    )
    with pytest.raises(ConfigError, match="more than 100,000 different texts, such as 'text 100000'"):
        joining.add_labels(pa.array(names), truth)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "gone", "x", 1, Budget(10))
    with pytest.raises(Permanent, match=r"gone/x-0 can't be used: No such file .* TMPDIR names"):
        spill.add(np.zeros(4, np.uint8), np.zeros((4, 1), np.uint64))


def test_what_is_left_out_does_not_count_whatever_its_id_says(tmp_path: Path) -> None:
    joining = Joining(tmp_path)
    joining.add_predictions(np.arange(3), pa.array(["a", "b", "c"]), predictions([("a", 0, 0.5)] * 3))
    joining.add_labels(*truths_of([("a", 1, "1"), ("b", 1, "1"), ("c", 1, "1")]))
    joining.leave_out(np.array([1]))
    joining.resolve()
    lookup = joining.about(np.arange(3))
    assert ([True, False, True], [True, False, True]) == (lookup.fresh.tolist(), lookup.truth.known.tolist())


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
def test_hashes_are_equal_where_ids_are(ids: list[str]) -> None:
    high, low = hash_ids(pa.array(ids, pa.string()))
    pairs = [*zip(high.tolist(), low.tolist(), strict=True)]
    assert len(set(ids)) == len(set(pairs)) == len(set(zip(ids, pairs, strict=True)))
    alone = [hash_ids(pa.array([one], pa.string())) for one in ids]
    assert pairs == [(int(one.high[0]), int(one.low[0])) for one in alone]


def test_hashes_of_like_ids_are_far_apart() -> None:
    """Each half of the hash of a counter falls into each of 256 parts about equally often."""
    for ids in ([f"row-{at}" for at in range(50_000)], [f"{at:040d}" for at in range(50_000)]):
        for half in hash_ids(pa.array(ids)):
            assert len(ids) == len(np.unique(half))
            for shift in (0, 8, 32, 56):
                counts = np.bincount((half >> np.uint64(shift)) & np.uint64(255), minlength=256)
                assert ((counts - len(ids) / 256) ** 2 / (len(ids) / 256)).sum() < 370  # p = 1e-6 of χ²(255)
