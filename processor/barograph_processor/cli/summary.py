"""What a drain did, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LABELS = ("accepted", "joined", "waiting", "duplicates", "conflicts")


def summary_lines(summary: Mapping[str, object]) -> Iterator[str]:
    """A line each for windows, predictions, labels, and every lane that did not take all as it came."""
    yield f"windows      {_count(summary['windows'])} closed, {_count(summary['revisions'])} revisions"
    yield f"predictions  {_count(summary['predictions'])} by id, {_count(summary['points'])} histogram points"
    labels = cast("Mapping[str, int]", summary["labels"])
    yield "labels       " + ", ".join(f"{_count(labels[name])} {name}" for name in LABELS)
    dropped = cast("Mapping[str, Mapping[str, int]]", summary["dropped"])
    if not dropped:
        yield "dropped      nothing"
    for lane, reasons in dropped.items():
        yield f"dropped      {lane}: " + ", ".join(
            f"{_count(count)} {reason}" for reason, count in reasons.items()
        )


def _count(value: object) -> str:
    return f"{cast('int', value):,}"
