"""Grafana dashboards of the registry: a figure that joins the registry joins the board of its kind.

Fleet, then model, then feature, and the processor itself. What a metric is about is told by its
attributes: one with a feature stands on the feature's board, one with a label horizon among the
performance figures of the model; bounds stand in the panel of what they bound.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from families import families, keys_of, title
from panels import Names, Panel, Query, Section, board, variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from families import Family
    from reading import Registry, Signal

TOP = 10
PROBABILITY = "{p}"  # the smaller, the worse
STATE_COLOURS = {
    "ok": "green", "warning": "orange", "alarm": "red", "insufficient_data": "gray", "learning": "blue",
}  # fmt: skip
OTHER_COLOUR = "purple"
RATE = "[$__rate_interval]"
_MODEL, _VERSION, _OUTPUT = "ml.model.name", "ml.model.version", "ml.output.name"
_WINDOW, _FEATURE, _CLASS = "ml.window.name", "ml.feature.name", "ml.class.name"
_HORIZON, _SEGMENT, _VALUE = "ml.label.horizon", "ml.segment.name", "ml.segment.value"
_STATE, _LANE, _REASON = "ml.monitor.state", "ml.telemetry.lane", "ml.telemetry.reason"
_END, _STATUS, _ROWS = "ml.window.end", "ml.monitor.status", "ml.window.observations"
_MATURITY, _DROPPED = "ml.label.maturity", "ml.telemetry.dropped"
_MISSING = "ml.feature.missing.ratio"  # told of every feature
_SIGNIFICANT = "ml.feature.drift.significant"
_TENANT, _ENVIRONMENT, _NAMESPACE = "barograph.tenant", "deployment.environment.name", "service.namespace"
_OWN_LABEL = "barograph.component"
# Where Grafana has labels for a link: a table in columns of the same row, other panels with the series.
_ROW, _SERIES = "__data.fields", "__field.labels"
_HEADLINES = ("ml.performance.accuracy", "ml.performance.roc_auc", "ml.performance.mae")


def dashboards(registry: Registry) -> dict[str, str]:
    """File name to the text of each dashboard."""
    boards = _Boards(registry)
    found = {"fleet": boards.fleet(), "model": boards.model(), "feature": boards.feature(),
             "processor": boards.processor()}  # fmt: skip
    return {f"{name}.json": json.dumps(content, indent=1) + "\n" for name, content in found.items()}


class _Boards:
    def __init__(self, registry: Registry) -> None:
        self._names = Names(registry)
        self._states = [
            member.value
            for attribute in registry.attributes
            if attribute.key == _STATE
            for member in attribute.members
        ]
        readings = [metric for metric in registry.metrics if metric.origin == "readings"]
        self._of_features = families(metric for metric in readings if _FEATURE in keys_of(metric))
        self._of_labels = families(metric for metric in readings if _HORIZON in keys_of(metric))
        self._of_windows = families(
            metric
            for metric in readings
            if not {_FEATURE, _HORIZON} & keys_of(metric) and metric.name != _STATUS
        )
        self._whole = f'{self._names.label(_SEGMENT)}=""'
        self._own = [metric for metric in registry.metrics if metric.origin == "processor"]

    def fleet(self) -> dict[str, Any]:
        """Every model: how it stands, how well it does, how much is known."""
        metric, label = self._names.metric, self._names.label
        whole = self._where(self._whole, model=False)
        here = self._where(model=False)
        identity = ", ".join(
            label(each) for each in (_TENANT, _NAMESPACE, _ENVIRONMENT, _MODEL, _VERSION, _OUTPUT)
        )
        name = f"{{{{{label(_TENANT)}}}}} {{{{{label(_MODEL)}}}}} {{{{{label(_VERSION)}}}}}"
        links = {
            "fieldConfig": {
                "defaults": {"links": [{"title": "Open the model", "url": self._link("model", _ROW)}]},
                "overrides": [],
            }
        }
        table = Panel(
            "Models",
            "State of each model's newest window, its rows, drifted features, how much truth is known.",
            [
                Query(f"max by ({identity}, {label(_STATE)}) ({metric(_STATUS)}{here}) == 1"),
                Query(f"sum by ({identity}) ({metric(_ROWS)}{here})"),
                Query(f"sum by ({identity}) ({metric(_SIGNIFICANT)}{here})"),
                Query(f"max by ({identity}) ({metric(_MATURITY)}{whole})"),
                Query(f"min by ({identity}) (time() - {metric(_END)}{here})"),
            ],
            kind="table",
            width=24,
            height=9,
            more={**links, "transformations": [{"id": "merge", "options": {}}, _columns(label)]},
        )
        all_labels = f'{label(_HORIZON)}="all"'
        headlines = [
            Panel(
                title(each),
                self._names.declared(each).brief,
                [
                    Query(
                        f"{metric(each)}{self._where(self._whole, all_labels, model=False)}",
                        name,
                    )
                ],
                unit=self._names.declared(each).unit,
            )
            for each in _HEADLINES
        ]
        firing = Panel(
            "Alerts",
            "Alerts of collector-config/rules that fire.",
            [Query('ALERTS{alertname=~"Barograph.*", alertstate="firing"}')],
            kind="table",
            width=24,
            height=7,
        )
        return board(
            "barograph-fleet",
            "Barograph: fleet",
            "Every model that telemetry came from.",
            self._variables(),
            [
                Section("Models", [table, self._timeline(here, f"{name} {{{{{label(_OUTPUT)}}}}}")]),
                Section("Performance, with all labels", [*headlines, self._maturity(whole, name)]),
                Section("Alerts", [firing]),
            ],
        )

    def model(self) -> dict[str, Any]:
        """One model: its windows, performance by horizon and segment, drift, and features at a glance."""
        metric, label = self._names.metric, self._names.label
        version = f"{{{{{label(_TENANT)}}}}} {{{{{label(_VERSION)}}}}} {{{{{label(_OUTPUT)}}}}}"
        horizon = f'{label(_HORIZON)}="$horizon"'
        whole, parts = self._whole, f'{label(_SEGMENT)}!=""'
        age = Panel(
            "Age of the newest window",
            "Time since the end of the newest window; it grows where a model has become silent.",
            [Query(f"time() - {metric(_END)}{self._where()}", version)],
            unit="s",
        )
        windows = [family for family in self._of_windows if family.metric.name == _ROWS]
        prediction = [family for family in self._of_windows if family.metric.name not in {_ROWS, _END}]
        segment = f"{version} {{{{{label(_SEGMENT)}}}}}={{{{{label(_VALUE)}}}}}"
        return board(
            "barograph-model",
            "Barograph: model",
            "One model: what its windows tell.",
            self._variables("model", "horizon"),
            [
                Section(
                    "Windows",
                    [
                        self._timeline(self._where(), version),
                        *self._panels(windows, self._where(), version),
                        age,
                    ],
                ),
                Section(
                    "Performance, labels of the chosen horizon",
                    list(self._panels(self._of_labels, self._where(whole, horizon), version)),
                ),
                Section(
                    "Labels, every horizon",
                    [self._maturity(self._where(whole), f"{version} {{{{{label(_HORIZON)}}}}}")],
                ),
                Section(
                    "Performance by segment",
                    list(self._panels(self._of_labels, self._where(parts, horizon), segment, bounds=False)),
                ),
                Section("Predictions", list(self._panels(prediction, self._where(), version))),
                Section(
                    f"Features: the {TOP} that differ most",
                    list(self._worst(self._of_features, self._where())),
                ),
            ],
        )

    def feature(self) -> dict[str, Any]:
        """One feature of one model."""
        label = self._names.label
        version = f"{{{{{label(_TENANT)}}}}} {{{{{label(_VERSION)}}}}}"
        drift = [family for family in self._of_features if ".drift." in family.metric.name]
        quality = [family for family in self._of_features if family not in drift]
        here = self._where(f'{label(_FEATURE)}="$feature"')
        return board(
            "barograph-feature",
            "Barograph: feature",
            "One feature of one model: how it differs from the baseline, and what is wrong with its values.",
            self._variables("model", "feature"),
            [
                Section("Drift", list(self._panels(drift, here, version))),
                Section("Quality", list(self._panels(quality, here, version))),
            ],
        )

    def processor(self) -> dict[str, Any]:
        """The processor itself: what it takes, drops, holds and sends."""
        metric, label = self._names.metric, self._names.label
        lanes = f"{label(_LANE)}, {label(_REASON)}"
        name = f"{{{{{label(_LANE)}}}}}: {{{{{label(_REASON)}}}}}"
        # A counter is born with what it counts, which an increase doesn't see.
        young = f"{metric(_DROPPED)} unless {metric(_DROPPED)} offset $__range"
        drops = [
            Panel(
                "Not taken as it came, by lane and reason",
                self._names.declared(_DROPPED).brief,
                [Query(f"sum by ({lanes}) (rate({metric(_DROPPED)}{RATE}))", name)],
                width=16,
            ),
            Panel(
                "In the time shown",
                self._names.declared(_DROPPED).brief,
                [Query(f"sum by ({lanes}) (({young}) or increase({metric(_DROPPED)}[$__range]))")],
                kind="table",
            ),
        ]
        sections: dict[str, dict[str, list[Signal]]] = {}
        for each in self._own:
            _, part, what, *_ = each.name.split("_")
            shown = (
                what if each.instrument == "counter" else f"now, {each.unit}" if each.unit == "s" else "now"
            )
            sections.setdefault(part, {}).setdefault(shown, []).append(each)
        return board(
            "barograph-processor",
            "Barograph: processor",
            "What the processor takes, drops, holds and sends.",
            [],
            [
                Section("Lanes and drops", drops),
                *(
                    Section(
                        part.capitalize(), [self._own_panel(shown, held) for shown, held in groups.items()]
                    )
                    for part, groups in sections.items()
                ),
            ],
        )

    def _own_panel(self, heading: str, members: Sequence[Signal]) -> Panel:
        queries = []
        for each in members:
            name = self._names.metric(each.name)
            counted = each.instrument == "counter"
            component = f" {{{{{self._names.label(_OWN_LABEL)}}}}}" if _OWN_LABEL in keys_of(each) else ""
            short = each.name.removeprefix("barograph_").replace("_", " ")
            queries.append(Query(f"rate({name}{RATE})" if counted else name, f"{short}{component}"))
        unit = members[0].unit if members[0].instrument != "counter" else ""
        shown = heading if members[0].instrument != "counter" else f"{heading} a second"
        return Panel(shown.capitalize(), " ".join(each.brief for each in members), queries, unit=unit)

    def _panels(
        self, held: Sequence[Family], where: str, legend: str, *, bounds: bool = True
    ) -> Iterator[Panel]:
        for family in held:
            queries = []
            for each in (family.metric, *(family.beside if bounds else ())):
                role = each.name.removeprefix(family.metric.name).strip(".").replace(".", " ")
                if role.startswith("ml "):
                    role = each.name.rpartition(".")[2].replace("_", " ")
                classes = f" {{{{{self._names.label(_CLASS)}}}}}" if _CLASS in keys_of(each) else ""
                queries.append(
                    Query(f"{self._names.metric(each.name)}{where}", f"{legend}{classes} {role}".strip())
                )
            yield Panel(title(family.metric.name), family.metric.brief, queries, unit=family.metric.unit)

    def _worst(self, held: Sequence[Family], where: str) -> Iterator[Panel]:
        label = self._names.label
        legend = f"{{{{{label(_TENANT)}}}}} {{{{{label(_VERSION)}}}}} {{{{{label(_FEATURE)}}}}}"
        link = {"title": "Open the feature", "url": self._link("feature", _SERIES)}
        more = {"options": {"dataLinks": [link]}}
        for family in held:
            worst = "bottomk" if family.metric.unit == PROBABILITY else "topk"
            expression = f"{worst}({TOP}, {self._names.metric(family.metric.name)}{where})"
            yield Panel(
                title(family.metric.name),
                family.metric.brief,
                [Query(expression, legend)],
                unit=family.metric.unit,
                more=more,
            )

    def _timeline(self, where: str, legend: str) -> Panel:
        """One colour a state; which state is which number, the registry's order says."""
        metric, state = self._names.metric(_STATUS), self._names.label(_STATE)
        inside = where.removesuffix("}") + ("," if where != "{}" else "")
        parts = [
            f'max without ({state}) ({metric}{inside}{state}="{each}"}} == 1) * {number}'
            for number, each in enumerate(self._states)
        ]
        values = {
            str(number): {"text": each.replace("_", " "), "color": STATE_COLOURS.get(each, OTHER_COLOUR)}
            for number, each in enumerate(self._states)
        }
        shown = {"defaults": {"mappings": [{"type": "value", "options": values}]}, "overrides": []}
        return Panel(
            "State of the monitor",
            self._names.declared(_STATUS).brief,
            [Query(" or ".join(parts), legend)],
            kind="state-timeline",
            width=24,
            more={"fieldConfig": shown},
        )

    def _maturity(self, where: str, legend: str) -> Panel:
        maturity = self._names.declared(_MATURITY)
        return Panel(
            "Label maturity", maturity.brief, [Query(f"{self._names.metric(_MATURITY)}{where}", legend)],
            unit=maturity.unit, width=24 if "horizon" in legend else 8,
        )  # fmt: skip

    def _where(self, *more: str, model: bool = True) -> str:
        label = self._names.label
        chosen = [f'{label(_MODEL)}="$model"', f'{label(_VERSION)}=~"$version"'] if model else []
        chosen += [f'{label(_WINDOW)}="$window"', f'{label(_ENVIRONMENT)}=~"$environment"']
        chosen += [f'{label(_TENANT)}=~"$tenant"', *more]
        return "{" + ",".join(chosen) + "}"

    def _variables(self, *more: str) -> list[dict[str, Any]]:
        metric, label = self._names.metric, self._names.label
        end, missing = metric(_END), metric(_MISSING)
        of_model = f'{end}{{{label(_MODEL)}="$model"}}'
        known = {
            "model": [
                variable("model", f"label_values({end}, {label(_MODEL)})"),
                variable("version", f"label_values({of_model}, {label(_VERSION)})", every=True),
            ],
            "horizon": [variable("horizon", f"label_values({metric(_MATURITY)}, {label(_HORIZON)})")],
            "feature": [
                variable("feature", f'label_values({missing}{{{label(_MODEL)}="$model"}}, {label(_FEATURE)})')
            ],
        }
        return [
            variable("tenant", f"label_values({end}, {label(_TENANT)})", every=True),
            variable("environment", f"label_values({end}, {label(_ENVIRONMENT)})", every=True),
            *(each for name in more for each in known[name]),
            variable("window", f"label_values({end}, {label(_WINDOW)})"),
        ]

    def _link(self, name: str, holder: str) -> str:
        label = self._names.label
        wanted = {"model": label(_MODEL), **({"feature": label(_FEATURE)} if name == "feature" else {})}
        chosen = "&".join(f"var-{key}=${{{holder}.{value}}}" for key, value in wanted.items())
        kept = "&".join(f"${{{each}:queryparam}}" for each in ("datasource", "window", "tenant"))
        return f"/d/barograph-{name}?{kept}&{chosen}"


def _columns(label: Callable[[str], str]) -> dict[str, Any]:
    """What the columns of the table of models are called."""
    renamed = {
        label(_TENANT): "tenant", label(_NAMESPACE): "namespace", label(_ENVIRONMENT): "environment",
        label(_MODEL): "model", label(_VERSION): "version", label(_OUTPUT): "output", label(_STATE): "state",
        "Value #B": "rows", "Value #C": "drifted features", "Value #D": "label maturity",
        "Value #E": "seconds since its end",
    }  # fmt: skip
    return {
        "id": "organize",
        "options": {"excludeByName": {"Time": True, "Value #A": True}, "renameByName": renamed},
    }
