"""Whether telemetry goes through a proxy that variables name, as the exporters of a service read them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.sinks import masked as without_password
from barograph_processor.cli.doctor.destinations import destinations
from barograph_processor.cli.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.exporters.otlp_target import Target

_GRPC: Final = ("grpc_proxy", "https_proxy", "http_proxy")
_GRPC_EXEMPT: Final = ("no_grpc_proxy", "no_proxy")
_VARIABLES: Final = frozenset(
    each for name in (*_GRPC, "all_proxy") for each in (name, name.upper())
)  # those of others, as ftp_proxy, concern nobody here


class Way(NamedTuple):
    """How exporters reach a place.

    Attributes:
        proxy: The variable whose proxy stands between; ``""`` where they go straight there.
        exempt: The variable that makes an exception of the place; ``""`` where none does.
        read: The variables that could name a proxy to them.
        exception: The variable to write exceptions in.
    """

    proxy: str
    exempt: str
    read: tuple[str, ...]
    exception: str


def proxy_findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each place that telemetry goes to, where a variable names a proxy; else nothing.

    Args:
        environ: The environment of the service.
    """
    named = sorted(each for each in environ if each in _VARIABLES and environ[each].strip())
    if not named:
        return
    told: set[tuple[object, ...]] = set()
    for each in destinations(environ):
        if each.target is None or (each.where, each.target.protocol, each.target.secure) in told:
            continue
        told.add((each.where, each.target.protocol, each.target.secure))
        host, port = each.where
        yield _finding(f"proxy to {host}:{port}", host, named, way(each.target, host, environ), environ)


def way(target: Target, host: str, environ: Mapping[str, str]) -> Way:
    """How exporters reach a place.

    Nothing makes an exception of loopback by itself. gRPC knows names in small letters only and lets every
    proxy of its list serve plain text and TLS alike; exporters over HTTP have one for either, and know
    capital letters.

    Args:
        target: Where to, and how.
        host: Its host.
        environ: The environment of the service.
    """
    read: tuple[str, ...] = _GRPC
    if target.protocol == "grpc":
        proxy = next((name for name in read if environ.get(name, "").strip()), "")
        exception = next((name for name in _GRPC_EXEMPT if environ.get(name, "").strip()), _GRPC_EXEMPT[1])
    else:
        scheme = "https_proxy" if target.secure else "http_proxy"
        read = (scheme, scheme.upper(), "all_proxy", "ALL_PROXY")
        proxy = _either(environ, scheme) or _either(environ, "all_proxy")
        exception = _either(environ, "no_proxy") or "no_proxy"
    is_exempt = _excepted(host, environ.get(exception, ""), everything=target.protocol != "grpc")
    exempt = exception if proxy and is_exempt else ""
    return Way("" if exempt else proxy, exempt, read, exception)


def _either(environ: Mapping[str, str], name: str) -> str:
    """The variable in small letters, which hides the other one though it is empty, or in capital ones."""
    chosen = name if name in environ else name.upper()
    return chosen if environ.get(chosen, "").strip() else ""


def _excepted(host: str, exceptions: str, *, everything: bool) -> bool:
    """Whether a list names a host, a domain or network of it, or with ``*`` everything."""
    entries = [each.strip().lower() for each in exceptions.split(",") if each.strip()]
    if everything and "*" in entries:
        return True
    return any(
        f".{host.lower()}".endswith("." + each.lstrip(".")) or ("/" in each and _holds(each, host))
        for each in entries
    )


def _holds(network: str, host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host) in ip_network(network, strict=False)
    return False


def _finding(check: str, host: str, named: list[str], way: Way, environ: Mapping[str, str]) -> Finding:
    if way.proxy:
        proxy = without_password(environ[way.proxy].strip())
        said = f"exporters go through {proxy}, as {way.proxy} says; the checks below look straight at {host}"
        return Finding(
            "environment", check, "warning", said,
            f"where it is to be reached without a proxy, add {host} to {way.exception}",
        )  # fmt: skip
    if way.exempt:
        said = f"exporters go straight there: {way.exempt} makes an exception of it"
    else:
        unread = f"of {', '.join(way.read)} none is set, and {', '.join(named)} not read"
        said = f"exporters go straight there: {unread}"
    return Finding("environment", check, "ok", said)
