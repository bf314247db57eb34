"""A mapping carried out: records of others to predictions and truths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.classes import class_text
from barograph_processor.wire import grids, identity, readable, reasons
from barograph_processor.wire.features import FeatureTable
from barograph_processor.wire.foreign import EVENT_NAME, SPANS
from barograph_processor.wire.instants import instants
from barograph_processor.wire.mapping import BODY, EVERY, START, Attribute, Time
from barograph_processor.wire.outcomes import Observed, Outcomes
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.sequences import numbers_of_lists
from barograph_processor.wire.text import empty_as_null, encode_texts
from barograph_processor.wire.values import ARRAY, EMPTY, MAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch, Texts
    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.foreign import Foreign
    from barograph_processor.wire.grids import Grid, Room
    from barograph_processor.wire.identity import Owners
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.mapping import Mapping, Places

SERVICE: Final = "service.name"


class Mapped:
    """A mapping as a dialect.

    Attributes:
        name: Its path in the configuration.
        mapping: What is where.
    """

    def __init__(self, name: str, mapping: Mapping) -> None:
        self.name = name
        self.mapping = mapping
        self._values = {place: class_text(value) or "" for place, value in mapping.when.attributes.items()}

    def claims(self, records: Foreign) -> NDArray[np.bool_]:
        """As `Dialect.claims`."""
        when = self.mapping.when
        claimed = np.full(len(records), records.signal == self.mapping.signal)
        if not claimed.any():
            return claimed
        if when.name:
            claimed &= _matches(_event_names(records), when.name)
        if when.scope:
            claimed &= _matches(encode_texts(records.scopes), when.scope)[records.scope_of]
        if when.service:
            services = records.resources.select((SERVICE,)).texts(SERVICE)[0]
            claimed &= _matches(encode_texts(services), when.service)[records.resource_of]
        for place, value in self._values.items():
            claimed &= _equals(records, place, value)
        return claimed

    def read(
        self, records: Foreign, rows: NDArray[np.int64], context: DecodeContext, verdicts: Refusals
    ) -> list[Batch]:
        """As `Dialect.read`."""
        return read(self.mapping, records, rows, context, verdicts)


def read(  # noqa: PLR0913  # what `Dialect.read` takes, and more
    mapping: Mapping,
    records: Foreign,
    rows: NDArray[np.int64],
    context: DecodeContext,
    verdicts: Refusals,
    *,
    ids: pa.StringArray | None = None,
) -> list[Batch]:
    """What a mapping finds in some records.

    Args:
        mapping: What is where.
        records: As for `Dialect.read`.
        rows: As for `Dialect.read`.
        context: As for `Dialect.read`.
        verdicts: As for `Dialect.read`.
        ids: Ids of the rows, for dialects that make them; else they are where the mapping says.
    """
    return _Reading(mapping, records, rows, context.limits, verdicts, ids).batches(context.tenant)


class _Columns(NamedTuple):
    """Several columns as they were found in a request.

    Attributes:
        names: Of the columns; None where one attribute holds them as a map.
        places: Where each is, or where the map is; without the prefix of bodies.
        in_body: Whether in bodies.
        room: For such columns.
        excess: Places that there is no room for.
    """

    names: tuple[str, ...] | None
    places: tuple[str, ...]
    in_body: bool
    room: Room
    excess: tuple[str, ...] = ()


class _Reading:
    """One mapping over the claimed rows of one request."""

    def __init__(  # noqa: PLR0913, PLR0917  # one part of a request, with what it refers to
        self,
        mapping: Mapping,
        records: Foreign,
        rows: NDArray[np.int64],
        limits: Limits,
        verdicts: Refusals,
        ids: pa.StringArray | None,
    ) -> None:
        self._ids = ids
        self._mapping = mapping
        self._records = records
        self._rows = rows
        self._limits = limits
        self._verdicts = verdicts
        several = (
            ("scores", mapping.scores, grids.room_for_scores(len(rows), limits)),
            ("features", mapping.features, grids.room_for_features(len(rows), limits)),
            ("segments", mapping.segments, grids.room_for_segments(limits)),
        )
        self._found = {
            name: _found(places, records, room) for name, places, room in several if places is not None
        }
        parts = (mapping.model, mapping.version, mapping.output, mapping.time)
        stated = [part.attribute for part in parts if isinstance(part, Attribute | Time)]
        single = (mapping.id, mapping.class_, mapping.score, mapping.value, mapping.truth, *stated)
        own = [place for place in single if place is not None and not place.startswith(BODY)]
        body = [place.removeprefix(BODY) for place in single if place is not None and place.startswith(BODY)]
        for columns in self._found.values():
            (body if columns.in_body else own).extend(columns.places)
        self._own = records.attributes.select(tuple(dict.fromkeys(own)), rows)
        self._body = records.body.select(tuple(dict.fromkeys(body)), rows) if body else self._own
        self._resource_of = records.resource_of[rows]

    def batches(self, tenant: str) -> list[Batch]:
        """The batches of the rows that nothing is against."""
        verdicts = self._verdicts
        outcomes, features = self._outcomes()
        outcomes.check(self._limits, verdicts)
        told = outcomes.has_prediction()
        if features is not None:
            told |= features.given
        truths, observed = np.zeros(0, np.int64), None
        if (place := self._mapping.truth) is not None:
            truths = np.flatnonzero(self._attributes(place).present(place.removeprefix(BODY)))
            observed = self._observed(outcomes, truths, place)
        nothing = ~told
        nothing[truths] = False
        verdicts.refuse(nothing, reasons.SAYS_NOTHING)
        owners = self._owners()
        batches: list[Batch] = [
            outcomes.take(chosen).predictions(owner, tenant)
            for owner, chosen in owners.groups(verdicts.taken & told)
        ]
        if observed is not None:
            for owner, chosen in owners.of(truths).groups(verdicts.taken[truths]):
                batches.extend(observed.truths(owner, tenant, chosen))
        return batches

    def _outcomes(self) -> tuple[Outcomes, Grid | None]:
        """What all rows tell of predictions, and where their features are."""
        mapping, verdicts = self._mapping, self._verdicts
        segments, features = self._grid("segments"), self._grid("features")
        scores, score_classes = self._scores()
        outcomes = Outcomes(
            ids=self._texts(mapping.id) if self._ids is None else self._ids,
            time_ns=self._times(),
            classes=empty_as_null(self._texts(mapping.class_)),
            score=self._numbers(mapping.score),
            scores=scores,
            score_classes=score_classes,
            value=self._numbers(mapping.value),
            segments={} if segments is None else segments.texts(verdicts),
            features=None if features is None else FeatureTable(features),
        )
        return outcomes, features

    def _observed(self, outcomes: Outcomes, rows: NDArray[np.int64], place: str) -> Observed:
        """The truths of some rows, checked; a row without id keeps the prediction that it belongs to."""
        verdicts = Refusals(len(rows))
        text, number = readable.truth(self._attributes(place).take(rows), place.removeprefix(BODY), verdicts)
        its = outcomes.take(rows)
        identified = empty_as_null(its.ids).is_valid().to_numpy(zero_copy_only=False)
        observed = Observed(text, number, its.without_predictions(identified))
        observed.check(self._limits, verdicts)
        verdicts.pass_on(rows, self._verdicts)
        return observed

    def _owners(self) -> Owners:
        mapping = self._mapping
        stated = [self._stated(part) for part in (mapping.model, mapping.version, mapping.output)]
        columns = [*stated, identity.the_same(None, len(self._rows))]
        sources = self._records.sources
        return identity.owners_of(columns, sources, self._resource_of, self._limits, self._verdicts)

    def _stated(self, part: str | Attribute | None) -> Texts:
        """A name that the mapping gives, or that each record does."""
        if not isinstance(part, Attribute):
            return identity.the_same(part, len(self._rows))
        if part.attribute.startswith(BODY):
            return encode_texts(empty_as_null(self._texts(part.attribute)))
        return identity.own_or_inherited(
            self._own, self._inherited, self._resource_of, part.attribute, self._verdicts
        )

    def _inherited(self, name: str) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        return self._records.resources.select((name,)).texts(name)

    def _times(self) -> NDArray[np.int64]:
        stated = self._mapping.time
        if isinstance(stated, Time):
            times = instants(
                self._attributes(stated.attribute), stated.attribute.removeprefix(BODY), stated.unit
            )
        else:
            records = self._records
            times = (records.start_ns if stated == START else records.end_ns)[self._rows]
        self._verdicts.refuse(times == 0, reasons.NO_TIME)
        self._verdicts.refuse(times < 0, reasons.BAD_TIME)
        return times

    def _scores(self) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Probabilities and their classes; those of a list are called by position."""
        found = self._found.get("scores")
        if found is None:
            return np.empty((len(self._rows), 0)), ()
        if found.names is None:
            attributes, place = self._body if found.in_body else self._own, found.places[0]
            kinds = attributes.kinds(place)
            if np.count_nonzero(kinds == ARRAY) > np.count_nonzero(kinds == MAP):
                self._verdicts.refuse((kinds != EMPTY) & (kinds != ARRAY), reasons.BAD_TYPE)
                return numbers_of_lists(attributes, place, found.room, self._verdicts)
        grid = cast("Grid", self._grid("scores"))
        return grid.numbers(self._verdicts), grid.names

    def _grid(self, name: str) -> Grid | None:
        """Several columns; None where the mapping names none."""
        found = self._found.get(name)
        if found is None:
            return None
        attributes = self._body if found.in_body else self._own
        if found.names is None:
            return grids.of_maps(attributes, found.places[0], found.room, self._verdicts)
        if found.excess:
            pairs = self._records.body if found.in_body else self._records.attributes
            self._verdicts.refuse(pairs.naming(found.excess, self._rows), found.room.too_many)
        return grids.of_places(attributes, found.names, found.places, found.room, self._verdicts)

    def _texts(self, place: str | None) -> pa.StringArray:
        if place is None:
            return pa.nulls(len(self._rows), pa.string())
        texts, bad = self._attributes(place).texts(place.removeprefix(BODY))
        self._verdicts.refuse(bad, reasons.BAD_TYPE)
        return texts

    def _numbers(self, place: str | None) -> NDArray[np.float64]:
        if place is None:
            return np.full(len(self._rows), np.nan)
        numbers, bad = self._attributes(place).numbers(place.removeprefix(BODY))
        self._verdicts.refuse(bad, reasons.BAD_TYPE)
        return numbers

    def _attributes(self, place: str) -> Attributes:
        return self._body if place.startswith(BODY) else self._own


