"""The laws of states, as other packages call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import pytest

from barograph_processor.signals import codec
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.testing import LawBroken, check_state

from .test_signal_laws import Forgetful, Large, Last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.signals.api import State

VALUES = [-1.0, 0.0, 0.5, 0.5, 7.0]


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))


def observe(state: State, values: Sequence[float]) -> State:
    assert isinstance(state, ExplicitHistogram)
    return state.observe(np.array(values))


def test_a_state_of_ours_passes() -> None:
    zero = ExplicitHistogram.zero([0.0, 1.0])
    check_state(zero, observe, VALUES, unlike=[ExplicitHistogram.zero([0.0]), CategoryCounts.zero()])


def test_merging_with_what_is_no_other_must_be_refused() -> None:
    zero = ExplicitHistogram.zero([0.0, 1.0])
    with pytest.raises(LawBroken, match="it merged with"):
        check_state(zero, observe, VALUES, unlike=[ExplicitHistogram.zero([0.0, 1.0])])


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Last, "not equal"), (Forgetful, "not equal"), (Large, "1073741824 bytes stated")],
)
def test_each_fault_is_found(kind: type[Last], said: str) -> None:
    last: Callable[[State, Sequence[float]], State] = lambda state, rows: (  # noqa: E731
        kind(rows[-1]) if rows else state
    )
    with pytest.raises(LawBroken, match=said):
        check_state(kind(), last, VALUES)


def test_a_state_has_a_number_of_its_own() -> None:
    class Stranger(Last):
        KIND: ClassVar[int] = 3

    with pytest.raises(LawBroken, match="state kind 3 is not a plugin's"):
        check_state(cast("State", Stranger()), lambda state, rows: state, [1.0])
