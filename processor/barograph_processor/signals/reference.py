"""The reference: a baseline's states, and how much windows vary without any drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.baseline import StateEntry
from barograph_processor.signals import codec
from barograph_processor.signals.api import StreamId, StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph.baseline import Baseline, Feature, Header, Output
    from barograph_processor.signals.api import State

EXPONENTIAL = "exponential"
ANY_LENGTH = 0.0
_NS_PER_S = 1e9


class Reference:
    """What windows of one output are compared with.

    Features belong to every output. States are decoded when they are first asked for.

    Attributes:
        id: The baseline's id.
        header: The baseline's description.
        output: The output's description; None where the baseline has none of that name.
    """

    __slots__ = ("_baseline", "_decoded", "_entries", "_features", "header", "id", "output")

    def __init__(self, baseline: Baseline, output: str = "") -> None:
        self._baseline = baseline
        self.id: str = baseline.id
        self.header: Header = baseline.header
        self.output: Output | None = next((one for one in self.header.outputs if one.name == output), None)
        self._features = {feature.name: feature for feature in self.header.features}
        self._decoded: dict[StreamId, State] = {}
        self._entries: dict[StreamId, StateEntry] = {}
        for entry in self.header.states:
            if entry.output in {"", output}:
                self._entries[StreamId(entry.kind, entry.name, entry.part)] = entry

    def streams(self) -> Iterator[StreamId]:
        """Every stream, with the baseline's id as basis; the exponential copies have none."""
        for stored in self._entries:
            copy = is_exponential(stored)
            yield plain_id(stored) if copy else stored._replace(basis=self.id)

    def feature(self, name: str) -> Feature | None:
        """The description of a feature; None where the baseline has none of that name."""
        return self._features.get(name)

    def state(self, stream: StreamId) -> State | None:
        """The reference's state of a stream.

        Args:
            stream: With the baseline's id as basis, the state on its own edges or vocabulary. With
                the basis ``""``, a state for sources without the baseline: the exponential copy of
                a histogram; counts by category are the same.

        Returns:
            None where the baseline has no such state, or the basis is another one.

        Raises:
            StateError: The stored bytes are damaged.
        """
        stored = self._stored(stream)
        if stored is None:
            return None
        if stored not in self._decoded:
            self._decoded[stored] = codec.decode(self._baseline.state_bytes(self._entries[stored]))
        return self._decoded[stored]

    def phi(self, stream: StreamId, length_s: float, rows: float | None = None) -> float:
        """How many times more windows of a length vary than independent rows would.

        The figure is learned from slices of the reference of the same length; where it has too few, from
        the longest shorter ones, then from the shortest longer ones, then from contiguous blocks of
        rows. Between lengths it stays the same at the same rate of rows: longer windows hold more
        slices that vary on their own. With more or fewer rows in the same time, φ - 1 follows their
        number: what slices themselves vary by does not shrink with traffic. (From blocks of rows,
        whose length in time is not known, it can't follow.) Variation slower than the longest slices, a
        season in a reference of a month, is not in it: that is drift.

        Args:
            stream: Its basis is of no importance.
            length_s: Length of the window in seconds, above 0.
            rows: Rows of the window; None for the reference's own rate.

        Returns:
            At least 1; 1, independent rows, where the reference holds nothing on it.
        """
        stored = self._stored(stream._replace(basis=self.id)) or self._stored(stream._replace(basis=""))
        if stored is None:
            return 1.0
        known = {float(length): phi for length, phi in self._entries[stored].overdispersion.items()}
        if not known:
            return 1.0
        length = nearest_length(known, length_s)
        phi = known[length]
        expected = self._rows_in(stored, length_s)
        if rows is None or length == ANY_LENGTH or expected is None:
            return phi
        return 1.0 + (phi - 1.0) * rows / expected

    def _rows_in(self, stored: StreamId, length_s: float) -> float | None:
        """Rows that the reference had in that much time on average."""
        begin, end = self.header.start_unix_nano, self.header.end_unix_nano
        if begin is None or end is None or end <= begin:
            return None
        state = self.state(plain_id(stored) if is_exponential(stored) else stored._replace(basis=self.id))
        rows = getattr(state, "rows", 0)
        return rows * length_s * _NS_PER_S / (end - begin) if rows else None

    def _stored(self, stream: StreamId) -> StreamId | None:
        plain = stream._replace(basis="")
        if stream.basis == "":
            copy = exponential_id(plain)
            if copy in self._entries:
                return copy
        elif stream.basis != self.id:
            return None
        return plain if plain in self._entries else None


def entry_of(
    stream: StreamId, state: State, phi: Mapping[str, float] | None = None, output: str = ""
) -> tuple[StateEntry, bytes]:
    """A state as `barograph.baseline.encode_baseline` takes it.

    Args:
        stream: Its basis is not stored: it is the id of the file itself.
        state: The state.
        phi: Length in seconds as text to overdispersion, at the reference's mean number of rows.
        output: Output name; ``""`` for features.
    """
    entry = StateEntry(
        kind=stream.kind,
        name=stream.name,
        part=stream.part,
        output=output,
        offset=0,
        length=0,
        overdispersion=dict(phi or {}),
    )
    return entry, state.to_bytes()


def exponential_id(stream: StreamId) -> StreamId:
    """Where a baseline stores the exponential copy of a histogram; other streams stay as they are.

    The mark stands in `part`, which features and predicted numbers don't use, and in `name` for scores.
    """
    if stream.kind in {StreamKind.FEATURE_VALUE, StreamKind.PREDICTION_VALUE}:
        return stream._replace(part=EXPONENTIAL)
    if stream.kind == StreamKind.PREDICTION_SCORE:
        return stream._replace(name=EXPONENTIAL)
    return stream


def is_exponential(stored: StreamId) -> bool:
    """Whether an entry is the exponential copy of a histogram."""
    return exponential_id(stored) == stored and stored.kind in {
        StreamKind.FEATURE_VALUE,
        StreamKind.PREDICTION_VALUE,
        StreamKind.PREDICTION_SCORE,
    }


def plain_id(stored: StreamId) -> StreamId:
    """The stream that an exponential copy belongs to, without a basis."""
    if stored.kind == StreamKind.PREDICTION_SCORE:
        return stored._replace(name="", basis="")
    return stored._replace(part="", basis="")


def nearest_length(known: dict[float, float], wanted_s: float) -> float:
    """The length to learn φ from: exact, else the longest shorter, else the shortest longer.

    `ANY_LENGTH` (blocks of rows) is used if nothing else is known.

    >>> nearest_length({3600.0: 2.0, 86400.0: 9.0}, 2_592_000), nearest_length({3600.0: 2.0}, 300)
    (86400.0, 3600.0)
    """
    timed = sorted(length for length in known if length != ANY_LENGTH)
    if not timed:
        return ANY_LENGTH
    shorter = [length for length in timed if length <= wanted_s]
    return shorter[-1] if shorter else timed[0]
