"""The variables in effect: what they say, which are wrong, and which nobody reads."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from barograph.errors import BarographError
from barograph.redaction import Redaction
from barograph.settings import BASELINE, HASH_KEY, READERS, REDACT
from barograph.sinks import ENDPOINT, GROUP, OTLP
from barograph.sinks import VARIABLE as SINK
from barograph.sinks import masked as without_password
from barograph_processor.cli.doctor.findings import MASK, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

CONFIG: Final = "BAROGRAPH_CONFIG"
STRICT: Final = "BAROGRAPH_STRICT"
OURS: Final = (*READERS, SINK, ENDPOINT, CONFIG, STRICT)
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_KEY_FILES: Final = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?CLIENT_KEY")  # paths
_HEADERS: Final = re.compile(r"OTEL_\w*HEADERS")
_NEAR: Final = 0.85
_MEANWHILE: Final = {
    REDACT: "neither features of rows nor segments leave",
    SINK: "what is sent to a name that is none is dropped, and counted",
}


def known_to_opentelemetry() -> frozenset[str]:
    """The variables that the installed packages of OpenTelemetry declare."""
    from importlib.metadata import entry_points  # noqa: PLC0415  # not for --help

    names: set[str] = set()
    for each in entry_points(group="opentelemetry_environment_variables"):
        with suppress(Exception):  # another package's; fewer names are known then
            names.update(name for name in vars(each.load()) if name.startswith("OTEL_"))
    return frozenset(names)


def shown(name: str, value: str) -> str:
    """A variable as people may see it.

    >>> shown("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,team=risk")
    'OTEL_EXPORTER_OTLP_HEADERS=authorization=***,team=***'
    >>> shown("BAROGRAPH_HASH_KEY", "abc")
    'BAROGRAPH_HASH_KEY=***'
    """
    if _HEADERS.fullmatch(name):
        keys = [part.partition("=")[0].strip() for part in value.split(",") if part.strip()]
        return f"{name}={','.join(f'{key}={MASK}' for key in keys)}"
    if _SECRET.search(name) and not _KEY_FILES.fullmatch(name):
        return f"{name}={MASK}"
    return f"{name}={without_password(value)}"


def secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Every value that nobody may see, as others may repeat it in their messages."""
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415  # not for --help

    for name, value in environ.items():
        if not name.startswith(("OTEL_", "BAROGRAPH_")):
            continue
        if _HEADERS.fullmatch(name):
            yield from (unquote(part.partition("=")[2].strip()) for part in value.split(","))
        elif _SECRET.search(name) and not _KEY_FILES.fullmatch(name):
            yield value
        elif "@" in value and "://" in value:
            password = value.partition("://")[2].partition("@")[0]
            yield from (password, password.partition(":")[2], urlsplit(value).netloc.rpartition("@")[0])


def variable_findings(
    environ: Mapping[str, str], *, opentelemetry: Collection[str], referred: Collection[str] = ()
) -> Iterator[Finding]:
    """One finding for each variable that is ours or is wrong, and one for all others of OpenTelemetry.

    Args:
        environ: The environment of the service.
        opentelemetry: Variables that OpenTelemetry declares.
        referred: Variables that a configuration file refers to.
    """
    ours = {name: environ[name].strip() for name in sorted(environ) if name.startswith("BAROGRAPH_")}
    for name, value in ours.items():
        if name in OURS:
            yield _ours(name, value)
        elif name not in referred:
            yield _unknown(name, OURS, f"nothing of barograph reads it{_told(name, OURS)}")
    if not ours:
        yield Finding("configuration", "BAROGRAPH_*", "ok", "none is set; every one has a default")
    theirs = {name: environ[name] for name in sorted(environ) if name.startswith("OTEL_")}
    for name in theirs:
        if name not in opentelemetry and _near(name, opentelemetry):
            yield _unknown(
                name, opentelemetry, f"OpenTelemetry has no such variable{_told(name, opentelemetry)}"
            )
    told = " ".join(
        shown(name, value) if name in opentelemetry else f"{name}={MASK}" for name, value in theirs.items()
    )
    yield Finding("configuration", "OTEL_*", "ok", f"{told}" if told else "none is set; defaults hold")


def _unknown(name: str, known: Collection[str], said: str) -> Finding:
    near = _near(name, known)
    return Finding("configuration", name, "warning", said, f"set {near} instead" if near else f"unset {name}")


def _near(name: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=_NEAR)), "")


def _told(name: str, known: Collection[str]) -> str:
    near = _near(name, known)
    return f"; did you mean {near}?" if near else ""


def _ours(name: str, value: str) -> Finding:
    if not value:
        return Finding("configuration", name, "ok", "empty, so its default holds")
    problem = _problem(name, value)
    if problem:
        return Finding(
            "configuration", name, "failed", f"{problem}",
            f"correct it; until then {_MEANWHILE.get(name, 'its default is used')}",
        )  # fmt: skip
    return Finding("configuration", name, "ok", f"{shown(name, value).partition('=')[2]}")


def _problem(name: str, value: str) -> str:
    check = _CHECKS.get(name)
    try:
        if check is not None:
            check(value)
        elif name in READERS:
            READERS[name][1](value)
    except (ValueError, BarographError) as error:
        return f"{MASK} can't be read" if name == HASH_KEY else str(error).rstrip(".")
    return ""


def _sinks(value: str) -> None:
    from importlib.metadata import entry_points  # noqa: PLC0415  # not for --help

    known = {OTLP, *(entry.name for entry in entry_points(group=GROUP))}
    for name in filter(None, (part.strip().lower() for part in value.split(","))):
        if name not in known:
            raise ValueError(f"found {name!r}, wanted one of {', '.join(sorted(known))}")


def _address(value: str) -> None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # not for --help

    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"found {without_password(value)!r}, wanted http://host:port or https://host:port")


def _baseline(value: str) -> None:
    from barograph.baseline import read_baseline  # noqa: PLC0415  # numpy is not for --help

    try:
        read_baseline(value)
    except OSError as error:
        raise ValueError(f"{value} can't be read: {error.strerror}") from error


_CHECKS: dict[str, Callable[[str], object]] = {
    REDACT: Redaction.parse,
    SINK: _sinks,
    ENDPOINT: _address,
    BASELINE: _baseline,
}
