"""The journal: what was safe comes back, what was cut off doesn't, and damage is told from both."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import Retryable, StateError
from barograph_processor.stores.files import SystemFiles
from barograph_processor.stores.journal import Journal, read_journal
from barograph_processor.stores.segments import HEADER_BYTES, segment_name

from .fragile import Crashed, FragileFiles

if TYPE_CHECKING:
    from barograph_processor.stores.files import Files

FOLDER = Path("/state/journal")
SMALL = 200
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 120)),
        st.tuples(st.sampled_from(["wait", "roll", "drop"]), st.just(0)),
    ),
    max_size=30,
)


def payload(number: int, size: int = 40) -> bytes:
    return Random(number).randbytes(size)


def journal_of(files: Files, *, segment_bytes: int = SMALL, always: bool = True) -> Journal:
    files.make_folder(FOLDER.parent)
    journal = Journal(FOLDER, files, segment_bytes=segment_bytes, always=always)
    journal.restart()
    return journal


def found(files: Files, after: int = 0) -> list[tuple[int, bytes]]:
    return [(number, content) for number, content in read_journal(FOLDER, files, after=after)]


def written(count: int, first: int = 1) -> list[tuple[int, bytes]]:
    return [(number, payload(number)) for number in range(first, first + count)]


def fill(journal: Journal, count: int) -> None:
    for number in range(journal.written + 1, journal.written + 1 + count):
        journal.wait(journal.append(payload(number)))


def test_entries_come_back_in_order_over_several_segments() -> None:
    files = FragileFiles()
    fill(journal_of(files), 20)
    assert 4 < len(files.names(FOLDER))
    assert written(20) == found(files)
    assert written(13, first=8) == found(files, after=7)


def test_entries_come_back_from_real_files_that_only_their_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder, SystemFiles(), segment_bytes=SMALL)
    journal.restart()
    fill(journal, 20)
    journal.close()
    assert written(20) == list(read_journal(folder, SystemFiles(), after=0))
    assert {0o600} == {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert 0o700 == folder.stat().st_mode & 0o777


def test_segments_that_hold_nothing_more_are_dropped_and_only_those() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 20)
    before = journal.size_bytes
    journal.drop_through(12)
    assert written(8, first=13) == found(files, after=12)
    assert journal.size_bytes < before
    journal.roll()
    journal.roll()
    journal.drop_through(20)
    assert [segment_name(21)] == files.names(FOLDER)
    assert HEADER_BYTES == journal.size_bytes
    fill(journal, 1)
    assert written(1, first=21) == found(files, after=20)


@given(steps=STEPS, dies_at=st.integers(1, 150), seed=st.integers(0, 2**32))
def test_a_crash_at_any_step_loses_nothing_that_was_safe(
    steps: list[tuple[str, int]], dies_at: int, seed: int
) -> None:
    files = FragileFiles(dies_at)
    contents: dict[int, bytes] = {}
    returned = safe = dropped = 0
    try:
        journal = journal_of(files)
        for step, size in steps:
            if step == "append":
                contents[journal.written + 1] = payload(journal.written + 1, size)
                returned = journal.append(contents[journal.written + 1])
            elif step == "wait":
                journal.wait(journal.written)
                safe = journal.written
            elif step == "roll":
                journal.roll()
                safe = journal.written
            else:
                dropped = safe
                journal.drop_through(safe)
    except Crashed:
        pass
    for least, left in ((returned, files.after_kill()), (safe, files.after_power_loss(Random(seed)))):
        entries = found(left, after=dropped)
        assert [
            (number, contents[number]) for number in range(dropped + 1, dropped + 1 + len(entries))
        ] == entries
        assert least <= dropped + len(entries)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), segment_bytes=st.sampled_from([SMALL, 10**6]))
def test_damage_to_what_was_safe_is_told_and_never_read(place: int, bit: int, segment_bytes: int) -> None:
    files = FragileFiles()
    journal = journal_of(files, segment_bytes=segment_bytes)
    fill(journal, 12)
    names = files.names(FOLDER)
    paths = [FOLDER / name for name in names for _ in files.read(FOLDER / name)]
    path = paths[place % len(paths)]
    content = files.nodes[path].content
    at = place % len(content)
    content[at] ^= 1 << bit
    try:
        entries = found(files)
    except StateError as error:
        assert path.name in str(error)  # noqa: PT017  # damage to the very end looks like a tail cut off
    else:
        assert path.name == names[-1]
        assert written(11) == entries or len(names) > 1
        assert written(len(entries)) == entries


def test_a_segment_that_is_missing_is_named() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 12)
    files.remove(FOLDER / files.names(FOLDER)[1])
    with pytest.raises(StateError, match=r"entries \d+ to \d+ of the journal in /state/journal are missing"):
        found(files)


def test_a_segment_of_another_version_is_refused_as_such() -> None:
    files = FragileFiles()
    fill(journal_of(files), 1)
    files.nodes[FOLDER / segment_name(1)].content[4] = 9
    with pytest.raises(StateError, match="has format 9, wanted 1: another version wrote it"):
        found(files)


def test_a_full_disk_refuses_an_entry_whole_and_takes_the_next_when_there_is_room() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 2)
    files.full = True
    for _ in range(9):
        with pytest.raises(Retryable, match="can't be written: No space left on device"):
            journal.append(payload(3))
    assert written(2) == found(files)
    assert not journal.broken
    files.full = False
    fill(journal, 3)
    assert written(5) == found(files)


def test_a_full_disk_that_stops_a_new_segment_leaves_the_journal_whole() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 3)
    files.full = True
    with pytest.raises(Retryable):
        journal.roll()
    files.full = False
    fill(journal, 3)
    assert written(6) == found(files)


def test_after_a_failed_sync_nothing_is_taken_until_a_restart() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 2)
    refused = journal.append(payload(3))
    files.broken = True
    for _ in range(2):
        with pytest.raises(Retryable, match="can't be written: Input/output error"):
            journal.wait(refused)
    files.broken = False
    with pytest.raises(Retryable, match="Input/output error"):
        journal.append(payload(3))
    assert "Input/output error" in journal.broken
    assert written(2) == found(files)
    journal.restart()
    assert not journal.broken
    fill(journal, 1)
    assert written(1, first=4) == found(files, after=3)


def test_a_journal_that_somebody_removed_is_not_written_to() -> None:
    files = FragileFiles()
    journal = journal_of(files)
    fill(journal, 2)
    files.remove(FOLDER)
    number = journal.append(payload(3))
    with pytest.raises(Retryable, match="was removed"):
        journal.wait(number)


def test_waiting_requests_share_a_sync() -> None:
    files = FragileFiles()
    journal = journal_of(files, segment_bytes=10**6)
    before = files.syncs
    others = threading.Event()

    def held_up() -> None:
        assert others.wait(60)

    files.on_sync = held_up
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(journal.wait, journal.append(payload(1)))
        numbers = [journal.append(payload(number)) for number in range(2, 10)]
        rest = [pool.submit(journal.wait, number) for number in numbers]
        others.set()
        for one in (first, *rest):
            one.result(60)
    assert before + 1 <= files.syncs <= before + 2
    assert 9 == journal.safe


def test_at_intervals_nobody_waits_until_somebody_syncs() -> None:
    files = FragileFiles()
    journal = journal_of(files, always=False)
    before = files.syncs
    journal.wait(journal.append(payload(1)))
    assert before == files.syncs
    journal.sync()
    assert before + 1 == files.syncs
    assert 1 == journal.safe
