"""`barograph drain`: the end of input, said explicitly."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, cast

import click

from barograph.errors import Permanent, Retryable
from barograph_processor.cli.summary import summary_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

EPILOG = """\b
Examples:
  barograph drain
  barograph drain --endpoint 127.0.0.1:9464 --json

Draining is for the end of a replay or a test: windows that are still open are closed as they are.
A running service needs no draining to be stopped. Only the machine that it runs on can drain it.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--endpoint", metavar="HOST:PORT", default="127.0.0.1:9464", show_default=True,
    help="Where the running service serves /metrics.",
)  # fmt: skip
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), default=300.0,
    show_default=True,
    help="How long to wait until everything is exported.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def drain(endpoint: str, timeout: float, as_json: bool) -> None:  # noqa: FBT001  # named by click
    """Close every window and label horizon now, wait until all of it is exported, and sum up."""
    summary = _request(endpoint, timeout)
    click.echo(json.dumps(summary) if as_json else "\n".join(summary_lines(summary)))


def _request(endpoint: str, timeout_s: float) -> Mapping[str, object]:
    host = endpoint.partition("://")[2] or endpoint
    try:
        connection = http.client.HTTPConnection(host.rstrip("/"), timeout=timeout_s + 5)
        connection.request("POST", f"/-/drain?timeout={timeout_s:g}")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Retryable(
            f"{endpoint} does not answer ({error}); is `barograph run` running, its metrics served there? "
            "--endpoint names another address"
        ) from error
    if response.status != http.client.OK:
        said = body.decode("utf-8", "replace").strip()
        raise Permanent(f"{endpoint} answered HTTP {response.status}: {said}")
    try:
        return cast("Mapping[str, object]", json.loads(body))
    except ValueError as error:
        raise Permanent(f"{endpoint} is no barograph: its answer isn't JSON") from error
