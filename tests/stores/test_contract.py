"""What every pending store does, checked on each of them."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rocksdict import Options, Rdict

import children
from barograph.errors import ConfigError, Retryable, StateError
from barograph_processor.components.api import Context
from barograph_processor.stores import disk, memory
from barograph_processor.stores.copying import copied
from barograph_processor.stores.disk import DiskStore
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from barograph_processor.engine.settings import PendingStore

HOUR_NS = 3_600_000_000_000
BIG = 2**40


def key(number: int) -> bytes:
    """Sixteen bytes."""
    return number.to_bytes(16, "big")


def entry(number: int, expiry_ns: int = HOUR_NS, value: bytes = b"value") -> tuple[bytes, int, bytes]:
    """What `put_many` takes."""
    return key(number), expiry_ns, value


@pytest.fixture(params=["memory", "disk"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], PendingStore]:
    """Opens an empty store with a cap in bytes."""

    def opened(max_bytes: int) -> PendingStore:
        if request.param == "memory":
            return MemoryStore(max_bytes)
        store = DiskStore(tmp_path / os.urandom(4).hex(), max_bytes)
        request.addfinalizer(store.close)
        return store

    return opened


def test_what_was_put_is_there_and_what_was_not_is_none(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(BIG)
    assert store.put_many([entry(1, value=b"one"), entry(2, value=b"")]) == 0
    assert store.get_many([key(2), key(3), key(1)]) == [b"", None, b"one"]
    assert len(store) == 2


def test_the_last_value_of_a_key_stands(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(BIG)
    store.put_many([entry(1, value=b"one")])
    store.put_many([entry(1, value=b"two"), entry(1, value=b"three")])
    assert store.get_many([key(1)]) == [b"three"]
    assert len(store) == 1


def test_entries_expire_by_their_last_expiry(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(BIG)
    store.put_many([entry(number, HOUR_NS + number, str(number).encode()) for number in range(5)])
    store.put_many([entry(0, 9 * HOUR_NS, b"longer")])
    assert sorted(store.expire(HOUR_NS + 3)) == [b"1", b"2"]
    assert store.expire(HOUR_NS + 3) == []
    assert store.get_many([key(0), key(1), key(3)]) == [b"longer", None, b"3"]
    store.put_many([entry(0, 2 * HOUR_NS, b"shorter")])
    assert sorted(store.expire(3 * HOUR_NS)) == [b"3", b"4", b"shorter"]
    assert len(store) == 0


def test_expiry_works_before_1970(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(BIG)
    store.put_many([entry(1, -HOUR_NS, b"old"), entry(2, HOUR_NS, b"new")])
    assert store.expire(0) == [b"old"]


def test_a_call_expires_at_most_ten_thousand(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(BIG)
    store.put_many([entry(number) for number in range(12_000)])
    assert [len(store.expire(2 * HOUR_NS)) for _ in range(3)] == [10_000, 2_000, 0]


def test_beyond_the_cap_the_oldest_leave_and_are_counted(open_store: Callable[[int], PendingStore]) -> None:
    store = open_store(2**20)
    evicted = 0
    for begin in range(0, 20_000, 1_000):
        numbers = range(begin, begin + 1_000)
        evicted += store.put_many([entry(number, HOUR_NS * number, bytes(100)) for number in numbers])
    assert evicted + len(store) == 20_000
    assert 0 < len(store) * 100 < 2**20
    assert store.get_many([key(0), key(19_999)]) == [None, bytes(100)]
    assert store.get_many([key(evicted - 1), key(evicted)]) == [None, bytes(100)]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.lists(st.integers(0, 8), max_size=9), st.integers(0, 300)),
            st.tuples(st.just("expire"), st.just([]), st.integers(0, 300)),
        ),
        max_size=40,
    )
)
def test_it_is_a_dictionary_with_expiry(
    steps: list[tuple[str, list[int], int]], open_store: Callable[[int], PendingStore]
) -> None:
    store, plain = open_store(BIG), dict[int, tuple[int, bytes]]()
    for at, (step, numbers, minutes) in enumerate(steps):
        expiry_ns = minutes * 60_000_000_000
        if step == "put":
            plain |= {number: (expiry_ns, f"{at} {number}".encode()) for number in numbers}
            store.put_many([entry(number, *plain[number]) for number in numbers])
        else:
            gone = {one for one, (expiry, _) in plain.items() if expiry < expiry_ns}
            assert sorted(plain.pop(one)[1] for one in gone) == sorted(store.expire(expiry_ns))
        assert len(store) == len(plain)
        expected = [plain[one][1] if one in plain else None for one in range(9)]
        assert store.get_many([key(one) for one in range(9)]) == expected


def test_what_was_put_together_need_not_leave_together(tmp_path: Path) -> None:
    room = 2**16
    store = DiskStore(tmp_path, room)
    evicted = 0
    for begin in range(0, 3_000, 250):  # at one time, so that every list is emptied a little at a time
        evicted += store.put_many([entry(number, HOUR_NS, bytes(50)) for number in range(begin, begin + 250)])
        evicted += store.put_many([entry(10_000 + begin, HOUR_NS, bytes(50))])
    held = len(store)
    assert evicted + held == 3_000 + 12
    assert room - 200 < store.size_bytes <= room
    store.close()
    again = DiskStore(tmp_path, room)
    again.put_many([entry(20_000, HOUR_NS, bytes(50))])  # the number of its list is a new one
    assert len(again.expire(2 * HOUR_NS)) == held
    assert (0, 0) == (len(again), again.size_bytes)
    again.close()


def test_entries_on_disk_outlive_the_store(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put_many([entry(number, HOUR_NS + number, b"x" * number) for number in range(100)])
    size = store.size_bytes
    store.close()
    again = DiskStore(tmp_path)
    assert (len(again), again.size_bytes) == (100, size)
    assert len(again.expire(HOUR_NS + 40)) == 40
    again.close()


@pytest.mark.parametrize("written", [None, b"1", b"3"])
def test_entries_of_another_format_are_refused_and_left_alone(tmp_path: Path, written: bytes | None) -> None:
    with closing(DiskStore(tmp_path / "state")) as store:
        store.put_many([(b"a", 5, b"one")])
    for _ in range(2):
        with closing(Rdict(str(tmp_path / "state"), Options(raw_mode=True))) as raw:
            if written is None:
                raw.delete(b"f")
            else:
                raw[b"f"] = written
        with pytest.raises(ConfigError, match="another version of Barograph"):
            DiskStore(tmp_path / "state")
    with closing(Rdict(str(tmp_path / "state"), Options(raw_mode=True))) as raw:
        assert b"one" == (raw.get(b"ea") or b"")[8:]


def test_entries_on_disk_outlive_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from barograph_processor.stores.disk import DiskStore\n"
        "store = DiskStore(Path(sys.argv[1]))\n"
        "store.put_many([(n.to_bytes(16, 'big'), 10**15 + n, b'v' * n) for n in range(500)])\n"
        "store.put_many([((7).to_bytes(16, 'big'), 10**16, b'again')])\n"
        "print('put', flush=True)\n"
        "time.sleep(600)\n"
    )
    with children.child([sys.executable, "-c", program, str(tmp_path)]) as child:
        assert child.line() == "put\n"
        child.kill()
    store = DiskStore(tmp_path)
    assert len(store) == 500
    assert store.get_many([key(7), key(499)]) == [b"again", b"v" * 499]
    assert len(store.expire(10**15 + 500)) == 499
    store.close()


@pytest.mark.parametrize("log", [True, False])
def test_a_copy_stays_as_it_was_while_the_store_goes_on(tmp_path: Path, log: bool) -> None:
    store = DiskStore(tmp_path / "store", log=log)
    store.put_many([entry(number, HOUR_NS + number, b"x" * number) for number in range(1_000)])
    size = store.size_bytes
    store.copy_to(tmp_path / "copy")
    store.put_many([entry(number, 2 * HOUR_NS, b"later") for number in range(500, 1_500)])
    assert len(store.expire(HOUR_NS + 500)) == 500
    store.flush()
    for _ in range(2):  # the copy can be used again and again, whatever becomes of a copy of it
        copied(tmp_path / "copy", tmp_path / "again")
        again = DiskStore(tmp_path / "again", log=log)
        assert (len(again), again.size_bytes) == (1_000, size)
        assert again.get_many([key(7), key(999), key(1_200)]) == [b"x" * 7, b"x" * 999, None]
        again.put_many([entry(7, HOUR_NS, b"other")])
        assert len(again.expire(2 * HOUR_NS)) == 1_000
        again.close()
    assert store.get_many([key(7), key(999), key(1_200)]) == [None, b"later", b"later"]
    assert len(store) == 1_000
    store.close()


def test_without_a_log_nothing_is_written_twice(tmp_path: Path) -> None:
    for log, name in ((True, "logged"), (False, "unlogged")):
        store = DiskStore(tmp_path / name, log=log)
        store.put_many([entry(number, value=bytes(100)) for number in range(1_000)])
        assert log == any(path.stat().st_size for path in (tmp_path / name).glob("*.log"))
        store.close()


def test_a_copy_that_fails_is_told_as_a_failure_of_the_disk(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store", log=False)
    (tmp_path / "copy").mkdir()  # is there already
    with pytest.raises(Retryable, match="the pending store can't be copied"):
        store.copy_to(tmp_path / "copy")
    store.put_many([entry(1)])
    store.close()
    assert len(DiskStore(tmp_path / "store")) == 1


def test_a_directory_that_another_has_open_is_refused_with_advice(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    with pytest.raises(ConfigError, match="folder of its own"):
        DiskStore(tmp_path)
    store.close()


def test_entries_in_memory_go_through_a_dump() -> None:
    store = MemoryStore()
    store.put_many([entry(1, value=b"one"), entry(2, 5, b"two")])
    again = MemoryStore()
    again.load(store.dump())
    assert again.get_many([key(1), key(2)]) == [b"one", b"two"]
    assert again.expire(6) == [b"two"]
    with pytest.raises(StateError):
        again.load(b"\xff")
    store.put_many([entry(3)])
    with pytest.raises(StateError, match="a key comes twice"):
        again.load(store.dump().replace(key(3), key(1)))


def test_a_temporary_directory_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    context = Context(intake=None, telemetry=Telemetry(0), component_id="store/disk")
    with disk.FACTORY.open(disk.Config(), context) as store:
        store.put_many([entry(1)])
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_given_directory_stays(tmp_path: Path) -> None:
    context = Context(intake=None, telemetry=Telemetry(0), component_id="store/disk")
    for count in (1, 2):
        with disk.FACTORY.open(disk.Config(directory=str(tmp_path / "a" / "b")), context) as store:
            store.put_many([entry(count)])
            assert len(store) == count
    with memory.FACTORY.open(memory.Config(), context) as store:
        assert len(store) == 0
