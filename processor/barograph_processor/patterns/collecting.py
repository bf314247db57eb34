"""How often a process that is a service alone looks for objects that refer to each other in a circle.

Python looks after every 700 new containers, and what a service keeps is many small objects: states of
panes and windows. Most of what it would look through again and again can't be garbage. Other programs are
not ours to tune, so this is for `barograph run` and not for the engine inside of them.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_OBJECTS: Final = 50_000


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Leave alone what is there now, and look at what is new less often, for as long as the context lasts."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
