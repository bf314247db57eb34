"""scipy's distributions, loaded when the first of them is needed: they take 6 MB that an edge never uses."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

if find_spec("scipy") is None:  # said at the start, not when the first window is judged
    raise ModuleNotFoundError("No module named 'scipy'", name="scipy")


def special() -> ModuleType:
    """`scipy.special`; safe from any thread, which importlib's `LazyLoader` isn't before Python 3.12."""
    from scipy import special as loaded  # noqa: PLC0415

    module: ModuleType = loaded
    return module
