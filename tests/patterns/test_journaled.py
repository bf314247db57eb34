"""The journal in front of the engines: full and broken disks, failing stores, order, and what is told."""

from __future__ import annotations

import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from barograph.errors import Retryable, StateError
from barograph_processor.components.api import Position
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS
from barograph_processor.patterns.checkpointing import Checkpointing
from barograph_processor.patterns.entries import ADVANCE, DRAIN, FEED, read_step
from barograph_processor.patterns.recovery import CHECKPOINTS, JOURNAL
from barograph_processor.stores.journal import read_journal
from engine.world import NOON, predictions
from stores.fragile import FragileFiles

from .crashes import CONFIG, FOLDER, Published, StillClock, alive, engine_of, with_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch, Predictions
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.service import Parts

NOTHING = Position("receiver/test", {})


def rows(*numbers: int, anonymous: bool = False) -> Predictions:
    return predictions([(None if anonymous else f"id-{one}", NOON + one * MINUTE_NS, 0.5) for one in numbers])


def feed(parts: Parts, *batches: Batch) -> None:
    parts.steps.feed(batches, NOTHING)


def taken(parts: Parts) -> int:
    return engine_of(parts).stats(NOON).predictions


def keeping_of(parts: Parts) -> Checkpointing:
    assert isinstance(parts.keeping, Checkpointing)
    return parts.keeping


def nowhere(closed: Sequence[ClosedWindow], now_ns: int) -> None:
    del closed, now_ns


def journal(files: FragileFiles) -> list[tuple[int, int]]:
    """Kind and time of each entry."""
    entries = read_journal(FOLDER / JOURNAL, files, after=0)
    return [(step.kind, step.now_ns) for step in (read_step(payload) for _, payload in entries)]


class World:
    """Files, a clock, and what was published, over several lives of a service."""

    def __init__(self) -> None:
        self.files = FragileFiles()
        self.clock = StillClock()
        self.published = Published()

    def alive(self, **storage: object) -> Any:
        return alive(self.files, self.clock, self.published, with_storage(**storage))

    def kill(self) -> None:
        self.files = self.files.after_kill()

    def lose_power(self) -> None:
        self.files = self.files.after_power_loss(Random(1))


def test_a_full_disk_refuses_batches_whole_says_so_and_takes_them_when_there_is_room() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        world.files.full = True
        for _ in range(3):
            with pytest.raises(Retryable, match=r"the journal in .* can't be written: No space left"):
                feed(parts, rows(2, anonymous=True))
        assert 1 == taken(parts)
        assert "No space left on device" in keeping_of(parts).trouble
        world.files.full = False
        feed(parts, rows(2, anonymous=True))
        assert "" == keeping_of(parts).trouble
    world.kill()
    with world.alive() as parts:
        assert 2 == taken(parts)


def test_while_the_disk_is_full_checkpoints_are_tried_less_and_less_often_and_work_in_the_end() -> None:
    world = World()
    with world.alive() as parts:
        keeping = keeping_of(parts)
        feed(parts, rows(1))
        world.files.full = True
        with pytest.raises(Retryable):
            feed(parts, rows(2))
        tries = []
        for second in range(70):
            before = world.files.steps
            keeping.look()
            tries += [second] if world.files.steps > before else []
            world.clock.time_ns += 10**9
        assert [0, 1, 3, 7, 15, 31, 61] == tries
        assert "No space left on device" in keeping.trouble
        world.files.full = False
        world.clock.time_ns += 30 * 10**9
        keeping.look()
        assert "" == keeping.trouble
        assert [] == [name for name in world.files.names(FOLDER / CHECKPOINTS) if name.endswith(".part")]
    world.kill()
    with world.alive() as parts:
        assert 1 == taken(parts)


def test_checkpoints_are_made_at_intervals_only_if_something_came() -> None:
    world = World()
    with world.alive(checkpoint_every=_minutes(5)) as parts:
        keeping = keeping_of(parts)
        began = keeping.made
        world.clock.time_ns += HOUR_NS
        keeping.look()
        assert began == keeping.made
        feed(parts, rows(1))
        keeping.look()
        assert keeping.made is not None
        assert 1 == keeping.made.entry
        assert 1 == len(world.files.names(FOLDER / CHECKPOINTS))
        feed(parts, rows(2))
        world.clock.time_ns += 4 * MINUTE_NS
        keeping.look()
        assert 1 == keeping.made.entry
    world.kill()
    with world.alive() as parts:
        assert 2 == taken(parts)


