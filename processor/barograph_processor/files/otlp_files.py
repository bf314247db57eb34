"""OTLP in files: lines of JSON, or messages that begin with their length, as Collectors write them.

A file may be compressed as a whole (gzip, zstd), or each message by itself (zstd), which is what the
Collector's `file` exporter does. What a file is, its first bytes tell.

Source: OpenTelemetry specification, "OpenTelemetry Protocol File Exporter"; of messages with a length,
opentelemetry-collector-contrib, exporter/fileexporter: four bytes, the most significant first.
"""

from __future__ import annotations

import gzip
import re
from contextlib import contextmanager
from io import BufferedReader
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import pyarrow as pa

from barograph.errors import ConfigError, Permanent
from barograph_processor.wire.lanes import lane_of
from barograph_processor.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from barograph_processor.wire.otlp_json import Lane

MAX_MESSAGE_BYTES: Final = 64 * 2**20
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_PREFIX_BYTES: Final = 4
_TEXT: Final = b"{[ \t\r\n"
_LANES: Final[dict[bytes, Lane]] = {b"logs": "logs", b"metrics": "metrics", b"spans": "traces"}
_REQUEST: Final = re.compile(rb'\s*\{\s*"resource_?(logs|metrics|spans)"\s*:', re.IGNORECASE)


class Message(NamedTuple):
    """One export request.

    Attributes:
        number: Its place in the file, from 1; the line, for JSON.
        lane: What it holds.
        request: The request in protobuf.
    """

    number: int
    lane: Lane
    request: bytes


class Damaged(NamedTuple):
    """What stands where a request was expected.

    Attributes:
        number: Its place in the file, from 1.
        why: What is wrong with it.
    """

    number: int
    why: str


def messages_of(path: Path, *lanes: Lane) -> Iterator[Message | Damaged]:
    """The requests of a file in order, and what stands in their places.

    Args:
        path: The file.
        lanes: What is wanted; the rest is passed over without reading it.

    Raises:
        ConfigError: The file can't be opened.
        Permanent: It can't be read on.
    """
    try:
        with _opened(path) as file:
            first = file.peek(1)[:1]
            found = _lines(file) if first and first in _TEXT else _framed(file)
            for number, data in enumerate(found, 1):
                message = data if isinstance(data, str) else _message(data, lanes)
                if isinstance(message, str):
                    yield Damaged(number, message)
                elif message is not None:
                    yield Message(number, *message)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (OSError, EOFError, pa.ArrowException) as error:
        raise Permanent(f"{path} can't be read: {error}; copy it again, or leave it out") from error


def _message(data: bytes, lanes: tuple[Lane, ...]) -> tuple[Lane, bytes] | str | None:
    """Lane and request; why it isn't one; None where the lane isn't wanted."""
    try:
        if data.startswith(_ZSTD):
            data = _decompressed(data)
        json = _REQUEST.match(data)
        if json is None and data[:1] == b"{":
            return "it isn't OTLP: wanted resourceLogs, resourceMetrics or resourceSpans"
        lane = lane_of(data) if json is None else _LANES[json[1].lower()]
        if lanes and lane not in lanes:
            return None
        return lane, data if json is None else to_protobuf(lane, data)
    except Permanent as error:
        return str(error)
    except (OSError, pa.ArrowException) as error:
        return f"it can't be decompressed: {error}"


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    with path.open("rb") as file:
        first = file.peek(_PREFIX_BYTES)
        if first.startswith(_GZIP):
            yield cast("BufferedReader", gzip.GzipFile(fileobj=file))
        elif first.startswith(_ZSTD):
            yield BufferedReader(pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd"))
        else:
            yield file


def _lines(file: BufferedReader) -> Iterator[bytes | str]:
    while line := file.readline(MAX_MESSAGE_BYTES + 1):
        if len(line) > MAX_MESSAGE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_MESSAGE_BYTES)
            yield f"it is longer than {MAX_MESSAGE_BYTES:,} bytes"
        elif line.strip():
            yield line


def _framed(file: BufferedReader) -> Iterator[bytes | str]:
    while prefix := file.read(_PREFIX_BYTES):
        size = int.from_bytes(prefix, "big")
        if len(prefix) < _PREFIX_BYTES or size > MAX_MESSAGE_BYTES:
            yield "no length of a message stands here; is the file OTLP?"
            return
        data = file.read(size)
        if len(data) < size:
            yield f"it is cut short: {len(data):,} of {size:,} bytes are there"
            return
        yield data


def _decompressed(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        found = stream.read(MAX_MESSAGE_BYTES + 1)
    if len(found) > MAX_MESSAGE_BYTES:
        raise Permanent(f"it is longer than {MAX_MESSAGE_BYTES:,} bytes")
    return bytes(found)
