"""What a snapshot of the engine holds, as plain values.

Each image mirrors one class of the engine; `snapshot` turns them into each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from barograph.baseline import Feature  # noqa: TC001 msgspec reads the annotations
from barograph.errors import StateError
from barograph_processor.engine.batch import Key  # noqa: TC001 likewise
from barograph_processor.engine.duplicates import SliceRun  # noqa: TC001 likewise
from barograph_processor.engine.results import Status  # noqa: TC001 likewise
from barograph_processor.engine.window_state import Slice  # noqa: TC001 likewise
from barograph_processor.signals import codec
from barograph_processor.signals.api import Reading, StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.settings import Settings
    from barograph_processor.signals.api import State

MAGIC = b"BGEN"
FORMAT = 6
_READ = frozenset({4, 5, FORMAT})  # before 5 there were no edges; before 6, what waits wasn't in columns

Encoded = list[tuple[StreamId, bytes]]


class Arrangement(msgspec.Struct, frozen=True, array_like=True):
    """The settings that a snapshot can't do without: panes, windows, horizons, segments."""

    pane_ns: int
    windows: tuple[tuple[str, int], ...]
    horizons: tuple[tuple[str, int], ...]
    segments: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Arrangement:
        """Those of the settings."""
        return cls(
            settings.pane_ns,
            tuple((window.name, window.length_ns) for window in settings.windows),
            tuple((horizon.name, horizon.length_ns) for horizon in settings.horizons),
            tuple(settings.segments),
        )


class RowsImage(msgspec.Struct, array_like=True):
    """`OutcomeRows`; columns as float64 bytes, little-endian."""

    rows: int
    classes: dict[str, int]
    score: bytes
    scores: dict[str, bytes]
    value: bytes
    segments: list[tuple[str, str, int]]


class KnownImage(msgspec.Struct, array_like=True):
    """`KnownCounts`; arrays as bytes, little-endian, whole numbers beyond 64 bits as signed bytes."""

    rows: int
    counts: bytes
    states: bytes
    low: bytes
    high: bytes
    units: bytes
    large: dict[int, bytes]
    labels: list[dict[str, int]]
    category_states: list[dict[str, int]]


class PlanImage(msgspec.Struct, array_like=True):
    """`KnownPlan`."""

    basis: str
    features: list[Feature]


class PaneImage(msgspec.Struct, array_like=True):
    """`Pane`."""

    pane: int
    states: Encoded
    rows: dict[str, list[RowsImage]]
    known: dict[str, KnownImage] = {}
    open: dict[str, Encoded] = {}
    relayed: dict[str, Encoded] = {}


class WindowImage(msgspec.Struct, array_like=True):
    """`WindowState`, with the kind of window it is."""

    kind: int
    start_ns: int
    end_ns: int
    states: Encoded
    segment_rows: list[tuple[str, str, int]]
    labels: list[tuple[Slice, Encoded]]
    stale: bool
    changed_horizon: int | None
    revision: int
    matured: int
    status: Status | None
    baseline_id: str | None
    predictions: int
    readings: list[Reading]
    frozen: bool


class LearningImage(msgspec.Struct, array_like=True):
    """`Learning`; slices as (length, number, states)."""

    states: Encoded
    rows: int
    start_ns: int | None
    end_ns: int | None
    slices: dict[int, list[tuple[int, Encoded]]]


class ReferenceImage(msgspec.Struct, array_like=True):
    """`KeyReference`, where no baseline was given."""

    learned: bytes | None
    from_ns: int | None
    learning: LearningImage | None


class KeyImage(msgspec.Struct, array_like=True):
    """`KeyState`."""

    key: Key
    watermark_ns: int | None
    seen: list[tuple[str, str, int, int]]
    panes: list[PaneImage]
    counted: list[tuple[int, str, Encoded]]
    histograms: list[tuple[str, str, list[int]]]
    decided: int | None
    slices: list[SliceRun]
    slice_floors: dict[str, int]
    windows: list[WindowImage]
    floors: list[int | None]
    features: dict[str, int]
    sources: dict[str, int]
    streams: list[tuple[StreamId, int]]
    reference: ReferenceImage
    plan: PlanImage | None = None
    known: list[tuple[int, str, KnownImage]] = []


class EngineImage(msgspec.Struct, array_like=True):
    """`Engine`, and its store's entries where those are in memory alone."""

    arrangement: Arrangement
    keys: list[KeyImage]
    counters: list[tuple[str, str, int]]
    taken: tuple[int, int]
    labels: tuple[int, int, int]
    learned: list[bytes]
    pending: bytes | None


class Held:
    """The states of an image that isn't bytes yet.

    States are never changed, only replaced, so that an image is made by taking hold of them: the bytes,
    which take a hundred times as long, are made when the engine has gone on.

    Attributes:
        states: By stream.
    """

    __slots__ = ("states",)

    def __init__(self, states: Mapping[StreamId, State]) -> None:
        self.states = states

    def encoded(self) -> Encoded:
        """The states' bytes; a state of another package that has none is left out: it could not be read."""
        encoded: Encoded = []
        for stream, state in self.states.items():
            try:
                encoded.append((stream, state.to_bytes()))
            except Exception:  # noqa: PERF203  # one state's fault is not the others'
                if not codec.is_foreign(state):
                    raise
        return encoded


def pack(image: EngineImage) -> bytes:
    """The bytes of a snapshot; may be called while the engine goes on."""
    return MAGIC + FORMAT.to_bytes(2, "little") + _encode(image)


_encode: Final = msgspec.msgpack.Encoder(enc_hook=Held.encoded).encode


def unpack(data: bytes, settings: Settings) -> EngineImage:
    """Read a snapshot.

    Raises:
        StateError: The bytes are damaged, of another format, or made with other windows.
    """
    if data[:4] != MAGIC or len(data) < len(MAGIC) + 2:
        raise StateError("not an engine snapshot: it does not begin with BGEN; start without it")
    found = int.from_bytes(data[4:6], "little")
    if found not in _READ:
        raise StateError(f"snapshot format {found} is unknown here (wanted {FORMAT}); start without it")
    try:
        image = msgspec.msgpack.decode(data[6:], type=EngineImage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"the engine snapshot is damaged: {error}") from error
    if image.arrangement != Arrangement.of(settings):
        raise StateError("the engine snapshot was made with other panes, windows, horizons or segments")
    return image
