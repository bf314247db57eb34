"""Packages of others, as an installer leaves them: a module, metadata, entry points."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIGNAL = '''
from dataclasses import dataclass

from barograph.semconv.metrics import Metric
from barograph_processor.signals.api import Reading


@dataclass(frozen=True)
class Rows:
    """The number of rows, once more."""

    name: str = "rows.again"
    scope: str = "window"
    metrics: tuple = (Metric("acme.rows", "gauge", "{row}", "Rows of the window.", ()),)

    def readings(self, view):
        yield Reading("acme.rows", float(view.predictions))


ROWS = Rows()
'''


def write_package(
    folder: Path, name: str, module: str, points: Mapping[str, Mapping[str, str]], version: str = "1.2"
) -> None:
    """Put a package into a folder of `sys.path`.

    Args:
        folder: The folder.
        name: Name of the package; its module has the name with underscores.
        module: The module's text.
        points: Group of entry points to name to target.
        version: The package's version.
    """
    (folder / f"{name.replace('-', '_')}.py").write_text(dedent(module), encoding="utf-8")
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {target}\n" for key, target in entries.items())
        for group, entries in points.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
