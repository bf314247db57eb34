"""Settings that are right each for itself and don't fit together, or keep something from leaving."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from barograph.errors import BarographError
from barograph.schema import Roles
from barograph.settings import BASELINE, COLUMNS, MODEL, OUTCOMES, READERS
from barograph.sinks import ENDPOINT, OTLP
from barograph.sinks import VARIABLE as SINK
from barograph_processor.cli.doctor.findings import Finding
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph.baseline import Header

LOST: Final[Mapping[str, str]] = {
    "metrics": "counts and histograms",
    "logs": "predictions by id and ground truth",
    "traces": "spans of calls",
}
_PULLED: Final = "prometheus"
_OTLP_NAMES: Final = ("otlp", "otlp_proto_grpc", "otlp_proto_http")
_CONFIG_FILES: Final = ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE")
_GROUP: Final = "configuration"


def contradictions(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What of the environment doesn't fit together.

    Args:
        environ: The environment of the service.
    """
    yield from _disabled(environ)
    yield from _exporters(environ)
    yield from _sink(environ)
    header = _baseline_header(environ)
    if header is not None:
        yield from _model(environ, header)
        yield from _counted_roles(environ, header)
    yield _identity(environ)


def exporter_names(environ: Mapping[str, str], signal: str) -> list[str]:
    """What ``OTEL_<signal>_EXPORTER`` names, ``otlp`` where it says nothing."""
    text = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or "otlp"
    return [name.strip() for name in text.split(",") if name.strip()]


def sends_otlp(environ: Mapping[str, str], signal: str) -> bool:
    """Whether OTLP is among the exporters of a signal."""
    return any(name in _OTLP_NAMES for name in exporter_names(environ, signal))


def sinks(environ: Mapping[str, str]) -> list[str]:
    """What ``BAROGRAPH_SINK`` names, ``otlp`` where it says nothing."""
    named = [name.strip().lower() for name in environ.get(SINK, "").split(",")]
    return list(filter(None, named)) or [OTLP]


def _disabled(environ: Mapping[str, str]) -> Iterator[Finding]:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            _GROUP, "OTEL_SDK_DISABLED", "warning", "it is true, so no telemetry leaves the process",
            "unset it to send",
        )  # fmt: skip
    for name in _CONFIG_FILES:
        if environ.get(name, "").strip():
            yield Finding(
                _GROUP, name, "warning",
                "barograph doesn't see what stands in that file: its telemetry goes where variables say",
                "set OTEL_EXPORTER_OTLP_ENDPOINT too, or give exporters to barograph.configure()",
            )  # fmt: skip


def _exporters(environ: Mapping[str, str]) -> Iterator[Finding]:
    for signal, lost in LOST.items():
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        names = exporter_names(environ, signal)
        if names == ["none"]:
            yield Finding(
                _GROUP, variable, "warning", f"it is none: {lost} are not sent", f"set {variable}=otlp"
            )
        elif wrong := [name for name in names if name not in {*_installed(signal), _PULLED}]:
            yield Finding(
                _GROUP, variable, "failed",
                f"no exporter {wrong[0]!r} is installed, so opentelemetry-instrument sets nothing up"
                f"{nearest(wrong[0], _installed(signal))}",
                "correct it, or install its package",
            )  # fmt: skip
        elif signal == "metrics" and _PULLED in names:
            yield Finding(
                _GROUP, variable, "failed",
                f"{_PULLED} is read from, and points counted by event time are pushed: {lost} don't leave",
                f"set {variable}=otlp and let the Collector or `barograph run` be scraped",
            )  # fmt: skip
        elif not sends_otlp(environ, signal):
            yield Finding(
                _GROUP, variable, "warning", f"{', '.join(names)} sends no OTLP, which processors receive",
                f"add otlp: {variable}={','.join([*names, 'otlp'])}",
            )  # fmt: skip


def _installed(signal: str) -> list[str]:
    """Names of the exporters that there are."""
    return sorted({each.name for each in entry_points(group=f"opentelemetry_{signal}_exporter")})


def _sink(environ: Mapping[str, str]) -> Iterator[Finding]:
    named = sinks(environ)
    upstream = environ.get(ENDPOINT, "").strip()
    if upstream and OTLP not in named:
        yield Finding(
            _GROUP, ENDPOINT, "warning",
            f"{SINK}={','.join(named)} does not name otlp, so nothing is sent there",
            f"set {SINK}={','.join([*named, OTLP])}, or unset {ENDPOINT}",
        )  # fmt: skip


def _baseline_header(environ: Mapping[str, str]) -> Header | None:
    file = environ.get(BASELINE, "").strip()
    if not file:
        return None
    from barograph.baseline import read_baseline  # noqa: PLC0415  # numpy is not for --help

    try:
        return read_baseline(file).header
    except (OSError, BarographError):
        return None  # told where the variable itself is


def _counted_roles(environ: Mapping[str, str], header: Header) -> Iterator[Finding]:
    """A baseline that was made without --id or --time has them as features, which services do not count."""
    roles = _roles(environ)
    features = {feature.name for feature in header.features}
    wrong = {"--id": roles.id, "--time": roles.time}
    for option, column in wrong.items():
        if column in features:
            yield Finding(
                _GROUP, BASELINE, "warning",
                f"{column} is one of its features, and {COLUMNS} says that it is none, so it isn't counted",
                f"fit the baseline again with {option} {column}",
            )  # fmt: skip


def _model(environ: Mapping[str, str], header: Header) -> Iterator[Finding]:
    model = environ.get(MODEL, "").strip()
    wanted = f"{header.model}:{header.version}"
    if not model:
        yield Finding(
            _GROUP, MODEL, "warning",
            f"it is not set, so the model goes by its class name while the baseline is that of {wanted}",
            f"set {MODEL}={wanted}",
        )  # fmt: skip
        return
    try:
        named = ":".join(READERS[MODEL][1](model))  # type: ignore[arg-type]  # name and version
    except ValueError:
        return
    if named != wanted:
        yield Finding(
            _GROUP, MODEL, "warning", f"it names {named}, and the baseline in {BASELINE} is that of {wanted}",
            f"set {MODEL}={wanted}, or give the baseline of {named}",
        )  # fmt: skip


def _roles(environ: Mapping[str, str]) -> Roles:
    try:
        return Roles.parse(environ.get(COLUMNS, "").strip() or None)
    except BarographError:
        return Roles()


def _identity(environ: Mapping[str, str]) -> Finding:
    """Without ids there are no outcomes."""
    roles = _roles(environ)
    if environ.get(OUTCOMES, "").strip().lower() == "off":
        return Finding(
            _GROUP, "ids", "warning",
            f"{OUTCOMES}=off: predictions don't leave one by one, so no truth can find its prediction",
            f"unset {OUTCOMES}, if performance shall be measured from ground truth that comes later",
        )  # fmt: skip
    if roles.id is None:
        return Finding(
            _GROUP, "ids", "warning",
            "no column holds the id of a prediction; what has none is counted, and no truth can find it",
            f"set {COLUMNS}=id=<column>, or give ids in code (`ids=`) or as ml.inference.id in the baggage",
        )  # fmt: skip
    return Finding(_GROUP, "ids", "ok", f"the column {roles.id} is what ground truth finds its prediction by")
