"""A baseline for people and for programs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import msgspec

from barograph_processor.signals.api import StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph.baseline import Baseline, Feature, Output

SHOWN_CATEGORIES = 4
_DAY_S = "86400"


def header_json(baseline: Baseline) -> str:
    """The id and the whole description; of the table of states only how much each feature varies."""
    plain = msgspec.to_builtins(baseline.header)
    plain["states"] = len(baseline.header.states)
    varies = _varies(baseline)
    for feature in plain["features"]:
        feature["overdispersion"] = varies.get(feature["name"], {})
    return msgspec.json.format(msgspec.json.encode({"id": baseline.id, **plain})).decode()


def header_lines(baseline: Baseline) -> Iterator[str]:
    """What a baseline says, in lines."""
    header = baseline.header
    yield f"{header.model} version {header.version}"
    yield f"  id        {baseline.id}"
    yield f"  rows      {header.rows:,}{', learned from live traffic' if header.learned else ''}"
    if header.start_unix_nano is not None and header.end_unix_nano is not None:
        yield f"  time      {_day(header.start_unix_nano)} to {_day(header.end_unix_nano)} UTC"
    for output in header.outputs:
        yield f"  output    {_output(output)}"
    varies = {name: phi[_DAY_S] for name, phi in _varies(baseline).items() if _DAY_S in phi}
    width = max((len(feature.name) for feature in header.features), default=0)
    yield f"  features  {len(header.features)}"
    for feature in header.features:
        phi = (
            f"  days vary {varies[feature.name]:.1f} times as much as independent rows"
            if feature.name in varies
            else ""
        )
        yield f"    {feature.name:<{width}}  {_feature(feature)}{phi}"


def _varies(baseline: Baseline) -> dict[str, dict[str, float]]:
    """Feature to the overdispersion of its values, not of how many are missing, which has its own."""
    kinds = (StreamKind.FEATURE_VALUE, StreamKind.FEATURE_CATEGORIES)
    return {entry.name: entry.overdispersion for entry in baseline.header.states if entry.kind in kinds}


def _output(output: Output) -> str:
    parts = [output.name, output.task]
    if output.classes:
        parts.append(f"classes {', '.join(output.classes)}")
    if output.positive is not None:
        parts.append(f"positive {output.positive}")
    if output.threshold is not None:
        parts.append(f"from a score of {output.threshold:g}")
    return "; ".join(part for part in parts if part)


def _feature(feature: Feature) -> str:
    if feature.kind == "category":
        shown = ", ".join(feature.categories[:SHOWN_CATEGORIES])
        more = len(feature.categories) - SHOWN_CATEGORIES
        return f"category  {len(feature.categories)}: {shown}{f' and {more} more' if more > 0 else ''}"
    if feature.low is None or feature.high is None:
        return "number    no value in the reference"
    sentinels = (
        f", {', '.join(f'{each:g}' for each in feature.sentinels)} is missing" if feature.sentinels else ""
    )
    return f"number    {feature.low:g} to {feature.high:g} in {len(feature.edges) + 1} buckets{sentinels}"


def _day(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, tz=timezone.utc):%Y-%m-%d %H:%M}"
