"""Notices when code that shall only compute opens a file, a connection or a process."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LOUD: Final = (
    "open",
    "os.system",
    "os.exec",
    "os.fork",
    "socket.",
    "subprocess.",
    "urllib.",
    "shutil.",
    "sqlite3.",
)
MODULES: Final = (".py", ".pyc", ".so", ".pyd")
_here = threading.local()


@contextmanager
def touched() -> Iterator[set[str]]:
    """A set of what this thread opens inside the block; files of modules that it imports aren't in it."""
    _listen()
    _here.things = found = set[str]()
    try:
        yield found
    finally:
        _here.things = None


@cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    things = getattr(_here, "things", None)
    if things is None:
        return
    if event.startswith(LOUD):
        subject = str(arguments[0]) if arguments else ""
        if not (event == "open" and subject.endswith(MODULES)):
            things.add(f"{event} {subject}".strip())
