"""`barograph components`: what a configuration may name."""

from __future__ import annotations

import json

import click


@click.command(epilog="\b\nExamples:\n  barograph components\n  barograph components --json\n")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every setting and its default.")
def components(as_json: bool) -> None:  # noqa: FBT001  # named by click
    """List the receivers, stores and exporters that there are."""
    import msgspec  # noqa: PLC0415  # not for --help

    from barograph_processor.components.registry import Registry  # noqa: PLC0415
    from barograph_processor.config.values import as_text  # noqa: PLC0415

    factories = list(Registry())
    if as_json:
        plain = [
            {
                "kind": each.kind,
                "name": each.name,
                "stability": each.stability,
                "summary": each.summary,
                "defaults": msgspec.to_builtins(each.config_type(), enc_hook=as_text),
            }
            for each in factories
        ]
        click.echo(json.dumps(plain, indent=2))
        return
    for each in factories:
        click.echo(f"{each.kind:<9} {each.name:<11} {each.stability:<11} {each.summary}")
