"""A storage directory: owned by one process, whole or not at all, and used once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.baseline import Baseline, Header, encode_baseline
from barograph.errors import ConfigError, StateError
from barograph_processor.patterns.kept import CONSUMED, SNAPSHOT, Kept, open_kept
from barograph_processor.patterns.saved import Saved

if TYPE_CHECKING:
    from pathlib import Path

SAVED = Saved(
    saved_unix_nano=17,
    entry=0,
    engines={"": b"rest", "fast": b"\x00"},
    positions={"receiver/otlp": {"a": b"1"}},
    board=[],
    learned=["id"],
    waiting={},
)


def test_states_are_taken_once_and_set_aside(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.leave(SAVED)
    assert SAVED == kept.left()
    kept.set_aside()
    assert kept.left() is None
    assert (tmp_path / CONSUMED).exists()


def test_damaged_states_are_refused_and_set_aside(tmp_path: Path) -> None:
    (tmp_path / SNAPSHOT).write_bytes(b"damaged")
    with pytest.raises(StateError, match=f"{SNAPSHOT}: it does not begin as kept state does"):
        Kept(tmp_path).left()
    Kept(tmp_path).set_aside()
    assert Kept(tmp_path).left() is None


def test_learned_baselines_come_back_whatever_their_names(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    odd = Baseline(encode_baseline(Header(model="../a/b c", version="é" * 300, rows=1, learned=True), []))
    path = kept.save_baseline(odd)
    kept.save_baseline(odd)
    assert tmp_path / "baselines" == path.parent
    assert [odd.id] == [each.id for each in kept.baselines()]


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    with (
        open_kept(tmp_path / "deep" / "er"),
        pytest.raises(ConfigError, match="in use by another process"),
        open_kept(tmp_path / "deep" / "er"),
    ):
        pass
    with open_kept(tmp_path / "deep" / "er"):
        pass


def test_a_directory_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"\$\.storage\.directory: .*Not a directory"),
        open_kept(tmp_path / "file" / "x"),
    ):
        pass