def _found(places: Places, records: Foreign, room: Room) -> _Columns:
    """Look a place of several columns up; a prefix finds what the records have."""
    if isinstance(places, str):
        in_body = places.startswith(BODY)
        place = places.removeprefix(BODY) if in_body else places
        if not place.endswith(EVERY):
            return _Columns(None, (place,), in_body, room)
        prefix = place.removesuffix(EVERY)
        keys = tuple((records.body if in_body else records.attributes).beginning(prefix))
        names = tuple(key[len(prefix) :] for key in keys)
    else:
        named = dict(zip(places, places, strict=True)) if isinstance(places, tuple) else places
        in_body = any(place.startswith(BODY) for place in named.values())
        keys = tuple(place.removeprefix(BODY) if in_body else place for place in named.values())
        names = tuple(named)
    most = room.columns
    return _Columns(names[:most], keys[:most], in_body, room, keys[most:])


def _event_names(records: Foreign) -> Texts:
    """Names of the records; those of events also from where older SDKs put them."""
    if records.signal == SPANS or EVENT_NAME not in records.attributes.keys:
        return records.coded_names
    older = records.attributes.select((EVENT_NAME,)).texts(EVENT_NAME)[0]
    return encode_texts(pc.coalesce(empty_as_null(records.names), older))


def _matches(column: Texts, wanted: str | tuple[str, ...]) -> NDArray[np.bool_]:
    """Which texts are one of those wanted, or begin with one that ends with a star."""
    each = (wanted,) if isinstance(wanted, str) else wanted
    exact = {text for text in each if not text.endswith(EVERY)}
    beginnings = tuple(text.removesuffix(EVERY) for text in each if text.endswith(EVERY))
    fits = [text in exact or text.startswith(beginnings) for text in column.values]
    matches: NDArray[np.bool_] = np.array([*fits, False])[column.codes]  # code -1 is none
    return matches


def _equals(records: Foreign, place: str, value: str) -> NDArray[np.bool_]:
    """Which records have an attribute of that value, their own or their resource's."""
    if place.startswith(BODY):
        bare = place.removeprefix(BODY)
        own = records.body.select((bare,)).texts(bare)[0]
    else:
        own = records.attributes.select((place,)).texts(place)[0]
        if own.null_count and place in records.resources.keys:
            inherited = records.resources.select((place,)).texts(place)[0]
            own = pc.coalesce(own, inherited.take(pa.array(records.resource_of)))
    equal: NDArray[np.bool_] = pc.equal(own, value).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return equal
