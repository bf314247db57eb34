"""What is installed and loaded: light for serving code, one home for each optional package."""

from __future__ import annotations

import re
import sys
from importlib.metadata import requires

import pytest

import children

from .sources import CHECKOUT, imported_modules, only_for_types, package_files, shown

# The only places where a package that is not in the base may be imported. A second home means that
# replacing the package touches two places; so every line here is a decision.
HOMES = {
    "click": ("barograph_processor/cli",),
    "google": ("barograph_processor/exporters", "barograph_processor/receivers", "barograph_processor/wire"),
    "grpc": (
        "barograph_processor/cli/doctor/asking.py",
        "barograph_processor/exporters/otlp_grpc.py",
        "barograph_processor/receivers/grpc_calls.py",
        "barograph_processor/receivers/grpc_health.py",
        "barograph_processor/receivers/otlp_grpc.py",
    ),
    "grpc_health": ("barograph_processor/receivers/grpc_health.py",),
    "h11": ("barograph_processor/receivers/http_connection.py",),
    "nanoarrow": ("barograph/packing.py",),
    "opentelemetry.exporter": ("barograph/export",),
    "opentelemetry.proto": (
        "barograph_processor/cli/doctor/probe.py",
        "barograph_processor/exporters",
        "barograph_processor/receivers",
        "barograph_processor/wire",
    ),
    "opentelemetry.sdk": ("barograph/export",),
    "pandas": (),
    "polars": (),
    "prometheus_client": ("barograph_processor/exporters/prometheus",),
    "ptars": ("barograph_processor/wire/descriptors.py",),
    "pyarrow": (
        "barograph_processor/files",
        "barograph_processor/receivers/otlp_bodies.py",
        "barograph_processor/wire",
    ),
    "rich": ("barograph_processor/cli",),
    "rocksdict": ("barograph_processor/stores/disk.py",),
    "scipy": ("barograph_processor/signals",),
    "sklearn": ("barograph/instrumentors/sklearn.py",),
    "yaml": ("barograph_processor/cli", "barograph_processor/config/document.py"),
}
BASE = {"msgspec", "numpy", "opentelemetry-api", "opentelemetry-instrumentation", "wrapt"}


@pytest.mark.parametrize("package", HOMES)
def test_an_optional_package_is_imported_at_home_only(package: str) -> None:
    strayed = []
    for path in package_files():
        place = "/".join(path.relative_to(CHECKOUT).parts[1:])
        for module, node in imported_modules(path):
            if f"{module}.".startswith(f"{package}.") and not place.startswith(HOMES[package]):
                strayed.append(shown(path, node))
    assert [] == strayed


def test_the_packages_import_nothing_that_is_not_declared() -> None:
    known = {name.partition(".")[0] for name in HOMES} | {"barograph", "barograph_processor"}
    known |= {name.partition("-")[0] for name in BASE}
    strange = {
        f"{shown(path, node)}: {module}"
        for path in package_files()
        for module, node in imported_modules(path)
        if module.partition(".")[0] not in known | sys.stdlib_module_names
        and id(node) not in only_for_types(path)
    }
    assert set() == strange


def test_the_base_installs_what_serving_code_pays_for_and_no_more() -> None:
    declared = requires("barograph") or []
    base = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in declared if "extra ==" not in line}
    assert BASE == base


def test_every_runtime_dependency_has_its_reasons_written_down() -> None:
    page = (CHECKOUT / "docs" / "decisions.md").read_text(encoding="utf-8")
    declared = requires("barograph") or []
    names = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in declared if "extra == 'all'" not in line}
    assert [] == sorted(name for name in names - {"barograph"} if f"| `{name}` |" not in page)


def loaded_by(statement: str) -> set[str]:
    """Top-level packages that a statement loads, the standard library left out."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = children.run([sys.executable, "-c", program])
    assert 0 == done.returncode, done.stderr
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    return {name for name in tops - sys.stdlib_module_names if not name.startswith(("_", "sitecustomize"))}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import barograph", set[str]()),
        ("import barograph.semconv.metrics", set[str]()),
        ("import barograph.baseline", {"msgspec"}),
        ("from barograph import Monitor", {"msgspec", "numpy", "opentelemetry", "wrapt"}),
        ("from barograph import Feedback", {"msgspec", "numpy", "opentelemetry", "wrapt"}),
    ],
)
def test_importing_loads_no_more_than_it_needs(statement: str, allowed: set[str]) -> None:
    # What msgspec and the API of OpenTelemetry bring along.
    carried = {"importlib_metadata", "typing_extensions", "zipp"} if allowed else set[str]()
    empty = loaded_by("pass")
    assert set() == loaded_by(statement) - empty - {"barograph"} - allowed - carried


def test_a_monitor_loads_the_api_of_opentelemetry_and_not_its_sdk() -> None:
    program = "import sys\nfrom barograph import Monitor\nprint(*sys.modules)"
    done = children.run([sys.executable, "-c", program])
    assert 0 == done.returncode, done.stderr
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "google", "grpc", "requests", "numpy.testing")
    assert [] == [name for name in done.stdout.split() if name.startswith(heavy)]


def test_a_service_spares_the_packages_of_scipy_that_take_most_memory() -> None:
    program = (
        "import sys\nimport barograph_processor.patterns.opening\n"
        "from barograph_processor.signals.catalog import SIGNALS\nprint(*sys.modules)"
    )
    done = children.run([sys.executable, "-c", program])
    assert 0 == done.returncode, done.stderr
    heavy = (
        "scipy.stats",
        "scipy.optimize",
        "scipy.linalg",
        "scipy.sparse",
        "pandas",
        "grpc",
        "pyarrow.parquet",
    )
    assert [] == [name for name in done.stdout.split() if name.startswith(heavy)]


def test_importing_stays_within_its_budget_of_modules() -> None:
    """Over numpy and the OpenTelemetry API; 60 modules take less than 60 ms on a slow machine."""
    before = "import numpy, opentelemetry.trace, opentelemetry._logs, opentelemetry.baggage"
    after = "from barograph import Monitor\nprint(len(sys.modules) - n)"
    program = f"import sys\n{before}\nn = len(sys.modules)\n{after}"
    done = children.run([sys.executable, "-c", program])
    assert 0 == done.returncode, done.stderr
    assert int(done.stdout) <= 60
