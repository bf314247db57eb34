"""What holds for every test: strict mode, nobody's environment, no network but loopback."""

from __future__ import annotations

import faulthandler
import ipaddress
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from real import programs

if TYPE_CHECKING:
    from collections.abc import Sequence

# Before barograph is imported: what the instrumentation swallows in production fails a test. And
# what a shell exports for telemetry of its own, for the way out of its network (gRPC goes it even to this
# machine) or for its screen must not steer tests; only the folder of the real programs is for tests.
for _name in list(os.environ):
    _is_ours = _name.startswith(("OTEL_", "BAROGRAPH_")) and _name != programs.VARIABLE
    if _is_ours or _name.lower().endswith("_proxy") or _name in {"COLUMNS", "FORCE_COLOR", "NO_COLOR"}:
        del os.environ[_name]
os.environ["BAROGRAPH_STRICT"] = "1"

import emission  # noqa: E402  # after the environment is set

# A verdict on a change is the same however often it is asked for, so continuous integration draws the
# same examples each time; a developer's runs go on searching, and print what reproduces a failure.
# Deadlines and speed checks are off: two shared cores say nothing about single examples.
settings.register_profile(
    "barograph",
    deadline=None,
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("barograph")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: connections and name look-ups that leave the machine are refused.

    Libraries that don't use Python's sockets (gRPC) aren't seen.
    """
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            raise RuntimeError(f"a test wanted to connect to {address[0]}; tests stay on loopback")
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        text = host.decode() if isinstance(host, bytes) else str(host or "localhost")
        if text not in {"::", "0.0.0.0"} and not _is_loopback(text):
            raise RuntimeError(f"a test wanted to look up {text}; tests stay on loopback")


sys.addaudithook(_refuse_network)


_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Put the law about names last, and tell it whether everything runs."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    programs.leave_out(items)
    session.config.stash[emission.IS_WHOLE] = _is_whole(session.config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Listen to everything that is encoded from here on."""
    session.config.stash[_LEFT_OUT] = programs.left_out(session.items)
    if not session.config.option.collectonly:
        emission.listen()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what wasn't shown for want of real programs."""
    left_out = terminalreporter.config.stash.get(_LEFT_OUT, None)
    if left_out:
        terminalreporter.section("real programs", yellow=True, bold=True)
        for line in programs.report(left_out):
            terminalreporter.line(line, yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Threads that never end show where they are, and end with the run instead of hanging it."""
    faulthandler.dump_traceback_later(180, exit=True, file=2)


def _is_whole(config: pytest.Config) -> bool:
    options = config.option
    chosen: Sequence[object] = (
        options.keyword,
        getattr(options, "lf", False),
        getattr(options, "failedfirst", False) and options.lf,
        options.deselect,
        options.ignore,
        options.markexpr not in {"", "not slow"},
        options.maxfail == 1,
    )
    return not any(chosen) and config.args == config.getini("testpaths")
