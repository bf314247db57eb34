"""Waiting for what another process does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ValueT = TypeVar("ValueT")
PATIENCE_S = 120.0
LOOK_EVERY_S = 0.05
LAST_WORDS = 3_000


def until(look: Callable[[], ValueT], *, otherwise: Callable[[], str] = str) -> ValueT:
    """Look again and again until there is something to be seen, and return it.

    Args:
        look: Gives what is waited for, and something false before it is there.
        otherwise: What to say when it never comes.
    """
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / LOOK_EVERY_S)):
        found = look()
        if found:
            return found
        tick.wait(LOOK_EVERY_S)
    raise AssertionError(f"not seen within {PATIENCE_S:g} s\n… {otherwise()[-LAST_WORDS:]}")
