"""What a sidecar costs beside a service that prints its predictions.

    python benchmarks/sidecar.py                     a minute each
    python benchmarks/sidecar.py --seconds 300

A file grows by 200 rows a second with 20 features each; `barograph run` follows it with `durability: disk`:
once as a service that makes windows, and once as an edge that counts and passes on to an owner. The first ten
seconds, in which modules are loaded, don't count for processor time. pandas and cloudpickle are hidden: a
sidecar doesn't need them, its image lacks them, and where they are installed pyarrow loads them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import measuring

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_A_SECOND = 200
FEATURES = 20
WARM_S = 10.0
STEP_S = 0.05
START_S = 60.0
STOP_S = 60.0
HIDING = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pandas", "cloudpickle"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hidden())
from barograph_processor.cli import main
main()
"""
FILES = "receivers: {{files: {{include: ['{log}'], model: credit}}}}\n"
STORED = "storage: {{directory: '{folder}/state', durability: disk}}\n"
SERVICE = FILES + STORED + "exporters: {{prometheus: {{endpoint: '127.0.0.1:0'}}}}\n"
EDGE = FILES + STORED + "forward: {{endpoint: '127.0.0.1:{port}'}}\n"
OWNER = (
    "receivers: {{otlp: {{grpc: {{endpoint: '127.0.0.1:{port}'}}}}}}\n"
    "exporters: {{prometheus: {{endpoint: '127.0.0.1:0'}}}}\n"
)


@contextmanager
def barograph(config: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command for as long as the context lasts."""
    path = folder / "barograph.yaml"
    path.write_text(config, encoding="utf-8")
    command = [sys.executable, "-c", HIDING, "run", "--config", str(path)]
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as child,
    ):
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def resident_mb(pid: int) -> float:
    """All of a process's memory that is resident, mapped files too, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("this kernel doesn't tell VmRSS")


def await_start(folder: Path) -> None:
    """Wait until the command has said what it does."""
    late = time.monotonic() + START_S
    while not (folder / "said").stat().st_size:
        if time.monotonic() > late:
            raise TimeoutError(f"nothing was said in {START_S:g} s")
        time.sleep(STEP_S)


def prints(log: Path, stop: threading.Event) -> None:
    """Add rows to a file, evenly, until told to stop."""
    chance = random.Random(1)
    begun, done = time.monotonic(), 0
    with log.open("a", encoding="utf-8") as file:
        while not stop.wait(STEP_S):
            for number in range(done, done := int((time.monotonic() - begun) * ROWS_A_SECOND)):
                features = {f"f{index}": chance.gauss(0.0, 1.0) for index in range(FEATURES)}
                row = {"id": f"a-{number}", "score": chance.random(), "features": features}
                file.write(json.dumps(row) + "\n")
            file.flush()


def measure(config: str, folder: Path, report: measuring.Report, name: str) -> None:
    """Let one sidecar follow a file, and report what it took."""
    log = folder / "server.log"
    log.touch()
    stop = threading.Event()
    with barograph(config.format(log=log, folder=folder, port=report.options.port), folder) as child:
        await_start(folder)
        time.sleep(WARM_S / 2)
        report.add(f"{name}, idle, resident", resident_mb(child.pid), "MB")
        printing = threading.Thread(target=prints, args=(log, stop))
        printing.start()
        time.sleep(WARM_S)
        begun, before = time.monotonic(), measuring.cpu_s(child.pid)
        time.sleep(report.options.seconds)
        used = (measuring.cpu_s(child.pid) - before) / (time.monotonic() - begun)
        report.add(f"{name}, resident", resident_mb(child.pid), "MB", at_most=120)
        report.add(f"{name}, of a core", 100 * used, "%", at_most=5)
        stop.set()
        printing.join()


def main() -> None:
    """Measure the service, then the edge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="of each (default: %(default)s)")
    parser.add_argument("--port", type=int, default=14317, help="of the edge's owner (default: %(default)s)")
    with (
        measuring.report(__doc__, pinned=False, parser=parser) as report,
        tempfile.TemporaryDirectory() as folder,
    ):
        service, edge, owner = (Path(folder) / name for name in ("service", "edge", "owner"))
        for each in (service, edge, owner):
            each.mkdir()
        measure(SERVICE, service, report, "a service")
        with barograph(OWNER.format(port=report.options.port), owner):
            measure(EDGE, edge, report, "an edge")


if __name__ == "__main__":
    main()
