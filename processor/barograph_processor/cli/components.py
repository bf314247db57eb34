"""`barograph components`: what a configuration may name, and what other packages add."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from barograph.errors import BarographError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.components.api import AnyFactory
    from barograph_processor.components.plugins import Plugin
    from barograph_processor.components.registry import Registry

Row = dict[str, object]
BROKEN = "broken"


@click.command(epilog="\b\nExamples:\n  barograph components\n  barograph components --json\n")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every setting and its default.")
def components(as_json: bool) -> None:  # noqa: FBT001  # named by click
    """List receivers, stores and exporters, and all that other packages add.

    What another package adds is loaded and checked; where that fails, the reason stands in its place.
    """
    from barograph_processor.components.registry import Registry  # noqa: PLC0415  # not for --help

    rows = [*map(_component, Registry()), *_added(Registry.installed())]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        origin = row.get("distribution")
        told = row.get("problem") or f"{row['summary']}" + (f" [{origin} {row['version']}]" if origin else "")
        click.echo(f"{row['kind']:<9} {row['name']:<11} {row['stability']:<11} {told}")


def _component(factory: AnyFactory) -> Row:
    import msgspec  # noqa: PLC0415  # not for --help

    from barograph_processor.config.values import as_text  # noqa: PLC0415

    return {
        "kind": factory.kind,
        "name": factory.name,
        "stability": factory.stability,
        "summary": factory.summary,
        "defaults": msgspec.to_builtins(factory.config_type(), enc_hook=as_text),
    }


def _added(registry: Registry) -> Iterator[Row]:
    """A row for each thing that another package adds, or tries to."""
    plugins = registry.plugins
    problems = {id(plugin): str(error) for plugin, error in plugins.problems}
    for plugin in sorted((*plugins.found, *(each for each, _ in plugins.problems)), key=lambda one: one[:3]):
        problem = problems.get(id(plugin), "")
        row: Row = {"kind": plugin.kind, "name": plugin.name, "stability": BROKEN, "problem": problem}
        if not problem:
            try:
                row = _plugin(plugin, registry)
            except BarographError as error:
                row["problem"] = str(error)
        yield {**row, "distribution": plugin.distribution, "version": plugin.version}


def _plugin(plugin: Plugin, registry: Registry) -> Row:
    from barograph_processor.components.plugin_signals import KIND, signal_of  # noqa: PLC0415  # takes a second

    if plugin.kind != KIND:
        return _component(registry.factory(plugin.kind, plugin.name))
    signal = signal_of(plugin)
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "stability": "",
        "summary": f"{', '.join(metric.name for metric in signal.metrics)}.",
        "metrics": [metric._asdict() for metric in signal.metrics],
    }
