"""What a serving process pays for having barograph: import time and installed size.

    python benchmarks/import_time.py              # builds the wheel, installs it into a fresh environment
    python benchmarks/import_time.py --here       # only imports, of this environment

Import times are of fresh interpreters that have imported numpy and the OpenTelemetry API before; the
first of them, which compiles, doesn't count. Sizes are of installed files without compiled ones.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import measuring

CHECKOUT = Path(__file__).parents[1]
PINS = CHECKOUT / "requirements" / "test.txt"
BEFORE = "import numpy, opentelemetry.trace, opentelemetry.baggage, opentelemetry._logs"
STATEMENTS = {
    "import barograph": "import barograph",
    "barograph.Monitor": "import barograph; barograph.Monitor",
    "barograph.Monitor and Feedback": "import barograph; barograph.Monitor; barograph.Feedback",
}
# Said by the distributions themselves, so that it is what pip would remove.
SIZES = """
import importlib.metadata, json, pathlib
found = {}
for one in importlib.metadata.distributions():
    files = [pathlib.Path(file.locate()) for file in one.files or () if file.suffix != ".pyc"]
    found[one.name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(found))
"""
LIMIT_MS = 60.0
LIMIT_MB = 10.0


def fresh(folder: Path) -> Path:
    """An environment with the base of the built wheel in it, in pinned versions; its interpreter."""
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    (wheel,) = folder.glob("*.whl")
    pins = folder / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^[a-z0-9][^\n\\]*==[^\n\\]+", PINS.read_text(), re.MULTILINE)))
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    uv = shutil.which("uv")
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    run([*pip, "install", "--quiet", "--python", str(python), "--constraint", str(pins), str(wheel)])
    return python


def run(command: list[str]) -> str:
    """The output of a program that has to succeed.

    Raises:
        SystemExit: It did not.
    """
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def import_ms(python: Path, statement: str) -> float:
    """Milliseconds that a statement takes in a fresh interpreter."""
    code = f"import time, sys\n{BEFORE}\nt = time.perf_counter()\n{statement}\nprint(time.perf_counter() - t)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [str(python), "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout) * 1e3


def imports(report: measuring.Report, python: Path) -> None:
    """Import times."""
    for name, statement in STATEMENTS.items():
        import_ms(python, statement)
        found = tuple(import_ms(python, statement) for _ in range(report.runs))
        report.add(name, measuring.Samples(found), "ms", at_most=LIMIT_MS)


def sizes(report: measuring.Report, python: Path) -> None:
    """Installed sizes, the largest first."""
    found: dict[str, int] = json.loads(run([str(python), "-c", SIZES]))
    for name, size_bytes in sorted(found.items(), key=lambda pair: -pair[1]):
        report.add(f"installed: {name}", size_bytes / 1e6, "MB")
    ours = {
        name: size
        for name, size in found.items()
        if name != "numpy" and not name.startswith("opentelemetry-")
    }
    total = sum(ours.values()) / 1e6
    report.add("installed beyond numpy and OpenTelemetry", total, "MB", at_most=LIMIT_MB)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--here", action="store_true", help="measure this environment's imports, install nothing"
    )
    with measuring.report(__doc__, parser=parser) as report:
        if report.options.here:
            imports(report, Path(sys.executable))
            return
        with tempfile.TemporaryDirectory() as folder:
            python = fresh(Path(folder))
            imports(report, python)
            sizes(report, python)


if __name__ == "__main__":
    main()
