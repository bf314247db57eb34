"""A configuration file of the processor, checked as `barograph check` does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from barograph.errors import BarographError
from barograph_processor.cli.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_GROUP: Final = "configuration"
_REFERENCE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)")
_NEEDED: Final = "pip install 'barograph[processor]'"


def referred_variables(path: Path | None) -> Collection[str]:
    """The variables that a file refers to; none where it can't be read."""
    if path is None:
        return ()
    try:
        return set(_REFERENCE.findall(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return ()


def file_findings(path: Path | None) -> Iterator[Finding]:
    """Whether a processor could start with the file; one finding for each problem.

    Args:
        path: The file; None: there is none.
    """
    if path is None:
        return
    check = str(path)
    try:
        from barograph_processor.cli.checking import checked  # noqa: PLC0415  # not for --help
        from barograph_processor.cli.options import Given  # noqa: PLC0415

        found = checked(Given(config=path))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("barograph"):
            raise
        yield Finding(
            _GROUP,
            check,
            "skipped",
            f"the processor is not installed here ({error.name} is missing)",
            _NEEDED,
        )
    except BarographError as error:
        for line in str(error).splitlines():
            yield Finding(
                _GROUP, check, "failed", line.removeprefix(f"{path}: "),
                f"correct it; `barograph check --config {path}` tells the rest",
            )  # fmt: skip
    else:
        models = ", ".join(found.config.models) or "every model alike"
        yield Finding(
            _GROUP, check, "ok", f"a processor can start with it ({models}; {len(found.baselines)} baselines)"
        )
