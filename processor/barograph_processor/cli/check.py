"""`barograph check`: what a configuration means."""

from __future__ import annotations

import json
from typing import Any

import click

from barograph_processor.cli.options import configuration_options, given_by

EPILOG = """\b
Examples:
  barograph check --config barograph.yaml
  barograph check --window 1d --window month --pane 1h --json
"""


@click.command(epilog=EPILOG)
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="The configuration as JSON instead of YAML.")
def check(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001  # as click gives them
    """Print the whole configuration with every default, secrets masked; fail if it can't work.

    Reads every baseline and the certificates of receivers, and loads the signals of other packages. The
    output is a valid configuration file, except for masked secrets.
    """
    import yaml  # noqa: PLC0415  # not for --help

    from barograph_processor.cli.checking import checked  # noqa: PLC0415
    from barograph_processor.config.resolve import resolved  # noqa: PLC0415

    config, baselines = checked(given_by(options))
    plain = json.loads(json.dumps(resolved(config)))
    if as_json:
        click.echo(json.dumps(plain, indent=2))
        return
    click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), nl=False)
    for baseline in baselines:
        header = baseline.header
        click.echo(
            f"# baseline {baseline.id[:12]}: {header.model} version {header.version}, {header.rows:,} rows"
        )
