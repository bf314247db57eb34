"""What `barograph run` leaves unloaded until it is needed."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from barograph_processor.cli.sparing import LATER
from children import child, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
PROGRAM = """
import os, sys, types
from barograph_processor.cli.sparing import LATER, spare_memory
spare_memory()
from barograph_processor.engine.engine import Engine
print("scipy.special" in sys.modules)
print(*[name for name in LATER if type(sys.modules[name]) is not types.ModuleType])
from barograph_processor.signals.significance import noise_floor
import numpy, numpy.ma.core
from numpy.testing import assert_allclose
assert_allclose(noise_floor(1.0, 1, 0.05), 3.841459, atol=1e-6)
print(numpy.ma.array([1.0, 2.0], mask=[True, False]).sum(), numpy.ma.core is sys.modules["numpy.ma.core"])
print(*[name for name in LATER if type(sys.modules[name]) is not types.ModuleType])
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


def told(**environment: str) -> list[str]:
    """What the program prints in a process of its own."""
    finished = run([sys.executable, "-c", PROGRAM], environ=environment)
    assert finished.stderr == ""
    return finished.stdout.splitlines()


def test_an_engine_loads_needless_modules_when_they_are_used_and_not_before() -> None:
    assert [
        "False",
        " ".join(LATER),
        "2.0 True",
        "numpy.ctypeslib numpy.f2py numpy.polynomial",
        "system",
    ] == told()


def test_the_environment_chooses_the_pool_of_arrow() -> None:
    assert told(ARROW_DEFAULT_MEMORY_POOL="mimalloc")[-1] == "mimalloc"


AT_ONCE = """
import sys, threading
from barograph_processor.cli.sparing import spare_memory
spare_memory()
import numpy as np
import pyarrow as pa
from barograph_processor.signals.significance import noise_floor
begin, done = threading.Barrier(8), []
sys.setswitchinterval(1e-6)

def work():
    begin.wait(60)
    pa.array(np.zeros(2), mask=np.array([True, False]))
    noise_floor(1.0, 1, 0.05)
    done.append(1)

threads = [threading.Thread(target=work) for _ in range(8)]
[one.start() for one in threads]
[one.join(60) for one in threads]
print(len(done))
"""


def test_what_is_loaded_late_is_whole_for_all_threads_that_need_it_at_once() -> None:
    finished = run([sys.executable, "-c", AT_ONCE])
    assert ("8\n", "") == (finished.stdout, finished.stderr)


EDGE = """
import atexit, sys
PARTS = ("engine.engine", "patterns.opening", "stores.disk", "signals.performance", "signals.drift")
NEEDLESS = {"rocksdict", "scipy.special"} | {f"barograph_processor.{part}" for part in PARTS}
atexit.register(lambda: print(sorted(NEEDLESS & sys.modules.keys()), "grpc" in sys.modules, flush=True))
from barograph_processor.cli import main
main()
"""


def test_an_edge_loads_nothing_of_what_makes_windows(tmp_path: Path) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(
        f"receivers: {{files: {{include: ['{tmp_path}/*.log'], model: credit}}}}\n"
        "forward: {endpoint: 'http://127.0.0.1:1', protocol: grpc}\n"
        "exporters: {prometheus: {endpoint: '127.0.0.1:0'}}\n"
        f"storage: {{directory: '{tmp_path}/kept', durability: disk}}\n"
    )
    with child([sys.executable, "-c", EDGE, "run", "--config", config, "--json"]) as edge:
        edge.line()
        edge.process.send_signal(signal.SIGTERM)
        assert 0 == edge.ends()
    assert "[] True\n" == edge.lines[-1]
