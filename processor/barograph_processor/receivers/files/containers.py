"""What container runtimes write around a program's output, taken off again.

A long line comes in parts: the CRI format marks them (``P`` and ``F``), Docker's JSON leaves out the line's
end. Parts are joined by stream, for standard output and standard error mix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from barograph.times import NOT_A_TIME, time_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Container = Literal["auto", "none", "docker", "cri"]
_CRI_PARTS: Final = 4
_STREAMS: Final = (b"stdout", b"stderr")


class Message(NamedTuple):
    """One line as the program wrote it.

    Attributes:
        content: The line, without its end.
        time_ns: When the runtime took it, Unix nanoseconds; `NOT_A_TIME` where nothing tells.
    """

    content: bytes
    time_ns: int = NOT_A_TIME


class Unwrapped(NamedTuple):
    """What some lines of a container's log hold.

    Attributes:
        messages: Whole lines of the program.
        pending: Beginnings of lines whose rest is still to come, by stream.
        too_long: Lines that were left out for their length.
    """

    messages: Sequence[Message]
    pending: Mapping[str, bytes]
    too_long: int


class _Part(NamedTuple):
    stream: str
    content: bytes
    time_ns: int
    is_last: bool


class _Docker(msgspec.Struct):
    log: str
    stream: str = "stdout"
    time: str = ""


_DOCKER: Final = msgspec.json.Decoder(_Docker)


def container_of(line: bytes) -> Container:
    """The format of a log, by one of its lines: ``docker``, ``cri``, or ``none`` where it is neither.

    >>> container_of(b"2026-01-01T12:00:00.5Z stdout F hello")
    'cri'
    """
    if _docker(line) is not None:
        return "docker"
    return "none" if _cri(line) is None else "cri"


def unwrap(
    container: Container, lines: Sequence[bytes], pending: Mapping[str, bytes], *, longest: int
) -> Unwrapped:
    """Take lines out of a container's log. A line that isn't of the format stands for itself.

    Args:
        container: ``docker``, ``cri`` or ``none``.
        lines: Of the file, without their ends.
        pending: What the lines before have left to complete.
        longest: Longer lines, after their parts were joined, are left out, in bytes.

    >>> unwrap(
    ...     "cri", [b"2026-01-01T12:00:00Z stdout P he", b"2026-01-01T12:00:00Z stdout F llo"], {}, longest=9
    ... )[0]
    [Message(content=b'hello', time_ns=1767268800000000000)]
    """
    read = _READERS.get(container)
    if read is None:
        fitting = [Message(line) for line in lines if len(line) <= longest]
        return Unwrapped(fitting, {}, len(lines) - len(fitting))
    begun = dict(pending)
    messages = []
    too_long = 0
    for line in lines:
        part = read(line) or _Part("", line, NOT_A_TIME, is_last=True)
        # Of a line that is too long one byte more is kept than may be, so that its rest is left out too.
        content = (begun.pop(part.stream, b"") + part.content)[: longest + 1]
        if not part.is_last:
            begun[part.stream] = content
        elif len(content) > longest:
            too_long += 1
        else:
            messages.append(Message(content, part.time_ns))
    return Unwrapped(messages, begun, too_long)


def _docker(line: bytes) -> _Part | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = _DOCKER.decode(line)
    except msgspec.DecodeError:
        return None
    content = found.log.encode(errors="surrogatepass")
    return _Part(found.stream, content.rstrip(b"\r\n"), time_ns(found.time), content.endswith(b"\n"))


def _cri(line: bytes) -> _Part | None:
    parts = line.split(b" ", _CRI_PARTS - 1)
    if len(parts) != _CRI_PARTS or parts[1] not in _STREAMS:
        return None
    # Tags may follow the first, after a colon; the first says whether the line is whole.
    tag = parts[2].split(b":", 1)[0]
    moment = time_ns(parts[0].decode("ascii", "replace"))
    if tag not in {b"P", b"F"} or moment == NOT_A_TIME:
        return None
    return _Part(parts[1].decode(), parts[3], moment, tag == b"F")


_READERS: Final[Mapping[str, Callable[[bytes], _Part | None]]] = {"docker": _docker, "cri": _cri}
