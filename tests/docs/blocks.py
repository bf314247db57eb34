"""The fenced blocks of the pages, and a shell that runs what they show.

How pages are written so that their blocks run:

- ``python`` blocks run; what they print stands behind ``#>``.
- ``console`` blocks run in one shell for each page, in order. ``$ `` begins a command, what follows
  is its output, ``…`` stands for any text and a line of ``…`` for any lines. Without output only
  success is asked for.
- ``yaml`` is a configuration of ours or of a Collector; ``json`` and ``toml`` are read.
- ``<!-- not run: reason -->`` before a block leaves it out, with the reason in the report.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from children import Child

if TYPE_CHECKING:
    from types import TracebackType

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "examples").rglob("*.md")]
)
ANY = "…"
_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: The file that it stands in.
        line: Line of its first line of text.
        language: What stands behind the fence.
        text: The content.
        not_run: Why it is left out; "" where it isn't.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    def __str__(self) -> str:
        """As a reader finds it."""
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a console block with the output that the page shows; None where it shows none."""

    command: str
    output: str | None


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            content.count("\n", 0, match.start("text")) + 1,
            match["language"].strip(),
            match["text"],
            match["reason"] or "",
        )
        for match in _FENCE.finditer(content)
    ]


def steps_of(text: str) -> list[Step]:
    """The commands of a console block; a trailing backslash continues one on the next line."""
    steps: list[Step] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            steps.append(Step(command, None))
        elif steps:
            last = steps[-1]
            steps[-1] = Step(last.command, line if last.output is None else f"{last.output}\n{line}")
        elif line.strip():
            raise ValueError(f"a console block begins with a command, not with {line!r}")
    return steps


def matches(shown: str, real: str) -> bool:
    """Whether output is what a page shows."""
    pattern = ""
    for line in shown.strip("\n").splitlines():
        if line.strip() == ANY:
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split(ANY)) + r"[ ]*\n"
    return re.fullmatch(pattern, real.strip("\n") + "\n") is not None


class Shell:
    """A bash with the environment's commands on its path."""

    def __init__(self, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "HOME": str(folder), "TERM": "dumb", "COLUMNS": "110"}
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._child = Child(self._process)
        self._read = 0

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; its exit code, and what it wrote."""
        mark = "-- end of output --"
        assert self._process.stdin
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %d\\n' '{mark}' $?\n")
        self._process.stdin.flush()
        first = self._read
        while not (line := self._child.line(self._read)).startswith(mark):
            self._read += 1
        self._read += 1
        return int(line.rsplit(" ", 1)[1]), "".join(self._child.lines[first : self._read - 1]).strip("\n")

    def __enter__(self) -> Shell:  # noqa: PYI034  # typing has no Self in Python 3.10
        """The shell itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the shell and whatever it started."""
        self._child.kill()
        assert self._process.stdin
        self._process.stdin.close()
