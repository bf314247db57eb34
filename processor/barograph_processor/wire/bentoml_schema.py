"""What BentoML's ``bento_meta`` says of a service's columns, as mappings."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from msgspec import structs
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList

from barograph_processor.wire.foreign import LOGS
from barograph_processor.wire.mapping import BODY, Mapping, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

REQUEST: Final = "request_id"
UNKNOWN: Final = frozenset({"not available", "None", ""})
"""What BentoML writes for a version or an id that there isn't."""
_SCHEMAS_KEPT: Final = 1_000


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How BentoML's columns are taken.

    Attributes:
        id: Column that labels are joined by; it is no feature.
        score: Prediction column that is the probability of the positive class, beside a column of classes.
        segments: Feature columns that are segments too.
    """

    id: str = REQUEST
    score: str | None = None
    segments: tuple[str, ...] = ()


class Column(NamedTuple):
    """A column that a service logs.

    Attributes:
        name: Its name.
        role: ``feature``, ``prediction``, ``target``, or what the service calls it.
        kind: ``numerical``, ``categorical`` or ``numerical_sequence``.
    """

    name: str
    role: str
    kind: str


@lru_cache(maxsize=_SCHEMAS_KEPT)
def mappings_of(meta: bytes, config: Config) -> tuple[Mapping, ...]:
    """What a service's ``bento_meta`` says as mappings, one for each output; none where it says nothing.

    One prediction column is the model's output; of several each is an output of its own name, and the
    features are a row of the model without one. A target is the truth of the only prediction column
    of its type, or of the only one; any other waits for an output of its own name.

    Args:
        meta: A KeyValueList as protobuf.
        config: How columns are taken.
    """
    try:
        about = {pair.key: pair.value for pair in KeyValueList.FromString(meta).values}
    except DecodeError:
        return ()
    if "schema" not in about or "monitor_name" not in about:
        return ()
    columns = [_column(pair) for pair in about["schema"].kvlist_value.values]
    version = about["bento_version"].string_value if "bento_version" in about else ""
    base = Mapping(
        signal=LOGS,
        when=When(),
        model=about["monitor_name"].string_value,
        version=None if version in UNKNOWN else version,
        segments={name: BODY + name for name in config.segments} or None,
    )
    return tuple(structs.replace(base, **parts) for parts in _outputs(columns, config))


def _outputs(columns: list[Column], config: Config) -> Iterator[dict[str, object]]:
    """The parts of each output's mapping."""
    features = {
        column.name: BODY + column.name
        for column in columns
        if column.role == "feature" and column.name != config.id
    }
    predictions = [column for column in columns if column.role == "prediction"]
    score = next((BODY + column.name for column in predictions if column.name == config.score), None)
    answers = [column for column in predictions if column.name != config.score]
    targets = [column for column in columns if column.role == "target"]
    truths = _truths(answers, targets)
    if not answers:
        yield {"score": score, "features": features or None}
    elif len(answers) == 1:
        yield {**_parts(answers[0], truths), "score": score, "features": features or None}
    else:
        yield {"features": features or None}
        for answer in answers:
            scored = score if answer.kind == "categorical" else None
            yield {**_parts(answer, truths), "score": scored, "output": answer.name}
    for target in targets:
        if BODY + target.name not in truths.values():
            yield {"truth": BODY + target.name, "output": target.name}


def _column(pair: KeyValue) -> Column:
    about = {each.key: each.value.string_value for each in pair.value.kvlist_value.values}
    return Column(pair.key, about.get("role", ""), about.get("type", ""))


def _parts(answer: Column, truths: dict[str, str]) -> dict[str, object]:
    """What a prediction column is in a mapping, and its truth."""
    part = {"categorical": "class_", "numerical_sequence": "scores"}.get(answer.kind, "value")
    return {part: BODY + answer.name, "truth": truths.get(answer.name)}


def _truths(answers: list[Column], targets: list[Column]) -> dict[str, str]:
    """The place of each prediction column's truth, by the column's name."""
    if len(answers) == 1 and len(targets) == 1:
        return {answers[0].name: BODY + targets[0].name}
    truths: dict[str, str] = {}
    for target in targets:
        alike = [answer for answer in answers if answer.kind == target.kind]
        if len(alike) == 1 and alike[0].name not in truths:
            truths[alike[0].name] = BODY + target.name
    return truths
