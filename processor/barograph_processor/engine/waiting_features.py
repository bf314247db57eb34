"""Features of rows that wait to be counted together, because counting many rows costs less by the row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.engine.batch import FeatureColumn, Features, Texts
from barograph_processor.engine.batch_joining import joined_texts
from barograph_processor.engine.feature_rows import PaneRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROOM_BYTES: Final = 16 * 2**20
_SHARE_BYTES: Final = 2 * 2**20
_PART_BYTES: Final = 1_000
_TEXT_BYTES: Final = 60  # without its characters


class WaitingRoom:
    """Memory that the features of all keys share while they wait.

    Attributes:
        size_bytes: How much of it is taken.
    """

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0

    @property
    def full(self) -> bool:
        """Whether what waits has to be counted now, whoever's it is."""
        return self.size_bytes > _ROOM_BYTES


class Gathered(NamedTuple):
    """What waited, as one.

    Attributes:
        features: Columns of all rows.
        rows: The rows by source and pane: its panes are places in `groups`.
        groups: Source and pane.
        named: The features that each group's batches named; None: those of `features`, all of them.
    """

    features: Features
    rows: PaneRows
    groups: list[tuple[str, int]]
    named: list[set[str]] | None


class _Part(NamedTuple):
    """Features of some rows of one source, those of one pane next to each other; nobody else holds them.

    Attributes:
        source: Whose they are.
        panes: Their panes.
        counts: int [panes], rows of each.
        names: Features whose numbers are held.
        numbers: float64 [names, n].
        texts: Texts [n] by feature.
    """

    source: str
    panes: Sequence[int]
    counts: NDArray[np.intp]
    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    texts: dict[str, Texts]

    @property
    def features(self) -> set[str]:
        """All features that are named."""
        return {*self.names, *self.texts}


class WaitingFeatures:
    """Features of one key that wait, bounded in memory.

    Attributes:
        size_bytes: Estimate of the memory held.
    """

    __slots__ = ("_most_bytes", "_parts", "_room", "size_bytes")

    def __init__(self, room: WaitingRoom, most_bytes: int) -> None:
        """Begin with nothing.

        Args:
            room: What is shared with other keys.
            most_bytes: What the key's features may take in all.
        """
        self._room = room
        self._most_bytes = min(_SHARE_BYTES, most_bytes // 4)
        self._parts: list[_Part] = []
        self.size_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def full(self) -> bool:
        """Whether these have to be counted now."""
        return self.size_bytes > self._most_bytes

    @property
    def panes(self) -> set[int]:
        """The panes of what waits."""
        return {pane for part in self._parts for pane in part.panes}

    def add(self, source: str, features: Features, rows: PaneRows) -> None:
        """Let some rows of a batch wait; nothing of the batch is held but its texts."""
        named: list[tuple[str, NDArray[np.float64]]] = []
        texts: dict[str, Texts] = {}
        size_bytes = _PART_BYTES
        for name, column in features.columns.items():
            numbers = rows.numbers(column)
            if column.texts is not None:
                codes = rows.codes(column.texts)
                texts[name] = Texts(codes.copy() if rows.every else codes, column.texts.values)
                characters = sum(map(len, column.texts.values))
                size_bytes += codes.nbytes + _TEXT_BYTES * len(column.texts.values) + characters
                if math.isnan(numbers[0]) and (len(numbers) == 1 or np.isnan(numbers).all()):
                    continue
            named.append((name, numbers))
        held = np.array([numbers for _, numbers in named]).reshape(len(named), len(rows.rows))
        names = tuple(name for name, _ in named)
        self._parts.append(_Part(source, rows.panes, rows.counts, names, held, texts))
        self.size_bytes += size_bytes + held.nbytes
        self._room.size_bytes += size_bytes + held.nbytes

    def take(self) -> Gathered:
        """All that waits, in the order in which it came; there must be some. Nothing waits then."""
        parts, self._parts = self._parts, []
        self._room.size_bytes -= self.size_bytes
        self.size_bytes = 0
        places: dict[tuple[str, int], int] = {}
        group_of = [
            np.repeat(
                [places.setdefault((part.source, pane), len(places)) for pane in part.panes], part.counts
            )
            for part in parts
        ]
        groups = np.concatenate(group_of)
        rows = PaneRows.of(np.arange(len(groups)), groups, len(groups))
        named: list[set[str]] | None = None
        if len({frozenset(part.features) for part in parts}) > 1:
            named = [set() for _ in places]
            for part in parts:
                for pane in part.panes:
                    named[places[part.source, pane]] |= part.features
        return Gathered(Features(_columns(parts, len(groups))), rows, list(places), named)


def _columns(parts: Sequence[_Part], rows: int) -> dict[str, FeatureColumn]:
    names = dict.fromkeys(name for part in parts for name in part.names)
    if len({part.names for part in parts}) == 1:
        numbers = np.concatenate([part.numbers for part in parts], axis=1)
    else:
        numbers = np.full((len(names), rows), np.nan)
        places = {name: place for place, name in enumerate(names)}
        begin = 0
        for part in parts:
            end = begin + part.numbers.shape[1]
            numbers[[places[name] for name in part.names], begin:end] = part.numbers
            begin = end
    texts = {
        name: joined_texts([part.texts.get(name) or _none(part) for part in parts])
        for name in dict.fromkeys(name for part in parts for name in part.texts)
    }
    columns = {
        name: FeatureColumn(column, texts.pop(name, None))
        for name, column in zip(names, numbers, strict=True)
    }
    absent = np.full(rows, np.nan)
    return columns | {name: FeatureColumn(absent, column) for name, column in texts.items()}


def _none(part: _Part) -> Texts:
    return Texts(np.full(part.numbers.shape[1], -1, np.int32), ())
