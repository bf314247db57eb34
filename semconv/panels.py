"""The few pieces that Grafana's dashboards are made of, as plain values.

Source: Grafana, "Dashboard JSON model".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from barograph_processor.exporters.prometheus_names import label_name, metric_name
from reading import Registry, RegistryError, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"{ratio}": "percentunit", "{accuracy}": "percentunit", "s": "s", "By": "bytes"}
"""Grafana's units; anything else is a plain number."""


class Names:
    """Names in Prometheus of what the registry declares."""

    def __init__(self, registry: Registry) -> None:
        self._metrics = {metric.name: metric for metric in registry.metrics}
        self._labels = {attribute.key for attribute in registry.attributes}

    def declared(self, name: str) -> Signal:
        """A metric of the registry.

        Raises:
            RegistryError: There is none of that name.
        """
        if name not in self._metrics:
            raise RegistryError([f"collector-config names {name}, which the registry doesn't declare"])
        return self._metrics[name]

    def metric(self, name: str) -> str:
        """What a metric is called, with its unit and, for counters, its suffix."""
        metric = self.declared(name)
        kinds = {"counter": "counter", "updowncounter": "updowncounter", "histogram": "histogram"}
        return metric_name(metric.name, metric.unit, kinds.get(metric.instrument, "gauge"))  # type: ignore[arg-type]

    def label(self, key: str) -> str:
        """What an attribute is called.

        Raises:
            RegistryError: The registry has none of that name.
        """
        if key not in self._labels:
            raise RegistryError([f"collector-config names {key}, which the registry doesn't declare"])
        return label_name(key)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel.

    Attributes:
        expression: In PromQL.
        legend: Grafana's template for the names of its series; ``""`` in tables.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: What stands above it.
        description: What it tells, shown on demand.
        queries: Its expressions.
        kind: Grafana's type of panel.
        unit: UCUM unit of its values.
        width: Of 24 columns.
        height: In Grafana's rows.
        more: Further settings of the panel.
    """

    title: str
    description: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = ""
    width: int = 8
    height: int = 8
    more: dict[str, Any] = field(default_factory=dict)

    def plain(self, number: int, left: int, top: int) -> dict[str, Any]:
        """As Grafana reads it."""
        is_table = self.kind == "table"
        targets = [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expression,
                **({"format": "table", "instant": True} if is_table else {"legendFormat": query.legend}),
            }
            for index, query in enumerate(self.queries)
        ]
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": left, "y": top},
            "fieldConfig": {"defaults": {"unit": UNITS.get(self.unit, "short")}, "overrides": []},
            "targets": targets,
            **self.more,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


def laid_out(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Panels from left to right, row by row, each section under its heading."""
    found: list[dict[str, Any]] = []
    top = 0
    for section in sections:
        if not section.panels:
            continue
        heading = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        found.append(
            {"id": len(found) + 1, "type": "row", "title": section.title, "collapsed": False,
             "gridPos": heading, "panels": []}
        )  # fmt: skip
        top += 1
        left = tallest = 0
        for panel in section.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            found.append(panel.plain(len(found) + 1, left, top))
            left += panel.width
            tallest = max(tallest, panel.height)
        top += tallest
    return found


def variable(name: str, query: str, *, every: bool = False, label: str = "") -> dict[str, Any]:
    """A choice that the values of a label give.

    Args:
        name: As expressions name it.
        query: In the words of Grafana's Prometheus source.
        every: Whether all of them may be chosen, which is the default then; also what has no such label.
        label: As people read it.
    """
    chosen = {"current": {"text": "All", "value": "$__all"}, "allValue": ".*"} if every else {}
    return {
        "name": name,
        "label": label or name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "includeAll": every,
        "multi": every,
        **chosen,
    }


def board(
    uid: str, title: str, description: str, variables: Sequence[dict[str, Any]], sections: Iterable[Section]
) -> dict[str, Any]:
    """A whole dashboard."""
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["barograph"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "utc",
        "links": [
            {"title": "Barograph", "type": "dashboards", "tags": ["barograph"], "includeVars": True,
             "keepTime": True, "asDropdown": False}
        ],
        "templating": {"list": [source, *variables]},
        "panels": laid_out(sections),
    }  # fmt: skip
