"""Restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from barograph.baseline import Baseline, Feature, Header, encode_baseline
from barograph.errors import StateError
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.images import unpack
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS
from barograph_processor.stores.disk import DiskStore
from barograph_processor.stores.memory import MemoryStore

from .test_learning import hour
from .world import KEY, NOON, SETTINGS, engine_of, entries_of, figures, predictions, rows_points, truths

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Batch

NOW = NOON + 9 * DAY_NS
LEARNING = replace(SETTINGS, learn_rows=900)


def test_a_snapshot_restored_gives_the_same_snapshot() -> None:
    engine = engine_of(LEARNING)
    engine.feed([hour(0), hour(1), predictions([("a", NOON, 0.9)]), truths([("b", NOON, "1")])], NOW)
    engine.advance(NOW)
    data = engine.snapshot()
    restored = Engine.restore(data, LEARNING, store=MemoryStore())
    assert restored.snapshot() == data
    assert restored.stats(NOW) == engine.stats(NOW)
    assert restored.counters == engine.counters


def test_learned_baselines_survive_with_the_windows_they_hold_for() -> None:
    engine = engine_of(LEARNING)
    closed = []
    for number in range(4):
        engine.feed([hour(number)], NOW)
        closed += engine.advance(NOW)
    again = Engine.restore(engine.snapshot(), LEARNING, store=MemoryStore())
    assert [one.id for one in again.new_baselines()] == [one.id for one in engine.new_baselines()]
    assert figures(closed + again.drain(NOW)) == figures(closed + engine.drain(NOW))


def test_repeats_are_known_after_a_restart() -> None:
    engine = engine_of()
    batches: list[Batch] = [
        rows_points(3, NOON),
        predictions([("a", NOON, 0.9)], source="b"),
        truths([("a", NOON, "1")]),
    ]
    engine.feed(batches, NOW)
    engine = Engine.restore(engine.snapshot(), SETTINGS, store=MemoryStore())
    engine.feed(batches, NOW)
    assert dict(engine.counters) == {
        (Lane.HISTOGRAMS, Reason.DUPLICATE): 1,
        (Lane.OUTCOMES, Reason.DUPLICATE): 1,
        (Lane.FEEDBACK, Reason.DUPLICATE): 1,
    }


def test_entries_on_disk_stay_there_and_not_in_the_snapshot(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "pending")
    engine = engine_of(store=store)
    empty = len(engine.snapshot())
    engine.feed([truths([(f"id-{number}", NOON, "1") for number in range(1_000)])], NOW)
    data = engine.snapshot()
    store.close()
    assert len(data) < empty + 100
    engine = Engine.restore(data, SETTINGS, store=DiskStore(tmp_path / "pending"))
    engine.feed([predictions([(f"id-{number}", NOON, 0.9) for number in range(1_000)])], NOW)
    assert engine.stats(NOW).labels_joined == 1_000


def test_bytes_that_are_no_snapshot_of_these_settings_are_refused() -> None:
    data = engine_of().snapshot()
    with pytest.raises(StateError, match="other panes"):
        Engine.restore(data, replace(SETTINGS, pane_ns=5 * MINUTE_NS), store=MemoryStore())
    with pytest.raises(StateError, match="BGEN"):
        Engine.restore(b"something else", SETTINGS, store=MemoryStore())
    with pytest.raises(StateError, match="format 9"):
        Engine.restore(data[:4] + b"\x09\x00" + data[6:], SETTINGS, store=MemoryStore())
    with pytest.raises(StateError, match="damaged"):
        Engine.restore(data[:-3], SETTINGS, store=MemoryStore())


def test_silence_during_the_stop_closes_nothing() -> None:
    engine = engine_of()
    engine.feed([predictions([("a", NOON, 0.9)])], NOON + MINUTE_NS)
    engine = Engine.restore(engine.snapshot(), SETTINGS, store=MemoryStore())
    engine.wake(NOON + 3 * DAY_NS)
    assert engine.advance(NOON + 3 * DAY_NS) == []
    fed = engine.feed([predictions([("b", NOON + MINUTE_NS, 0.9)])], NOON + 3 * DAY_NS + HOUR_NS)
    assert fed.dropped == {}


FITTED = KEY._replace(version="4")
DESCRIBED = Baseline(
    encode_baseline(
        Header(
            model=FITTED.model,
            version=FITTED.version,
            rows=1,
            features=(
                Feature(name="age", kind="number", edges=(30.0, 40.0), low=20.0, high=50.0, grid=2.0**-20),
                Feature(name="town", kind="category", categories=("Bern",)),
            ),
        ),
        [],
    )
)


def history() -> list[Batch]:
    """What the engine had seen whose snapshot of format 4 is kept."""
    return [
        hour(0),
        predictions([(f"id-{number}", NOON + number * MINUTE_NS, number / 100) for number in range(90)]),
        rows_points(7, NOON + 5 * MINUTE_NS),
        truths([("id-3", NOON + DAY_NS, "1"), ("never", NOON, "0")]),
        predictions([("late", NOON - HOUR_NS, 0.3)], source="b"),
        predictions(
            [("rows-1", NOON, 0.3), ("rows-2", NOON + DAY_NS, 0.3)],
            features=[{"age": 41.0, "town": "Bern"}, {"age": None}],
        ),
        predictions([("rows-3", NOON, 0.3)], key=FITTED, features=[{"age": 41.0, "town": "Graz"}]),
    ]


def before_the_snapshot() -> Engine:
    """An engine that folded some panes and not others."""
    engine = engine_of(LEARNING, baselines=[DESCRIBED])
    for number in (1, 2):
        engine.feed(history()[:: 3 - number], NOON + 2 * HOUR_NS)
        engine.advance(NOON + 2 * HOUR_NS)
    engine.feed(history(), NOON + 2 * HOUR_NS)
    return engine


@pytest.mark.parametrize("written", [b"\x04\x00", b"\x05\x00"])  # without edges, one is as the other
def test_snapshots_of_older_formats_are_read(written: bytes) -> None:
    stored = (Path(__file__).parents[1] / "golden" / "engines" / "format-4.bgen").read_bytes()
    assert stored[4:6] == b"\x04\x00"
    stored = stored[:4] + written + stored[6:]
    engine = Engine.restore(stored, LEARNING, store=MemoryStore(), baselines=[DESCRIBED])
    more: list[Batch] = [
        predictions([("more", NOON + MINUTE_NS, 0.9), ("late", NOON - HOUR_NS, 0.3)]),
        hour(1),
        *history(),
    ]
    expected = before_the_snapshot()
    for one in (engine, expected):
        one.feed(more, NOW)
    # Points that came again were counted, too, when it was written.
    assert engine._intake.points > expected._intake.points
    expected._intake.points = engine._intake.points
    held, wanted = (unpack(each.snapshot(), LEARNING) for each in (engine, expected))
    assert held.pending is not None
    assert wanted.pending is not None
    assert entries_of(wanted.pending) == entries_of(held.pending)  # in whichever order
    assert msgspec.structs.replace(wanted, pending=b"") == msgspec.structs.replace(held, pending=b"")
    assert figures(engine.drain(NOW)) == figures(expected.drain(NOW))
