"""The baseline file: what the model's inputs and outputs looked like when it was right.

Serving code reads the header (edges, vocabularies, ranges); the processor also reads the
states, which are the reference that windows are compared with. The id is the SHA-256 of
the whole content, so a baseline can't change under its name.

Layout: ``BGBL``, format (uint16, little-endian), header length (uint32), header (JSON),
then the state bytes of every stream, one after the other.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from barograph.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"BGBL"
FORMAT = 1
_PREFIX = struct.Struct("<4sHI")
MAX_HEADER_BYTES = 64 * 2**20

Task = Literal["binary", "multiclass", "regression"]
FeatureKind = Literal["number", "category"]


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input column.

    Attributes:
        name: Column name.
        kind: ``number`` is counted in buckets, ``category`` by value.
        edges: Upper-inclusive bucket edges, increasing; bucket i is (edges[i-1], edges[i]],
            the first and last buckets are open to -inf and +inf. Empty for categories.
        low: Least reference value; None where there was none.
        high: Greatest reference value.
        grid: Power of two that sums are rounded to, so that they are exact in any order.
        sentinels: Values that stand for a missing one; counted apart, never bucketed.
        categories: The vocabulary of a categorical feature.
    """

    name: str
    kind: FeatureKind
    edges: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    grid: float | None = None
    sentinels: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of the model.

    Attributes:
        name: ``""`` for the only output.
        task: What is predicted.
        classes: Classes as text, in the order of the scores' columns.
        positive: The positive class of a binary task.
        threshold: The positive class is predicted where score >= threshold; None: argmax.
        score_edges: Bucket edges of score histograms (as `Feature.edges`).
        value_edges: Bucket edges of predicted numbers (regression).
        value_grid: Power of two that sums of predicted numbers are rounded to.
    """

    name: str = ""
    task: Task
    classes: tuple[str, ...] = ()
    positive: str | None = None
    threshold: float | None = None
    score_edges: tuple[float, ...] = ()
    value_edges: tuple[float, ...] = ()
    value_grid: float | None = None


class StateEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the state of one stream lies in the file, and how the stream varies.

    Attributes:
        kind: Stream kind (`barograph_processor.signals.api.StreamId`).
        name: Feature name, ``""`` for streams of the output.
        part: Class name of score streams, else ``""``.
        output: Output name.
        offset: First byte, counted from the end of the header.
        length: Number of bytes.
        overdispersion: Window length in seconds (as text) to the factor by which slices of
            the reference of that length vary more than independent rows would.
    """

    kind: str
    name: str = ""
    part: str = ""
    output: str = ""
    offset: int
    length: int
    overdispersion: dict[str, float] = {}


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the baseline says about itself.

    Attributes:
        model: Model name.
        version: Model version.
        rows: Rows that the reference was made of.
        start_unix_nano: Earliest event time, or None where the rows carried none.
        end_unix_nano: Latest event time.
        learned: Whether it was learned from live traffic.
        features: The input columns.
        outputs: The outputs.
        states: The table of states.
    """

    model: str
    version: str
    rows: int
    start_unix_nano: int | None = None
    end_unix_nano: int | None = None
    learned: bool = False
    features: tuple[Feature, ...] = ()
    outputs: tuple[Output, ...] = ()
    states: tuple[StateEntry, ...] = ()


class Baseline:
    """A baseline in memory.

    Attributes:
        id: SHA-256 of the content, hex.
        header: The description.
        content: The whole file.
    """

    __slots__ = ("_body", "content", "header", "id")

    def __init__(self, content: bytes) -> None:
        """Parse a baseline.

        Raises:
            StateError: The content isn't a baseline of a format that this version reads.
        """
        if len(content) < _PREFIX.size or content[:4] != MAGIC:
            raise StateError(
                "not a baseline file: it does not begin with BGBL; make one with `barograph baseline fit`"
            )
        _, version, length = _PREFIX.unpack_from(content)
        if version != FORMAT:
            raise StateError(
                f"baseline format {version} is unknown here (wanted {FORMAT}); upgrade barograph"
            )
        if length > MAX_HEADER_BYTES or _PREFIX.size + length > len(content):
            raise StateError("the baseline file is cut short; copy it again or fit it again")
        try:
            self.header = msgspec.json.decode(content[_PREFIX.size : _PREFIX.size + length], type=Header)
        except msgspec.DecodeError as error:
            raise StateError(f"the baseline's header can't be read: {error}") from error
        self._body = _PREFIX.size + length
        body_bytes = len(content) - self._body
        for entry in self.header.states:
            if entry.offset < 0 or entry.length < 0 or entry.offset + entry.length > body_bytes:
                raise StateError(f"the state {entry.kind} {entry.name} lies outside the baseline file")
        self.content = content
        self.id = hashlib.sha256(content).hexdigest()

    def state_bytes(self, entry: StateEntry) -> bytes:
        """The stored bytes of one state."""
        begin = self._body + entry.offset
        return self.content[begin : begin + entry.length]


def read_baseline(path: str | Path) -> Baseline:
    """Read a baseline file.

    Raises:
        OSError: The file can't be read.
        StateError: It isn't a baseline.
    """
    return Baseline(Path(path).read_bytes())


def encode_baseline(header: Header, states: Iterable[tuple[StateEntry, bytes]]) -> bytes:
    """Make the content of a baseline file.

    Args:
        header: The description; its `states` are replaced.
        states: Entries (offset and length are filled in) and their state bytes, in file order.

    Returns:
        The file's content; equal inputs give equal bytes.
    """
    entries: list[StateEntry] = []
    body = bytearray()
    for entry, data in states:
        entries.append(msgspec.structs.replace(entry, offset=len(body), length=len(data)))
        body += data
    encoded = msgspec.json.encode(msgspec.structs.replace(header, states=tuple(entries)))
    return _PREFIX.pack(MAGIC, FORMAT, len(encoded)) + encoded + bytes(body)
