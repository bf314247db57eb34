"""Telemetry names come from the registry: none is typed by hand, none is spelled wrongly in prose."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE
from generate import load

from .sources import CHECKOUT, GENERATED, documentation, package_files, shown, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGISTRY = load()
NAMES = frozenset(
    [attribute.key for attribute in REGISTRY.attributes]
    + [signal.name for signal in (*REGISTRY.metrics, *REGISTRY.events, *REGISTRY.spans)]
)
OURS = frozenset(name for name in NAMES if name.startswith(("ml.", "barograph")))
# The scope of sources is the package's name, which strings name for other reasons too.
TYPED_NOWHERE = OURS | {PROCESSOR_SCOPE, READINGS_SCOPE}
FRAGMENT = re.compile(r"ml(\.[a-z0-9_]+)*\.?")
IN_PROSE = re.compile(r"(?<![\w./-])ml(?:\.[a-z][a-z0-9_]*)+(?![\w(])")
PAGES = sorted(
    path
    for path in (*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"))
    if "reference" not in path.parts
)


def typed(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    prose = documentation(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            is_fragment = "." in node.value and FRAGMENT.fullmatch(node.value)
            if node.value in TYPED_NOWHERE or is_fragment:
                yield f"{shown(path, node)}: {node.value!r}"


def test_no_name_is_typed_by_hand() -> None:
    assert [] == [each for path in package_files() for each in typed(path)]


@pytest.mark.parametrize("path", [*package_files(), *PAGES], ids=shown)
def test_names_in_prose_are_those_of_the_registry(path: Path) -> None:
    """Messages, docstrings and pages name what exists, or the beginning of what exists."""
    known = set(NAMES)
    for name in NAMES:
        parts = name.split(".")
        known.update(".".join(parts[:length]) for length in range(2, len(parts)))
    found = set(IN_PROSE.findall(path.read_text(encoding="utf-8")))
    assert set() == found - known


def test_the_generated_files_are_the_only_ones_in_their_folder() -> None:
    names = {"__init__", "attributes", "metrics", "processor", "events", "spans"}
    assert names == {path.stem for path in GENERATED.glob("*.py")}
