"""What is installed here, and what of it is recorded without a change of code."""

from __future__ import annotations

import platform
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from barograph_processor.cli.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
EVERY: Final = "*"
INSTALL: Final = "pip install 'barograph[otlp]'"
TELEMETRY: Final = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp",
)
# Libraries that make predictions; whether they have estimators that derive from scikit-learn's.
LIBRARIES: Final[Mapping[str, bool]] = {
    "scikit-learn": True,
    "xgboost": True,
    "lightgbm": True,
    "catboost": False,
    "torch": False,
    "tensorflow": False,
    "keras": False,
    "jax": False,
    "transformers": False,
    "onnxruntime": False,
    "statsmodels": False,
    "river": False,
    "mlflow": False,
    "bentoml": False,
}
_MONITOR: Final = "wrap its calls in `Monitor` (docs/instrumentation.md)"


class Instrumentor(NamedTuple):
    """One of our instrumentors.

    Attributes:
        name: Name of its entry point.
        libraries: What it records, by name.
        missing: Why nothing is recorded: the library isn't there; ``""`` where it is.
        unfit: Why nothing is recorded: its version; ``""`` where it fits.
        broken: Why it can't be loaded; ``""`` where it can.
    """

    name: str
    libraries: Sequence[str]
    missing: str = ""
    unfit: str = ""
    broken: str = ""


class Installed(NamedTuple):
    """What is installed.

    Attributes:
        packages: Version of each package that is there, of those that are asked for.
        instrumentors: Ours.
        configurator: Whether ``opentelemetry-instrument`` sets up providers.
        distro: Which distribution of OpenTelemetry it takes its defaults from; ``""`` where there is none.
        sdk_problem: Why our telemetry can't be handed to OpenTelemetry's SDK; ``""`` where it can.
    """

    packages: Mapping[str, str]
    instrumentors: Sequence[Instrumentor]
    configurator: bool
    distro: str
    sdk_problem: str


def installed() -> Installed:
    """What is installed where this program runs."""
    from importlib.metadata import PackageNotFoundError, entry_points, version  # noqa: PLC0415  # not for --help

    packages = {}
    for name in ("barograph", *TELEMETRY, *LIBRARIES):
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    ours = [
        each
        for each in entry_points(group="opentelemetry_instrumentor")
        if each.dist is not None and each.dist.name == "barograph"
    ]
    distros = [each.name for each in entry_points(group="opentelemetry_distro")]
    return Installed(
        packages=packages,
        instrumentors=[
            _instrumentor(each.name, each.load) for each in sorted(ours, key=lambda one: one.name)
        ],
        configurator=bool(entry_points(group="opentelemetry_configurator")),
        distro=distros[0] if distros else "",
        sdk_problem=_sdk_problem(),
    )


def _instrumentor(name: str, load: object) -> Instrumentor:
    from opentelemetry.instrumentation.dependencies import get_dependency_conflicts  # noqa: PLC0415  # not for --help

    try:
        wanted = tuple(load()().instrumentation_dependencies())  # type: ignore[operator]  # an entry point's
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what opentelemetry-instrument would meet
        return Instrumentor(name, (), broken=f"{type(error).__name__}: {error}")
    libraries = tuple(re.split(r"[^A-Za-z0-9_.-]", one.strip())[0] for one in wanted)
    problems = [conflict for one in wanted if (conflict := get_dependency_conflicts([one])) is not None]
    if len(problems) < len(wanted):
        return Instrumentor(name, libraries)
    unfit = [f"{each.found} is installed, wanted {each.required}" for each in problems if each.found]
    return Instrumentor(name, libraries, missing=" and ".join(libraries), unfit="; ".join(unfit))


def _sdk_problem() -> str:
    try:
        import barograph.export_sdk  # noqa: F401, PLC0415  # the SDK is an extra
    except ImportError as error:
        return str(error)
    return ""


