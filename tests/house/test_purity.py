"""Signals, detectors, engine and wire depend on their arguments alone.

What they may import, import-linter says; here is what imports can't show: clocks, the environment,
randomness and files reached through modules that are allowed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from .sources import PURE, python_files, shown, tree_of

if TYPE_CHECKING:
    from pathlib import Path

FILES = python_files(*PURE)

# Called or merely named, these depend on when, where or how often the program runs.
IMPURE_NAMES = frozenset(("open", "input", "print", "breakpoint", "exec", "eval", "__import__"))
IMPURE_ENDS = {
    "date": {"today"},
    "datetime": {"now", "today", "utcnow"},
    "np": {"random"},
    "numpy": {"random"},
    "os": {"environ", "getenv", "urandom", "getpid"},
    "pa": {"memory_map", "OSFile"},
    "platform": None,
    "random": None,
    "secrets": None,
    "sys": {"argv", "stdin", "stdout", "stderr"},
    "time": None,
    "uuid": {"uuid1", "uuid4"},
}
FILE_METHODS = frozenset(("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir"))


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_nothing_but_arguments_decides(path: Path) -> None:
    assert [] == [f"{shown(path, node)}: {what}" for node, what in impure(tree_of(path))]


def impure(tree: ast.Module) -> list[tuple[ast.AST, str]]:
    """Uses of the clock, the environment, randomness or files."""
    modules = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in IMPURE_NAMES:
            found.append((node, node.id))
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
        is_module = name in modules if isinstance(owner, ast.Name) else name in {"date", "datetime"}
        if name in IMPURE_ENDS and is_module:
            ends = IMPURE_ENDS[name]
            if ends is None or node.attr in ends:
                found.append((node, f"{name}.{node.attr}"))
        if node.attr in FILE_METHODS:
            found.append((node, node.attr))
    return found


@pytest.mark.parametrize(
    "line",
    [
        "import time\ntime.time()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import os\nos.environ['A']",
        "import numpy as np\nnp.random.default_rng()",
        "from uuid import UUID\nimport uuid\nuuid.uuid4()",
        "open('file')",
        "from pathlib import Path\nPath('a').read_text()",
    ],
)
def test_what_depends_on_more_is_found(line: str) -> None:
    assert impure(ast.parse(line))


def test_what_is_computed_from_arguments_is_let_pass() -> None:
    pure = "import numpy as np\nfrom datetime import datetime, timezone\n"
    pure += "np.sort([1])\ndatetime.fromtimestamp(0, timezone.utc)\nsizes.time.random\nstate.open()"
    assert [] == impure(ast.parse(pure))
