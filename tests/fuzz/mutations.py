"""Mutations of requests: of bytes, of protobuf fields whose lengths stay right, and of Arrow inside them.

A case is a pure function of its number, so a number is all that has to be kept of a finding.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .seeds import seeds

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from barograph_processor.receivers.otlp_intake import Signal

REQUESTS: Final[dict[str, Descriptor]] = {
    "logs": ExportLogsServiceRequest.DESCRIPTOR,
    "metrics": ExportMetricsServiceRequest.DESCRIPTOR,
    "traces": ExportTraceServiceRequest.DESCRIPTOR,
}

SEEDS = seeds()
LONGEST = 200_000
ARROW = b"\xff\xff\xff\xff"
VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)
_INTEGERS = (
    *(0, 1, 2, 3, 7, 127, 128, 255, 256, 2**15, 2**16 - 1),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
)
_DOUBLES = tuple(
    struct.pack("<d", value)
    for value in (0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.797e308, -1.797e308, 1e-300, 1e15, -1.0)
)
_TEXTS = (b"", b"a" * 300, b"\0", "é".encode(), b"__other__", b"NaN", b"-1", b"1e999", b"\xff\xfe")


class _Field(NamedTuple):
    number: int
    wire: int
    value: int | bytes


Change = Callable[[list[_Field], int, "Descriptor", random.Random], list[_Field]]


class Case(NamedTuple):
    """A request to try.

    Attributes:
        number: What it is made from.
        signal: Which signal it is sent as.
        data: Its bytes.
        foreign: Whether dialects look at what isn't ours.
    """

    number: int
    signal: Signal
    data: bytes
    foreign: bool = True


def case(number: int) -> Case:
    """The case of a number."""
    chance = random.Random(number)
    seed = chance.choice(SEEDS)
    data = seed.data
    for _ in range(chance.choice((1, 1, 1, 1, 1, 2, 2, 3, 6))):
        data = _mutated(data, REQUESTS[seed.signal], chance, chance.random())
    signal = seed.signal if chance.random() < 0.97 else chance.choice(SEEDS).signal
    return Case(number, signal, data[:LONGEST], foreign=number % 2 == 1)


def _mutated(data: bytes, message: Descriptor, chance: random.Random, which: float) -> bytes:
    if which < 0.1:
        return _bytes(data, chance)
    if which < 0.3 and ARROW in data:
        return _inside_arrow(data, chance)
    if which < 0.32:
        other = chance.choice(SEEDS).data
        return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
    return _fields(data, message, chance)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, insert, repeat, overwrite."""
    if not data:
        return chance.randbytes(chance.randrange(20))
    changed = bytearray(data)
    at = chance.randrange(len(changed))
    size = min(len(changed) - at, chance.choice((1, 1, 1, 2, 4, 8, 16, 200)))
    kind = chance.randrange(6)
    if kind == 0:
        changed[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del changed[at : at + size]
    elif kind == 2:
        changed[at:at] = chance.randbytes(size)
    elif kind == 3:
        changed[at:at] = changed[at : at + size] * chance.choice((1, 2, 30))
    elif kind == 4:
        changed[at : at + size] = chance.choice(_INTEGERS).to_bytes(8, "little")[:size].ljust(size, b"\0")
    else:
        del changed[at:]
    return bytes(changed)


def _inside_arrow(data: bytes, chance: random.Random) -> bytes:
    """Change bytes of a packed event without changing its length, so that what is around it stays right."""
    starts = [at for at in range(len(data)) if data.startswith(ARROW, at)]
    at = chance.choice(starts)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = at + chance.randrange(min(len(data) - at, chance.choice((64, 600, 4_000))))
        width = chance.choice((1, 2, 4, 8))
        place -= (place - at) % width
        value = chance.choice((chance.choice(_INTEGERS), chance.getrandbits(64), changed[place] + 1))
        new = (value % 2**64).to_bytes(8, "little")[:width]
        changed[place : place + width] = new[: len(changed) - place]
    return bytes(changed)


def _fields(data: bytes, message: Descriptor, chance: random.Random) -> bytes:
    """Change one field somewhere in the tree of messages; every length around it stays right."""
    fields = _parsed(data)
    if not fields:
        return _bytes(data, chance)
    at = chance.randrange(len(fields))
    chosen = fields[at]
    inner = _message_of(chosen, message)
    if inner is not None and isinstance(chosen.value, bytes) and chosen.value and chance.random() < 0.85:
        fields[at] = chosen._replace(value=_fields(chosen.value, inner, chance))
        return _written(fields)
    change: Change = chance.choice((*_SOUND, *_SOUND, *_UNSOUND))
    return _written(change(fields, at, message, chance))


def _message_of(field: _Field, message: Descriptor) -> Descriptor | None:
    known = message.fields_by_number.get(field.number)
    return None if known is None else known.message_type


def _removed(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    return [*fields[:at], *fields[at + 1 :]]


def _repeated(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    return [*fields[:at], *[fields[at]] * chance.choice((2, 3, 50)), *fields[at + 1 :]]


def _moved(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    return chance.sample(fields, len(fields))


def _renumbered(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    number = chance.choice(
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 2**29 - 1, chance.randrange(1, 40))
    )
    return [*fields[:at], fields[at]._replace(number=number), *fields[at + 1 :]]


def _retyped(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    wire = chance.choice((VARINT, FIXED64, BYTES, FIXED32))
    return [*fields[:at], _revalue(fields[at]._replace(wire=wire), chance), *fields[at + 1 :]]


def _revalued(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    return [*fields[:at], _revalue(fields[at], chance), *fields[at + 1 :]]


def _revalue(field: _Field, chance: random.Random) -> _Field:
    value: int | bytes
    if field.wire == VARINT:
        value = chance.choice((*_INTEGERS, chance.getrandbits(64)))
    elif field.wire == FIXED64:
        value = chance.choice(
            (*_DOUBLES, chance.randbytes(8), chance.choice(_INTEGERS).to_bytes(8, "little"))
        )
    elif field.wire == FIXED32:
        value = chance.randbytes(4)
    else:
        value = chance.choice(
            (*_TEXTS, *_TEXTS, chance.randbytes(chance.randrange(40)), chance.choice(SEEDS).data)
        )
    return field._replace(value=value)


def _swapped(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    """Another value of the field, from anywhere in any seed."""
    field = fields[at]
    value = chance.choice(POOL.get((message.full_name, field.number, field.wire), [field.value]))
    return [*fields[:at], field._replace(value=value), *fields[at + 1 :]]


def _nested(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    """The field wrapped in itself many times, as an AnyValue's arrays and maps allow."""
    inner = _written([fields[at]])
    for _ in range(chance.choice((1, 3, 40, 99, 100, 101, 300))):
        wrapped = _written([_Field(chance.choice((1, 2, 5, 6)), BYTES, inner)])
        if len(wrapped) > LONGEST:
            break
        inner = wrapped
    return [*fields[:at], fields[at]._replace(wire=BYTES, value=inner), *fields[at + 1 :]]


def _lied(fields: list[_Field], at: int, message: Descriptor, chance: random.Random) -> list[_Field]:
    """A field of bytes that says that it is longer, or shorter, than it is."""
    field = fields[at]
    if not isinstance(field.value, bytes):
        return list(fields)
    claimed = chance.choice((len(field.value) + 1, max(len(field.value) - 1, 0), *_INTEGERS))
    raw = _varint(field.number << 3 | BYTES) + _varint(claimed) + field.value
    return [*fields[:at], _Field(-1, BYTES, raw), *fields[at + 1 :]]


_SOUND: tuple[Change, ...] = (_removed, _repeated, _moved, _swapped, _swapped, _swapped, _revalued)
_UNSOUND: tuple[Change, ...] = (_renumbered, _retyped, _nested, _lied)


def _parsed(data: bytes) -> list[_Field]:
    """The fields of a message; empty where the bytes are none."""
    fields: list[_Field] = []
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            value: int | bytes
            if wire == VARINT:
                value, at = _read_varint(data, at)
            else:
                size = {FIXED64: 8, FIXED32: 4}.get(wire)
                if wire == BYTES:
                    size, at = _read_varint(data, at)
                if size is None or not number or at + size > len(data):
                    return []
                value, at = data[at : at + size], at + size
            fields.append(_Field(number, wire, value))
    except IndexError:
        return []
    return fields


def _written(fields: list[_Field]) -> bytes:
    data = bytearray()
    for field in fields:
        value = field.value
        if field.number < 0:
            assert isinstance(value, bytes)
            data += value
            continue
        data += _varint(field.number << 3 | field.wire)
        if isinstance(value, int):
            data += _varint(value)
        elif field.wire == BYTES:
            data += _varint(len(value)) + value
        else:
            data += value
    return bytes(data)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value % 2**64, at
        shift += 7
        if shift > 63:
            raise IndexError


def _pool() -> dict[tuple[str, int, int], list[int | bytes]]:
    """Values of fields of the seeds, by message, number and type of wire."""
    found: dict[tuple[str, int, int], list[int | bytes]] = {}

    def gather(data: bytes, message: Descriptor) -> None:
        for field in _parsed(data):
            found.setdefault((message.full_name, field.number, field.wire), []).append(field.value)
            inner = _message_of(field, message)
            if inner is not None and isinstance(field.value, bytes):
                gather(field.value, inner)

    for seed in SEEDS:
        gather(seed.data, REQUESTS[seed.signal])
    return {name: sorted(set(values), key=repr) for name, values in found.items()}


POOL = _pool()


def is_sloppy(data: bytes, message: Descriptor) -> bool:
    """Whether it holds what protobuf refuses and the decoder skips, without harm.

    That is: fields whose numbers can't be, groups (which no message of OTLP has) that don't end, and packed
    numbers whose last one is cut off.
    """
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            if number >= 2**29 or wire in {START_GROUP, END_GROUP}:
                return True
            if wire == VARINT:
                _, at = _read_varint(data, at)
                continue
            size = {FIXED64: 8, FIXED32: 4}.get(wire)
            if wire == BYTES:
                size, at = _read_varint(data, at)
            if size is None or at + size > len(data):
                return False
            known = message.fields_by_number.get(number)
            if wire == BYTES and known is not None:
                packed = known.message_type is None and known.type in {known.TYPE_FIXED64, known.TYPE_DOUBLE}
                if packed and size % 8:
                    return True
                if known.message_type is not None and is_sloppy(data[at : at + size], known.message_type):
                    return True
            at += size
    except IndexError:
        return False
    return False


def shrunk(data: bytes, message: Descriptor, fails: Callable[[bytes], bool]) -> bytes:
    """A smaller request that fails too: fields, then bytes, are taken away as long as it does."""
    before = None
    while before != data:
        before = data
        data = _fewer_fields(data, message, fails)
        data = _fewer_bytes(data, fails)
    return data


def _fewer_fields(data: bytes, message: Descriptor, fails: Callable[[bytes], bool]) -> bytes:
    fields = _parsed(data)
    for at in reversed(range(len(fields))):
        less = [*fields[:at], *fields[at + 1 :]]
        if fails(_written(less)):
            fields = less
    for at, field in enumerate(fields):
        inner = _message_of(field, message)
        if inner is None or not isinstance(field.value, bytes):
            continue

        def within(part: bytes, at: int = at, field: _Field = field) -> bool:
            return fails(_written([*fields[:at], field._replace(value=part), *fields[at + 1 :]]))

        fields[at] = field._replace(value=_fewer_fields(field.value, inner, within))
    return _written(fields) if fields else data


def _fewer_bytes(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    step = max(len(data) // 2, 1)
    while step:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + step :]
            if fails(less):
                data = less
            else:
                at += step
        step //= 2
    return data
