"""Every line once, whatever is done to the names of files."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from barograph_processor.receivers.files.following import Follower
from barograph_processor.receivers.files.positions import decode_position, encode_position

LINGER_S = 5.0


def lines_of(follower: Follower, now_s: float = 0.0) -> list[bytes]:
    """All lines that are there, taken."""
    found: list[bytes] = []
    while True:
        before = len(found)
        for read in follower.poll(now_s):
            found += read.lines
            read.taken()
        if len(found) == before:
            return found


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def long(text: str) -> str:
    """A line that tells files apart."""
    return f"{text} {'.' * 100}"


def test_lines_are_read_as_they_are_added_and_an_unfinished_one_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "one", "two")
    follower = Follower([str(tmp_path / "*.log")])
    assert [b"one", b"two"] == lines_of(follower)
    with path.open("a") as file:
        file.write("thr")
    assert [] == lines_of(follower)
    append(path, "ee", "four")
    assert [b"three", b"four"] == lines_of(follower)


def test_what_was_not_taken_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "one")
    follower = Follower([str(path)])
    assert [[b"one"]] == [read.lines for read in follower.poll(0.0)]
    assert [b"one"] == lines_of(follower)
    assert [] == lines_of(follower)


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "one")
    follower = Follower([str(path)], linger_s=LINGER_S)
    assert [b"one"] == lines_of(follower)
    append(path, "two")
    path.rename(tmp_path / "app.log.1")
    append(path, "three")
    append(tmp_path / "app.log.1", "late")  # by a writer that has not noticed
    assert {b"two", b"late", b"three"} == set(lines_of(follower, 1.0))
    with (tmp_path / "app.log.1").open("a") as file:
        file.write("no end")
    assert [] == lines_of(follower, 2.0)
    assert [b"no end"] == lines_of(follower, 2.0 + LINGER_S + 1.0)


def test_a_truncated_file_is_read_anew_and_its_rest_from_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, long("one"))
    follower = Follower([str(path)])
    assert 1 == len(lines_of(follower))
    append(path, long("two"))
    shutil.copy(path, tmp_path / "app.log.1")
    os.truncate(path, 0)
    append(path, long("three"), long("four"), long("five"))  # longer than before: its size tells nothing
    assert [long(name).encode() for name in ("two", "three", "four", "five")] == lines_of(follower)


def test_a_copy_that_the_pattern_means_too_is_not_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, *(long(str(place)) for place in range(20)))
    follower = Follower([str(tmp_path / "app.log*")])
    assert 20 == len(lines_of(follower))
    shutil.copy(path, tmp_path / "app.log.1")
    os.truncate(path, 0)
    append(path, long("new"))
    assert [long("new").encode()] == lines_of(follower)


def test_what_was_renamed_while_nobody_looked_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, long("one"))
    before = Follower([str(path)])
    assert 1 == len(lines_of(before))
    kept = [decode_position(encode_position(each)) for each in before.positions]
    before.close()
    append(path, long("two"))
    path.rename(tmp_path / "app.log.1")
    append(path, long("three"))
    after = Follower([str(path)], known=kept)
    assert {long("two").encode(), long("three").encode()} == set(lines_of(after))


def test_what_was_truncated_while_nobody_looked_is_read_from_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, long("one"), long("two"), long("three"))
    before = Follower([str(path)])
    assert 3 == len(lines_of(before))
    kept = before.positions
    before.close()
    append(path, long("four"))
    shutil.copy(path, tmp_path / "app.log.1")
    os.truncate(path, 0)
    append(path, long("five"))
    after = Follower([str(path)], known=kept)
    assert {long("four").encode(), long("five").encode()} == set(lines_of(after))


def test_a_file_with_the_inode_of_a_deleted_one_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, long("one"))
    before = Follower([str(path)])
    assert 1 == len(lines_of(before))
    (position,) = before.positions
    before.close()
    path.write_text("".join(f"{long(name)}\n" for name in ("other", "more")))
    assert position.inode == path.stat().st_ino
    after = Follower([str(path)], known=[position])
    assert [long("other").encode(), long("more").encode()] == lines_of(after)


def test_from_the_end_only_what_is_added_is_read(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    append(path, "old")
    follower = Follower([str(tmp_path / "*.log")], from_end=True)
    assert [] == lines_of(follower)
    append(path, "new")
    append(tmp_path / "later.log", "first")
    assert {b"new", b"first"} == set(lines_of(follower))


class Rotating(RuleBasedStateMachine):
    """A writer, a rotation and a follower that is stopped now and then, in any order."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "app.log"
        self.written: list[bytes] = []
        self.read: list[bytes] = []
        self.rotations = 0
        self.now_s = 0.0
        self.follower = Follower([str(self.path)], linger_s=LINGER_S)

    @rule(count=st.integers(1, 30))
    def write(self, count: int) -> None:
        lines = [long(str(len(self.written) + place)) for place in range(count)]
        append(self.path, *lines)
        self.written += [line.encode() for line in lines]

    @rule()
    def look(self) -> None:
        self.read += lines_of(self.follower, self.now_s)

    @precondition(lambda self: self.path.exists() and self.path.stat().st_size)
    @rule()
    def rename(self) -> None:
        # One rotation between two looks: whoever rotates faster than is looked has to keep old files.
        self.read += lines_of(self.follower, self.now_s)
        self.rotations += 1
        self.path.rename(self.folder / f"app.log.{self.rotations}")

    @precondition(lambda self: self.path.exists() and self.path.stat().st_size)
    @rule()
    def copy_and_truncate(self) -> None:
        self.read += lines_of(self.follower, self.now_s)  # nobody can know of a file that was never seen
        self.write(3)
        self.rotations += 1
        shutil.copy(self.path, self.folder / f"app.log.{self.rotations}")
        os.truncate(self.path, 0)
        self.read += lines_of(self.follower, self.now_s)

    @rule()
    def restart(self) -> None:
        kept = [decode_position(encode_position(each)) for each in self.follower.positions]
        self.follower.close()
        self.follower = Follower([str(self.path)], known=kept, linger_s=LINGER_S)

    @rule()
    def wait(self) -> None:
        self.now_s += LINGER_S + 1.0

    @invariant()
    def no_line_is_read_twice(self) -> None:
        if hasattr(self, "read"):
            assert len(self.read) == len(set(self.read))

    def teardown(self) -> None:
        if hasattr(self, "follower"):
            self.read += lines_of(self.follower, self.now_s)
            self.follower.close()
            shutil.rmtree(self.folder)
            assert sorted(self.written) == sorted(self.read)


Rotating.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_no_line_is_lost_or_read_twice = Rotating.TestCase
