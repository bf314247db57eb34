"""A storage directory: owned by one process, whole or not at all, and used once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.baseline import Baseline, Header, encode_baseline
from barograph.errors import ConfigError, StateError
from barograph_processor.patterns.kept import CONSUMED, SNAPSHOT, Kept, open_kept

if TYPE_CHECKING:
    from pathlib import Path


def test_states_are_taken_once_and_set_aside(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.save_engines({"": b"rest", "fast": b"\x00"}, 17)
    assert ({"": b"rest", "fast": b"\x00"}, 17) == kept.take_engines()
    assert ({}, 0) == kept.take_engines()
    assert (tmp_path / CONSUMED).exists()


def test_damaged_states_are_refused_and_set_aside(tmp_path: Path) -> None:
    (tmp_path / SNAPSHOT).write_bytes(b"damaged")
    with pytest.raises(StateError, match="can't be read"):
        Kept(tmp_path).take_engines()
    assert ({}, 0) == Kept(tmp_path).take_engines()


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
