"""`python -m barograph` is the `barograph` command, which another package of this distribution holds."""

from __future__ import annotations

from importlib.metadata import distribution

(command,) = distribution("barograph").entry_points.select(group="console_scripts", name="barograph")
command.load()()
