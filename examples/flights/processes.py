"""The demo's other processes: started with a log file each, and stopped by their id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAMS = Path(sys.executable).parent
# One thread a process: three of them share two cores.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def program(name: str) -> str:
    """Path of a program that is installed beside this Python."""
    return str(PROGRAMS / name)


def free_port(wanted: int) -> int:
    """`wanted` where it is free on the loopback interface, any free one otherwise."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


def run(command: Sequence[str], log: Path) -> str:
    """Run a program to its end and return what it printed; stops the demo where it failed."""
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def started(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, stdin: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the block ends."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            env={**os.environ, **ONE_THREAD, **(environment or {})},
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            text=True,
            start_new_session=True,  # Ctrl-C is the demo's to handle
        )
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[str], patience_s: float = 20) -> int:
    """Ask a process to end, and end it where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def wait_for_port(process: subprocess.Popen[str], port: int, log: Path, patience_s: float = 60) -> None:
    """Wait until a process listens; stops the demo where it ends first."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on 127.0.0.1:{port}:\n{log.read_text()[-2000:]}")


def tell(pipe: IO[str] | None, line: str) -> None:
    """Write a line to a process."""
    if pipe is not None:
        pipe.write(line + "\n")
        pipe.flush()
