"""Programs that tests start keep no test waiting, whatever they do."""

from __future__ import annotations

import ast
import sys

import pytest

from children import child, run

from .sources import CHECKOUT, python_files, shown, tree_of

pytestmark = pytest.mark.slow


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_what_fills_both_pipes_ends() -> None:
    done = run(python("import sys\nfor n in range(20_000): print(n); print(n, file=sys.stderr)"))
    assert (0, 20_000, 20_000) == (done.returncode, done.stdout.count("\n"), done.stderr.count("\n"))


def test_one_that_hangs_is_ended_and_what_it_wrote_is_told() -> None:
    program = "import threading\nprint('so far\\nbegun', flush=True)\nthreading.Event().wait(600)"
    with child(python(program)) as running:
        assert "begun\n" == running.line(1)
        with pytest.raises(AssertionError, match=r"(?s)still running after 0\.01 s.*so far"):
            running.ends(0.01)
        with pytest.raises(AssertionError, match=r"(?s)line 2 wasn't printed.*so far"):
            running.line(2, 0.01)
    assert -9 == running.process.returncode


def test_a_line_that_never_comes_is_not_waited_for() -> None:
    with (
        child(python("raise SystemExit('broken')")) as running,
        pytest.raises(AssertionError, match="broken"),
    ):
        running.line()


def test_what_it_started_ends_with_it() -> None:
    program = "import os, time\nif os.fork(): print(os.getpid(), flush=True)\ntime.sleep(600)"
    with child(python(program)) as running:
        running.line()
    assert "" == running.said  # its own child held the pipe, and both readers came to the end
    assert not any(reader.is_alive() for reader in running._readers)


def test_tests_start_programs_by_what_bounds_their_waits() -> None:
    """The three that may start one themselves are tested to end it."""
    tests = CHECKOUT / "tests"
    themselves = {tests / "children.py", tests / "real" / "processes.py", tests / "docs" / "blocks.py"}
    found = [
        shown(path, node)
        for path in python_files(tests)
        if path not in themselves
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")}
        | {"os.system", "os.popen"}
    ]
    assert [] == found
