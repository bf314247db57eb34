"""Whose an item is: the key and source of every row, from its attributes and its resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Key, Texts
from barograph_processor.wire import reasons
from barograph_processor.wire.text import empty_as_null, encode_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals

# OpenTelemetry's own resource attributes, by its semantic conventions.
SERVICE_NAMESPACE: Final = "service.namespace"
ENVIRONMENT: Final = "deployment.environment.name"
ENVIRONMENT_BEFORE_1_27: Final = "deployment.environment"
INSTANCE: Final = "service.instance.id"
DESCRIBING: Final = ("service.name", "host.name", "k8s.pod.name", "process.pid")

NAMES: Final = (names.ML_MODEL_NAME, names.ML_MODEL_VERSION, names.ML_OUTPUT_NAME, names.ML_SOURCE_ID)
RESOURCE_NAMES: Final = (
    *NAMES,
    SERVICE_NAMESPACE,
    ENVIRONMENT,
    ENVIRONMENT_BEFORE_1_27,
    INSTANCE,
    *DESCRIBING,
)
DEFAULT_VERSION: Final = "0"


class Owner(NamedTuple):
    """Whose a group of rows is.

    Attributes:
        namespace: ``service.namespace`` of the resource.
        environment: ``deployment.environment.name`` of the resource, or its older name.
        model: Model name.
        version: Model version, None where it isn't stated.
        output: Output name.
        source: ``ml.source.id``, else the resource's identity.
    """

    namespace: str
    environment: str
    model: str
    version: str | None
    output: str
    source: str

    def key(self, tenant: str) -> Key:
        """The key, version ``0`` where none is stated."""
        version = DEFAULT_VERSION if self.version is None else self.version
        return Key(tenant, self.namespace, self.environment, self.model, version, self.output)


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of n rows.

    Attributes:
        owners: The distinct ones.
        group_of: int64 [n], index into `owners`, -1 where the row was refused.
    """

    owners: list[Owner]
    group_of: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Owners:
        """The owners of some of the rows."""
        return Owners(self.owners, self.group_of[rows])

    def groups(self, rows: NDArray[np.bool_]) -> Iterator[tuple[Owner, NDArray[np.int64]]]:
        """Each owner with the numbers of its rows, in order, among those of the mask."""
        chosen = np.flatnonzero(rows & (self.group_of >= 0))
        if len(self.owners) == 1:
            if chosen.size:
                yield self.owners[0], chosen
            return
        groups = self.group_of[chosen]
        order = np.argsort(groups, kind="stable")
        bounds = np.searchsorted(groups[order], np.arange(len(self.owners) + 1))
        for i, owner in enumerate(self.owners):
            if bounds[i] < bounds[i + 1]:
                yield owner, chosen[order[bounds[i] : bounds[i + 1]]]


def owners(
    rows: Attributes,
    resources: Attributes,
    resource_of: NDArray[np.int64],
    limits: Limits,
    verdicts: Refusals,
) -> Owners:
    """Find the owner of every row; an attribute of the item goes before one of its resource.

    Args:
        rows: The items' attributes, with `NAMES`.
        resources: The resources' attributes, with `RESOURCE_NAMES`.
        resource_of: int64 [n], the resource of each row.
        limits: Lengths of names, number of keys.
        verdicts: Takes the rows that have no owner.
    """
    columns = [own_or_inherited(rows, resources.texts, resource_of, name, verdicts) for name in NAMES]
    return owners_of(columns, sources_of(resources), resource_of, limits, verdicts)


def owners_of(
    columns: Sequence[Texts],
    sources: Sources,
    resource_of: NDArray[np.int64],
    limits: Limits,
    verdicts: Refusals,
) -> Owners:
    """Find the owner of every row whose model, version, output and source are known, -1 where not stated.

    Args:
        columns: One for each of `NAMES`.
        sources: What the resources say.
        resource_of: As for `owners`.
        limits: As for `owners`.
        verdicts: As for `owners`.
    """
    columns = list(columns)
    namespace, environment, identity = (_taken(each, resource_of) for each in sources)
    columns[3] = _coalesced(columns[3], identity)
    columns += [namespace, environment]
    verdicts.refuse(columns[0].codes < 0, reasons.NO_MODEL)
    for column in columns:
        if any(len(text) > limits.max_name_length for text in column.values):
            long = np.array([*(len(text) > limits.max_name_length for text in column.values), False])
            verdicts.refuse(long[column.codes], reasons.NAME_TOO_LONG)
    return _grouped(columns, limits, verdicts)


