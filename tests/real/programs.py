"""Where the real programs are, and what is left out where there are none.

A test that talks to one says so with a mark, and gets its path from `program`:

    @pytest.mark.real("otelcol")
    def test_…(tmp_path): …

The folder is named by ``BAROGRAPH_REAL``; ``tools/real/build`` makes one. Where the variable isn't
set, such tests are left out under one reason, and the run ends by naming what wasn't shown. Where
it is set, a program that isn't there is a failure; only a folder made before Alertmanager was asked for may
do without it, and the run says so just as loudly.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "BAROGRAPH_REAL"
MARK = "real"
LEFT_OUT = f"no real programs: {VARIABLE} names no folder; tools/real/build makes one"
NOT_IN_IT = f"not in the folder that {VARIABLE} names; tools/real/build adds it"
MAY_BE_MISSING = frozenset({"alertmanager", "amtool"})


def folder() -> Path | None:
    """The folder of the programs; None where nobody named one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def program(name: str) -> Path:
    """The path of a program.

    Raises:
        FileNotFoundError: It isn't in the folder, or there is no folder.
    """
    place = folder()
    found = None if place is None else place / name
    if found is None or not os.access(found, os.X_OK):
        raise FileNotFoundError(f"{found or name}: not there; `tools/real/build FOLDER {name}` makes it")
    return found


def leave_out(items: Iterable[pytest.Item]) -> None:
    """Skip what needs programs that aren't there."""
    reason = LEFT_OUT if folder() is None else NOT_IN_IT
    for item in items:
        if _missing(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def left_out(items: Iterable[pytest.Item]) -> Counter[str]:
    """Programs for want of which tests are left out, with the number of those tests."""
    return Counter(name for item in items for name in _missing(item))


def _missing(item: pytest.Item) -> list[str]:
    mark = item.get_closest_marker(MARK)
    place = folder()
    names = [] if mark is None else [str(name) for name in mark.args]
    if place is None:
        return names
    return [name for name in names if name in MAY_BE_MISSING and not (place / name).exists()]


def report(left_out: Counter[str]) -> list[str]:
    """What to say at the end of a run that left tests out.

    >>> report(Counter(otelcol=2, promtool=1))[0]
    'NOT SHOWN: 2 tests with otelcol, 1 test with promtool'
    """
    counted = ", ".join(
        f"{count} {'test' if count == 1 else 'tests'} with {name}" for name, count in sorted(left_out.items())
    )
    return [f"NOT SHOWN: {counted}", f"  {LEFT_OUT if folder() is None else NOT_IN_IT}"]
