"""How a state lies in bytes: the frame around it and the few value types inside.

Layout, little-endian: ``BGST``, format (uint16), kind (uint16), BLAKE2b-64 of the parameters, length of
the parameters (uint32), parameters, content, BLAKE2b-64 of everything before it.
Equal states have equal bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.exact import ExactSum

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"BGST"
FORMAT = 1
MAX_STATE_BYTES = 64 * 2**20
_PREFIX = struct.Struct("<4sHH8sI")
_DIGEST_BYTES = 8
_INT = struct.Struct("<q")
_COUNT = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")


class Frame(NamedTuple):
    """An opened frame.

    Attributes:
        kind: Which state it is, as in `signals.codec`.
        parameters: What two states must share to be merged.
        content: The counts.
    """

    kind: int
    parameters: Reader
    content: Reader


class Framed:
    """A state that compares and hashes by its bytes."""

    __slots__ = ()
    KIND: ClassVar[int]

    def to_bytes(self) -> bytes:
        """Bytes that `signals.codec.decode` turns back into an equal state, on any machine, for ever."""
        parameters, content = Writer(), Writer()
        self._write(parameters, content)
        return seal(self.KIND, bytes(parameters.data), bytes(content.data))

    def _write(self, parameters: Writer, content: Writer) -> None:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(other) is type(self) and isinstance(other, Framed) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())


def seal(kind: int, parameters: bytes, content: bytes) -> bytes:
    """Put the frame around a state's parameters and content."""
    head = _PREFIX.pack(MAGIC, FORMAT, kind, _digest(parameters), len(parameters))
    body = head + parameters + content
    return body + _digest(body)


def unseal(data: bytes) -> Frame:
    """Check the frame and open it; nothing is allocated before the checks.

    Raises:
        StateError: The bytes are no state, damaged, too large, or of a format unknown here.
    """
    if data[:4] != MAGIC:
        raise StateError(f"not a state: it does not begin with BGST but with {data[:4]!r}")
    if len(data) > MAX_STATE_BYTES:
        raise StateError(f"a state of {len(data)} bytes is over the limit of {MAX_STATE_BYTES}")
    if len(data) < _PREFIX.size + _DIGEST_BYTES:
        raise StateError(f"a state of {len(data)} bytes is cut short; fetch it again")
    _, version, kind, parameter_hash, length = _PREFIX.unpack_from(data)
    if version != FORMAT:
        raise StateError(f"state format {version} is unknown here (wanted {FORMAT}); upgrade barograph")
    end = len(data) - _DIGEST_BYTES
    if _digest(data[:end]) != data[end:]:
        raise StateError("the bytes of a state are damaged: the checksum differs; fetch it again")
    if length > end - _PREFIX.size:
        raise StateError("the parameters of a state lie outside it; fetch it again")
    split = _PREFIX.size + length
    if _digest(data[_PREFIX.size : split]) != parameter_hash:
        raise StateError("the parameters of a state do not match their hash; fetch it again")
    return Frame(kind, Reader(data[_PREFIX.size : split]), Reader(data[split:end]))


def kind_of(data: bytes) -> int:
    """The kind that a state's bytes claim, unchecked; -1 where they are too short for one."""
    return -1 if len(data) < _PREFIX.size else int(_PREFIX.unpack_from(data)[2])


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


class Writer:
    """Appends values; lengths precede what varies."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def integer(self, value: int) -> None:
        """A signed 64-bit integer."""
        self.data += _INT.pack(value)

    def double(self, value: float) -> None:
        """A double, bit by bit."""
        self.data += _DOUBLE.pack(value)

    def integers(self, values: NDArray[np.int64]) -> None:
        """A row of signed 64-bit integers."""
        self.data += _COUNT.pack(values.size) + values.astype("<i8", copy=False).tobytes()

    def doubles(self, values: NDArray[np.float64]) -> None:
        """A row of doubles."""
        self.data += _COUNT.pack(values.size) + values.astype("<f8", copy=False).tobytes()

    def blob(self, value: bytes) -> None:
        """Bytes."""
        self.data += _COUNT.pack(len(value)) + value

    def text(self, value: str) -> None:
        """Text as UTF-8; lone surrogates survive."""
        self.blob(value.encode("utf-8", "surrogatepass"))

    def exact(self, value: ExactSum) -> None:
        """An exact sum."""
        self.blob(value.to_bytes())


class Reader:
    """Takes values off bytes; every length is checked before anything is made of it."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise StateError(f"a state ends {end - len(self._data)} bytes early; fetch it again")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def integer(self, low: int = 0, high: int = 2**63 - 1) -> int:
        """A signed 64-bit integer between `low` and `high`, both included.

        Raises:
            StateError: It is cut short or out of range.
        """
        value: int = _INT.unpack(self._take(_INT.size))[0]
        if not low <= value <= high:
            raise StateError(f"a state holds {value} where {low} to {high} is possible; fetch it again")
        return value

    def double(self) -> float:
        """A double.

        Raises:
            StateError: It is cut short.
        """
        value: float = _DOUBLE.unpack(self._take(_DOUBLE.size))[0]
        return value

    def size(self) -> int:
        """A length.

        Raises:
            StateError: It is cut short.
        """
        value: int = _COUNT.unpack(self._take(_COUNT.size))[0]
        return value

    def integers(self) -> NDArray[np.int64]:
        """A row of signed 64-bit integers, read-only.

        Raises:
            StateError: It is cut short.
        """
        return np.frombuffer(self._take(8 * self.size()), dtype="<i8").astype(np.int64, copy=False)

    def doubles(self) -> NDArray[np.float64]:
        """A row of doubles, read-only.

        Raises:
            StateError: It is cut short.
        """
        return np.frombuffer(self._take(8 * self.size()), dtype="<f8").astype(np.float64, copy=False)

    def blob(self) -> bytes:
        """Bytes.

        Raises:
            StateError: They are cut short.
        """
        return self._take(self.size())

    def text(self) -> str:
        """Text.

        Raises:
            StateError: It is cut short or no UTF-8.
        """
        try:
            return self.blob().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise StateError(f"a name in a state is no UTF-8 ({error}); fetch it again") from error

    def exact(self) -> ExactSum:
        """An exact sum.

        Raises:
            StateError: It is cut short or no exact sum.
        """
        return ExactSum.from_bytes(self.blob())

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            StateError: Bytes are left over.
        """
        if self._position != len(self._data):
            raise StateError(f"{len(self._data) - self._position} bytes too many in a state; fetch it again")
