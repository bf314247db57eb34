"""`python -m barograph_processor` is the `barograph` command."""

from __future__ import annotations

from barograph_processor.cli import main

main()
