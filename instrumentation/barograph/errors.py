"""The few errors that Barograph raises.

A message says what was got, what was wanted and what to do.
"""

from __future__ import annotations


class BarographError(Exception):
    """Anything that Barograph raises on purpose."""


class ConfigError(BarographError):
    """A setting is unknown, of the wrong type, or names something that is not there."""


class Permanent(BarographError):
    """The item can never be taken; sending it again is pointless."""


class Retryable(BarographError):
    """The item can't be taken now; sending it again later may work."""


class StateError(BarographError):
    """State bytes are damaged, or two states differ in kind or parameters."""


class MissingExtra(BarographError):
    """A part that was asked for needs an extra that isn't installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'barograph[{extra}]'")
