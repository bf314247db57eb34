"""A database's folder copied while nobody has it open, without the library that writes it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def copied(source: Path, target: Path) -> None:
    """A copy of a database that nobody has open; unchanging files are linked where that is possible.

    Args:
        source: Its folder.
        target: The copy's folder; what is there is removed first.

    Raises:
        OSError: The disk failed, or is full.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        if file.suffix == ".sst":
            try:
                (target / file.name).hardlink_to(file)
            except OSError:
                shutil.copy2(file, target)
        else:
            shutil.copy2(file, target)
