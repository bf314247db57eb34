"""Whose an item is: the key and source of every row, from its attributes and its resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Key
from barograph_processor.wire import reasons
from barograph_processor.wire.text import empty_as_null, encode_texts, longer_than

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals

# OpenTelemetry's own resource attributes, by its semantic conventions.
SERVICE_NAMESPACE: Final = "service.namespace"
ENVIRONMENT: Final = "deployment.environment.name"
ENVIRONMENT_BEFORE_1_27: Final = "deployment.environment"
INSTANCE: Final = "service.instance.id"
_DESCRIBING: Final = ("service.name", "host.name", "k8s.pod.name", "process.pid")

NAMES: Final = (names.ML_MODEL_NAME, names.ML_MODEL_VERSION, names.ML_OUTPUT_NAME, names.ML_SOURCE_ID)
RESOURCE_NAMES: Final = (
    *NAMES,
    SERVICE_NAMESPACE,
    ENVIRONMENT,
    ENVIRONMENT_BEFORE_1_27,
    INSTANCE,
    *_DESCRIBING,
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
    columns = [own_or_inherited(rows, resources, resource_of, name, verdicts) for name in NAMES]
    return owners_of(columns, resources, resource_of, limits, verdicts)


def owners_of(
    columns: Sequence[pa.StringArray],
    resources: Attributes,
    resource_of: NDArray[np.int64],
    limits: Limits,
    verdicts: Refusals,
) -> Owners:
    """Find the owner of every row whose model, version, output and source are known, null where not stated.

    Args:
        columns: One for each of `NAMES`.
        resources: As for `owners`.
        resource_of: As for `owners`.
        limits: As for `owners`.
        verdicts: As for `owners`.
    """
    columns = list(columns)
    namespace, environment, identity = _resource_columns(resources)
    of = pa.array(resource_of)
    columns[3] = _coalesced(columns[3], identity.take(of))
    columns += [namespace.take(of), environment.take(of)]
    verdicts.refuse(columns[0].is_null().to_numpy(zero_copy_only=False), reasons.NO_MODEL)
    for column in columns:
        verdicts.refuse(longer_than(column, limits.max_name_length), reasons.NAME_TOO_LONG)
    return _grouped(columns, limits, verdicts)


def own_or_inherited(
    rows: Attributes, resources: Attributes, resource_of: NDArray[np.int64], name: str, verdicts: Refusals
) -> pa.StringArray:
    """A text of each row, from its item or else from its resource; null where neither has it."""
    own, bad = rows.texts(name)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    own = empty_as_null(own)
    if not own.null_count:
        return own
    inherited, bad = resources.texts(name)
    verdicts.refuse(bad[resource_of] & own.is_null().to_numpy(zero_copy_only=False), reasons.BAD_TYPE)
    return _coalesced(own, empty_as_null(inherited).take(pa.array(resource_of)))


def _resource_columns(resources: Attributes) -> tuple[pa.StringArray, pa.StringArray, pa.StringArray]:
    """Namespace, environment and identity of each resource."""
    text = {name: empty_as_null(resources.texts(name)[0]) for name in RESOURCE_NAMES[len(NAMES) :]}
    environment = _coalesced(text[ENVIRONMENT], text[ENVIRONMENT_BEFORE_1_27])
    described = [text[name].to_pylist() for name in (SERVICE_NAMESPACE, *_DESCRIBING)]
    identity = pa.array(
        ["/".join(filter(None, parts)) for parts in zip(*described, strict=True)], pa.string()
    )
    return text[SERVICE_NAMESPACE], environment, _coalesced(text[INSTANCE], identity)


def _coalesced(first: pa.StringArray, second: pa.StringArray) -> pa.StringArray:
    return pc.coalesce(first, second) if first.null_count else first


def _grouped(columns: list[pa.StringArray], limits: Limits, verdicts: Refusals) -> Owners:
    encoded = [encode_texts(column) for column in columns]
    group_of = np.zeros(len(columns[0]), np.int64)
    if any(len(texts.values) > 1 or (len(texts.values) and texts.codes.min() < 0) for texts in encoded):
        for texts in encoded:
            combined = group_of * (len(texts.values) + 1) + texts.codes + 1
            group_of = np.unique(combined, return_inverse=True)[1].reshape(-1)
    group_of = np.where(verdicts.taken, group_of, -1)
    _, firsts, inverse = np.unique(group_of, return_index=True, return_inverse=True)
    if group_of.size and group_of.min() < 0:
        firsts, inverse = firsts[1:], inverse.reshape(-1) - 1
    if len(firsts) > limits.max_keys:
        verdicts.refuse(inverse >= limits.max_keys, reasons.TOO_MANY_KEYS)
        firsts, inverse = firsts[: limits.max_keys], np.where(inverse >= limits.max_keys, -1, inverse)
    found: list[Owner] = []
    for row in firsts.tolist():
        model, version, output, source, namespace, environment = (
            None if texts.codes[row] < 0 else texts.values[texts.codes[row]] for texts in encoded
        )
        found.append(
            Owner(namespace or "", environment or "", model or "", version, output or "", source or "")
        )
    return Owners(found, inverse.reshape(-1).astype(np.int64))
