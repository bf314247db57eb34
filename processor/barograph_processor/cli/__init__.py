"""The command line: `barograph run`, `drain`, `check`, `doctor`, `components`, `baseline`."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `barograph` command."""
    try:
        from barograph_processor.cli.root import cli  # noqa: PLC0415  # the base install has no click

        cli(prog_name="barograph")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("barograph"):
            raise
        sys.exit(f"the barograph command needs {error.name}: pip install 'barograph[processor]'")
    except KeyboardInterrupt:  # while it was loaded; afterwards click says the same
        sys.exit("Aborted!")
