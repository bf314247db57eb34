"""Where OpenTelemetry's variables send each signal, as the SDK's exporters of a service read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.errors import ConfigError
from barograph.sinks import ENDPOINT, OTLP
from barograph.sinks import masked as without_password
from barograph_processor.cli.doctor.contradictions import exporter_names, sends_otlp, sinks
from barograph_processor.config.endpoints import split_address
from barograph_processor.exporters.otlp_target import Config, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.exporters.otlp_target import Protocol, Signal, Target

SIGNALS: Final[tuple[Signal, ...]] = ("logs", "metrics", "traces")
PREFIX: Final = "OTEL_EXPORTER_OTLP_"
PORTS: Final[Mapping[str, str]] = {"grpc": "4317", "http/protobuf": "4318"}
_OTHER: Final[Mapping[str, Protocol]] = {"grpc": "http/protobuf", "http/protobuf": "grpc"}
_NAMED: Final[Mapping[str, Protocol]] = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}


class Destination(NamedTuple):
    """Where one signal goes.

    Attributes:
        signal: ``logs``, ``metrics`` or ``traces``.
        target: Where to, and how; None where it can't be told.
        problem: Why it can't be told; ``""`` where it can.
        upstream: Whether it is the place that ``BAROGRAPH_OTLP_ENDPOINT`` names.
    """

    signal: Signal
    target: Target | None
    problem: str = ""
    upstream: bool = False

    @property
    def told(self) -> str:
        """The destination in few words."""
        name = f"{self.signal} upstream" if self.upstream else self.signal
        if self.target is None:
            return name
        secure = "TLS" if self.target.secure else "plain text"
        return f"{name} to {without_password(self.target.endpoint)} ({self.target.protocol}, {secure})"

    @property
    def where(self) -> tuple[str, int]:
        """Host and port."""
        assert self.target is not None
        host, port = split_address(self.target.endpoint)
        return host.strip("[]"), int(port or ("443" if self.target.secure else "80"))


def destinations(environ: Mapping[str, str]) -> Iterator[Destination]:
    """The destination of each signal that goes anywhere by OTLP.

    Args:
        environ: The environment of the service.
    """
    upstream = environ.get(ENDPOINT, "").strip()
    for signal in SIGNALS:
        if sends_otlp(environ, signal):
            yield _destination(signal, environ)
    if upstream and OTLP in sinks(environ):
        for signal in SIGNALS[:2]:
            yield _destination(signal, environ, upstream)


def for_predictions(environ: Mapping[str, str]) -> list[Destination]:
    """Where events and counts of predictions go: upstream where that is named."""
    found = [each for each in destinations(environ) if each.signal != "traces"]
    return [each for each in found if each.upstream] or found


def port_advice(destination: Destination) -> str:
    """What to do where the port is that of the other protocol; ``""`` where it isn't."""
    target = destination.target
    if target is None:
        return ""
    other = _OTHER[target.protocol]
    if str(destination.where[1]) != PORTS[other]:
        return ""
    return f"set {PREFIX}PROTOCOL={other}, or use port {PORTS[target.protocol]}"


def variable(environ: Mapping[str, str], signal: str, name: str) -> str:
    """Which variable says something about a signal; the general one where none does."""
    own = f"{PREFIX}{signal.upper()}_{name}"
    return own if environ.get(own, "").strip() else f"{PREFIX}{name}"


def _destination(signal: Signal, environ: Mapping[str, str], upstream: str | None = None) -> Destination:
    names = exporter_names(environ, signal)
    protocol = next((_NAMED[name] for name in names if name in _NAMED and OTLP not in names), None)
    insecure = environ.get(variable(environ, signal, "INSECURE"), "").strip().lower() == "true"
    # Without a scheme the SDK's exporters mean TLS, on this machine too.
    config = Config(endpoint=upstream, protocol=protocol, insecure=insecure)
    try:
        target = target_of(config, signal, environ)
    except ConfigError as error:
        return Destination(signal, None, str(error), upstream is not None)
    written = upstream or environ.get(variable(environ, signal, "ENDPOINT"), "").strip()
    if target.protocol == "http/protobuf" and written and "://" not in written:
        problem = (
            f"found {written!r}, wanted a URL such as http://{written}: exporters over HTTP send nothing else"
        )
        return Destination(signal, None, problem, upstream is not None)
    return Destination(signal, target, upstream=upstream is not None)