def test_the_journal_stays_below_its_size_and_refuses_at_twice_when_no_checkpoint_works() -> None:
    world = World()
    with world.alive(journal_bytes=20_000) as parts:
        keeping = keeping_of(parts)
        for number in range(300):
            feed(parts, rows(*range(20 * number, 20 * number + 20)))
            keeping.look()
            assert keeping.journal_bytes < 20_000 + 2_000
        while keeping.journal_bytes <= 40_000:
            feed(parts, rows(1))
        with pytest.raises(Retryable, match=r"the journal holds 4\d,\d+ bytes, because no checkpoint"):
            feed(parts, rows(1))
        assert "no checkpoint can be made" in keeping.trouble
        keeping.look()
        feed(parts, rows(1))
    world.kill()
    with world.alive() as parts:
        assert 6_000 == taken(parts)


def test_a_disk_that_fails_to_sync_acknowledges_nothing_until_a_checkpoint_shows_that_it_works() -> None:
    world = World()
    with world.alive() as parts:
        keeping = keeping_of(parts)
        feed(parts, rows(1))
        world.files.broken = True
        with pytest.raises(Retryable, match="Input/output error"):
            feed(parts, rows(2, anonymous=True))
        keeping.look()
        world.files.broken = False
        with pytest.raises(Retryable, match="Input/output error"):
            feed(parts, rows(2, anonymous=True))
        assert "Input/output error" in keeping.trouble
        world.clock.time_ns += 10**10
        keeping.look()
        assert "" == keeping.trouble
        feed(parts, rows(2, anonymous=True))
        assert 2 == taken(parts)
    world.lose_power()
    with world.alive() as parts:
        assert 2 == taken(parts)


def test_what_the_store_could_not_take_counts_once_it_can_before_and_after_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    with world.alive() as parts:
        store = engine_of(parts).store

        def fails(*entries: object) -> int:
            raise Retryable("the pending store can't write: No space left on device")

        feed(parts, rows(1))
        for put in ("put_many", "put_columns"):
            monkeypatch.setattr(store, put, fails)
        feed(parts, rows(2), rows(3, anonymous=True))  # in the journal, so it is acknowledged
        with pytest.raises(Retryable, match="the pending store can't write"):
            feed(parts, rows(4))
        assert "the pending store can't write" in keeping_of(parts).trouble
        with pytest.raises(Retryable):
            parts.steps.advance(nowhere)
        with pytest.raises(Retryable):
            keeping_of(parts).keep()
        crashed = world.files.after_kill()
        monkeypatch.undo()
        parts.steps.advance(nowhere)
        assert "" == keeping_of(parts).trouble
        feed(parts, rows(4))
        assert 4 == taken(parts)
    world.files = crashed
    with world.alive() as parts:
        assert 3 == taken(parts)


