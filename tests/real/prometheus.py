"""A real Prometheus that scrapes what a test names, and takes remote write and OTLP.

with prometheus(tmp_path, scrape={"ours": "127.0.0.1:9464"}) as running:
assert running.query('ml_window_observations{job="ours"}')
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from .processes import free_ports, process
from .programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .processes import Process

ANSWER_S = 60.0
# It listens before it has opened its storage, and answers 503 until then.
READY = "Server is ready to receive web requests"


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, running: Process) -> None:
        self.said = running.said
        self.endpoint = running.endpoint("web")
        self.url = f"http://{self.endpoint}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series that an expression gives now, each with ``metric`` and ``value``."""
        found: list[dict[str, Any]] = self._ask("query", query=expression)["result"]
        return found

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """Exemplars of the series of an expression, each with ``labels`` and ``value``."""
        series: list[dict[str, Any]] = self._ask("query_exemplars", query=expression, start="0", end="9e9")
        return [exemplar for each in series for exemplar in each["exemplars"]]

    def alertmanagers(self) -> list[dict[str, str]]:
        """Those that it tells of alerts: it finds those it was given some seconds after its start."""
        found: list[dict[str, str]] = self._ask("alertmanagers")["activeAlertmanagers"]
        return found

    def _ask(self, what: str, **arguments: str) -> Any:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return json.loads(answer.read())["data"]


@contextmanager
def prometheus(
    folder: Path,
    *,
    scrape: Mapping[str, str] | None = None,
    rules: Sequence[Path] = (),
    alertmanagers: Sequence[str] = (),
    every_s: int = 1,
) -> Iterator[Prometheus]:
    """Run a Prometheus for as long as the context lasts.

    Args:
        folder: Where its log, data and configuration are kept.
        scrape: Names of jobs to the addresses that they scrape.
        rules: Files of rules, evaluated as often as they say.
        alertmanagers: Addresses of those who are told of alerts; they take an alert for over that isn't
            repeated within a minute.
        every_s: How often is scraped; what doesn't answer within that time is taken for gone.

    Raises:
        NotStarted: It refused the configuration, or didn't listen in time.
    """
    folder.mkdir(exist_ok=True)
    jobs = [
        {"job_name": name, "static_configs": [{"targets": [address]}]}
        for name, address in (scrape or {}).items()
    ]
    config = folder / "prometheus.yaml"
    timing = {"scrape_interval": f"{every_s}s", "scrape_timeout": f"{every_s}s"}
    told = [{"static_configs": [{"targets": [address]}]} for address in alertmanagers]
    content = {
        "global": timing,
        "scrape_configs": jobs,
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": told},
    }
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    ports = free_ports("web")
    command: list[str | Path] = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{ports['web']}",
        "--web.enable-otlp-receiver",
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
        "--rules.alert.resend-delay=15s",  # and what wasn't repeated for four times as long is over
    ]
    with process(command, log=folder / "prometheus.log", ports=ports, says=READY) as running:
        yield Prometheus(running)
