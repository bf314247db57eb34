"""Cumulative streams turned into increments.

Staging and committing are apart so that a request which the engine puts off can be sent again:
only `Staged.commit` changes what is remembered.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import StateError
from barograph_processor.engine.batch import Point
from barograph_processor.wire import reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.engine.batch import Key
    from barograph_processor.signals.api import StreamId
    from barograph_processor.wire.contents import Content


class Cumulative(NamedTuple):
    """A point of a cumulative stream; as `engine.batch.Point`, counted since `start_ns`.

    Where nobody knows since when, the start is the end, and points that follow may keep that as theirs.

    Source: OpenTelemetry's metrics data model, "Cumulative streams: handling unknown start time".
    """

    key: Key
    source: str
    stream: StreamId
    item: str
    start_ns: int
    end_ns: int
    pane_ns: int
    content: Content

    @property
    def start_unknown(self) -> bool:
        """Whether the point doesn't tell since when it counts."""
        return self.start_ns >= self.end_ns

    def began_after(self, before: Cumulative) -> bool:
        """Whether the stream was begun anew after an earlier point of it, as its start tells."""
        if self.start_unknown or (before.start_unknown and self.start_ns == before.end_ns):
            return False
        return self.start_ns >= before.end_ns


Stream = tuple["Key", str, "StreamId", str]


class Staged:
    """Increments that aren't remembered yet.

    Attributes:
        points: The increments, each over the time since the point before it.
        ignored: Points that give no increment, by reason.
        rejected: Points refused for good, by reason.
    """

    __slots__ = ("_newest", "_owner", "ignored", "points", "rejected")

    def __init__(self, owner: Deltas) -> None:
        self.points: list[Point] = []
        self.ignored: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._owner = owner
        self._newest: dict[Stream, Cumulative] = {}

    @property
    def newest(self) -> Mapping[Stream, Cumulative]:
        """What `commit` will remember, by stream."""
        return self._newest

    def commit(self) -> None:
        """Remember the streams' newest points: the increments were taken."""
        self._owner.remember(self._newest)

    def take(self, point: Cumulative) -> None:
        """Add one point."""
        stream = (point.key, point.source, point.stream, point.item)
        before = self._newest.get(stream) or self._owner.newest(stream)
        began_ns = point.start_ns
        content: Content | None = point.content
        if before is not None:
            if point.end_ns <= before.end_ns:
                repeat = point.end_ns == before.end_ns
                if repeat:
                    self.ignored[reasons.CUMULATIVE_REPEAT] += 1
                else:
                    self.rejected[reasons.OUT_OF_ORDER] += 1
                return
            since = None if point.began_after(before) else point.content.since(before.content)
            content = point.content if since is None else since
            began_ns = before.end_ns if point.start_unknown else max(point.start_ns, before.end_ns)
        elif point.start_unknown or point.start_ns <= self._owner.start_ns:
            self.ignored[reasons.CUMULATIVE_START] += 1
            content = None
        if content is not None:
            try:
                state = content.state()
            except StateError:
                self.rejected[reasons.BAD_BUCKETS] += 1
                return
            self.points.append(Point(*stream[:2], *stream[2:], began_ns, point.end_ns, point.pane_ns, state))
        self._newest[stream] = point


class Deltas:
    """The newest point of every cumulative stream, bounded; the longest unused are forgotten first.

    The first point of an unknown stream is where counting starts, not a count, unless the stream
    itself is known to have begun after the processor. A stream began anew where its start time moved past the
    newest point, a count fell, or its buckets changed; then the point counts in full. Not safe to
    share: the caller holds a lock from `stage` to `commit`.
    """

    def __init__(self, start_ns: int, max_streams: int = 100_000) -> None:
        """Begin with no stream.

        Args:
            start_ns: When the processor started, Unix nanoseconds.
            max_streams: Streams remembered.
        """
        self.start_ns = start_ns
        self._max_streams = max_streams
        self._streams: OrderedDict[Stream, Cumulative] = OrderedDict()

    def __len__(self) -> int:
        return len(self._streams)

    def stage(self, points: Iterable[Cumulative]) -> Staged:
        """Work out the increments of points, in their order."""
        staged = Staged(self)
        for point in points:
            staged.take(point)
        return staged

    def newest(self, stream: Stream) -> Cumulative | None:
        """The newest point remembered of a stream."""
        return self._streams.get(stream)

    def remember(self, newest: Mapping[Stream, Cumulative]) -> None:
        """Take over what was staged, or what an earlier run remembered."""
        for stream in self.forgotten_for(newest):
            del self._streams[stream]
        for stream, point in newest.items():
            self._streams[stream] = point
            self._streams.move_to_end(stream)
        while len(self._streams) > self._max_streams:
            self._streams.popitem(last=False)

    def forgotten_for(self, newest: Mapping[Stream, Cumulative]) -> list[Stream]:
        """The streams that will be forgotten to make room for what was staged."""
        new = sum(stream not in self._streams for stream in newest)
        surplus = len(self._streams) + new - self._max_streams
        unused = (stream for stream in self._streams if stream not in newest)
        return list(islice(unused, max(0, surplus)))
