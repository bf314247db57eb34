"""A real Alertmanager with a configuration of the test's, or the one that we ship.

with alertmanager(tmp_path, config) as running, prometheus(…, alertmanagers=[running.endpoint]):
…
"""

from __future__ import annotations

import json
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .processes import free_ports, process
from .programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .processes import Process

ANSWER_S = 60.0
LONG_AGO = "2000-01-01T00:00:01Z"


class Alertmanager:
    """An Alertmanager that runs."""

    def __init__(self, running: Process) -> None:
        self.said = running.said
        self.endpoint = running.endpoint("web")

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds, each with ``labels`` and ``status``."""
        with urllib.request.urlopen(self._url, timeout=ANSWER_S) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def tell(self, alerts: Sequence[dict[str, str]], *, ended: bool = False) -> None:
        """Hand over alerts, given by their labels, as Prometheus does.

        Args:
            alerts: Their labels.
            ended: They are over.
        """
        until = {"endsAt": LONG_AGO} if ended else {}
        body = json.dumps([{"labels": labels, **until} for labels in alerts]).encode()
        asking = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asking, timeout=ANSWER_S):
            pass

    @property
    def _url(self) -> str:
        return f"http://{self.endpoint}/api/v2/alerts"


@contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[Alertmanager]:
    """Run an Alertmanager of its own, without a cluster, for as long as the context lasts.

    Args:
        folder: Where its log and data are kept.
        config: Its configuration.

    Raises:
        NotStarted: It refused the configuration, or didn't listen in time.
    """
    folder.mkdir(exist_ok=True)
    ports = free_ports("web")
    command: list[str | Path] = [
        program("alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{ports['web']}",
        "--cluster.listen-address=",
    ]
    with process(command, log=folder / "alertmanager.log", ports=ports) as running:
        yield Alertmanager(running)
