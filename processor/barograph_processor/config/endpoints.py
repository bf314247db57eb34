"""Who listens where and who sends where: two listeners can't share a port, and results must not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import msgspec

from barograph.errors import ConfigError
from barograph_processor.config.values import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.config.model import Config

LAST_PORT = 65_535
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
ANYWHERE = ("0.0.0.0", "[::]", "::", "")  # noqa: S104  # compared with, never bound to


@runtime_checkable
class Sends(Protocol):
    """The settings of a component that sends to other machines."""

    def targets(self, environ: Mapping[str, str]) -> Sequence[str]:
        """The endpoints that it sends to.

        Raises:
            ConfigError: They can't be told from the settings and the environment.
        """


class _Listener(NamedTuple):
    host: str
    port: str
    path: str
    written: str

    def takes(self, host: str, port: str) -> bool:
        local = (*LOOPBACK, *ANYWHERE)
        return self.port == port != "0" and (host == self.host or (host in local and self.host in local))


def endpoint_problems(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """One line for each endpoint that can't be, is taken twice, or is our own."""
    components = [(f"$.receivers.{name}", each) for name, each in config.receivers.items()]
    components += [(f"$.exporters.{name}", each) for name, each in config.exporters.items()]
    if config.forward is not msgspec.UNSET:
        components.append(("$.forward", config.forward))
    listeners: list[_Listener] = []
    for path, component in components:
        if isinstance(component, Sends):
            continue
        for listener in _listeners(msgspec.to_builtins(component, enc_hook=as_text), path):
            yield from _listening(listener, listeners)
            listeners.append(listener)
    for path, component in components:
        if isinstance(component, Sends):
            yield from _sending(path, component, environ, listeners)


def _listening(listener: _Listener, others: Sequence[_Listener]) -> Iterator[str]:
    if not listener.port.isdecimal():
        yield f"{listener.path}: found {listener.written!r}, wanted host:port such as 127.0.0.1:4317"
    elif int(listener.port) > LAST_PORT:
        yield f"{listener.path}: found {listener.written!r}, wanted a port up to {LAST_PORT}"
    for other in others:
        if other.takes(listener.host, listener.port):
            yield (
                f"{listener.path}: found {listener.written}, where {other.path} listens already; "
                f"choose another port"
            )


def _sending(
    path: str, component: Sends, environ: Mapping[str, str], listeners: Sequence[_Listener]
) -> Iterator[str]:
    try:
        targets = dict.fromkeys(component.targets(environ))
    except ConfigError as error:
        yield f"{path}: {error}"
        return
    for endpoint in targets:
        for listener in listeners:
            if listener.takes(*split_address(endpoint)):
                yield (
                    f"{path}: sends to {endpoint}, which is our own listener ({listener.path}), so that "
                    f"results would come back as input; set endpoint to the Collector or backend that shall "
                    f"get them"
                )


def _listeners(value: object, path: str) -> Iterator[_Listener]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "endpoint" and isinstance(child, str):
                yield _Listener(*split_address(child), f"{path}.{key}", child)
            else:
                yield from _listeners(child, f"{path}.{key}")


def split_address(endpoint: str) -> tuple[str, str]:
    """Host and port of ``host:port`` or of a URL; the port is ``""`` where none is written.

    >>> split_address("http://localhost:4317/v1")
    ('localhost', '4317')
    >>> split_address("[::1]:4317")
    ('[::1]', '4317')
    """
    rest = endpoint.partition("://")[2] or endpoint
    host_port = rest.partition("/")[0].rpartition("@")[2]
    if host_port.endswith("]") or ":" not in host_port:
        return host_port, ""
    host, _, port = host_port.rpartition(":")
    return host, port


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    return host in LOOPBACK or host.startswith("127.")
