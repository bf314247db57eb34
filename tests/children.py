"""Programs that tests start: each output has one reader, every wait an end, and nobody outlives its test."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# Far above what anything takes, and below the limit of a test, so that what was printed is told.
WAIT_S = 240.0
REAP_S = 60.0


class Child:
    """A program that runs.

    Attributes:
        process: Its handle; nobody else reads from its pipes.
        lines: What it printed so far.
        errors: What it wrote to its standard error so far.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._printed = threading.Condition()
        self._prints = True
        self._readers = [
            threading.Thread(target=self._gather, args=(stream, into), daemon=True)
            for stream, into in ((process.stdout, self.lines), (process.stderr, self.errors))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def _gather(self, stream: IO[str], into: list[str]) -> None:
        """Read as it comes: a pipe that is full stops the process."""
        with stream:
            for line in stream:
                with self._printed:
                    into.append(line)
                    self._printed.notify_all()
        with self._printed:
            self._prints = self._prints and into is not self.lines
            self._printed.notify_all()

    def line(self, place: int = 0, timeout_s: float = WAIT_S) -> str:
        """Wait for a line that it prints, counted from 0.

        Raises:
            AssertionError: It ended before, or the time is over; the message holds what it wrote.
        """
        with self._printed:
            self._printed.wait_for(lambda: len(self.lines) > place or not self._prints, timeout_s)
            if len(self.lines) > place:
                return self.lines[place]
        if not self._prints:  # it is over, and what it said last shall be told
            self._join()
        raise AssertionError(f"line {place} wasn't printed\n{self.told()}")

    def ends(self, timeout_s: float = WAIT_S) -> int:
        """Wait for its end and for all that it wrote; its exit code.

        Raises:
            AssertionError: The time is over; the message holds what it wrote.
        """
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s:g} s\n{self.told()}") from None
        self._join()
        return status

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(REAP_S)  # a child of it may hold the pipe for longer

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return "".join(self.lines)

    @property
    def said(self) -> str:
        """Everything it wrote to its standard error so far."""
        return "".join(self.errors)

    def told(self) -> str:
        """What a failure shows of it."""
        return f"status {self.process.returncode}\n{self.output}\n{self.said}"

    def kill(self) -> None:
        """End it, and whatever it started in its group, without a word."""
        if self.process.returncode is None:  # not reaped, so the number is still its own
            os.killpg(self.process.pid, signal.SIGKILL)
        self.ends(REAP_S)


@contextmanager
def child(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Child]:
    """Start a program, which ends at the latest when the context does.

    Args:
        command: The program and its arguments.
        environ: All of its environment; this process's own if absent.
        folder: Where it runs; here if absent.
    """
    running = Child(
        subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    )
    try:
        yield running
    finally:
        running.kill()


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout_s: float = WAIT_S,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; as `subprocess.run`, but a failure tells what was written until then."""
    with child(command, environ=environ, folder=folder) as running:
        status = running.ends(timeout_s)
        return subprocess.CompletedProcess(list(map(str, command)), status, running.output, running.said)
