"""The Containerfile, read as what would build it reads it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CONTAINERFILE = CHECKOUT / "Containerfile"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction: its word in capitals, and what follows."""

    word: str
    text: str

    def words(self) -> list[str]:
        """What follows, without the flags of the instruction itself."""
        words = shlex.split(self.text)
        while words and words[0].startswith("--"):
            words.pop(0)
        return words

    def flags(self) -> dict[str, str]:
        """The flags of the instruction itself (``--from=build``)."""
        flags: dict[str, str] = {}
        for word in shlex.split(self.text):
            if not word.startswith("--"):
                break
            name, _, value = word[2:].partition("=")
            flags[name] = value
        return flags


@dataclass(slots=True)
class Stage:
    """What stands between one FROM and the next."""

    image: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def of(self, word: str) -> list[Step]:
        """Its instructions of one kind."""
        return [step for step in self.steps if step.word == word]

    def environment(self) -> dict[str, str]:
        """What its ENV instructions set, as written."""
        words = [word for step in self.of("ENV") for word in shlex.split(step.text)]
        return dict(word.split("=", 1) for word in words)


def instructions(text: str) -> list[Step]:
    """The instructions of a file; a backslash at the end of a line continues one.

    >>> instructions("# why" + chr(10) + "USER 1")
    [Step(word='USER', text='1')]
    """
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    parts = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [Step(word.upper(), text.strip()) for word, _, text in parts]


def stages(text: str) -> tuple[dict[str, str], list[Stage]]:
    """Arguments that stand before the first stage, and the stages."""
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for step in instructions(text):
        if step.word == "FROM":
            image, _, name = step.text.partition(" AS ")
            found.append(Stage(image, name))
        elif found:
            found[-1].steps.append(step)
        else:
            assert "ARG" == step.word
            name, _, value = step.text.partition("=")
            arguments[name] = value
    return arguments, found
