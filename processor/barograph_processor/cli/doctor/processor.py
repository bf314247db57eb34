"""Whether a processor works and takes telemetry, asked where it answers operators."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from barograph.sinks import masked as without_password
from barograph_processor.cli.doctor.asking import ask_health
from barograph_processor.cli.doctor.findings import Finding
from barograph_processor.cli.doctor.reaching import listening
from barograph_processor.config.endpoints import split_address
from barograph_processor.exporters.otlp_target import Config, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT: Final = "127.0.0.1:9464"
_GROUP: Final = "processor"
_MOST_BYTES: Final = 1 << 16
_GOOD: Final = {"/healthz": "ok", "/readyz": "ready"}


class Told(NamedTuple):
    """An answer in JSON.

    Attributes:
        code: Status of HTTP; 0 where none came.
        values: What was said.
    """

    code: int
    values: dict[str, Any]


def told_by(address: str, path: str, timeout_s: float) -> Told:
    """Ask a processor something.

    Args:
        address: ``host:port``, or a URL.
        path: What to ask for.
        timeout_s: How long to wait.
    """
    host, port = split_address(address)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port or 80), timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return Told(0, {})
    finally:
        connection.close()
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    return Told(response.status, values if isinstance(values, dict) else {})


def processor_findings(address: str | None, timeout_s: float) -> Iterator[Finding]:
    """Whether a processor is healthy and ready.

    Args:
        address: Where it serves ``/metrics``, or receives OTLP/gRPC; None: nobody said, so the usual place.
        timeout_s: How long to wait for each answer.
    """
    where = address or DEFAULT
    shown = without_password(where)
    host, port = split_address(where)
    if not port.isdigit():
        yield Finding(
            _GROUP,
            shown,
            "failed",
            "it is no address",
            "give host:port, such as 127.0.0.1:9464, to --processor",
        )
        return
    trouble = listening(host.strip("[]"), int(port), timeout_s)
    if trouble is not None and address is None:
        yield Finding(
            _GROUP, shown, "skipped", "no processor answers at the usual place",
            "say where one serves /metrics with --processor HOST:PORT",
        )  # fmt: skip
    elif trouble is not None:
        yield Finding(
            _GROUP, shown, "failed", trouble.said,
            "start `barograph run`, or give --processor the address where it serves /metrics",
        )  # fmt: skip
    else:
        yield from _asked(where, shown, timeout_s)


def _asked(where: str, shown: str, timeout_s: float) -> Iterator[Finding]:
    answers = {path: told_by(where, path, timeout_s) for path in _GOOD}
    if any(isinstance(answer.values.get("status"), str) for answer in answers.values()):
        for path, answer in answers.items():
            said = str(answer.values.get("status", f"HTTP {answer.code}"))
            if said == _GOOD[path]:
                yield Finding(_GROUP, f"{shown}{path}", "ok", said)
            else:
                yield Finding(
                    _GROUP, f"{shown}{path}", "failed", said,
                    "the processor's log says more; senders repeat what isn't taken meanwhile",
                )  # fmt: skip
        return
    plain = "//" not in where or where.startswith("http:")
    health = ask_health(
        target_of(Config(endpoint=where, insecure=plain, protocol="grpc"), "logs", {}), timeout_s
    )
    if health.code == "SERVING":
        yield Finding(_GROUP, shown, "ok", "gRPC's health service says SERVING")
    elif health.code == "NOT_SERVING":
        yield Finding(
            _GROUP, shown, "failed", "gRPC's health service says NOT_SERVING",
            "look at /readyz, where the processor serves /metrics",
        )  # fmt: skip
    else:
        yield Finding(
            _GROUP, shown, "failed", "what answers there is no barograph processor",
            "give --processor the address where `barograph run` serves /metrics",
        )  # fmt: skip
