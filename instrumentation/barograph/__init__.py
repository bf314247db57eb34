"""Tells whether a model in production is still right, over OpenTelemetry alone.

`Monitor` watches a model's inputs and answers; `Feedback` tells what turned out to be true.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barograph.errors import BarographError, ConfigError
    from barograph.feedback import Feedback
    from barograph.lifecycle import configure, drain, flush, shutdown
    from barograph.monitor import Monitor

__version__ = "0.1.0"

__all__ = [
    "BarographError",
    "ConfigError",
    "Feedback",
    "Monitor",
    "__version__",
    "configure",
    "drain",
    "flush",
    "shutdown",
]

# Loaded when first asked for: who only reads a baseline doesn't pay for monitors, and who only
# predicts doesn't pay for feedback.
_HOMES = {
    "BarographError": "errors",
    "ConfigError": "errors",
    "Feedback": "feedback",
    "Monitor": "monitor",
    "configure": "lifecycle",
    "drain": "lifecycle",
    "flush": "lifecycle",
    "shutdown": "lifecycle",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'barograph' has no attribute {name!r}")
        found = getattr(import_module(f"barograph.{home}"), name)
        globals()[name] = found
        return found
