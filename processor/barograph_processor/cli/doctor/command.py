"""`barograph doctor`: what is recorded here, where telemetry goes, and what stands in its way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from barograph_processor.cli.options import LocalPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.cli.doctor.findings import Finding

EPILOG = """\b
Examples:
  barograph doctor
  barograph doctor --send --processor processor:9464 --timeout 15
  barograph doctor --offline --config barograph.yaml --json

Run it where the service runs: in its environment, with its variables. What --send sends goes by the
model name barograph.doctor, which a processor keeps apart: it has no windows, readings or alarms, and no
other model sees it.

\b
Exit codes:
  0  nothing failed; there may be warnings
  1  a check failed
  2  the command line can't be understood
"""
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}


@click.command(epilog=EPILOG)
@click.option(
    "--config", "-c", type=LocalPath(path_type=Path, dir_okay=False), envvar="BAROGRAPH_CONFIG",
    show_envvar=True, help="Configuration file (YAML) of a processor, to be checked too",
)  # fmt: skip
@click.option(
    "--processor",
    metavar="HOST:PORT",
    help="Where a processor serves /metrics, or OTLP/gRPC (default: 127.0.0.1:9464, if it answers).",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long to wait for each answer, and with --send for the arrival.",
)
@click.option(
    "--send",
    is_flag=True,
    help="Send a prediction with its label and see whether they arrive at the processor and join.",
)
@click.option("--offline", is_flag=True, help="Leave out everything that needs the network.")
@click.option("--json", "as_json", is_flag=True, help="Every check as JSON")
def doctor(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001  # as click gives them
    """Tell what is recorded here, where telemetry goes, whether it arrives, and what to do.

    Each check is ok, a warning, failed or skipped. Secrets are never shown.
    """
    if options["offline"] and options["send"]:
        raise click.UsageError("--send needs the network, which --offline leaves out")
    from importlib.metadata import version  # noqa: PLC0415  # not for --help

    from barograph_processor.cli.doctor import findings as told  # noqa: PLC0415
    from barograph_processor.cli.doctor.variables import secrets  # noqa: PLC0415

    found = list(told.masked(_findings(**options), secrets(os.environ)))
    if as_json:
        click.echo(json.dumps(told.as_json(found, version("barograph")), indent=2))
    else:
        colour = False if os.environ.get("NO_COLOR") else None  # None: only on a terminal
        click.echo(f"barograph {version('barograph')}", color=colour)
        for status, line in told.lines(found, told.width()):
            click.echo(_coloured(status, line), color=colour)
        click.echo(told.summary(found), color=colour)
    if told.overall(found) == "failed":
        click.get_current_context().exit(1)


def _findings(
    config: Path | None, processor: str | None, timeout: float, *, send: bool, offline: bool
) -> Iterator[Finding]:
    from barograph_processor.cli.doctor.configuration_file import (  # noqa: PLC0415  # not for --help
        file_findings,
        referred_variables,
    )
    from barograph_processor.cli.doctor.contradictions import contradictions  # noqa: PLC0415
    from barograph_processor.cli.doctor.environment import environment_findings, installed  # noqa: PLC0415
    from barograph_processor.cli.doctor.proxies import proxy_findings  # noqa: PLC0415
    from barograph_processor.cli.doctor.variables import (  # noqa: PLC0415
        known_to_opentelemetry,
        variable_findings,
    )

    yield from environment_findings(installed(), os.environ)
    yield from proxy_findings(os.environ)
    yield from variable_findings(
        os.environ, opentelemetry=known_to_opentelemetry(), referred=referred_variables(config)
    )
    yield from contradictions(os.environ)
    yield from file_findings(config)
    if offline:
        return
    from barograph_processor.cli.doctor.endpoint import endpoint_findings  # noqa: PLC0415  # loads gRPC
    from barograph_processor.cli.doctor.processor import processor_findings  # noqa: PLC0415

    yield from endpoint_findings(os.environ, timeout)
    yield from processor_findings(processor, timeout)
    if send:
        from barograph_processor.cli.doctor.round_trip import round_trip_findings  # noqa: PLC0415  # protobuf

        yield from round_trip_findings(os.environ, processor, timeout)


def _coloured(status: str | None, line: str) -> str:
    """The line with its status in the colour of it; a heading is bold."""
    if status is None:
        return line if line.startswith(" ") else click.style(line, bold=True)
    before, _, after = line.partition(status)
    return before + click.style(status, fg=_COLOURS[status]) + after
