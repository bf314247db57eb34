"""Which metrics belong into one picture: a figure, its bounds, and what it is read against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reading import Signal

BOUNDS = (".confidence.lower", ".confidence.upper", ".lower", ".upper", ".p95")
"""What stands in the panel of the metric that it belongs to, by the suffix of its name."""
COMPANIONS = (".noise_floor", ".detectable")
"""What is read against the index beside it, in the same unit."""
INDEX = ".psi"


class Family(NamedTuple):
    """A metric with its bounds and companions.

    Attributes:
        metric: The metric.
        beside: What stands in its panel.
    """

    metric: Signal
    beside: Sequence[Signal]


def families(metrics: Iterable[Signal]) -> list[Family]:
    """Metrics with what belongs to them, in the order of the registry."""
    metrics = list(metrics)
    by_name = {metric.name: metric for metric in metrics}
    owners: dict[str, str] = {}
    for name in by_name:
        for suffix in (*BOUNDS, *COMPANIONS):
            owner = name.removesuffix(suffix) + (INDEX if suffix in COMPANIONS else "")
            if name.endswith(suffix) and owner in by_name and name not in owners:
                owners[name] = owner
    return [
        Family(metric, [by_name[name] for name, owner in owners.items() if owner == metric.name])
        for metric in metrics
        if metric.name not in owners
    ]


def keys_of(metric: Signal) -> set[str]:
    """The attributes that a metric may carry."""
    return {use.attribute.key for use in metric.uses}


def title(name: str) -> str:
    """A metric's name in words."""
    words = name.split(".")[1:]
    words = words[1:] if words[0] in {"feature", "performance"} and len(words) > 1 else words
    return " ".join(words).replace("_", " ").capitalize()