def own_or_inherited(
    rows: Attributes,
    inherited: Callable[[str], tuple[pa.StringArray, NDArray[np.bool_]]],
    resource_of: NDArray[np.int64],
    name: str,
    verdicts: Refusals,
) -> Texts:
    """A text of each row, from its item or else from its resource; -1 where neither has it.

    Args:
        rows: The items' attributes, with `name`.
        inherited: Gives the resources' texts of a name, as `Attributes.texts`; asked where it is needed.
        resource_of: As for `owners`.
        name: The attribute.
        verdicts: Takes rows whose value has no text.
    """
    column, bad = rows.coded(name)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    absent = column.codes < 0
    if not absent.any():
        return column
    texts, bad = inherited(name)
    verdicts.refuse(bad[resource_of] & absent, reasons.BAD_TYPE)
    return _coalesced(column, _taken(encode_texts(empty_as_null(texts)), resource_of))


def the_same(text: str | None, rows: int) -> Texts:
    """One text for all rows, or for none."""
    if text is None:
        return Texts(np.full(rows, -1, np.int32), ())
    return Texts(np.zeros(rows, np.int32), (text,))


class Sources(NamedTuple):
    """What resources say of the sources that they are.

    Attributes:
        namespace: Of each resource.
        environment: Likewise.
        identity: What stands for ``ml.source.id`` where an item states none.
    """

    namespace: Texts
    environment: Texts
    identity: Texts


def sources_of(resources: Attributes) -> Sources:
    """What resources say of sources.

    Args:
        resources: With `RESOURCE_NAMES`.
    """
    text = {
        name: empty_as_null(resources.texts(name)[0]).to_pylist() for name in RESOURCE_NAMES[len(NAMES) :]
    }
    environment = _either(text[ENVIRONMENT], text[ENVIRONMENT_BEFORE_1_27])
    described = zip(*(text[name] for name in (SERVICE_NAMESPACE, *DESCRIBING)), strict=True)
    identity = _either(text[INSTANCE], ["/".join(filter(None, parts)) for parts in described])
    namespace, environments, identities = (
        encode_texts(pa.array(texts, pa.string()))
        for texts in (text[SERVICE_NAMESPACE], environment, identity)
    )
    return Sources(namespace, environments, identities)


def _either(first: Sequence[str | None], second: Sequence[str | None]) -> list[str | None]:
    return [other if one is None else one for one, other in zip(first, second, strict=True)]


def _taken(column: Texts, rows: NDArray[np.int64]) -> Texts:
    return Texts(column.codes[rows], column.values)


def _coalesced(first: Texts, second: Texts) -> Texts:
    """The first, and the second where there is none; a text has one code."""
    absent = first.codes < 0
    if not absent.any() or not second.values:
        return first
    code_of = {text: code for code, text in enumerate((*first.values, *second.values))}
    place_of = {text: place for place, text in enumerate(code_of)}
    codes = np.array([place_of[text] for text in first.values] + [-1], np.int32)[first.codes]
    others = np.array([place_of[text] for text in second.values] + [-1], np.int32)[second.codes]
    return Texts(np.where(absent, others, codes), tuple(code_of))


def _grouped(columns: list[Texts], limits: Limits, verdicts: Refusals) -> Owners:
    rows = len(columns[0].codes)
    group_of = np.zeros(rows, np.int64)
    for texts in columns:
        if rows and texts.codes.min() != texts.codes.max():
            combined = group_of * (len(texts.values) + 1) + texts.codes + 1
            group_of = np.unique(combined, return_inverse=True)[1].reshape(-1)
    group_of = np.where(verdicts.taken, group_of, -1)
    if rows and group_of.min() == group_of.max() == 0:
        return Owners([_owner(columns, 0)], group_of)
    _, firsts, inverse = np.unique(group_of, return_index=True, return_inverse=True)
    if group_of.size and group_of.min() < 0:
        firsts, inverse = firsts[1:], inverse.reshape(-1) - 1
    if len(firsts) > limits.max_keys:
        verdicts.refuse(inverse >= limits.max_keys, reasons.TOO_MANY_KEYS)
        firsts, inverse = firsts[: limits.max_keys], np.where(inverse >= limits.max_keys, -1, inverse)
    return Owners([_owner(columns, row) for row in firsts.tolist()], inverse.reshape(-1).astype(np.int64))


def _owner(columns: list[Texts], row: int) -> Owner:
    """The owner of a row."""
    model, version, output, source, namespace, environment = (
        None if texts.codes[row] < 0 else texts.values[texts.codes[row]] for texts in columns
    )
    return Owner(namespace or "", environment or "", model or "", version, output or "", source or "")
