"""What the engine is told once: windows, times to wait, limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from barograph_processor.engine.byte_strings import ByteStrings
    from barograph_processor.signals.schema_rule import Rule

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
LONGEST_NS = 36_525 * DAY_NS
"""A century: the longest wait. With two of them, times of today stay within what nanoseconds tell, 2262."""


class Window(NamedTuple):
    """A kind of window.

    Attributes:
        name: As configured: ``5m``, ``1h``, ``1d``, ``month``.
        length_ns: Length; 0 for calendar months (UTC).
    """

    name: str
    length_ns: int


class Horizon(NamedTuple):
    """How long after a window's end labels are awaited.

    Attributes:
        name: ``1h``, ``1d``, ``7d`` or ``all``.
        length_ns: The wait.
    """

    name: str
    length_ns: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Engine settings; every default is stated in docs/configuration.md.

    Attributes:
        windows: Windows that readings are made for.
        pane_ns: Pane length, a divisor of a day and of every window.
        lateness_ns: Event time that the watermark waits for stragglers.
        ttl_ns: Event time after a pane's end in which late data still revises its windows.
        idle_ns: Wall time after which a silent source no longer holds the watermark.
        future_skew_ns: Event times further ahead of the wall clock than this are clamped, counted.
        horizons: Label horizons, increasing; the last is ``all`` (`labels.within`).
        segments: Segment columns that performance is also computed for.
        max_keys: Keys held; further ones are refused, counted.
        max_features: Features of one key.
        max_sources: Sources of one key.
        max_segment_values: Values of a segment column; the rest become ``__other__``.
        learn_rows: Rows that a baseline is learned from where none is given.
        tasks: Model name to what it predicts (``binary``, ``multiclass``, ``regression``), where no
            baseline says so.
        rules: Model name to the rules of its schema, by feature.
        max_panes: Panes of one key that wait to be folded; beyond, the oldest are folded early.
        max_pane_rows: Outcome rows of one key that wait in panes; beyond, they are folded early.
        max_counted_panes: Panes, by source, of one key whose outcome rows stand in for histograms that
            may still come; beyond, the older half is decided for good.
        max_slices: Runs of slices of one key that are remembered to recognise repeated points.
        max_windows: Windows of one key that are held; beyond, the oldest are ended early.
        max_feature_bytes: Estimated memory of one key's features that wait in panes, and of those that stand
            in for histograms; beyond, panes are folded early, and the older half decided for good.
        clear: Features whose categories are counted by name; of others, values outside the baseline's
            vocabulary are counted by keyed hash, as sources send them.
        hash_key: Key of those hashes, the same as in sources; empty: made of the model's name.
    """

    windows: Sequence[Window] = (Window("1h", HOUR_NS), Window("1d", DAY_NS))
    pane_ns: int = MINUTE_NS
    lateness_ns: int = 2 * MINUTE_NS
    ttl_ns: int = 2 * DAY_NS
    idle_ns: int = 2 * MINUTE_NS
    future_skew_ns: int = HOUR_NS
    horizons: Sequence[Horizon] = (
        Horizon("1h", HOUR_NS),
        Horizon("1d", DAY_NS),
        Horizon("7d", 7 * DAY_NS),
        Horizon("all", 30 * DAY_NS),
    )
    segments: Sequence[str] = ()
    max_keys: int = 1_000
    max_features: int = 2_000
    max_sources: int = 1_000
    max_segment_values: int = 20
    learn_rows: int = 10_000
    tasks: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    max_panes: int = 10_000
    max_pane_rows: int = 2_000_000
    max_counted_panes: int = 20_000
    max_slices: int = 1_000_000
    max_windows: int = 20_000
    max_feature_bytes: int = 128 * 2**20
    clear: frozenset[str] = frozenset()
    hash_key: str = ""


class PendingStore(Protocol):
    """Predictions and labels by join key until their time to live is over.

    Keys are at most 72 bytes; values are opaque. Implementations in `stores/` keep within a byte cap
    by evicting the oldest, and say how many.
    """

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values, None where there is none."""

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """Store (key, expiry in Unix nanoseconds, value); returns how many entries were evicted."""

    def expire(self, before_ns: int) -> list[bytes]:
        """Remove entries whose expiry is before `before_ns`; returns their values, at most 10,000 a call."""

    def flush(self) -> None:
        """Make what was put durable."""

    def __len__(self) -> int:
        """Number of entries."""


@runtime_checkable
class ColumnStore(PendingStore, Protocol):
    """A store that also takes many entries at once as columns, several times as fast as one by one.

    It is in memory: nothing that it does can fail half of the way.
    """

    def new(self, keys: ByteStrings) -> NDArray[np.bool_]:
        """Bool [n], which keys nothing is held under, and differ from the others.

        Some that are new may be left out, such as where hashes of keys are equal by chance.
        """

    def put_columns(self, keys: ByteStrings, expiry_ns: NDArray[np.int64], values: ByteStrings) -> int:
        """As `put_many`.

        Args:
            keys: Unlike each other.
            expiry_ns: int64 [n], Unix nanoseconds.
            values: Of each key.
        """
