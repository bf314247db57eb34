"""A fork never meets a background thread halfway through an import."""

from __future__ import annotations

import sys
import textwrap
import threading

import pytest

import children
from barograph import forking


@pytest.mark.slow
def test_a_child_can_import_what_its_parent_was_importing() -> None:
    # The module takes a while to import, in a thread; the fork comes in the midst of it.
    program = """
        import os, pathlib, sys, tempfile, threading
        from barograph.forking import GATE

        folder = tempfile.mkdtemp()
        code = "import builtins; builtins.begun.set(); builtins.go.wait(1)"
        pathlib.Path(folder, "slow_to_import.py").write_text(code)
        sys.path.insert(0, folder)
        import builtins
        builtins.begun, builtins.go = threading.Event(), threading.Event()

        def load():
            with GATE:
                import slow_to_import

        threading.Thread(target=load).start()
        builtins.begun.wait()
        child = os.fork()
        import slow_to_import
        if child:
            print(os.waitpid(child, 0)[1])
    """
    done = children.run([sys.executable, "-c", textwrap.dedent(program)])
    assert (0, "0\n") == (done.returncode, done.stdout), done.stderr


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_PATIENCE_S", 0.0)
    gate = forking.Gate()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with gate:
            held.set()
            assert done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    gate.shut()
    gate.reopen()  # lets nobody's hold go
    done.set()
    thread.join(60)
    gate.shut()
    gate.reopen()
    assert gate._lock.acquire(timeout=0)
