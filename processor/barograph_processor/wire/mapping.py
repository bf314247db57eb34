"""What a mapping may say: which spans or log records of others are predictions, and where their parts are.

These are the settings themselves; `mapped` carries them out. A place is the name of an attribute;
in log records ``body.x`` is the entry ``x`` of a body that is a map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY: Final = "body."
EVERY: Final = "*"
START: Final = "start"
END: Final = "end"
Scalar: TypeAlias = str | bool | int | float
Places: TypeAlias = "str | tuple[str, ...] | dict[str, str]"


class Attribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that each record states.

    Attributes:
        attribute: Where it stands; an attribute of the record goes before one of its resource.
    """

    attribute: str


class Time(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event time that an attribute holds.

    Attributes:
        attribute: Where it stands; text is read as ISO 8601, UTC where it states no zone.
        unit: What numbers count since 1970.
    """

    attribute: str
    unit: Literal["s", "ms", "us", "ns"] = "s"


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records are meant; all that is said must hold. A trailing ``*`` stands for any ending.

    Attributes:
        name: Name of the span or of the event.
        scope: Name of the instrumentation scope.
        service: ``service.name`` of the resource.
        attributes: Attributes and the values that they must have.
    """

    name: str | tuple[str, ...] = ()
    scope: str | tuple[str, ...] = ()
    service: str | tuple[str, ...] = ()
    attributes: dict[str, Scalar] = {}


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spans or log records of others that are predictions, ground truth, or both.

    Attributes:
        signal: ``spans`` or ``logs``.
        when: Which of them; the first mapping that fits a record is the one.
        model: The model's name, or ``{attribute: PLACE}``.
        version: Its version, likewise.
        output: The output's name, likewise, for models with several.
        id: Place of the id that a truth is joined by.
        time: Event time: ``start`` or ``end`` of a span, or ``{attribute: PLACE, unit: s}``; by default a
            span's end, a record's own time.
        class_: Place of the predicted class.
        score: Place of the probability of the positive class.
        scores: Places of the probabilities by class: ``app.scores.*`` (attributes that begin so), the
            place of a map, a list of places, or names with their places. A place that holds a list of
            numbers has the classes ``0``, ``1`` ….
        value: Place of the predicted number.
        features: Places of the features, as for `scores`.
        segments: Places of the segments, as for `scores`.
        truth: Place of the ground truth.
    """

    signal: Literal["spans", "logs"]
    when: When
    model: str | Attribute
    version: str | Attribute | None = None
    output: str | Attribute | None = None
    id: str | None = None
    time: str | Time | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    score: str | None = None
    scores: str | tuple[str, ...] | dict[str, str] | None = None
    value: str | None = None
    features: str | tuple[str, ...] | dict[str, str] | None = None
    segments: str | tuple[str, ...] | dict[str, str] | None = None
    truth: str | None = None


def problems(mapping: Mapping, path: str) -> Iterator[str]:
    """One line for each thing that doesn't fit together, with its path."""
    when = mapping.when
    if not (when.name or when.scope or when.service or when.attributes):
        yield f"{path}.when: found nothing, wanted at least one of name, scope, service, attributes"
    predicts = any((mapping.class_, mapping.score, mapping.scores, mapping.value))
    if not (predicts or mapping.features or mapping.truth):
        yield (
            f"{path}: no part of a prediction is mapped, wanted at least one of class, score, scores, value, "
            "features, truth"
        )
    if mapping.truth and not mapping.id and not predicts:
        yield f"{path}.truth: nothing to join it to, wanted id, or the prediction in the same record"
    if isinstance(mapping.time, str) and (mapping.signal != "spans" or mapping.time not in {START, END}):
        known = f"{START}, {END} or " if mapping.signal == "spans" else ""
        yield f"{path}.time: found {mapping.time!r}, wanted {known}{{attribute: …, unit: s}}"
    if mapping.model == "":
        yield f"{path}.model: found nothing, wanted the model's name, or {{attribute: …}}"
    for name, place in _single(mapping).items():
        if place is not None:
            yield from _place(place, f"{path}.{name}", mapping.signal)
    several = {"scores": mapping.scores, "features": mapping.features, "segments": mapping.segments}
    for name, places in several.items():
        yield from _places(places, f"{path}.{name}", mapping.signal)


def _single(mapping: Mapping) -> dict[str, str | None]:
    """Places of one value, by the path of their key."""
    places = {
        "id": mapping.id,
        "class": mapping.class_,
        "score": mapping.score,
        "value": mapping.value,
        "truth": mapping.truth,
    }
    parts = {
        "model": mapping.model,
        "version": mapping.version,
        "output": mapping.output,
        "time": mapping.time,
    }
    for name, part in parts.items():
        if isinstance(part, Attribute | Time):
            places[f"{name}.attribute"] = part.attribute
    return places


def _place(place: str, path: str, signal: str) -> Iterator[str]:
    if not place:
        yield f"{path}: found nothing, wanted the name of an attribute"
    elif EVERY in place:
        yield f"{path}: found {place!r}, wanted one attribute; {EVERY} goes with features and the like"
    elif signal == "spans" and place.startswith(BODY):
        yield f"{path}: found {place!r}, but spans have no body; wanted the name of an attribute"


def _places(places: Places | None, path: str, signal: str) -> Iterator[str]:
    if places is None:
        return
    if isinstance(places, str):
        if EVERY in places[:-1] or places == EVERY:
            yield f"{path}: found {places!r}, wanted {EVERY} at the end of a prefix, such as app.features.*"
        else:
            yield from _place(places.removesuffix(EVERY), path, signal)
        return
    named = dict(zip(places, places, strict=True)) if isinstance(places, tuple) else places
    if not named:
        yield f"{path}: found an empty list, wanted at least one place"
    for name, place in named.items():
        yield from _place(place, f"{path}.{name}", signal)
    if len({place.startswith(BODY) for place in named.values()}) > 1:
        yield f"{path}: some places are in the body and some aren't; wanted all in one"
    if isinstance(places, tuple) and len(named) < len(places):
        yield f"{path}: a place is there twice"
