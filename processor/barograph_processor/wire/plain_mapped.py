"""A few spans that a mapping claims, as the batch that `mapped` makes of them.

Read so are predictions whose parts stand in attributes of their own, as most do; what holds maps, lists,
truths or times of its own is left to the columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.classes import class_text
from barograph_processor.wire.mapped import SERVICE, Mapped
from barograph_processor.wire.mapping import EVERY, START, Attribute, Time
from barograph_processor.wire.plain import NotPlain, text
from barograph_processor.wire.plain_outcomes import PlainOutcomes, RowParts

if TYPE_CHECKING:
    from collections.abc import Mapping as Dictionary

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from barograph_processor.engine.batch import Predictions
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.identity import Owner
    from barograph_processor.wire.mapping import Mapping, Places
    from barograph_processor.wire.plain import Resource

    Values = Dictionary[str, AnyValue]

_NAMED_MOST: Final = 64
_LATEST_NS: Final = 2**63 - 1


class Carried(NamedTuple):
    """A span, and what carries it."""

    span: Span
    scope: str
    resource: Resource


class PlainMapped:
    """The spans of one request, all of them claimed by one mapping."""

    def __init__(self, context: DecodeContext) -> None:
        """Begin.

        Raises:
            NotPlain: The dialects aren't of the kind that is read here.
        """
        self._context = context
        self._mapping = _mapping_of(context)
        self._outcomes = PlainOutcomes(context.limits)
        self._owner: Owner | None = None
        self._names: tuple[list[str], ...] | None = None

    def take(self, carried: Carried) -> None:
        """Read a span.

        Raises:
            NotPlain: The mapping doesn't claim it, or it would be refused.
        """
        mapping, span = self._mapping, carried.span
        found = {pair.key: pair.value for pair in span.attributes}
        if not _claims(mapping, carried, found):
            raise NotPlain
        time_ns = span.start_time_unix_nano if mapping.time == START else span.end_time_unix_nano
        if not 0 < time_ns <= _LATEST_NS:
            raise NotPlain
        model, version, output = (
            _stated(part, found, carried) for part in (mapping.model, mapping.version, mapping.output)
        )
        owner = carried.resource.checked(model, version, output, None)
        if self._owner is not None and self._owner != owner:
            raise NotPlain
        self._owner = owner
        scores, features, segments = (
            _columns(places, found) for places in (mapping.scores, mapping.features, mapping.segments)
        )
        named = ([*scores], [*features], [*segments])
        if self._names is not None and self._names != named:  # columns would be in another order
            raise NotPlain
        self._names = named
        identifier, chosen, score, value = (
            None if place is None else found.get(place)
            for place in (mapping.id, mapping.class_, mapping.score, mapping.value)
        )
        parts = RowParts(identifier, chosen, score, value, scores, segments)
        self._outcomes.add_parts(parts, time_ns)
        if mapping.features is not None:
            self._outcomes.add_held(features or None)
        if not features and not self._outcomes.said(len(self._outcomes) - 1):
            raise NotPlain

    def batches(self) -> list[Predictions]:
        """The batch of all of them.

        Raises:
            NotPlain: Together they name more than they may.
        """
        if self._owner is None:
            return []
        rows = range(len(self._outcomes))
        return [self._outcomes.predictions(self._owner, self._context.tenant, rows)]


def _mapping_of(context: DecodeContext) -> Mapping:
    """The first mapping that spans are offered to."""
    for dialect in context.dialects:
        if not isinstance(dialect, Mapped):
            break
        mapping = dialect.mapping
        if mapping.signal == "spans":
            several = (mapping.scores, mapping.features, mapping.segments)
            if mapping.truth is None and not isinstance(mapping.time, Time) and all(map(_is_plain, several)):
                return mapping
            break
    raise NotPlain


def _is_plain(places: Places | None) -> bool:
    if isinstance(places, str):
        return places.endswith(EVERY)
    return places is None or len(places) <= _NAMED_MOST


def _claims(mapping: Mapping, carried: Carried, found: Values) -> bool:
    when = mapping.when
    texts = (
        (when.name, carried.span.name),
        (when.scope, carried.scope),
        (when.service, carried.resource.told(SERVICE) if when.service else None),
    )
    for wanted, told in texts:
        if wanted and not (told and _matches(told, wanted)):
            return False
    return all(_told(place, found, carried) == value for place, value in _values(mapping))


def _values(mapping: Mapping) -> tuple[tuple[str, str], ...]:
    """As `Mapped` compares them."""
    return tuple((place, class_text(value) or "") for place, value in mapping.when.attributes.items())


def _matches(told: str, wanted: str | tuple[str, ...]) -> bool:
    each = (wanted,) if isinstance(wanted, str) else wanted
    return any(told.startswith(one[: -len(EVERY)]) if one.endswith(EVERY) else told == one for one in each)


def _told(place: str, found: Values, carried: Carried) -> str | None:
    own = text(found.get(place))
    return carried.resource.told(place) if own is None else own


def _stated(part: str | Attribute | None, found: Values, carried: Carried) -> str | None:
    """A name that the mapping gives, or that each span does."""
    if not isinstance(part, Attribute):
        if part == "":
            raise NotPlain
        return part
    return text(found.get(part.attribute)) or carried.resource.told(part.attribute) or None


def _columns(places: Places | None, found: Values) -> Values:
    """Several columns of a span."""
    if places is None:
        return {}
    if isinstance(places, str):
        prefix = places.removesuffix(EVERY)
        size = len(prefix)
        return {
            name[size:]: value
            for name, value in found.items()
            if len(name) > size and name.startswith(prefix)
        }
    named = dict(zip(places, places, strict=True)) if isinstance(places, tuple) else places
    return {name: found[place] for name, place in named.items() if place in found}
