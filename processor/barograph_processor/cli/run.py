"""`barograph run`: the processor as a service."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from barograph_processor.cli.options import configuration, configuration_options, given_by
from barograph_processor.cli.sparing import spare_memory

if TYPE_CHECKING:
    from types import FrameType

    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config

EPILOG = """\b
Examples:
  barograph run
  barograph run --baseline credit-3.baseline --window 1d --window month
  barograph run --otlp http://collector:4317 --storage /var/lib/barograph
  barograph run --config barograph.yaml --json | jq .status
  barograph run --forward owner:4317 --baseline credit-3.baseline --storage /var/lib/barograph

\b
What happens next: point any OTLP sender at the address it prints
(OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317), then look at
http://127.0.0.1:9464/metrics. Ctrl-C or SIGTERM stops intake, sends what is
ready and, with --storage, keeps unfinished windows for the next start.
"""


@click.command(epilog=EPILOG)
@configuration_options
@click.option(
    "--json", "as_json", is_flag=True, help="A JSON object for each closed window on standard output."
)
def run(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001  # as click gives them
    """Receive predictions and ground truth by OTLP; give readings of their quality."""
    spare_memory()

    from msgspec import UNSET  # noqa: PLC0415  # nothing of all this is for --help

    from barograph_processor.components.registry import Registry  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    registry = Registry.installed()
    config = configuration(given_by(options), registry, json_lines=as_json)
    stopping = _stop_signals()
    if config.forward is UNSET:
        _serve(config, registry, stopping, as_json=as_json)
    else:
        _forward(config, registry, stopping, as_json=as_json)


def _serve(config: Config, registry: Registry, stopping: threading.Event, *, as_json: bool) -> None:
    from barograph_processor.cli.startup import describe, describe_json, farewell  # noqa: PLC0415
    from barograph_processor.config.resolve import read_baselines  # noqa: PLC0415
    from barograph_processor.patterns.collecting import collecting_rarely  # noqa: PLC0415
    from barograph_processor.patterns.opening import open_service  # noqa: PLC0415

    baselines = read_baselines(config)
    with open_service(config, baselines=baselines, registry=registry) as running, collecting_rarely():
        if as_json:
            click.echo(json.dumps(describe_json(running)))
        click.echo(describe(running), err=True)
        stopping.wait()
        click.echo("stopping: no more intake; sending what is ready", err=True)
    click.echo(farewell(running), err=True)


def _forward(config: Config, registry: Registry, stopping: threading.Event, *, as_json: bool) -> None:
    # An edge beside a server has little memory: it loads nothing of what makes windows.
    from barograph_processor.cli.starting_edge import describe_edge, farewell_of_edge  # noqa: PLC0415
    from barograph_processor.cli.startup import describe_json  # noqa: PLC0415
    from barograph_processor.config.resolve import read_baselines  # noqa: PLC0415
    from barograph_processor.patterns.collecting import collecting_rarely  # noqa: PLC0415
    from barograph_processor.patterns.forward_opening import open_forwarding  # noqa: PLC0415

    baselines = read_baselines(config)
    with open_forwarding(config, baselines=baselines, registry=registry) as edge, collecting_rarely():
        if as_json:
            click.echo(json.dumps(describe_json(edge)))
        click.echo(describe_edge(edge), err=True)
        stopping.wait()
        click.echo("stopping: no more intake; passing on what is there", err=True)
    click.echo(farewell_of_edge(edge), err=True)


def _stop_signals() -> threading.Event:
    """Set by SIGTERM or Ctrl-C; a second one ends the process at once."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if stopping.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
