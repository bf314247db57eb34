"""What looks like a mistake in a baseline that was made as it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.signals.fit_columns import MOST_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from barograph.baseline import Baseline

# Of ten groups, PSI without any drift is about 9 / rows; at this many rows that is 0.05, the size from
# which on drift counts as one.
FEW_ROWS = 180
# Where fewer rows than that share a category, or the vocabulary is full, it is hardly one.
_ROWS_A_CATEGORY = 2


def doubts(baseline: Baseline, times: Collection[str]) -> Iterator[str]:
    """A line for each thing that was hardly meant, with what to do.

    Args:
        baseline: As it was made.
        times: Features whose columns hold times.
    """
    header = baseline.header
    if header.rows <= FEW_ROWS:
        yield (
            f"only {header.rows:,} rows: chance alone makes windows differ from them as much as drift does; "
            f"give thousands"
        )
    for feature in header.features:
        name, found = feature.name, len(feature.categories)
        if name in times:
            yield (
                f"{name} holds times and is a feature, which every later window will differ in; "
                f"name it with --time {name}, or leave it out with --exclude {name}"
            )
        elif header.rows > FEW_ROWS and (found >= MOST_CATEGORIES or found * _ROWS_A_CATEGORY > header.rows):
            yield (
                f"{name} has {_many(found)} categories in {header.rows:,} rows and is a feature; if it is "
                f"the id, name it with --id {name}, else think of --exclude {name}"
            )


def _many(categories: int) -> str:
    """A vocabulary ends at so many."""
    return f"{categories:,}" if categories < MOST_CATEGORIES else f"{categories:,} or more"
