"""Where Alertmanager's notifications arrive."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 60.0


class Notice(NamedTuple):
    """One alert of one notification.

    Attributes:
        receiver: The last part of the address that it came to.
        status: ``firing`` or ``resolved``.
    """

    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Webhook:
    """Remembers what came, in order.

    Attributes:
        notices: Every alert of every notification.
        groups: What the alerts of each notification have in common, as Alertmanager groups them.
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.groups: list[dict[str, str]] = []
        self.url = ""

    def take(self, path: str, content: dict[str, Any]) -> None:
        """Remember the alerts of a notification."""
        self.groups.append(content["groupLabels"])
        self.notices += [
            Notice(path.rpartition("/")[2], alert["status"], alert["labels"], alert["annotations"])
            for alert in content["alerts"]
        ]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver of notifications on a free port of this machine."""
    held = Webhook()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.take(self.path, json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: what came is remembered."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield held
    finally:
        server.shutdown()
        serving.join(PATIENCE_S)
        server.server_close()
