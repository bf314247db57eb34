"""A real program as a child: on ports that were free, ready when it listens, gone when the test is."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

START_S = 120.0
STOP_S = 60.0
ASK_EVERY_S = 0.02
LAST_LINES = 40
CHOSEN_FROM = 20_000, 32_000


class NotStarted(Exception):
    """A program ended, or didn't listen in time; the message holds the end of its log."""


class PortTaken(NotStarted):
    """Somebody took a port between choosing and starting; with other ports it may work."""


class Process:
    """A program that runs.

    Attributes:
        log: What it writes to its outputs.
        ports: Names to ports.
    """

    def __init__(
        self, child: subprocess.Popen[bytes], log: Path, ports: Mapping[str, int], *, begins: int = 0
    ) -> None:
        self._child = child
        self.log = log
        self.ports = ports
        self._begins = begins

    def endpoint(self, name: str) -> str:
        """``host:port`` of a named port."""
        return f"127.0.0.1:{self.ports[name]}"

    def said(self) -> str:
        """Everything it wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def status(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def stop(self) -> int:
        """Ask it to end, as an orchestrator would; returns its exit code."""
        if self.status is None:
            self._child.terminate()
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"still running {STOP_S:g} s after SIGTERM\n{tail(self.log)}") from None
        return self._child.returncode

    def kill(self) -> None:
        """End it without a word, as a crash would."""
        self._child.kill()
        self._child.wait(STOP_S)

    def wait_until_it_listens(self, ports: Iterable[int], timeout_s: float = START_S) -> None:
        """Return once all ports take connections.

        Raises:
            NotStarted: It ended, or the time is over.
        """
        for port in ports:
            self._wait(lambda port=port: _listens(port), f"port {port}", timeout_s)  # type: ignore[misc]

    def wait_until_it_says(self, words: str, timeout_s: float = START_S) -> None:
        """Return once the words are in what it wrote, whatever earlier ones wrote to the same log.

        Raises:
            NotStarted: It ended, or the time is over.
        """
        self._wait(lambda: words.encode() in self.log.read_bytes()[self._begins :], repr(words), timeout_s)

    def _wait(self, ready: Callable[[], bool], awaited: str, timeout_s: float) -> None:
        turns = int(timeout_s / ASK_EVERY_S)
        while not ready():
            turns -= 1
            try:
                self._child.wait(ASK_EVERY_S)
            except subprocess.TimeoutExpired:
                if turns > 0:
                    continue
                raise NotStarted(f"no {awaited} after {timeout_s:g} s\n{tail(self.log)}") from None
            taken = "address already in use" in self.said()
            raise (PortTaken if taken else NotStarted)(
                f"ended with status {self._child.returncode} before it was ready\n{tail(self.log)}"
            )


def free_ports(*names: str) -> dict[str, int]:
    """As many different ports that nobody listens on right now.

    They lie below those that connections are given by the system: a port that a restart comes back to
    must not become somebody's own end in the meantime.
    """
    chance = random.SystemRandom()
    with ExitStack() as held:
        found: dict[str, int] = {}
        while len(found) < len(names):
            asking = held.enter_context(socket.socket())
            port = chance.randrange(*CHOSEN_FROM)
            with suppress(OSError):
                asking.bind(("127.0.0.1", port))
                found[names[len(found)]] = port
        return found


@contextmanager
def process(
    command: Sequence[str | Path],
    *,
    log: Path,
    ports: Mapping[str, int] | None = None,
    environ: Mapping[str, str] | None = None,
    waits_for: Iterable[str] | None = None,
    says: str | None = None,
) -> Iterator[Process]:
    """Start a program; it ends when the context does, and when this process dies.

    Start it in the thread that runs the test: its life is tied to that thread's.

    Args:
        command: The program and its arguments.
        log: Where its outputs go; appended to, so that a restart keeps what was said before.
        ports: Ports it was told to listen on, by name.
        environ: Variables beside those of this process.
        waits_for: Names of the ports that have to listen before the context begins; all of them if absent.
        says: Words that it writes when it is ready, where listening isn't enough.

    Raises:
        NotStarted: It ended, or didn't listen in time.
    """
    ports = dict(ports or {})
    with log.open("ab") as output:
        begins = output.tell()
        child = subprocess.Popen(
            [*_tied_to_us(), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
        )
    running = Process(child, log, ports, begins=begins)
    try:
        running.wait_until_it_listens(ports[name] for name in (ports if waits_for is None else waits_for))
        if says is not None:
            running.wait_until_it_says(says)
        yield running
    finally:
        if running.status is None:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                running.kill()


def tail(log: Path, lines: int = LAST_LINES) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _tied_to_us() -> list[str]:
    """A wrapper by which Linux ends the child when we die, however that happens."""
    wrapper = shutil.which("setpriv")
    return [wrapper, "--pdeathsig", "KILL", "--"] if wrapper else []


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(1.0)
        return asking.connect_ex(("127.0.0.1", port)) == 0
