"""Requests of a few items, read one object at a time.

Columns cost about two milliseconds of set-up, however few rows they have; protobuf's objects cost some
microseconds a row and nothing else. What is read so is what nothing is wrong with. Everything else,
from a value of another type to a name that is too long, is left to the columns, which alone know what is
refused and why.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from google.protobuf.message import DecodeError

from barograph.classes import class_text
from barograph_processor.engine.batch import Texts
from barograph_processor.wire import identity
from barograph_processor.wire.descriptors import slim_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from barograph_processor.wire.descriptors import Lane
    from barograph_processor.wire.identity import Owner

REQUEST_MOST_BYTES: Final = 32 * 1024
_RESOURCE_NAMES: Final = frozenset(identity.RESOURCE_NAMES)
_TEXT, _INT, _DOUBLE, _BOOL = "string_value", "int_value", "double_value", "bool_value"


class NotPlain(Exception):  # no error: the columns read it
    """Something that isn't read here."""


def objects(lane: Lane, data: bytes) -> Message:
    """A request as protobuf's objects.

    Raises:
        NotPlain: The bytes are no such request, or written as nobody would: a field that should be there
            once is there twice, and then parsers disagree on what it says.
    """
    try:
        request = slim_message(lane).FromString(data)
    except DecodeError as error:
        raise NotPlain from error
    if request.ByteSize() != len(data):
        raise NotPlain
    return request


def text(value: AnyValue | None) -> str | None:
    """Canonical text of a scalar, None where there is no value.

    Raises:
        NotPlain: It has none.
    """
    if value is None:
        return None
    kind = value.WhichOneof("value")
    if kind == _TEXT:
        return value.string_value
    if kind is None:
        return None
    if kind == _INT:
        return str(value.int_value)
    if kind == _BOOL:
        return "true" if value.bool_value else "false"
    found = class_text(value.double_value) if kind == _DOUBLE else None
    if found is None:
        raise NotPlain
    return found


def number(value: AnyValue | None) -> float:
    """A number, NaN where there is no value.

    Raises:
        NotPlain: The value is none.
    """
    if value is None:
        return math.nan
    kind = value.WhichOneof("value")
    if kind == _DOUBLE:
        return value.double_value
    if kind == _INT:
        return float(value.int_value)
    if kind is None:
        return math.nan
    raise NotPlain


def quantity(value: AnyValue) -> float | str:
    """What a feature holds: a number or a text; NaN where there is no value, infinite where it is neither."""
    kind = value.WhichOneof("value")
    if kind == _DOUBLE:
        return value.double_value
    if kind == _TEXT:
        return value.string_value
    if kind == _INT:
        return float(value.int_value)
    if kind == _BOOL:
        return 1.0 if value.bool_value else 0.0
    return math.nan if kind is None else math.inf


def entries(value: AnyValue | None) -> Mapping[str, AnyValue] | None:
    """The entries of a map, the last of a name; None where there is no value.

    Raises:
        NotPlain: The value is no map.
    """
    kind = None if value is None else value.WhichOneof("value")
    if value is None or kind is None:
        return None
    if kind != "kvlist_value":
        raise NotPlain
    return {pair.key: pair.value for pair in value.kvlist_value.values}


def wanted(pairs: Iterable[KeyValue], names: frozenset[str]) -> dict[str, AnyValue]:
    """The attributes of some names, the last of each."""
    return {key: pair.value for pair in pairs if (key := pair.key) in names}


def coded(column: Sequence[str | None]) -> Texts:
    """As `text.encode_texts`."""
    codes: dict[str, int] = {}
    made = [-1 if one is None else codes.setdefault(one, len(codes)) for one in column]
    return Texts(np.array(made, np.int32), tuple(codes))


class Resource:
    """What a resource says of whose its items are."""

    __slots__ = ("_environment", "_found", "_identity", "_most", "_namespace", "_pairs")

    def __init__(self, pairs: Iterable[KeyValue], max_name_length: int) -> None:
        self._most = max_name_length
        self._pairs = {pair.key: pair.value for pair in pairs}
        self._found = found = {name: value for name, value in self._pairs.items() if name in _RESOURCE_NAMES}
        self._namespace = self._told(identity.SERVICE_NAMESPACE) if found else ""
        self._environment = self._identity = ""
        if found:
            self._environment = self._told(identity.ENVIRONMENT) or self._told(
                identity.ENVIRONMENT_BEFORE_1_27
            )
            described = (self._namespace, *map(self._told, identity.DESCRIBING))
            self._identity = self._told(identity.INSTANCE) or "/".join(filter(None, described))

    def _told(self, name: str) -> str:
        """A text that nobody is refused for; ``""`` where there is none."""
        try:
            return text(self._found.get(name)) or ""
        except NotPlain:
            return ""

    @property
    def names_model(self) -> bool:
        """Whether it has a value in place of an item's model name."""
        value = self._found.get(identity.NAMES[0])
        return value is not None and value.WhichOneof("value") is not None

    def told(self, name: str) -> str | None:
        """The text of any of its attributes, None where there is none.

        Raises:
            NotPlain: A value has none.
        """
        return text(self._pairs.get(name))

    def owner(self, item: Mapping[str, AnyValue]) -> Owner:
        """Whose an item is.

        Args:
            item: Its attributes, with `identity.NAMES`.

        Raises:
            NotPlain: It is nobody's, or a name is too long.
        """
        found = self._found
        model, version, output, source = (
            text(item.get(name)) or text(found.get(name)) or None for name in identity.NAMES
        )
        return self.checked(model, version, output, source)

    def checked(
        self, model: str | None, version: str | None, output: str | None, source: str | None
    ) -> Owner:
        """The owner of such names.

        Raises:
            NotPlain: It is nobody, or a name is too long.
        """
        if model is None:
            raise NotPlain
        owner = identity.Owner(
            self._namespace, self._environment, model, version, output or "", source or self._identity
        )
        most = self._most
        if any(one is not None and len(one) > most for one in owner):
            raise NotPlain
        return owner
