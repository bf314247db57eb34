"""No module needs itself by way of others, not even for the sake of a type or of something loaded late."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from .sources import PACKAGES, package_files, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Imports that close a circle, each with its reason. This list shrinks; nothing is added to it.
KNOWN = frozenset(
    {
        # The package names what lies in it, and holds the version that is sent with points.
        ("barograph", "barograph.feedback"),
        ("barograph", "barograph.lifecycle"),
        ("barograph", "barograph.monitor"),
        # What a signal sees holds a reference, and a reference is made of what streams and states are.
        ("barograph_processor.signals.api", "barograph_processor.signals.reference"),
    }
)


def module_of(path: Path) -> str:
    root = next(one for one in PACKAGES if one in path.parents)
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules of ours that a file imports, wherever in it and for whatever."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [inner] if inner in modules else [node.module] if node.module in modules else []


def circles(graph: Mapping[str, set[str]]) -> set[str]:
    """The modules that can be reached from themselves, and only by way of such; empty without a circle."""
    left = {name: set(needs) for name, needs in graph.items()}
    while True:
        needed = set().union(*left.values())
        ends = {name for name, needs in left.items() if not needs & left.keys() or name not in needed}
        if not ends:
            return set(left)
        left = {name: needs - ends for name, needs in left.items() if name not in ends}


def graph_of(*, without: frozenset[tuple[str, str]] = frozenset()) -> dict[str, set[str]]:
    modules = {module_of(path): path for path in package_files()}
    return {
        name: {
            other
            for other in imported(tree_of(path), modules)
            if other != name and (name, other) not in without
        }
        for name, path in modules.items()
    }


def test_modules_import_each_other_in_no_circle() -> None:
    assert set() == circles(graph_of(without=KNOWN))


@pytest.mark.parametrize("known", sorted(KNOWN))
def test_an_import_that_may_close_a_circle_closes_one(known: tuple[str, str]) -> None:
    assert set(known) <= circles(graph_of(without=KNOWN - {known}))


def test_a_circle_is_found_and_what_leads_to_it_or_from_it_is_not() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b", "e"}, "e": {"f"}, "f": set[str]()}
    assert {"b", "c", "d"} == circles(graph)
    assert set() == circles({**graph, "d": {"e"}})
