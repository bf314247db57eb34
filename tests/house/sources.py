"""The source files of the checkout, and what the tests of this folder ask of them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = (CHECKOUT / "instrumentation", CHECKOUT / "processor")
GENERATED = CHECKOUT / "instrumentation" / "barograph" / "semconv"
PURE = tuple(
    CHECKOUT / "processor" / "barograph_processor" / folder
    for folder in ("detectors", "engine", "signals", "wire")
)


def python_files(*folders: Path) -> list[Path]:
    """Every Python file below the folders, generated ones left out."""
    return sorted(
        path for folder in folders for path in folder.rglob("*.py") if GENERATED not in path.parents
    )


def package_files() -> list[Path]:
    """Every written file of the two packages."""
    return python_files(*PACKAGES)


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def shown(path: Path, node: ast.AST | None = None) -> str:
    """A place as a reader looks it up."""
    line = getattr(node, "lineno", None)
    return f"{path.relative_to(CHECKOUT)}" + (f":{line}" if line else "")


def imported_modules(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Absolute names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node


def only_for_types(path: Path) -> set[int]:
    """Ids of the statements under ``if TYPE_CHECKING:``, which no program runs."""
    return {
        id(inner)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def documentation(tree: ast.Module) -> set[int]:
    """Ids of the constants that are docstrings, or strings that stand alone."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
