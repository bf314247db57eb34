"""What every side of the comparison tells of itself: time, memory, and that it called nobody.

It runs in the environments of others, so it knows the standard library alone.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _stay_here(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: whoever connects to another machine stops the program."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not (host.startswith("127.") or host in {"localhost", "::1"}):
            raise RuntimeError(f"it wanted to connect to {host}")


class Watch:
    """Seconds by what was done in them."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        begun, cpu_begun = time.perf_counter(), time.process_time()
        yield
        self.told[f"{name}_s"] = time.perf_counter() - begun
        self.told[f"{name}_cpu_s"] = time.process_time() - cpu_begun

    def tell(self, **more: float) -> None:
        """Print everything as one line of JSON; peak memory is that of the whole program.

        It is not taken from `getrusage`, which begins with the memory of the program that started this one.
        """
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        status = dict(line.split(":", 1) for line in lines)
        peak_mb = int(status["VmHWM"].split()[0]) / 1024
        print(json.dumps({**self.told, "peak_mb": peak_mb, **more}))


sys.addaudithook(_stay_here)
