"""What a check found, and how all of it is told to people and to programs."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Group: TypeAlias = Literal["environment", "configuration", "endpoint", "processor", "round trip"]
Status: TypeAlias = Literal["ok", "warning", "failed", "skipped"]
STATUSES: Final[tuple[Status, ...]] = ("failed", "warning", "ok", "skipped")
MASK: Final = "***"
_MARGIN: Final = 2 + max(map(len, STATUSES)) + 2
_LEAST_WIDTH: Final = 60
_MOST_WIDTH: Final = 110
_SHORTEST_SECRET: Final = 4  # what is shorter stands in every other word


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        group: Which part of the way it is about.
        check: What was looked at, in few words.
        status: How it stands.
        said: One sentence.
        advice: What to do; ``""`` where nothing has to be done.
    """

    group: Group
    check: str
    status: Status
    said: str
    advice: str = ""


def overall(findings: Iterable[Finding]) -> Status:
    """``failed`` or ``warning`` where anything is, else ``ok``."""
    found = {finding.status for finding in findings}
    return next((status for status in STATUSES[:2] if status in found), "ok")


def masked(findings: Iterable[Finding], secrets: Iterable[str]) -> Iterator[Finding]:
    """The same findings, without secrets that somebody's message may repeat.

    >>> [found] = masked([Finding("endpoint", "logs", "failed", "refused: Bearer abcdef")], ["Bearer abcdef"])
    >>> found.said
    'refused: ***'
    """
    hidden = {part for secret in secrets for part in (secret, secret.rpartition(" ")[2])}
    longest_first = sorted((text for text in hidden if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)

    def clear(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, MASK)
        return text

    for each in findings:
        yield Finding(each.group, each.check, each.status, clear(each.said), clear(each.advice))


def as_json(findings: Sequence[Finding], version: str) -> dict[str, object]:
    """Everything as plain values."""
    return {
        "version": version,
        "status": overall(findings),
        "checks": [asdict(finding) for finding in findings],
    }


def lines(findings: Iterable[Finding], width: int) -> Iterator[tuple[Status | None, str]]:
    """Lines for people, each with the status whose colour its first words have.

    Args:
        findings: In the order in which they are told.
        width: Longest line, where words allow it.
    """
    group = ""
    room = width - _MARGIN
    for finding in findings:
        if finding.group != group:
            group = finding.group
            yield None, group
        told = _wrapped(f"{finding.check}: {finding.said}", room)
        yield finding.status, f"  {finding.status:<{_MARGIN - 2}}{told[0]}"
        yield from ((None, " " * _MARGIN + line) for line in told[1:])
        if finding.advice:
            for number, line in enumerate(_wrapped(finding.advice, room - 3)):
                yield None, " " * _MARGIN + ("-> " if number == 0 else "   ") + line


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def width() -> int:
    """Columns that there are, within reason."""
    return min(max(shutil.get_terminal_size((_MOST_WIDTH, 24)).columns, _LEAST_WIDTH), _MOST_WIDTH)


def summary(findings: Sequence[Finding]) -> str:
    """How many checks ended how.

    >>> summary(
    ...     [Finding("endpoint", "logs", "ok", "taken"), Finding("endpoint", "traces", "failed", "refused")]
    ... )
    '1 failed, 1 ok'
    """
    counts = {status: sum(each.status == status for each in findings) for status in STATUSES}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)