def environment_findings(found: Installed, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Python, packages, and what is recorded.

    Args:
        found: What is installed.
        environ: The environment of the service.
    """
    yield Finding(
        "environment", "Python", "ok", f"{platform.python_version()} ({platform.python_implementation()})"
    )
    yield from _packages(found)
    yield from _zero_code(found, environ)
    yield from _recorded(found, environ)


def _packages(found: Installed) -> Iterator[Finding]:
    ours = found.packages.get("barograph", "from a folder, not installed")
    others = [f"{name} {found.packages[name]}" for name in TELEMETRY if name in found.packages]
    yield Finding("environment", "packages", "ok", f"barograph {ours}; {', '.join(others)}")
    if found.sdk_problem:
        yield Finding(
            "environment", "OpenTelemetry SDK", "failed",
            f"it can't be loaded ({found.sdk_problem}), so nothing is sent", f"{INSTALL}",
        )  # fmt: skip
    elif "opentelemetry-exporter-otlp" not in found.packages:
        yield Finding(
            "environment", "OTLP exporter", "warning",
            "opentelemetry-exporter-otlp is not installed, which has both protocols' exporters", INSTALL,
        )  # fmt: skip


def _zero_code(found: Installed, environ: Mapping[str, str]) -> Iterator[Finding]:
    check = "opentelemetry-instrument"
    chosen = environ.get("OTEL_PYTHON_DISTRO", "").strip() or found.distro
    if found.configurator:
        yield Finding("environment", check, "ok", f"it sets up the SDK, as the distro {chosen!r} says")
    else:
        yield Finding(
            "environment", check, "warning",
            "no configurator is installed, so it loads instrumentors and sets up no provider",
            f"{INSTALL} brings opentelemetry-distro",
        )  # fmt: skip


def _recorded(found: Installed, environ: Mapping[str, str]) -> Iterator[Finding]:
    disabled = {name.strip() for name in environ.get(DISABLED, "").split(",")} - {""}
    covered: set[str] = set()
    for each in found.instrumentors:
        covered.update(each.libraries)
        yield _instrumented(each, found, disabled)
    derived = any("scikit-learn" in each.libraries for each in found.instrumentors)
    for library, derives in LIBRARIES.items():
        if library in found.packages and library not in covered:
            whole = f"{library} {found.packages[library]} is installed and no instrumentor records it"
            but = f"{whole} but through its scikit-learn estimators" if derives and derived else f"{whole}"
            yield Finding("environment", library, "warning", but, f"if it serves a model, {_MONITOR}")
    if not covered & found.packages.keys():
        yield Finding(
            "environment", "recorded libraries", "skipped",
            "nothing that is recorded without a change of code is installed here",
            f"run this in the environment of the service; for other libraries {_MONITOR}",
        )  # fmt: skip


def _instrumented(each: Instrumentor, found: Installed, disabled: set[str]) -> Finding:
    versions = ", ".join(
        f"{library} {found.packages[library]}" for library in each.libraries if library in found.packages
    )
    if each.broken:
        return Finding(
            "environment", each.name, "failed", f"it can't be loaded ({each.broken})",
            f"leave it out with {DISABLED}={each.name}, or repair the installation",
        )  # fmt: skip
    if each.unfit:
        return Finding(
            "environment", each.name, "warning", f"nothing is recorded: {each.unfit}",
            "install a version that fits",
        )  # fmt: skip
    if each.missing:
        return Finding("environment", each.name, "skipped", f"{each.missing} is not installed here")
    if disabled & {EVERY, each.name}:
        which = EVERY if EVERY in disabled else each.name
        return Finding(
            "environment", each.name, "warning",
            f"{versions} is installed, but {DISABLED} has {which}, so nothing of it is recorded",
            f"take {which} out of {DISABLED}",
        )  # fmt: skip
    return Finding(
        "environment", each.name, "ok",
        f"{versions} is recorded when the service is started with opentelemetry-instrument",
    )  # fmt: skip
