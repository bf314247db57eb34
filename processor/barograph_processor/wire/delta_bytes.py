"""The newest point of a cumulative stream as bytes, so that a restart goes on from it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from barograph.errors import StateError
from barograph_processor.engine.batch import Key  # noqa: TC001 msgspec reads the annotations
from barograph_processor.signals.api import StreamId  # noqa: TC001 likewise
from barograph_processor.wire.contents import ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.deltas import Cumulative

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.contents import Content
    from barograph_processor.wire.deltas import Stream

_NAME_BYTES: Final = 16


class SumImage(msgspec.Struct, frozen=True, array_like=True, tag="sum"):
    """`SumContent`."""

    name: str
    rows: int


class ExplicitImage(msgspec.Struct, frozen=True, array_like=True, tag="explicit"):
    """`ExplicitContent`."""

    edges: bytes
    counts: bytes
    total: float | None
    low: float | None
    high: float | None


class ExponentialImage(msgspec.Struct, frozen=True, array_like=True, tag="exponential"):
    """`ExponentialContent`."""

    scale: int
    zero_count: int
    positive_offset: int
    positive: bytes
    negative_offset: int
    negative: bytes
    total: float | None
    low: float | None
    high: float | None


class CumulativeImage(msgspec.Struct, frozen=True, array_like=True):
    """`Cumulative`."""

    key: Key
    source: str
    stream: StreamId
    item: str
    start_ns: int
    end_ns: int
    pane_ns: int
    content: SumImage | ExplicitImage | ExponentialImage


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(CumulativeImage).decode


def stream_name(stream: Stream) -> str:
    """A short name for a stream, the same in every run."""
    return hashlib.blake2b(_encode(stream), digest_size=_NAME_BYTES).hexdigest()


def encode_cumulative(point: Cumulative) -> bytes:
    """The bytes that `decode_cumulative` turns back into an equal point."""
    return _encode(CumulativeImage(*point[:-1], _image(point.content)))


def decode_cumulative(data: bytes) -> Cumulative:
    """The point that the bytes hold.

    Raises:
        StateError: They are damaged, or of another version.
    """
    try:
        image = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"no point of a stream can be read from these bytes: {error}") from error
    return Cumulative(
        key=image.key,
        source=image.source,
        stream=image.stream,
        item=image.item,
        start_ns=image.start_ns,
        end_ns=image.end_ns,
        pane_ns=image.pane_ns,
        content=_content(image.content),
    )


def _image(content: Content) -> SumImage | ExplicitImage | ExponentialImage:
    if isinstance(content, SumContent):
        return SumImage(content.name, content.rows)
    if isinstance(content, ExplicitContent):
        edges = content.edges.astype("<f8", copy=False).tobytes()
        return ExplicitImage(edges, _counts_bytes(content.counts), content.total, content.low, content.high)
    return ExponentialImage(
        scale=content.scale,
        zero_count=content.zero_count,
        positive_offset=content.positive_offset,
        positive=_counts_bytes(content.positive),
        negative_offset=content.negative_offset,
        negative=_counts_bytes(content.negative),
        total=content.total,
        low=content.low,
        high=content.high,
    )


def _content(image: SumImage | ExplicitImage | ExponentialImage) -> Content:
    if isinstance(image, SumImage):
        return SumContent(image.name, image.rows)
    if isinstance(image, ExplicitImage):
        edges = np.frombuffer(image.edges, "<f8").astype(np.float64)
        return ExplicitContent(edges, _counts(image.counts), image.total, image.low, image.high)
    return ExponentialContent(
        scale=image.scale,
        zero_count=image.zero_count,
        positive_offset=image.positive_offset,
        positive=_counts(image.positive),
        negative_offset=image.negative_offset,
        negative=_counts(image.negative),
        total=image.total,
        low=image.low,
        high=image.high,
    )


def _counts_bytes(counts: NDArray[np.int64]) -> bytes:
    return counts.astype("<i8", copy=False).tobytes()


def _counts(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(data, "<i8").astype(np.int64)