def test_a_batch_on_which_the_engine_fails_is_answered_so_and_left_out_again_after_a_crash(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    bad = replace(rows(2), ids=[])  # fewer ids than rows, as only a bug would have it
    with world.alive() as parts:
        feed(parts, rows(1))
        with pytest.raises(IndexError):
            feed(parts, bad)
        feed(parts, rows(3))
        assert 2 == taken(parts)
    world.kill()
    with caplog.at_level(logging.ERROR), world.alive() as parts:
        assert 2 == taken(parts)
    assert "entry 2 of the journal failed again" in caplog.text


def test_what_closes_is_published_when_the_journal_holds_what_closed_it() -> None:
    world = World()
    seen = []

    def publish(closed: Sequence[ClosedWindow], now_ns: int) -> None:
        if closed:
            safe = world.files.after_power_loss(Random(1))
            seen.append((len(closed), journal(safe)[-1] == (ADVANCE, now_ns)))

    with world.alive() as parts:
        feed(parts, rows(1))
        world.clock.time_ns += 3 * HOUR_NS
        parts.steps.advance(publish)
    assert [(1, True)] == seen


def test_an_idle_service_writes_nothing_and_its_last_advance_comes_before_what_follows() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        steps = world.files.steps
        for _ in range(100):
            world.clock.time_ns += 10**9
            parts.steps.advance(nowhere)
        advanced = world.clock.time_ns
        assert steps == world.files.steps
        world.clock.time_ns += 10**9
        feed(parts, rows(2))
        parts.steps.drain(nowhere)
    now = world.clock.time_ns
    assert [(FEED, NOON + HOUR_NS), (ADVANCE, advanced), (FEED, now), (DRAIN, now)] == journal(world.files)


def test_windows_that_were_not_sent_when_a_checkpoint_was_made_are_published_after_a_crash() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        world.clock.time_ns += 3 * HOUR_NS
        parts.steps.advance(lambda closed, _: world.published.kept_back.extend(closed))
        keeping_of(parts).keep()
        (window,) = world.published.kept_back
    world.kill()
    assert {} == world.published.windows
    with world.alive():
        assert [window] == list(world.published.windows.values())


def test_readings_stand_again_after_a_restart_as_long_as_they_would_have() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        world.clock.time_ns += 3 * HOUR_NS
        parts.steps.advance(nowhere)
        keeping_of(parts).keep()
        before = parts.machine.current(world.clock.time_ns)
        assert before
    world.kill()
    with world.alive() as parts:
        assert sorted(before) == sorted(parts.machine.current(world.clock.time_ns + HOUR_NS))
        ended = parts.machine.current(world.clock.time_ns + DAY_NS)
        assert {True} == {each.ended for each in ended}


def test_silence_while_the_service_was_down_closes_nothing() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        parts.steps.advance(nowhere)
    world.kill()
    world.clock.time_ns += DAY_NS
    with world.alive() as parts:
        parts.steps.advance(nowhere)
        assert {} == world.published.windows


def test_a_damaged_checkpoint_is_refused_with_what_to_do_and_nothing_is_touched() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
        keeping_of(parts).keep()
    (name,) = world.files.names(FOLDER / CHECKPOINTS)
    content = world.files.nodes[FOLDER / CHECKPOINTS / name / "state"].content
    content[-1] ^= 1
    before = world.files.after_kill()
    with pytest.raises(StateError) as caught, world.alive():
        pass
    first, second = str(caught.value).splitlines()
    assert f"can't be restored from {FOLDER}: " in first
    assert "it is damaged: its checksum does not fit" in first
    assert second.endswith("move checkpoints and journal out of it")
    assert {path: bytes(node.content) for path, node in before.nodes.items()} == {
        path: bytes(node.content) for path, node in world.files.nodes.items()
    }


def test_a_checkpoint_of_another_version_is_refused_as_such() -> None:
    world = World()
    with world.alive():
        pass
    (name,) = world.files.names(FOLDER / CHECKPOINTS)
    world.files.nodes[FOLDER / CHECKPOINTS / name / "state"].content[4] = 1
    with (
        pytest.raises(StateError, match="it has format 1, wanted 2: another version wrote it"),
        world.alive(),
    ):
        pass


def test_a_journal_without_its_checkpoint_is_refused() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
    world.files.remove(FOLDER / CHECKPOINTS)
    with (
        pytest.raises(StateError, match="there is a journal, but no checkpoint that it continues"),
        world.alive(),
    ):
        pass


def test_a_damaged_journal_is_refused() -> None:
    world = World()
    with world.alive() as parts:
        for number in range(5):
            feed(parts, rows(number))
    (name,) = world.files.names(FOLDER / JOURNAL)
    content = world.files.nodes[FOLDER / JOURNAL / name].content
    content[len(content) // 2] ^= 1
    with pytest.raises(StateError, match=rf"{name} is damaged at byte"), world.alive():
        pass


def test_other_windows_than_those_of_acknowledged_data_are_refused() -> None:
    world = World()
    with world.alive() as parts:
        feed(parts, rows(1))
    other = with_storage()
    other = type(other)(storage=other.storage, windows=CONFIG.windows[:1])
    with (
        pytest.raises(StateError, match="made with other panes, windows, horizons or segments"),
        alive(world.files, world.clock, world.published, other),
    ):
        pass


def _minutes(count: int) -> object:
    return type(CONFIG.storage.checkpoint_every)(f"{count}m")
