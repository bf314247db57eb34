"""A small scoring service, as one might find it: a model behind HTTP, and nothing else.

POST /predict takes {"column": [values …]} and answers {"late": [true, false …], "score": [...]}.
"""

from __future__ import annotations

import argparse
import json
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

LATE_FROM = 0.5


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model: Any

    def do_GET(self) -> None:
        """Say that the service is up."""
        self._answer({"status": "up"})

    def do_POST(self) -> None:
        """Score a table."""
        table = pd.DataFrame(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        score = self.model.predict_proba(table)[:, 1]
        self._answer({"late": (score >= LATE_FROM).tolist(), "score": score.tolist()})

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No line per request."""


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    Handler.model = joblib.load(options.model)
    server = HTTPServer(("127.0.0.1", options.port), Handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
